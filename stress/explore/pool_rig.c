/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool itself, with doors to its inside: how many slots it has, and where it looks first. */
#include "runtime/pool.c"

#include <stdlib.h>

#include "stress/explore/explore.h"
#include "stress/explore/pool_rig.h"

enum {
    SPANS = POOL_SPANS_MAX,
    KEPT_MAX = 256,
    LOOK_AFTER_NS = 2 * RT_POOL_REVIEW_NS, /* so much later only what is used now counts */
    NOBODY = EXPLORE_THREADS_MAX           /* none of the threads: before and after them */
};
_Static_assert((int)POOL_PAGE == (int)GRANULES && (int)POOL_LARGEST == (int)LARGE_GRANULES_MAX,
               "the sizes of the pool");

static char *memory; /* of all spans */

static struct {
    struct rt_pool *pool;
    size_t acquired_bytes;
    uint64_t now_ns;
    unsigned spans_most; /* that can be had */
    bool mapped[SPANS];
    uint64_t owned[SPANS][PAGES]; /* bit: granule */
    unsigned inside, calls;       /* threads that are in a call; calls so far */
    struct {
        uint32_t wants;
        unsigned alone; /* the number of its call if nobody was inside when it began, else 0 */
    } takers[EXPLORE_THREADS_MAX + 1];
    struct pool_block kept[KEPT_MAX];
    unsigned kept_count;
} state;

/* ---- what is free ---------------------------------------------------------------------------- */

static unsigned span_at(const void *place) {
    size_t span = (size_t)((const char *)place - memory) / RT_SPAN_BYTES;
    EXPLORE_CHECK(span < SPANS && state.mapped[span], "not of a span");
    return (unsigned)span;
}

/* From nobody to a thread, or back. */
static void change_owner(struct pool_block block, bool owned) {
    uint64_t *pages = state.owned[span_at(block.start)];
    uint32_t at = (uint32_t)(block.start - memory) % RT_SPAN_BYTES / RT_POOL_GRANULE_BYTES;
    for (uint32_t end = at + block.count; at < end; at = (at / GRANULES + 1) * GRANULES) {
        uint32_t from = at % GRANULES;
        uint32_t count = end - at < GRANULES - from ? end - at : GRANULES - from;
        uint64_t bits = ones(count) << from;
        EXPLORE_CHECK((pages[at / GRANULES] & bits) == (owned ? 0 : bits),
                      "some of granules %u to %u of page %u %s", from, from + count - 1,
                      at / GRANULES, owned ? "are taken twice" : "were not taken");
        pages[at / GRANULES] ^= bits;
    }
}

/* One that a take of so many granules has to find: in one page, or of whole pages. */
static bool has_row(const uint64_t *pages, uint32_t count) {
    uint32_t row = count > GRANULES ? GRANULES : UINT32_C(1) << class_up(count);
    uint32_t pages_wanted = (count + GRANULES - 1) / GRANULES;
    uint32_t pages_found = 0;
    for (uint32_t page = 0; page < PAGES && pages_found < pages_wanted; page++) {
        uint64_t begins = ~pages[page]; /* bit: a row so long begins there */
        for (uint32_t have = 1; have < row && begins != 0; have++) {
            begins &= begins >> 1;
        }
        pages_found = begins != 0 ? pages_found + 1 : 0;
    }
    return pages_found == pages_wanted;
}

bool pool_has_room(uint32_t count) {
    bool found = false;
    for (unsigned span = 0; span < SPANS; span++) {
        found = found || (state.mapped[span] && has_row(state.owned[span], count));
    }
    return found;
}

/* The thread asks for a further span, or gives up. */
static void check_may_be_short(void) {
    uint32_t wants = state.takers[explore_self()].wants;
    bool alone = state.takers[explore_self()].alone == state.calls;
    EXPLORE_CHECK(!alone || !pool_has_room(wants),
                  "nobody else is at work, and a free row of %u is not found", wants);
}

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t now_ns(struct rt_world *world) {
    (void)world;
    return state.now_ns;
}

static void *memory_acquire(struct rt_world *world, size_t size) {
    (void)world;
    state.acquired_bytes += size;
    return malloc(size);
}

static void memory_release(struct rt_world *world, void *acquired, size_t size) {
    (void)world;
    state.acquired_bytes -= size;
    free(acquired);
}

static void *span_acquire(struct rt_world *world, size_t size, bool soon) {
    (void)world, (void)size, (void)soon;
    EXPLORE_STEP("map a span");
    check_may_be_short();
    for (unsigned span = 0; span < state.spans_most; span++) {
        if (!state.mapped[span]) {
            state.mapped[span] = true;
            state.owned[span][0] = 1; /* its header */
            return memory + (size_t)span * RT_SPAN_BYTES;
        }
    }
    return NULL;
}

static void span_release(struct rt_world *world, void *span, size_t size) {
    (void)world, (void)size;
    EXPLORE_STEP("unmap a span");
    unsigned at = span_at(span);
    for (uint32_t page = 0; page < PAGES; page++) {
        EXPLORE_CHECK(state.owned[at][page] == (page == 0),
                      "somebody has some of page %u of a span that is unmapped", page);
    }
    state.mapped[at] = false;
}

static const struct rt_world_ops ops = {.now_ns = now_ns,
                                        .memory_acquire = memory_acquire,
                                        .memory_release = memory_release,
                                        .span_acquire = span_acquire,
                                        .span_release = span_release};
static struct rt_world world = {.ops = &ops};

/* ---- mistakes; in page 0 of the first span --------------------------------------------------- */

/* As rt_pool_take, but who has cleared a hint does not look again. */
static char *take_carelessly(uint32_t count) {
    struct span *span = span_in(state.pool, 0);
    int at = page_take(state.pool, span, 0, count);
    if (at < 0) {
        atomic_fetch_and(&span->some[class_up(count)], ~UINT32_C(1));
        atomic_fetch_and(&span->pages[0].hinted, ~(UINT32_C(1) << class_up(count)));
    }
    return at < 0 ? NULL : span->base + at * RT_POOL_GRANULE_BYTES;
}

/* As rt_pool_give, but it looks at the hints first. */
static void give_carelessly(struct pool_block block) {
    struct span *span = span_in(state.pool, 0);
    uint32_t at = (uint32_t)(block.start - span->base) / RT_POOL_GRANULE_BYTES;
    uint64_t bits = ones(block.count) << at;
    uint32_t hinted = atomic_load(&span->pages[0].hinted);
    uint64_t word = atomic_fetch_add(&span->pages[0].free, bits) + bits;
    uint32_t class = class_down(row_around(word, at));
    if ((~hinted & ((UINT32_C(2) << class) - 1)) != 0) {
        hint_set(state.pool, span, 0, class);
    }
}

/* As span_retire, but it looks whether all is free, and takes nothing. */
static void retire_carelessly(uint32_t slot) {
    struct span *span = span_in(state.pool, slot);
    if (atomic_load(&span->held) != 0 && span_is_free(span)) {
        atomic_fetch_sub(&state.pool->all_pages, PAGES);
        span_release(&world, span->base, RT_SPAN_BYTES);
        atomic_store(&span->held, 0);
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Only threads make mistakes. */
static bool is_broken(const char *variant) {
    return explore_self() != NOBODY && explore_variant(variant);
}

static void enter_call(uint32_t wants) {
    state.calls++;
    state.takers[explore_self()].wants = wants;
    state.takers[explore_self()].alone = state.inside == 0 ? state.calls : 0;
    state.inside++;
}

static void leave_call(void) {
    state.inside--;
}

static size_t bytes_of(uint32_t count) {
    return (size_t)count * RT_POOL_GRANULE_BYTES;
}

struct pool_block pool_take(uint32_t count) {
    enter_call(count);
    size_t capacity = bytes_of(count);
    struct pool_block block = {.count = count};
    block.start = is_broken("clear-and-leave")
                      ? take_carelessly(count)
                      : rt_pool_take(state.pool, bytes_of(count), &capacity);
    EXPLORE_CHECK(capacity == bytes_of(count), "%d bytes more", (int)(capacity - bytes_of(count)));
    if (block.start != NULL) {
        change_owner(block, true);
    } else {
        check_may_be_short();
    }
    leave_call();
    return block;
}

void pool_give(struct pool_block block) {
    enter_call(0);
    change_owner(block, false);
    if (is_broken("look-then-give")) {
        give_carelessly(block);
    } else {
        rt_pool_give(state.pool, block.start, bytes_of(block.count));
    }
    leave_call();
}

void pool_trim(struct pool_block *block, uint32_t count) {
    enter_call(0);
    struct pool_block tail = {block->start + bytes_of(count), block->count - count};
    change_owner(tail, false);
    (void)rt_pool_trim(state.pool, block->start, bytes_of(block->count), bytes_of(count));
    block->count = count;
    leave_call();
}

void pool_review(void) {
    enter_call(0);
    if (is_broken("retire-by-look")) {
        retire_carelessly(1);
    } else {
        rt_pool_review(state.pool);
    }
    leave_call();
}

/* ---- before and after ------------------------------------------------------------------------ */

bool pool_keep(uint32_t count) {
    EXPLORE_CHECK(state.kept_count < KEPT_MAX, "more is kept than there should be");
    struct pool_block block = pool_take(count);
    if (block.start != NULL) {
        state.kept[state.kept_count++] = block;
    }
    return block.start != NULL;
}

void pool_keep_first_page(uint32_t left) {
    for (uint32_t count = GRANULES / 2; count > left; count /= 2) {
        (void)pool_keep(count);
    }
}

void pool_clear_hints(void) {
    for (uint32_t count = GRANULES; count > 0; count /= 2) {
        EXPLORE_CHECK(pool_take(count).start == NULL, "something is free");
    }
}

void pool_allow_spans(uint32_t most) {
    state.spans_most = most;
    state.pool->slots = most;
}

void pool_set_up(void) {
    if (memory == NULL) {
        memory = aligned_alloc(RT_SPAN_BYTES, (size_t)SPANS * RT_SPAN_BYTES);
        EXPLORE_CHECK(memory != NULL, "no memory");
    }
    memset(&state, 0, sizeof state);
    state.pool = rt_pool_create(&world, 0, 0);
    pool_allow_spans(1);
}

static void check_counts(void) {
    int64_t spans = 0, used = 0;
    for (unsigned span = 0; span < SPANS; span++) {
        spans += state.mapped[span];
        for (uint32_t page = 0; page < PAGES && state.mapped[span]; page++) {
            used += state.owned[span][page] != (page == 0);
        }
    }
    EXPLORE_CHECK(rt_pool_held(state.pool) == spans * RT_SPAN_BYTES, "not so many spans: %d",
                  (int)(rt_pool_held(state.pool) / RT_SPAN_BYTES));
    EXPLORE_CHECK(rt_pool_used(state.pool) == used * RT_POOL_PAGE_BYTES, "not so many pages: %d",
                  (int)(rt_pool_used(state.pool) / RT_POOL_PAGE_BYTES));
}

/* All that is free, large rows first; not where one was found last, but by the hints. */
static void keep_the_rest(void) {
    state.spans_most = 0;
    for (uint32_t count = GRANULES; count > 0; count /= 2) {
        do {
            atomic_store(&state.pool->last[class_up(count)], (SLOTS_LEAST - 1) * PAGES);
        } while (pool_keep(count));
    }
}

void pool_settled(void) {
    check_counts();
    keep_the_rest();
    check_counts();
    while (state.kept_count > 0) {
        pool_give(state.kept[--state.kept_count]);
    }
    check_counts();
    while (pool_keep(POOL_LARGEST)) { /* each span but its first page */
    }
    while (state.kept_count > 0) {
        pool_give(state.kept[--state.kept_count]);
    }
    rt_pool_destroy(state.pool);
    EXPLORE_CHECK(state.acquired_bytes == 0, "%d bytes are not released",
                  (int)state.acquired_bytes);
    EXPLORE_CHECK(memchr(state.mapped, true, SPANS) == NULL, "a span is left");
}

void pool_wait_long(void) {
    state.now_ns += LOOK_AFTER_NS;
}

bool pool_is_mapped(unsigned span) {
    return state.mapped[span];
}
