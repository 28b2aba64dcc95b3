/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The byte budget. Bytes move between three places, by read-modify-writes only, so the equation
 *
 *   limit = available + sum of cached credit + held + used
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
    LUMPS_IN_LIMIT = 64, /* what threads cache stays small against the limit */
    LUMPS_IN_LEFT = 16,  /* and against what is left */
    LUMP_PARTS = 16,     /* less than one part of a lump is not cached */
    HELD_PART = 32       /* one part of so many is never held */
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

/* What may still be taken. */
static int64_t left_bytes(const struct rt_budget *budget) {
    return atomic_load(&budget->available) + cached_bytes(budget);
}

bool rt_budget_has_room(const struct rt_budget *budget, int64_t bytes) {
    return left_bytes(budget) >= bytes;
}

int64_t rt_budget_used(const struct rt_budget *budget) {
    return budget->limit - left_bytes(budget);
}

int64_t rt_budget_charged_at_most(const struct rt_budget *budget) {
    return budget->limit - atomic_load(&budget->available) - atomic_load(&budget->held);
}

int64_t rt_budget_charged(const struct rt_budget *budget) {
    int64_t charged = rt_budget_charged_at_most(budget) - cached_bytes(budget);
    return charged > 0 ? charged : 0;
}

void rt_budget_deinit(struct rt_budget *budget) {
    RT_ASSERT(rt_budget_used(budget) == 0);
}

void rt_budget_join(struct rt_budget *budget, struct rt_credit *credit) {
    atomic_init(&credit->bytes, 0);
    atomic_init(&credit->inside, 0);
    atomic_init(&credit->recallers, 0);
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

/* The owner's. False while it is recalled. */
static bool credit_add(struct rt_budget *budget, struct rt_credit *credit, int64_t bytes) {
    atomic_store_explicit(&credit->inside, 1, memory_order_relaxed);
    rt_fence_here(budget->world);
    /* acquire: as in rt_budget_take */
    bool free = atomic_load_explicit(&credit->recallers, memory_order_acquire) == 0;
    if (free) {
        int64_t cached = atomic_load_explicit(&credit->bytes, memory_order_relaxed);
        atomic_store_explicit(&credit->bytes, cached + bytes, memory_order_relaxed);
    }
    atomic_store_explicit(&credit->inside, 0, memory_order_release);
    return free;
}

/* Puts every thread's cached credit back into what is available. */
static void recall_credit(struct rt_budget *budget) {
    struct rt_credit *first = atomic_load_explicit(&budget->credits, memory_order_acquire);
    int64_t sum = 0;
    for (struct rt_credit *credit = first; credit != NULL; credit = credit->next) {
        atomic_fetch_add_explicit(&credit->recallers, 1, memory_order_relaxed);
    }
    rt_fence_everywhere(budget->world); /* pairs with rt_fence_here of the owners */
    for (struct rt_credit *credit = first; credit != NULL; credit = credit->next) {
        if (atomic_load_explicit(&credit->inside, memory_order_acquire) == 0) {
            sum += atomic_exchange_explicit(&credit->bytes, 0, memory_order_acq_rel);
        }
        /* release: the owner that sees us gone sees what we took */
        atomic_fetch_sub_explicit(&credit->recallers, 1, memory_order_release);
    }
    if (sum != 0) {
        rt_budget_give(budget, sum);
    }
}

/* How much credit to fetch beside `bytes`: little when little is left, and none when next to
 * nothing is, so that recalls are rare. */
static int64_t lump_for(const struct rt_budget *budget, int64_t bytes) {
    int64_t part = atomic_load_explicit(&budget->available, memory_order_relaxed) / LUMPS_IN_LEFT;
    int64_t lump = part < budget->lump ? part : budget->lump;
    return lump > bytes && lump >= budget->lump / LUMP_PARTS ? lump : 0;
}

bool rt_budget_take_slowly(struct rt_budget *budget, struct rt_credit *credit, int64_t bytes) {
    RT_ASSERT(bytes > 0);
    int64_t got = take_available(budget, bytes, bytes + lump_for(budget, bytes));
    if (got > bytes && !credit_add(budget, credit, got - bytes)) {
        rt_budget_give(budget, got - bytes);
    }
    if (got > 0) {
        return true;
    }
    if (!rt_budget_has_room(budget, bytes)) {
        return false;
    }
    recall_credit(budget);
    return take_available(budget, bytes, bytes) == bytes;
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

/* Lets go some of what is held. */
static void let_go(struct rt_budget *budget, int64_t most) {
    int64_t held = atomic_load(&budget->held);
    int64_t part;
    do {
        part = held < most ? held : most;
        if (part <= 0) {
            return;
        }
    } while (!atomic_compare_exchange_weak(&budget->held, &held, held - part));
    rt_budget_give(budget, part);
}

/* What is held meanwhile is not seen by those who wait: so nobody is woken for nothing. */
void rt_budget_settle_slowly(struct rt_budget *budget, int64_t bytes, int64_t room) {
    int64_t held = atomic_fetch_add(&budget->held, bytes) + bytes;
    int64_t held_max = budget->limit - budget->limit / HELD_PART;
    int64_t above = atomic_load(&budget->available) - (room > 0 ? room : 0);
    int64_t more = held_max - held < above ? held_max - held : above;
    if (more > 0) {
        atomic_fetch_add(&budget->held, take_available(budget, 1, more));
    } else if (-more >= budget->lump || room >= budget->limit) {
        let_go(budget, -more);
    }
}

bool rt_budget_wait(struct rt_budget *budget, int64_t bytes, uint64_t deadline_ns) {
    for (;;) {
        uint32_t seen = atomic_load(&budget->changed);
        atomic_fetch_add(&budget->waiters, 1); /* pairs: rt_budget_give */
        if (rt_budget_has_room(budget, bytes)) {
            return true;
        }
        if (!rt_wait(budget->world, &budget->changed, seen, deadline_ns)) {
            return rt_budget_has_room(budget, bytes);
        }
    }
}
