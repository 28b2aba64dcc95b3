# SPDX-License-Identifier: LGPL-2.1-or-later
"""Child processes and a scratch folder that never outlive the test, however it ends.

 - The test ends or fails: Scratch.__exit__ kills and removes.
 - It gets SIGINT, SIGTERM or SIGHUP: these become SystemExit, so the same happens.
 - It is killed with SIGKILL: children die with it (PR_SET_PDEATHSIG, through setpriv), and a
   watchdog, outside of the test's process group and tree, sees the end of its pipe, kills what is
   left and removes the folder.
"""
import os
import pathlib
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

# Only what hangs comes near it: no test may depend on the speed of the machine.
LIMIT_S = 300

# Reads until the test is gone (nobody ever writes), then cleans up after it. Children that are
# still dying may write into the folder once more, hence the loop.
WATCHDOG = '''
trap "" INT TERM HUP
cat >/dev/null
while [ -d "$1" ]; do
    for file in "$1"/*.pid; do
        [ -f "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null
    done
    rm -rf "$1" || sleep 0.1
done
'''


class Failure(Exception):
    """The test failed: the text says what was expected and what was seen."""


def end_by_exception_on_signals():
    def leave(number, frame):
        sys.exit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def bound_sockets(count):
    """Sockets on ports below the range from which the kernel takes ports for outgoing connections:
    so nobody gets one by chance while its broker is down."""
    held = []
    while len(held) < count:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(('127.0.0.1', random.randint(15000, 32000)))
            held.append(one)
        except OSError:
            one.close()
    return held


def free_ports(count):
    """Ports nobody listens on."""
    held = bound_sockets(count)
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_until(condition, what, timeout_s=LIMIT_S, alive=None, seen=lambda: 'nothing'):
    """Polls until condition() is true. `alive` lists processes that must not end meanwhile."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        for process in alive or []:
            if process.poll() is not None:
                raise Failure(f'expected {what}; seen: {process.args[-1]} ended with status '
                              f'{process.returncode}\n{seen()}')
        if time.monotonic() > deadline:
            raise Failure(f'expected {what} within {timeout_s} s; seen {seen()}')
        time.sleep(0.05)


class Talk:
    """A process of a Scratch that is told lines and answers with lines."""

    def __init__(self, scratch, command, log):
        self.scratch = scratch
        self.log = log
        self.process = scratch.start(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def tell(self, line):
        try:
            self.process.stdin.write(line + '\n')
        except OSError:
            raise Failure(f'expected {self.log} to take "{line}"; seen: it has ended\n'
                          + self.scratch.tail(self.log)) from None

    def hear(self, wanted, timeout_s=LIMIT_S):
        """The lines up to the first for which wanted(line) is true; that one is the last."""
        heard = []
        deadline = time.monotonic() + timeout_s
        while not heard or not wanted(heard[-1]):
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise Failure(f'expected an answer from {shown(self.process.args)} within '
                              f'{timeout_s} s; seen {heard[-5:]}, status {self.process.poll()}\n'
                              + self.scratch.tail(self.log))
            heard.append(line)
        return heard


class Scratch:
    """A folder and the processes started in it; use it with `with`."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='sluice-kafka-'))
        self.processes = []
        reading_end, self.watchdog_pipe = os.pipe()
        subprocess.run(['setsid', '-f', 'sh', '-c', WATCHDOG, 'sh', str(self.folder)],
                       stdin=reading_end, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=True)
        os.close(reading_end)
        return self

    def __exit__(self, kind, value, trace):
        for process in self.processes:
            self.kill(process)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self.watchdog_pipe)

    def start(self, command, log, **options):
        """Starts a process whose output goes to the file `log` of the folder, unless said else."""
        with open(self.folder / log, 'ab') as output:
            options.setdefault('stdout', output)
            options.setdefault('stderr', output)
            options.setdefault('stdin', subprocess.DEVNULL)
            process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *map(str, command)],
                                       process_group=0, **options)
        (self.folder / f'{process.pid}.pid').write_text(str(process.pid))
        self.processes.append(process)
        return process

    def kill(self, process):
        """kill -9 and wait; nothing if it has ended."""
        if process.poll() is None:
            process.kill()
            process.wait()
        (self.folder / f'{process.pid}.pid').unlink(missing_ok=True)

    def run(self, command, timeout_s=LIMIT_S, status=0, **options):
        """Runs a command to its end and returns its standard output as bytes."""
        name = pathlib.Path(str(command[0])).name + '.err'
        process = self.start(command, name, stdout=subprocess.PIPE, **options)
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise Failure(f'expected the end of {shown(command)} within {timeout_s} s; seen none\n'
                          + self.tail(name)) from None
        finally:
            self.kill(process)
        if process.returncode != status:
            raise Failure(f'expected status {status} of {shown(command)}; seen '
                          f'{process.returncode}\n{output[-4000:].decode(errors="replace")}'
                          f'{self.tail(name)}')
        return output

    def tail(self, log, line_count=15):
        file = self.folder / log
        lines = file.read_text(errors='replace').splitlines() if file.exists() else []
        return '\n'.join(lines[-line_count:])


def shown(command):
    """The command without the long class path of Java."""
    words = [str(word) for word in command]
    if '-cp' in words:
        words = ['java', '…', *words[words.index('-cp') + 2:]]
    return ' '.join(words)
