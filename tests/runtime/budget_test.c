/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The byte budget: never above its limit, all back after a wave, none refused for cached credit. */
#include "runtime/budget.h"

#include "harness.h"
#include "test.h"

Test(budget, gives_out_its_limit_and_not_a_byte_more) {
    struct rt_world *world = harness_world(1);
    struct rt_budget budget;
    struct rt_credit credit;
    rt_budget_init(&budget, world, 1000);
    rt_budget_join(&budget, &credit);
    cr_assert(rt_budget_take(&budget, &credit, 1));
    cr_assert(rt_budget_take(&budget, &credit, 998));
    cr_assert_eq(rt_budget_used(&budget), 999);
    cr_assert(!rt_budget_take(&budget, &credit, 2));
    cr_assert(rt_budget_take(&budget, &credit, 1));
    cr_assert(!rt_budget_take(&budget, &credit, 1));
    rt_budget_give(&budget, 1000);
    cr_assert_eq(rt_budget_used(&budget), 0);
    rt_budget_deinit(&budget);
    harness_end(world);
}

Test(budget, calls_back_what_other_threads_cache_before_it_refuses) {
    struct rt_world *world = harness_world(1);
    struct rt_budget budget;
    struct rt_credit credits[10];
    rt_budget_init(&budget, world, 100000);
    for (int i = 0; i < 10; i++) {
        rt_budget_join(&budget, &credits[i]);
        cr_assert(rt_budget_take(&budget, &credits[i], 10)); /* and a lump in cache */
    }
    cr_assert(rt_budget_take(&budget, &credits[0], 100000 - 100));
    cr_assert_eq(rt_budget_used(&budget), 100000);
    cr_assert(!rt_budget_take(&budget, &credits[5], 1));
    rt_budget_give(&budget, 100000);
    rt_budget_deinit(&budget);
    harness_end(world);
}

Test(budget, what_is_charged_leaves_out_credit_that_threads_cache) {
    struct rt_world *world = harness_world(1);
    struct rt_budget budget;
    struct rt_credit credit = {0};
    rt_budget_init(&budget, world, 100000);
    rt_budget_join(&budget, &credit);
    cr_assert(rt_budget_take(&budget, &credit, 10)); /* and a lump in cache */
    cr_expect_eq(rt_budget_charged(&budget), 10);
    cr_expect_eq(rt_budget_charged_at_most(&budget), 10 + budget.lump);
    cr_expect(rt_budget_has_room(&budget, 100000 - 10));
    cr_expect_not(rt_budget_has_room(&budget, 100000 - 9));
    rt_budget_settle(&budget, 0, 50000); /* what is held is not charged */
    cr_expect_eq(rt_budget_charged(&budget), 10);
    cr_expect_eq(rt_budget_charged_at_most(&budget), 10 + budget.lump);
    rt_budget_settle(&budget, 10, 100000);
    rt_budget_deinit(&budget);
    harness_end(world);
}

Test(budget, a_wait_ends_at_its_deadline_and_says_so) {
    struct rt_world *world = harness_world(1);
    struct rt_budget budget;
    struct rt_credit credit;
    rt_budget_init(&budget, world, 100);
    rt_budget_join(&budget, &credit);
    cr_assert(rt_budget_wait(&budget, 100, rt_now(world)), "there is room already");
    cr_assert(rt_budget_take(&budget, &credit, 60));
    uint64_t deadline_ns = rt_now(world) + 2000000;
    cr_assert(!rt_budget_wait(&budget, 41, deadline_ns));
    cr_assert_geq(rt_now(world), deadline_ns);
    rt_budget_give(&budget, 60);
    rt_budget_deinit(&budget);
    harness_end(world);
}

/* What memory has no room for is held, so that nobody is given it, and let go when there is. A part
 * of the limit is never held. */
Test(budget, holds_back_what_there_is_no_room_for) {
    struct rt_world *world = harness_world(1);
    struct rt_budget budget;
    struct rt_credit credit = {0};
    rt_budget_init(&budget, world, 3200);
    rt_budget_join(&budget, &credit);
    rt_budget_settle(&budget, 0, 1000);
    cr_expect_eq(rt_budget_used(&budget), 2200);
    cr_expect(!rt_budget_take(&budget, &credit, 1001));
    rt_budget_settle(&budget, 0, 3200);
    cr_expect_eq(rt_budget_used(&budget), 0);
    rt_budget_settle(&budget, 0, -1);
    cr_expect_eq(rt_budget_used(&budget), 3100);
    cr_assert(rt_budget_take(&budget, &credit, 100));
    cr_expect(!rt_budget_take(&budget, &credit, 1));
    rt_budget_settle(&budget, 100, 3199);
    cr_expect_leq(rt_budget_used(&budget), 1 + budget.lump, "a few may stay held");
    rt_budget_settle(&budget, 0, 3200);
    cr_expect_eq(rt_budget_used(&budget), 0);
    rt_budget_settle(&budget, 0, 3199);
    cr_expect_eq(rt_budget_used(&budget), 1);
    rt_budget_settle(&budget, 0, 3200);
    cr_expect_eq(rt_budget_used(&budget), 0, "none stays when there is room for all");
    rt_budget_deinit(&budget);
    harness_end(world);
}

/* ---- a wave ---------------------------------------------------------------------------------- */

enum { THREADS = 4 };

struct wave {
    struct rt_budget budget;
    struct rt_credit credits[THREADS];
    struct harness_actor giver;
    struct rt_lane_unbounded lane;
    struct harness_count done;
    uint64_t given;
    uint32_t each;
    _Atomic int64_t out; /* an upper bound of what is used, seen from the takers */
};

struct loan {
    struct rt_node node; /* first */
    int64_t bytes;
};

static enum rt_verdict give_back(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct wave *wave = self->context;
    (void)turn;
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&wave->lane, &node)) == RT_TAKEN) {
        struct loan *loan = (struct loan *)(void *)node;
        atomic_fetch_sub(&wave->out, loan->bytes);
        rt_budget_give(&wave->budget, loan->bytes);
        free(loan);
        wave->given++;
    }
    if (take == RT_BUSY) {
        return RT_AGAIN;
    }
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

static void borrow(void *context, unsigned index) {
    struct wave *wave = context;
    struct rt_world *world = wave->budget.world;
    uint64_t random = index + 1;
    for (uint32_t i = 0; i < wave->each; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        int64_t bytes = 1 + (int64_t)(random >> 33) % (random % 64 == 0 ? 60000 : 300);
        while (!rt_budget_take(&wave->budget, &wave->credits[index], bytes)) {
            cr_assert(rt_budget_wait(&wave->budget, bytes, rt_now(world) + 60000000000));
        }
        int64_t out = atomic_fetch_add(&wave->out, bytes) + bytes;
        cr_assert_leq(out, wave->budget.limit);
        struct loan *loan = malloc(sizeof *loan);
        cr_assert_not_null(loan);
        loan->bytes = bytes;
        rt_lane_unbounded_push(&wave->lane, &loan->node);
        rt_notify(&wave->giver.actor);
    }
}

Test(budget, after_a_wave_of_waiting_threads_every_byte_is_back) {
    struct rt_world *world = harness_world(2);
    static struct wave wave;
    wave = (struct wave){.giver = {.run = give_back, .context = &wave}};
    wave.each = 10000 * HARNESS_SCALE;
    rt_budget_init(&wave.budget, world, 65536);
    rt_lane_unbounded_init(&wave.lane);
    for (int i = 0; i < THREADS; i++) {
        rt_budget_join(&wave.budget, &wave.credits[i]);
    }
    harness_start(&wave.giver, world);
    harness_threads(THREADS, borrow, &wave);
    rt_mark(&wave.giver.actor, RT_MARK(0));
    harness_end(world);
    cr_assert_eq(wave.given, (uint64_t)THREADS * wave.each);
    cr_assert_eq(rt_budget_used(&wave.budget), 0);
    rt_budget_deinit(&wave.budget);
}
