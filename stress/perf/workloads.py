# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured: rows of `groups()`.

The workloads of a group are measured in the same rounds. The first is its base: the others' figures
are also given as ratios to it, and a `share` is a part of librdkafka's rate in it.
"""
import collections

DEFAULTS = ('linger.ms=5',)
IDEMPOTENT = ('linger.ms=5', 'enable.idempotence=true', 'acks=all',
              'max.in.flight.requests.per.connection=5')
BOTH = ('sluice', 'librdkafka')
ALL = ('sluice', 'librdkafka', 'floor')
QUICK_DIVISOR = 10
LOAD_SECONDS = 2
IDLE_SECONDS = 5
JSON_BYTES = '100-2048'

Workload = collections.namedtuple(
    'Workload', 'id name kind flags records options programs partitions brokers delay_ms share',
    defaults=(1, DEFAULTS, BOTH, 4, 1, 0, 0))


def regular(regime, options):
    for size, records in ((100, 3_000_000), (1024, 600_000)):
        for keyed in (False, True):
            words = ('--size', size, *(('--keyed',) if keyed else ()))
            key = 'keyed' if keyed else 'nokey'
            yield Workload(f'{size}-{key}' + ('-idempotent' if options == IDEMPOTENT else ''),
                           f'{size} B, {"keyed" if keyed else "no key"}; {regime}', 'throughput',
                           words, records, options, ALL)


def shapes():
    yield Workload('topics', '100 B, keyed, 100 topics x 4 partitions', 'throughput',
                   ('--keyed', '--topics', 100), 2_000_000, programs=ALL)
    yield Workload('partitions', '100 B, keyed, 1 x 1000 partitions', 'throughput', ('--keyed',),
                   2_000_000, programs=ALL, partitions=1000)
    yield Workload('brokers', '100 B, keyed, 10 x 1000 partitions, 3 brokers', 'throughput',
                   ('--keyed', '--topics', 10), 400_000, partitions=1000, brokers=3)


def payloads():
    yield Workload('json', f'JSON lines of {JSON_BYTES} B, no key', 'payload',
                   ('--json', JSON_BYTES), 600_000, programs=ALL)
    yield Workload('gzip', 'JSON lines of 250-350 B, no key, gzip', 'payload',
                   ('--json', '250-350'), 120_000, (*DEFAULTS, 'compression.type=gzip'))


def one_at_a_time():
    yield Workload('one', 'one at a time, 100 B; no linger', 'latency', ('--latency',), 10_000,
                   ('linger.ms=0',), ALL)


def load():
    yield Workload('load-best', '100 B, no key, as fast as possible', 'load', (), 2_000_000)
    for share, name in ((1, "at librdkafka's best rate"), (0.5, 'at half of it')):
        yield Workload(f'load-{round(100 * share)}', name, 'load', (), share=share)


def threads(name, words, partitions):
    for count in (1, 2, 4, 8):
        yield Workload(f'threads-{name}-{count}',
                       f'{count} thread{"s" if count > 1 else ""}, {name} partition'
                       f'{"s" if partitions > 1 else ""}', 'threads',
                       ('--threads', count, *words), 1_500_000, partitions=partitions)


def memory():
    for megabytes, partitions in ((8, 4), (32, 4), (128, 4), (32, 1000)):
        options = (*DEFAULTS, f'queue.buffering.max.kbytes={megabytes << 10}',
                   'queue.buffering.max.messages=0')
        yield Workload(f'memory-{megabytes}-{partitions}',
                       f'{megabytes} MiB, {partitions:,} partitions', 'memory',
                       ('--fill', '--keyed'), megabytes << 20, options, partitions=partitions,
                       delay_ms=500)


def idle():
    for brokers in (1, 100):
        yield Workload(f'idle-{brokers}', f'{brokers} broker{"s" if brokers > 1 else ""}, each '
                       'written to once', 'idle', ('--busy', brokers, '--idle', IDLE_SECONDS),
                       partitions=brokers, brokers=brokers)


def known():
    yield Workload('known-10', '10 partitions, all busy', 'known', ('--busy', 10), 400_000,
                   partitions=10)
    yield Workload('known-100000', '100,000 partitions known, 10 of them busy', 'known',
                   ('--busy', 10, '--topics', 100), 400_000, partitions=1000)


def groups():
    rows = [*regular('defaults', DEFAULTS),
            *regular('idempotent, acks=all, 5 in flight', IDEMPOTENT), *shapes(), *payloads(),
            *one_at_a_time()]
    return [*([row] for row in rows), list(load()), list(threads('many', ('--keyed',), 64)),
            list(threads('one', ('--busy', 1), 1)), *([row] for row in memory()),
            *([row] for row in idle()), list(known())]


def matches(workload, words):
    return words in workload.name or words in workload.id


def chosen(words):
    """Groups, with only the workloads whose name or id contains this, and their group's base."""
    for group in groups():
        rest = [one for one in group[1:] if matches(one, words)]
        if rest or matches(group[0], words):
            yield [group[0], *rest]


def quick(workload):
    """A tenth of the records, and a second of idleness."""
    flags = [1 if word == IDLE_SECONDS else word for word in workload.flags]
    if workload.kind == 'memory':
        return workload
    return workload._replace(flags=flags, records=max(1, workload.records // QUICK_DIVISOR))
