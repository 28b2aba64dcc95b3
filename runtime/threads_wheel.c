/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The timer wheel: eight levels of 64 slots. A tick is 2^16 ns (65.5 us); a slot of level n spans
 * 64^n ticks, so the eight levels span every 64-bit time. A timer sits at the level of the highest
 * six bits in which its tick differs from `elapsed`, and moves down as time comes near: at most
 * once a level, so its cost is constant. A tick is rounded up: no timer fires early, and none later
 * than a tick.
 *
 * Whoever holds the lock of threads_timer.c is alone here; only a timer's deadline is also written
 * by its actor, at any moment. scheduled_ns says where a timer sits, RT_FOREVER nowhere. On leaving
 * a place, scheduled_ns is stored before the deadline is loaded; arming stores the deadline before
 * it loads scheduled_ns (both sequentially consistent): one of them sees the other.
 */
#include <string.h>

#include "runtime/assert.h"
#include "runtime/threads_internal.h"

enum {
    TICK_BITS = 16,
    LEVEL_BITS = 6,
    LOOK_TIMERS_MAX = 64 /* how many timers wheel_next_ns looks at to be exact */
};

static uint64_t tick_of(uint64_t deadline_ns) {
    uint64_t tick = deadline_ns >> TICK_BITS;
    return tick + ((deadline_ns & ((UINT64_C(1) << TICK_BITS) - 1)) != 0);
}

static unsigned level_of(const struct wheel *wheel, uint64_t tick) {
    uint64_t differing = (wheel->elapsed ^ tick) | (WHEEL_SLOTS - 1);
    return (63u - (unsigned)__builtin_clzll(differing)) / LEVEL_BITS;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns) {
    memset(wheel, 0, sizeof *wheel);
    wheel->elapsed = now_ns >> TICK_BITS;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void link_timer(struct wheel *wheel, struct rt_timer *timer, uint64_t tick) {
    unsigned level = level_of(wheel, tick);
    RT_ASSERT(level < WHEEL_LEVELS);
    unsigned slot = (unsigned)(tick >> (LEVEL_BITS * level)) % WHEEL_SLOTS;
    struct rt_timer **first = &wheel->first[level][slot];
    if (*first == NULL || tick < wheel->least[level][slot]) {
        wheel->least[level][slot] = tick;
    }
    timer->previous = NULL;
    timer->next = *first;
    if (*first != NULL) {
        (*first)->previous = timer;
    }
    *first = timer;
    timer->place = level * WHEEL_SLOTS + slot;
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

static bool is_in(struct rt_timer *timer) {
    return atomic_load_explicit(&timer->scheduled_ns, memory_order_relaxed) != RT_FOREVER;
}

void wheel_remove(struct wheel *wheel, struct rt_timer *timer) {
    if (!is_in(timer)) {
        return;
    }
    unsigned level = timer->place / WHEEL_SLOTS;
    unsigned slot = timer->place % WHEEL_SLOTS;
    if (timer->next != NULL) {
        timer->next->previous = timer->previous;
    }
    if (timer->previous != NULL) {
        timer->previous->next = timer->next;
    } else {
        wheel->first[level][slot] = timer->next;
        if (timer->next == NULL) {
            wheel->occupied[level] &= ~(UINT64_C(1) << slot);
        }
    }
    timer->next = NULL;
    timer->previous = NULL;
    atomic_store(&timer->scheduled_ns, RT_FOREVER); /* pairs: timers_arm */
}

/* ---- placing --------------------------------------------------------------------------------- */

void wheel_place(struct wheel *wheel, struct rt_timer *timer, uint64_t now_ns) {
    uint64_t deadline_ns = atomic_load(&timer->deadline_ns);
    if (is_in(timer) &&
        deadline_ns >= atomic_load_explicit(&timer->scheduled_ns, memory_order_relaxed)) {
        return; /* moves when its place comes */
    }
    wheel_remove(wheel, timer);
    for (;;) {
        deadline_ns = atomic_load(&timer->deadline_ns); /* after scheduled_ns: pairs timers_arm */
        if (deadline_ns == RT_FOREVER) {
            return;
        }
        uint64_t tick = tick_of(deadline_ns);
        if (deadline_ns > now_ns && tick > wheel->elapsed) {
            link_timer(wheel, timer, tick);
            atomic_store(&timer->scheduled_ns, deadline_ns);
            return;
        }
        /* Due. The actor may move it at this moment: then look again. */
        if (atomic_compare_exchange_strong(&timer->deadline_ns, &deadline_ns, RT_FOREVER)) {
            rt_mark(timer->actor, timer->mark);
            return;
        }
    }
}

/* The first occupied slot in order of time; false when there is none. Levels are in order of time,
 * and slots in a level, because every timer is ahead of `elapsed`. */
static bool first_slot(const struct wheel *wheel, unsigned *level, unsigned *slot) {
    for (*level = 0; *level < WHEEL_LEVELS; (*level)++) {
        if (wheel->occupied[*level] != 0) {
            *slot = (unsigned)__builtin_ctzll(wheel->occupied[*level]);
            return true;
        }
    }
    return false;
}

static uint64_t slot_start(const struct wheel *wheel, unsigned level, unsigned slot) {
    unsigned shift = LEVEL_BITS * level;
    uint64_t block = (UINT64_C(1) << (shift + LEVEL_BITS)) - 1;
    return (wheel->elapsed & ~block) | ((uint64_t)slot << shift);
}

void wheel_advance(struct wheel *wheel, uint64_t now_ns) {
    uint64_t now = now_ns >> TICK_BITS;
    unsigned level;
    unsigned slot;
    while (first_slot(wheel, &level, &slot)) {
        uint64_t start = slot_start(wheel, level, slot);
        if (start > now) {
            break;
        }
        wheel->elapsed = start;
        struct rt_timer *timer = wheel->first[level][slot];
        while (timer != NULL) {
            struct rt_timer *next = timer->next;
            wheel_remove(wheel, timer);
            wheel_place(wheel, timer, now_ns);
            timer = next;
        }
    }
    if (now > wheel->elapsed) {
        wheel->elapsed = now;
    }
}

/* Looks at the timers of one slot, up to `*looks` of them; puts those elsewhere that were cancelled
 * or moved later, which are no reason to wake up. False when it could not look at all. */
static bool tidy_slot(struct wheel *wheel, uint32_t place, uint64_t now_ns, unsigned *looks) {
    uint64_t least = UINT64_MAX;
    struct rt_timer *timer = wheel->first[place / WHEEL_SLOTS][place % WHEEL_SLOTS];
    for (; timer != NULL && *looks > 0; (*looks)--) {
        struct rt_timer *next = timer->next;
        uint64_t scheduled_ns = atomic_load_explicit(&timer->scheduled_ns, memory_order_relaxed);
        if (atomic_load_explicit(&timer->deadline_ns, memory_order_relaxed) != scheduled_ns) {
            wheel_remove(wheel, timer);
            wheel_place(wheel, timer, now_ns);
        }
        if (is_in(timer) && timer->place == place) { /* maybe again */
            uint64_t tick =
                tick_of(atomic_load_explicit(&timer->scheduled_ns, memory_order_relaxed));
            least = tick < least ? tick : least;
        }
        timer = next;
    }
    if (timer == NULL) {
        wheel->least[place / WHEEL_SLOTS][place % WHEEL_SLOTS] = least;
    }
    return timer == NULL;
}

uint64_t wheel_next_ns(struct wheel *wheel, uint64_t now_ns) {
    unsigned level;
    unsigned slot;
    unsigned looks = LOOK_TIMERS_MAX;
    while (first_slot(wheel, &level, &slot)) {
        bool tidy = tidy_slot(wheel, level * WHEEL_SLOTS + slot, now_ns, &looks);
        if (!tidy || wheel->first[level][slot] != NULL) {
            return wheel->least[level][slot] << TICK_BITS;
        }
    }
    return RT_FOREVER;
}
