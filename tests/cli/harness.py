# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the end-to-end tests of the command share.

A test program is called with the path of the command and, to run one test alone, its name. Each
function whose name begins with test_ is a test; its name says what must be true.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import traceback

COMMAND = sys.argv[1] if len(sys.argv) > 1 else 'build/dev/sluice'
SECONDS_MAX = 60  # how long any one command may take before it counts as hanging
SKIPPED = 77


class Skip(Exception):
    """A test that cannot run here; ctest shows it as skipped."""


class Result:
    def __init__(self, process, stdout, stderr):
        self.status, self.stdout, self.stderr = process.returncode, stdout, stderr

    @property
    def text(self):
        return self.stderr.decode(errors='replace')

    def counts(self):
        """(persisted, not persisted, unknown) of the last line."""
        found = re.findall(r'(\d+) persisted, (\d+) not persisted, (\d+) unknown', self.text)
        assert found, f'expected a summary on standard error, seen: {self.text!r}'
        return tuple(map(int, found[-1]))


def sluice(*words, stdin=b''):
    process = subprocess.Popen([COMMAND, *map(os.fsencode, map(str, words))],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        stdout, stderr = process.communicate(stdin, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f'hangs: sluice {" ".join(map(str, words))}') from None
    return Result(process, stdout, stderr)


class Broker:
    """`sluice broker` while a with block lasts."""

    def __init__(self, *words):
        self.words = words
        self.summary = ''

    def __enter__(self):
        self.process = subprocess.Popen([COMMAND, 'broker', *map(str, self.words)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.bootstrap = self.process.stdout.readline().decode().strip()
        assert self.bootstrap, 'expected the address of the broker, seen: nothing'
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            _, stderr = self.process.communicate(timeout=SECONDS_MAX)
            self.summary = stderr.decode()
        return self.summary

    def read(self, topic):
        """All records, by partition and offset: (partition, offset, key, value, headers)."""
        if shutil.which('kcat') is None:
            raise Skip('kcat is not installed')
        done = subprocess.run(['kcat', '-b', self.bootstrap, '-C', '-t', topic, '-e', '-q', '-u',
                               '-o', 'beginning', '-f', '%p %o %K %S %h\n%k%s\n'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS_MAX)
        assert done.returncode == 0, f'kcat: {done.stderr.decode()}'
        return sorted(parse_records(done.stdout), key=lambda record: record[:2])


def parse_records(data):
    at = 0
    while at < len(data):
        end = data.index(b'\n', at)
        partition, offset, key_size, value_size, headers = data[at:end].split(b' ', 4)
        at = end + 1
        key = value = None
        if int(key_size) >= 0:
            key = data[at:at + int(key_size)]
            at += int(key_size)
        if int(value_size) >= 0:
            value = data[at:at + int(value_size)]
            at += int(value_size)
        at += 1
        yield int(partition), int(offset), key, value, headers.decode()


def equal(seen, expected, what='value'):
    if seen != expected:
        raise AssertionError(f'{what}: expected {shorten(expected)}, seen {shorten(seen)}')


def shorten(value):
    text = repr(value)
    return text if len(text) < 400 else f'{text[:400]}... ({len(text)} characters)'


def main(namespace):
    """Runs the module's tests, or the ones named on the command line."""
    wanted = sys.argv[2:]
    tests = {name[5:]: test for name, test in namespace.items() if name.startswith('test_')}
    failed = skipped = 0
    for name, test in tests.items():
        if wanted and name not in wanted:
            continue
        try:
            test()
            print(f'passed   {name}', flush=True)
        except Skip as skip:
            skipped += 1
            print(f'SKIPPED  {name}: {skip}', flush=True)
        except Exception:  # the next test still runs
            failed += 1
            print(f'FAILED   {name}; alone: python3 {sys.argv[0]} {COMMAND} {name}', flush=True)
            traceback.print_exc()
    if failed:
        sys.exit(1)
    if skipped and skipped == len(wanted or tests):
        sys.exit(SKIPPED)
