/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/echo.h"

#include <errno.h>
#include <string.h>

struct rt_address echo_address(uint16_t port) {
    return (struct rt_address){.ip = {127, 0, 0, 1}, .port = port, .family = 4};
}

struct rt_sim_options echo_options(uint64_t seed) {
    return (struct rt_sim_options){.seed = seed,
                                   .wall_start_ms = 1700000000000,
                                   .delay_min_ns = 20000,
                                   .delay_max_ns = 200000,
                                   .budget_max = 8};
}

static uint8_t pattern(uint64_t at) {
    return (uint8_t)((at * 31) ^ (at >> 8));
}

/* ---- server ---------------------------------------------------------------------------------- */

static void accept_all(struct echo_server *server, struct rt_world *world) {
    while (server->accepted < ECHO_SIDES_MAX) {
        struct echo_side *side = &server->sides[server->accepted];
        rt_socket_init(&side->socket, &server->actor, ECHO_MARK_SOCKET);
        if (rt_socket_accept(world, &server->listener, &side->socket) != 0) {
            return;
        }
        server->accepted++;
    }
}

static bool flush_side(struct echo_side *side, struct rt_world *world) {
    while (side->count > 0) {
        struct rt_slice slices[2] = {
            {side->buffer + side->first, side->count / 2},
            {side->buffer + side->first + side->count / 2, side->count - side->count / 2}};
        int64_t written = rt_socket_write(world, &side->socket, slices, 2);
        if (written == RT_IO_AGAIN) {
            return false;
        }
        if (written < 0) {
            side->count = 0;
            return true;
        }
        side->first += (size_t)written;
        side->count -= (size_t)written;
    }
    side->first = 0;
    return true;
}

static void serve_side(struct echo_server *server, struct echo_side *side, struct rt_world *world) {
    while (side->socket.handle >= 0 && flush_side(side, world)) {
        int64_t got = rt_socket_read(world, &side->socket, side->buffer, sizeof(side->buffer));
        if (got == RT_IO_AGAIN) {
            return;
        }
        if (got <= 0) {
            server->resets += got < 0;
            server->ends += got == 0;
            rt_socket_close(world, &side->socket);
            return;
        }
        server->bytes_read += (uint64_t)got;
        side->count = (size_t)got;
    }
}

static enum rt_verdict server_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct echo_server *server = (struct echo_server *)actor;
    if (server->listener.handle < 0 && server->listen_result == 1) {
        server->listen_result = rt_socket_listen(turn->world, &server->listener, &server->address);
    }
    if ((marks & ECHO_MARK_LISTENER) != 0) {
        accept_all(server, turn->world);
    }
    server->silent = server->silent || (marks & ECHO_MARK_SILENT) != 0;
    for (unsigned i = 0; i < server->accepted; i++) {
        if (!server->silent && server->sides[i].socket.handle >= 0) {
            serve_side(server, &server->sides[i], turn->world);
        }
    }
    if ((marks & ECHO_MARK_STOP) == 0) {
        return RT_IDLE;
    }
    for (unsigned i = 0; i < server->accepted; i++) {
        rt_socket_close(turn->world, &server->sides[i].socket);
    }
    rt_socket_close(turn->world, &server->listener);
    return RT_END;
}

static void server_gone(struct rt_actor *actor) {
    ((struct echo_server *)actor)->gone = true;
}

void echo_server_start(struct echo_server *server, struct rt_world *world, uint16_t port) {
    static const struct rt_actor_kind kind = {
        .name = "echo-server", .run = server_run, .gone = server_gone};
    memset(server, 0, sizeof(*server));
    server->address = echo_address(port);
    server->listen_result = 1;
    rt_actor_start(&server->actor, &kind, world);
    rt_socket_init(&server->listener, &server->actor, ECHO_MARK_LISTENER);
    rt_notify(&server->actor);
    rt_sim_settle(world);
}

/* ---- client ---------------------------------------------------------------------------------- */

static void client_done(struct echo_client *client, struct rt_world *world, uint32_t how) {
    rt_socket_close(world, &client->socket);
    rt_timer_cancel(world, &client->timer);
    atomic_store(&client->done, how);
    rt_wake(world, &client->done);
}

static int client_send(struct echo_client *client, struct rt_world *world) {
    uint8_t piece[1000];
    while (client->sent < client->total) {
        size_t size = 0;
        for (; size < sizeof(piece) && client->sent + size < client->total; size++) {
            piece[size] = pattern(client->sent + size);
        }
        struct rt_slice slice = {piece, size};
        int64_t written = rt_socket_write(world, &client->socket, &slice, 1);
        if (written == RT_IO_AGAIN) {
            client->agains++;
            return 0;
        }
        if (written < 0) {
            return (int)written;
        }
        client->sent += (uint64_t)written;
    }
    return 0;
}

static int client_receive(struct echo_client *client, struct rt_world *world) {
    uint8_t piece[3000];
    while (client->received < client->total) {
        int64_t got = rt_socket_read(world, &client->socket, piece, sizeof(piece));
        if (got == RT_IO_AGAIN) {
            return 0;
        }
        if (got <= 0) {
            return got == 0 ? -EPIPE : (int)got;
        }
        for (int64_t i = 0; i < got; i++) {
            client->wrong_byte =
                client->wrong_byte || piece[i] != pattern(client->received + (uint64_t)i);
        }
        client->received += (uint64_t)got;
    }
    return 0;
}

static void client_work(struct echo_client *client, struct rt_turn *turn) {
    int result = client->connected ? 0 : rt_socket_connected(turn->world, &client->socket);
    if (result == RT_IO_AGAIN) {
        return;
    }
    if (result == 0 && !client->connected) {
        client->connected = true;
        client->connected_ns = rt_turn_now(turn);
    }
    if (result == 0) {
        result = client_send(client, turn->world);
    }
    if (result == 0 && !client->half) {
        result = client_receive(client, turn->world);
    }
    if (result < 0) {
        client->error = result;
        client_done(client, turn->world, 2);
    } else if (client->half ? client->sent == client->total : client->received == client->total) {
        client_done(client, turn->world, 1);
    }
}

static enum rt_verdict client_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct echo_client *client = (struct echo_client *)actor;
    if (atomic_load(&client->done) == 0 && client->socket.handle < 0) {
        client->error = rt_socket_connect(turn->world, &client->socket, &client->address);
        if (client->patience_ns > 0) {
            rt_timer_arm(turn->world, &client->timer, rt_turn_now(turn) + client->patience_ns);
        }
    } else if (client->socket.handle >= 0) {
        client_work(client, turn);
    }
    if (client->socket.handle >= 0 && (marks & ECHO_MARK_TIMER) != 0) {
        client_done(client, turn->world, 3);
    }
    if ((marks & ECHO_MARK_STOP) != 0) {
        client_done(client, turn->world, atomic_load(&client->done));
        return RT_END;
    }
    return RT_IDLE;
}

static void client_gone(struct rt_actor *actor) {
    ((struct echo_client *)actor)->gone = true;
}

void echo_client_start(struct echo_client *client, struct rt_world *world,
                       const struct rt_address *address, uint64_t total) {
    static const struct rt_actor_kind kind = {
        .name = "echo-client", .run = client_run, .gone = client_gone};
    memset(client, 0, sizeof(*client));
    client->address = *address;
    client->total = total;
    rt_actor_start(&client->actor, &kind, world);
    rt_socket_init(&client->socket, &client->actor, ECHO_MARK_SOCKET);
    rt_timer_init(&client->timer, &client->actor, ECHO_MARK_TIMER);
    rt_notify(&client->actor);
}

void echo_finish(struct rt_world *world, struct echo_server *server, struct echo_client *client) {
    if (client != NULL) {
        rt_mark(&client->actor, ECHO_MARK_STOP);
    }
    if (server != NULL) {
        rt_mark(&server->actor, ECHO_MARK_STOP);
    }
    rt_sim_run_until(world, rt_now(world) + 1000000000u);
    RT_ASSERT(client == NULL || client->gone);
    RT_ASSERT(server == NULL || server->gone);
    rt_world_destroy(world);
}
