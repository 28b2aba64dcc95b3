/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stacks for scripted calls: each runs on one of its own, so that it can wait while the world and
 * the other calls go on. Only one runs at a time; who enters a stack goes on when it pauses or
 * ends.
 *
 * A stack is begun once, by setcontext. From then on it changes hands by _setjmp and _longjmp,
 * which make no system call for the mask of signals: scripted calls are most of what a small trial
 * does. Sanitizers follow swapcontext only, and get that. A stack whose call ended stays where it
 * is, in its loop, and goes on with the next call.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "runtime/sim_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define SIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIM_TSAN 1
#endif
#endif

/* Generous, because sanitizers need much; what is not touched costs nothing. */
enum { STACK_SIZE = 1024 * 1024, GUARD_SIZE = 64 * 1024 };

#if defined(SIM_ASAN) || defined(SIM_TSAN)
#define SIM_SWAPS 1 /* by swapcontext */
typedef ucontext_t stack_place;
#else
typedef jmp_buf stack_place;
#endif

struct sim_stack {
    ucontext_t begin;  /* of a stack that never ran */
    stack_place here;  /* of the call, while it pauses */
    stack_place enter; /* of who entered it */
    uint8_t *memory;   /* guard, then stack */
    void (*callback)(void *context);
    void *context;
    bool begun;
    bool ended;
    struct sim_stack *outer; /* the stack that runs while this one is entered, or NULL */
    struct sim_stack *next_free;
    void *fiber, *fiber_enter; /* the sanitizers' */
    const void *enter_bottom;
    size_t enter_size;
};

/* ---- what sanitizers have to be told --------------------------------------------------------- */

#ifdef SIM_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size);
#endif
#ifdef SIM_TSAN
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void *__tsan_get_current_fiber(void);
#endif

static void before_enter(struct sim_stack *stack, void **fake_stack) {
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(fake_stack, stack->memory + GUARD_SIZE, STACK_SIZE);
#endif
#ifdef SIM_TSAN
    stack->fiber_enter = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(stack->fiber, 0);
#endif
    (void)stack;
    (void)fake_stack;
}

static void after_enter(void *fake_stack) {
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
    (void)fake_stack;
}

static void before_leave(struct sim_stack *stack, void **fake_stack) {
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(fake_stack, stack->enter_bottom, stack->enter_size);
#endif
#ifdef SIM_TSAN
    __tsan_switch_to_fiber(stack->fiber_enter, 0);
#endif
    (void)stack;
    (void)fake_stack;
}

static void after_leave(struct sim_stack *stack, void *fake_stack) {
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &stack->enter_bottom, &stack->enter_size);
#endif
    (void)stack;
    (void)fake_stack;
}

/* ---- entering and pausing -------------------------------------------------------------------- */

/* Not inlined: they return twice in the eyes of a compiler. */
static __attribute__((noinline)) void switch_in(struct sim_stack *stack) {
#ifdef SIM_SWAPS
    swapcontext(&stack->enter, stack->begun ? &stack->here : &stack->begin);
#else
    if (_setjmp(stack->enter) == 0) {
        if (!stack->begun) {
            setcontext(&stack->begin);
        }
        _longjmp(stack->here, 1);
    }
#endif
}

static __attribute__((noinline)) void switch_out(struct sim_stack *stack) {
    stack->begun = true;
#ifdef SIM_SWAPS
    swapcontext(&stack->here, &stack->enter);
#else
    if (_setjmp(stack->here) == 0) {
        _longjmp(stack->enter, 1);
    }
#endif
}

void sim_stack_enter(struct sim *sim, struct sim_stack *stack) {
    void *fake_stack = NULL;
    stack->outer = sim->stack;
    sim->stack = stack;
    before_enter(stack, &fake_stack);
    switch_in(stack);
    after_enter(fake_stack);
    sim->stack = stack->outer;
    if (stack->ended) {
        stack->next_free = sim->free_stacks;
        sim->free_stacks = stack;
    }
}

static void stack_leave(struct sim_stack *stack) {
    void *fake_stack = NULL;
    before_leave(stack, &fake_stack);
    switch_out(stack);
    after_leave(stack, fake_stack);
}

void sim_stack_pause(struct sim *sim) {
    stack_leave(sim->stack);
}

/* makecontext hands over ints only. */
static void stack_main(unsigned high, unsigned low) {
    struct sim_stack *stack = (struct sim_stack *)(uintptr_t)((uint64_t)high << 32 | low);
    after_leave(stack, NULL);
    for (;;) {
        stack->callback(stack->context);
        stack->ended = true;
        stack_leave(stack);
    }
}

/* Not inlined: getcontext may return twice in the eyes of a compiler. */
static __attribute__((noinline)) void stack_prepare(struct sim_stack *stack) {
    RT_ASSERT(getcontext(&stack->begin) == 0);
    stack->begin.uc_stack.ss_sp = stack->memory + GUARD_SIZE;
    stack->begin.uc_stack.ss_size = STACK_SIZE;
    stack->begin.uc_link = NULL;
    uint64_t address = (uintptr_t)stack;
    makecontext(&stack->begin, (void (*)(void))stack_main, 2, (unsigned)(address >> 32),
                (unsigned)address);
}

static struct sim_stack *stack_acquire(struct sim *sim) {
    struct sim_stack *stack = sim->free_stacks;
    if (stack != NULL) {
        sim->free_stacks = stack->next_free;
        return stack;
    }
    stack = sim_allocate(sizeof(*stack));
    stack->memory = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RT_ASSERT(stack->memory != MAP_FAILED);
    RT_ASSERT(mprotect(stack->memory, GUARD_SIZE, PROT_NONE) == 0);
#ifdef SIM_TSAN
    stack->fiber = __tsan_create_fiber(0);
#endif
    stack_prepare(stack);
    return stack;
}

void sim_stack_call(struct sim *sim, void (*callback)(void *), void *context) {
    struct sim_stack *stack = stack_acquire(sim);
    stack->callback = callback;
    stack->context = context;
    stack->ended = false;
    sim_stack_enter(sim, stack);
}

void sim_stacks_deinit(struct sim *sim) {
    while (sim->free_stacks != NULL) {
        struct sim_stack *stack = sim->free_stacks;
        sim->free_stacks = stack->next_free;
#ifdef SIM_TSAN
        __tsan_destroy_fiber(stack->fiber);
#endif
        munmap(stack->memory, GUARD_SIZE + STACK_SIZE);
        free(stack);
    }
}
