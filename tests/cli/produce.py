# SPDX-License-Identifier: LGPL-2.1-or-later
"""`sluice produce` against `sluice broker`, read back by kcat."""
import json
import os
import socket
import subprocess
import tempfile
import threading

from harness import COMMAND, Broker, Skip, equal, main, sluice

IMPATIENT = ('-X', 'delivery.timeout.ms=1500', '-X', 'request.timeout.ms=1000')


def lines_of(data):
    """What stands between newlines; the last line needs none."""
    lines = data.split(b'\n')
    return lines[:-1] if lines[-1] == b'' else lines


def produced(broker, data, *words, topic='lines'):
    result = sluice('produce', '-b', broker.bootstrap, '-t', topic, *words, stdin=data)
    equal(result.status, 0, f'status, with {result.text}')
    equal(result.counts(), (len(lines_of(data)), 0, 0), 'outcomes')
    return broker.read(topic)


def test_every_byte_of_a_line_goes_through():
    data = b'plain\n\n\n\x00\x00\n\xff\xfe\xc3\x28\n\r\n tab\t \n' + bytes(
        byte for byte in range(256) if byte != 10) + b'\nno newline at the end'
    with Broker() as broker:
        records = produced(broker, data)
        equal([record[3] for record in records], lines_of(data), 'values')
        equal({record[2] for record in records}, {None}, 'keys')


def test_no_input_is_no_record():
    with Broker() as broker:
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'none', stdin=b'')
        equal((result.status, result.counts()), (0, (0, 0, 0)))


def test_one_record_is_not_called_records():
    with Broker() as broker:
        produced(broker, b'only\n')
        assert broker.stop().startswith('1 record in 1 batch, 0 duplicates'), broker.summary


def test_a_delimiter_splits_key_from_value():
    with Broker() as broker:
        records = produced(broker, b'a::1\n::2\nb::\nno key\nc::x::y\n', '-K', '::')
        equal([record[2:4] for record in records],
              [(b'a', b'1'), (b'', b'2'), (b'b', b''), (None, b'no key'), (b'c', b'x::y')])
        records = produced(broker, b'k\tv\n', '-K', '\\t', topic='tab')
        equal(records[0][2:4], (b'k', b'v'))


def test_headers_and_partition_are_set():
    with Broker('--partitions', 3) as broker:
        records = produced(broker, b'x\ny\n', '-p', 2, '-H', 'a=1', '-H', 'b=', '-H', 'c==')
        equal([(record[0], record[4]) for record in records], [(2, 'a=1,b=,c==')] * 2)


def test_the_order_of_lines_is_kept():
    data = b''.join(b'line %d\n' % number for number in range(50000))
    with Broker() as broker:
        records = produced(broker, data)
        equal([record[3] for record in records], lines_of(data), 'values')


def test_gzip_is_read_back():
    data = b''.join(b'the same line again, number %d\n' % number for number in range(2000))
    with Broker() as broker:
        equal([record[3] for record in produced(broker, data, '-z', 'gzip')], lines_of(data))


def test_lines_of_any_length_up_to_the_limit_go_through():
    sizes = (0, 1, 65535, 65536, 262143, 262144, 262145, 524288, 1048000)
    data = b'\n'.join(bytes([97 + at]) * size for at, size in enumerate(sizes))
    with Broker() as broker:
        records = produced(broker, data)
        equal([len(record[3]) for record in records], list(sizes), 'sizes')
        equal([record[3] for record in records], lines_of(data), 'values')


def test_a_line_over_the_limit_is_not_persisted_and_the_others_are():
    data = b'before\n' + b'x' * 3000000 + b'\nafter\n' + b'y' * 1048577
    with Broker() as broker:
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'long', stdin=data)
        equal((result.status, result.counts()), (1, (2, 2, 0)))
        assert 'max.request.size' in result.text, result.text
        equal([record[3] for record in broker.read('long')], [b'before', b'after'])


def test_files_are_read_one_after_the_other():
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        for name, data in (('one', b'1\n2'), ('two', b''), ('three', b'4\n')):
            with open(os.path.join(folder, name), 'wb') as file:
                file.write(data)
        files = [os.path.join(folder, name) for name in ('one', 'two', 'three')]
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'files', files[0], '-', *files[1:],
                        stdin=b'3')
        equal((result.status, result.counts()), (0, (4, 0, 0)))
        equal([record[3] for record in broker.read('files')], [b'1', b'2', b'3', b'4'])


def test_a_file_that_is_not_there_is_told_and_the_rest_is_delivered():
    with Broker() as broker, tempfile.NamedTemporaryFile() as file:
        file.write(b'here\n')
        file.flush()
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'files', '/no/such/file',
                        file.name)
        equal((result.status, result.counts()), (1, (1, 0, 0)))
        assert '/no/such/file' in result.text, result.text
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'files', '/')
        equal(result.status, 1, 'status for a folder')


def test_counters_follow_the_result():
    with Broker() as broker:
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'json', '--json', '--counters',
                        stdin=b'a\nb\n')
        figures, counters = map(json.loads, result.stdout.splitlines())
        equal((figures['persisted'], counters['producer']['records_persisted']), (2, 2))
        equal(counters['total']['acknowledged_ns']['count'], counters['total']['batches_sent'])


def test_json_has_the_figures():
    with Broker() as broker:
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'json', '--json', stdin=b'a\nb\n')
        figures = json.loads(result.stdout)
        equal(set(figures), {'persisted', 'not_persisted', 'unknown', 'seconds',
                             'records_per_second', 'cpu_ns_per_record'}, 'keys')
        equal((figures['persisted'], figures['not_persisted'], figures['unknown']), (2, 0, 0))
        assert figures['seconds'] > 0 and figures['cpu_ns_per_record'] > 0, figures


def test_with_acks_0_the_outcome_is_unknown_and_that_is_no_failure():
    with Broker() as broker:
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'asked', '-X', 'acks=0',
                        stdin=b'a\nb\nc\n')
        equal((result.status, result.counts()), (0, (0, 0, 3)), result.text)
        result = sluice('produce', '-b', broker.bootstrap, '-t', 'asked', '-X', 'acks=0',
                        stdin=b'x' * 2000000)
        equal((result.status, result.counts()), (1, (0, 1, 0)))


def test_a_broker_that_is_not_there_is_told_and_nothing_hangs():
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))  # taken, and nobody listens
        result = sluice('produce', '-b', '127.0.0.1:%d' % closed.getsockname()[1], '-t', 'topic',
                        *IMPATIENT, stdin=b'a\nb\n')
        asked = sluice('metadata', '-b', '127.0.0.1:%d' % closed.getsockname()[1])
    equal((result.status, result.counts()), (1, (0, 2, 0)))
    assert 'SLUICE_DELIVERY_TIMED_OUT' in result.text, result.text
    assert 'records/s' not in result.text, f'what was not persisted does not count: {result.text}'
    equal(asked.status, 1, 'status of metadata')
    assert 'nothing listens' in asked.text and 'within' not in asked.text, asked.text


def answer(listener, data):
    """Accepts until the listener is closed, and answers everyone with the same bytes."""
    held = []
    try:
        while True:
            connection, _ = listener.accept()
            held.append(connection)
            if data:
                connection.recv(65536)
                connection.sendall(data)
    except OSError:
        pass


def test_what_is_no_broker_is_told_and_nothing_hangs():
    for data in (b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', b'\x15\x03\x03\x00\x02',
                 b'\x7f\xff\xff\xff', bytes(range(256)) * 4, b''):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            threading.Thread(target=answer, args=(listener, data), daemon=True).start()
            result = sluice('produce', '-b', '127.0.0.1:%d' % listener.getsockname()[1], '-t',
                            'topic', *IMPATIENT, stdin=b'a\n')
            listener.shutdown(socket.SHUT_RDWR)
        equal((result.status, result.counts()), (1, (0, 1, 0)), f'for {data[:20]!r}')


def resident_kilobytes(broker, megabytes):
    line = b'x' * 1023 + b'\n'
    process = subprocess.Popen([COMMAND, 'produce', '-b', broker.bootstrap, '-t', 'memory'],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(megabytes):
        process.stdin.write(line * 1024)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    equal(process.returncode, 0, 'status')
    return usage.ru_maxrss


def test_a_large_input_takes_no_more_memory_than_a_small_one():
    if os.environ.get('SLUICE_SANITIZE'):
        raise Skip('a sanitizer keeps freed memory')
    with Broker('--discard') as broker:
        small = resident_kilobytes(broker, 20)
        large = resident_kilobytes(broker, 300)
        assert large < small * 1.3 + 4096, f'expected about {small} kB, seen {large} kB'


def test_metadata_shows_brokers_topics_and_leaders():
    with Broker('--brokers', 2, '--partitions', 2) as broker:
        produced(broker, b'a\n', topic='shown')
        result = sluice('metadata', '-b', broker.bootstrap)
        equal(result.status, 0, result.text)
        text = result.stdout.decode()
        for address in broker.bootstrap.split(','):
            assert address in text, text
        assert 'topic "shown" with 2 partitions' in text and 'partition 1, leader' in text, text
        result = sluice('metadata', '-b', broker.bootstrap, '-t', 'absent')
        equal(result.status, 1, 'status for a topic that does not exist')
        assert 'absent' not in sluice('metadata', '-b', broker.bootstrap).stdout.decode()


if __name__ == '__main__':
    main(globals())
