# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text to produce and what comes back, byte for byte."""
import collections
import pathlib
import random

Record = collections.namedtuple('Record', 'partition offset timestamp key value headers')
ROOT = pathlib.Path(__file__).resolve().parents[2]


def real_text():
    """The repository's own C sources and pages, one after the other: real lines, real lengths."""
    folders = ('include', 'runtime', 'protocol', 'actors', 'broker', 'tests')
    files = [file for folder in folders for file in (ROOT / folder).rglob('*')
             if file.suffix in ('.h', '.c', '.md', '.java', '.py') and file.is_file()]
    return b''.join(file.read_bytes() for file in sorted(files))


def nasty_text():
    """What a line can be: empty, long, not UTF-8, with NUL; and no newline at the end."""
    noise = random.Random(5).randbytes(200_000).replace(b'\n', b'')
    lines = [b'', b'', b'\0', b'a\0b', b'\xff\xfe\x80', b'\r', b'tab\tand\r', b' ', noise,
             b'x' * 900_000, b'', b'the end without newline']
    return b'\n'.join(lines)


def lines_of(text):
    """As `sluice produce` cuts them: a newline at the very end begins no further line."""
    lines = text.split(b'\n')
    return lines[:-1] if lines[-1] == b'' else lines


def read(path):
    """The records of a file that java/Dump.java wrote."""
    records = []
    with open(path, 'rb') as file:
        while line := file.readline():
            *place, key_size, value_size, header_count = map(int, line.split())
            key, value = read_pair(file, key_size, value_size)
            headers = [read_pair(file, *map(int, file.readline().split()))
                       for _ in range(header_count)]
            records.append(Record(*place, key, value, headers))
    return records


def read_pair(file, first_size, second_size):
    pair = tuple(file.read(size) if size >= 0 else None for size in (first_size, second_size))
    file.read(1)
    return pair


def first_difference(wanted, seen):
    """Where two lists of lines part, in words; None when they are equal."""
    for number, (one, other) in enumerate(zip(wanted, seen)):
        if one != other:
            return f'line {number}: expected {one[:80]!r}, seen {(other or b"null")[:80]!r}'
    if len(wanted) != len(seen):
        return f'expected {len(wanted)} lines, seen {len(seen)}'
    return None
