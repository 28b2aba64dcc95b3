/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Simulated application threads: waits, wakes, slots, deadlock. */
#include <signal.h>

#include "runtime/sim.h"
#include "test.h"

#define SECOND UINT64_C(1000000000)
enum { MARK_STOP = RT_MARK(0), MARK_TIMER = RT_MARK(1), MARK_ASK = RT_MARK(2) };

/* Answers each request by adding one to the word, a while later. */
struct answerer {
    struct rt_actor actor;
    struct rt_timer timer;
    uint64_t after_ns;
    bool forgets_wake;
    _Atomic uint32_t word;
};

static enum rt_verdict answerer_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct answerer *answerer = (struct answerer *)actor;
    if ((marks & MARK_ASK) != 0) {
        rt_timer_arm(turn->world, &answerer->timer, rt_turn_now(turn) + answerer->after_ns);
    }
    if ((marks & MARK_TIMER) != 0) {
        atomic_fetch_add(&answerer->word, 1);
        if (!answerer->forgets_wake) {
            rt_wake(turn->world, &answerer->word);
        }
    }
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

static struct rt_world *answerer_start(struct answerer *answerer, uint64_t seed) {
    static const struct rt_actor_kind kind = {.name = "answerer", .run = answerer_run};
    struct rt_sim_options options = {.seed = seed};
    struct rt_world *world = rt_sim_create(&options);
    memset(answerer, 0, sizeof(*answerer));
    rt_actor_start(&answerer->actor, &kind, world);
    rt_timer_init(&answerer->timer, &answerer->actor, MARK_TIMER);
    answerer->after_ns = SECOND;
    return world;
}

static void answerer_finish(struct answerer *answerer, struct rt_world *world) {
    rt_mark(&answerer->actor, MARK_STOP);
    rt_sim_run_until(world, rt_now(world) + SECOND);
    rt_world_destroy(world);
}

/* A blocking call as the library writes it. */
static bool ask(struct answerer *answerer, struct rt_world *world, uint64_t deadline_ns) {
    uint32_t before = atomic_load(&answerer->word);
    rt_mark(&answerer->actor, MARK_ASK);
    while (atomic_load(&answerer->word) == before) {
        if (!rt_wait(world, &answerer->word, before, deadline_ns)) {
            return atomic_load(&answerer->word) != before;
        }
    }
    return true;
}

Test(sim_thread, a_wait_runs_the_world_until_it_is_woken) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct answerer answerer;
        struct rt_world *world = answerer_start(&answerer, seed);
        cr_assert(ask(&answerer, world, RT_FOREVER));
        cr_assert_geq(rt_now(world), SECOND);
        cr_assert_leq(rt_now(world), SECOND + 100000);
        answerer_finish(&answerer, world);
    }
}

Test(sim_thread, a_wait_ends_at_its_deadline) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct answerer answerer;
        struct rt_world *world = answerer_start(&answerer, seed);
        cr_assert_not(ask(&answerer, world, SECOND / 2));
        cr_assert_eq(rt_now(world), SECOND / 2);
        answerer_finish(&answerer, world);
    }
}

Test(sim_thread, waiting_for_what_has_changed_returns_at_once) {
    struct answerer answerer;
    struct rt_world *world = answerer_start(&answerer, 1);
    cr_assert(rt_wait(world, &answerer.word, 7, RT_FOREVER));
    cr_assert_eq(rt_now(world), 0);
    answerer_finish(&answerer, world);
}

struct script {
    struct answerer *answerer;
    struct rt_world *world;
    unsigned thread;
    uint64_t answered_ns;
    void *slot_seen;
};

static void ask_in_script(void *context) {
    struct script *script = context;
    rt_sim_thread(script->world, script->thread);
    *rt_thread_slot(script->world) = script;
    cr_assert(ask(script->answerer, script->world, RT_FOREVER));
    script->answered_ns = rt_now(script->world);
    script->slot_seen = *rt_thread_slot(script->world);
}

/* Two threads that ask at 1 s and 2 s, and have their answers so many seconds later. */
static void two_scripts(uint64_t seed, uint64_t first_s, uint64_t second_s) {
    struct answerer answerers[2];
    struct rt_world *world = answerer_start(&answerers[0], seed);
    static const struct rt_actor_kind kind = {.name = "second", .run = answerer_run};
    memset(&answerers[1], 0, sizeof(answerers[1]));
    rt_actor_start(&answerers[1].actor, &kind, world);
    rt_timer_init(&answerers[1].timer, &answerers[1].actor, MARK_TIMER);
    answerers[0].after_ns = first_s * SECOND;
    answerers[1].after_ns = second_s * SECOND;
    struct script first = {&answerers[0], world, 5, 0, NULL};
    struct script second = {&answerers[1], world, 6, 0, NULL};
    rt_sim_at(world, SECOND, ask_in_script, &first);
    rt_sim_at(world, 2 * SECOND, ask_in_script, &second);
    rt_sim_run_until(world, 60 * SECOND);
    cr_assert_geq(first.answered_ns, (1 + first_s) * SECOND);
    cr_assert_leq(first.answered_ns, (1 + first_s) * SECOND + 100000);
    cr_assert_geq(second.answered_ns, (2 + second_s) * SECOND);
    cr_assert_leq(second.answered_ns, (2 + second_s) * SECOND + 100000);
    cr_assert_eq(first.slot_seen, &first);
    cr_assert_eq(second.slot_seen, &second);
    cr_assert_null(*rt_thread_slot(world)); /* of thread 0 */
    rt_mark(&answerers[1].actor, MARK_STOP);
    answerer_finish(&answerers[0], world);
}

enum { SLEEPERS = 3 };

struct sleepers {
    struct rt_world *world;
    _Atomic uint32_t word;
    unsigned begun, woken[SLEEPERS];
};

static void sleep_on_word(void *context) {
    struct sleepers *sleepers = context;
    unsigned self = sleepers->begun++;
    rt_sim_thread(sleepers->world, 1 + self);
    uint32_t before = atomic_load(&sleepers->word);
    /* it may end early: what counts is that it has not waited for the word itself */
    while (atomic_load(&sleepers->word) == before) {
        (void)rt_wait(sleepers->world, &sleepers->word, before, RT_FOREVER);
    }
    sleepers->woken[self]++;
}

static unsigned woken_of(const struct sleepers *sleepers) {
    return sleepers->woken[0] + sleepers->woken[1] + sleepers->woken[2];
}

static void change_word(void *context) {
    struct sleepers *sleepers = context;
    atomic_fetch_add(&sleepers->word, 1);
    rt_wake_one(sleepers->world, &sleepers->word);
}

Test(sim_thread, one_of_those_that_wait_is_woken_whichever) {
    unsigned first[SLEEPERS] = {0};
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct answerer answerer;
        struct sleepers sleepers = {.world = answerer_start(&answerer, seed)};
        for (unsigned i = 0; i < SLEEPERS; i++) {
            rt_sim_at(sleepers.world, (1 + i) * SECOND, sleep_on_word, &sleepers);
        }
        rt_sim_at(sleepers.world, 10 * SECOND, change_word, &sleepers);
        rt_sim_run_until(sleepers.world, 11 * SECOND);
        for (unsigned i = 0; woken_of(&sleepers) == 1 && i < SLEEPERS; i++) {
            first[i] += sleepers.woken[i];
        }
        cr_assert_geq(woken_of(&sleepers), 1);
        for (unsigned i = 0; i < SLEEPERS; i++) {
            rt_wake_one(sleepers.world, &sleepers.word);
        }
        rt_sim_run_until(sleepers.world, 12 * SECOND);
        cr_assert_eq(woken_of(&sleepers), SLEEPERS);
        answerer_finish(&answerer, sleepers.world);
    }
    cr_assert(first[0] > 5 && first[1] > 5 && first[2] > 5, "%u, %u, %u", first[0], first[1],
              first[2]);
}

Test(sim_thread, scripted_threads_wait_side_by_side_and_keep_their_slots) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        two_scripts(seed, 10, 2);
        two_scripts(seed, 3, 20);
    }
}

Test(sim_thread, a_scripted_thread_that_waits_at_the_end_is_a_deadlock, .signal = SIGABRT) {
    struct answerer answerer;
    struct rt_world *world = answerer_start(&answerer, 1);
    struct script script = {&answerer, world, 1, 0, NULL};
    answerer_finish(&answerer, world);
    for (uint64_t seed = 2;; seed++) { /* a wait that ended early saw its answer */
        world = script.world = answerer_start(&answerer, seed);
        answerer.forgets_wake = true;
        rt_sim_at(world, SECOND, ask_in_script, &script);
        rt_sim_run_until(world, 10 * SECOND);
        answerer_finish(&answerer, world);
    }
}

static void note_end(void *slot, void *context) {
    *(void **)context = slot;
}

Test(sim_thread, a_thread_that_ends_hands_its_slot_back_once) {
    void *ended = NULL;
    int value;
    struct rt_sim_options options = {.seed = 1, .thread_end = note_end, .context = &ended};
    struct rt_world *world = rt_sim_create(&options);
    rt_sim_thread(world, 9);
    *rt_thread_slot(world) = &value;
    rt_sim_thread(world, 0);
    cr_assert_null(*rt_thread_slot(world));
    rt_sim_thread_end(world, 9);
    cr_assert_eq(ended, &value);
    ended = NULL;
    rt_sim_thread_end(world, 9);
    cr_assert_null(ended);
    rt_world_destroy(world);
}

Test(sim_thread, ends_without_anybody_to_tell) {
    int value;
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    rt_sim_thread(world, 9);
    *rt_thread_slot(world) = &value;
    rt_sim_thread_end(world, 9);
    cr_assert_null(*rt_thread_slot(world));
    cr_assert_not(rt_thread_slots_clear(world), "threads here end by command only");
    rt_world_destroy(world);
}

Test(sim_thread, nothing_left_to_happen_is_a_deadlock, .signal = SIGABRT) {
    struct answerer answerer;
    struct rt_world *world = answerer_start(&answerer, 2);
    uint32_t before = atomic_load(&answerer.word);
    for (;;) { /* nobody asked */
        rt_wait(world, &answerer.word, before, RT_FOREVER);
    }
}

Test(sim_thread, a_word_changed_without_a_wake_is_a_deadlock, .signal = SIGABRT) {
    struct answerer answerer;
    struct rt_world *world = answerer_start(&answerer, 2);
    answerer.forgets_wake = true;
    for (;;) {
        uint32_t before = atomic_load(&answerer.word);
        ask(&answerer, world, RT_FOREVER);
        cr_assert_neq(atomic_load(&answerer.word), before);
    }
}
