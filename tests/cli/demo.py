# SPDX-License-Identifier: LGPL-2.1-or-later
"""`sluice demo`: on a terminal and elsewhere."""
import os
import pty
import re
import resource
import signal
import subprocess
import time

from harness import COMMAND, SECONDS_MAX, equal, main, sluice

GOOD = '0 lost, 0 doubled or reordered, 0 damaged: every line is there once, in order'
HERE = os.path.dirname(os.path.abspath(__file__))


def test_nothing_is_lost_doubled_or_reordered():
    result = sluice('demo', '--seconds', 3, HERE)
    text = result.stdout.decode()
    equal(result.status, 0, text)
    for part in ('partition 0 moves from broker', 'is killed', 'is back', GOOD):
        assert part in text, text
    assert '\033' not in text, 'expected plain lines'


def test_a_terminal_shows_a_picture():
    ours, theirs = pty.openpty()
    process = subprocess.Popen([COMMAND, 'demo', '--seconds', '1', HERE], stdout=theirs)
    os.close(theirs)
    text = b''
    try:
        while True:
            text += os.read(ours, 65536)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    equal(process.wait(SECONDS_MAX), 0, text.decode())
    assert b'\033[' in text and b'###' in text and GOOD.encode() in text, text.decode()


def test_a_folder_without_text_is_told():
    result = sluice('demo', '/proc/self/fd')
    equal(result.status, 1, result.text)
    assert 'no text files' in result.text, result.text


def start_with_descriptors(limit):
    """A demo with so few descriptors, once it accepted records, or None; and what it said."""
    process = subprocess.Popen(
        [COMMAND, 'demo', '--seconds', '60', HERE], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    text = ''
    while not re.search(r'[1-9]\d* accepted', text):
        line = process.stdout.readline().decode()
        text += line
        if not line:
            process.communicate(timeout=SECONDS_MAX)
            return None, text
    return process, text


def test_what_was_not_persisted_is_not_called_lost_and_an_interrupt_is_obeyed():
    for limit in range(8, 256):  # the fewest that it starts with leave none for connections
        process, text = start_with_descriptors(limit)
        if process is not None:
            break
    assert process is not None, f'expected records to be accepted, seen: {text}'
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    text += process.communicate(timeout=SECONDS_MAX)[0].decode()
    assert time.monotonic() - begin < 30, f'expected a prompt end, seen: {text}'
    equal(process.returncode, 1, text)
    assert re.search(r'[1-9]\d* not persisted', text), text
    assert '0 lost, 0 doubled or reordered, 0 damaged: what was persisted is there' in text, text


if __name__ == '__main__':
    main(globals())
