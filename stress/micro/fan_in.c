/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several writers to one actor: one by one and in runs, by the unbounded lane and by rings.
 *
 * A sender has at most WINDOW messages on their way; the receiver tells it in steps that there is
 * room again.
 */
#include <pthread.h>
#include <sched.h>

#include "runtime.h"

enum { SENDERS = 4, WINDOW = 1024, STEP = WINDOW / 4, RUN_MESSAGES = 64 };

struct fan;

struct word {
    struct rt_node node; /* first */
    struct sender *sender;
};

struct run {
    struct word word; /* first */
    uint64_t messages[RUN_MESSAGES];
};

struct sender {
    struct rt_actor actor; /* first */
    struct fan *fan;
    uint64_t sent;
    uint64_t each;
    struct rt_lane_ring ring;
    union { /* WINDOW of them, used in turn */
        struct word *words;
        struct run *runs;
    };
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

static void count_taken(struct sender *sender, uint64_t count) {
    uint64_t before = sender->taken_exact;
    sender->taken_exact += count;
    if (before / STEP != sender->taken_exact / STEP) {
        atomic_store_explicit(&sender->taken, sender->taken_exact, memory_order_release);
        rt_notify(&sender->actor);
    }
}

static bool has_room(const struct sender *sender) {
    return sender->sent - atomic_load_explicit(&sender->taken, memory_order_acquire) < WINDOW;
}

static bool may_send(const struct sender *sender, const struct rt_turn *turn, uint32_t count) {
    return count < turn->budget && sender->sent < sender->each && has_room(sender);
}

static enum rt_verdict after_sending(const struct sender *sender, const struct rt_turn *turn,
                                     uint32_t count) {
    if (sender->sent == sender->each) {
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

/* ---- the unbounded lane ---------------------------------------------------------------------- */

static void push_word(struct sender *sender) {
    struct word *word = &sender->words[sender->sent++ % WINDOW];
    word->sender = sender;
    rt_lane_unbounded_push(&sender->fan->lane, &word->node);
}

static enum rt_verdict send_words(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    for (; may_send(sender, turn, count); count++) {
        push_word(sender);
        rt_notify_pushed(&sender->fan->actor);
    }
    return after_sending(sender, turn, count);
}

/* One notification for all messages of the activation. */
static enum rt_verdict send_words_once(struct rt_actor *actor, struct rt_turn *turn,
                                       uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    for (; may_send(sender, turn, count); count++) {
        push_word(sender);
    }
    if (count > 0) {
        rt_notify(&sender->fan->actor);
    }
    return after_sending(sender, turn, count);
}

static enum rt_verdict receive_words(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
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

/* ---- runs: one node carries 64 messages ------------------------------------------------------ */

static enum rt_verdict send_runs(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    for (; may_send(sender, turn, count); count++) {
        struct run *run = &sender->runs[sender->sent++ % WINDOW];
        run->word.sender = sender;
        for (int i = 0; i < RUN_MESSAGES; i++) {
            run->messages[i] = sender->sent;
        }
        rt_lane_unbounded_push(&sender->fan->lane, &run->word.node);
        rt_notify_pushed(&sender->fan->actor);
    }
    return after_sending(sender, turn, count);
}

static enum rt_verdict receive_runs(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct fan *fan = (struct fan *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    enum rt_take take = RT_EMPTY;
    struct rt_node *node;
    while (count < turn->budget && (take = rt_lane_unbounded_take(&fan->lane, &node)) == RT_TAKEN) {
        const struct run *run = (struct run *)(void *)node;
        for (int i = 0; i < RUN_MESSAGES; i++) {
            fan->sum += run->messages[i];
        }
        count_taken(run->word.sender, 1);
        count++;
    }
    fan->received += count;
    return finish_when_complete(fan, turn->world, take == RT_EMPTY ? RT_IDLE : RT_AGAIN);
}

/* ---- rings ----------------------------------------------------------------------------------- */

static enum rt_verdict send_by_ring(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)actor;
    (void)marks;
    uint32_t count = 0;
    for (; may_send(sender, turn, count); count++) {
        rt_lane_spsc_push(&sender->ring, (void *)(uintptr_t)++sender->sent);
        rt_notify(&sender->fan->actor);
    }
    return after_sending(sender, turn, count);
}

static enum rt_verdict receive_by_rings(struct rt_actor *actor, struct rt_turn *turn,
                                        uint32_t marks) {
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

/* Stands in for an application thread, which does the sending: the receiver notifies it all the
 * same, and it ends by a mark. */
static enum rt_verdict stand_in(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    (void)turn;
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

/* ---- running them ---------------------------------------------------------------------------- */

enum way { WORDS, WORDS_ONCE, RUNS, RINGS, THREADS };

static const struct rt_actor_kind kinds[][2] = {
    [WORDS] = {{.name = "sender", .run = send_words}, {.name = "receiver", .run = receive_words}},
    [WORDS_ONCE] = {{.name = "sender", .run = send_words_once},
                    {.name = "receiver", .run = receive_words}},
    [RUNS] = {{.name = "sender", .run = send_runs}, {.name = "receiver", .run = receive_runs}},
    [RINGS] = {{.name = "sender", .run = send_by_ring},
               {.name = "receiver", .run = receive_by_rings}},
    [THREADS] = {{.name = "thread", .run = stand_in}, {.name = "receiver", .run = receive_words}},
};

static struct fan *prepare(struct rt_world *world, enum way way, uint64_t messages) {
    struct fan *fan = bench_memory(sizeof *fan);
    fan->wanted = messages / SENDERS * SENDERS;
    rt_lane_unbounded_init(&fan->lane);
    rt_actor_start(&fan->actor, &kinds[way][1], world);
    for (int i = 0; i < SENDERS; i++) {
        struct sender *sender = &fan->senders[i];
        sender->fan = fan;
        sender->each = messages / SENDERS;
        if (way == RUNS) {
            sender->runs = bench_memory(WINDOW * sizeof(struct run));
        } else {
            sender->words = bench_memory(WINDOW * sizeof(struct word));
        }
        if (!rt_lane_ring_init(&sender->ring, world, WINDOW)) {
            abort();
        }
        rt_actor_start(&sender->actor, &kinds[way][0], world);
    }
    return fan;
}

static void clear(struct fan *fan, struct rt_world *world) {
    bench_await_gone(world);
    for (int i = 0; i < SENDERS; i++) {
        rt_lane_ring_deinit(&fan->senders[i].ring, world);
        free(fan->senders[i].words);
    }
    free(fan);
}

static uint64_t run(struct rt_world *world, enum way way, uint64_t messages) {
    struct fan *fan = prepare(world, way, messages);
    uint64_t count = fan->wanted;
    bench_start(world);
    for (int i = 0; i < SENDERS; i++) {
        rt_notify(&fan->senders[i].actor);
    }
    bench_await(world);
    clear(fan, world);
    return count;
}

uint64_t bench_fan_in(struct rt_world *world, uint64_t messages) {
    return run(world, WORDS, messages);
}

uint64_t bench_fan_in_once(struct rt_world *world, uint64_t messages) {
    return run(world, WORDS_ONCE, messages);
}

uint64_t bench_fan_in_rings(struct rt_world *world, uint64_t messages) {
    return run(world, RINGS, messages);
}

uint64_t bench_runs(struct rt_world *world, uint64_t messages) {
    return run(world, RUNS, messages / RUN_MESSAGES) * RUN_MESSAGES;
}

/* ---- application threads --------------------------------------------------------------------- */

static void *write_words(void *argument) {
    struct sender *sender = argument;
    while (sender->sent < sender->each) {
        while (!has_room(sender)) {
            (void)sched_yield();
        }
        push_word(sender);
        rt_notify_pushed(&sender->fan->actor);
    }
    rt_mark(&sender->actor, RT_MARK(0));
    return NULL;
}

uint64_t bench_threads_to_actor(struct rt_world *world, uint64_t messages) {
    struct fan *fan = prepare(world, THREADS, messages);
    pthread_t threads[SENDERS];
    uint64_t count = fan->wanted;
    bench_start(world);
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
