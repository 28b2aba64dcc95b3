/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mailbox lanes: the ways mail enters an actor, named for who may write.
 *
 *   lane_spsc       ck_ring; one sending actor, fixed bound
 *   lane_mpsc       ck_ring; several sending actors, never application threads: a preempted writer
 *                   stops the others. Only where no more writers run than there are cores
 *   lane_unbounded  liburcu's wfcqueue; anybody; never full, because the node is inside the message
 *
 * Reading is the owning actor's alone. A bounded lane that is full is an assertion: the table in
 * docs/edges.md says for each edge why it cannot be. After a push call rt_notify(actor), after one
 * to the unbounded lane rt_notify_pushed(actor).
 */
#ifndef RT_LANE_H
#define RT_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ck_ring.h>
#include <urcu/wfcqueue.h>

struct rt_world;

/* Embedded in a message; in one lane at a time. */
struct rt_node {
    struct cds_wfcq_node link;
};

struct rt_lane_unbounded {
    struct __cds_wfcq_head head;
    struct cds_wfcq_tail tail;
};

enum rt_take {
    RT_TAKEN,
    RT_EMPTY,
    RT_BUSY /* a sender is half-way through its push: answer RT_AGAIN and come back */
};

void rt_lane_unbounded_init(struct rt_lane_unbounded *lane);
void rt_lane_unbounded_push(struct rt_lane_unbounded *lane, struct rt_node *node);
enum rt_take rt_lane_unbounded_take(struct rt_lane_unbounded *lane, struct rt_node **node);

struct rt_lane_ring {
    ck_ring_t *ring; /* cache-line aligned, followed by its slots */
    size_t bytes;
};

/* `bound` messages at least. False when memory is short. */
bool rt_lane_ring_init(struct rt_lane_ring *lane, struct rt_world *world, uint32_t bound);
void rt_lane_ring_deinit(struct rt_lane_ring *lane, struct rt_world *world);
void rt_lane_spsc_push(struct rt_lane_ring *lane, void *message);
void rt_lane_mpsc_push(struct rt_lane_ring *lane, void *message);
bool rt_lane_ring_take(struct rt_lane_ring *lane, void **message);
uint32_t rt_lane_ring_count(const struct rt_lane_ring *lane);

#endif
