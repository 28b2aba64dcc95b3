/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters that one writer raises and anybody reads.
 *
 * | who may call    | from where                                                            |
 * | rt_*_add        | the one writer: an actor in its activations, or a worker               |
 * | rt_count_read   | any thread, at any time                                               |
 *
 * The writer loads, adds and stores: no locked instruction, because nobody else stores. All of it
 * is relaxed: a counter orders nothing, and one thread never sees it go back. What is to be read
 * together with something else is counted before that is made known.
 */
#ifndef RT_COUNT_H
#define RT_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

struct rt_count {
    _Atomic uint64_t value;
};

static inline uint64_t rt_count_read(const struct rt_count *count) {
    return atomic_load_explicit(&count->value, memory_order_relaxed);
}
static inline void rt_count_add(struct rt_count *count, uint64_t more) {
    atomic_store_explicit(&count->value, rt_count_read(count) + more, memory_order_relaxed);
}
static inline void rt_count_set(struct rt_count *count, uint64_t value) {
    atomic_store_explicit(&count->value, value, memory_order_relaxed);
}

/* ---- how many, how large: a bucket for each power of two ------------------------------------- */

enum { RT_SIZES_BUCKETS = 32 };

/* Bucket n: 2^n to 2^(n + 1) - 1. */
struct rt_sizes {
    struct rt_count buckets[RT_SIZES_BUCKETS];
};

/* Of at least 1. */
static inline void rt_sizes_add(struct rt_sizes *sizes, uint32_t size) {
    rt_count_add(&sizes->buckets[(uint32_t)__builtin_clz(size) ^ 31], 1);
}
static inline uint64_t rt_sizes_below(uint32_t bucket) {
    return UINT64_C(2) << bucket;
}

/* ---- how long: four buckets for each power of two -------------------------------------------- */

/* A time is put in its place with this added, so that the finest bucket is a quarter of it wide and
 * nothing has to be looked at twice. */
enum {
    RT_TIMES_FINEST_BITS = 10,
    RT_TIMES_FIRST_PLACE = 4 * (RT_TIMES_FINEST_BITS - 2) + 4,
    RT_TIMES_BUCKETS = 4 * (64 - RT_TIMES_FINEST_BITS)
};

struct rt_times {
    struct rt_count sum_ns;
    struct rt_count longest_ns;
    struct rt_count buckets[RT_TIMES_BUCKETS];
};

/* Clocks are read in different activations: what seems to end before it began took no time. */
static inline void rt_times_add(struct rt_times *times, uint64_t from_ns, uint64_t to_ns) {
    uint64_t took_ns = to_ns > from_ns ? to_ns - from_ns : 0;
    uint64_t moved = took_ns + (1 << RT_TIMES_FINEST_BITS);
    uint32_t shift = ((uint32_t)__builtin_clzll(moved) ^ 63) - 2; /* leaves 4 to 7 */
    uint64_t place = 4 * (uint64_t)shift + (moved >> shift);
    rt_count_add(&times->buckets[place - RT_TIMES_FIRST_PLACE], 1);
    rt_count_add(&times->sum_ns, took_ns);
    if (__builtin_expect(took_ns > rt_count_read(&times->longest_ns), 0)) {
        rt_count_set(&times->longest_ns, took_ns);
    }
}
/* Times in this bucket are shorter. The last one's bound would be 2^64 less what was added. */
static inline uint64_t rt_times_below(uint32_t bucket) {
    uint32_t power = RT_TIMES_FINEST_BITS + bucket / 4;
    uint64_t quarter = UINT64_C(1) << (power - 2);
    return (5 + bucket % 4) * quarter - (1 << RT_TIMES_FINEST_BITS);
}

#endif
