/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See share.h. */
#include "actors/share/share.h"

#include <string.h>

#include "actors/broker.h"
#include "actors/producer/producer.h"
#include "protocol/murmur2.h"
#include "runtime/assert.h"

enum {
    GROUP_SHIFT = 48,
    SHORT_PARTS = 16,
    SHORT_BELOW = 4, /* memory is short with less than 4 of 16 parts free, */
    SHORT_UNTIL = 5  /* and is so until 5 are: marks do not flicker */
};

void shares_deinit(const struct shares *shares) {
    for (uint32_t i = 0; i < SHARE_GROUPS; i++) {
        RT_ASSERT(atomic_load(&shares->groups[i].held) == 0);
    }
}

uint16_t share_group_of(const struct broker *leader) {
    return leader == NULL ? SHARE_NO_LEADER
                          : (uint16_t)(1 + (uint32_t)leader->node % (SHARE_GROUPS - 1));
}

/* ---- marks ----------------------------------------------------------------------------------- */

/* What there is to share: less when records take more memory than they are charged. */
static int64_t all_bytes(const struct producer *producer) {
    return producer->budget.limit - atomic_load(&producer->budget.held);
}

static bool is_short(const struct producer *producer, int64_t parts) {
    int64_t free_bytes = atomic_load(&producer->budget.available);
    return free_bytes < all_bytes(producer) / SHORT_PARTS * parts;
}

static bool is_over(const struct producer *producer, uint16_t group, int64_t parts) {
    const struct shares *shares = &producer->shares;
    int64_t used = atomic_load(&shares->used_count);
    return used > 1 && atomic_load(&shares->groups[group].held) > all_bytes(producer) / used &&
           is_short(producer, parts);
}

static void mark(struct shares *shares, uint16_t group, bool full) {
    uint64_t bit = UINT64_C(1) << (group % 64);
    _Atomic uint64_t *word = &shares->full[group / 64];
    uint64_t before = full ? atomic_fetch_or(word, bit) : atomic_fetch_and(word, ~bit);
    if (((before & bit) != 0) != full) {
        atomic_fetch_add(&shares->full_count, full ? 1 : UINT32_MAX);
        atomic_fetch_add(&shares->version, 1);
    }
}

static uint16_t group_in(uint64_t word) {
    return (uint16_t)(word >> GROUP_SHIFT);
}

static int64_t held_in(uint64_t word) {
    return (int64_t)(word & ((UINT64_C(1) << GROUP_SHIFT) - 1));
}

/* Marks the group if it is full. */
static void consider(struct producer *producer, uint16_t group) {
    struct shares *shares = &producer->shares;
    if (!is_over(producer, group, SHORT_BELOW) || share_is_full(shares, group)) {
        return;
    }
    mark(shares, group, true);
    if (!is_over(producer, group, SHORT_UNTIL)) { /* it was dropped meanwhile, and nobody saw us */
        mark(shares, group, false);
    }
}

void share_add(struct producer *producer, struct share_member *member, int64_t bytes) {
    uint16_t group = group_in(atomic_fetch_add(&member->word, (uint64_t)bytes));
    atomic_fetch_add(&producer->shares.groups[group].held, bytes);
    consider(producer, group);
}

void share_drop(struct producer *producer, struct share_member *member, int64_t bytes) {
    uint64_t before = atomic_fetch_sub(&member->word, (uint64_t)bytes);
    RT_ASSERT(held_in(before) >= bytes);
    atomic_fetch_sub(&producer->shares.groups[group_in(before)].held, bytes);
}

static void join(struct producer *producer, uint16_t group) {
    if (atomic_fetch_add(&producer->shares.groups[group].members, 1) == 0) {
        atomic_fetch_add(&producer->shares.used_count, 1);
    }
}

static void part(struct producer *producer, uint16_t group) {
    if (atomic_fetch_sub(&producer->shares.groups[group].members, 1) == 1) {
        atomic_fetch_sub(&producer->shares.used_count, 1);
    }
}

void share_enter(struct producer *producer, struct share_member *member, uint16_t group) {
    atomic_store(&member->word, (uint64_t)group << GROUP_SHIFT);
    join(producer, group);
}

void share_leave(struct producer *producer, struct share_member *member) {
    part(producer, group_in(atomic_load(&member->word)));
}

void share_move(struct producer *producer, struct share_member *member, uint16_t group) {
    uint64_t word = atomic_load(&member->word);
    if (group_in(word) == group) {
        return;
    }
    while (!atomic_compare_exchange_weak(
        &member->word, &word, (uint64_t)group << GROUP_SHIFT | (uint64_t)held_in(word))) {
    }
    join(producer, group);
    atomic_fetch_add(&producer->shares.groups[group].held, held_in(word));
    atomic_fetch_sub(&producer->shares.groups[group_in(word)].held, held_in(word));
    part(producer, group_in(word));
    consider(producer, group);
    share_review(producer);
}

void share_review(struct producer *producer) {
    struct shares *shares = &producer->shares;
    if (atomic_load(&shares->full_count) == 0) {
        return;
    }
    for (uint32_t i = 0; i < SHARE_GROUPS / 64; i++) {
        uint64_t word = atomic_load(&shares->full[i]);
        for (; word != 0; word &= word - 1) {
            uint16_t group = (uint16_t)(i * 64 + (uint32_t)__builtin_ctzll(word));
            if (!is_over(producer, group, SHORT_UNTIL)) {
                mark(shares, group, false);
            }
        }
    }
}

/* ---- maps ------------------------------------------------------------------------------------ */

static struct share_map *map_of(const struct topic *topic) {
    return atomic_load_explicit(&topic->share_map, memory_order_acquire);
}

static size_t map_bytes(int32_t count) {
    return sizeof(struct share_map) + (size_t)count * sizeof(uint16_t);
}

bool share_map_grow(struct topic *topic, int32_t count) {
    struct share_map *old = map_of(topic);
    if (old != NULL && old->count >= count) {
        return true;
    }
    /* at least twice the old one, so that all of them together stay small */
    int32_t size = old != NULL && old->count <= INT32_MAX / 2 && old->count * 2 > count
                       ? old->count * 2
                       : count;
    struct share_map *map = rt_acquire(topic->producer->world, map_bytes(size));
    if (map == NULL) {
        return false;
    }
    map->older = old;
    map->count = size;
    for (int32_t i = 0; i < size; i++) {
        bool known = old != NULL && i < old->count;
        atomic_init(&map->groups[i], known ? share_map_get(topic, i) : SHARE_NO_LEADER);
    }
    /* release: pairs with map_of() on application threads */
    atomic_store_explicit(&topic->share_map, map, memory_order_release);
    return true;
}

void share_map_set(struct topic *topic, int32_t index, uint16_t group) {
    atomic_store_explicit(&map_of(topic)->groups[index], group, memory_order_relaxed);
}

uint16_t share_map_get(const struct topic *topic, int32_t index) {
    const struct share_map *map = map_of(topic);
    return map == NULL || index < 0 || index >= map->count
               ? SHARE_NO_LEADER
               : atomic_load_explicit(&map->groups[index], memory_order_relaxed);
}

void share_maps_changed(struct producer *producer) {
    atomic_fetch_add(&producer->shares.version, 1);
}

void share_map_free(struct topic *topic) {
    struct share_map *map = map_of(topic);
    while (map != NULL) {
        struct share_map *older = map->older;
        rt_release(topic->producer->world, map, map_bytes(map->count));
        map = older;
    }
}

/* ---- admission ------------------------------------------------------------------------------- */

enum { VERDICT_ANY = 1, VERDICT_ALL = 2, VERDICT_BITS = 2 };

/* Of the topic's partitions: is any full, are all? Looked up again only when something changed. */
static uint64_t verdict(struct topic *topic, int32_t count) {
    const struct shares *shares = &topic->producer->shares;
    uint64_t version = atomic_load(&shares->version) << VERDICT_BITS;
    uint64_t seen = atomic_load_explicit(&topic->share_verdict, memory_order_relaxed);
    if ((seen & ~(uint64_t)(VERDICT_ANY | VERDICT_ALL)) == version) {
        return seen;
    }
    uint64_t found = VERDICT_ALL;
    for (int32_t i = 0; i < count; i++) {
        if (share_is_full(shares, share_map_get(topic, i))) {
            found |= VERDICT_ANY;
        } else {
            found &= ~(uint64_t)VERDICT_ALL;
        }
    }
    atomic_store_explicit(&topic->share_verdict, version | found, memory_order_relaxed);
    return found;
}

bool share_refuses(struct topic *topic, const sluice_record *record) {
    const struct producer *producer = topic->producer;
    const struct shares *shares = &producer->shares;
    int32_t count = atomic_load_explicit(&topic->partition_count, memory_order_acquire);
    if (count <= 0) {
        return share_is_full(shares, SHARE_NO_LEADER);
    }
    if ((record->flags & SLUICE_RECORD_PARTITION) != 0 &&
        record->partition != SLUICE_PARTITION_ANY) {
        return record->partition < count &&
               share_is_full(shares, share_map_get(topic, record->partition));
    }
    if (topic->actor.partitioner != NULL) {
        return (verdict(topic, count) & VERDICT_ANY) != 0;
    }
    if (record->key != NULL && !producer->config->partitioner_ignore_keys) {
        uint32_t hash = kafka_murmur2(record->key, record->key_size);
        return share_is_full(shares, share_map_get(topic, partition_of_hash(hash, count)));
    }
    return (verdict(topic, count) & VERDICT_ALL) != 0;
}
