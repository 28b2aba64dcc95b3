# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults of every kind, one after the other, under a load that goes on. Each is seen to have had
its effect, and everything is read back at the end."""
import time

from cluster import Cluster
from processes import Talk, wait_until
from scenarios import PARTITIONS, expect, feed_command, run_words

RECORDS_MAX = 20_000_000
PER_SECOND = 4000
GROWN_TO = 9
# By what is done to them; `PLAIN` and all others feel what is done to the brokers.
PLAIN, RENEWED, GROWN, TIGHT, STRICT = [f'feed-{topic}' for topic in range(5)]
TOPICS = (PLAIN, RENEWED, GROWN, TIGHT, STRICT)
SETTINGS = '''
auto.leader.rebalance.enable=false
replica.lag.time.max.ms=4000
quota.window.size.seconds=1
'''
OPTIONS = ('request.timeout.ms=4000', 'metadata.max.age.ms=5000')
PROXY_DELAY_S = 0.3
CUTS = 10
QUOTA_BYTES_PER_SECOND = 50_000


class Load:
    """A cluster, and a kafka_feed that produces to it through its proxies until finish()."""

    def __init__(self, setting, nodes, options=OPTIONS, words=(), replicas=3):
        self.setting = setting
        self.cluster = Cluster(setting.scratch, setting.version, nodes, SETTINGS,
                               proxied=True).start()
        self.cluster.create_topics(TOPICS, PARTITIONS, replicas=replicas)
        command = feed_command(setting, self.cluster.proxied_bootstrap, RECORDS_MAX, options,
                               topics=len(TOPICS))
        self.feed = Talk(setting.scratch, [*command, '-p', PER_SECOND, *words], 'feed.err')
        self.feed.hear(lambda line: line == 'opened')
        self.changes = []
        self.wait_flowing()

    @property
    def proxies(self):
        return self.cluster.proxies

    def operate(self, *words):
        return self.setting.java('Operate', '--bootstrap', self.cluster.bootstrap, *words)

    def tell(self):
        """What the feed has seen so far, by name."""
        self.feed.tell('tell')
        line = self.feed.hear(lambda line: line.startswith('produced='))[-1]
        return {name: int(number) for name, number in
                (pair.split('=') for pair in line.split())}

    def wait_told(self, condition, what):
        """Until condition(what the feed has seen) is true."""
        told = {}

        def look():
            told.update(self.tell())
            return condition(told)
        wait_until(look, what, alive=[self.feed.process],
                   seen=lambda: f'{told}\n{self.setting.scratch.tail("feed.err")}')

    def wait_flowing(self):
        """Until as many records are decided as were produced when this was called, and more."""
        produced = self.tell()['produced']
        self.wait_told(lambda told: told['reports'] > produced, 'records to be decided again')

    def wait_error(self, before, *names):
        self.wait_told(lambda told: any(told.get(name, 0) > before.get(name, 0) for name in names),
                       f'reports that met {" or ".join(names)}')

    def log_count(self, text):
        return (self.setting.scratch.folder / 'feed.err').read_text(errors='replace').count(text)

    def wait_log(self, text, before):
        wait_until(lambda: self.log_count(text) > before, f'the producer to say "{text}"',
                   seen=lambda: self.setting.scratch.tail('feed.err'))

    def call(self, name, timeout_ms):
        """A call of the producer with a deadline; returns (its code, by how much it was late)."""
        self.feed.tell(f'{name} {timeout_ms}')
        _, code, late_ms = self.feed.hear(lambda line: line.startswith(name))[-1].split()
        return code, int(late_ms)

    def finish(self, closed=False):
        if not closed:
            self.feed.tell('stop')
        said = self.feed.hear(lambda line: line.endswith(' mistakes'))[-1]
        status = self.feed.process.wait()
        expect(status == 0, 'kafka_feed without mistakes',
               f'{said}\n{self.setting.scratch.tail("feed.err")}')
        print(said)
        numbers = [int(word) for word in said.split() if word.isdigit()]
        words = run_words(self.setting, sum(numbers[:3]), topics=len(TOPICS))
        print(self.setting.java(
            'ReadBack', '--bootstrap', self.cluster.bootstrap, *words, '--partitions', PARTITIONS,
            '--reports', self.setting.scratch.folder / 'reports', *self.changes).strip())


# ---- what happens to brokers -----------------------------------------------------------------


def leaders(load, node):
    """By partition, as this node knows them."""
    return [one['leader'] for one in load.cluster.partitions(node, TOPICS) or []]


def wait_leaderless(load, node):
    """Until another node knows that this one leads nothing any more; with one node, that the
    producer has noticed."""
    if len(load.cluster.node_ids) == 1:
        return
    other = node % len(load.cluster.node_ids) + 1
    wait_until(lambda: (known := leaders(load, other)) and node not in known,
               f'node {node} to lead nothing', seen=lambda: leaders(load, other))


def lost_answers_and_kill_9(load):
    """What a restarted broker, or the next leader, knows of batches that nobody answered."""
    proxy = load.proxies[1]
    before = proxy.seen('sluice', 'swallowed')
    proxy.swallow('produce')
    wait_until(lambda: proxy.seen('sluice', 'swallowed') > before + 5, 'answers to be lost')
    load.cluster.kill(1)
    proxy.swallow(None)
    wait_leaderless(load, 1)
    load.cluster.restart(1)
    load.cluster.wait_in_sync(TOPICS)


def kill_9(load):
    node = min(2, len(load.cluster.node_ids))
    before = load.log_count('event 2')
    load.cluster.kill(node)
    load.wait_log('event 2', before)
    wait_leaderless(load, node)
    if len(load.cluster.node_ids) > 1:
        load.wait_flowing()
    load.cluster.restart(node)
    load.cluster.wait_in_sync(TOPICS)


def stop_and_continue(load):
    node = len(load.cluster.node_ids)
    before = load.log_count('no answer within')
    load.cluster.pause(node)
    load.wait_log('no answer within', before)
    wait_leaderless(load, node)
    load.cluster.resume(node)
    load.cluster.wait_in_sync(TOPICS)


def elect_preferred(load):
    before = leaders(load, 1)
    count = int(load.operate('--elect', 'preferred'))
    expect(count > 0, 'leaders that move to the preferred replica', count)
    wait_until(lambda: all(one['leader'] == one['replicas'][0]['id']
                           for one in load.cluster.partitions(1, TOPICS) or [{}]),
               'the preferred replicas to lead', seen=lambda: leaders(load, 1))
    expect(leaders(load, 1) != before, 'other leaders than before', before)
    return f'{count} leaders moved'


def rolling_restart(load):
    for node in load.cluster.node_ids:
        load.cluster.end(node)
        load.cluster.restart(node)
        load.cluster.wait_in_sync(TOPICS)


def unmet_replicas(load):
    """A topic that asks for every replica in sync, and one of them is not."""
    last = len(load.cluster.node_ids)
    before = load.tell()
    load.operate('--set', f'{STRICT}:min.insync.replicas={last}')
    load.cluster.pause(last)
    wait_until(lambda: all(len(one['isrs']) < last for one in
                           load.cluster.partitions(1, [STRICT]) or [{'isrs': range(last)}]),
               'a replica out of sync')
    produced = load.tell()['produced'] + PER_SECOND
    load.wait_told(lambda told: told['produced'] > produced, 'a second of records')
    load.cluster.resume(last)
    load.cluster.wait_in_sync(TOPICS)
    load.operate('--set', f'{STRICT}:min.insync.replicas=1')
    load.wait_error(before, 'SLUICE_BROKER_NOT_ENOUGH_REPLICAS')


# ---- what happens to topics ------------------------------------------------------------------


def delete_and_make_again(load):
    before = load.tell()
    load.operate('--delete', RENEWED)
    load.cluster.wait_gone(RENEWED)
    load.cluster.create_topics([RENEWED], PARTITIONS)
    load.changes += ['--renewed', f'{RENEWED}:{load.tell()["produced"]}']
    load.wait_error(before, 'SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION',
                    'SLUICE_BROKER_UNKNOWN_TOPIC_ID')


def add_partitions(load):
    load.operate('--grow', f'{GROWN}:{GROWN_TO}')
    load.cluster.wait_ready([GROWN])
    load.changes += ['--grown', f'{GROWN}:{GROWN_TO}']
    load.wait_told(lambda told: told['partition_max'] == GROWN_TO - 1,
                   'records in the new partitions')


def lower_size_limit(load):
    before = load.tell()
    load.operate('--set', f'{TIGHT}:max.message.bytes=1000')
    load.wait_error(before, 'SLUICE_BROKER_MESSAGE_TOO_LARGE')
    load.wait_flowing()
    load.operate('--set', f'{TIGHT}:max.message.bytes=1048588')
    return f'{load.tell()["not_persisted"] - before["not_persisted"]} records were too large'


def throttle(load):
    before = load.tell()['throttled']
    load.operate('--quota', f'sluice:{QUOTA_BYTES_PER_SECOND}')
    load.wait_told(lambda told: told['throttled'] > before + 2, 'throttled three times')
    load.operate('--quota', 'sluice:0')


# ---- what happens on the network -------------------------------------------------------------


def late_frames(load):
    load.tell()
    for proxy in load.proxies.values():
        proxy.delay(PROXY_DELAY_S)
    load.wait_told(lambda told: told['in_flight_ms_max'] >= 2000 * PROXY_DELAY_S,
                   'answers that are late')
    load.wait_flowing()
    for proxy in load.proxies.values():
        proxy.delay(0)


def cuts(load):
    before = sum(proxy.cut_count for proxy in load.proxies.values())
    for _ in range(CUTS):
        for proxy in load.proxies.values():
            proxy.cut()
        load.wait_flowing()
    for proxy in load.proxies.values():
        proxy.cut_inside_requests(CUTS)
    wait_until(lambda: all(proxy.cuts_wanted == 0 for proxy in load.proxies.values()),
               'requests cut in the middle')
    return f'{sum(proxy.cut_count for proxy in load.proxies.values()) - before} connections cut'


def until_noticed(load, begin, end):
    """A silence that only a timeout shows, on one broker."""
    proxy = load.proxies[1]
    before = load.log_count('no answer within')
    begin(proxy)
    load.wait_log('no answer within', before)
    end(proxy)


def black_hole(load):
    until_noticed(load, lambda proxy: proxy.hold('both'), lambda proxy: proxy.hold(None))


def only_requests_arrive(load):
    until_noticed(load, lambda proxy: proxy.hold('answers'), lambda proxy: proxy.hold(None))


def only_answers_arrive(load):
    until_noticed(load, lambda proxy: proxy.hold('requests'), lambda proxy: proxy.hold(None))


def lost_answers(load):
    until_noticed(load, lambda proxy: proxy.swallow('produce'), lambda proxy: proxy.swallow(None))


def half_open(load):
    until_noticed(load, lambda proxy: proxy.half_open(), lambda proxy: proxy.drop_half_open())


FAULTS = (kill_9, lost_answers_and_kill_9, stop_and_continue, elect_preferred, rolling_restart,
          unmet_replicas, delete_and_make_again, add_partitions, lower_size_limit, throttle,
          late_frames, cuts, black_hole, only_requests_arrive, only_answers_arrive, lost_answers,
          half_open)
# One node has no other leader to choose, and Kafka asks for no more replicas than there are.
FOR_SEVERAL_NODES = (elect_preferred, unmet_replicas)


def errors_between(before, after):
    met = {name: after[name] - before.get(name, 0) for name in after if name.startswith('SLUICE_')}
    return ', '.join(f'{count} {name}' for name, count in met.items() if count > 0) or 'no error'


def one_after_the_other(load, chosen):
    for fault in chosen:
        before, begun = load.tell(), time.monotonic()
        detail = fault(load)
        load.wait_flowing()
        after = load.tell()
        print(f'{fault.__name__}: {detail or "done"} in {time.monotonic() - begun:.0f} s; '
              f'{after["reports"] - before["reports"]} reports, of which met: '
              f'{errors_between(before, after)}', flush=True)
    load.finish()


def faults(setting):
    """Every fault under one load: three nodes with the newest Kafka, one with the oldest."""
    load = Load(setting, 1 if setting.version.startswith('3.') else 3)
    several = len(load.cluster.node_ids) > 1
    one_after_the_other(load, [fault for fault in FAULTS
                               if several or fault not in FOR_SEVERAL_NODES])


def replica_faults(setting):
    """Those that need several nodes, for a Kafka whose others are tried on one. After a kill -9, so
    that leaders are elsewhere than preferred."""
    one_after_the_other(Load(setting, 3), (kill_9, *FOR_SEVERAL_NODES))


# ---- deadlines -------------------------------------------------------------------------------

DELIVERY_TIMEOUT_MS = 3000
DEADLINE_OPTIONS = (f'delivery.timeout.ms={DELIVERY_TIMEOUT_MS}', 'request.timeout.ms=2000')
FLUSH_MS = 200
FLUSHES = 10


def nothing_moves(load):
    load.proxies[1].hold('both')
    yield
    load.proxies[1].hold(None)


def broker_stopped(load):
    load.cluster.pause()
    yield
    load.cluster.resume()


def broker_killed(load):
    load.cluster.kill()
    yield
    load.cluster.restart()
    load.cluster.wait_in_sync(TOPICS)


def answers_lost(load):
    load.proxies[1].swallow('produce')
    yield
    load.proxies[1].swallow(None)


def deadlines(setting):
    """By how much delivery.timeout.ms, flush and close are overstepped when a broker is silent:
    figures, for the speed of the machine has a share in them. The outcomes must be true."""
    load = Load(setting, 1, DEADLINE_OPTIONS)
    for trouble in (nothing_moves, broker_stopped, broker_killed, answers_lost):
        before = load.tell()
        course = trouble(load)
        next(course)
        late = []
        for _ in range(FLUSHES):
            code, late_ms = load.call('flush', FLUSH_MS)
            late += [late_ms] if code == 'SLUICE_TIMED_OUT' else []
        load.tell()  # nobody looked at reports during those calls: they do not count
        delivery_late = []

        def some_timed_out(told):
            delivery_late.append(told['late_ms_max'])
            return told['not_persisted'] + told['unknown'] > (
                before['not_persisted'] + before['unknown'] + PER_SECOND)
        load.wait_told(some_timed_out, 'records whose time is over')
        next(course, None)
        load.wait_flowing()
        told = load.tell()
        print(f'{trouble.__name__}: '
              f'delivery.timeout.ms={DELIVERY_TIMEOUT_MS} overstepped by at most '
              f'{max(delivery_late)} ms ({told["not_persisted"] - before["not_persisted"]} not '
              f'persisted, {told["unknown"] - before["unknown"]} unknown), {len(late)} calls of '
              f'flush({FLUSH_MS}) by at most {max(late, default=0)} ms', flush=True)
    load.proxies[1].hold('both')
    code, late_ms = load.call('close', 1000)
    expect(code == 'SLUICE_TIMED_OUT', 'close to decide what was left', code)
    print(f'close(1000) overstepped by {late_ms} ms')
    load.proxies[1].hold(None)
    load.finish(closed=True)


# ---- one broker dead or stalled -----------------------------------------------------------------

LITTLE_MEMORY = ('buffer.memory=1048576', 'request.timeout.ms=4000', 'metadata.max.age.ms=5000')
WINDOW_RECORDS = 10 * PER_SECOND
STALLED_NODE = 3


def stalled(load):
    load.cluster.pause(STALLED_NODE)
    yield
    load.cluster.resume(STALLED_NODE)


def dead(load):
    load.cluster.kill(STALLED_NODE)
    yield
    load.cluster.restart(STALLED_NODE)


def persisted_in_window(load, places):
    """How many records of those partitions are persisted while so many are offered to all."""
    before = load.tell()
    load.wait_told(lambda told: told['produced'] >= before['produced'] + WINDOW_RECORDS,
                   'ten seconds of records')
    after = load.tell()
    rate = (sum(after.get(place, 0) - before.get(place, 0) for place in places) /
            (after['produced'] - before['produced']))
    return rate, after['skipped'] - before['skipped']


def one_broker_away(setting):
    """Partitions without replicas on three brokers, little memory, and a program that never waits:
    what the partitions of the others get while one broker is stalled, or dead. A figure, for the
    speed of the machine has a share in it; the outcomes must be true."""
    load = Load(setting, 3, LITTLE_MEMORY, ['-k'], replicas=1)
    others = [f'{topic}/{one["partition"]}' for topic, name in enumerate(TOPICS)
              for one in load.cluster.partitions(1, [name]) if one['leader'] != STALLED_NODE]
    expect(0 < len(others) < len(TOPICS) * PARTITIONS, 'partitions on every broker', others)
    for trouble in (stalled, dead):
        usual, _ = persisted_in_window(load, others)
        before = load.tell()['skipped']
        course = trouble(load)
        next(course)
        load.wait_told(lambda told: told['skipped'] > before, 'records that are refused')
        kept, skipped = persisted_in_window(load, others)
        next(course, None)
        load.cluster.wait_in_sync(TOPICS)
        load.wait_flowing()
        print(f'{trouble.__name__}: the other partitions keep {100 * kept / usual:.1f} % of their '
              f'rate, {skipped} records were refused for want of memory', flush=True)
    load.finish()
