# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what callgrind wrote: instructions by function, self and inclusive, and by source line.

Source of the format: valgrind's manual, "Callgrind Format Specification"; files are written with
--compress-strings=no --compress-pos=no, so that every name and line number is spelled out.
"""
import collections
import os
import re

NO_SYMBOL = re.compile(r'0x[0-9a-f]+$')


class Costs:
    """Instructions: `self_cost` and `inclusive` by (function, file), `lines` by (file, line)."""

    def __init__(self):
        self.self_cost = collections.Counter()
        self.inclusive = collections.Counter()
        self.lines = collections.Counter()

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
            if not is_call or called != function: # else a recursion: counted already
                costs.inclusive[function] += cost
            is_call = False
    return costs


def difference(small, large, records):
    """What each of the `records` cost that the larger run had more, start-up left out."""
    made = Costs()
    for name in ('self_cost', 'inclusive', 'lines'):
        one, other = getattr(small, name), getattr(large, name)
        getattr(made, name).update({key: (other[key] - one[key]) / records
                                    for key in one.keys() | other.keys()})
    return made
