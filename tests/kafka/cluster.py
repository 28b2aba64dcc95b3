# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real Apache Kafka in KRaft mode on free ports of loopback, for as long as a Scratch lives."""
import json
import signal
import subprocess

import kafka_jars
from processes import Failure, free_ports, wait_until
from proxy import Proxy

# Small and quick on two cores. Nothing is deleted by age: the records of the tests carry old
# timestamps on purpose.
SETTINGS = '''
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{more_listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{more_advertised}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT
log.dirs={folder}/data-{node}
default.replication.factor={replicas}
min.insync.replicas={replicas_min}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
num.network.threads=2
num.io.threads=2
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
log.cleaner.enable=false
log.retention.ms=-1
auto.create.topics.enable=false
'''
START_ATTEMPTS_MAX = 3


class Cluster:
    """start() it, then use `bootstrap`. Node ids count from 1. kill() is kill -9; restart() comes
    back on the same ports and data; settings are extra lines for server.properties.

    With `proxied` each broker has one more listener, which sends its clients through a proxy:
    `proxies` by node, `proxied_bootstrap`. Brokers among themselves, and `bootstrap`, go straight.
    """

    def __init__(self, scratch, version, nodes=1, settings='', proxied=False):
        self.scratch = scratch
        self.version = version
        self.node_ids = range(1, nodes + 1)
        self.settings = settings
        self.processes = {}
        self.proxies = {node: Proxy() for node in self.node_ids} if proxied else {}

    @property
    def bootstrap(self):
        return ','.join(f'127.0.0.1:{self.ports[node][0]}' for node in self.node_ids)

    @property
    def proxied_bootstrap(self):
        return ','.join(f'127.0.0.1:{proxy.port}' for proxy in self.proxies.values())

    def start(self):
        for attempt in range(1, START_ATTEMPTS_MAX + 1):
            numbers = iter(free_ports(3 * len(self.node_ids)))
            self.ports = {node: (next(numbers), next(numbers), next(numbers))
                          for node in self.node_ids}
            self.format()
            for node in self.node_ids:
                self.launch(node)
            try:
                return self.wait_ready()
            except Failure:
                # Between our look and Kafka's, somebody else may have taken a port.
                taken = any('Address already in use' in self.scratch.tail(self.log(node), 400)
                            for node in self.node_ids)
                if not taken or attempt == START_ATTEMPTS_MAX:
                    raise
                self.stop()

    def format(self):
        voters = ','.join(f'{node}@127.0.0.1:{self.ports[node][1]}' for node in self.node_ids)
        replicas = min(3, len(self.node_ids))
        for node in self.node_ids:
            port, controller_port, client_port = self.ports[node]
            more_listeners = more_advertised = ''
            if self.proxies:
                self.proxies[node].target_port = client_port
                more_listeners = f',CLIENT://127.0.0.1:{client_port}'
                more_advertised = f',CLIENT://127.0.0.1:{self.proxies[node].port}'
            self.properties(node).write_text(SETTINGS.format(
                node=node, voters=voters, port=port, controller_port=controller_port,
                more_listeners=more_listeners, more_advertised=more_advertised,
                folder=self.scratch.folder, replicas=replicas,
                replicas_min=max(1, replicas - 1)) + self.settings)
            self.scratch.run(self.java(
                'kafka.tools.StorageTool', 'format', '--ignore-formatted',
                '-t', 'c2x1aWNlLXRlc3RzLTAwMA', '-c', self.properties(node)))

    def launch(self, node):
        self.processes[node] = self.scratch.start(
            self.java('kafka.Kafka', self.properties(node)), self.log(node))

    def java(self, main_class, *arguments):
        libraries = kafka_jars.jars(self.version)
        return ['java', '-Xms256m', '-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
                '-Djava.awt.headless=true', f'-Dkafka.logs.dir={self.scratch.folder}',
                *kafka_jars.logging_flags(self.version, 'broker'), '-cp', f'{libraries}/*',
                main_class, *arguments]

    def properties(self, node):
        return self.scratch.folder / f'server-{node}.properties'

    def log(self, node):
        return f'broker-{node}.log'

    def logs(self):
        return '\n'.join(f'last lines of broker {node}:\n{self.scratch.tail(self.log(node))}'
                         for node in self.node_ids)

    def kill(self, node=1):
        """kill -9: no flush, no goodbye."""
        self.scratch.kill(self.processes[node])

    def restart(self, node=1):
        """Starts a node that has ended on its data; does not wait."""
        self.launch(node)

    def end(self, node=1):
        """A graceful end, as SIGTERM asks for, to the last byte."""
        process = self.processes[node]
        process.terminate()
        wait_until(lambda: process.poll() is not None, f'node {node} to end by SIGTERM', 120,
                   seen=lambda: self.scratch.tail(self.log(node)))
        self.scratch.kill(process)

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                pass
            self.scratch.kill(process)

    def pause(self, node=1):
        self.processes[node].send_signal(signal.SIGSTOP)

    def resume(self, node=1):
        self.processes[node].send_signal(signal.SIGCONT)

    def metadata(self, node):
        """What kcat is told of the cluster by this node, or None while it does not answer."""
        asked = subprocess.run(
            ['kcat', '-L', '-J', '-m', '2', '-b', f'127.0.0.1:{self.ports[node][0]}'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(asked.stdout) if asked.returncode == 0 else None
        except ValueError:
            return None

    def partitions(self, node, topics):
        """Of those topics, as this node knows them; None while one of them or the node is not."""
        metadata = self.metadata(node)
        known = {one['topic']: one['partitions'] for one in (metadata or {}).get('topics', ())}
        if not all(known.get(topic) for topic in topics):
            return None
        return [partition for topic in topics for partition in known[topic]]

    def wait_ready(self, topics=()):
        """Until every node knows all nodes, and a leader for every partition of `topics`."""
        def ready(node):
            metadata = self.metadata(node)
            if not metadata or len(metadata['brokers']) < len(self.node_ids):
                return False
            partitions = self.partitions(node, topics) if topics else []
            return partitions is not None and all(one['leader'] > 0 for one in partitions)
        wait_until(lambda: all(ready(node) for node in self.node_ids),
                   f'Kafka {self.version} to be ready', alive=self.processes.values(),
                   seen=self.logs)
        return self

    def wait_in_sync(self, topics):
        """Until every node knows that every replica of `topics` is in sync."""
        def in_sync(node):
            partitions = self.partitions(node, topics)
            return partitions and all(len(one['isrs']) == len(one['replicas'])
                                      and one['leader'] > 0 for one in partitions)
        self.wait_ready(topics)
        wait_until(lambda: all(in_sync(node) for node in self.node_ids),
                   'every replica in sync', alive=self.processes.values(), seen=self.logs)

    def wait_gone(self, topic):
        wait_until(lambda: all((metadata := self.metadata(node)) and
                               topic not in [one['topic'] for one in metadata['topics']]
                               for node in self.node_ids), f'{topic} to be gone')

    def create_topics(self, names, partitions, settings='', replicas=3):
        """`settings` is as in "max.message.bytes=2000000:retention.ms=-1"."""
        replicas = min(replicas, len(self.node_ids))
        wanted = []
        for name in names:
            suffix = f':{settings}' if settings else ''
            wanted += ['--create', f'{name}:{partitions}:{replicas}{suffix}']
        self.scratch.run(kafka_jars.java_command(
            self.version, 'Topics', '--bootstrap', self.bootstrap, *wanted))
        self.wait_ready(names)
