/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets over loopback, between actors: bytes whole and in order, ends and refusals as values. */
#include <errno.h>

#include "harness.h"
#include "test.h"

enum { MARK_LISTEN = 1, MARK_STREAM = 2, MARK_INHERIT = 3, PIECE_BYTES = 50000 };

static struct rt_address loopback(uint8_t family) {
    struct rt_address address = {.family = family};
    if (family == 4) {
        address.ip[0] = 127;
        address.ip[3] = 1;
    } else {
        address.ip[15] = 1;
    }
    return address;
}

/* ---- an echo server -------------------------------------------------------------------------- */

struct server {
    struct harness_actor self;
    struct rt_socket listener;
    struct rt_socket stream;
    struct rt_address address;
    struct harness_count listening;
    struct harness_count ended;
    int error;
    bool accepted;
    uint8_t bytes[PIECE_BYTES];
    size_t filled;
    size_t written;
};

static void serve(struct server *server, struct rt_world *world) {
    for (;;) {
        if (server->written == server->filled) {
            int64_t got = rt_socket_read(world, &server->stream, server->bytes, PIECE_BYTES);
            if (got == RT_IO_AGAIN) {
                return;
            }
            if (got <= 0) {
                server->error = (int)got;
                rt_socket_close(world, &server->stream);
                return;
            }
            server->filled = (size_t)got;
            server->written = 0;
        }
        struct rt_slice slice = {server->bytes + server->written, server->filled - server->written};
        int64_t taken = rt_socket_write(world, &server->stream, &slice, 1);
        if (taken == RT_IO_AGAIN) {
            return;
        }
        cr_assert_gt(taken, 0);
        server->written += (size_t)taken;
    }
}

static enum rt_verdict run_server(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    struct server *server = (struct server *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        rt_socket_init(&server->listener, &self->actor, RT_MARK(MARK_LISTEN));
        rt_socket_init(&server->stream, &self->actor, RT_MARK(MARK_STREAM));
        server->error = rt_socket_listen(turn->world, &server->listener, &server->address);
        harness_add(&server->listening, 1);
    }
    if (!server->accepted && server->listener.handle >= 0) {
        int result = rt_socket_accept(turn->world, &server->listener, &server->stream);
        cr_assert(result == 0 || result == RT_IO_AGAIN, "accept: %d", result);
        server->accepted = result == 0;
    }
    if (server->accepted) {
        serve(server, turn->world);
    }
    if (server->error != 0 || (server->accepted && server->stream.handle < 0)) {
        rt_socket_close(turn->world, &server->listener);
        harness_add(&server->ended, 1);
        return RT_END;
    }
    return RT_IDLE;
}

static struct server *start_server(struct rt_world *world, uint8_t family) {
    struct server *server = calloc(1, sizeof *server);
    cr_assert_not_null(server);
    server->self.run = run_server;
    server->address = loopback(family);
    server->listening.world = world;
    server->ended.world = world;
    harness_start(&server->self, world);
    rt_mark(&server->self.actor, RT_MARK(0));
    harness_await(&server->listening, 1);
    cr_assert_eq(server->error, 0);
    cr_assert_neq(server->address.port, 0);
    return server;
}

/* ---- a client that sends a long pattern and wants it back ------------------------------------ */

struct client {
    struct harness_actor self;
    struct rt_socket socket;
    struct rt_address address;
    struct harness_count ended;
    int connected; /* RT_IO_AGAIN until decided */
    uint64_t total_bytes;
    uint64_t sent;
    uint64_t received;
    struct client *heir; /* goes on with the socket once so much is received, or NULL */
    uint64_t inherited_at;
    struct rt_parted parted; /* of who went before */
};

static uint8_t pattern(uint64_t position) {
    return (uint8_t)(position * 7 + (position >> 8) * 13 + (position >> 16));
}

static void client_send(struct client *client, struct rt_world *world) {
    static _Thread_local uint8_t bytes[PIECE_BYTES];
    while (client->sent < client->total_bytes) {
        uint64_t left = client->total_bytes - client->sent;
        size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = pattern(client->sent + i);
        }
        struct rt_slice slices[3] = {
            {bytes, size / 3}, {bytes, 0}, {bytes + size / 3, size - size / 3}};
        int64_t taken = rt_socket_write(world, &client->socket, slices, 3);
        if (taken == RT_IO_AGAIN) {
            return;
        }
        cr_assert_gt(taken, 0);
        client->sent += (uint64_t)taken;
    }
}

static void client_receive(struct client *client, struct rt_world *world) {
    static _Thread_local uint8_t bytes[PIECE_BYTES];
    for (;;) {
        int64_t got = rt_socket_read(world, &client->socket, bytes, sizeof bytes);
        if (got == RT_IO_AGAIN) {
            return;
        }
        cr_assert_gt(got, 0);
        for (int64_t i = 0; i < got; i++) {
            cr_assert_eq(bytes[i], pattern(client->received + (uint64_t)i));
        }
        client->received += (uint64_t)got;
    }
}

/* The other one goes on where this one is. */
static void client_part(struct client *client, struct rt_world *world) {
    struct client *heir = client->heir;
    heir->sent = client->sent;
    heir->received = client->received;
    heir->parted = rt_socket_part(world, &client->socket);
    cr_assert_eq(client->socket.handle, -1);
    rt_mark(&heir->self.actor, RT_MARK(MARK_INHERIT));
}

static enum rt_verdict run_client(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    struct client *client = (struct client *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        rt_socket_init(&client->socket, &self->actor, RT_MARK(MARK_STREAM));
        client->connected = rt_socket_connect(turn->world, &client->socket, &client->address);
        client->connected = client->connected == 0 ? RT_IO_AGAIN : client->connected;
    }
    if ((marks & RT_MARK(MARK_INHERIT)) != 0) {
        rt_socket_init(&client->socket, &self->actor, RT_MARK(MARK_STREAM));
        client->connected = rt_socket_join(turn->world, &client->socket, client->parted);
    }
    if (client->connected == RT_IO_AGAIN) {
        client->connected = rt_socket_connected(turn->world, &client->socket);
    }
    if (client->connected == 0) {
        client_send(client, turn->world);
        client_receive(client, turn->world);
    }
    if (client->heir != NULL && client->received >= client->inherited_at) {
        client_part(client, turn->world);
        harness_add(&client->ended, 1);
        return RT_END;
    }
    if (client->connected == RT_IO_AGAIN ||
        (client->connected == 0 && client->received < client->total_bytes) ||
        client->connected == -ENOTCONN) {
        return RT_IDLE;
    }
    rt_socket_close(turn->world, &client->socket);
    rt_socket_close(turn->world, &client->socket); /* allowed */
    harness_add(&client->ended, 1);
    return RT_END;
}

static void start_client(struct client *client, struct rt_world *world,
                         const struct rt_address *address, uint64_t bytes) {
    *client = (struct client){
        .self.run = run_client, .address = *address, .ended.world = world, .total_bytes = bytes};
    harness_start(&client->self, world);
    rt_mark(&client->self.actor, RT_MARK(0));
}

static void an_echo_comes_back_whole(unsigned workers, uint8_t family) {
    struct rt_world *world = harness_world(workers);
    struct server *server = start_server(world, family);
    struct client client;
    start_client(&client, world, &server->address, UINT64_C(8000000) * HARNESS_SCALE + 1);
    harness_await(&client.ended, 1);
    harness_await(&server->ended, 1);
    cr_assert_eq(client.connected, 0);
    cr_assert_eq(client.received, client.total_bytes);
    harness_end(world);
    free(server);
}

Test(socket, megabytes_come_back_whole_through_partial_writes) {
    an_echo_comes_back_whole(2, 4);
}

Test(socket, one_worker_alone_can_serve_both_ends) {
    an_echo_comes_back_whole(1, 4);
}

Test(socket, ipv6_works_too) {
    an_echo_comes_back_whole(2, 6);
}

/* Bytes come all the time, also while it is of nobody. */
Test(socket, that_goes_from_actor_to_actor_loses_nothing) {
    struct rt_world *world = harness_world(2);
    struct server *server = start_server(world, 4);
    enum { HEIRS = 20 };
    static struct client clients[HEIRS];
    uint64_t total = UINT64_C(4000000) * HARNESS_SCALE + 1;
    for (int i = 0; i < HEIRS; i++) {
        clients[i] = (struct client){.self.run = run_client,
                                     .address = server->address,
                                     .ended.world = world,
                                     .total_bytes = total,
                                     .connected = -ENOTCONN,
                                     .heir = i + 1 < HEIRS ? &clients[i + 1] : NULL,
                                     .inherited_at = total / HEIRS * ((uint64_t)i + 1)};
        harness_start(&clients[i].self, world);
    }
    rt_mark(&clients[0].self.actor, RT_MARK(0));
    for (int i = 0; i < HEIRS; i++) {
        harness_await(&clients[i].ended, 1);
    }
    harness_await(&server->ended, 1);
    cr_assert_eq(clients[HEIRS - 1].received, total);
    harness_end(world);
    free(server);
}

Test(socket, a_refused_connection_is_an_error_value) {
    struct rt_world *world = harness_world(2);
    struct server *server = start_server(world, 4);
    struct client first;
    start_client(&first, world, &server->address, 1);
    harness_await(&server->ended, 1); /* it takes one connection, then closes its listener */
    struct client second;
    start_client(&second, world, &server->address, 1);
    harness_await(&second.ended, 1);
    cr_assert_eq(second.connected, -ECONNREFUSED);
    harness_end(world);
    free(server);
}

Test(socket, listening_twice_on_a_port_is_refused) {
    struct rt_world *world = harness_world(1);
    struct server *server = start_server(world, 4);
    struct server *second = calloc(1, sizeof *second);
    cr_assert_not_null(second);
    second->self.run = run_server;
    second->address = server->address;
    second->listening.world = world;
    second->ended.world = world;
    harness_start(&second->self, world);
    rt_mark(&second->self.actor, RT_MARK(0));
    harness_await(&second->ended, 1);
    cr_assert_eq(second->error, -EADDRINUSE);
    struct client client;
    start_client(&client, world, &server->address, 1);
    harness_await(&server->ended, 1);
    harness_end(world);
    free(server);
    free(second);
}

/* ---- what is closed stays silent ------------------------------------------------------------- */

struct restless {
    struct harness_actor self;
    struct rt_socket socket;
    struct rt_address address;
    struct harness_count ended;
    uint32_t openings;
    uint32_t wanted;
};

/* Opens, and closes as soon as anything is heard; each opening has the other one of two marks. */
static enum rt_verdict open_and_close(struct harness_actor *self, struct rt_turn *turn,
                                      uint32_t marks) {
    struct restless *restless = (struct restless *)(void *)self;
    uint32_t own = RT_MARK(1 + restless->openings % 2);
    cr_assert_eq(marks & (RT_MARK(1) | RT_MARK(2)) & ~own, 0, "a mark of a closed socket");
    if (restless->openings > 0 && (marks & own) == 0) {
        return RT_IDLE;
    }
    if (restless->openings > 0) {
        rt_socket_close(turn->world, &restless->socket);
    }
    if (restless->openings == restless->wanted) {
        harness_add(&restless->ended, 1);
        return RT_END;
    }
    restless->openings++;
    rt_socket_init(&restless->socket, &self->actor, RT_MARK(1 + restless->openings % 2));
    int error = rt_socket_connect(turn->world, &restless->socket, &restless->address);
    cr_assert_eq(error, 0);
    return RT_IDLE;
}

struct greeter {
    struct harness_actor self;
    struct rt_socket listener;
    struct rt_address address;
    struct harness_count listening;
    struct harness_count greeted;
};

static enum rt_verdict greet_and_close(struct harness_actor *self, struct rt_turn *turn,
                                       uint32_t marks) {
    struct greeter *greeter = (struct greeter *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        rt_socket_init(&greeter->listener, &self->actor, RT_MARK(MARK_LISTEN));
        cr_assert_eq(rt_socket_listen(turn->world, &greeter->listener, &greeter->address), 0);
        harness_add(&greeter->listening, 1);
    }
    for (;;) {
        struct rt_socket stream;
        rt_socket_init(&stream, &self->actor, RT_MARK(MARK_STREAM));
        if (rt_socket_accept(turn->world, &greeter->listener, &stream) != 0) {
            break;
        }
        struct rt_slice slice = {"hello", 5};
        (void)rt_socket_write(turn->world, &stream, &slice, 1); /* the peer may be gone already */
        rt_socket_close(turn->world, &stream);
        harness_add(&greeter->greeted, 1);
    }
    if ((marks & RT_MARK(3)) != 0) {
        rt_socket_close(turn->world, &greeter->listener);
        return RT_END;
    }
    return RT_IDLE;
}

Test(socket, a_closed_socket_raises_no_mark_in_its_successor) {
    struct rt_world *world = harness_world(1); /* so that closing and polling take turns */
    struct greeter greeter = {.self.run = greet_and_close,
                              .address = loopback(4),
                              .listening.world = world,
                              .greeted.world = world};
    harness_start(&greeter.self, world);
    rt_mark(&greeter.self.actor, RT_MARK(0));
    harness_await(&greeter.listening, 1);
    struct restless restless = {.self.run = open_and_close,
                                .address = greeter.address,
                                .ended.world = world,
                                .wanted = 500};
    harness_start(&restless.self, world);
    rt_notify(&restless.self.actor);
    harness_await(&restless.ended, 1);
    rt_mark(&greeter.self.actor, RT_MARK(3));
    harness_end(world);
}

/* ---- many at once ---------------------------------------------------------------------------- */

Test(socket, hundreds_of_connections_live_beside_each_other) {
    enum { PAIRS = 150 }; /* more than two chunks of slots */
    struct rt_world *world = harness_world(2);
    struct server *servers[PAIRS];
    struct client *clients = calloc(PAIRS, sizeof *clients);
    cr_assert_not_null(clients);
    for (int i = 0; i < PAIRS; i++) {
        servers[i] = start_server(world, 4);
    }
    for (int i = 0; i < PAIRS; i++) {
        start_client(&clients[i], world, &servers[i]->address, 10000 + (uint64_t)i);
    }
    for (int i = 0; i < PAIRS; i++) {
        harness_await(&clients[i].ended, 1);
        harness_await(&servers[i]->ended, 1);
        cr_assert_eq(clients[i].received, clients[i].total_bytes);
    }
    harness_end(world);
    for (int i = 0; i < PAIRS; i++) {
        free(servers[i]);
    }
    free(clients);
}
