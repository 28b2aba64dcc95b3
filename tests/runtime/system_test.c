/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the world gives besides actors, and what it must not do: wake up idle, take signals. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "runtime/sanitize.h"
#include "runtime/threads.h"
#include "test.h"

enum { MS = 1000000 };

/* ---- idle ------------------------------------------------------------------------------------ */

static enum rt_verdict count_runs(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    (void)turn;
    harness_add(self->context, 1);
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

Test(system, an_idle_world_takes_no_wake_ups) {
    struct rt_world *world = harness_world(3);
    struct harness_count runs = {.world = world};
    struct harness_actor actor = {.run = count_runs, .context = &runs};
    harness_start(&actor, world);
    for (uint32_t i = 1; i <= 100; i++) {
        rt_notify(&actor.actor);
        harness_await(&runs, i);
    }
    harness_await_idle(world);
    uint64_t before = atomic_load(&world->wakeups);
    harness_let_time_pass(world, 300 * MS);
    cr_assert_eq(atomic_load(&world->wakeups), before);
    rt_mark(&actor.actor, RT_MARK(0));
    harness_end(world);
}

struct waker {
    struct harness_actor self;
    struct rt_timer timers[3];
    struct harness_count fired;
};

static enum rt_verdict arm_some(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct waker *waker = (struct waker *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        for (unsigned i = 0; i < 3; i++) {
            rt_timer_init(&waker->timers[i], &self->actor, RT_MARK(1 + i));
            rt_timer_arm(turn->world, &waker->timers[i], rt_turn_now(turn) + (i + 1) * 100 * MS);
        }
        rt_timer_cancel(turn->world, &waker->timers[0]);
    }
    cr_assert_eq(marks & RT_MARK(1), 0);
    if ((marks & (RT_MARK(2) | RT_MARK(3))) != 0) {
        harness_add(&waker->fired, 1);
    }
    return (marks & RT_MARK(3)) != 0 ? RT_END : RT_IDLE;
}

Test(system, an_idle_world_wakes_once_for_each_due_timer_and_not_for_a_cancelled_one) {
    struct rt_world *world = harness_world(2);
    struct waker waker = {.self.run = arm_some, .fired.world = world};
    harness_start(&waker.self, world);
    harness_await_idle(world);
    rt_mark(&waker.self.actor, RT_MARK(0));
    harness_await_idle(world);
    uint64_t before = atomic_load(&world->wakeups);
    harness_await(&waker.fired, 2);
    cr_assert_leq(atomic_load(&world->wakeups), before + 2);
    harness_end(world);
}

/* ---- threads --------------------------------------------------------------------------------- */

static unsigned count_threads(void) {
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    while (readdir(tasks) != NULL) {
        count++;
    }
    closedir(tasks);
    return count;
}

Test(system, a_world_has_its_workers_and_one_helper_until_names_are_looked_up) {
    unsigned before = count_threads();
    struct rt_world *world = harness_world(3);
    cr_assert_eq(world->workers, 3);
    cr_assert_eq(count_threads(), before + 4);
    harness_end(world);
    cr_assert_eq(count_threads(), before);
}

static bool all_blocked(void) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < 32; number++) {
        if (number != SIGKILL && number != SIGSTOP && sigismember(&mask, number) != 1) {
            return false;
        }
    }
    return true;
}

static enum rt_verdict check_mask(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    (void)self;
    (void)turn;
    (void)marks;
    cr_assert(all_blocked(), "on a worker");
    return RT_END;
}

static void check_mask_when_gone(struct harness_actor *self) {
    cr_assert(all_blocked(), "on the helper");
    harness_add(self->context, 1);
}

Test(system, its_threads_block_all_signals_and_the_caller_s_mask_is_as_before) {
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct rt_world *world = harness_world(2);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    cr_assert_eq(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    struct harness_count gone = {.world = world};
    struct harness_actor actor = {
        .run = check_mask, .gone = check_mask_when_gone, .context = &gone};
    harness_start(&actor, world);
    rt_notify(&actor.actor);
    harness_await(&gone, 1);
    harness_end(world);
}

/* ---- slots of application threads ------------------------------------------------------------ */

struct slots {
    struct rt_world *worlds[2];
    _Atomic unsigned ended;
    int values[8];
};

static void count_end(void *slot, void *context) {
    struct slots *slots = context;
    cr_assert_geq((uintptr_t)slot, (uintptr_t)&slots->values[0]);
    cr_assert_leq((uintptr_t)slot, (uintptr_t)&slots->values[7]);
    atomic_fetch_add(&slots->ended, 1);
}

static void use_slots(void *context, unsigned index) {
    struct slots *slots = context;
    for (int i = 0; i < 2; i++) {
        cr_assert_null(*rt_thread_slot(slots->worlds[i]));
        *rt_thread_slot(slots->worlds[i]) = &slots->values[index];
    }
    *rt_thread_slot(slots->worlds[1]) = NULL; /* nothing to be told of */
    cr_assert_eq(*rt_thread_slot(slots->worlds[0]), (void *)&slots->values[index]);
}

Test(system, a_slot_is_a_thread_s_and_a_world_s_own_and_its_end_is_told) {
    struct slots slots = {0};
    struct rt_threads_options options = {.workers = 1, .thread_end = count_end, .context = &slots};
    for (int i = 0; i < 2; i++) {
        int error = 0;
        slots.worlds[i] = rt_threads_create(&options, &error);
        cr_assert_not_null(slots.worlds[i]);
    }
    *rt_thread_slot(slots.worlds[0]) = &slots; /* of a thread that outlives the world */
    harness_threads(8, use_slots, &slots);
    cr_assert_eq(atomic_load(&slots.ended), 8);
    harness_end(slots.worlds[0]);
    harness_end(slots.worlds[1]);
    cr_assert_eq(atomic_load(&slots.ended), 8);
}

static void use_slot(void *context, unsigned index) {
    (void)index;
    *rt_thread_slot(context) = context;
}

Test(system, a_slot_of_a_world_that_wants_no_word_of_it_ends_with_its_thread) {
    struct rt_world *world = harness_world(1);
    harness_threads(3, use_slot, world);
    cr_assert_null(*rt_thread_slot(world));
    harness_end(world);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static bool is_up(int descriptor) {
    struct pollfd ask = {.fd = descriptor, .events = POLLIN};
    return poll(&ask, 1, 0) == 1;
}

Test(system, the_signal_descriptor_is_up_while_the_signal_is_raised) {
    struct rt_world *world = harness_world(1);
    rt_signal_set(world, true); /* before anybody asked for it */
    int descriptor = rt_signal_descriptor(world);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(rt_signal_descriptor(world), descriptor);
    cr_assert(is_up(descriptor));
    for (int i = 0; i < 3; i++) {
        rt_signal_set(world, false);
        rt_signal_set(world, false);
        cr_assert(!is_up(descriptor));
        rt_signal_set(world, true);
        rt_signal_set(world, true);
        cr_assert(is_up(descriptor));
    }
    harness_end(world);
}

Test(system, a_forked_child_knows_that_it_is_one) {
    struct rt_world *world = harness_world(1);
    cr_assert(!rt_forked(world));
    pid_t child = fork();
    if (child == 0) {
        test_leave_child(rt_forked(world) ? 17 : 1);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 17);
    cr_assert(!rt_forked(world));
    harness_end(world);
}

static int status_of(pid_t child) {
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool opens_none(void) {
    int error = 0;
    struct rt_threads_options options = {.workers = 1};
    return rt_threads_create(&options, &error) == NULL && error == ECHILD;
}

/* Of a process that had a world when it was forked: it has none, and its children have none. */
Test(system, a_child_of_a_forked_child_opens_no_world_either) {
    struct rt_world *world = harness_world(1);
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            test_leave_child(opens_none() ? 17 : 1);
        }
        int status = 0;
        waitpid(grandchild, &status, 0);
        test_leave_child(opens_none() ? WEXITSTATUS(status) : 2);
    }
    cr_assert_eq(status_of(child), 17);
    harness_end(world);
}

#ifndef RT_TSAN /* which lets no forked process have threads */
Test(system, a_child_forked_after_the_last_world_ended_opens_its_own) {
    harness_end(harness_world(1));
    pid_t child = fork();
    if (child == 0) {
        struct rt_world *world = harness_world(1);
        bool forked = rt_forked(world);
        harness_end(world);
        test_leave_child(forked ? 1 : 17);
    }
    cr_assert_eq(status_of(child), 17);
}
#endif

static int64_t real_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Test(system, the_coarse_wall_clock_follows_the_real_one) {
    struct rt_world *world = harness_world(1);
    int64_t age_ms = INT64_MAX;
    int64_t began_ms = real_ms();
    while (age_ms > 4 && real_ms() < began_ms + 10000) { /* a busy machine's tick may come late */
        int64_t before_ms = real_ms();
        int64_t wall_ms = rt_wall_ms(world);
        cr_assert_leq(wall_ms, real_ms());
        age_ms = before_ms - wall_ms;
    }
    cr_assert_leq(age_ms, 4);
    harness_end(world);
}

Test(system, random_numbers_differ_between_calls_and_worlds) {
    struct rt_world *worlds[2] = {harness_world(1), harness_world(1)};
    uint64_t seen = 0;
    uint64_t all = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rt_random(worlds[0]);
        cr_assert_neq(value, rt_random(worlds[1]));
        seen |= value;
        all &= value;
    }
    cr_assert_eq(seen, UINT64_MAX, "every bit is set at times");
    cr_assert_eq(all, 0, "and clear at times");
    harness_end(worlds[0]);
    harness_end(worlds[1]);
}

Test(system, memory_is_aligned_and_counted) {
    struct rt_world *world = harness_world(1);
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        void *memory = rt_acquire(world, size);
        cr_assert_not_null(memory);
        cr_assert_eq((uintptr_t)memory % 16, 0);
        cr_assert_eq(atomic_load(&world->memory_used), size);
        rt_release(world, memory, size);
    }
    rt_release(world, NULL, 5);
    harness_end(world);
}

Test(system, a_wait_ends_at_its_deadline_or_when_the_word_changes) {
    struct rt_world *world = harness_world(1);
    _Atomic uint32_t word = 5;
    uint64_t deadline_ns = rt_now(world) + 3 * MS;
    cr_assert(!rt_wait(world, &word, 5, deadline_ns));
    cr_assert_geq(rt_now(world), deadline_ns);
    cr_assert(rt_wait(world, &word, 4, RT_FOREVER), "has changed already");
    harness_end(world);
}

Test(system, worlds_come_and_go_with_any_number_of_workers) {
    for (unsigned workers = 0; workers <= 33; workers += 3) {
        struct rt_world *world = harness_world(workers);
        cr_assert_geq(world->workers, 1);
        cr_assert_leq(world->workers, 32);
        rt_world_destroy(world);
    }
}
