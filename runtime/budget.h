/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The byte budget: the only gate of admission. Takes never wait; who wants to wait does so on the
 * `changed` word and tries again.
 *
 * A thread caches credit, so that most takes touch only its own line; cached credit can be called
 * back by any thread that finds the budget short.
 *
 * Charges are an estimate of what memory is used. Whoever sees that more is used holds bytes back,
 * so that the estimate need not be exact for the memory to stay within a bound.
 *
 *   limit = available + sum of cached credit + held + used
 */
#ifndef RT_BUDGET_H
#define RT_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/world.h"

/* Only the owner adds and takes, and only while it is `inside` and nobody recalls. A recaller says
 * so, fences everywhere, and then takes all from owners that are outside. Either it sees the owner
 * inside, and leaves that credit alone, or the owner sees the recall, and keeps off. */
struct rt_credit { /* one per writing thread, cache-line sized */
    _Atomic int64_t bytes;
    _Atomic uint32_t inside;    /* the owner's */
    _Atomic uint32_t recallers; /* at work */
    struct rt_credit *next;     /* in the budget's list, set once */
    char pad[40];
};

struct rt_budget {
    struct rt_world *world;
    int64_t limit;
    int64_t lump; /* how much credit a thread fetches at once */
    char pad[64]; /* each take reads what is above, each give writes below */
    _Atomic int64_t available;
    _Atomic(struct rt_credit *) credits; /* push only, freed by their owner after deinit */
    _Atomic uint32_t changed;            /* bumped when bytes come back and somebody waits */
    _Atomic uint32_t waiters;
    _Atomic int64_t held; /* never all of the limit: something gets through whatever happens */
};

void rt_budget_init(struct rt_budget *budget, struct rt_world *world, int64_t limit);
/* Asserts that everything came back. */
void rt_budget_deinit(struct rt_budget *budget);
/* Makes a credit known, once; it stays known until deinit. */
void rt_budget_join(struct rt_budget *budget, struct rt_credit *credit);
/* As rt_budget_take, when the credit does not do. */
bool rt_budget_take_slowly(struct rt_budget *budget, struct rt_credit *credit, int64_t bytes);
/* The owner's: between the two its credit is not called back. Nothing else of a credit may be done
 * there but to take from it. */
static inline void rt_credit_enter(const struct rt_budget *budget, struct rt_credit *credit) {
    atomic_store_explicit(&credit->inside, 1, memory_order_relaxed);
    rt_fence_here(budget->world); /* pairs with rt_fence_everywhere of a recaller */
}
static inline void rt_credit_leave(struct rt_credit *credit) {
    /* release: a recaller that sees us outside sees what we left */
    atomic_store_explicit(&credit->inside, 0, memory_order_release);
}
static inline bool rt_credit_take(struct rt_credit *credit, int64_t bytes) {
    /* acquire: when the recaller is gone, we see what it took. So the bytes come second. */
    if (atomic_load_explicit(&credit->recallers, memory_order_acquire) != 0) {
        return false;
    }
    int64_t cached = atomic_load_explicit(&credit->bytes, memory_order_relaxed);
    if (cached < bytes) {
        return false;
    }
    atomic_store_explicit(&credit->bytes, cached - bytes, memory_order_relaxed);
    return true;
}
/* Takes through the thread's credit; calls back the others' before it answers false. */
static inline bool rt_budget_take(struct rt_budget *budget, struct rt_credit *credit,
                                  int64_t bytes) {
    rt_credit_enter(budget, credit);
    bool taken = rt_credit_take(credit, bytes);
    rt_credit_leave(credit);
    return taken || rt_budget_take_slowly(budget, credit, bytes);
}
/* Gives back from anywhere. */
void rt_budget_give(struct rt_budget *budget, int64_t bytes);
/* Gives back from anywhere, 0 for nothing, and then holds back what is available above `room`, or
 * lets go what is held as far as there is room. */
void rt_budget_settle_slowly(struct rt_budget *budget, int64_t bytes, int64_t room);
static inline void rt_budget_settle(struct rt_budget *budget, int64_t bytes, int64_t room) {
    if (room >= budget->limit && atomic_load_explicit(&budget->held, memory_order_relaxed) == 0) {
        if (bytes != 0) {
            rt_budget_give(budget, bytes);
        }
    } else {
        rt_budget_settle_slowly(budget, bytes, room);
    }
}
/* Whether a take of `bytes` has a chance. What moves at this moment may count twice, or not at all,
 * here and in each of the following. */
bool rt_budget_has_room(const struct rt_budget *budget, int64_t bytes);
/* Bytes taken and not given back, and those held; cached credit is not counted. */
int64_t rt_budget_used(const struct rt_budget *budget);
/* Bytes taken and not given back. */
int64_t rt_budget_charged(const struct rt_budget *budget);
/* The same with all cached credit: two loads, where the others visit each thread's credit. */
int64_t rt_budget_charged_at_most(const struct rt_budget *budget);
/* Waits until a take of `bytes` has a chance; false at the deadline. Application threads only. */
bool rt_budget_wait(struct rt_budget *budget, int64_t bytes, uint64_t deadline_ns);

#endif
