/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffer pools: memory in a few size classes, kept for reuse. Any thread may take and give; no
 * lock, no wait. What is free is bounded and goes back to the world beyond that.
 */
#ifndef RT_POOL_H
#define RT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/world.h"

/* 512 B to 64 KiB, and what is larger straight from the world. */
enum { RT_POOL_CLASSES = 8, RT_POOL_SMALLEST = 512, RT_POOL_LARGEST = 65536 };

struct rt_pool;

/* Keeps at most `keep_bytes` of free buffers. NULL when memory is short. */
struct rt_pool *rt_pool_create(struct rt_world *world, size_t keep_bytes);
/* Asserts that every buffer came back. */
void rt_pool_destroy(struct rt_pool *pool);
/* A buffer of at least `size` bytes; *capacity is its real size (the class, or size rounded up). */
void *rt_pool_take(struct rt_pool *pool, size_t size, size_t *capacity);
void rt_pool_give(struct rt_pool *pool, void *buffer, size_t capacity);
/* Bytes taken and not given back. */
size_t rt_pool_taken(const struct rt_pool *pool);

#endif
