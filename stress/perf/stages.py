# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the processor time of a run went into, by stage of a record's way, from perf's samples."""
import collections
import json
import re
import shutil
import subprocess

import running
from callgrind import place

EVENT = 'cpu-clock'
FREQUENCY = '4999'
CORE = 'libsluice'
LEAST_NS = 0.5

# What the kernel was asked for: the first of these that a sample's callers have.
KERNEL = (
    ('exc_page_fault', 'kernel: pages touched for the first time'),
    ('____sys_sendmsg', 'kernel: sending'),
    ('__sys_recvfrom', 'kernel: receiving'),
    ('futex', 'kernel: waiting and waking'),
    ('eventfd', 'kernel: waiting and waking'),
    ('do_epoll', 'kernel: waiting and waking'),
    ('sys_membarrier', 'kernel: fences for the hot side'),
    ('schedule', 'kernel: waiting and waking'))
KERNEL_REST = 'kernel: interrupts and the rest'
FOLDERS = {
    'actors/producer': 'caller: admission and encoding',
    'actors/input': 'caller: admission and encoding',
    'actors/topic': 'topic actor', 'actors/partition': 'partition actor',
    'actors/batch': 'batches: made, sealed, freed', 'actors/leader': 'leader actor',
    'actors/share': 'leader actor', 'actors/aggregator': 'aggregator actor',
    'actors/flusher': 'flusher actor and connection', 'actors/link': 'flusher actor and connection',
    'actors/report': 'reports', 'protocol': 'protocol: requests, answers, sums joined',
    'runtime': 'runtime: lanes, activation, pool, timers'}
SYMBOLS = {'kafka_murmur2': "caller: the key's hash", 'system_wall_ms': 'caller: clock',
           'kafka_crc32c': 'checksum', 'batch_append': 'partition actor'}
SHARED = {'take': 'reports'} # names that more than one folder has
MEMORY = re.compile(r'malloc|free|calloc|memalign|unlink_chunk|arena|tcache')
COPIES = re.compile(r'memmove|memcpy|memset')


def folders(library):
    """Where each function of the library is from; not told where a name is used twice."""
    found = collections.defaultdict(set)
    listed = subprocess.run(['nm', '-l', '--defined-only', library], stdout=subprocess.PIPE,
                            text=True, check=True).stdout
    for line in listed.splitlines():
        match = re.match(r'\S+ [tT] (\S+)\t(.+):\d+$', line)
        if match:
            where = place(match.group(2))
            found[match.group(1).split('.')[0]].add(where.rpartition('/')[0])
    return found


def stage(thread, frames, known):
    """Of one sample, its innermost function first."""
    symbol, library = frames[0]
    symbol = symbol.split('.')[0]
    if 'kernel' in library:
        callers = ' '.join(name for name, _ in frames)
        return next((name for key, name in KERNEL if key in callers), KERNEL_REST)
    if symbol in SYMBOLS:
        return SYMBOLS[symbol]
    if CORE in library:
        names = {FOLDERS.get(one, FOLDERS.get(one.partition('/')[0], one))
                 for one in known.get(symbol, ())}
        return names.pop() if len(names) == 1 else SHARED.get(symbol, 'unknown')
    if 'vdso' in library or symbol.startswith('clock_gettime'):
        return 'caller: clock'
    if COPIES.search(symbol):
        return 'caller: copy' if thread.startswith('sluice_bench') else 'partition actor: copy'
    if MEMORY.search(symbol):
        return 'malloc and free'
    if 'isal' in library:
        return 'checksum'
    return 'the benchmark program' if 'sluice_bench' in library else 'other libraries'


def stacks(text):
    for block in text.split('\n\n'):
        lines = block.strip('\n').splitlines()
        frames = [match.groups() for match in
                  (re.match(r'\s+[0-9a-f]+ (.+) \((.*)\)$', line) for line in lines[1:]) if match]
        if frames:
            yield lines[0].strip(), frames


def rows(build, workload, folder):
    """Lines of a table, in ns of processor time a record; none where perf is not there."""
    if not shutil.which('perf'):
        return []
    sink = running.Sink(build, workload)
    data = folder / 'stages.data'
    words = running.command(build, 'sluice', workload, sink.bootstrap)
    recorded = subprocess.run(['perf', 'record', '-q', '-g', '-e', EVENT, '-F', FREQUENCY, '-o',
                               data, '--', *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
    sink.close()
    if recorded.returncode != 0:
        return []
    script = subprocess.run(['perf', 'script', '-i', data, '-F', 'comm,ip,sym,dso'],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            check=False).stdout
    known = folders(build / 'libsluice.so')
    counted = collections.Counter(stage(thread, frames, known)
                                  for thread, frames in stacks(script))
    each = json.loads(recorded.stdout)['cpu_ns_per_record'] / max(1, sum(counted.values()))
    shown = [(count * each, name) for name, count in counted.most_common()
             if count * each >= LEAST_NS]
    rest = sum(counted.values()) * each - sum(cost for cost, _ in shown)
    return ['', f'## Time by stage: ns of processor time a record, {workload.records:,} records',
            '', '| ns | of |', '|---:|---|',
            *(f'| {cost:.1f} | {name} |' for cost, name in shown), f'| {rest:.1f} | less each |']
