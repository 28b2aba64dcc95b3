# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a program under callgrind and reads what it wrote: instructions by function, self and
inclusive, by source line, and by call.

Source of the format: valgrind's manual, "Callgrind Format Specification"; files are written with
--compress-strings=no --compress-pos=no, so that every name and line number is spelled out.
"""
import collections
import os
import pathlib
import re

import running

ROOT = pathlib.Path(__file__).resolve().parents[2]
NO_SYMBOL = re.compile(r'0x[0-9a-f]+$')


def place(file):
    """A path as it is in the tree; outside of it, its name. The tree's paths go through the build
    directory, and those of objects from a compiler cache through that of another tree."""
    inside = file.rpartition('/../../')[2] if '/build/' in file else ''
    path = pathlib.Path(os.path.normpath(file))
    if inside and (ROOT / inside).exists():
        return inside
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


class Costs:
    """Instructions: `self_cost` and `inclusive` by (function, file), `lines` by (file, line), and
    `calls`, inclusive, by (caller, called)."""

    def __init__(self):
        self.self_cost = collections.Counter()
        self.inclusive = collections.Counter()
        self.lines = collections.Counter()
        self.calls = collections.Counter()

    def total(self):
        return sum(self.self_cost.values())


def function_key(name, file, object_file):
    """A library without symbols is one function."""
    if NO_SYMBOL.match(name) or name == '???':
        return f'({os.path.basename(object_file)}, no symbols)', ''
    return name.split("'")[0], file # 'n: the depth of a recursion


def read(lines):
    costs = Costs()
    object_file = function_file = file = function = ''
    called, called_file, called_object, is_call = '', None, None, False
    for line in lines:
        kind, _, value = line.rstrip('\n').partition('=')
        if kind == 'ob':
            object_file = value
        elif kind in ('fl', 'fi', 'fe'): # fi, fe: lines of another file, inlined
            file = value
            function_file = value if kind == 'fl' else function_file
        elif kind == 'fn':
            function = function_key(value, function_file, object_file)
        elif kind == 'cob':
            called_object = value
        elif kind in ('cfi', 'cfl'):
            called_file = value
        elif kind == 'cfn':
            called = function_key(value, called_file or function_file,
                                  called_object or object_file)
            called_file = called_object = None
        elif kind == 'calls':
            is_call = True
        elif line[:1].isdigit():
            at, cost = map(int, line.split()[:2])
            if not is_call:
                costs.self_cost[function] += cost
                costs.lines[file, at] += cost
            else:
                costs.calls[function, called] += cost
            if not is_call or called != function: # else a recursion: counted already
                costs.inclusive[function] += cost
            is_call = False
    return costs


def measure(words, folder, records, *options):
    """Runs a program, `records` of them in its words, and leaves callgrind's file in a folder."""
    written = folder / f'callgrind.{records}'
    running.output_of(['valgrind', '--quiet', '--tool=callgrind', '--compress-strings=no',
                       '--compress-pos=no', '--dump-line=yes', *options,
                       f'--callgrind-out-file={written}', f'--log-file={folder}/valgrind.txt',
                       *map(str, words)])
    with open(written, encoding='utf-8') as lines:
        return read(lines)


def difference(small, large, records):
    """What each of the `records` cost that the larger run had more, start-up left out."""
    made = Costs()
    for name in ('self_cost', 'inclusive', 'lines', 'calls'):
        one, other = getattr(small, name), getattr(large, name)
        getattr(made, name).update({key: (other[key] - one[key]) / records
                                    for key in one.keys() | other.keys()})
    return made
