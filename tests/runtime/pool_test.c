/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffer pools: right sizes, bounded retention, no buffer with two owners, all back after waves. */
#include "runtime/pool.h"

#include "harness.h"
#include "test.h"

Test(pool, a_buffer_has_its_class_s_size_and_comes_back_for_reuse) {
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, 1 << 20);
    cr_assert_not_null(pool);
    static const struct {
        size_t size, capacity;
    } cases[] = {{1, 512},     {512, 512},     {513, 1024},    {4096, 4096},
                 {4097, 8192}, {65536, 65536}, {65537, 65537}, {1000000, 1000000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t capacity = 0;
        char *first = rt_pool_take(pool, cases[i].size, &capacity);
        cr_assert_not_null(first);
        cr_assert_eq(capacity, cases[i].capacity);
        cr_assert_eq((uintptr_t)first % 16, 0);
        cr_assert_eq(rt_pool_taken(pool), capacity);
        memset(first, 0x5a, capacity);
        rt_pool_give(pool, first, capacity);
        if (capacity <= RT_POOL_LARGEST) {
            char *again = rt_pool_take(pool, cases[i].size, &capacity);
            cr_assert_eq(again, first);
            rt_pool_give(pool, again, capacity);
        }
    }
    cr_assert_eq(rt_pool_taken(pool), 0);
    rt_pool_destroy(pool);
    harness_end(world);
}

Test(pool, keeps_no_more_than_it_was_told) {
    struct rt_world *world = harness_world(1);
    size_t keep_bytes = 100000;
    struct rt_pool *pool = rt_pool_create(world, keep_bytes);
    uint64_t own_bytes = atomic_load(&world->memory_used);
    void *buffers[600];
    size_t capacity = 0;
    for (int i = 0; i < 600; i++) {
        buffers[i] = rt_pool_take(pool, (size_t)512 << (i % 4), &capacity);
        cr_assert_not_null(buffers[i]);
    }
    for (int i = 0; i < 600; i++) {
        rt_pool_give(pool, buffers[i], (size_t)512 << (i % 4));
    }
    cr_assert_leq(atomic_load(&world->memory_used), own_bytes + keep_bytes);
    cr_assert_gt(atomic_load(&world->memory_used), own_bytes + keep_bytes / 2);
    rt_pool_destroy(pool);
    harness_end(world);
}

Test(pool, gives_back_what_its_rings_have_no_place_for) {
    enum { BUFFERS = 3000 };
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, (size_t)1 << 30);
    uint64_t own_bytes = atomic_load(&world->memory_used);
    static void *buffers[BUFFERS];
    size_t capacity = 0;
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i] = rt_pool_take(pool, 1, &capacity);
    }
    for (int i = 0; i < BUFFERS; i++) {
        rt_pool_give(pool, buffers[i], capacity);
    }
    cr_assert_lt(atomic_load(&world->memory_used), own_bytes + BUFFERS * capacity);
    cr_assert_gt(atomic_load(&world->memory_used), own_bytes);
    rt_pool_destroy(pool);
    rt_pool_destroy(NULL);
    harness_end(world);
}

/* ---- a wave ---------------------------------------------------------------------------------- */

enum { THREADS = 4, HELD = 20 };

struct pool_wave {
    struct rt_pool *pool;
    uint32_t each;
};

static void take_and_give(void *context, unsigned index) {
    struct pool_wave *wave = context;
    uint32_t *held[HELD] = {0};
    size_t capacities[HELD] = {0};
    uint64_t random = index + 1;
    for (uint32_t i = 0; i < wave->each; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned at = (unsigned)(random >> 33) % HELD;
        if (held[at] != NULL) {
            cr_assert_eq(*held[at], index * 1000 + at, "nobody else has this buffer");
            rt_pool_give(wave->pool, held[at], capacities[at]);
            held[at] = NULL;
        } else {
            size_t size = (size_t)512 << (random % 3);
            held[at] = rt_pool_take(wave->pool, size, &capacities[at]);
            cr_assert_not_null(held[at]);
            *held[at] = index * 1000 + at;
        }
    }
    for (unsigned at = 0; at < HELD; at++) {
        if (held[at] != NULL) {
            rt_pool_give(wave->pool, held[at], capacities[at]);
        }
    }
}

Test(pool, after_a_wave_of_threads_every_buffer_is_back_and_had_one_owner_at_a_time) {
    struct rt_world *world = harness_world(1);
    struct pool_wave wave = {.pool = rt_pool_create(world, 30000), .each = 20000 * HARNESS_SCALE};
    cr_assert_not_null(wave.pool);
    harness_threads(THREADS, take_and_give, &wave);
    cr_assert_eq(rt_pool_taken(wave.pool), 0);
    rt_pool_destroy(wave.pool);
    harness_end(world);
}
