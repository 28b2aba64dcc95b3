# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a record's instructions and time go.

    profile.py --build build/release [--records N] [--out FOLDER] WORKLOAD

Runs a workload of workloads.py through Sluice under callgrind, with N and with 2 N records, and
divides the difference by N: start-up and warm-up are not in it. Then, where perf works, samples a
runs of full length: functions, and the stages of a record's way. Prints one page and writes it to
FOLDER.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

import callgrind
import running
import stages
import workloads
from callgrind import ROOT, place

KINDS = ('throughput', 'payload', 'latency', 'threads', 'known')
LEAST_SHARE = 0.01
LINES_SHOWN = 10
RECORDS_MAX = 100_000 # under callgrind: some fifty times slower
PERF_EVENT = 'cpu-clock'


def owner(file):
    where = place(file)
    if not (ROOT / where).is_file() or where == '':
        return 'libraries of the system'
    return 'the benchmark program' if where.startswith('stress/') else 'Sluice'


def instructions(build, workload, records, folder):
    """Runs it under callgrind."""
    sink = running.Sink(build, workload)
    words = running.command(build, 'sluice', workload._replace(records=records), sink.bootstrap)
    costs = callgrind.measure(words, folder, records, '--fair-sched=try')
    sink.close()
    return costs


def function_rows(costs):
    total = costs.total()
    # Whoever has much in his name by calling others is on the page, too.
    names = [name for name in costs.inclusive if costs.inclusive[name] >= LEAST_SHARE * total]
    for name in sorted(names, key=lambda one: -costs.self_cost[one]):
        own = costs.self_cost[name]
        yield (f'| {own:,.1f} | {own / total:.1%} | {costs.inclusive[name]:,.1f} | `{name[0]}` | '
               f'{place(name[1])} |')


def line_rows(costs):
    total = costs.total()
    ours = [key for key in costs.lines if owner(key[0]) == 'Sluice']
    for file, number in sorted(ours, key=lambda key: -costs.lines[key])[:LINES_SHOWN]:
        cost = costs.lines[file, number]
        text = (ROOT / place(file)).read_text(encoding='utf-8').splitlines()[number - 1].strip()
        yield (f'| {cost:,.1f} | {cost / total:.1%} | {place(file)}:{number} | '
               f'`{text.replace("|", chr(92) + "|")}` |')


def owner_rows(costs):
    shares = {}
    for (_, file), cost in costs.self_cost.items():
        shares[owner(file)] = shares.get(owner(file), 0) + cost
    for name, cost in sorted(shares.items(), key=lambda pair: -pair[1]):
        yield f'| {cost:,.1f} | {cost / costs.total():.1%} | {name} |'


def samples(build, workload, folder):
    """What perf saw, as text; nothing where it is not there or may not be used."""
    if not shutil.which('perf'):
        return []
    sink = running.Sink(build, workload)
    data = folder / 'perf.data'
    recorded = subprocess.run(
        ['perf', 'record', '-q', '-e', PERF_EVENT, '-F', '4999', '-o', data, '--',
         *running.command(build, 'sluice', workload, sink.bootstrap)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    sink.close()
    if recorded.returncode != 0:
        return []
    report = subprocess.run(['perf', 'report', '-i', data, '--stdio', '-q', '--no-children',
                             '--percent-limit', '1', '--sort', 'dso,symbol'],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            check=False).stdout
    return ['', f'## Time: perf, {PERF_EVENT}, {workload.records:,} records, start-up included',
            '', '```', *(line.rstrip(' -') for line in report.splitlines() if line.strip()), '```']


def page(workload, records, costs, sampled):
    return '\n'.join([
        f'# {workload.name}: {costs.total():,.0f} instructions a record', '',
        f'callgrind, {2 * records:,} less {records:,} records; the kernel is not counted.', '',
        '| instructions | share | of |', '|---:|---:|---|', *owner_rows(costs), '',
        '## Functions: self, and with all they call', '',
        '| self | share | inclusive | function | file |', '|---:|---:|---:|---|---|',
        *function_rows(costs), '', '## The most expensive lines of Sluice', '',
        '| instructions | share | place | line |', '|---:|---:|---|---|', *line_rows(costs),
        *sampled]) + '\n'


def main():
    known = [one for group in workloads.groups() for one in group if one.kind in KINDS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='workloads:\n' + '\n'.join(f'  {one.id:22} {one.name}' for one in known))
    parser.add_argument('--build', type=pathlib.Path, default='build/release')
    parser.add_argument('--out', type=pathlib.Path, default='build/profile')
    parser.add_argument('--records', type=int, help='of the smaller run under callgrind')
    parser.add_argument('workload', metavar='WORKLOAD', choices=[one.id for one in known])
    arguments = parser.parse_args()
    workload = next(one for one in known if one.id == arguments.workload)
    records = arguments.records or min(RECORDS_MAX, workload.records // 6)
    build, folder = arguments.build.resolve(), arguments.out / workload.id
    folder.mkdir(parents=True, exist_ok=True)
    small, large = (instructions(build, workload, count, folder)
                    for count in (records, 2 * records))
    costs = callgrind.difference(small, large, records)
    text = page(workload, records, costs,
                stages.rows(build, workload, folder) + samples(build, workload, folder))
    (folder / 'profile.md').write_text(text)
    print(text)
    print(f'written to {folder}/profile.md', file=sys.stderr)


if __name__ == '__main__':
    main()
