# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sluice beside librdkafka and the floor: the same workloads, in turn, against the same broker.

    bench.py --build build/release [--quick] [--runs N] [--only TEXT] [--out FOLDER]

Every round runs each program once, so that what the machine does meanwhile hits all alike; ratios
are taken within a round. Prints a table, and writes results.json, results.svg and results.md.
"""
import argparse
import collections
import datetime
import json
import os
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True

import plot

Workload = collections.namedtuple('Workload', 'name flags options records')
DEFAULTS = ['linger.ms=5']
IDEMPOTENT = ['linger.ms=5', 'enable.idempotence=true', 'acks=all',
              'max.in.flight.requests.per.connection=5']
PARTITIONS = 4
QUICK_DIVISOR = 10
TIMEOUT_S = 120
BUSY_LOAD = 1.0
PROGRAMS = ('sluice', 'librdkafka', 'floor')


def workloads():
    for regime, options in (('defaults', DEFAULTS), ('idempotent, acks=all, 5 in flight',
                                                     IDEMPOTENT)):
        for size, records in ((100, 3_000_000), (1024, 600_000)):
            for keyed in (False, True):
                flags = ['--size', str(size), *(['--keyed'] if keyed else [])]
                name = f'{size} B, {"keyed" if keyed else "no key"}; {regime}'
                yield Workload(name, flags, options, records)
    yield Workload('one at a time, 100 B; defaults, no linger', ['--size', '100', '--latency'],
                   ['linger.ms=0'], 10_000)


def command(build, program, workload, bootstrap, records):
    start = {'sluice': [build / 'sluice', 'bench'],
             'librdkafka': [build / 'stress/perf/rdkafka_bench'],
             'floor': [build / 'stress/perf/perf_floor', '--partitions', str(PARTITIONS)]}[program]
    options = [] if program == 'floor' else [word for option in workload.options
                                             for word in ('-X', option)]
    # A shell between us and the program: peak memory as the kernel counts it survives exec, and so
    # would begin with that of Python.
    return ['sh', '-c', '"$@"; exit $?', 'sh', *map(str, start), '-b', bootstrap, '--topics', '1',
            '--records', str(records), *workload.flags, *options, '--json']


class Sink:
    """The broker to produce to; it ends when our end of its standard input is closed."""

    def __init__(self, build):
        self.process = subprocess.Popen([build / 'stress/perf/perf_sink', str(PARTITIONS)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.process.stdout.readline().strip()
        if not self.bootstrap:
            sys.exit('bench: the broker did not start')

    def cpu_ns(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) * 1_000_000_000 // os.sysconf('SC_CLK_TCK')

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_once(build, program, workload, sink, records):
    words = command(build, program, workload, sink.bootstrap, records)
    before_ns = sink.cpu_ns()
    with subprocess.Popen(words, stdout=subprocess.PIPE, process_group=0, text=True) as running:
        try:
            output, _ = running.communicate(timeout=TIMEOUT_S)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    if running.returncode != 0:
        sys.exit(f'bench: status {running.returncode} of {" ".join(words[4:])}')
    result = json.loads(output)
    result['sink_cpu_ns_per_record'] = (sink.cpu_ns() - before_ns) / records
    return result


def spread(values):
    return {'min': min(values), 'median': statistics.median(values), 'max': max(values)}


def summary(runs, key):
    values = [run[key] for run in runs if run.get(key) is not None]
    return spread(values) if values else None


def ratios(rounds, key, other='librdkafka'):
    """Sluice's figure over the other's, within each round."""
    values = [one['sluice'][key] / one[other][key] for one in rounds
              if one['sluice'].get(key) and one[other].get(key)]
    return spread(values) if values else None


def measure(build, workload, sink, run_count, divisor, programs):
    rounds = []
    records = workload.records // divisor
    for number in range(run_count):
        # Whoever runs first in a round is not always the same.
        order = programs[number % len(programs):] + programs[:number % len(programs)]
        rounds.append({program: run_once(build, program, workload, sink, records)
                       for program in order})
        print('.', end='', file=sys.stderr, flush=True)
    keys = sorted({key for one in rounds for result in one.values() for key in result})
    entry = {'workload': workload.name, 'latency': '--latency' in workload.flags,
             'options': workload.options, 'records': records,
             'programs': {program: {key: summary([one[program] for one in rounds], key)
                                    for key in keys} for program in programs}}
    if 'sluice' in programs:
        entry['sluice_to_librdkafka'] = {key: ratios(rounds, key) for key in keys}
        entry['sluice_to_floor'] = {key: ratios(rounds, key, 'floor') for key in keys}
    return entry


def machine():
    cpu = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())
    version = re.match(r'\d+\.\d+', platform.release())
    packages = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', 'librdkafka1'],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return {'cpu': cpu.group(1) if cpu else platform.machine(), 'cores': os.cpu_count(),
            'kernel': f'{platform.system()} {version.group()}',
            'memory_gib': round(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30),
            'librdkafka': packages or 'unknown'}


def busy_note(load):
    """Nothing on a quiet machine: what else runs makes every figure worse, the rates most."""
    if load < BUSY_LOAD:
        return []
    return ['', f'**The machine was busy with other work (load {load:.1f} before the first round): '
            'rates and latencies are worth little, ratios somewhat more. Run it again.**']


def figure(spread_or_none, digits=0):
    return '–' if spread_or_none is None else f'{spread_or_none["median"]:,.{digits}f}'


def ratio_text(spread_or_none):
    if spread_or_none is None:
        return '–'
    return ' / '.join(f'{spread_or_none[part]:.2f}' for part in ('min', 'median', 'max'))


def table(results):
    """The results as a page in Markdown."""
    described = results['machine']
    lines = ['# Sluice, librdkafka and the floor', '',
             'Made by `./run bench`; do not edit. Medians of '
             f'{results["runs"]} rounds, each program once a round, against the same embedded '
             f'broker in discard mode, one topic of {PARTITIONS} partitions, on loopback.', '',
             f'Machine: {described["cpu"]}, {described["cores"]} cores, '
             f'{described["memory_gib"]} GiB, {described["kernel"]}; librdkafka '
             f'{described["librdkafka"]}; {results["date"]}.', *busy_note(results['load']), '',
             '*CPU* is user and system time of the producing process, in ns per record. *Floor* '
             'is a loop that encodes straight into a batch, checksums and sends it. *Ratio* is '
             'Sluice to librdkafka, min / median / max of the rounds: below 1 is less CPU. '
             '*Sink* is the broker\'s own CPU per record under Sluice; the floor\'s rate shows how '
             'much the broker can take.', '', '## Throughput', '',
             '| workload | Sluice CPU | librdkafka CPU | floor CPU | ratio | Sluice records/s | '
             'librdkafka records/s | floor records/s | Sluice peak memory, KiB | '
             'librdkafka peak memory, KiB | sink CPU |', '|---|' + '---:|' * 10]
    for entry in results['workloads']:
        if not entry['latency']:
            lines.append(throughput_row(entry))
    lines += ['', '## One record at a time: µs from produce to report', '',
              '| workload | p50, p99, p99.9: Sluice | librdkafka | floor | '
              'ratio of p50 to librdkafka | Sluice CPU | librdkafka CPU |', '|---|' + '---:|' * 6]
    for entry in results['workloads']:
        if entry['latency']:
            lines.append(latency_row(entry))
    return '\n'.join(lines) + '\n'


def throughput_row(entry):
    def cells(key, *programs):
        return [figure(entry['programs'].get(program, {}).get(key)) for program in programs]
    three = ('sluice', 'librdkafka', 'floor')
    ratio = ratio_text(entry.get('sluice_to_librdkafka', {}).get('cpu_ns_per_record'))
    return '| ' + ' | '.join([entry['workload'], *cells('cpu_ns_per_record', *three), ratio,
                              *cells('records_per_second', *three),
                              *cells('maxrss_kb', *three[:2]),
                              *cells('sink_cpu_ns_per_record', 'sluice')]) + ' |'


def latency_row(entry):
    def percentiles(program):
        found = entry['programs'].get(program, {})
        return ', '.join(figure(found.get(key)) for key in ('p50_us', 'p99_us', 'p999_us'))
    return '| ' + ' | '.join([
        entry['workload'], *map(percentiles, PROGRAMS),
        ratio_text(entry.get('sluice_to_librdkafka', {}).get('p50_us')),
        *(figure(entry['programs'].get(program, {}).get('cpu_ns_per_record'))
          for program in PROGRAMS[:2])]) + ' |'


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default='build/release')
    parser.add_argument('--quick', action='store_true', help='a tenth of the records')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--only', default='', help='workloads whose name contains this')
    parser.add_argument('--out', type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    load = os.getloadavg()[0]
    sink = Sink(build)
    chosen = [one for one in workloads() if arguments.only in one.name]
    entries = [measure(build, one, sink, arguments.runs,
                       QUICK_DIVISOR if arguments.quick else 1, PROGRAMS) for one in chosen]
    sink.close()
    print(file=sys.stderr)
    results = {'date': datetime.date.today().isoformat(), 'machine': machine(),
               'load': load, 'runs': arguments.runs, 'partitions': PARTITIONS, 'workloads': entries}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    (arguments.out / 'results.svg').write_text(plot.chart(results))
    (arguments.out / 'results.md').write_text(table(results))
    print(table(results))


if __name__ == '__main__':
    main()
