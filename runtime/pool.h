/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools: blocks of memory in multiples of 512 bytes, cut from spans that come from the operating
 * system and go back to it. Any thread may take and give; no lock, no wait. A block has no header,
 * its tail can be given back alone, and neighbours that are free are one free piece again.
 */
#ifndef RT_POOL_H
#define RT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/sanitize.h"
#include "runtime/world.h"

enum {
    RT_POOL_GRANULE_BYTES = 512,
    RT_POOL_PAGE_BYTES = 64 * RT_POOL_GRANULE_BYTES,
    /* What fits into one page: cheap, and anywhere in it. Larger blocks are whole pages and what is
     * needed of a last one, and the largest are spans of their own. */
    RT_POOL_SMALL_BYTES_MAX = RT_POOL_PAGE_BYTES - RT_POOL_GAP_BYTES
};

enum { RT_POOL_REVIEW_NS = 1000000000 };

struct rt_pool_counts {
    _Atomic int64_t used_bytes;
};
struct rt_pool; /* begins with its counts */

/* For about `bytes_expected` in use at the same time: several times as much finds a place, more
 * does not. Beyond what was in use at once within RT_POOL_REVIEW_NS it keeps `keep_bytes`; the rest
 * goes back. NULL when memory is short. */
struct rt_pool *rt_pool_create(struct rt_world *world, size_t bytes_expected, size_t keep_bytes);
/* Asserts that every block came back. */
void rt_pool_destroy(struct rt_pool *pool);
/* A block of at least `size` bytes, 16-aligned; *capacity is its real size. */
void *rt_pool_take(struct rt_pool *pool, size_t size, size_t *capacity);
/* `capacity`: what take or trim said, or any size for which take would say so. */
void rt_pool_give(struct rt_pool *pool, void *block, size_t capacity);
/* Makes two blocks of one, for `size` bytes and for the rest; returns how large the first one is,
 * with which the other begins. */
static inline size_t rt_pool_split(void *block, size_t size) {
    size_t granule = RT_POOL_GRANULE_BYTES;
    size_t first = (size + RT_POOL_GAP_BYTES + granule - 1) / granule * granule;
    RT_POISON((char *)block + first - RT_POOL_GAP_BYTES, RT_POOL_GAP_BYTES);
    return first;
}
/* Gives back what lies behind the first `size` bytes, more than 0; returns the new capacity. */
size_t rt_pool_trim(struct rt_pool *pool, void *block, size_t capacity, size_t size);
/* Gives back what was not needed for a while. Who gives blocks does it, too; this is for when
 * nobody does any more. NULL is allowed. */
void rt_pool_review(struct rt_pool *pool);
/* Bytes taken and not given back. Exact when nobody takes or gives. */
size_t rt_pool_taken(const struct rt_pool *pool);
/* Bytes that blocks make unusable for anything else: all of each page that is not quite free. */
static inline int64_t rt_pool_used(const struct rt_pool *pool) {
    return atomic_load_explicit(&((const struct rt_pool_counts *)(const void *)pool)->used_bytes,
                                memory_order_relaxed);
}
/* Bytes that the system has given. */
int64_t rt_pool_held(const struct rt_pool *pool);

#endif
