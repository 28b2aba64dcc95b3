# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches that were written and never answered, and then the broker restarts: what producers make
of it. Sluice has to pass; what the others do is printed beside it."""
import collections
import re

from cluster import Cluster
import dumps
from kafka_jars import java_command
from processes import Talk, wait_until
from scenarios import expect

PRODUCERS = 5
# librdkafka 2.0.2 counts its window of five in records, not in batches.
BATCH_RECORDS = {'sluice': 3, 'librdkafka': 1, 'java': 3}
LATER_ROUNDS = 2
NO_ERRORS = {'none', 'SLUICE_OK', 'NO_ERROR'}
REFUSED = 'SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER'
LATER_BATCHES_PER_ROUND = 2
COLUMNS = ('Kafka', 'then', 'producer', 'unanswered', 'of them once', 'doubled', 'lost',
           'reported', 'later ones', 'in order', 'errors met')

Row = collections.namedtuple('Row', COLUMNS, rename=True)


class Peer:
    """One process with five producers of one library."""

    def __init__(self, name, talk, first_partition):
        self.name = name
        self.talk = talk
        self.first_partition = first_partition
        self.written = {}  # by producer: how many records were in the log before the restart
        self.outcomes = collections.defaultdict(list)  # by producer: (outcome, error) by index

    @property
    def batch_records(self):
        return BATCH_RECORDS[self.name]

    def client_id(self, producer):
        return f'{self.name}-{producer}'

    def partition(self, producer):
        return self.first_partition + producer - 1

    def end(self):
        self.talk.tell('end')
        for line in self.talk.hear(lambda line: line == 'done')[:-1]:
            producer, index, outcome, *error = line.split()
            expect(int(index) == len(self.outcomes[int(producer)]), 'outcomes in order', line)
            self.outcomes[int(producer)].append((outcome, *error))


def tell_all(peers, line):
    for peer in peers:
        peer.talk.tell(line)
    for peer in peers:
        peer.talk.hear(lambda answer: answer == 'done')


def start_peers(setting, cluster, topic):
    programs = [('sluice', [setting.program('unanswered_sluice')])]
    if setting.program('unanswered_rdkafka').exists():
        programs.append(('librdkafka', [setting.program('unanswered_rdkafka')]))
    else:
        print('without librdkafka: it was not there when this was built')
    programs.append(('java', java_command(setting.version, 'Unanswered')))
    peers = []
    for name, command in programs:
        first = PRODUCERS * len(peers)
        words = [*command, cluster.proxied_bootstrap, topic, first, BATCH_RECORDS[name]]
        peers.append(Peer(name, Talk(setting.scratch, words, f'{topic}-{name}.err'), first))
    return peers


def end_offsets(setting, bootstrap, topic, partition_count):
    words = [word for partition in range(partition_count)
             for word in ('-t', f'{topic}:{partition}:-1')]
    said = setting.scratch.run(['kcat', '-Q', '-b', bootstrap, *words]).decode()
    return {int(partition): int(offset)
            for partition, offset in re.findall(r'\[(\d+)\] offset (\d+)', said)}


def leave_unanswered(setting, cluster, topic, peers):
    """Producer k writes k batches, and no answer comes back."""
    (proxy,) = cluster.proxies.values()
    tell_all(peers, 'batch 0')
    tell_all(peers, 'wait')
    proxy.swallow('produce')
    before = {peer.client_id(producer): proxy.seen(peer.client_id(producer), 'swallowed')
              for peer in peers for producer in range(1, PRODUCERS + 1)}
    for count in range(1, PRODUCERS + 1):
        tell_all(peers, f'batch {count}')
        waiting = [peer.client_id(producer) for peer in peers
                   for producer in range(count, PRODUCERS + 1)]
        wait_until(lambda: all(proxy.seen(one, 'swallowed') >= before[one] + count
                               for one in waiting),
                   f'{count} batches of each producer to be written and not answered',
                   seen=lambda: {one: proxy.seen(one, 'swallowed') for one in waiting})
    ends = end_offsets(setting, cluster.bootstrap, topic, PRODUCERS * len(peers))
    for peer in peers:
        for producer in range(1, PRODUCERS + 1):
            peer.written[producer] = ends[peer.partition(producer)]
            expect(peer.written[producer] > peer.batch_records,
                   f'unanswered records of {peer.client_id(producer)} in the log', ends)


def cut(cluster, proxy):
    proxy.swallow(None)
    proxy.cut()


def restart_by(ended):
    def restart(cluster, proxy):
        ended(cluster)
        proxy.swallow(None)
        cluster.restart()
        cluster.wait_ready()
    return restart


EVENTS = {
    'connections cut': cut,
    'graceful restart': restart_by(lambda cluster: cluster.end()),
    'kill -9 and restart': restart_by(lambda cluster: cluster.kill()),
}


def counted(words):
    counts = collections.Counter(words)
    if len(counts) == 1:
        return next(iter(counts))
    return ', '.join(f'{count} {word}' for word, count in sorted(counts.items())) or 'none'


def row_of(version, event, peer, producer, log):
    """One row of the table. `log` are the indexes that the consumer read, in order."""
    outcomes = peer.outcomes[producer]
    unanswered = range(peer.batch_records, peer.written[producer])
    times = collections.Counter(log)
    said = [outcome for outcome, *_ in outcomes]
    errors = {error for _, *errors in outcomes for error in errors} - NO_ERRORS
    return Row(version, event, peer.name,
               f'{len(unanswered) // peer.batch_records} batches, {len(unanswered)} records',
               sum(times[index] == 1 for index in unanswered),
               sum(times[index] > 1 for index in unanswered),
               sum(times[index] == 0 for index in unanswered),
               counted(said[index] for index in unanswered),
               counted(said[peer.written[producer]:]),
               'yes' if log == sorted(log) and len(times) == len(log) else 'no',
               ', '.join(sorted(errors)) or 'none')


def expect_survival(event, peer, producer, log):
    """What only Sluice has to do. The refusal shows that the trouble was there."""
    outcomes = peer.outcomes[producer]
    who = f'{peer.client_id(producer)} after {event}'
    expect(log == list(range(len(outcomes))), f'each record of {who} once, in order', log)
    expect({outcome for outcome, *_ in outcomes} == {'persisted'},
           f'each record of {who} reported persisted', outcomes)
    if producer > 1 and event != 'connections cut':
        expect(any(REFUSED in words for words in outcomes), f'a refused batch of {who}', outcomes)


def print_table(rows):
    print('| ' + ' | '.join(COLUMNS) + ' |')
    print('|' + '---|' * len(COLUMNS))
    for row in rows:
        print('| ' + ' | '.join(map(str, row)) + ' |')


def read_indexes(setting, cluster, topic, partition_count):
    """By partition, the indexes that the official consumer reads, in order."""
    file = setting.scratch.folder / f'{topic}.dump'
    setting.java('Dump', '--bootstrap', cluster.bootstrap, '--topic', topic,
                 '--partitions', partition_count, '--file', file)
    indexes = collections.defaultdict(list)
    for record in dumps.read(file):
        indexes[record.partition].append(int(record.value))
    return indexes


def unanswered(setting):
    """One to five batches written and not answered; then a cut, a restart, a kill -9."""
    cluster = Cluster(setting.scratch, setting.version, proxied=True).start()
    (proxy,) = cluster.proxies.values()
    rows, logs = [], []
    for number, (event, happens) in enumerate(EVENTS.items()):
        topic = f'unanswered-{number}'
        cluster.create_topics([topic], PRODUCERS * len(BATCH_RECORDS))
        peers = start_peers(setting, cluster, topic)
        leave_unanswered(setting, cluster, topic, peers)
        happens(cluster, proxy)
        for _ in range(LATER_ROUNDS):
            for _ in range(LATER_BATCHES_PER_ROUND):
                tell_all(peers, 'batch 0')
            tell_all(peers, 'wait')
        indexes = read_indexes(setting, cluster, topic, PRODUCERS * len(BATCH_RECORDS))
        for peer in peers:
            peer.end()
            for producer in range(1, PRODUCERS + 1):
                log = indexes[peer.partition(producer)]
                rows.append(row_of(setting.version, event, peer, producer, log))
                logs.append((event, peer, producer, log))
    print_table(rows)
    for event, peer, producer, log in logs:
        if peer.name == 'sluice':
            expect_survival(event, peer, producer, log)
