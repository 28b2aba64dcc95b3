# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sluice beside librdkafka and the floor: the same workloads, in turn, against the same brokers.

    bench.py --build build/release [--quick] [--runs N] [--only TEXT] [--out FOLDER]

Every round runs each program once, so that what the machine does meanwhile hits all alike; ratios
are taken within a round. Prints the tables, and writes results.json, results.svg and results.md.
"""
import argparse
import datetime
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True

import machine
import page
import plot
import running
import workloads


def arguments_read():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default='build/release')
    parser.add_argument('--quick', action='store_true', help='a tenth of the records')
    parser.add_argument('--runs', type=int, help='rounds: 5, with --quick 3')
    parser.add_argument('--only', default='', metavar='TEXT',
                        help='workloads whose name or id contains this')
    parser.add_argument('--out', type=pathlib.Path, required=True)
    parser.add_argument('--readme', type=pathlib.Path, help='put the short table there, too')
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (3 if arguments.quick else 5)
    return parser, arguments


def measure_all(arguments, groups):
    entries = []
    for group in groups:
        print(f'\n{group[-1].name} ', end='', file=sys.stderr, flush=True)
        rows = [workloads.quick(one) for one in group] if arguments.quick else group
        entries += running.measure(arguments.build.resolve(), rows, arguments.runs)
    print(file=sys.stderr)
    return entries


def main():
    parser, arguments = arguments_read()
    groups = list(workloads.chosen(arguments.only))
    if not groups:
        ids = ', '.join(one.id for group in workloads.groups() for one in group)
        parser.error(f'no workload has "{arguments.only}" in its name or id; ids: {ids}')
    load = os.getloadavg()[0]
    results = {'date': datetime.date.today().isoformat(), 'machine': machine.describe(),
               'load': load, 'runs': arguments.runs, 'workloads': measure_all(arguments, groups)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    (arguments.out / 'results.svg').write_text(plot.chart(results))
    (arguments.out / 'results.md').write_text(page.page(results))
    if arguments.readme:
        page.publish_in(arguments.readme, results)
    print(page.page(results))


if __name__ == '__main__':
    main()
