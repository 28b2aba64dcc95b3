# SPDX-License-Identifier: LGPL-2.1-or-later
"""The runtime beside CAF, and single building blocks: ns of CPU per operation.

    micro.py --build build/release [--quick] [--runs N] [--only TEXT] --out FOLDER

Every round runs each row once through each program, in turn, so that what the machine does
meanwhile hits all alike; ratios are taken within a round. Prints a table, and writes micro.json and
micro.md.
"""
import argparse
import collections
import datetime
import json
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'perf'))

import machine
from cells import range_of
from running import spread

# `aims`: at most so much with two workers and with one; None where only a figure is wanted.
Row = collections.namedtuple('Row', 'name words aims')
ROWS = (
    Row('fan-in', 'fan-in, 4 actors to 1, a notification for each message', (24, 14)),
    Row('fan-in-once', 'the same, one notification for all of an activation', None),
    Row('fan-in-rings', 'the same as the first, through rings', None),
    Row('ping-pong', 'ping-pong, each hop', (40, 25)),
    Row('pipeline', 'pipeline, all 4 hops, a notification for each message', (50, 32)),
    Row('pipeline-once', 'the same, one notification for all of an activation', None),
    Row('pipeline-rings', 'the same as the first, through rings', None),
    Row('crowd', '100,000 actors, random receivers', (160, 160)),
    Row('start-end', 'start and end an actor', (180, 110)),
    Row('runs', 'runs of 64, fan-in, each contained message', (2.5, 1)),
    Row('threads', '4 application threads to 1 actor', None),
)
IDLE = Row('idle', 'bytes of an idle actor', (512, 512))
BLOCKS = {
    'lane-unbounded': 'unbounded lane: push and take',
    'lane-spsc': 'ring of one writer: push and take',
    'lane-mpsc': 'ring of several writers: push and take',
    'lane-run': 'run of 64 words in the unbounded lane: write, push, take, read; each word',
    'again': 'activation: an actor that answers RT_AGAIN, to its next run',
    'notify-local': 'activation: notification of an idle actor by one of the same worker, to its '
                    'run',
    'notify-awake': 'activation: notification from another thread to an awake worker, run, and '
                    'back; the notifier looks all the while',
    'wake-sender': 'the same, worker asleep: on the notifier (futex or eventfd)',
    'wake-worker': 'the same, worker asleep: on the worker, to its next sleep',
    'timer-later': 'timer: move it later',
    'timer-cancel': 'timer: cancel',
    'timer-place': 'timer: arm earlier, into its place in the wheel; one activation for 8',
    'timer-expire': 'timer: arm, place, expire, find the mark; 16,000 within 100 ms, wake-ups of '
                    'the worker included',
    'budget-take': 'budget: take 192 B from credit, fetching and a give each 128 included',
    'budget-give': 'budget: give back',
    'encode': 'record of 100 B: encode its body',
    'append': 'record of 100 B: append its body to a batch',
    'crc32c-1k': 'CRC-32C of 1 KiB',
    'crc32c-16k': 'CRC-32C of 16 KiB, each KiB',
    'murmur2-8': 'murmur2 of 8 B',
    'murmur2-100': 'murmur2 of 100 B',
    'metadata': 'metadata: the leader of a partition in the published snapshot',
}
WORKERS = (2, 1)
PROGRAMS = ('ours', 'caf')
QUICK_DIVISOR = 10
TIMEOUT_S = 120


def run(*words):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, timeout=TIMEOUT_S,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(f'micro: status {done.returncode} of {" ".join(map(str, words))}')
    return done.stdout


class Programs:
    def __init__(self, folder, divisor):
        self.folder = folder
        self.divisor = divisor
        self.files = {'ours': folder / 'micro_runtime', 'caf': folder / 'micro_caf'}
        self.names = {program: set(run(file).split()) for program, file in self.files.items()}

    def one(self, program, name, workers):
        return json.loads(run(self.files[program], name, workers, self.divisor))

    def blocks(self):
        return json.loads(run(self.folder / 'micro_blocks', self.divisor))


def measure(programs, row, workers, round_number):
    """One round of a row: a figure for each program that has it, not always in the same order."""
    order = PROGRAMS if round_number % 2 == 0 else PROGRAMS[::-1]
    return {program: programs.one(program, row.name, workers) for program in order
            if row.name in programs.names[program]}


def entry_of(row, workers, rounds):
    key = 'bytes' if row is IDLE else 'cpu_ns'
    entry = {'name': row.name, 'what': row.words, 'workers': workers,
             'aim': row.aims[WORKERS.index(workers)] if row.aims else None}
    for program in rounds[0]:
        entry[program] = spread([one[program][key] for one in rounds])
    if 'caf' in rounds[0]:
        entry['ours_to_caf'] = spread([one['ours'][key] / one['caf'][key] for one in rounds])
    return entry


def rounds_of(programs, run_count, only):
    rows = [row for row in (*ROWS, IDLE) if only in row.name]
    seen = {(row.name, workers): [] for row in rows for workers in WORKERS}
    blocks = []
    for number in range(run_count):
        for row in rows:
            for workers in WORKERS if row is not IDLE else WORKERS[:1]:
                seen[row.name, workers].append(measure(programs, row, workers, number))
        if only == '':
            blocks.append(programs.blocks())
        print('.', end='', file=sys.stderr, flush=True)
    print(file=sys.stderr)
    entries = [entry_of(row, workers, seen[row.name, workers])
               for row in rows for workers in WORKERS if seen[row.name, workers]]
    found = {name: spread([one[name] for one in blocks]) for name in (blocks[0] if blocks else ())}
    return entries, found


def runtime_row(entry):
    ours = entry['ours']
    digits = 0 if entry['name'] == IDLE.name else 1
    aim = '–' if entry['aim'] is None else f'{entry["aim"]:g}'
    if entry['aim'] is not None and ours['median'] > entry['aim']:
        aim += ', not met'
    return '| ' + ' | '.join([
        entry['what'], '–' if entry['name'] == IDLE.name else str(entry['workers']),
        range_of(ours, digits), range_of(entry.get('caf'), digits),
        range_of(entry.get('ours_to_caf'), 3), aim]) + ' |'


def table(results):
    """The results as a page in Markdown."""
    lines = ['# The runtime beside CAF, and building blocks', '',
             f'Made by `./run micro`; do not edit. {results["runs"]} rounds in turn; '
             'min / median / max. Ns of CPU (user and system, the whole process) for each '
             'operation.', '',
             machine.line(results['machine'], results['date'], 'CAF'),
             *machine.busy_note(results['load']), '',
             'What the nanoseconds are made of: [runtime-cost.md](../decisions/runtime-cost.md). '
             'How it is measured: [stress/micro](../../stress/micro/README.md).', '',
             '## The runtime, messages of one word', '',
             '| | workers | ours | CAF | ours to CAF | aim, at most |', '|---|' + '---:|' * 5,
             *map(runtime_row, results['runtime']), '']
    if results['blocks']:
        lines += ['## Building blocks', '', '| | ns |', '|---|---:|',
                  *(f'| {BLOCKS[name]} | {range_of(found, 1)} |'
                    for name, found in results['blocks'].items()), '']
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default='build/release')
    parser.add_argument('--quick', action='store_true', help='a tenth of the messages')
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--only', default='', help='rows whose name contains this, no blocks')
    parser.add_argument('--out', type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    programs = Programs(arguments.build.resolve() / 'stress/micro',
                        QUICK_DIVISOR if arguments.quick else 1)
    entries, blocks = rounds_of(programs, arguments.runs, arguments.only)
    results = {'date': datetime.date.today().isoformat(),
               'machine': machine.describe('CAF', 'libcaf-dev'),
               'load': load, 'runs': arguments.runs, 'runtime': entries, 'blocks': blocks}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / 'micro.json').write_text(json.dumps(results, indent=1) + '\n')
    (arguments.out / 'micro.md').write_text(table(results))
    print(table(results))


if __name__ == '__main__':
    main()
