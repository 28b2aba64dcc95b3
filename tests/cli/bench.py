# SPDX-License-Identifier: LGPL-2.1-or-later
"""`sluice bench`: it measures what it says it does."""
import json
import socket

from harness import Broker, equal, main, sluice

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
