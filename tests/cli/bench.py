# SPDX-License-Identifier: LGPL-2.1-or-later
"""`sluice bench`: it measures what it says it does."""
import json
import pathlib
import socket

from harness import Broker, equal, main, sluice

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = {'records_per_second', 'cpu_ns_per_record', 'p50_us', 'p99_us', 'p999_us', 'maxrss_kb'}


def bench(broker, *words):
    result = sluice('bench', '-b', broker.bootstrap, *words, '--json')
    equal(result.status, 0, f'status, with {result.text}')
    figures = json.loads(result.stdout)
    assert KEYS <= set(figures), f'expected {KEYS}, seen {set(figures)}'
    assert figures['p50_us'] <= figures['p99_us'] <= figures['p999_us'], figures
    assert figures['records_per_second'] > 0 and figures['cpu_ns_per_record'] > 0, figures
    return figures


def test_records_of_one_size_go_to_topics_in_turn_after_one_to_warm_up():
    with Broker() as broker:
        figures = bench(broker, '--topics', 3, '--records', 1000, '--size', 50)
        equal(figures['persisted'], 1000, 'persisted')
        for topic, count in (('t0', 335), ('t1', 334), ('t2', 334)):
            values = [record[3] for record in broker.read(topic)]
            equal((len(values), {len(value) for value in values}), (count, {50}), topic)


def test_keys_are_all_different():
    with Broker('--partitions', 4) as broker:
        bench(broker, '--records', 2000, '--size', 10, '--keyed')
        keys = [record[2] for record in broker.read('t0') if record[2] is not None]
        equal((len(keys), len(set(keys))), (2000, 2000), 'keys')


def test_threads_share_the_records():
    with Broker('--discard') as broker:
        equal(bench(broker, '--threads', 3, '--records', 20001)['persisted'], 20001, 'persisted')
        assert broker.stop().startswith('20002 records'), broker.summary


def test_one_at_a_time_is_measured_for_each_record():
    with Broker() as broker:
        figures = bench(broker, '--latency', '--records', 200, '--size', 100)
        equal(figures['persisted'], 200, 'persisted')
        assert figures['p50_us'] > 0, figures


def test_people_get_lines():
    with Broker('--discard') as broker:
        result = sluice('bench', '-b', broker.bootstrap, '--records', 100)
        equal(result.status, 0, result.text)
        assert b'100 persisted' in result.stdout and b'latency' in result.stdout, result.stdout


def test_counters_follow_as_one_line_of_json_with_every_field_that_is_explained():
    with Broker('--partitions', 4) as broker:
        result = sluice('bench', '-b', broker.bootstrap, '--records', 5000, '--json', '--counters',
                        '-X', 'client.id=na\u00efve "bench"\t\\')
    equal(result.status, 0, result.text)
    figures, counters = map(json.loads, result.stdout.splitlines())
    equal(counters['client_id'], 'na\u00efve "bench"\t\\', 'client_id')
    producer, total = counters['producer'], counters['total']
    equal(producer['records_accepted'], 5001, 'accepted, with one to warm up')
    equal(producer['records_persisted'], 5001, 'persisted')
    equal(total['records_sealed'], 5001, 'sealed')
    equal((total['batches_sent'], total['requests_sent']),
          (figures['batches'], figures['requests']), 'sent')
    for name in ('sealed_ns', 'sent_ns', 'acknowledged_ns'):
        check_times(total[name], total['batches_sealed'])
    equal(sum(total['sealed_because'].values()), total['batches_sealed'], 'sealed_because')
    equal([broker['node'] for broker in counters['brokers']], [1], 'nodes')
    equal(counters['brokers'][0]['batches_sent'], total['batches_sent'], 'of the one broker')
    equal(counters['errors'], {'connections': {}, 'attempts': {}, 'records': {}}, 'errors')
    page = (ROOT / 'docs' / 'counters.md').read_text(encoding='utf-8')
    missing = [name for name in names_of(counters) if f'`{name}`' not in page]
    equal(missing, [], 'fields that docs/counters.md does not explain')


def check_times(times, count):
    equal(times['count'], count, 'count')
    equal(sum(bucket[1] for bucket in times['buckets']), count, 'counts of the buckets')
    bounds = [bucket[0] for bucket in times['buckets']]
    equal(bounds, sorted(bounds), 'bounds')
    assert times['p50'] <= times['p90'] <= times['p99'] <= times['p999'] <= times['max'], times
    assert times['max'] <= times['sum'] and times['max'] < bounds[-1], times


def names_of(value):
    """Of all members, however deep."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from names_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from names_of(member)


def test_a_dead_port_ends_with_an_error_that_says_why():
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))  # taken, and nobody listens
        result = sluice('bench', '-b', f'127.0.0.1:{closed.getsockname()[1]}', '--records', 10,
                        '-X', 'delivery.timeout.ms=1500', '-X', 'request.timeout.ms=1000')
    equal((result.status, result.stdout), (1, b''), result.text)
    assert 'SLUICE_CONNECTION_REFUSED' in result.text, result.text
    assert 'nothing was measured' in result.text, result.text


if __name__ == '__main__':
    main(globals())
