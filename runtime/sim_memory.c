/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counted memory that can run short on command. Every block that is not a pool's is on a list, so
 * that a leak is named; fresh and released bytes are spoilt, so that reading them shows.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_internal.h"

/* More than any machine has. */
#define SIM_BLOCK_SIZE_MAX ((size_t)1 << 46)

enum { FRESH = 0xa5, RELEASED = 0x5a, SPOIL_BYTES_MAX = 4096 };

struct sim_block {
    struct sim_block *next, *previous;
    uint64_t ordinal; /* which call of memory_acquire made it */
    uint64_t size;
};
_Static_assert(sizeof(struct sim_block) % 16 == 0, "what follows the header is 16-aligned");

void *sim_allocate(size_t size) {
    void *memory = calloc(1, size);
    RT_ASSERT(memory != NULL);
    return memory;
}

void *sim_grow(void *memory, size_t size) {
    memory = realloc(memory, size);
    RT_ASSERT(memory != NULL);
    return memory;
}

static void spoil(void *memory, size_t size, int pattern) {
    memset(memory, pattern, size < SPOIL_BYTES_MAX ? size : SPOIL_BYTES_MAX);
}

static bool fails_now(struct sim *sim, size_t size) {
    bool spared = sim->spared_kind != NULL && sim->running != NULL &&
                  strcmp(sim->running->kind->name, sim->spared_kind) == 0;
    if (spared || ++sim->memory_acquired != sim->memory_fails_at) {
        return false;
    }
    sim->memory_fails_at = 0;
    sim_note(sim, SIM_NOTE_MEMORY, sim->running, size, 0, 0);
    return true;
}

void *sim_memory_acquire(struct rt_world *world, size_t size) {
    struct sim *sim = sim_of(world);
    if (fails_now(sim, size) || size > SIM_BLOCK_SIZE_MAX) {
        return NULL;
    }
    struct sim_block *block = malloc(sizeof(*block) + size);
    RT_ASSERT(block != NULL); /* what runs short here does so on command */
    *block = (struct sim_block){.next = sim->blocks, .ordinal = sim->memory_acquired, .size = size};
    if (sim->blocks != NULL) {
        sim->blocks->previous = block;
    }
    sim->blocks = block;
    atomic_fetch_add_explicit(&world->memory_used, size, memory_order_relaxed);
    spoil(block + 1, size, FRESH);
    return block + 1;
}

void sim_memory_release(struct rt_world *world, void *memory, size_t size) {
    struct sim *sim = sim_of(world);
    struct sim_block *block = (struct sim_block *)memory - 1;
    RT_ASSERT(block->size == size); /* released as it was acquired */
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        RT_ASSERT(sim->blocks == block);
        sim->blocks = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    atomic_fetch_sub_explicit(&world->memory_used, size, memory_order_relaxed);
    spoil(memory, size, RELEASED);
    free(block);
}

/* Spans that an earlier world of this thread gave back: to have the kernel clear and map them anew
 * would be a fifth of a short trial's time. */
static _Thread_local struct {
    void *spans[16];
    size_t count;
} kept;

static void *span_kept(size_t size) {
    if (size == RT_SPAN_BYTES && kept.count > 0) {
        return kept.spans[--kept.count];
    }
    size_t rounded = (size + RT_SPAN_BYTES - 1) / RT_SPAN_BYTES * RT_SPAN_BYTES;
    return aligned_alloc(RT_SPAN_BYTES, rounded);
}

void *sim_span_acquire(struct rt_world *world, size_t size, bool soon) {
    (void)soon;
    struct sim *sim = sim_of(world);
    if (fails_now(sim, size) || size > SIM_BLOCK_SIZE_MAX) {
        return NULL;
    }
    void *span = span_kept(size);
    RT_ASSERT(span != NULL);
    sim->span_bytes += size;
    memset(span, FRESH, size);
    return span;
}

void sim_span_release(struct rt_world *world, void *memory, size_t size) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->span_bytes >= size);
    sim->span_bytes -= size;
    if (size == RT_SPAN_BYTES && kept.count < sizeof kept.spans / sizeof kept.spans[0]) {
        kept.spans[kept.count++] = memory;
    } else {
        free(memory);
    }
}

/* Blocks are counted in place of the spans that they are cut from, and can run short as well. */
bool sim_block_take(struct rt_world *world, size_t size) {
    struct sim *sim = sim_of(world);
    if (fails_now(sim, size) || size > SIM_BLOCK_SIZE_MAX) {
        return false;
    }
    atomic_fetch_add_explicit(&world->memory_used, size, memory_order_relaxed);
    return true;
}

void sim_block_give(struct rt_world *world, void *block, size_t size) {
    atomic_fetch_sub_explicit(&world->memory_used, size, memory_order_relaxed);
    if (block != NULL) {
        spoil(block, size, RELEASED);
    }
}

void sim_memory_deinit(struct sim *sim) {
    unsigned named = 0;
    for (struct sim_block *block = sim->blocks; block != NULL && named < 20; block = block->next) {
        fprintf(stderr, "leak: %" PRIu64 " bytes, acquisition %" PRIu64 "\n", block->size,
                block->ordinal);
        named++;
    }
    RT_ASSERT(sim->blocks == NULL); /* every acquired byte was released */
    RT_ASSERT(atomic_load(&sim->world.memory_used) == 0 && sim->span_bytes == 0);
}

void rt_sim_fail_memory(struct rt_world *world, uint64_t nth) {
    struct sim *sim = sim_of(world);
    sim->memory_fails_at = nth == 0 ? 0 : sim->memory_acquired + nth;
}

uint64_t rt_sim_memory_count(struct rt_world *world) {
    return sim_of(world)->memory_acquired;
}

void rt_sim_spare_memory(struct rt_world *world, const char *kind) {
    sim_of(world)->spared_kind = kind;
}
