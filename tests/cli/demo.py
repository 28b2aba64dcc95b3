# SPDX-License-Identifier: LGPL-2.1-or-later
"""`sluice demo`: on a terminal and elsewhere."""
import os
import pty
import subprocess

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


if __name__ == '__main__':
    main(globals())
