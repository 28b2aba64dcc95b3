# SPDX-License-Identifier: LGPL-2.1-or-later
"""One table for each kind of workload: a title, what it shows, its columns, and a row's cells."""
from cells import NOTHING, both, cpu, median, millions, percentiles, ratio, to_base


def throughput(entry):
    return [*both(cpu, entry), cpu(entry, 'floor'), ratio(entry, 'cpu_ns_per_record'),
            *both(millions, entry), millions(entry, 'floor'),
            ratio(entry, 'records_per_second'),
            *both(median, entry, 'records_per_batch'), *both(median, entry, 'sink_busy_percent'),
            *both(median, entry, 'maxrss_kb', scale=1024)]


def payload(entry):
    return [*both(cpu, entry), cpu(entry, 'floor'), ratio(entry, 'cpu_ns_per_record'),
            *both(millions, entry), millions(entry, 'floor'),
            ratio(entry, 'records_per_second'),
            *both(median, entry, 'batch_bytes_per_record'),
            *both(median, entry, 'records_per_batch'),
            *both(median, entry, 'maxrss_kb', scale=1024)]


def one_at_a_time(entry):
    return [*both(percentiles, entry), percentiles(entry, 'floor'), ratio(entry, 'p50_us'),
            ratio(entry, 'p50_us', 'floor'), *both(cpu, entry)]


def load(entry):
    schedule = median(entry, 'sluice', 'schedule_per_second', 2, 1e6)
    latencies = [*both(percentiles, entry),
                 *(ratio(entry, name) for name in ('p50_us', 'p99_us', 'p999_us'))]
    if schedule == NOTHING: # the buffer's size decides how long records wait
        latencies = [NOTHING] * len(latencies)
    return [schedule, *both(millions, entry), *latencies, *both(cpu, entry)]


def threads(entry):
    return [*both(millions, entry), ratio(entry, 'records_per_second'),
            *both(to_base, entry, 'records_per_second'), *both(cpu, entry),
            ratio(entry, 'cpu_ns_per_record'), *both(to_base, entry, 'cpu_ns_per_record')]


def memory(entry):
    return [*both(median, entry, 'maxrss_kb', scale=1024),
            *both(median, entry, 'memory_to_buffer', digits=2),
            *both(median, entry, 'memory_bytes_per_record'), ratio(entry, 'memory_to_buffer'),
            ratio(entry, 'memory_bytes_per_record')]


def idle(entry):
    return [*both(median, entry, 'idle_cpu_us_per_second'),
            ratio(entry, 'idle_cpu_us_per_second'),
            *both(median, entry, 'wakeups_per_second', digits=1), *both(median, entry, 'threads'),
            *both(median, entry, 'maxrss_kb', scale=1024)]


def known(entry):
    return [*both(cpu, entry), ratio(entry, 'cpu_ns_per_record'),
            *both(to_base, entry, 'cpu_ns_per_record'), *both(millions, entry),
            *both(median, entry, 'maxrss_kb', scale=1024)]


# kind: title, text, columns, cells. S is Sluice, R is librdkafka, F is the floor.
TABLES = {
    'throughput': (
        'Throughput', 'CPU in ns a record, rates in million records a second, memory (peak) in '
        'MiB; *sink busy* is how much of its one thread the sink used.',
        ['S CPU', 'R CPU', 'F CPU', 'CPU, S to R', 'S rate', 'R rate', 'F rate', 'rate, S to R',
         'S records a batch', 'R records a batch', 'sink busy under S, %', 'under R, %',
         'S memory', 'R memory'], throughput),
    'payload': (
        'Realistic payloads', 'Lines of JSON from one seed, the same for all programs. Gzip at '
        "zlib's own level (6) for both. *Sent* is bytes of batches a record, as the sink got them.",
        ['S CPU', 'R CPU', 'F CPU', 'CPU, S to R', 'S rate', 'R rate', 'F rate', 'rate, S to R',
         'S sent', 'R sent', 'S records a batch', 'R records a batch', 'S memory', 'R memory'],
        payload),
    'latency': (
        'One record at a time', 'µs from produce to report: p50, p99, p99.9. The floor is one '
        'thread on a blocking socket, in the same rounds.',
        ['S', 'R', 'F', 'p50, S to R', 'p50, S to F', 'S CPU, ns', 'R CPU, ns'], one_at_a_time),
    'load': (
        'Latency under load', 'Records are produced by a fixed schedule; latency is counted from '
        'the moment of the schedule to the report, so that what waits because the producer is slow '
        'counts: µs, p50, p99, p99.9. The rate of the schedule, in million records a second, is '
        "librdkafka's rate in the first row, measured in the same round. The CPU holds that of the "
        'program itself, which wakes up every 0.1 ms.',
        ['schedule', 'S rate', 'R rate', 'S', 'R', 'p50, S to R', 'p99, S to R', 'p99.9, S to R',
         'S CPU, ns', 'R CPU, ns'], load),
    'threads': (
        'Application threads', '100 B; keyed over 64 partitions, or all records to one partition. '
        'Rates in million records a second.',
        ['S rate', 'R rate', 'rate, S to R', 'S rate to one thread', 'R rate to one thread',
         'S CPU, ns', 'R CPU, ns', 'CPU, S to R', 'S CPU to one thread', 'R CPU to one thread'],
        threads),
    'memory': (
        'Memory of a full buffer', 'The brokers keep their answers back; keyed records of 100 B '
        'are produced until no more is taken. Peak memory of the process in MiB, as a multiple of '
        'the buffer (`buffer.memory`, `queue.buffering.max.kbytes`), and in bytes for each record '
        'that was taken: librdkafka counts only keys and values, Sluice all that a record needs.',
        ['S peak', 'R peak', 'S to buffer', 'R to buffer', 'S bytes a record', 'R bytes a record',
         'peak, S to R', 'bytes a record, S to R'], memory),
    'idle': (
        'An idle producer', 'CPU in µs a second, context switches a second, threads of the '
        'library, peak memory in MiB.',
        ['S CPU', 'R CPU', 'CPU, S to R', 'S switches', 'R switches', 'S threads', 'R threads',
         'S memory', 'R memory'], idle),
    'known': (
        'Known partitions', 'The same records to the same ten partitions, in a cluster of few or '
        'many that the producer knows. CPU in ns a record.',
        ['S CPU', 'R CPU', 'CPU, S to R', 'S to 10 known', 'R to 10 known', 'S rate, million/s',
         'R rate', 'S memory, MiB', 'R memory'], known),
}
