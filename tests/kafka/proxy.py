# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TCP proxy before one broker that does what bad networks do, on command.

It knows frames, API keys, correlation ids and client ids of Kafka's protocol and nothing else, so
it serves clients and brokers of every version. Lead clients through it with the broker's
advertised.listeners: Cluster(..., proxied=True) does. Any thread may call; when a call returns, the
fault is there.

  swallow('produce')    the broker's answers to Produce are lost; 'all': every answer; None: none
  cut()                 resets every connection; cut_inside_requests(N): resets each of the next N
                        connections that sends a request, when half of the request is through
  delay(SECONDS)        every frame is late by so much, in both directions; 0: no more
  hold('both')          nothing moves, and nobody is told: a black hole. What was held goes on
                        after hold(None), as TCP would have it. 'requests' or 'answers' holds one
                        way only
  half_open()           the broker sees its connections end, the clients do not; new ones work.
                        drop_half_open() tells the clients

By hand: proxy.py --port 19092 --to 127.0.0.1:9092, and these words on standard input, one a line.
"""
import argparse
import collections
import queue
import select
import socket
import struct
import sys
import threading
import time

from processes import bound_sockets

PRODUCE = 0
CHUNK_BYTES = 1 << 18
WAITING_BYTES_MAX = 1 << 22
REQUESTS, ANSWERS = 'requests', 'answers'
HELD = {None: (), 'both': (REQUESTS, ANSWERS), REQUESTS: (REQUESTS,), ANSWERS: (ANSWERS,)}
RESET_AT_CLOSE = struct.pack('ii', 1, 0)
QUIET_S = 0.2


class Way:
    """One direction of a connection: whole frames come from `source` and go to `sink` when due."""

    def __init__(self, name, source, sink, look):
        self.name = name
        self.source = source
        self.sink = sink
        self.look = look  # takes a frame, returns what is to be sent of it
        self.received = bytearray()
        self.waiting = collections.deque()  # (when it is due, bytes)
        self.waiting_bytes = 0
        self.at_end = False

    def read(self, due):
        chunk = self.source.recv(CHUNK_BYTES)
        self.received += chunk
        while len(self.received) >= 4:
            size = 4 + struct.unpack_from('>i', self.received)[0]
            if len(self.received) < size:
                break
            self.put(due, self.look(bytes(self.received[:size])))
            del self.received[:size]
        self.at_end = not chunk

    def put(self, due, frame):
        if frame:
            self.waiting.append((due, frame))
            self.waiting_bytes += len(frame)

    def write(self):
        due, frame = self.waiting.popleft()
        sent = self.sink.send(frame)
        self.waiting_bytes -= sent
        if sent < len(frame):
            self.waiting.appendleft((due, frame[sent:]))


class Connection:
    """A client's socket and the one to the broker. `broker` is None once it is half open."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.client_id = ''
        self.asked = {}  # API key by correlation id
        self.cut_when_sent = False
        self.broker = socket.socket()
        self.connected = False
        for one in (client, self.broker):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.broker.connect_ex(('127.0.0.1', proxy.target_port))
        self.ways = (Way(REQUESTS, client, self.broker, self.look_at_request),
                     Way(ANSWERS, self.broker, client, self.look_at_answer))

    def look_at_request(self, frame):
        key, _, correlation, id_size = struct.unpack_from('>hhih', frame, 4)
        self.client_id = frame[14:14 + max(0, id_size)].decode(errors='replace')
        self.asked[correlation] = key
        self.proxy.count(self.client_id, 'asked', key)
        if self.proxy.cuts_wanted > 0 and key == PRODUCE:
            self.proxy.cuts_wanted -= 1
            self.cut_when_sent = True
            return frame[:len(frame) // 2]
        return b'' if self.cut_when_sent else frame

    def look_at_answer(self, frame):
        key = self.asked.pop(struct.unpack_from('>i', frame, 4)[0], None)
        swallowed = self.proxy.swallowed
        if swallowed == 'all' or (swallowed == 'produce' and key == PRODUCE):
            self.proxy.count(self.client_id, 'swallowed', key)
            return b''
        self.proxy.count(self.client_id, 'answered', key)
        return frame

    def close(self):
        """With a reset: the peers' ports are free at once, and nothing lingers."""
        for one in (self.client, self.broker):
            if one is not None:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                one.close()
        self.client = self.broker = None

    def forget_broker(self):
        self.broker.close()
        self.broker = None


class Proxy:
    """Listens on `port` from the start, so that it can be advertised before its broker runs."""

    def __init__(self, target_port=0, listener=None):
        self.target_port = target_port
        self.listener = listener or bound_sockets(1)[0]
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.counts = collections.Counter()
        self.swallowed = None
        self.cuts_wanted = 0
        self.cut_count = 0
        self.delay_s = 0
        self.held = ()
        self.commands = queue.Queue()
        self.wake_sender, self.wake_receiver = socket.socketpair()
        threading.Thread(target=self.run, daemon=True).start()

    # ---- commands, from any thread -----------------------------------------------------------

    def swallow(self, what):
        self.command(lambda: setattr(self, 'swallowed', what))

    def cut(self):
        def cut_all():
            self.cut_count += len(self.connections)
            for connection in self.connections:
                connection.close()
        self.command(cut_all)

    def cut_inside_requests(self, count):
        self.command(lambda: setattr(self, 'cuts_wanted', count))

    def delay(self, seconds):
        self.command(lambda: setattr(self, 'delay_s', seconds))

    def hold(self, what):
        self.command(lambda: setattr(self, 'held', HELD[what]))

    def half_open(self):
        def forget_brokers():
            for connection in self.connections:
                if connection.broker is not None:
                    connection.forget_broker()
        self.command(forget_brokers)

    def drop_half_open(self):
        def drop():
            for connection in self.connections:
                if connection.broker is None and connection.client is not None:
                    connection.close()
        self.command(drop)

    def seen(self, client_id, what, key=PRODUCE):
        """How many requests of a kind were asked, answered or swallowed."""
        return self.counts[client_id, what, key]

    def command(self, function):
        done = threading.Event()
        self.commands.put((function, done))
        self.wake_sender.send(b'x')
        done.wait()

    # ---- the thread of the proxy -------------------------------------------------------------

    def count(self, client_id, what, key):
        self.counts[client_id, what, key] += 1

    def run(self):
        while True:
            readers, writers, timeout = self.interest()
            readable, writable, _ = select.select(
                [self.wake_receiver, self.listener, *readers], list(writers), [], timeout)
            for one in readable:
                if one is self.wake_receiver:
                    self.carry_out_commands()
                elif one is self.listener:
                    self.accept()
                else:
                    self.attempt(self.read_some, *readers[one])
            for one in writable:
                self.attempt(self.write_some, *writers[one])
            self.connections = [one for one in self.connections if one.client is not None]

    def interest(self):
        """What to wait for: sockets to read and to write, each with its connection and way."""
        readers, writers, timeout, now = {}, {}, QUIET_S, time.monotonic()
        for connection in self.connections:
            requests, answers = connection.ways
            if connection.broker is None:
                readers[connection.client] = (connection, requests)
                continue
            if not connection.connected:
                writers[connection.broker] = (connection, None)
                continue
            for way in (requests, answers):
                if way.name in self.held:
                    continue
                if not way.at_end and way.waiting_bytes < WAITING_BYTES_MAX:
                    readers[way.source] = (connection, way)
                if way.waiting and way.waiting[0][0] <= now:
                    writers[way.sink] = (connection, way)
                elif way.waiting:
                    timeout = min(timeout, way.waiting[0][0] - now)
        return readers, writers, timeout

    def carry_out_commands(self):
        self.wake_receiver.recv(4096)
        while not self.commands.empty():
            function, done = self.commands.get()
            function()
            done.set()

    def accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        self.connections.append(Connection(self, client))

    def attempt(self, function, connection, way):
        if connection.client is None:
            return
        try:
            function(connection, way)
        except BlockingIOError:
            pass
        except OSError:
            connection.close()

    def read_some(self, connection, way):
        if connection.broker is None:
            if way.name == REQUESTS and not way.source.recv(CHUNK_BYTES):
                connection.close()
            return
        way.read(time.monotonic() + self.delay_s)
        self.close_if_done(connection)

    def write_some(self, connection, way):
        if connection.broker is None:
            return
        if way is None:
            error = connection.broker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                connection.close()
            connection.connected = True
            return
        way.write()
        self.close_if_done(connection)

    def close_if_done(self, connection):
        requests, answers = connection.ways
        cut = connection.cut_when_sent and not requests.waiting
        if cut or any(way.at_end and not way.waiting for way in (requests, answers)):
            self.cut_count += cut
            connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--to', required=True, metavar='HOST:PORT', help='on this machine')
    arguments = parser.parse_args()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', arguments.port))
    proxy = Proxy(int(arguments.to.rsplit(':', 1)[1]), listener)
    allowed = ('swallow', 'cut', 'cut_inside_requests', 'delay', 'hold', 'half_open',
               'drop_half_open')
    for line in sys.stdin:
        name, _, argument = line.strip().partition(' ')
        if name not in allowed:
            print('one of', *allowed)
            continue
        values = {'': (), 'none': (None,)}.get(argument)
        if values is None:
            values = (float(argument),) if name in ('delay', 'cut_inside_requests') else (argument,)
        getattr(proxy, name)(*values)


if __name__ == '__main__':
    main()
