# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests do. Each scenario takes a Setting and raises Failure."""
import dataclasses
import pathlib
import signal
import subprocess
import sys
import time

from cluster import Cluster
from kafka_jars import java_command
from processes import LIMIT_S, Failure, Scratch, shown, wait_until

RECORDS = 1_000_000
FEW_RECORDS = 20_000
TOPICS = 3
PARTITIONS = 6
SEED = 20_24


@dataclasses.dataclass
class Setting:
    scratch: Scratch
    version: str
    feed: pathlib.Path
    sluice: pathlib.Path
    script: pathlib.Path
    # Not long ago: after a restart Kafka forgets producers whose newest record is older than
    # producer.id.expiration.ms (a day) by its own timestamp, and then takes a batch twice.
    first_ms: int = int(time.time() * 1000) - 600_000

    def program(self, name):
        """A program that is built beside kafka_feed."""
        return self.feed.with_name(name)

    def java(self, main_class, *arguments, **options):
        command = java_command(self.version, main_class, *arguments)
        return self.scratch.run(command, **options).decode()


def expect(condition, wanted, seen):
    if not condition:
        raise Failure(f'expected {wanted}; seen {seen}')


def run_words(setting, records, topics=TOPICS):
    """The run's description, as the Java programs take it."""
    return ['--seed', SEED, '--first-ms', setting.first_ms, '--records', records,
            '--prefix', 'feed-', '--topics', topics]


def feed_command(setting, bootstrap, records, options, prefix='feed-', topics=TOPICS):
    command = [setting.feed, '-b', bootstrap, '-s', SEED, '-m', setting.first_ms, '-n', records,
               '-t', prefix, '-T', topics, '-r', setting.scratch.folder / 'reports']
    for option in options:
        command += ['-X', option]
    return command


def read_back(setting, bootstrap, records):
    """The official consumer must find every record, as produced and as reported."""
    print(setting.java('ReadBack', '--bootstrap', bootstrap, *run_words(setting, records),
                       '--partitions', PARTITIONS,
                       '--reports', setting.scratch.folder / 'reports').strip())


def kafka_with_topics(setting, nodes=1):
    cluster = Cluster(setting.scratch, setting.version, nodes).start()
    cluster.create_topics([f'feed-{topic}' for topic in range(TOPICS)], PARTITIONS)
    return cluster


def produce_and_read_back(setting, *options):
    cluster = kafka_with_topics(setting)
    started = time.monotonic()
    command = feed_command(setting, cluster.bootstrap, RECORDS, options)
    print(setting.scratch.run(command).decode().splitlines()[-1],
          f'in {time.monotonic() - started:.1f} s')
    read_back(setting, cluster.bootstrap, RECORDS)


def plain(setting):
    produce_and_read_back(setting)


def gzip(setting):
    produce_and_read_back(setting, 'compression.type=gzip')


def kill_half_way(setting, cluster, node):
    """Starts a million records, and kill -9 for the node when half of the reports are in."""
    command = feed_command(setting, cluster.bootstrap, RECORDS, [])
    feed = setting.scratch.start(command, 'feed.err', stdout=subprocess.PIPE, text=True)
    for line in feed.stdout:
        if line.startswith('reports ') and int(line.split()[1]) >= RECORDS // 2:
            print(line.strip(), f'before kill -9 of node {node}')
            break
    cluster.kill(node)
    expect(feed.poll() is None, 'the producer at work when its broker is killed',
           f'status {feed.poll()}\n{setting.scratch.tail("feed.err")}')
    return feed


def finish_feed(setting, cluster, feed):
    try:
        output, _ = feed.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Failure('expected the end of kafka_feed; seen none\n'
                      + setting.scratch.tail('feed.err') + cluster.logs()) from None
    print((output.splitlines() or ['nothing'])[-1])
    expect(feed.returncode == 0, f'status 0 of {shown(feed.args)}',
           f'{feed.returncode}\n{output}{setting.scratch.tail("feed.err")}')


def restart(setting):
    """The only broker is killed half way, and comes back on its data."""
    cluster = kafka_with_topics(setting)
    feed = kill_half_way(setting, cluster, 1)
    cluster.restart()
    finish_feed(setting, cluster, feed)
    cluster.wait_ready()
    read_back(setting, cluster.bootstrap, RECORDS)


def failover(setting):
    """One of three brokers is killed half way and stays away: its partitions get new leaders."""
    cluster = kafka_with_topics(setting, nodes=3)
    feed = kill_half_way(setting, cluster, 2)
    finish_feed(setting, cluster, feed)
    read_back(setting, cluster.bootstrap, RECORDS)


def late_topic(setting):
    """Topics that are made after the producer began, and topics that never come."""
    cluster = Cluster(setting.scratch, setting.version).start()
    feed = setting.scratch.start(feed_command(setting, cluster.bootstrap, FEW_RECORDS, []),
                                 'feed.err', stdout=subprocess.PIPE, text=True)
    expect(feed.stdout.readline() == 'opened\n', 'kafka_feed to open topics that are not there',
           setting.scratch.tail('feed.err'))
    cluster.create_topics([f'feed-{topic}' for topic in range(TOPICS)], PARTITIONS)
    finish_feed(setting, cluster, feed)
    read_back(setting, cluster.bootstrap, FEW_RECORDS)
    started = time.monotonic()
    output = setting.scratch.run(
        feed_command(setting, cluster.bootstrap, FEW_RECORDS,
                     ['delivery.timeout.ms=3000', 'request.timeout.ms=2000'], 'absent-'), status=1)
    said = output.decode().splitlines()[-1]
    expect(said == f'0 persisted, {FEW_RECORDS} not persisted, 0 unknown, 0 mistakes',
           'every record for an absent topic reported as not persisted', said)
    print(f'absent topics: {said} after {time.monotonic() - started:.1f} s')


def controls(setting):
    """The oracle complains of each kind of damage, and the Java producer passes it."""
    cluster = kafka_with_topics(setting)
    print(setting.java('Controls', '--bootstrap', cluster.bootstrap).strip())
    words = run_words(setting, FEW_RECORDS)
    setting.java('ControlProducer', '--bootstrap', cluster.bootstrap, *words)
    print(setting.java('ReadBack', '--bootstrap', cluster.bootstrap, *words,
                       '--partitions', PARTITIONS).strip())


def interrupted(setting):
    """However a test ends in the middle, no JVM and no folder of it stays."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        test = setting.scratch.start(
            [sys.executable, setting.script, 'wait_for_signal', '--version', setting.version],
            'inner.err', stdout=subprocess.PIPE, text=True)
        folder = pathlib.Path(test.stdout.readline().strip())
        expect(folder.name.startswith('sluice-kafka-'), 'a started broker',
               f'{folder}\n{setting.scratch.tail("inner.err")}')
        test.send_signal(number)
        test.wait(LIMIT_S)
        wait_until(lambda: not folder.exists() and not processes_naming(folder),
                   f'no folder and no process after {number.name}',
                   seen=lambda: (folder.exists(), processes_naming(folder)))
        print(f'nothing left after {number.name}')


def wait_for_signal(setting):
    """The inside of `interrupted`: a running broker, and a test that does not end by itself."""
    Cluster(setting.scratch, setting.version).start()
    print(setting.scratch.folder, flush=True)
    signal.pause()


def processes_naming(folder):
    found = []
    for file in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        try:
            if str(folder).encode() in file.read_bytes():
                found.append(file.parent.name)
        except OSError:
            continue
    return found
