/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who goes on.
 *
 * Depth first: the thread that runs goes on; taking it off although it could go on is a preemption,
 * and a schedule has at most `bound` of them. Where it cannot go on the choice is free. Every
 * schedule within the bound is tried once.
 *
 * By priority (PCT: Burckhardt and others, ASPLOS 2010): each thread has a priority, the highest
 * that can goes on, and at depth - 1 steps drawn beforehand the one that runs falls behind all.
 */
#include "stress/explore/explore.h"

#include <ctype.h>
#include <stdlib.h>

enum { NOBODY = EXPLORE_THREADS_MAX, CHANGES_MAX = 8 };

struct fork {
    uint8_t taken, count;
};

static struct {
    enum explore_way way;
    uint64_t state; /* of what is drawn */
    unsigned at;    /* choices so far in this run */

    /* depth first */
    unsigned bound, preemptions;
    unsigned forks_count;
    struct fork forks[EXPLORE_STEPS_MAX];

    /* chance */
    unsigned stay; /* one in so many steps may switch */

    /* priority */
    int64_t priorities[EXPLORE_THREADS_MAX];
    int64_t lowest;
    unsigned changes_count;
    unsigned changes[CHANGES_MAX];

    /* replay */
    unsigned replay_count;
    uint8_t replay[EXPLORE_STEPS_MAX];
} choice;

/* SplitMix64. */
static uint64_t draw(uint64_t below) {
    choice.state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = choice.state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static unsigned nth(unsigned mask, unsigned n) {
    for (; n > 0; n--) {
        mask &= mask - 1;
    }
    return (unsigned)__builtin_ctz(mask);
}

/* ---- depth first ----------------------------------------------------------------------------- */

void choose_by_depth(unsigned bound) {
    choice.way = BY_DEPTH;
    choice.bound = bound;
    choice.forks_count = 0;
}

bool choose_next(void) {
    while (choice.forks_count > 0) {
        struct fork *last = &choice.forks[choice.forks_count - 1];
        if (++last->taken < last->count) {
            return true;
        }
        choice.forks_count--;
    }
    return false;
}

static unsigned by_depth(unsigned self, unsigned enabled) {
    bool goes_on = self != NOBODY && (enabled >> self & 1) != 0;
    unsigned others = goes_on ? enabled & ~(1u << self) : enabled;
    unsigned count = (unsigned)__builtin_popcount(others) + goes_on;
    if (count == 1 || (goes_on && choice.preemptions == choice.bound)) {
        return goes_on ? self : nth(enabled, 0);
    }
    if (choice.at == choice.forks_count) {
        choice.forks[choice.forks_count++] = (struct fork){.taken = 0, .count = (uint8_t)count};
    }
    unsigned taken = choice.forks[choice.at++].taken;
    if (!goes_on) {
        return nth(others, taken);
    }
    choice.preemptions += taken != 0;
    return taken == 0 ? self : nth(others, taken - 1);
}

/* ---- chance ---------------------------------------------------------------------------------- */

void choose_by_chance(uint64_t seed) {
    choice.way = BY_CHANCE;
    choice.state = seed;
    choice.stay = 1u << draw(5);
}

static unsigned by_chance(unsigned self, unsigned enabled) {
    bool goes_on = self != NOBODY && (enabled >> self & 1) != 0;
    if (goes_on && draw(choice.stay) != 0) {
        return self;
    }
    return nth(enabled, (unsigned)draw((uint64_t)__builtin_popcount(enabled)));
}

/* ---- priorities ------------------------------------------------------------------------------ */

void choose_by_priority(uint64_t seed, unsigned depth, unsigned steps) {
    choice.way = BY_PRIORITY;
    choice.state = seed;
    choice.lowest = 0;
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        choice.priorities[i] = (int64_t)draw(1u << 30) + 1;
    }
    choice.changes_count = depth - 1 < CHANGES_MAX ? depth - 1 : CHANGES_MAX;
    for (unsigned i = 0; i < choice.changes_count; i++) {
        choice.changes[i] = (unsigned)draw(steps);
    }
}

static unsigned highest(unsigned enabled) {
    unsigned best = nth(enabled, 0);
    for (unsigned i = 0; i < EXPLORE_THREADS_MAX; i++) {
        if ((enabled >> i & 1) != 0 && choice.priorities[i] > choice.priorities[best]) {
            best = i;
        }
    }
    return best;
}

static unsigned by_priority(unsigned enabled) {
    for (unsigned i = 0; i < choice.changes_count; i++) {
        if (choice.changes[i] == choice.at) {
            choice.priorities[highest(enabled)] = --choice.lowest;
        }
    }
    choice.at++;
    return highest(enabled);
}

void choose_paused(unsigned self) {
    choice.priorities[self] = --choice.lowest;
}

/* ---- replay ---------------------------------------------------------------------------------- */

bool choose_by_replay(const char *text) {
    choice.way = BY_REPLAY;
    choice.replay_count = 0;
    while (*text != '\0') {
        unsigned thread = (unsigned)(*text - 'a');
        char *end;
        unsigned long steps = isdigit((unsigned char)text[1]) ? strtoul(text + 1, &end, 10) : 0;
        if (thread >= EXPLORE_THREADS_MAX || steps == 0 ||
            steps > EXPLORE_STEPS_MAX - choice.replay_count) {
            return false;
        }
        for (; steps > 0; steps--) {
            choice.replay[choice.replay_count++] = (uint8_t)thread;
        }
        text = end;
    }
    return true;
}

/* The thread of the next step; one that cannot go on ends the likeness. */
static unsigned by_replay(unsigned self, unsigned enabled, unsigned step) {
    if (step < choice.replay_count && (enabled >> choice.replay[step] & 1) != 0) {
        return choice.replay[step];
    }
    return self != NOBODY && (enabled >> self & 1) != 0 ? self : nth(enabled, 0);
}

/* ---- all ------------------------------------------------------------------------------------- */

void choose_begin(void) {
    choice.at = 0;
    choice.preemptions = 0;
}

unsigned choose_thread(unsigned self, unsigned enabled, unsigned step) {
    switch (choice.way) {
    case BY_DEPTH:
        return by_depth(self, enabled);
    case BY_CHANCE:
        return by_chance(self, enabled);
    case BY_PRIORITY:
        return by_priority(enabled);
    case BY_REPLAY:
        return by_replay(self, enabled, step);
    }
    abort();
}
