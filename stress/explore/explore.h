/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The schedule explorer: threads of a scenario are stacks in one thread of the system, exactly one
 * runs, and before each atomic operation (tests/shim/step.h) any other may go on instead.
 *
 *   explore.c   one run of a scenario: stacks, who can go on, what is printed
 *   choose.c    who goes on: depth first with few preemptions, random, PCT, or what is replayed
 *   kernel.c    the system calls of the runtime: futex, epoll, eventfd, membarrier, the clock
 *   main.c      the command
 *   *_scenario.c
 */
#ifndef STRESS_EXPLORE_EXPLORE_H
#define STRESS_EXPLORE_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXPLORE_THREADS_MAX = 6,
    EXPLORE_VARIANTS_MAX = 8,
    EXPLORE_MARKS_MAX = 4,
    EXPLORE_STEPS_MAX = 3000 /* more in one run: it goes on for ever */
};

struct explore_thread {
    const char *name;
    void (*body)(void);
    bool may_sleep; /* for ever, when all is done: a worker */
};

/* A mistake that must be found. */
struct explore_variant {
    const char *name;
    const char *torn; /* the function whose read-modify-writes are torn; NULL: the scenario's own */
};

struct explore_scenario {
    const char *name;
    const char *says; /* what holds */
    struct explore_thread threads[EXPLORE_THREADS_MAX];
    struct explore_variant variants[EXPLORE_VARIANTS_MAX];
    const char *marks[EXPLORE_MARKS_MAX]; /* what some schedule must come across */
    unsigned bound;                       /* preemptions; up to this all schedules are tried */
    unsigned drawn;                       /* schedules of each of random, PCT 2 and PCT 3 */
    unsigned in_a_row; /* steps until a thread counts as waiting in a loop; 0: 150 */
    void (*set_up)(void);
    void (*settled)(void); /* nobody can go on: is all as it must be? */
};

/* ---- for scenarios --------------------------------------------------------------------------- */

extern const struct explore_scenario *const explore_scenarios[];

/* The scenario is run with this mistake of its own. */
bool explore_variant(const char *name);
/* Tells that the schedule came across marks[mark]. */
void explore_reached(unsigned mark);

__attribute__((noreturn, format(printf, 1, 2))) void explore_fail(const char *format, ...);

#define EXPLORE_TEXT_(text) #text
#define EXPLORE_TEXT(text) EXPLORE_TEXT_(text)
/* A message follows the condition. */
#define EXPLORE_CHECK(condition, ...)                                                              \
    ((condition) ? (void)0 : explore_fail(__FILE__ ":" EXPLORE_TEXT(__LINE__) ": " __VA_ARGS__))

/* A step that is no operation of ours: a system call, or the scenario's own. */
void explore_step(const char *place, const char *function, const char *operation);
#define EXPLORE_STEP(operation)                                                                    \
    explore_step(__FILE__ ":" EXPLORE_TEXT(__LINE__), __func__, operation)
/* Nothing to do until another thread has made a step. */
void explore_pause(void);
/* Until explore_wake of the same address. No step: what was looked at before is still so. */
void explore_block(const void *address);
/* At most so many, the first ones first. */
void explore_wake(const void *address, unsigned most);
/* Index in scenario->threads. */
unsigned explore_self(void);

/* ---- kernel.c -------------------------------------------------------------------------------- */

void kernel_reset(void);

/* ---- choose.c -------------------------------------------------------------------------------- */

enum explore_way { BY_DEPTH, BY_CHANCE, BY_PRIORITY, BY_REPLAY };

void choose_by_depth(unsigned bound);
void choose_by_chance(uint64_t seed);
/* `depth` - 1 places where the thread that runs falls behind all others, within so many steps. */
void choose_by_priority(uint64_t seed, unsigned depth, unsigned steps);
/* As schedule_text wrote it. False: it is no such text. */
bool choose_by_replay(const char *text);
void choose_begin(void);
/* One of `enabled` (a bit each), for the step with this number; `self` is the thread that runs, or
 * EXPLORE_THREADS_MAX. */
unsigned choose_thread(unsigned self, unsigned enabled, unsigned step);
/* The thread waits for others in a loop. */
void choose_paused(unsigned self);
/* Depth first: sets out for the next schedule; false when there is none. */
bool choose_next(void);

/* ---- explore.c ------------------------------------------------------------------------------- */

struct explore_result {
    bool failed;
    char message[512];
    unsigned steps;
    unsigned marks; /* a bit each */
};

/* `variant` may be NULL. */
void explore_run(const struct explore_scenario *scenario, const struct explore_variant *variant,
                 bool trace, struct explore_result *result);
/* Who ran, as text: a letter each and the number of its steps. */
const char *explore_schedule(void);

#endif
