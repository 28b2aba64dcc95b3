/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run. A thread that comes to a step asks choose.c who goes on, and switches there if it is
 * another; so most steps cost no switch. Stacks are begun once; a new run jumps back to where each
 * began, and what was left on them is forgotten.
 */
#include "stress/explore/explore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "runtime/assert.h"
#include "stress/explore/local.h"
#include "tests/shim/step.h"

enum {
    STACK_BYTES = 256 * 1024,
    GUARD_BYTES = 4096,
    STEPS_IN_A_ROW = 150, /* then it counts as waiting in a loop, if the scenario says nothing */
    PAUSES_EAGER = 3,     /* then it waits until all others that can have made a step */
    NOBODY = EXPLORE_THREADS_MAX
};

enum standing { ABSENT, READY, PAUSED, BLOCKED, ENDED };

struct fiber {
    enum standing standing;
    const void *blocked_on;
    unsigned waits_for; /* while PAUSED: threads, a bit each; any step of another ends it when 0 */
    unsigned pauses;
    void *local; /* what the runtime keeps per thread */
    bool begun;  /* its stack was */
    bool inside; /* this run has begun on it: `here` is valid */
    ucontext_t first;
    jmp_buf base, here;
};

static struct {
    const struct explore_scenario *scenario;
    const struct explore_variant *variant;
    struct explore_result *result;
    struct fiber fibers[EXPLORE_THREADS_MAX];
    unsigned self;
    unsigned in_a_row;
    bool trace;
    jmp_buf out;
    uint8_t schedule[EXPLORE_STEPS_MAX];
} run = {.self = NOBODY};

/* ---- the end of a run ------------------------------------------------------------------------ */

void explore_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(run.result->message, sizeof run.result->message, format, arguments);
    va_end(arguments);
    run.result->failed = true;
    _longjmp(run.out, 1);
}

/* Of the product, instead of runtime/assert.c. */
void rt_assert_failed(const char *expression, const char *file, int line, const char *function) {
    explore_fail("%s:%d: %s: assertion failed: %s", file, line, function, expression);
}

/* Nobody can go on: all have ended, or those that have not may sleep. */
static void judge(void) {
    char who[256] = "";
    size_t used = 0;
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        const struct explore_thread *thread = &run.scenario->threads[i];
        if (run.fibers[i].standing == BLOCKED && !thread->may_sleep) {
            used += (size_t)snprintf(who + used, sizeof who - used, " %s", thread->name);
        }
    }
    run.self = NOBODY;
    if (used != 0) {
        explore_fail("nobody can go on, and there still wait:%s", who);
    }
    run.scenario->settled();
    _longjmp(run.out, 1);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static void go_on(void);
static void moves(bool makes_step);

/* Begun once. Each run of the scenario comes back to `base`. */
static void fiber_main(void) {
    struct fiber *fiber = &run.fibers[run.self];
    (void)_setjmp(fiber->base);
    run.fibers[run.self].inside = true;
    run.scenario->threads[run.self].body();
    run.fibers[run.self].standing = ENDED;
    moves(false);
    go_on();
    abort(); /* nobody goes on in a thread that ended */
}

static void stack_prepare(struct fiber *fiber) {
    uint8_t *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, GUARD_BYTES, PROT_NONE) != 0 ||
        getcontext(&fiber->first) != 0) {
        perror("explore: a stack");
        exit(2);
    }
    fiber->first.uc_stack.ss_sp = memory + GUARD_BYTES;
    fiber->first.uc_stack.ss_size = STACK_BYTES;
    fiber->first.uc_link = NULL;
    makecontext(&fiber->first, fiber_main, 0);
}

static __attribute__((noinline, noreturn)) void enter(struct fiber *fiber) {
    *explore_local() = fiber->local;
    if (fiber->inside) {
        _longjmp(fiber->here, 1);
    }
    if (fiber->begun) {
        _longjmp(fiber->base, 1);
    }
    fiber->begun = true;
    setcontext(&fiber->first);
    abort();
}

/* Not inlined: it returns twice in the eyes of a compiler. */
static __attribute__((noinline)) void switch_to(unsigned next) {
    unsigned before = run.self;
    run.self = next;
    run.in_a_row = 0;
    if (before == NOBODY) {
        enter(&run.fibers[next]);
    }
    run.fibers[before].local = *explore_local();
    if (_setjmp(run.fibers[before].here) == 0) {
        enter(&run.fibers[next]);
    }
}

/* ---- who goes on ----------------------------------------------------------------------------- */

static unsigned with_standing(enum standing standing) {
    unsigned mask = 0;
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        mask |= (unsigned)(run.fibers[i].standing == standing) << i;
    }
    return mask;
}

static void end_pauses(void) {
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        if (run.fibers[i].standing == PAUSED) {
            run.fibers[i].standing = READY;
        }
    }
}

/* The thread that runs makes a step, or cannot go on. */
static void moves(bool makes_step) {
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        struct fiber *fiber = &run.fibers[i];
        if (fiber->standing == PAUSED && i != run.self) {
            bool eager = fiber->waits_for == 0;
            fiber->waits_for &= ~(1u << run.self);
            if (fiber->waits_for == 0 && (makes_step || !eager)) {
                fiber->standing = READY;
            }
        }
    }
}

/* Returns in the thread that called it, when that is the one to go on. */
static void go_on(void) {
    unsigned enabled = with_standing(READY);
    if (enabled == 0) {
        end_pauses();
        enabled = with_standing(READY);
    }
    if (enabled == 0) {
        judge();
    }
    unsigned next = choose_thread(run.self, enabled, run.result->steps);
    if (next != run.self) {
        switch_to(next);
    }
}

/* Two that wait in loops could take turns for ever while the third is kept from going on. */
static void pause_until(bool all_moved) {
    struct fiber *fiber = &run.fibers[run.self];
    fiber->standing = PAUSED;
    fiber->waits_for = all_moved ? with_standing(READY) : 0;
    moves(false);
    choose_paused(run.self);
    go_on();
}

void explore_pause(void) {
    if (run.self != NOBODY) {
        pause_until(++run.fibers[run.self].pauses > PAUSES_EAGER);
    }
}

void explore_step(const char *place, const char *function, const char *operation) {
    if (run.self == NOBODY) {
        return; /* setting up, or judging */
    }
    unsigned most = run.scenario->in_a_row != 0 ? run.scenario->in_a_row : STEPS_IN_A_ROW;
    if (++run.in_a_row > most) {
        run.in_a_row = 0;
        pause_until(true);
    } else {
        go_on();
    }
    /* What follows in this thread is the step. */
    struct explore_result *result = run.result;
    if (result->steps == EXPLORE_STEPS_MAX) {
        explore_fail("it goes on for ever: %u steps", result->steps);
    }
    run.schedule[result->steps++] = (uint8_t)run.self;
    moves(true);
    if (run.trace) {
        printf("%5u  %-*s%-12s %s: %s    %s\n", result->steps, (int)(run.self * 4), "",
               run.scenario->threads[run.self].name, function, operation, place);
    }
}

void explore_block(const void *address) {
    run.fibers[run.self].standing = BLOCKED;
    run.fibers[run.self].blocked_on = address;
    if (run.trace) {
        printf("       %-*s%-12s sleeps\n", (int)(run.self * 4), "",
               run.scenario->threads[run.self].name);
    }
    moves(false);
    go_on();
}

void explore_wake(const void *address, unsigned most) {
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX && most > 0; i++) {
        if (run.fibers[i].standing == BLOCKED && run.fibers[i].blocked_on == address) {
            run.fibers[i].standing = READY;
            most--;
        }
    }
}

unsigned explore_self(void) {
    return run.self;
}

bool explore_is_torn(const char *function) {
    return run.variant != NULL && run.variant->torn != NULL &&
           strcmp(run.variant->torn, function) == 0;
}

bool explore_variant(const char *name) {
    return run.variant != NULL && strcmp(run.variant->name, name) == 0;
}

void explore_reached(unsigned mark) {
    run.result->marks |= 1u << mark;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void begin(const struct explore_scenario *scenario) {
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        struct fiber *fiber = &run.fibers[i];
        if (fiber->first.uc_stack.ss_sp == NULL) {
            stack_prepare(fiber);
        }
        fiber->standing = scenario->threads[i].body != NULL ? READY : ABSENT;
        fiber->inside = false;
        fiber->pauses = 0;
        fiber->local = NULL;
    }
    run.scenario = scenario;
    run.self = NOBODY;
    run.in_a_row = 0;
    kernel_reset();
    choose_begin();
}

void explore_run(const struct explore_scenario *scenario, const struct explore_variant *variant,
                 bool trace, struct explore_result *result) {
    *result = (struct explore_result){.failed = false};
    run.result = result;
    run.variant = variant;
    run.trace = trace;
    if (_setjmp(run.out) == 0) {
        begin(scenario);
        scenario->set_up();
        go_on();
    }
    run.self = NOBODY;
    *explore_local() = NULL;
}

const char *explore_schedule(void) {
    static char text[EXPLORE_STEPS_MAX * 6];
    size_t used = 0;
    text[0] = '\0';
    for (unsigned at = 0; at < run.result->steps;) {
        unsigned end = at;
        while (end < run.result->steps && run.schedule[end] == run.schedule[at]) {
            end++;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%c%u", 'a' + run.schedule[at],
                                 end - at);
        at = end;
    }
    return text;
}
