# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command when memory or calls of the system are refused: each use of each of them in turn.

Whatever happens, it ends by itself, with a status of its own, and says in words what is wrong; and
what it says of records is true.
"""
import errno
import os
import signal
import subprocess
import tempfile

from harness import COMMAND, SECONDS_MAX, Broker, equal, main

LINES = b''.join(b'line %d\n' % number for number in range(20))
HASTY = ('-X', 'delivery.timeout.ms=800', '-X', 'request.timeout.ms=500',
         '-X', 'reconnect.backoff.max.ms=50')
USES_MAX = 400
FEW = 6


class Run:
    """One run of the command with a plan; `calls`: how often it made the planned call."""

    def __init__(self, plan, *words, stdin=b''):
        with tempfile.TemporaryDirectory() as folder:
            count = os.path.join(folder, 'count')
            environment = dict(os.environ, SCARCE_PLAN=plan, SCARCE_COUNT=count)
            done = subprocess.run([COMMAND, *words], input=stdin, env=environment, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=SECONDS_MAX)
            with open(count, encoding='ascii') as opened:
                self.calls = int(opened.read())
        self.plan, self.status = plan, done.returncode
        self.text = done.stderr.decode(errors='replace')

    def expect_words(self):
        assert self.status in (0, 1, 2), f'{self.plan}: status {self.status}, said {self.text!r}'
        if self.status != 0:
            assert self.text.strip(), f'{self.plan}: status {self.status} without a word'


def each_use(call, error, words, stdin, uses_max=USES_MAX):
    for nth in range(1, uses_max + 1):
        run = Run(f'{call}:{nth}:{error}:1', *words, stdin=stdin)
        run.expect_words()
        yield run
        if run.calls < nth:
            return


def produce_with(call, *errors, uses_max=FEW):
    with Broker() as broker, tempfile.NamedTemporaryFile() as file:
        file.write(LINES)
        file.flush()
        topic = 0
        for error in errors:
            for source in ([], [file.name]):
                topic += 1
                words = ['produce', '-b', broker.bootstrap, '-t', f't{topic}', *HASTY, *source]
                for run in each_use(call, error, words, LINES, uses_max):
                    if run.status == 0:
                        assert f'{len(LINES.splitlines())} persisted' in run.text, run.text


def test_memory_may_be_short_anywhere():
    produce_with('memory', errno.ENOMEM, uses_max=USES_MAX)


def test_input_that_cannot_be_read_is_told():
    produce_with('input', errno.EIO, errno.EINTR, errno.EAGAIN, errno.EISDIR)
    produce_with('open', errno.EMFILE, errno.ENFILE, errno.EACCES, errno.ENOENT)
    produce_with('poll', errno.EINTR, errno.ENOMEM)


def test_what_it_cannot_begin_without_is_told():
    produce_with('pipe', errno.EMFILE, errno.ENFILE)
    produce_with('sigaction', errno.EINVAL)
    produce_with('thread', errno.EAGAIN)
    produce_with('epoll_create', errno.EMFILE)
    produce_with('eventfd', errno.EMFILE)


def test_sockets_that_are_refused_once_cost_no_record():
    produce_with('socket', errno.EMFILE, errno.ENOBUFS)
    produce_with('connect', errno.ENETUNREACH, errno.EADDRNOTAVAIL)
    produce_with('sendmsg', errno.EPIPE, errno.ENOBUFS)
    produce_with('recv', errno.ECONNRESET, errno.ETIMEDOUT)


def test_arguments_are_read_with_little_memory():
    words = ('produce', '-t', 'x', '-X', 'linger.ms=1', '-H', 'a=b')  # -b is missing
    for run in each_use('memory', errno.ENOMEM, words, b''):
        usage = run.calls < int(run.plan.split(':')[1])
        equal(run.status, 2 if usage else 1, f'{run.plan}: {run.text!r}')


def broker_serves(plan):
    """False when it said why it could not."""
    with tempfile.TemporaryDirectory() as folder:
        count = os.path.join(folder, 'count')
        environment = dict(os.environ, SCARCE_PLAN=plan, SCARCE_COUNT=count)
        process = subprocess.Popen([COMMAND, 'broker'], env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        bootstrap = process.stdout.readline().decode().strip()
        if bootstrap:
            done = subprocess.run([COMMAND, 'produce', '-b', bootstrap, '-t', 'x'], input=LINES,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                  timeout=SECONDS_MAX)
            text = done.stderr.decode()
            assert '20 persisted' in text or done.returncode == 1, f'{plan}: {text!r}'
            process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=SECONDS_MAX)
        equal(process.returncode, 0 if bootstrap else 1, f'{plan}: status, with {stderr!r}')
        assert stderr.strip(), f'{plan}: not a word'
        with open(count, encoding='ascii') as opened:
            return int(opened.read())


def test_the_broker_serves_or_says_why_not():
    for call, error in (('memory', errno.ENOMEM), ('socket', errno.EMFILE), ('bind', errno.EACCES),
                        ('listen', errno.EADDRINUSE), ('accept', errno.EMFILE),
                        ('pipe', errno.EMFILE), ('eventfd', errno.EMFILE)):
        nth = 1
        while broker_serves(f'{call}:{nth}:{error}:1') >= nth and nth < USES_MAX:
            nth += 1


if __name__ == '__main__':
    main(globals())
