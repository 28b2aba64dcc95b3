/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The byte budget, runtime/budget.c, with its futex and its membarrier. The thread "credit" takes
 * out of what it has cached while two others find the budget short, call that credit back, and wait
 * for bytes; one more gives some back.
 */
#include "runtime/budget.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum {
    LIMIT = 640,
    LUMP = LIMIT / 64,
    GIVEN = 8, /* bytes of the giver */
    LEFT = 2,  /* available at first */
    OF_CREDIT = 4,
    MUCH = 9 /* more than is left, or cached while one take is out */
};
enum { RECALLED_INSIDE, SLEPT };

bool rt_mutant_room_wakes_nobody;

static struct {
    struct rt_budget budget;
    struct rt_credit own, others[3];
    int64_t held; /* by all threads, as they know it */
    int64_t full; /* by nobody here */
    unsigned slept[EXPLORE_THREADS_MAX];
    struct rt_world_ops ops;
} state;

static void now_held(int64_t bytes) {
    state.held += bytes;
    EXPLORE_CHECK(state.held >= 0 && state.held + state.full <= LIMIT, "more than the limit: %d",
                  (int)(state.held + state.full));
}

static void fence_everywhere(struct rt_world *world) {
    system_fence_everywhere(world);
    if (*(volatile uint32_t *)(volatile void *)&state.own.inside != 0) {
        explore_reached(RECALLED_INSIDE);
    }
}

static bool wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen,
                 uint64_t deadline_ns) {
    explore_reached(SLEPT);
    state.slept[explore_self()]++;
    return system_wait(world, word, seen, deadline_ns);
}

static void set_up(void) {
    struct rt_world *world = &rig_reset()->world;
    state.ops = *world->ops;
    state.ops.fence_everywhere = fence_everywhere;
    state.ops.wait = wait;
    world->ops = &state.ops;
    rt_mutant_room_wakes_nobody = explore_variant("room-wakes-nobody");
    rt_budget_init(&state.budget, world, LIMIT);
    rt_budget_join(&state.budget, &state.own);
    for (unsigned i = 0; i < 3; i++) {
        rt_budget_join(&state.budget, &state.others[i]);
    }
    state.held = 0;
    /* One lump is cached, nearly all else is out. */
    (void)rt_budget_take(&state.budget, &state.own, OF_CREDIT);
    rt_budget_give(&state.budget, OF_CREDIT);
    state.full = LIMIT - LUMP - LEFT - GIVEN;
    (void)rt_budget_take(&state.budget, &state.others[2], state.full);
    (void)rt_budget_take(&state.budget, &state.others[2], GIVEN);
    now_held(GIVEN);
    EXPLORE_CHECK(atomic_load(&state.own.bytes) == LUMP &&
                      atomic_load(&state.budget.available) == LEFT,
                  "the scenario does not know the budget's lumps");
}

/* As rt_budget_take, but the bytes are read before the recall is looked for, or it never is. */
static bool take_carelessly(int64_t bytes, bool looks) {
    atomic_store(&state.own.inside, 1);
    int64_t cached = atomic_load(&state.own.bytes);
    bool taken = cached >= bytes && (!looks || atomic_load(&state.own.recallers) == 0);
    if (taken) {
        atomic_store(&state.own.bytes, cached - bytes);
    }
    atomic_store(&state.own.inside, 0);
    return taken || rt_budget_take_slowly(&state.budget, &state.own, bytes);
}

static bool take(int64_t bytes) {
    if (explore_variant("recall-not-heeded")) {
        return take_carelessly(bytes, false);
    }
    if (explore_variant("bytes-read-first")) {
        return take_carelessly(bytes, true);
    }
    return rt_budget_take(&state.budget, &state.own, bytes);
}

static void take_of_credit(void) {
    for (unsigned i = 0; i < 2; i++) {
        if (take(OF_CREDIT)) {
            now_held(OF_CREDIT);
            now_held(-OF_CREDIT);
            rt_budget_give(&state.budget, OF_CREDIT);
        }
    }
}

/* As rt_budget_wait, but it looks before it says that it waits. */
static void wait_carelessly(void) {
    uint32_t seen = atomic_load(&state.budget.changed);
    if (atomic_load(&state.budget.available) + atomic_load(&state.own.bytes) < MUCH) {
        atomic_fetch_add(&state.budget.waiters, 1);
        (void)rt_wait(rig_world(), &state.budget.changed, seen, RT_FOREVER);
    }
}

static void take_much(void) {
    struct rt_credit *credit = &state.others[explore_self() - 1];
    unsigned self = explore_self();
    bool again = false;
    while (!rt_budget_take(&state.budget, credit, MUCH)) {
        if (again) {
            explore_pause(); /* the chance was in credit whose owner is inside */
        }
        unsigned slept = state.slept[self];
        if (explore_variant("look-then-wait")) {
            wait_carelessly();
        } else {
            (void)rt_budget_wait(&state.budget, MUCH, RT_FOREVER);
        }
        again = state.slept[self] == slept;
    }
    now_held(MUCH);
    now_held(-MUCH);
    rt_budget_give(&state.budget, MUCH);
}

static void give(void) {
    now_held(-GIVEN);
    rt_budget_give(&state.budget, GIVEN);
}

static void settled(void) {
    EXPLORE_CHECK(state.held == 0, "somebody holds bytes");
    EXPLORE_CHECK(rt_budget_used(&state.budget) == state.full, "%d bytes too many are out",
                  (int)(rt_budget_used(&state.budget) - state.full));
    EXPLORE_CHECK(atomic_load(&state.own.recallers) == 0, "a recall does not end");
}

const struct explore_scenario budget_scenario = {
    .name = "budget",
    .says = "the sum is exact, the limit is kept, nobody sleeps for ever, recalled or not",
    .threads = {{"credit", take_of_credit, false},
                {"much 1", take_much, false},
                {"much 2", take_much, false},
                {"giver", give, false}},
    .variants = {{"room-wakes-nobody", NULL},
                 {"recall-not-heeded", NULL},
                 {"bytes-read-first", NULL},
                 {"look-then-wait", NULL},
                 {"give-torn", "rt_budget_give"},
                 {"recall-torn", "recall_credit"},
                 {"take-torn", "take_available"}},
    .marks = {[RECALLED_INSIDE] = "a recall in the middle of a take", [SLEPT] = "a wait"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up,
    .settled = settled,
};
