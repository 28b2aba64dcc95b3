# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scenarios of the `sluice` command: text into Kafka, and the embedded broker with clients that
are not ours. Each takes a Setting and raises Failure."""
import collections
import json
import re

from cluster import Cluster
import dumps
from processes import free_ports, wait_until
from scenarios import PARTITIONS, TOPICS, expect, feed_command, read_back, run_words

JAVA_RECORDS = 100_000


def produce_text(setting, bootstrap, topic, text, *options):
    """`sluice produce` of a file; what it says about itself must agree with the text."""
    file = setting.scratch.folder / f'{topic}.txt'
    file.write_bytes(text)
    command = [setting.sluice, 'produce', '-b', bootstrap, '-t', topic, '--json', *options, file]
    said = json.loads(setting.scratch.run(command))
    line_count = len(dumps.lines_of(text))
    outcomes = [said[name] for name in ('persisted', 'not_persisted', 'unknown')]
    expect(outcomes == [line_count, 0, 0], f'{line_count} lines of {topic} persisted', said)


def kcat_read(setting, bootstrap, topic):
    return setting.scratch.run(
        ['kcat', '-C', '-q', '-e', '-b', bootstrap, '-t', topic, '-o', 'beginning',
         '-X', 'fetch.message.max.bytes=16000000', '-D', '\\n'])


def java_read(setting, bootstrap, topic, partitions):
    file = setting.scratch.folder / f'{topic}.dump'
    setting.java('Dump', '--bootstrap', bootstrap, '--topic', topic, '--partitions', partitions,
                 '--file', file)
    return dumps.read(file)


def expect_text_back(setting, bootstrap, topic, text):
    """One partition: kcat's output is the file, and the Java consumer's values are its lines."""
    wanted = dumps.lines_of(text)
    for reader, seen in (
            ('kcat', dumps.lines_of(kcat_read(setting, bootstrap, topic))),
            ('Java', [one.value for one in java_read(setting, bootstrap, topic, 1)])):
        difference = dumps.first_difference(wanted, seen)
        expect(difference is None, f'{topic} back by {reader}, byte for byte', difference)
    print(f'{topic}: {len(wanted)} lines, {len(text)} bytes, identical by kcat and Java')


def expect_keyed_back(setting, bootstrap, topic, text):
    """Several partitions: for each key the values in order, and each record with the header."""
    wanted = collections.defaultdict(list)
    for line in dumps.lines_of(text):
        key, value = line.split(b'|', 1)
        wanted[key].append(value)
    seen = collections.defaultdict(list)
    for record in java_read(setting, bootstrap, topic, PARTITIONS):
        seen[record.key].append(record.value)
        expect(record.headers == [(b'origin', b'text')], 'the header origin=text', record.headers)
    for key in wanted.keys() | seen.keys():
        difference = dumps.first_difference(wanted[key], seen[key])
        expect(difference is None, f'the lines of key {key!r} in {topic}, in order', difference)
    print(f'{topic}: {len(wanted)} keys, each with its lines in order')


def command(setting):
    """Files through `sluice produce` into Kafka and back, byte for byte."""
    cluster = Cluster(setting.scratch, setting.version).start()
    cluster.create_topics(['text', 'zipped', 'nasty'], 1)
    cluster.create_topics(['keyed'], PARTITIONS)
    text = dumps.real_text()
    keyed = b''.join(b'%d|%s\n' % (number % 97, line)
                     for number, line in enumerate(dumps.lines_of(text)))
    produce_text(setting, cluster.bootstrap, 'text', text)
    produce_text(setting, cluster.bootstrap, 'zipped', text, '-z', 'gzip')
    produce_text(setting, cluster.bootstrap, 'nasty', dumps.nasty_text())
    produce_text(setting, cluster.bootstrap, 'keyed', keyed, '-K', '|', '-H', 'origin=text')
    expect_text_back(setting, cluster.bootstrap, 'text', text)
    expect_text_back(setting, cluster.bootstrap, 'zipped', text)
    expect_text_back(setting, cluster.bootstrap, 'nasty', dumps.nasty_text())
    expect_keyed_back(setting, cluster.bootstrap, 'keyed', keyed)


def embedded_broker(setting, partitions):
    """Starts `sluice broker` and returns its bootstrap address."""
    (port,) = free_ports(1)
    log = f'embedded-{port}.log'
    broker = setting.scratch.start(
        [setting.sluice, 'broker', '--port', port, '--partitions', partitions], log)
    return wait_until(
        lambda: re.search(r'127\.0\.0\.1:\d+', setting.scratch.tail(log)),
        'the bootstrap address of `sluice broker`', alive=[broker],
        seen=lambda: setting.scratch.tail(log)).group()


def embedded_kcat(setting):
    """kcat writes to the embedded broker with every codec it has, and reads back the same."""
    bootstrap = embedded_broker(setting, 1)
    # kcat itself leaves out empty lines when it produces.
    text = b''.join(line + b'\n' for line in dumps.lines_of(dumps.real_text()) if line)
    file = setting.scratch.folder / 'text.txt'
    file.write_bytes(text)
    for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
        topic = f'kcat-{codec}'
        setting.scratch.run(['kcat', '-P', '-b', bootstrap, '-t', topic, '-z', codec,
                             '-X', 'enable.idempotence=true', '-l', file])
        difference = dumps.first_difference(dumps.lines_of(text),
                                            dumps.lines_of(kcat_read(setting, bootstrap, topic)))
        expect(difference is None, f'{topic} back by kcat', difference)
        print(f'{topic}: {len(text)} bytes, identical')


def embedded_java(setting):
    """The Java producer and ours write to the embedded broker; the Java consumer reads both."""
    for name, options in (('plain', []), ('gzip', ['compression.type=gzip'])):
        bootstrap = embedded_broker(setting, PARTITIONS)
        words = run_words(setting, JAVA_RECORDS)
        chosen = [word for option in options for word in ('-X', option)]
        setting.java('ControlProducer', '--bootstrap', bootstrap, *words, *chosen)
        print(f'Java to Java, {name}:', setting.java(
            'ReadBack', '--bootstrap', bootstrap, *words, '--partitions', PARTITIONS).strip())
        bootstrap = embedded_broker(setting, PARTITIONS)
        setting.scratch.run(feed_command(setting, bootstrap, JAVA_RECORDS, options))
        read_back(setting, bootstrap, JAVA_RECORDS)
        read_count = sum(len(kcat_read_offsets(setting, bootstrap, f'feed-{topic}'))
                         for topic in range(TOPICS))
        expect(read_count == JAVA_RECORDS, f'{JAVA_RECORDS} records by kcat', read_count)


def kcat_read_offsets(setting, bootstrap, topic):
    return setting.scratch.run(['kcat', '-C', '-q', '-e', '-b', bootstrap, '-t', topic,
                                '-o', 'beginning', '-f', '%p %o\\n']).splitlines()
