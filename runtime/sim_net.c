/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simulated sockets: connecting, accepting, closing.
 *
 *   ASKING ──► ANSWERING ──► GREETING ──► OPEN         a connection takes one round trip
 *      │           │
 *      └► REFUSING ┴──► FAILED                         nobody listens, or a fault
 *
 * The client is connected from GREETING on, the listener can accept from OPEN on.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/sim_internal.h"

/* As Linux does: asked again after 1, 2, 4, … seconds, given up after 127. */
enum { ASKED_MAX = 7 };
#define ASK_AGAIN_NS UINT64_C(1000000000)

uint64_t sim_delay(struct sim *sim) {
    const struct rt_sim_options *options = &sim->options;
    return options->delay_min_ns + sim_draw(sim, options->delay_max_ns - options->delay_min_ns + 1);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static void socket_disown(struct sim_socket *base) {
    base->owner->handle = -1;
    base->owner->executor = NULL;
    base->owner = NULL;
}

static void socket_mark(struct sim_socket *base) {
    if (base->owner != NULL) {
        RT_ASSERT(base->owner->handle == base->handle); /* not initialised while it was open */
        rt_mark(base->owner->actor, base->owner->mark);
    }
}

void sim_end_mark(struct sim_end *end) {
    socket_mark(&end->base);
}

static struct sim_socket *socket_base(struct sim *sim, const struct rt_socket *socket,
                                      enum sim_socket_kind kind) {
    RT_ASSERT(sim->running == socket->actor); /* inside its actor's activation */
    struct sim_socket *base = socket->executor;
    RT_ASSERT(socket->handle >= 0 && base->handle == socket->handle && base->owner == socket);
    RT_ASSERT(base->kind == kind);
    return base;
}

/* ---- connections ----------------------------------------------------------------------------- */

static struct sim_connection *connection_create(struct sim *sim, struct sim_site *site) {
    struct sim_connection *connection = sim_allocate(sizeof(*connection));
    connection->id = ++sim->connections_made;
    connection->site = site;
    sim_event_init(&connection->handshake, SIM_EVENT_HANDSHAKE, connection);
    for (unsigned side = 0; side < 2; side++) {
        connection->ends[side] = (struct sim_end){.base = {.kind = SIM_SOCKET_END, .handle = -1},
                                                  .connection = connection,
                                                  .side = side,
                                                  .wants_read = true};
        sim_pipe_init(&connection->pipes[side], connection);
    }
    connection->next = site->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    site->connections = connection;
    sim->connections++;
    return connection;
}

static void connection_destroy(struct sim *sim, struct sim_connection *connection) {
    sim_unschedule(sim, &connection->handshake);
    sim_pipe_deinit(sim, &connection->pipes[SIM_CLIENT]);
    sim_pipe_deinit(sim, &connection->pipes[SIM_SERVER]);
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        connection->site->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    sim->connections--;
    free(connection);
}

void sim_connection_settle(struct sim *sim, struct sim_connection *connection) {
    if (!connection->ends[SIM_CLIENT].open && !connection->ends[SIM_SERVER].open) {
        connection_destroy(sim, connection);
    }
}

int sim_socket_connect(struct rt_world *world, struct rt_socket *socket,
                       const struct rt_address *address) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == socket->actor);
    if ((address->family != 4 && address->family != 6) || address->port == 0) {
        return -EINVAL;
    }
    struct sim_connection *connection = connection_create(sim, sim_site_of(sim, address));
    connection->ends[SIM_CLIENT].open = true;
    sim_socket_own(sim, &connection->ends[SIM_CLIENT].base, socket);
    connection->stage = SIM_STAGE_ASKING;
    sim_schedule(sim, &connection->handshake, sim->now_ns + sim_delay(sim));
    sim_note(sim, SIM_NOTE_CONNECT, socket->actor, connection->id, address->port, 0);
    return 0;
}

int sim_socket_connected(struct rt_world *world, struct rt_socket *socket) {
    struct sim *sim = sim_of(world);
    struct sim_end *end = (struct sim_end *)socket_base(sim, socket, SIM_SOCKET_END);
    if (end->error != 0) {
        return end->error;
    }
    return end->connection->stage >= SIM_STAGE_GREETING ? 0 : RT_IO_AGAIN;
}

static void connection_fail(struct sim *sim, struct sim_connection *connection, int error) {
    struct sim_end *client = &connection->ends[SIM_CLIENT];
    sim_note(sim, SIM_NOTE_REFUSED, NULL, connection->id, (uint64_t)-error, 0);
    connection->stage = SIM_STAGE_FAILED;
    client->error = error;
    sim_end_mark(client);
}

static void ask_again(struct sim *sim, struct sim_connection *connection) {
    if (connection->asked == ASKED_MAX) {
        connection_fail(sim, connection, -ETIMEDOUT);
        return;
    }
    sim_note(sim, SIM_NOTE_ASK_AGAIN, NULL, connection->id, connection->asked, 0);
    connection->stage = SIM_STAGE_ASKING;
    sim_schedule(sim, &connection->handshake, sim->now_ns + (ASK_AGAIN_NS << connection->asked++));
}

void sim_handshake_complete(struct sim *sim, struct sim_connection *connection) {
    struct sim_listener *listener = sim_listener_at(sim, connection->site);
    connection->stage = SIM_STAGE_OPEN;
    if (listener == NULL) { /* it went away meanwhile */
        sim_pipe_close(sim, &connection->pipes[SIM_SERVER], SIM_SEGMENT_RESET);
        return;
    }
    connection->ends[SIM_SERVER].open = true;
    connection->backlog_next = NULL;
    if (listener->backlog_last != NULL) {
        listener->backlog_last->backlog_next = connection;
    } else {
        listener->backlog_first = connection;
    }
    listener->backlog_last = connection;
    sim_note(sim, SIM_NOTE_BACKLOG, NULL, connection->id, 0, 0);
    socket_mark(&listener->base);
}

static void handshake_asked(struct sim *sim, struct sim_connection *connection) {
    bool refused =
        connection->site->fault == RT_SIM_REFUSE || sim_listener_at(sim, connection->site) == NULL;
    connection->stage = refused ? SIM_STAGE_REFUSING : SIM_STAGE_ANSWERING;
    sim_schedule(sim, &connection->handshake, sim->now_ns + sim_delay(sim));
}

static void handshake_answered(struct sim *sim, struct sim_connection *connection) {
    connection->stage = SIM_STAGE_GREETING;
    uint64_t greeted_ns = sim->now_ns + sim_delay(sim);
    connection->pipes[SIM_CLIENT].last_arrival_ns = greeted_ns;
    sim_schedule(sim, &connection->handshake, greeted_ns);
    sim_note(sim, SIM_NOTE_CONNECTED, NULL, connection->id, 0, 0);
    sim_end_mark(&connection->ends[SIM_CLIENT]);
}

void sim_handshake_event(struct sim *sim, struct sim_connection *connection) {
    enum rt_sim_fault fault = connection->site->fault;
    if (fault == RT_SIM_STALL) {
        connection->parked = true;
        return;
    }
    switch (connection->stage) {
    case SIM_STAGE_ASKING:
        if (fault == RT_SIM_BLACKHOLE) {
            ask_again(sim, connection);
        } else {
            handshake_asked(sim, connection);
        }
        break;
    case SIM_STAGE_ANSWERING:
        if (fault == RT_SIM_BLACKHOLE) {
            ask_again(sim, connection);
        } else {
            handshake_answered(sim, connection);
        }
        break;
    case SIM_STAGE_REFUSING:
        connection_fail(sim, connection, -ECONNREFUSED);
        break;
    case SIM_STAGE_GREETING:
        if (fault != RT_SIM_BLACKHOLE) { /* else the first bytes greet, when they come through */
            sim_handshake_complete(sim, connection);
            sim_connection_settle(sim, connection);
        }
        break;
    default:
        RT_ASSERT(connection->stage < SIM_STAGE_OPEN); /* what is over has no events */
    }
}

int sim_socket_accept(struct rt_world *world, struct rt_socket *listener,
                      struct rt_socket *socket) {
    struct sim *sim = sim_of(world);
    struct sim_listener *from =
        (struct sim_listener *)socket_base(sim, listener, SIM_SOCKET_LISTENER);
    struct sim_connection *connection = from->backlog_first;
    if (connection == NULL) {
        return RT_IO_AGAIN;
    }
    from->backlog_first = connection->backlog_next;
    if (from->backlog_first == NULL) {
        from->backlog_last = NULL;
    }
    struct sim_end *end = &connection->ends[SIM_SERVER];
    sim_socket_own(sim, &end->base, socket);
    sim_note(sim, SIM_NOTE_ACCEPT, socket->actor, connection->id, 0, 0);
    const struct sim_pipe *incoming = &connection->pipes[SIM_CLIENT];
    if (incoming->arrived > 0 || incoming->ended || end->error != 0) {
        sim_end_mark(end); /* it came before there was anybody to tell */
    }
    return 0;
}

/* ---- close ----------------------------------------------------------------------------------- */

/* As the kernel does: unread bytes turn the orderly end into a reset. */
static void end_close(struct sim *sim, struct sim_end *end) {
    struct sim_connection *connection = end->connection;
    struct sim_pipe *incoming = &connection->pipes[1 - end->side];
    sim_note(sim, SIM_NOTE_CLOSE, NULL, connection->id, end->side, incoming->arrived);
    bool unread = incoming->arrived > 0;
    sim_pipe_forget_arrived(incoming);
    end->open = false;
    if (end->error == 0 && connection->stage >= SIM_STAGE_GREETING) {
        sim_pipe_close(sim, &connection->pipes[end->side],
                       unread ? SIM_SEGMENT_RESET : SIM_SEGMENT_END);
    }
    if (connection->stage == SIM_STAGE_GREETING) {
        return; /* the listener will still see it come and go */
    }
    sim_connection_settle(sim, connection);
}

static void listener_close(struct sim *sim, struct sim_listener *listener) {
    while (listener->backlog_first != NULL) {
        struct sim_connection *connection = listener->backlog_first;
        listener->backlog_first = connection->backlog_next;
        connection->ends[SIM_SERVER].open = false;
        sim_pipe_close(sim, &connection->pipes[SIM_SERVER], SIM_SEGMENT_RESET);
        sim_connection_settle(sim, connection);
    }
    listener->site->listener = NULL;
    free(listener);
}

void sim_socket_close(struct rt_world *world, struct rt_socket *socket) {
    struct sim *sim = sim_of(world);
    if (socket->handle == -1) {
        return;
    }
    struct sim_socket *base = socket->executor;
    socket_base(sim, socket, base->kind);
    socket_disown(base);
    if (base->kind == SIM_SOCKET_LISTENER) {
        listener_close(sim, (struct sim_listener *)base);
    } else {
        end_close(sim, (struct sim_end *)base);
    }
}

/* ---- from one owner to another --------------------------------------------------------------- */

struct rt_parted sim_socket_part(struct rt_world *world, struct rt_socket *socket) {
    struct sim *sim = sim_of(world);
    struct sim_end *end = (struct sim_end *)socket_base(sim, socket, SIM_SOCKET_END);
    sim_note(sim, SIM_NOTE_PART, socket->actor, end->connection->id, end->side, 0);
    socket_disown(&end->base);
    return (struct rt_parted){.executor = end};
}

int sim_socket_join(struct rt_world *world, struct rt_socket *socket, struct rt_parted parted) {
    struct sim *sim = sim_of(world);
    struct sim_end *end = parted.executor;
    RT_ASSERT(sim->running == socket->actor && end->base.owner == NULL && end->open);
    sim_socket_own(sim, &end->base, socket);
    sim_note(sim, SIM_NOTE_JOIN, socket->actor, end->connection->id, end->side, 0);
    sim_end_mark(end);
    return 0;
}

bool sim_actor_has_socket(struct sim *sim, const struct rt_actor *actor) {
    for (struct sim_site *site = sim->sites; site != NULL; site = site->next) {
        if (site->listener != NULL && site->listener->base.owner->actor == actor) {
            return true;
        }
        for (struct sim_connection *each = site->connections; each != NULL; each = each->next) {
            for (unsigned side = 0; side < 2; side++) {
                const struct rt_socket *owner = each->ends[side].base.owner;
                if (owner != NULL && owner->actor == actor) {
                    return true;
                }
            }
        }
    }
    return false;
}

void sim_net_deinit(struct sim *sim) {
    while (sim->sites != NULL) {
        struct sim_site *site = sim->sites;
        RT_ASSERT(site->listener == NULL); /* its actor is gone */
        while (site->connections != NULL) {
            connection_destroy(sim, site->connections);
        }
        sim->sites = site->next;
        free(site);
    }
}
