/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lanes. The owning actor reads; its claim (activate.c) orders one reader after the other.
 *
 * ck_ring publishes by a plain store and wfcqueue by an exchange; neither tells the actor. So a
 * push to a ring is followed by rt_notify, an unconditional read-modify-write, and one to the
 * unbounded lane, whose exchange is a full fence, by that or by rt_notify_pushed.
 */
#include "runtime/lane.h"

#include "runtime/assert.h"
#include "runtime/world.h"

enum { CACHE_LINE_BYTES = 64 };

/* ---- unbounded ------------------------------------------------------------------------------- */

void rt_lane_unbounded_init(struct rt_lane_unbounded *lane) {
    __cds_wfcq_init(&lane->head, &lane->tail);
}

void rt_lane_unbounded_push(struct rt_lane_unbounded *lane, struct rt_node *node) {
    cds_wfcq_node_init(&node->link);
    (void)cds_wfcq_enqueue(&lane->head, &lane->tail, &node->link);
}

/* Non-blocking only: the blocking one sleeps 10 ms behind a preempted sender. */
enum rt_take rt_lane_unbounded_take(struct rt_lane_unbounded *lane, struct rt_node **node) {
    struct cds_wfcq_node *link = __cds_wfcq_dequeue_nonblocking(&lane->head, &lane->tail);
    if (link == NULL) {
        return RT_EMPTY;
    }
    if (link == CDS_WFCQ_WOULDBLOCK) {
        return RT_BUSY;
    }
    *node = (struct rt_node *)(void *)link; /* the only member */
    return RT_TAKEN;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static ck_ring_buffer_t *ring_slots(const struct rt_lane_ring *lane) {
    return (ck_ring_buffer_t *)(void *)(lane->ring + 1);
}

/* What was acquired starts before the ring, at the address kept in the word in front of it. */
static void **ring_memory(const struct rt_lane_ring *lane) {
    return (void **)(void *)lane->ring - 1;
}

bool rt_lane_ring_init(struct rt_lane_ring *lane, struct rt_world *world, uint32_t bound) {
    RT_ASSERT(bound > 0 && bound < UINT32_C(1) << 30);
    uint32_t slots = 4;
    while (slots - 1 < bound) { /* one slot of a ck_ring is never used */
        slots *= 2;
    }
    lane->bytes =
        CACHE_LINE_BYTES + sizeof(void *) + sizeof(ck_ring_t) + slots * sizeof(ck_ring_buffer_t);
    void *memory = rt_acquire(world, lane->bytes);
    if (memory == NULL) {
        *lane = (struct rt_lane_ring){0};
        return false;
    }
    uintptr_t address = (uintptr_t)memory + sizeof(void *) + CACHE_LINE_BYTES - 1;
    lane->ring = (ck_ring_t *)(address - address % CACHE_LINE_BYTES);
    *ring_memory(lane) = memory;
    ck_ring_init(lane->ring, slots);
    return true;
}

void rt_lane_ring_deinit(struct rt_lane_ring *lane, struct rt_world *world) {
    if (lane->ring != NULL) {
        rt_release(world, *ring_memory(lane), lane->bytes);
        lane->ring = NULL;
    }
}

void rt_lane_spsc_push(struct rt_lane_ring *lane, void *message) {
    bool taken = ck_ring_enqueue_spsc(lane->ring, ring_slots(lane), message);
    RT_ASSERT(taken);
}

void rt_lane_mpsc_push(struct rt_lane_ring *lane, void *message) {
    bool taken = ck_ring_enqueue_mpsc(lane->ring, ring_slots(lane), message);
    RT_ASSERT(taken);
}

/* One reader in both kinds, so the single-consumer side of either. */
bool rt_lane_ring_take(struct rt_lane_ring *lane, void **message) {
    return ck_ring_dequeue_spsc(lane->ring, ring_slots(lane), message);
}

uint32_t rt_lane_ring_count(const struct rt_lane_ring *lane) {
    return ck_ring_size(lane->ring);
}
