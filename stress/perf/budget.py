# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a record may cost: instructions of the product's own code, compared with budget.json.

    budget.py --build build/release [--record] [WORKLOAD...]

Runs perf_budget, a producer in the simulator, under callgrind with N and with 2 N records, and
divides the difference by N. What counts is code of actors/, protocol/ and runtime/, and of the
libraries they call; the simulator, the broker with all that it calls, and the driver do not. Status
1 when a workload is off its budget by more than 5 %, and 77 when the budget was recorded with
another compiler or preset.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys

sys.dont_write_bytecode = True

import callgrind
import running

RECORDED = pathlib.Path(__file__).resolve().with_name('budget.json')
RECORDS = {'no-key': 50_000, 'keyed': 50_000, '1KB': 50_000, 'topics': 100_000,
           'partitions': 100_000, 'one-at-a-time': 2_000}
COUNTED = ('actors/', 'protocol/', 'runtime/')
SIMULATOR = 'runtime/sim'
BROKER = 'cluster_run' # every activation of the embedded broker
LIBRARIES = 'libraries'
# libc copies with what every processor has, because there may be others than where it was recorded.
SAME_COPIES = 'glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM'
TOLERANCE = 0.05
LEAST_SHARE = 0.002 # of a workload's cost: smaller functions are not recorded one by one
GROWN_SHOWN = 5
SKIPPED = 77


def is_counted(file):
    return file.startswith(COUNTED) and not file.startswith(SIMULATOR)


def is_library(file):
    return not (callgrind.ROOT / file).is_file()


def named(function, file):
    """How a function is recorded: without what the compiler appends to a part or a clone."""
    return f'{file}: {function.split(".")[0]}' if is_counted(file) else f'{LIBRARIES}: {function}'


def functions_of(costs):
    """What counts, by function. A library's function has what it took for callers that count."""
    found = {}

    def add(key, file, cost):
        name = named(key[0], file)
        found[name] = found.get(name, 0) + cost

    places = {file: callgrind.place(file) if file else '' for _, file in costs.inclusive}
    for key, cost in costs.self_cost.items():
        if is_counted(places[key[1]]):
            add(key, places[key[1]], cost)
    for (caller, called), cost in costs.calls.items():
        file, called_file = places[caller[1]], places[called[1]]
        if is_counted(file) and is_library(called_file):
            add(called, called_file, cost)
        elif is_library(file) and is_counted(called_file):
            add(caller, file, -cost) # called back: counted by itself
    return found


def broker_left_out(costs, total):
    seen = sum(cost for (_, file), cost in costs.self_cost.items()
               if callgrind.place(file).startswith('broker/'))
    if seen > total / 1000:
        sys.exit(f'budget: {seen:.0f} instructions a record in broker/ outside of {BROKER}: does '
                 'the embedded broker run in another function now?')


def outcome(build, workload, records):
    """What the program says of itself and of its records, run as it is."""
    words = [build / 'stress/perf/perf_budget', workload, records]
    return json.loads(running.output_of(list(map(str, words))))


def measure(build, workload):
    """The workload's entry in budget.json, as it is now."""
    folder = build / 'budget' / workload
    folder.mkdir(parents=True, exist_ok=True)
    program, records = build / 'stress/perf/perf_budget', RECORDS[workload]
    costs = callgrind.difference(*(
        callgrind.measure([program, workload, count], folder, count,
                          f'--toggle-collect={BROKER}', '--collect-atstart=yes')
        for count in (records, 2 * records)), records)
    functions = functions_of(costs)
    total = sum(functions.values())
    broker_left_out(costs, total)
    folders = dict.fromkeys((*(name.rstrip('/') for name in COUNTED), LIBRARIES), 0)
    for name, cost in functions.items():
        folders[name.replace(':', '/').split('/')[0]] += cost
    kept = sorted(name for name, cost in functions.items() if cost >= LEAST_SHARE * total)
    made = outcome(build, workload, 2 * records)
    return {'instructions': round(total, 1),
            'records_per_batch': round(made['records'] / made['batches'], 1),
            'folders': {name: round(cost, 1) for name, cost in folders.items()},
            'functions': {name: round(functions[name], 1) for name in kept}}


def grown(was, now):
    """The functions whose cost grew most: (name, before, now)."""
    rows = [(name, was['functions'].get(name, 0), cost) for name, cost in now['functions'].items()]
    rows = [row for row in rows if row[2] > row[1]]
    return sorted(rows, key=lambda row: row[1] - row[2])[:GROWN_SHOWN]


def complaint(workload, was, now):
    """Lines that say what is wrong; none when the workload keeps to its budget."""
    command = f'./run budget --record {workload}'
    if was is None:
        return [f'{workload} is not recorded; record it: {command}']
    ratio = now['instructions'] / was['instructions']
    if abs(ratio - 1) <= TOLERANCE:
        return []
    first = (f'{workload}: {now["instructions"]:,.1f} instructions a record, '
             f'{abs(ratio - 1):.1%} {"above" if ratio > 1 else "below"} the recorded '
             f'{was["instructions"]:,.1f}')
    if ratio < 1:
        return [f'{first}; record anew: {command}']
    return [f'{first}; these grew most:',
            *(f'  {cost - before:+9.1f}  {before:9.1f} -> {cost:9.1f}  {name}'
              for name, before, cost in grown(was, now)),
            f'If it must cost that, record anew, in the same commit: {command}']


def row(workload, was, now):
    folders = ', '.join(f'{name} {cost:,.1f}' for name, cost in now['folders'].items())
    change = f' ({now["instructions"] / was["instructions"] - 1:+.1%})' if was else ''
    return f'{workload:14} {now["instructions"]:9,.1f}{change}  {folders}'


def skip(why):
    print(f'budget: skipped: {why}')
    sys.exit(SKIPPED)


def read_recorded(here, recording):
    """The entries of budget.json, if they hold for this compiler and preset."""
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if all(recorded.get(name) == here[name] for name in here):
        return recorded['workloads']
    if not recording:
        skip(f'recorded with {recorded.get("compiler")}, preset {recorded.get("preset")}; this is '
             f'{here["compiler"]}, preset {here["preset"]}')
    return {} # what different compilers make is not mixed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default='build/release')
    parser.add_argument('--record', action='store_true', help='write budget.json anew')
    parser.add_argument('workloads', nargs='*', metavar='WORKLOAD', help=', '.join(RECORDS))
    arguments = parser.parse_args()
    build, chosen = arguments.build.resolve(), arguments.workloads or list(RECORDS)
    if set(chosen) - set(RECORDS):
        parser.error(f'there are: {", ".join(RECORDS)}')
    if not shutil.which('valgrind'):
        skip('valgrind is not there')
    os.environ['GLIBC_TUNABLES'] = SAME_COPIES
    here = {'compiler': outcome(build, chosen[0], 1)['compiler'], 'preset': build.name}
    known, complaints = read_recorded(here, arguments.record), []
    for workload in chosen:
        now = measure(build, workload)
        print(row(workload, known.get(workload), now), flush=True)
        if arguments.record:
            known[workload] = now
        else:
            complaints += complaint(workload, known.get(workload), now)
    if arguments.record:
        RECORDED.write_text(json.dumps(here | {'workloads': known}, indent=1) + '\n')
    print(*complaints, sep='\n', end='\n' if complaints else '')
    sys.exit(1 if complaints else 0)


if __name__ == '__main__':
    main()
