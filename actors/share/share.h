/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shares of buffer.memory by broker, so that a broker that is dead or slow holds up its own
 * partitions only.
 *
 * Partitions are grouped by their leading broker; those without a known one are a group, too, and
 * so are records of topics that are not known yet. A group is *full*, and produce() refuses its
 * records, while all of this holds:
 *   - memory is short: less than a quarter of it is free;
 *   - the group holds more than its fair part: the limit divided by the groups in use.
 * So one group alone may have everything, several may have what the others leave, and the last
 * quarter is kept for those below their part (docs/decisions/shares.md).
 *
 * | who                          | may                                               |
 * | partition actor of the topic | share_map_set, share_enter, share_move, share_add |
 * | whoever decides a batch      | share_drop, share_review                          |
 * | anybody                      | share_is_full, share_refuses                      |
 *
 * A member's word tells its group together with its bytes, so a drop is counted in the group that
 * the member had at that instant, and a move takes along exactly what is left. A group's sum may be
 * behind for as long as somebody is between the two steps.
 *
 * Setting and clearing a mark meet whoever drops bytes at the same time: both sides write first and
 * look then, in sequentially consistent order, so that one of them sees the other.
 */
#ifndef ACTORS_SHARE_SHARE_H
#define ACTORS_SHARE_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/sluice.h>

#include "runtime/mutant.h"

struct broker;
struct producer;
struct topic;

enum {
    SHARE_NO_LEADER = 0, /* the group of partitions and topics that nobody is known to lead */
    SHARE_GROUPS = 1024  /* brokers whose node ids are equal modulo 1023 are one group */
};

struct share_group {
    _Atomic int64_t held;     /* the sum of its members' */
    _Atomic uint32_t members; /* in use */
};

/* A partition, or the records of a topic that wait for metadata. */
struct share_member {
    _Atomic uint64_t word; /* group << 48 | charged bytes of what is not decided */
};

struct shares {
    _Atomic uint32_t full_count; /* groups that are full: looked at for each record */
    char pad[60];
    _Atomic uint32_t used_count; /* groups with members */
    _Atomic uint64_t version;    /* of marks and maps, for what topics remember */
    _Atomic uint64_t full[SHARE_GROUPS / 64];
    struct share_group groups[SHARE_GROUPS];
};

/* The group of each partition of a topic: read by any thread, so an outgrown one stays until the
 * topic is freed. */
struct share_map {
    struct share_map *older;
    int32_t count;
    _Atomic uint16_t groups[];
};

static inline bool share_is_full(const struct shares *shares, uint16_t group) {
    uint64_t word = atomic_load_explicit(&shares->full[group / 64], memory_order_relaxed);
    return (word >> (group % 64) & 1) != 0 && !RT_MUTANT(shares_ignored);
}

static inline bool share_any_full(const struct shares *shares) {
    return atomic_load_explicit(&shares->full_count, memory_order_relaxed) != 0;
}

/* Asserts that nothing is held any more. */
void shares_deinit(const struct shares *shares);
uint16_t share_group_of(const struct broker *leader);

/* -- the topic's partition actor -- */

/* A map of at least `count` partitions takes the place of the smaller one. False: no memory. */
bool share_map_grow(struct topic *topic, int32_t count);
void share_map_set(struct topic *topic, int32_t index, uint16_t group);
uint16_t share_map_get(const struct topic *topic, int32_t index);
/* The maps may have changed: what topics remember of them is old. */
void share_maps_changed(struct producer *producer);
void share_map_free(struct topic *topic);
/* A member comes into use, holding nothing; its leader moved; it goes out of use. */
void share_enter(struct producer *producer, struct share_member *member, uint16_t group);
void share_move(struct producer *producer, struct share_member *member, uint16_t group);
void share_leave(struct producer *producer, struct share_member *member);
void share_add(struct producer *producer, struct share_member *member, int64_t bytes);

/* -- whoever decides -- */

void share_drop(struct producer *producer, struct share_member *member, int64_t bytes);
/* Bytes came back to the budget: marks that have lost their reason are cleared. */
void share_review(struct producer *producer);

/* -- application threads -- */

/* The record would go to a full group, for all that can be known before its partition is chosen: a
 * record without key is refused when all partitions are full, one with the caller's own partitioner
 * when any is. Call it when share_any_full(). */
bool share_refuses(struct topic *topic, const sluice_record *record);

#endif
