/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several writers to one actor: by rings, by the unbounded lane, one by one and in runs. */
#include <pthread.h>
#include <sched.h>

#include "bench.h"

enum { SENDERS = 4, WINDOW = 1024, RUN_MESSAGES = 64 };

struct fan;

struct sender {
    struct rt_actor actor; /* first */
    struct fan *fan;
    uint64_t sent;
    uint64_t each;
    struct rt_lane_ring ring;
    struct rt_node *nodes; /* WINDOW of them, used in turn */
    char pad[64];
    _Atomic uint64_t taken; /* the receiver's, in steps */
    uint64_t taken_exact;
};

struct fan {
    struct rt_actor actor; /* first */
    uint64_t wanted;
    uint64_t received;
    uint64_t sum;
    struct rt_lane_unbounded lane;
    struct sender senders[SENDERS];
};

static enum rt_verdict finish_when_complete(struct fan *fan, struct rt_world *world,
                                            enum rt_verdict otherwise) {
    if (fan->received < fan->wanted) {
        return otherwise;
    }
    bench_done(world);
    return RT_END;
}

/* Lets the sender know, in steps, that there is room. */
static void count_taken(struct sender *sender, uint64_t count) {
    uint64_t before = sender->taken_exact;
    sender->taken_exact += count;
    if (before / (WINDOW / 4) != sender->taken_exact / (WINDOW / 4)) {
        atomic_store_explicit(&sender->taken, sender->taken_exact, memory_order_release);
        rt_notify(&sender->actor);
    }
}

static bool has_room(const struct sender *sender) {
    return sender->sent - atomic_load_explicit(&sender->taken, memory_order_acquire) < WINDOW;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static enum rt_verdict send_spsc(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    while (count < turn->budget && sender->sent < sender->each && has_room(sender)) {
        rt_lane_spsc_push(&sender->ring, (void *)(uintptr_t)++sender->sent);
        count++;
    }
    if (count > 0) {
        rt_notify(&sender->fan->actor);
    }
    if (sender->sent == sender->each) {
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

static enum rt_verdict receive_spsc(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct fan *fan = (struct fan *)(void *)actor;
    (void)marks;
    bool more = false;
    for (int i = 0; i < SENDERS; i++) {
        struct sender *sender = &fan->senders[i];
        uint32_t count = 0;
        void *message;
        while (count < turn->budget && rt_lane_ring_take(&sender->ring, &message)) {
            fan->sum += (uintptr_t)message;
            count++;
        }
        more = more || count == turn->budget;
        fan->received += count;
        count_taken(sender, count);
    }
    return finish_when_complete(fan, turn->world, more ? RT_AGAIN : RT_IDLE);
}

/* ---- runs: one slot of the ring stands for 64 messages --------------------------------------- */

struct run {
    uint64_t words[RUN_MESSAGES];
};

static enum rt_verdict send_runs(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    struct run *runs = (struct run *)(void *)sender->nodes;
    (void)marks;
    uint32_t count = 0;
    while (count < turn->budget && sender->sent < sender->each && has_room(sender)) {
        struct run *run = &runs[sender->sent++ % WINDOW];
        for (int i = 0; i < RUN_MESSAGES; i++) {
            run->words[i] = sender->sent;
        }
        rt_lane_spsc_push(&sender->ring, run);
        count++;
    }
    if (count > 0) {
        rt_notify(&sender->fan->actor);
    }
    if (sender->sent == sender->each) {
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

static enum rt_verdict receive_runs(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct fan *fan = (struct fan *)(void *)actor;
    (void)marks;
    bool more = false;
    for (int i = 0; i < SENDERS; i++) {
        struct sender *sender = &fan->senders[i];
        uint32_t count = 0;
        void *message;
        while (count < turn->budget && rt_lane_ring_take(&sender->ring, &message)) {
            const struct run *run = message;
            for (int word = 0; word < RUN_MESSAGES; word++) {
                fan->sum += run->words[word];
            }
            count++;
        }
        more = more || count == turn->budget;
        fan->received += count;
        count_taken(sender, count);
    }
    return finish_when_complete(fan, turn->world, more ? RT_AGAIN : RT_IDLE);
}

/* ---- the unbounded lane ---------------------------------------------------------------------- */

struct word {
    struct rt_node node; /* first */
    struct sender *sender;
};

static void send_word(struct sender *sender) {
    struct word *word = (struct word *)(void *)sender->nodes + sender->sent++ % WINDOW;
    word->sender = sender;
    rt_lane_unbounded_push(&sender->fan->lane, &word->node);
}

static enum rt_verdict send_unbounded(struct rt_actor *actor, struct rt_turn *turn,
                                      uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    while (count < turn->budget && sender->sent < sender->each && has_room(sender)) {
        send_word(sender);
        count++;
    }
    if (count > 0) {
        rt_notify(&sender->fan->actor);
    }
    if (sender->sent == sender->each) {
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

static enum rt_verdict receive_unbounded(struct rt_actor *actor, struct rt_turn *turn,
                                         uint32_t marks) {
    struct fan *fan = (struct fan *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    enum rt_take take = RT_EMPTY;
    struct rt_node *node;
    while (count < SENDERS * turn->budget &&
           (take = rt_lane_unbounded_take(&fan->lane, &node)) == RT_TAKEN) {
        count_taken(((struct word *)(void *)node)->sender, 1);
        count++;
    }
    fan->received += count;
    return finish_when_complete(fan, turn->world, take == RT_EMPTY ? RT_IDLE : RT_AGAIN);
}

/* Stands in for an application thread, which does the sending: the receiver notifies it all the
 * same, and it ends by a mark. */
static enum rt_verdict stand_in(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    (void)turn;
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

/* ---- running them ---------------------------------------------------------------------------- */

static const struct rt_actor_kind kinds[][2] = {
    {{.name = "sender", .run = send_spsc}, {.name = "receiver", .run = receive_spsc}},
    {{.name = "sender", .run = send_runs}, {.name = "receiver", .run = receive_runs}},
    {{.name = "sender", .run = send_unbounded}, {.name = "receiver", .run = receive_unbounded}},
    {{.name = "thread", .run = stand_in}, {.name = "receiver", .run = receive_unbounded}},
};

static struct fan *prepare(struct rt_world *world, const struct rt_actor_kind *pair,
                           uint64_t messages) {
    struct fan *fan = bench_memory(sizeof *fan);
    fan->wanted = messages / SENDERS * SENDERS;
    rt_lane_unbounded_init(&fan->lane);
    rt_actor_start(&fan->actor, &pair[1], world);
    for (int i = 0; i < SENDERS; i++) {
        struct sender *sender = &fan->senders[i];
        sender->fan = fan;
        sender->each = messages / SENDERS;
        sender->nodes = bench_memory(WINDOW * sizeof(struct run));
        if (!rt_lane_ring_init(&sender->ring, world, WINDOW)) {
            abort();
        }
        rt_actor_start(&sender->actor, &pair[0], world);
    }
    return fan;
}

static void clear(struct fan *fan, struct rt_world *world) {
    bench_await_gone(world);
    for (int i = 0; i < SENDERS; i++) {
        rt_lane_ring_deinit(&fan->senders[i].ring, world);
        free(fan->senders[i].nodes);
    }
    free(fan);
}

static uint64_t run(struct rt_world *world, const struct rt_actor_kind *pair, uint64_t messages) {
    struct fan *fan = prepare(world, pair, messages);
    uint64_t count = fan->wanted;
    for (int i = 0; i < SENDERS; i++) {
        rt_notify(&fan->senders[i].actor);
    }
    bench_await(world);
    clear(fan, world);
    return count;
}

uint64_t bench_fan_in_spsc(struct rt_world *world, uint64_t messages) {
    return run(world, kinds[0], messages);
}

uint64_t bench_fan_in_runs(struct rt_world *world, uint64_t messages) {
    return run(world, kinds[1], messages / RUN_MESSAGES) * RUN_MESSAGES;
}

uint64_t bench_fan_in_unbounded(struct rt_world *world, uint64_t messages) {
    return run(world, kinds[2], messages);
}

/* ---- application threads --------------------------------------------------------------------- */

static void *write_words(void *argument) {
    struct sender *sender = argument;
    while (sender->sent < sender->each) {
        while (!has_room(sender)) {
            (void)sched_yield();
        }
        send_word(sender);
        rt_notify(&sender->fan->actor);
    }
    rt_mark(&sender->actor, RT_MARK(0));
    return NULL;
}

uint64_t bench_threads_to_actor(struct rt_world *world, uint64_t messages) {
    struct fan *fan = prepare(world, kinds[3], messages);
    pthread_t threads[SENDERS];
    uint64_t count = fan->wanted;
    for (int i = 0; i < SENDERS; i++) {
        (void)pthread_create(&threads[i], NULL, write_words, &fan->senders[i]);
    }
    bench_await(world);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    clear(fan, world);
    return count;
}
