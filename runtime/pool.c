/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffer pools. One ring of free buffers per class: an array of cells, each with a turn number that
 * says whose turn it is (bounded queue after Vyukov). A free buffer is never looked into, so there
 * is no ABA and a buffer can go back to the world at any moment.
 *
 *   cell.turn == position       free for the writer of that position
 *   cell.turn == position + 1   holds a buffer for the reader of that position
 *
 * A thread that stops half-way holds up nobody: others see "empty" or "full" and use the world.
 * Each store of `turn` is a release that pairs with the acquire load on the other side.
 */
#include "runtime/pool.h"

#include <stdalign.h>
#include <string.h>

#include "runtime/assert.h"

enum { CELLS_MIN = 8, CELLS_MAX = 2048, CACHE_LINE_BYTES = 64 };

struct cell {
    _Atomic uint64_t turn;
    void *buffer;
};

struct ring {
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t put_position;
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t get_position;
    alignas(CACHE_LINE_BYTES) struct cell *cells;
    uint64_t mask;
};

struct rt_pool {
    struct rt_world *world;
    void *memory; /* what was acquired; the pool sits in it at a cache line */
    size_t memory_bytes;
    size_t keep_bytes;
    alignas(CACHE_LINE_BYTES) _Atomic size_t taken_bytes;
    _Atomic size_t kept_bytes; /* never above keep_bytes */
    struct ring rings[RT_POOL_CLASSES];
};

static size_t class_bytes(size_t size_class) {
    return (size_t)RT_POOL_SMALLEST << size_class;
}

static size_t cells_of(size_t size_class, size_t keep_bytes) {
    size_t cells = CELLS_MIN;
    while (cells < CELLS_MAX && cells * class_bytes(size_class) < keep_bytes) {
        cells *= 2;
    }
    return cells;
}

static void ring_init(struct ring *ring, struct cell *cells, size_t count) {
    atomic_init(&ring->put_position, 0);
    atomic_init(&ring->get_position, 0);
    ring->cells = cells;
    ring->mask = count - 1;
    for (size_t i = 0; i < count; i++) {
        atomic_init(&cells[i].turn, i);
        cells[i].buffer = NULL;
    }
}

/* False when the ring is full, or looks so behind a reader that is half-way. */
static bool ring_put(struct ring *ring, void *buffer) {
    uint64_t position = atomic_load_explicit(&ring->put_position, memory_order_relaxed);
    for (;;) {
        struct cell *cell = &ring->cells[position & ring->mask];
        int64_t ahead =
            (int64_t)(atomic_load_explicit(&cell->turn, memory_order_acquire) - position);
        if (ahead < 0) {
            return false;
        }
        if (ahead > 0) {
            position = atomic_load_explicit(&ring->put_position, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&ring->put_position, &position,
                                                         position + 1, memory_order_relaxed,
                                                         memory_order_relaxed)) {
            cell->buffer = buffer;
            atomic_store_explicit(&cell->turn, position + 1, memory_order_release);
            return true;
        }
    }
}

/* NULL when the ring is empty, or looks so behind a writer that is half-way. */
static void *ring_get(struct ring *ring) {
    uint64_t position = atomic_load_explicit(&ring->get_position, memory_order_relaxed);
    for (;;) {
        struct cell *cell = &ring->cells[position & ring->mask];
        int64_t ahead =
            (int64_t)(atomic_load_explicit(&cell->turn, memory_order_acquire) - (position + 1));
        if (ahead < 0) {
            return NULL;
        }
        if (ahead > 0) {
            position = atomic_load_explicit(&ring->get_position, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&ring->get_position, &position,
                                                         position + 1, memory_order_relaxed,
                                                         memory_order_relaxed)) {
            void *buffer = cell->buffer;
            atomic_store_explicit(&cell->turn, position + ring->mask + 1, memory_order_release);
            return buffer;
        }
    }
}

struct rt_pool *rt_pool_create(struct rt_world *world, size_t keep_bytes) {
    size_t bytes = CACHE_LINE_BYTES + sizeof(struct rt_pool);
    for (size_t size_class = 0; size_class < RT_POOL_CLASSES; size_class++) {
        bytes += cells_of(size_class, keep_bytes) * sizeof(struct cell);
    }
    char *memory = rt_acquire(world, bytes);
    if (memory == NULL) {
        return NULL;
    }
    size_t skip = (CACHE_LINE_BYTES - (uintptr_t)memory % CACHE_LINE_BYTES) % CACHE_LINE_BYTES;
    struct rt_pool *pool = (struct rt_pool *)(void *)(memory + skip);
    memset(pool, 0, sizeof *pool);
    pool->world = world;
    pool->memory = memory;
    pool->memory_bytes = bytes;
    pool->keep_bytes = keep_bytes;
    struct cell *cells = (struct cell *)(void *)(pool + 1);
    for (size_t size_class = 0; size_class < RT_POOL_CLASSES; size_class++) {
        size_t count = cells_of(size_class, keep_bytes);
        ring_init(&pool->rings[size_class], cells, count);
        cells += count;
    }
    return pool;
}

void rt_pool_destroy(struct rt_pool *pool) {
    if (pool == NULL) {
        return;
    }
    RT_ASSERT(rt_pool_taken(pool) == 0);
    for (size_t size_class = 0; size_class < RT_POOL_CLASSES; size_class++) {
        for (void *buffer; (buffer = ring_get(&pool->rings[size_class])) != NULL;) {
            rt_release(pool->world, buffer, class_bytes(size_class));
        }
    }
    rt_release(pool->world, pool->memory, pool->memory_bytes);
}

static size_t class_for(size_t size) {
    size_t size_class = 0;
    while (class_bytes(size_class) < size) {
        size_class++;
    }
    return size_class;
}

void *rt_pool_take(struct rt_pool *pool, size_t size, size_t *capacity) {
    void *buffer = NULL;
    if (size > RT_POOL_LARGEST) {
        *capacity = size;
        buffer = rt_acquire(pool->world, size);
    } else {
        size_t size_class = class_for(size);
        *capacity = class_bytes(size_class);
        buffer = ring_get(&pool->rings[size_class]);
        if (buffer != NULL) {
            atomic_fetch_sub_explicit(&pool->kept_bytes, *capacity, memory_order_relaxed);
        } else {
            buffer = rt_acquire(pool->world, *capacity);
        }
    }
    if (buffer != NULL) {
        atomic_fetch_add_explicit(&pool->taken_bytes, *capacity, memory_order_relaxed);
    }
    return buffer;
}

/* Counts the buffer in before it is put, so that the bound holds at every moment. */
static bool keep(struct rt_pool *pool, void *buffer, size_t capacity) {
    size_t before = atomic_fetch_add_explicit(&pool->kept_bytes, capacity, memory_order_relaxed);
    if (before + capacity <= pool->keep_bytes &&
        ring_put(&pool->rings[class_for(capacity)], buffer)) {
        return true;
    }
    atomic_fetch_sub_explicit(&pool->kept_bytes, capacity, memory_order_relaxed);
    return false;
}

void rt_pool_give(struct rt_pool *pool, void *buffer, size_t capacity) {
    size_t before = atomic_fetch_sub_explicit(&pool->taken_bytes, capacity, memory_order_relaxed);
    RT_ASSERT(buffer != NULL && before >= capacity);
    if (capacity > RT_POOL_LARGEST) {
        rt_release(pool->world, buffer, capacity);
        return;
    }
    RT_ASSERT(class_bytes(class_for(capacity)) == capacity);
    if (!keep(pool, buffer, capacity)) {
        rt_release(pool->world, buffer, capacity);
    }
}

size_t rt_pool_taken(const struct rt_pool *pool) {
    return atomic_load_explicit(&pool->taken_bytes, memory_order_relaxed);
}
