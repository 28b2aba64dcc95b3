# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the programs of a workload in turn, and brings their figures together."""
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

import workloads

TIMEOUT_S = 120
PROGRAM_FILES = {'sluice': 'sluice_bench', 'librdkafka': 'rdkafka_bench', 'floor': 'perf_floor'}


class Sink:
    """The brokers to produce to; they end when our end of their standard input is closed."""

    def __init__(self, build, workload):
        words = (workload.partitions, workload.brokers, workload.delay_ms)
        self.process = subprocess.Popen([build / 'stress/perf/perf_sink', *map(str, words)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.process.stdout.readline().strip()
        if not self.bootstrap:
            sys.exit('bench: the broker did not start')

    def counters(self):
        """Of all runs so far: what the broker took, and its processor time."""
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        names = ('records', 'batches', 'bytes', 'requests')
        counted = dict(zip(names, map(int, self.process.stdout.readline().split())))
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2]
        ticks = sum(map(int, fields.split()[11:13]))
        return {**counted, 'cpu_ns': ticks * 1_000_000_000 // os.sysconf('SC_CLK_TCK')}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def command(build, program, workload, bootstrap, rate=0):
    """The words that run a program; `rate` is that of the schedule, 0 for none."""
    words = [build / 'stress/perf' / PROGRAM_FILES[program], '-b', bootstrap, *workload.flags]
    if program == 'floor':
        words += ['--floor-partitions', workload.partitions]
    else:
        words += [word for option in workload.options for word in ('-X', option)]
    words += ['--records', workload.records]
    return list(map(str, words + (['--rate', rate] if rate else [])))


def output_of(words):
    # A process group of its own, so that nothing is left when we are stopped.
    with subprocess.Popen(words, stdout=subprocess.PIPE, process_group=0, text=True) as running:
        try:
            output, _ = running.communicate(timeout=TIMEOUT_S)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    if running.returncode != 0:
        sys.exit(f'bench: status {running.returncode} of {" ".join(words)}')
    return output


def run_once(build, program, workload, sink, rate):
    before = sink.counters()
    result = json.loads(output_of(command(build, program, workload, sink.bootstrap, rate)))
    taken = {name: after - before[name] for name, after in sink.counters().items()}
    if 'records_per_second' in result:
        cpu_ns = taken['cpu_ns'] / taken['records']
        result |= {'sink_cpu_ns_per_record': cpu_ns,
                   'sink_busy_percent': cpu_ns * result['records_per_second'] / 1e7,
                   'records_per_batch': taken['records'] / taken['batches'],
                   'batches_per_request': taken['batches'] / taken['requests'],
                   'batch_bytes_per_record': taken['bytes'] / taken['records']}
    if rate:
        result['schedule_per_second'] = rate
    if 'accepted' in result:
        result |= {'memory_to_buffer': result['maxrss_kb'] * 1024 / workload.records,
                   'memory_bytes_per_record': result['maxrss_kb'] * 1024 / result['accepted']}
    return result


def spread(values):
    values = list(values)
    if not values:
        return None
    return {'min': min(values), 'median': statistics.median(values), 'max': max(values)}


def ratios(pairs):
    """The spread of one result over the other, for each figure that both have."""
    names = sorted({name for one, other in pairs for name in one if other.get(name)})
    return {name: spread(one[name] / other[name] for one, other in pairs
                         if one.get(name) and other.get(name)) for name in names}


def entry(workload, base, rounds):
    """What a workload's rounds come to. rounds: [{workload id: {program: {figure: value}}}]"""
    mine = [one[workload.id] for one in rounds]
    names = {program: sorted({name for one in mine for name, value in one[program].items()
                              if value is not None}) for program in workload.programs}
    made = {'id': workload.id, 'workload': workload.name, 'kind': workload.kind,
            'options': workload.options, 'records': workload.records,
            'programs': {program: {name: spread(one[program][name] for one in mine)
                                   for name in names[program]} for program in workload.programs}}
    for other in workload.programs[1:]:
        made[f'sluice_to_{other}'] = ratios([(one['sluice'], one[other]) for one in mine])
    if workload is not base:
        made['to_base'] = {program: ratios([(one[workload.id][program], one[base.id][program])
                                            for one in rounds]) for program in workload.programs}
    return made


def on_schedule(workload, base_result):
    """A workload with a share of librdkafka's rate, for as long as it is to be kept up."""
    rate = round(base_result['librdkafka']['records_per_second'] * workload.share)
    return workload._replace(records=max(1000, round(rate * workloads.LOAD_SECONDS))), rate


def measure(build, group, run_count):
    """The entries of a group. Every round runs each program of each workload once."""
    sinks = {one.id: Sink(build, one) for one in group}
    rounds = []
    for number in range(run_count):
        results = {}
        for workload in group:
            row, rate = workload, 0
            if workload.share:
                row, rate = on_schedule(workload, results[group[0].id])
            # Whoever runs first in a round is not always the same.
            first = number % len(row.programs)
            order = row.programs[first:] + row.programs[:first]
            results[row.id] = {program: run_once(build, program, row, sinks[row.id], rate)
                               for program in order}
            print('.', end='', file=sys.stderr, flush=True)
        rounds.append(results)
    for sink in sinks.values():
        sink.close()
    return [entry(one, group[0], rounds) for one in group]
