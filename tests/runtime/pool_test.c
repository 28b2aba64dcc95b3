/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools: blocks of the right size that lie where they should, spans that come and go, memory that
 * is short, no block with two owners, all back after waves. */
#include "runtime/pool.h"

#include "runtime/sim.h"

#include "harness.h"
#include "test.h"

enum {
    GRANULE = RT_POOL_GRANULE_BYTES,
    GAP = RT_POOL_GAP_BYTES,
    PAGE = RT_POOL_PAGE_BYTES,
    SPAN = RT_SPAN_BYTES,
    SPANS_MAX = 64, /* of a pool of which nothing much is expected */
    PAGES_MAX = 31  /* whole ones of a span */
};

static struct rt_world *simulated(void) {
    struct rt_world *world = rt_sim_create(&(struct rt_sim_options){.seed = 1});
    cr_assert_not_null(world);
    return world;
}

static char *take(struct rt_pool *pool, size_t size, size_t capacity) {
    size_t seen = 0;
    char *block = rt_pool_take(pool, size, &seen);
    cr_assert_not_null(block);
    cr_assert_eq(seen, capacity, "%zu bytes: expected %zu, seen %zu", size, capacity, seen);
    cr_assert_eq((uintptr_t)block % GRANULE, 0);
    memset(block, 0x5a, capacity);
    return block;
}

/* A block of so many granules. */
static char *take_granules(struct rt_pool *pool, size_t count) {
    return take(pool, count * GRANULE - GAP, count * GRANULE - GAP);
}

static void give_granules(struct rt_pool *pool, void *block, size_t count) {
    rt_pool_give(pool, block, count * GRANULE - GAP);
}

static uint64_t memory_used(struct rt_world *world) {
    return atomic_load(&world->memory_used);
}

Test(pool, a_block_is_as_many_granules_as_it_needs_and_comes_back_for_reuse) {
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, SPAN, SPAN);
    cr_assert_not_null(pool);
    static const size_t granules[] = {1,  2,  3,   5,   8,   31,   32,   33,   63,
                                      64, 65, 128, 129, 200, 1983, 1984, 1985, 5000};
    for (size_t i = 0; i < sizeof granules / sizeof *granules; i++) {
        size_t most = granules[i] * GRANULE - GAP;
        char *first = take(pool, most, most);
        cr_assert_eq(rt_pool_taken(pool), granules[i] * GRANULE);
        rt_pool_give(pool, first, most);
        char *again = take(pool, most - GRANULE + 1, most);
        cr_assert(granules[i] > PAGES_MAX * 64 || again == first);
        rt_pool_give(pool, again, most - GRANULE + 1);
        cr_assert_eq(rt_pool_taken(pool), 0);
    }
    rt_pool_destroy(pool);
    rt_pool_destroy(NULL);
    harness_end(world);
}

Test(pool, the_lowest_place_that_will_do_is_taken) {
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, SPAN, SPAN);
    char *first = take_granules(pool, 1);
    char *second = take_granules(pool, 3);
    char *third = take_granules(pool, 1);
    cr_assert_eq(second, first + GRANULE);
    cr_assert_eq(third, second + 3 * GRANULE);
    give_granules(pool, second, 3);
    char *larger = take_granules(pool, 4); /* the hole has three */
    cr_assert_eq(larger, third + GRANULE);
    cr_assert_eq(take_granules(pool, 1), second);
    cr_assert_eq(take_granules(pool, 2), second + GRANULE);
    char *page = take_granules(pool, 64);
    cr_assert_eq((uintptr_t)page % PAGE, 0);
    give_granules(pool, first, 1);
    give_granules(pool, second, 3); /* two blocks side by side are one row again */
    cr_assert_eq(take_granules(pool, 4), first);
    give_granules(pool, first, 4);
    give_granules(pool, third, 1);
    give_granules(pool, larger, 4);
    give_granules(pool, page, 64);
    rt_pool_destroy(pool);
    harness_end(world);
}

Test(pool, a_tail_can_be_given_back_alone) {
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, SPAN, SPAN);
    static const size_t granules[] = {2, 64, 65, 300};
    for (size_t i = 0; i < sizeof granules / sizeof *granules; i++) {
        size_t all = granules[i] * GRANULE - GAP;
        for (size_t keep = 1; keep <= granules[i]; keep++) {
            char *block = take(pool, all, all);
            size_t left = rt_pool_trim(pool, block, all, keep * GRANULE - GAP);
            cr_assert_eq(left, keep * GRANULE - GAP);
            cr_assert_eq(rt_pool_taken(pool), keep * GRANULE);
            cr_assert_eq(rt_pool_trim(pool, block, left, left - GRANULE + 1), left);
            memset(block, 0x5a, left);
            rt_pool_give(pool, block, left);
            cr_assert_eq(rt_pool_taken(pool), 0);
        }
    }
    char *own = take_granules(pool, 5000); /* of these nothing comes back alone */
    cr_assert_eq(rt_pool_trim(pool, own, 5000 * GRANULE - GAP, 1), 5000 * GRANULE - GAP);
    give_granules(pool, own, 5000);
    rt_pool_destroy(pool);
    harness_end(world);
}

Test(pool, what_is_used_counts_pages_that_are_not_quite_free) {
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, SPAN, SPAN);
    cr_assert_eq(rt_pool_used(pool), 0);
    char *page = take_granules(pool, 64);
    cr_assert_eq(rt_pool_used(pool), PAGE);
    char *small = take_granules(pool, 1);
    cr_assert_eq(rt_pool_used(pool), 2 * PAGE);
    char *beside = take_granules(pool, 1);
    cr_assert_eq(rt_pool_used(pool), 2 * PAGE);
    char *large = take_granules(pool, 65); /* of its second page the rest can be used */
    cr_assert_eq(rt_pool_used(pool), 4 * PAGE);
    char *own = take_granules(pool, 2048);
    cr_assert_eq(rt_pool_used(pool), 4 * PAGE + SPAN);
    give_granules(pool, small, 1);
    cr_assert_eq(rt_pool_used(pool), 4 * PAGE + SPAN);
    give_granules(pool, beside, 1);
    cr_assert_eq(rt_pool_used(pool), 3 * PAGE + SPAN);
    give_granules(pool, own, 2048);
    give_granules(pool, large, 65);
    give_granules(pool, page, 64);
    cr_assert_eq(rt_pool_used(pool), 0);
    rt_pool_destroy(pool);
    harness_end(world);
}

/* Fills `spans` with whole pages. */
static void fill(struct rt_pool *pool, void **pages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pages[i] = take_granules(pool, 64);
    }
}

static void give_all(struct rt_pool *pool, void **pages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        give_granules(pool, pages[i], 64);
    }
}

static void pass_time(struct rt_world *world) {
    rt_sim_run_until(world, rt_now(world) + RT_POOL_REVIEW_NS);
}

Test(pool, spans_go_back_when_they_were_not_needed_for_a_while) {
    enum { SPANS = 12, PAGES = SPANS * PAGES_MAX, KEPT = 2 };
    static void *pages[PAGES];
    struct rt_world *world = simulated();
    struct rt_pool *pool = rt_pool_create(world, SPAN, KEPT * SPAN);
    fill(pool, pages, PAGES);
    cr_assert_eq(rt_pool_held(pool), SPANS * SPAN);
    give_all(pool, pages + PAGES / 2, PAGES / 2);
    cr_assert_eq(rt_pool_held(pool), SPANS * SPAN, "all of it was just needed");
    pass_time(world);
    rt_pool_review(pool);
    cr_assert_eq(rt_pool_held(pool), SPANS * SPAN, "and within the last while");
    pass_time(world);
    rt_pool_review(pool);
    cr_assert_eq(rt_pool_held(pool), (SPANS / 2 + KEPT) * SPAN);
    give_all(pool, pages + 1, PAGES / 2 - 1);
    pass_time(world);
    pass_time(world);
    give_granules(pool, pages[0], 64); /* who gives looks, too; nothing happened for long */
    cr_assert_eq(rt_pool_held(pool), KEPT * SPAN);
    fill(pool, pages, PAGES); /* into the same slots */
    cr_assert_eq(rt_pool_held(pool), SPANS * SPAN);
    give_all(pool, pages, PAGES);
    rt_pool_review(NULL);
    rt_pool_destroy(pool);
    rt_world_destroy(world);
}

Test(pool, one_block_keeps_its_span_and_no_other) {
    enum { SPANS = 8, PAGES = SPANS * PAGES_MAX };
    static void *pages[PAGES];
    struct rt_world *world = simulated();
    struct rt_pool *pool = rt_pool_create(world, SPAN, 0);
    fill(pool, pages, PAGES);
    give_all(pool, pages, PAGES - 1);
    pass_time(world);
    pass_time(world);
    rt_pool_review(pool);
    cr_assert_eq(rt_pool_held(pool), SPAN);
    give_granules(pool, pages[PAGES - 1], 64);
    rt_pool_destroy(pool);
    rt_world_destroy(world);
}

/* ---- memory that is short -------------------------------------------------------------------- */

Test(pool, more_than_it_has_places_for_is_not_to_be_had) {
    enum { PAGES = SPANS_MAX * PAGES_MAX };
    static void *pages[PAGES];
    struct rt_world *world = harness_world(1);
    struct rt_pool *pool = rt_pool_create(world, 0, 0);
    size_t capacity;
    fill(pool, pages, PAGES);
    cr_assert_null(rt_pool_take(pool, PAGE - GAP, &capacity));
    cr_assert_null(rt_pool_take(pool, PAGE + 1, &capacity));
    give_granules(pool, pages[7], 64);
    pages[7] = take_granules(pool, 64);
    give_all(pool, pages, PAGES);
    rt_pool_destroy(pool);
    harness_end(world);
}

/* A block, its span's description and memory, in a pool, may each be what cannot be had. */
Test(pool, may_find_no_memory_at_each_step) {
    static const size_t granules[] = {1, 64, 65, 5000};
    for (size_t i = 0; i < sizeof granules / sizeof *granules; i++) {
        size_t size = granules[i] * GRANULE - GAP;
        size_t capacity;
        int steps = granules[i] == 5000 ? 3 : 4;
        for (int nth = 1; nth <= steps + 1; nth++) {
            struct rt_world *world = simulated();
            rt_sim_fail_memory(world, (uint64_t)nth);
            struct rt_pool *pool = rt_pool_create(world, 0, 0);
            cr_assert_eq(pool == NULL, nth == 1);
            if (pool != NULL) {
                uint64_t own = memory_used(world);
                void *block = rt_pool_take(pool, size, &capacity);
                cr_assert_eq(block == NULL, nth <= steps, "step %d of %zu", nth, granules[i]);
                cr_assert(block != NULL || rt_pool_taken(pool) == 0);
                if (block != NULL) {
                    cr_assert_geq(memory_used(world), own + granules[i] * GRANULE);
                    rt_pool_give(pool, block, capacity);
                }
                rt_sim_fail_memory(world, 0);
                rt_pool_give(pool, take(pool, size, size), size); /* and nothing is broken */
                rt_pool_destroy(pool);
            }
            rt_world_destroy(world); /* which asserts that all is back */
        }
    }
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
            size_t size = (random >> 40) % 20 == 0 ? 100000 : 1 + (random >> 20) % 3000;
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
    struct pool_wave wave = {.pool = rt_pool_create(world, 0, 0), .each = 20000 * HARNESS_SCALE};
    cr_assert_not_null(wave.pool);
    harness_threads(THREADS, take_and_give, &wave);
    cr_assert_eq(rt_pool_taken(wave.pool), 0);
    cr_assert_eq(rt_pool_used(wave.pool), 0);
    rt_pool_destroy(wave.pool);
    harness_end(world);
}
