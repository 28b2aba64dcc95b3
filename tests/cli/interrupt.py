# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C: the first stops reading and delivers, the second leaves at once."""
import re
import signal
import socket
import subprocess

from harness import COMMAND, SECONDS_MAX, Broker, equal, main, sluice


def start(bootstrap, *words):
    return subprocess.Popen([COMMAND, 'produce', '-b', bootstrap, '-t', 'topic', *words], bufsize=0,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def read_until(process, pattern):
    """Lines of standard error up to one that matches."""
    for line in process.stderr:
        if re.search(pattern, line.decode()):
            return line.decode()
    raise AssertionError(f'expected /{pattern}/ on standard error, seen: its end')


def counts_of(text):
    return tuple(map(int, re.findall(
        r'(\d+) persisted, (\d+) not persisted, (\d+) unknown', text)[-1]))


def test_the_first_ctrl_c_delivers_what_was_accepted():
    with Broker() as broker:
        process = start(broker.bootstrap)
        process.stdin.write(b'one\ntwo\n')
        while len(broker_records(broker)) < 2:  # then both lines were read and accepted
            equal(process.poll(), None, 'status while standard input is open')
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=SECONDS_MAX)
        equal(process.returncode, 0, 'status')
        equal(counts_of(stderr.decode()), (2, 0, 0), 'outcomes')


def broker_records(broker):
    try:
        return broker.read('topic')
    except AssertionError:  # the topic is not there yet
        return []


def test_the_second_ctrl_c_leaves_at_once_and_says_what_had_no_report():
    for _ in range(100):  # until the first one came when something was accepted already
        text, status = interrupted_twice()
        if ' had no report\n' in text:
            break
        equal((counts_of(text), status), ((0, 0, 0), 0), 'outcomes')
    left = int(re.search(r'(\d+) records? had no report', text).group(1))
    assert left > 0, text
    equal((counts_of(text), status), ((0, left, 0), 1), 'outcomes')


def interrupted_twice():
    """Standard error and status of a producer that reaches nobody."""
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))  # taken, and nobody listens
        process = start('127.0.0.1:%d' % closed.getsockname()[1])
        process.stdin.write(b'line\n' * 1000)
        process.stdin.close()
        process.stdin = None
        text = read_until(process, 'no broker could be reached')
        process.send_signal(signal.SIGINT)
        text += read_until(process, 'Ctrl-C again|unknown')
        process.send_signal(signal.SIGTERM)  # either counts
        text += process.communicate(timeout=SECONDS_MAX)[1].decode()
        return text, process.returncode


def test_a_bench_that_is_interrupted_says_so_and_what_was_done():
    with Broker('--discard') as broker:
        process = subprocess.Popen(
            [COMMAND, 'bench', '-b', broker.bootstrap, '--records', '10000000000'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while 'topic "t0"' not in topics_of(broker):  # then the signals are caught
            equal(process.poll(), None, 'status of a bench without end')
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=SECONDS_MAX)
        equal(process.returncode, 130, 'status')
        assert re.search(rb'interrupted: \d+ of 10000000000 records were produced', stderr), stderr
        assert b'persisted' in stdout or b'nothing was measured' in stderr, (stdout, stderr)


def topics_of(broker):
    return sluice('metadata', '-b', broker.bootstrap).stdout.decode()


def test_the_broker_ends_on_ctrl_c():
    broker = Broker()
    with broker:
        broker.process.send_signal(signal.SIGTERM)
        equal(broker.process.wait(SECONDS_MAX), 0, 'status')
        broker.process.stdout.close()
        broker.process.stderr.close()


if __name__ == '__main__':
    main(globals())
