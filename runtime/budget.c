/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The byte budget. Bytes move between three places, by read-modify-writes only, so the equation
 *
 *   limit = available + sum of cached credit + used
 *
 * holds whenever nobody is half-way through a move.
 *
 * Waiting is an eventcount: who waits raises `waiters`, then looks again; who gives adds the bytes,
 * then looks at `waiters`. Both sides are sequentially consistent, so one of them sees the other.
 */
#include "runtime/budget.h"

#include "runtime/assert.h"
#include "runtime/mutant.h"

enum {
    LUMP_BYTES_MAX = 65536,
    LUMPS_IN_LIMIT = 64 /* what threads cache stays small against the limit */
};

void rt_budget_init(struct rt_budget *budget, struct rt_world *world, int64_t limit) {
    RT_ASSERT(limit >= 0);
    int64_t lump = limit / LUMPS_IN_LIMIT;
    *budget = (struct rt_budget){
        .world = world,
        .limit = limit,
        .lump = lump < LUMP_BYTES_MAX ? lump : LUMP_BYTES_MAX,
    };
    atomic_init(&budget->available, limit);
}

static int64_t cached_bytes(const struct rt_budget *budget) {
    int64_t sum = 0;
    struct rt_credit *credit = atomic_load_explicit(&budget->credits, memory_order_acquire);
    for (; credit != NULL; credit = credit->next) {
        sum += atomic_load_explicit(&credit->bytes, memory_order_relaxed);
    }
    return sum;
}

int64_t rt_budget_used(const struct rt_budget *budget) {
    return budget->limit - atomic_load(&budget->available) - cached_bytes(budget);
}

void rt_budget_deinit(struct rt_budget *budget) {
    RT_ASSERT(rt_budget_used(budget) == 0);
}

void rt_budget_join(struct rt_budget *budget, struct rt_credit *credit) {
    atomic_init(&credit->bytes, 0);
    credit->next = atomic_load_explicit(&budget->credits, memory_order_relaxed);
    /* Release: pairs with the acquire of whoever walks the list. */
    while (!atomic_compare_exchange_weak_explicit(&budget->credits, &credit->next, credit,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

/* Moves up to `most`, but nothing below `least`, out of what is available. */
static int64_t take_available(struct rt_budget *budget, int64_t least, int64_t most) {
    int64_t available = atomic_load(&budget->available);
    while (available >= least) {
        int64_t part = available < most ? available : most;
        if (atomic_compare_exchange_weak(&budget->available, &available, available - part)) {
            return part;
        }
    }
    return 0;
}

/* Puts every thread's cached credit back into what is available. */
static void call_back_credit(struct rt_budget *budget) {
    int64_t sum = 0;
    struct rt_credit *credit = atomic_load_explicit(&budget->credits, memory_order_acquire);
    for (; credit != NULL; credit = credit->next) {
        if (atomic_load_explicit(&credit->bytes, memory_order_relaxed) != 0) {
            sum += atomic_exchange_explicit(&credit->bytes, 0, memory_order_acq_rel);
        }
    }
    if (sum != 0) {
        rt_budget_give(budget, sum);
    }
}

/* The thread's own credit does not do. */
static bool take_slowly(struct rt_budget *budget, struct rt_credit *credit, int64_t bytes) {
    int64_t lump = budget->lump;
    if (bytes < lump &&
        atomic_load_explicit(&budget->available, memory_order_relaxed) > budget->limit / 4) {
        int64_t got = take_available(budget, bytes, bytes + lump);
        if (got > 0) {
            atomic_fetch_add_explicit(&credit->bytes, got - bytes, memory_order_acq_rel);
            return true;
        }
    }
    if (take_available(budget, bytes, bytes) == bytes) {
        return true;
    }
    call_back_credit(budget);
    return take_available(budget, bytes, bytes) == bytes;
}

bool rt_budget_take(struct rt_budget *budget, struct rt_credit *credit, int64_t bytes) {
    RT_ASSERT(bytes > 0);
    int64_t cached = atomic_load_explicit(&credit->bytes, memory_order_relaxed);
    while (cached >= bytes) {
        /* Only the owner takes; a failure means that the credit was called back. */
        if (atomic_compare_exchange_weak_explicit(&credit->bytes, &cached, cached - bytes,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            return true;
        }
    }
    return take_slowly(budget, credit, bytes);
}

void rt_budget_give(struct rt_budget *budget, int64_t bytes) {
    RT_ASSERT(bytes >= 0);
    int64_t before = atomic_fetch_add(&budget->available, bytes); /* pairs: rt_budget_wait */
    RT_ASSERT(before + bytes <= budget->limit);
    /* One giver takes the waiters on; they raise the word again if they still have to wait. */
    if (atomic_load(&budget->waiters) != 0 && atomic_exchange(&budget->waiters, 0) != 0) {
        atomic_fetch_add(&budget->changed, 1);
        if (!RT_MUTANT(room_wakes_nobody)) {
            rt_wake(budget->world, &budget->changed);
        }
    }
}

static bool has_chance(const struct rt_budget *budget, int64_t bytes) {
    return atomic_load(&budget->available) + cached_bytes(budget) >= bytes;
}

bool rt_budget_wait(struct rt_budget *budget, int64_t bytes, uint64_t deadline_ns) {
    for (;;) {
        uint32_t seen = atomic_load(&budget->changed);
        atomic_fetch_add(&budget->waiters, 1); /* pairs: rt_budget_give */
        if (has_chance(budget, bytes)) {
            return true;
        }
        if (!rt_wait(budget->world, &budget->changed, seen, deadline_ns)) {
            return has_chance(budget, bytes);
        }
    }
}
