/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything at once: visitors look up, connect, talk, time out and end at any moment. */
#include <errno.h>

#include "harness.h"
#include "test.h"

enum { HOSTS = 3, VISITORS_AT_ONCE = 40, LISTENING = 1, TIMED = 2, LOOKED_UP = 3, READY = 4 };

struct host {
    struct harness_actor self;
    struct rt_socket listener;
    struct rt_address address;
    struct harness_count listening;
    uint64_t greeted;
};

struct storm {
    struct host hosts[HOSTS];
    struct harness_count gone;
    uint32_t visits;
    _Atomic uint32_t started;
    _Atomic uint64_t heard;
    _Atomic uint64_t timed_out;
};

static enum rt_verdict greet(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct host *host = (struct host *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        rt_socket_init(&host->listener, &self->actor, RT_MARK(LISTENING));
        cr_assert_eq(rt_socket_listen(turn->world, &host->listener, &host->address), 0);
        harness_add(&host->listening, 1);
    }
    for (;;) {
        struct rt_socket stream;
        rt_socket_init(&stream, &self->actor, RT_MARK(READY));
        if (rt_socket_accept(turn->world, &host->listener, &stream) != 0) {
            break;
        }
        struct rt_slice slices[2] = {{"go", 2}, {"od day", 6}};
        (void)rt_socket_write(turn->world, &stream, slices, 2); /* the visitor may have left */
        rt_socket_close(turn->world, &stream);
        host->greeted++;
    }
    if ((marks & RT_MARK(5)) != 0) {
        rt_socket_close(turn->world, &host->listener);
        return RT_END;
    }
    return RT_IDLE;
}

struct visitor {
    struct harness_actor self;
    struct storm *storm;
    struct rt_timer timeout;
    struct rt_timer never;
    struct rt_socket socket;
    struct rt_lookup *lookup;
    uint64_t due_ns;
    bool connected;
};

static void start_visitor(struct storm *storm, struct rt_world *world);

static enum rt_verdict leave(struct visitor *visitor, struct rt_turn *turn) {
    rt_socket_close(turn->world, &visitor->socket);
    if (visitor->lookup != NULL) {
        rt_lookup_abandon(turn->world, visitor->lookup);
    }
    return RT_END;
}

static void arrive(struct visitor *visitor, struct rt_turn *turn) {
    struct rt_actor *actor = &visitor->self.actor;
    rt_timer_init(&visitor->timeout, actor, RT_MARK(TIMED));
    rt_timer_init(&visitor->never, actor, RT_MARK(0));
    rt_socket_init(&visitor->socket, actor, RT_MARK(READY));
    visitor->due_ns = rt_turn_now(turn) + rt_random(turn->world) % 2000000;
    rt_timer_arm(turn->world, &visitor->timeout, visitor->due_ns);
    rt_timer_arm(turn->world, &visitor->never, rt_turn_now(turn) + UINT64_C(1000000000000));
    visitor->lookup = rt_lookup_start(turn->world, actor, RT_MARK(LOOKED_UP), "127.0.0.1", 1);
    cr_assert_not_null(visitor->lookup);
}

/* Negative when there is no more to hear. */
static int listen_to_greeting(struct visitor *visitor, struct rt_turn *turn) {
    if (!visitor->connected) {
        int result = rt_socket_connected(turn->world, &visitor->socket);
        if (result == RT_IO_AGAIN) {
            return 0;
        }
        cr_assert_eq(result, 0);
        visitor->connected = true;
    }
    char greeting[16];
    int64_t got;
    while ((got = rt_socket_read(turn->world, &visitor->socket, greeting, 16)) > 0) {
        atomic_fetch_add(&visitor->storm->heard, (uint64_t)got);
    }
    return got == RT_IO_AGAIN ? 0 : -1;
}

static enum rt_verdict visit(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct visitor *visitor = (struct visitor *)(void *)self;
    struct storm *storm = visitor->storm;
    if ((marks & RT_MARK(0)) != 0) {
        arrive(visitor, turn);
    }
    if ((marks & RT_MARK(TIMED)) != 0) {
        cr_assert_geq(rt_turn_now(turn), visitor->due_ns);
        atomic_fetch_add(&storm->timed_out, 1);
        return leave(visitor, turn);
    }
    struct rt_lookup_answer answer;
    if (visitor->lookup != NULL && rt_lookup_finish(turn->world, visitor->lookup, &answer)) {
        visitor->lookup = NULL;
        answer.addresses[0].port = storm->hosts[rt_random(turn->world) % HOSTS].address.port;
        int error = rt_socket_connect(turn->world, &visitor->socket, &answer.addresses[0]);
        cr_assert_eq(error, 0);
    }
    if (visitor->socket.handle >= 0 && listen_to_greeting(visitor, turn) < 0) {
        return leave(visitor, turn);
    }
    rt_timer_arm(turn->world, &visitor->never, rt_turn_now(turn) + UINT64_C(2000000000000));
    return RT_IDLE;
}

/* One goes, the next one comes: started from the helper that finishes actors. */
static void make_room(struct harness_actor *self) {
    struct visitor *visitor = (struct visitor *)(void *)self;
    struct storm *storm = visitor->storm;
    struct rt_world *world = self->actor.world;
    memset(visitor, 0xa5, sizeof *visitor);
    free(visitor);
    start_visitor(storm, world);
    harness_add(&storm->gone, 1);
}

static void start_visitor(struct storm *storm, struct rt_world *world) {
    if (atomic_fetch_add(&storm->started, 1) >= storm->visits) {
        return;
    }
    struct visitor *visitor = calloc(1, sizeof *visitor);
    cr_assert_not_null(visitor);
    visitor->self.run = visit;
    visitor->self.gone = make_room;
    visitor->storm = storm;
    harness_start(&visitor->self, world);
    rt_mark(&visitor->self.actor, RT_MARK(0));
}

Test(storm, visitors_that_come_and_go_leave_nothing_behind) {
    struct rt_world *world = harness_world(3);
    struct storm *storm = calloc(1, sizeof *storm);
    cr_assert_not_null(storm);
    storm->gone.world = world;
    storm->visits = 1500 * HARNESS_SCALE;
    for (int i = 0; i < HOSTS; i++) {
        struct host *host = &storm->hosts[i];
        host->self.run = greet;
        host->listening.world = world;
        host->address = (struct rt_address){.family = 4, .ip = {127, 0, 0, 1}};
        harness_start(&host->self, world);
        rt_mark(&host->self.actor, RT_MARK(0));
        harness_await(&host->listening, 1);
    }
    for (int i = 0; i < VISITORS_AT_ONCE; i++) {
        start_visitor(storm, world);
    }
    harness_await(&storm->gone, storm->visits);
    for (int i = 0; i < HOSTS; i++) {
        rt_mark(&storm->hosts[i].self.actor, RT_MARK(5));
    }
    harness_end(world);
    cr_assert_gt(atomic_load(&storm->heard), 0);
    cr_assert_gt(atomic_load(&storm->timed_out), 0);
    free(storm);
}
