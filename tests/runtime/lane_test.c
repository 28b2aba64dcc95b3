/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lanes by themselves, and with many senders: every message is counted in and out, in order. */
#include "harness.h"
#include "runtime/sim.h"
#include "test.h"

struct letter {
    struct rt_node node; /* first */
    uint32_t sender;
    uint32_t number;
};

Test(lane, unbounded_gives_back_in_order_and_then_is_empty) {
    struct rt_lane_unbounded lane;
    struct letter letters[100];
    struct rt_node *node;
    rt_lane_unbounded_init(&lane);
    cr_assert_eq(rt_lane_unbounded_take(&lane, &node), RT_EMPTY);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            letters[i].number = i;
            rt_lane_unbounded_push(&lane, &letters[i].node);
        }
        for (uint32_t i = 0; i < 100; i++) {
            cr_assert_eq(rt_lane_unbounded_take(&lane, &node), RT_TAKEN);
            cr_assert_eq(((struct letter *)(void *)node)->number, i);
        }
        cr_assert_eq(rt_lane_unbounded_take(&lane, &node), RT_EMPTY);
    }
}

static void a_ring_holds_its_bound(struct rt_world *world, uint32_t bound,
                                   void (*push)(struct rt_lane_ring *, void *)) {
    struct rt_lane_ring lane;
    uint32_t values[70];
    cr_assert(rt_lane_ring_init(&lane, world, bound));
    cr_assert_eq((uintptr_t)lane.ring % 64, 0, "on a cache line");
    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < bound; i++) {
            push(&lane, &values[i]);
        }
        cr_assert_eq(rt_lane_ring_count(&lane), bound);
        void *message = NULL;
        for (uint32_t i = 0; i < bound; i++) {
            cr_assert(rt_lane_ring_take(&lane, &message));
            cr_assert_eq(message, (void *)&values[i]);
        }
        cr_assert(!rt_lane_ring_take(&lane, &message));
    }
    rt_lane_ring_deinit(&lane, world);
}

Test(lane, rings_hold_their_bound_at_least) {
    struct rt_world *world = harness_world(1);
    for (uint32_t bound = 1; bound <= 70; bound++) {
        a_ring_holds_its_bound(world, bound, rt_lane_spsc_push);
        a_ring_holds_its_bound(world, bound, rt_lane_mpsc_push);
    }
    harness_end(world);
}

Test(lane, a_ring_without_memory_says_so_and_leaves_nothing) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    struct rt_lane_ring lane;
    rt_sim_fail_memory(world, 1);
    cr_assert(!rt_lane_ring_init(&lane, world, 10));
    rt_lane_ring_deinit(&lane, world);
    rt_world_destroy(world);
}

/* ---- senders are actors ---------------------------------------------------------------------- */

enum { SENDERS = 4, WINDOW = 256 };

enum lane_kind { KIND_SPSC, KIND_MPSC, KIND_UNBOUNDED };

struct office;

struct sender {
    struct harness_actor self;
    struct office *office;
    uint32_t index;
    uint32_t next;
    _Atomic uint32_t room; /* what the receiver has taken: a bounded lane is never full */
    struct rt_lane_ring spsc;
};

struct office {
    struct harness_actor receiver;
    enum lane_kind kind;
    uint32_t each;
    uint64_t received;
    uint32_t next[SENDERS];
    struct rt_lane_ring mpsc;
    struct rt_lane_unbounded unbounded;
    struct harness_count done;
    struct sender senders[SENDERS];
};

static void send_letter(struct sender *sender) {
    struct office *office = sender->office;
    struct letter *letter = malloc(sizeof *letter);
    cr_assert_not_null(letter);
    letter->sender = sender->index;
    letter->number = sender->next++;
    if (office->kind == KIND_SPSC) {
        rt_lane_spsc_push(&sender->spsc, letter);
    } else if (office->kind == KIND_MPSC) {
        rt_lane_mpsc_push(&office->mpsc, letter);
    } else {
        rt_lane_unbounded_push(&office->unbounded, &letter->node);
    }
    rt_notify(&office->receiver.actor);
}

static enum rt_verdict send_letters(struct harness_actor *self, struct rt_turn *turn,
                                    uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)self;
    (void)marks;
    for (uint32_t i = 0; i < turn->budget; i++) {
        if (sender->next == sender->office->each) {
            return RT_END;
        }
        if (sender->next - atomic_load(&sender->room) == WINDOW) {
            return RT_IDLE; /* the receiver notifies */
        }
        send_letter(sender);
    }
    return RT_AGAIN;
}

static bool next_letter(struct office *office, struct letter **letter, bool *busy) {
    void *message = NULL;
    if (office->kind == KIND_UNBOUNDED) {
        struct rt_node *node = NULL;
        enum rt_take take = rt_lane_unbounded_take(&office->unbounded, &node);
        *busy = take == RT_BUSY;
        *letter = (struct letter *)(void *)node;
        return take == RT_TAKEN;
    }
    bool taken = false;
    if (office->kind == KIND_MPSC) {
        taken = rt_lane_ring_take(&office->mpsc, &message);
    }
    for (uint32_t i = 0; i < SENDERS && office->kind == KIND_SPSC && !taken; i++) {
        taken = rt_lane_ring_take(&office->senders[i].spsc, &message);
    }
    *letter = message;
    return taken;
}

static enum rt_verdict receive_letters(struct harness_actor *self, struct rt_turn *turn,
                                       uint32_t marks) {
    struct office *office = (struct office *)(void *)self;
    (void)marks;
    bool busy = false;
    struct letter *letter;
    for (uint32_t i = 0; i < turn->budget; i++) {
        if (!next_letter(office, &letter, &busy)) {
            break;
        }
        struct sender *sender = &office->senders[letter->sender];
        cr_assert_eq(letter->number, office->next[letter->sender], "in order of its sender");
        office->next[letter->sender]++;
        office->received++;
        free(letter);
        uint32_t room = atomic_fetch_add(&sender->room, 1) + 1;
        if (sender->self.run != NULL && room % (WINDOW / 2) == 0) {
            rt_notify(&sender->self.actor); /* may have ended; then nothing happens */
        }
        if (office->received == (uint64_t)SENDERS * office->each) {
            harness_add(&office->done, 1);
            return RT_END;
        }
        if (i + 1 == turn->budget) {
            return RT_AGAIN;
        }
    }
    return busy ? RT_AGAIN : RT_IDLE;
}

static void every_message_arrives_in_order(enum lane_kind kind, unsigned workers) {
    struct rt_world *world = harness_world(workers);
    struct office *office = calloc(1, sizeof *office);
    cr_assert_not_null(office);
    office->kind = kind;
    office->each = 20000 * HARNESS_SCALE;
    office->done.world = world;
    office->receiver.run = receive_letters;
    rt_lane_unbounded_init(&office->unbounded);
    cr_assert(rt_lane_ring_init(&office->mpsc, world, SENDERS * WINDOW));
    harness_start(&office->receiver, world);
    for (uint32_t i = 0; i < SENDERS; i++) {
        struct sender *sender = &office->senders[i];
        *sender = (struct sender){.self.run = send_letters, .office = office, .index = i};
        cr_assert(rt_lane_ring_init(&sender->spsc, world, WINDOW));
        harness_start(&sender->self, world);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        rt_notify(&office->senders[i].self.actor);
    }
    harness_await(&office->done, 1);
    for (uint32_t i = 0; i < SENDERS; i++) {
        cr_assert_eq(office->next[i], office->each);
        rt_lane_ring_deinit(&office->senders[i].spsc, world);
    }
    rt_lane_ring_deinit(&office->mpsc, world);
    harness_end(world);
    free(office);
}

Test(lane, four_actors_to_one_by_spsc_rings_lose_nothing) {
    every_message_arrives_in_order(KIND_SPSC, 2);
    every_message_arrives_in_order(KIND_SPSC, 1);
}

Test(lane, four_actors_to_one_by_an_mpsc_ring_lose_nothing) {
    every_message_arrives_in_order(KIND_MPSC, 2); /* no more writers than cores */
}

Test(lane, four_actors_to_one_by_an_unbounded_lane_lose_nothing) {
    every_message_arrives_in_order(KIND_UNBOUNDED, 2);
    every_message_arrives_in_order(KIND_UNBOUNDED, 4);
}

/* ---- senders are threads --------------------------------------------------------------------- */

static void send_from_thread(void *context, unsigned index) {
    struct office *office = context;
    struct sender *sender = &office->senders[index];
    while (sender->next < office->each) {
        send_letter(sender);
    }
}

Test(lane, application_threads_to_one_actor_by_an_unbounded_lane_lose_nothing) {
    struct rt_world *world = harness_world(2);
    struct office *office = calloc(1, sizeof *office);
    cr_assert_not_null(office);
    office->kind = KIND_UNBOUNDED;
    office->each = 20000 * HARNESS_SCALE;
    office->done.world = world;
    office->receiver.run = receive_letters;
    rt_lane_unbounded_init(&office->unbounded);
    harness_start(&office->receiver, world);
    for (uint32_t i = 0; i < SENDERS; i++) {
        struct sender *sender = &office->senders[i];
        *sender = (struct sender){.office = office, .index = i};
    }
    harness_threads(SENDERS, send_from_thread, office);
    harness_await(&office->done, 1);
    harness_end(world);
    free(office);
}
