/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools. A span is 1 MiB, in pages of 64 granules of 512 bytes. Each page has one word, with a bit
 * for each granule that is free; a block is a row of granules, so taking is one compare-and-swap
 * that clears its bits and giving is one addition that sets them. What is free side by side is one
 * row again, without any merging.
 *
 * Hints say where to look: a page may have a row of 2^class, a span may have such a page. They are
 * lossy in one direction only: what is free and long enough is hinted, or somebody is about to. Who
 * finds a hint empty clears it, then looks again; who gives sets the bits, then the hints (`hinted`
 * of the page first: what is set there nobody sets). All sequentially consistent: one of the two
 * sees the other.
 * After the page where such a row was found last, the lowest span, page and granule that will do is
 * taken, so that what is high up becomes free. A span goes back when one thread has taken all of
 * its pages; its description stays, so others may still look at it.
 *   page.free, release    gives the memory that was used   pairs with the acquire of who takes it
 *   span.held, release    the slot's memory has gone       pairs with the acquire of who fills it
 */
#include "runtime/pool.h"

#include <stdalign.h>
#include <string.h>

#include "runtime/assert.h"

enum {
    GRANULES = 64, /* of a page */
    PAGES = RT_SPAN_BYTES / RT_POOL_PAGE_BYTES,
    AGAIN_MAX = 32,                              /* a page that gave a larger row has none left */
    LARGE_GRANULES_MAX = (PAGES - 1) * GRANULES, /* the first page begins with the span's header */
    CLASSES = 7,                                 /* rows of 1, 2, 4 ... 64 granules */
    WHOLE_PAGE = CLASSES - 1,
    WORD_BITS = 64,
    SLOTS_LEAST = 64,
    SLOTS_FOR_EXPECTED = 4,
    CACHE_LINE_BYTES = 64
};
_Static_assert(PAGES == 32, "a bit of 32 for each page");

struct page {
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t free;
    uint64_t whole;          /* all that can be free: the first page begins with the header */
    _Atomic uint32_t hinted; /* bit: class */
};

/* Describes a span; its memory begins with a pointer to this. */
struct span {
    alignas(CACHE_LINE_BYTES) char *base;
    void *memory; /* of this structure */
    uint32_t slot;
    _Atomic uint32_t held;          /* 1: it has memory, or gets some */
    _Atomic uint32_t some[CLASSES]; /* bit: page that may have a row of that class */
    struct page pages[PAGES];
};
enum { SPAN_MEMORY_BYTES = sizeof(struct span) + CACHE_LINE_BYTES };

struct rt_pool {
    struct rt_pool_counts counts; /* first: rt_pool_used */
    struct rt_world *world;
    void *memory; /* what was acquired; the pool sits in it at a cache line */
    size_t memory_bytes;
    int64_t keep_pages;
    bool asks;                     /* the world, before it takes, and tells it when it gives */
    uint32_t slots, words;         /* words of 64 slots */
    _Atomic(struct span *) *spans; /* by slot; set once */
    _Atomic uint64_t *some; /* class by class: bit of a slot whose span may have such a row */
    _Atomic uint32_t last[CLASSES]; /* slot and page where a row was found last: looked at first */
    alignas(CACHE_LINE_BYTES) _Atomic int64_t all_pages;
    _Atomic int64_t most_pages; /* in use at once since `since_ns`, or nearly so */
    _Atomic uint64_t since_ns;
    _Atomic int64_t own_bytes; /* of blocks that are spans of their own */
};

/* ---- rows of bits ---------------------------------------------------------------------------- */

static uint64_t ones(uint32_t count) {
    return UINT64_MAX >> (WORD_BITS - count); /* 1 to 64 */
}

/* Where the lowest row of `count` ones begins, or -1. */
static inline int row_at(uint64_t word, uint32_t count) {
    if (count == WORD_BITS) {
        return word == UINT64_MAX ? 0 : -1;
    }
    for (uint32_t have = 1; have < count;) {
        uint32_t step = have < count - have ? have : count - have;
        word &= word >> step;
        have += step;
    }
    return word != 0 ? __builtin_ctzll(word) : -1;
}

static inline uint32_t class_down(uint32_t count) {
    return 31 - (uint32_t)__builtin_clz(count);
}
static inline uint32_t class_up(uint32_t count) {
    return count == 1 ? 0 : class_down(count - 1) + 1;
}

/* The length of the row that `at` is in; not all ones. */
static inline uint32_t row_around(uint64_t word, uint32_t at) {
    uint32_t up = (uint32_t)__builtin_ctzll(~(word >> at));
    return at == 0 ? up : up + (uint32_t)__builtin_clzll(~(word << (WORD_BITS - at)));
}

static size_t granules_of(size_t size) {
    return (size + RT_POOL_GAP_BYTES + RT_POOL_GRANULE_BYTES - 1) / RT_POOL_GRANULE_BYTES;
}

/* ---- hints ----------------------------------------------------------------------------------- */

static _Atomic uint64_t *span_hint(struct rt_pool *pool, uint32_t class, uint32_t word) {
    return &pool->some[class * pool->words + word];
}

/* There are rows of up to 2^class. */
static __attribute__((noinline)) void hint_set(struct rt_pool *pool, struct span *span,
                                               uint32_t page, uint32_t class) {
    uint32_t wanted = (UINT32_C(2) << class) - 1;
    uint32_t news = wanted & ~atomic_load(&span->pages[page].hinted);
    if (news == 0) {
        return;
    }
    atomic_fetch_or(&span->pages[page].hinted, news);
    for (; news != 0; news &= news - 1) {
        uint32_t each = (uint32_t)__builtin_ctz(news);
        if (atomic_fetch_or(&span->some[each], UINT32_C(1) << page) == 0) {
            atomic_fetch_or(span_hint(pool, each, span->slot / WORD_BITS),
                            UINT64_C(1) << span->slot % WORD_BITS);
        }
    }
}

static void hint_clear_page(struct rt_pool *pool, struct span *span, uint32_t page,
                            uint32_t class) {
    atomic_fetch_and(&span->some[class], ~(UINT32_C(1) << page));
    atomic_fetch_and(&span->pages[page].hinted, ~(UINT32_C(1) << class));
    if (row_at(atomic_load(&span->pages[page].free), UINT32_C(1) << class) >= 0) {
        hint_set(pool, span, page, class);
    }
}

static void hint_clear_span(struct rt_pool *pool, struct span *span, uint32_t class) {
    _Atomic uint64_t *word = span_hint(pool, class, span->slot / WORD_BITS);
    uint64_t bit = UINT64_C(1) << span->slot % WORD_BITS;
    if (atomic_load(&span->some[class]) == 0) {
        atomic_fetch_and(word, ~bit);
        if (atomic_load(&span->some[class]) != 0) {
            atomic_fetch_or(word, bit);
        }
    }
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void count_used(struct rt_pool *pool, int64_t bytes) {
    atomic_fetch_add_explicit(&pool->counts.used_bytes, bytes, memory_order_relaxed);
}

static int64_t used_pages(const struct rt_pool *pool) {
    int64_t own = atomic_load_explicit(&pool->own_bytes, memory_order_relaxed);
    return (rt_pool_used(pool) - own) / RT_POOL_PAGE_BYTES;
}

static void pages_taken(struct rt_pool *pool, uint32_t count) {
    count_used(pool, (int64_t)count * RT_POOL_PAGE_BYTES);
    int64_t used = used_pages(pool);
    if (used > atomic_load_explicit(&pool->most_pages, memory_order_relaxed)) {
        atomic_store_explicit(&pool->most_pages, used, memory_order_relaxed);
    }
}

/* Of a page that the caller has taken some of: nobody can make it whole meanwhile. */
static inline void hint_not_whole(struct span *span, uint32_t page) {
    atomic_fetch_and(&span->some[WHOLE_PAGE], ~(UINT32_C(1) << page));
    atomic_fetch_and(&span->pages[page].hinted, ~(UINT32_C(1) << WHOLE_PAGE));
}

/* The first granule of `count` that lie side by side, or -1. */
static inline int page_take(struct rt_pool *pool, struct span *span, uint32_t page,
                            uint32_t count) {
    _Atomic uint64_t *free = &span->pages[page].free;
    uint64_t word = atomic_load(free);
    for (int at; (at = row_at(word, count)) >= 0;) {
        if (atomic_compare_exchange_weak(free, &word, word & ~(ones(count) << at))) {
            if (word == span->pages[page].whole) {
                pages_taken(pool, 1);
                hint_not_whole(span, page);
            }
            return at;
        }
    }
    return -1;
}

/* True when all of the page is free now. */
static inline bool page_give(struct rt_pool *pool, struct span *span, uint32_t page, uint32_t at,
                             uint32_t count) {
    uint64_t bits = ones(count) << at;
    struct page *given = &span->pages[page];
    /* none of them is set, and an addition is one instruction */
    uint64_t before = atomic_fetch_add(&given->free, bits);
    RT_ASSERT((before & bits) == 0); /* given once */
    uint64_t word = before + bits;
    bool whole = word == given->whole;
    uint32_t class = whole ? WHOLE_PAGE - (page == 0) : class_down(row_around(word, at));
    uint32_t wanted = (UINT32_C(2) << class) - 1;
    if ((wanted & ~atomic_load(&given->hinted)) != 0) {
        hint_set(pool, span, page, class);
    }
    return whole;
}

static bool page_take_whole(struct span *span, uint32_t page) {
    uint64_t whole = span->pages[page].whole;
    bool taken = atomic_compare_exchange_strong(&span->pages[page].free, &whole, 0);
    if (taken) {
        hint_not_whole(span, page);
    }
    return taken;
}

static void page_give_whole(struct rt_pool *pool, struct span *span, uint32_t page) {
    uint32_t first = page == 0;
    (void)page_give(pool, span, page, first, GRANULES - first);
}

/* ---- spans ----------------------------------------------------------------------------------- */

static struct span *span_in(const struct rt_pool *pool, uint32_t slot) {
    return atomic_load_explicit(&pool->spans[slot], memory_order_acquire);
}

/* Describes a slot that was never used; whoever is first. */
static struct span *span_describe(struct rt_pool *pool, uint32_t slot) {
    char *memory = rt_acquire(pool->world, SPAN_MEMORY_BYTES);
    if (memory == NULL) {
        return NULL;
    }
    size_t skip = (CACHE_LINE_BYTES - (uintptr_t)memory % CACHE_LINE_BYTES) % CACHE_LINE_BYTES;
    struct span *span = (struct span *)(void *)(memory + skip);
    memset(span, 0, sizeof *span);
    span->memory = memory;
    span->slot = slot;
    for (uint32_t page = 0; page < PAGES; page++) {
        span->pages[page].whole = page == 0 ? ~UINT64_C(1) : UINT64_MAX;
    }
    struct span *other = NULL;
    if (!atomic_compare_exchange_strong(&pool->spans[slot], &other, span)) {
        rt_release(pool->world, memory, SPAN_MEMORY_BYTES);
        return other;
    }
    return span;
}

static bool span_fill(struct rt_pool *pool, struct span *span) {
    bool soon = atomic_load_explicit(&pool->all_pages, memory_order_relaxed) > 0;
    char *base = pool->world->ops->span_acquire(pool->world, RT_SPAN_BYTES, soon);
    if (base == NULL) {
        atomic_store_explicit(&span->held, 0, memory_order_release);
        return false;
    }
    memcpy(base, &span, sizeof span);
    RT_POISON(base + RT_POOL_GRANULE_BYTES, RT_SPAN_BYTES - RT_POOL_GRANULE_BYTES);
    span->base = base;
    atomic_fetch_add_explicit(&pool->all_pages, PAGES, memory_order_relaxed);
    for (uint32_t page = 0; page < PAGES; page++) {
        page_give_whole(pool, span, page);
    }
    return true;
}

/* One more, in the lowest slot. False when there is none, or memory is short. */
static bool span_add(struct rt_pool *pool) {
    for (uint32_t slot = 0; slot < pool->slots; slot++) {
        struct span *span = span_in(pool, slot);
        span = span != NULL ? span : span_describe(pool, slot);
        if (span == NULL) {
            return false;
        }
        uint32_t held = 0;
        if (atomic_load_explicit(&span->held, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&span->held, &held, 1)) {
            return span_fill(pool, span);
        }
    }
    return false;
}

static bool span_is_free(const struct span *span) {
    for (uint32_t page = 0; page < PAGES; page++) {
        if (atomic_load_explicit(&span->pages[page].free, memory_order_relaxed) !=
            span->pages[page].whole) {
            return false;
        }
    }
    return true;
}

/* Takes all of it and gives it back to the system; somebody may be faster, and want some of it. */
static void span_retire(struct rt_pool *pool, struct span *span) {
    for (uint32_t page = 0; page < PAGES; page++) {
        if (!page_take_whole(span, page)) {
            while (page > 0) {
                page_give_whole(pool, span, --page);
            }
            return;
        }
    }
    atomic_fetch_sub_explicit(&pool->all_pages, PAGES, memory_order_relaxed);
    RT_UNPOISON(span->base, RT_SPAN_BYTES);
    pool->world->ops->span_release(pool->world, span->base, RT_SPAN_BYTES);
    atomic_store_explicit(&span->held, 0, memory_order_release);
}

static bool has_more_than(const struct rt_pool *pool, int64_t pages) {
    return atomic_load_explicit(&pool->all_pages, memory_order_relaxed) - PAGES >= pages;
}

/* What is in use swings between nothing and a full buffer within milliseconds, and to have a span
 * anew costs more than to keep it. So what goes back is what was free for a whole while. */
void rt_pool_review(struct rt_pool *pool) {
    if (pool == NULL) {
        return;
    }
    uint64_t now_ns = rt_now(pool->world);
    uint64_t since_ns = atomic_load_explicit(&pool->since_ns, memory_order_relaxed);
    if (now_ns - since_ns < RT_POOL_REVIEW_NS ||
        !atomic_compare_exchange_strong(&pool->since_ns, &since_ns, now_ns)) {
        return;
    }
    int64_t used = used_pages(pool);
    int64_t most = atomic_exchange_explicit(&pool->most_pages, used, memory_order_relaxed);
    if (now_ns - since_ns >= UINT64_C(2) * RT_POOL_REVIEW_NS) {
        most = used; /* nobody gave meanwhile: it was long ago */
    }
    for (uint32_t slot = pool->slots; slot > 0 && has_more_than(pool, most + pool->keep_pages);
         slot--) {
        struct span *span = span_in(pool, slot - 1);
        if (span != NULL && span_is_free(span)) {
            span_retire(pool, span);
        }
    }
}

static __attribute__((noinline)) void page_freed(struct rt_pool *pool) {
    count_used(pool, -RT_POOL_PAGE_BYTES);
    if (has_more_than(pool, used_pages(pool) + pool->keep_pages)) {
        rt_pool_review(pool);
    }
}

/* ---- create, destroy ------------------------------------------------------------------------- */

struct rt_pool *rt_pool_create(struct rt_world *world, size_t bytes_expected, size_t keep_bytes) {
    size_t slots = SLOTS_LEAST + bytes_expected / RT_SPAN_BYTES * SLOTS_FOR_EXPECTED;
    slots = slots < UINT32_MAX / 2 ? slots : UINT32_MAX / 2;
    size_t words = (slots + WORD_BITS - 1) / WORD_BITS;
    size_t bytes = CACHE_LINE_BYTES + sizeof(struct rt_pool) + slots * sizeof(struct span *) +
                   words * CLASSES * sizeof(uint64_t);
    char *memory = rt_acquire(world, bytes);
    if (memory == NULL) {
        return NULL;
    }
    memset(memory, 0, bytes);
    size_t skip = (CACHE_LINE_BYTES - (uintptr_t)memory % CACHE_LINE_BYTES) % CACHE_LINE_BYTES;
    struct rt_pool *pool = (struct rt_pool *)(void *)(memory + skip);
    pool->world = world;
    pool->memory = memory;
    pool->memory_bytes = bytes;
    atomic_init(&pool->since_ns, rt_now(world));
    pool->keep_pages = (int64_t)(keep_bytes / RT_POOL_PAGE_BYTES);
    pool->asks = world->ops->block_take != NULL;
    pool->slots = (uint32_t)slots;
    pool->words = (uint32_t)words;
    pool->some = (_Atomic uint64_t *)(void *)(pool + 1);
    pool->spans = (_Atomic(struct span *) *)(void *)(pool->some + words * CLASSES);
    return pool;
}

void rt_pool_destroy(struct rt_pool *pool) {
    if (pool == NULL) {
        return;
    }
    RT_ASSERT(rt_pool_taken(pool) == 0);
    for (uint32_t slot = 0; slot < pool->slots; slot++) {
        struct span *span = span_in(pool, slot);
        if (span != NULL) {
            if (atomic_load_explicit(&span->held, memory_order_acquire) != 0) {
                span_retire(pool, span);
            }
            rt_release(pool->world, span->memory, SPAN_MEMORY_BYTES);
        }
    }
    rt_release(pool->world, pool->memory, pool->memory_bytes);
}

/* ---- take ------------------------------------------------------------------------------------ */

static inline void *span_take(struct rt_pool *pool, struct span *span, uint32_t class,
                              uint32_t count) {
    uint32_t pages = atomic_load(&span->some[class]);
    for (; pages != 0; pages &= pages - 1) {
        uint32_t page = (uint32_t)__builtin_ctz(pages);
        int at = page_take(pool, span, page, count);
        if (at >= 0) {
            atomic_store_explicit(&pool->last[class], span->slot * PAGES + page,
                                  memory_order_relaxed);
            return span->base + page * RT_POOL_PAGE_BYTES + at * RT_POOL_GRANULE_BYTES;
        }
        hint_clear_page(pool, span, page, class);
    }
    hint_clear_span(pool, span, class);
    return NULL;
}

/* Whole pages side by side: the first one, or -1. */
static int span_take_pages(struct rt_pool *pool, struct span *span, uint32_t count) {
    uint32_t pages = atomic_load(&span->some[WHOLE_PAGE]);
    for (int first; (first = row_at(pages, count)) >= 0;) {
        uint32_t page = (uint32_t)first;
        while (page < (uint32_t)first + count && page_take_whole(span, page)) {
            page++;
        }
        if (page == (uint32_t)first + count) {
            return first;
        }
        pages &= ~(UINT32_C(1) << page); /* not quite free */
        while (page > (uint32_t)first) {
            page_give_whole(pool, span, --page);
        }
    }
    return -1;
}

static void give_row(struct rt_pool *pool, struct span *span, uint32_t from, uint32_t to);

static void *span_take_large(struct rt_pool *pool, struct span *span, uint32_t count) {
    uint32_t pages = (count + GRANULES - 1) / GRANULES;
    int first = span_take_pages(pool, span, pages);
    if (first < 0) {
        return NULL;
    }
    uint32_t from = (uint32_t)first * GRANULES;
    pages_taken(pool, pages);
    give_row(pool, span, from + count, from + pages * GRANULES);
    return span->base + (size_t)from * RT_POOL_GRANULE_BYTES;
}

/* From the lowest span that has it. */
static __attribute__((noinline)) void *take_row(struct rt_pool *pool, uint32_t count) {
    uint32_t class = count <= GRANULES ? class_up(count) : WHOLE_PAGE;
    do {
        for (uint32_t word = 0; word < pool->words; word++) {
            uint64_t slots = atomic_load(span_hint(pool, class, word));
            for (; slots != 0; slots &= slots - 1) {
                struct span *span =
                    span_in(pool, word * WORD_BITS + (uint32_t)__builtin_ctzll(slots));
                void *block = count <= GRANULES ? span_take(pool, span, class, count)
                                                : span_take_large(pool, span, count);
                if (block != NULL) {
                    return block;
                }
            }
        }
    } while (span_add(pool));
    return NULL;
}

/* Where one was found last; nothing else is looked at. */
static inline void *take_again(struct rt_pool *pool, uint32_t count) {
    uint32_t last = atomic_load_explicit(&pool->last[class_up(count)], memory_order_relaxed);
    struct span *span = span_in(pool, last / PAGES);
    int at = span == NULL ? -1 : page_take(pool, span, last % PAGES, count);
    return at < 0 ? NULL
                  : span->base + last % PAGES * RT_POOL_PAGE_BYTES + at * RT_POOL_GRANULE_BYTES;
}

/* A span of its own. */
static void *take_own(struct rt_pool *pool, size_t bytes) {
    void *block = pool->world->ops->span_acquire(pool->world, bytes, true);
    if (block != NULL) {
        atomic_fetch_add_explicit(&pool->own_bytes, (int64_t)bytes, memory_order_relaxed);
        count_used(pool, (int64_t)bytes);
        RT_POISON(block, bytes);
    }
    return block;
}

void *rt_pool_take(struct rt_pool *pool, size_t size, size_t *capacity) {
    size_t count = granules_of(size);
    size_t bytes = count * RT_POOL_GRANULE_BYTES;
    *capacity = bytes - RT_POOL_GAP_BYTES;
    if (pool->asks && !pool->world->ops->block_take(pool->world, bytes)) {
        return NULL;
    }
    void *block = count <= AGAIN_MAX ? take_again(pool, (uint32_t)count) : NULL;
    if (block == NULL) {
        block =
            count <= LARGE_GRANULES_MAX ? take_row(pool, (uint32_t)count) : take_own(pool, bytes);
    }
    if (block != NULL) {
        RT_UNPOISON(block, *capacity);
    } else if (pool->asks) {
        pool->world->ops->block_give(pool->world, NULL, bytes);
    }
    return block;
}

/* ---- give ------------------------------------------------------------------------------------ */

/* Granules of a span, over pages. */
static void give_row(struct rt_pool *pool, struct span *span, uint32_t from, uint32_t to) {
    while (from < to) {
        uint32_t page = from / GRANULES;
        uint32_t end = (page + 1) * GRANULES < to ? (page + 1) * GRANULES : to;
        if (page_give(pool, span, page, from % GRANULES, end - from)) {
            page_freed(pool);
        }
        from = end;
    }
}

static struct span *span_of(const void *block) {
    struct span *span;
    memcpy(&span, (const void *)((uintptr_t)block & ~(uintptr_t)(RT_SPAN_BYTES - 1)), sizeof span);
    return span;
}

static __attribute__((noinline)) void tell_given(struct rt_pool *pool, void *block, size_t bytes) {
    RT_UNPOISON(block, bytes);
    pool->world->ops->block_give(pool->world, block, bytes);
}

static __attribute__((noinline)) void give_own(struct rt_pool *pool, void *block, size_t bytes) {
    atomic_fetch_sub_explicit(&pool->own_bytes, (int64_t)bytes, memory_order_relaxed);
    count_used(pool, -(int64_t)bytes);
    RT_UNPOISON(block, bytes);
    pool->world->ops->span_release(pool->world, block, bytes);
}

static inline void give(struct rt_pool *pool, void *block, size_t count) {
    RT_POISON(block, count * RT_POOL_GRANULE_BYTES);
    uint32_t from = (uint32_t)((uintptr_t)block / RT_POOL_GRANULE_BYTES) % (PAGES * GRANULES);
    if (from % GRANULES + count > GRANULES) {
        give_row(pool, span_of(block), from, from + (uint32_t)count);
    } else if (page_give(pool, span_of(block), from / GRANULES, from % GRANULES, (uint32_t)count)) {
        page_freed(pool);
    }
}

void rt_pool_give(struct rt_pool *pool, void *block, size_t capacity) {
    RT_ASSERT((uintptr_t)block % RT_POOL_GRANULE_BYTES == 0);
    size_t count = granules_of(capacity);
    if (pool->asks) {
        tell_given(pool, block, count * RT_POOL_GRANULE_BYTES);
    }
    if (count <= LARGE_GRANULES_MAX) {
        give(pool, block, count);
    } else {
        give_own(pool, block, count * RT_POOL_GRANULE_BYTES);
    }
}

size_t rt_pool_trim(struct rt_pool *pool, void *block, size_t capacity, size_t size) {
    size_t count = granules_of(capacity);
    size_t keep = granules_of(size);
    if (keep >= count || count > LARGE_GRANULES_MAX) {
        return capacity;
    }
    char *tail = (char *)block + keep * RT_POOL_GRANULE_BYTES;
    if (pool->asks) {
        tell_given(pool, tail, (count - keep) * RT_POOL_GRANULE_BYTES);
    }
    give(pool, tail, count - keep);
    size_t left = keep * RT_POOL_GRANULE_BYTES - RT_POOL_GAP_BYTES;
    RT_POISON((char *)block + left, RT_POOL_GAP_BYTES);
    return left;
}

/* ---- counts ---------------------------------------------------------------------------------- */

size_t rt_pool_taken(const struct rt_pool *pool) {
    size_t taken = (size_t)atomic_load(&pool->own_bytes);
    for (uint32_t slot = 0; slot < pool->slots; slot++) {
        const struct span *span = span_in(pool, slot);
        if (span != NULL && atomic_load(&span->held) != 0) {
            for (uint32_t page = 0; page < PAGES; page++) {
                uint64_t mine = span->pages[page].whole & ~atomic_load(&span->pages[page].free);
                taken += (size_t)__builtin_popcountll(mine) * RT_POOL_GRANULE_BYTES;
            }
        }
    }
    return taken;
}

int64_t rt_pool_held(const struct rt_pool *pool) {
    return atomic_load_explicit(&pool->all_pages, memory_order_relaxed) * RT_POOL_PAGE_BYTES +
           atomic_load_explicit(&pool->own_bytes, memory_order_relaxed);
}
