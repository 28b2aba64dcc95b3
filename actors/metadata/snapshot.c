/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots: one allocation each, made as a draft, published when something in it is new, freed
 * when no activation can see it any more.
 *
 *   [ struct snapshot | topics by index | partitions of all topics | brokers by node id ]
 *
 * A broker stays the same object as long as node id, host and port stay, so that comparing pointers
 * tells whether a leader has moved.
 */
#include "actors/metadata/state.h"

#include <string.h>

#include "actors/producer/producer.h"
#include "runtime/assert.h"

const struct snapshot_topic *snapshot_find(const struct snapshot *snapshot,
                                           const struct topic *topic) {
    if (snapshot == NULL || topic->index >= snapshot->topic_count ||
        snapshot->topics[topic->index].topic != topic) {
        return NULL;
    }
    return &snapshot->topics[topic->index];
}

/* ---- its life -------------------------------------------------------------------------------- */

static void snapshot_free(struct rt_retired *retired) {
    struct snapshot *snapshot = (struct snapshot *)(void *)retired;
    struct metadata *metadata = snapshot->metadata;
    for (uint32_t i = 0; i < snapshot->broker_count; i++) {
        broker_release(snapshot->brokers[i]);
    }
    rt_release(metadata->producer->world, snapshot, snapshot->bytes);
    metadata_part_gone(metadata);
}

static struct snapshot *snapshot_create(struct metadata *metadata, uint32_t topic_count,
                                        uint64_t partition_count, uint32_t broker_capacity) {
    struct snapshot *snapshot;
    if (partition_count > SIZE_MAX / sizeof(struct snapshot_partition) / 2) {
        return NULL;
    }
    size_t topics_at = sizeof *snapshot;
    size_t partitions_at = topics_at + topic_count * sizeof *snapshot->topics;
    size_t brokers_at = partitions_at + partition_count * sizeof(struct snapshot_partition);
    size_t bytes = brokers_at + broker_capacity * sizeof(struct broker *);
    snapshot = rt_acquire(metadata->producer->world, bytes);
    if (snapshot == NULL) {
        return NULL;
    }
    memset(snapshot, 0, bytes);
    snapshot->retired.free = snapshot_free;
    snapshot->metadata = metadata;
    snapshot->bytes = bytes;
    snapshot->topic_count = topic_count;
    snapshot->topics = (struct snapshot_topic *)(snapshot + 1);
    snapshot->brokers = (struct broker **)(void *)((uint8_t *)snapshot + brokers_at);
    atomic_fetch_add_explicit(&metadata->state->parts, 1, memory_order_relaxed);
    return snapshot;
}

bool draft_begin(struct draft *draft, struct metadata *metadata, uint32_t broker_capacity,
                 uint64_t partition_capacity) {
    uint32_t topic_count = metadata->state->topic_count;
    struct snapshot *next =
        snapshot_create(metadata, topic_count, partition_capacity, broker_capacity);
    if (next == NULL) {
        return false;
    }
    *draft = (struct draft){.metadata = metadata,
                            .next = next,
                            .broker_capacity = broker_capacity,
                            .room = (struct snapshot_partition *)(next->topics + topic_count)};
    return true;
}

void draft_abandon(struct draft *draft) {
    snapshot_free(&draft->next->retired);
}

void snapshot_withdraw(struct metadata *metadata) {
    struct snapshot *old = metadata->state->snapshot;
    metadata->state->snapshot = NULL;
    if (old != NULL) {
        rt_snapshot_publish(metadata->producer->world, &metadata->published, NULL, &old->retired);
    }
}

/* ---- brokers --------------------------------------------------------------------------------- */

/* The index of a node, or of the first larger one. */
static uint32_t broker_place(const struct snapshot *snapshot, int32_t node) {
    uint32_t from = 0;
    uint32_t to = snapshot->broker_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (snapshot->brokers[middle]->node < node) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static struct broker *snapshot_broker(const struct snapshot *snapshot, int32_t node) {
    uint32_t place = snapshot == NULL ? 0 : broker_place(snapshot, node);
    if (snapshot == NULL || place == snapshot->broker_count ||
        snapshot->brokers[place]->node != node) {
        return NULL;
    }
    return snapshot->brokers[place];
}

struct broker *draft_find(const struct draft *draft, int32_t node) {
    return snapshot_broker(draft->next, node);
}

static bool broker_at(const struct broker *broker, const char *host, uint16_t port) {
    return broker != NULL && broker->port == port && strcmp(broker->host, host) == 0;
}

/* With a hold for the draft. NULL when memory is short. */
static struct broker *broker_obtain(struct draft *draft, int32_t node, const char *host,
                                    uint16_t port) {
    struct broker *known = snapshot_broker(draft->metadata->state->snapshot, node);
    if (!draft->anew && broker_at(known, host, port)) {
        broker_hold(known);
        return known;
    }
    return broker_create(draft->metadata->producer, node, host, port);
}

static void broker_replace(struct snapshot *snapshot, uint32_t place, struct broker *broker) {
    struct broker *before = snapshot->brokers[place];
    snapshot->brokers[place] = broker;
    for (uint32_t i = 0; i < snapshot->topic_count; i++) {
        struct snapshot_topic *topic = &snapshot->topics[i];
        for (int32_t at = 0; at < topic->partition_count; at++) {
            if (topic->partitions[at].leader == before) {
                topic->partitions[at].leader = broker;
            }
        }
    }
    broker_release(before);
}

bool draft_broker(struct draft *draft, int32_t node, const char *host, uint16_t port) {
    struct snapshot *next = draft->next;
    uint32_t place = broker_place(next, node);
    struct broker *present = draft_find(draft, node);
    if (broker_at(present, host, port) ||
        (present == NULL && next->broker_count == draft->broker_capacity)) {
        return true;
    }
    struct broker *broker = broker_obtain(draft, node, host, port);
    if (broker == NULL) {
        return false;
    }
    if (present != NULL) {
        broker_replace(next, place, broker);
        return true;
    }
    memmove(&next->brokers[place + 1], &next->brokers[place],
            (next->broker_count - place) * sizeof *next->brokers);
    next->brokers[place] = broker;
    next->broker_count++;
    return true;
}

/* ---- topics ---------------------------------------------------------------------------------- */

struct snapshot_topic *draft_topic(struct draft *draft, struct topic *topic,
                                   uint32_t partition_count) {
    struct snapshot_topic *entry = &draft->next->topics[topic->index];
    entry->topic = topic;
    entry->partition_count = (int32_t)partition_count;
    entry->partitions = draft->room;
    draft->room += partition_count;
    RT_ASSERT((void *)draft->room <= (void *)draft->next->brokers);
    for (uint32_t i = 0; i < partition_count; i++) {
        entry->partitions[i].leader_epoch = -1;
        entry->partitions[i].error = SLUICE_NO_LEADER;
    }
    return entry;
}

void draft_keep(const struct draft *draft, struct snapshot_partition *to,
                const struct snapshot_partition *from) {
    *to = *from;
    if (from->leader != NULL) {
        to->leader = draft_find(draft, from->leader->node);
        to->error = to->leader == NULL ? SLUICE_NO_LEADER : SLUICE_OK;
    }
}

void draft_keep_rest(struct draft *draft) {
    const struct metadata_state *state = draft->metadata->state;
    for (uint32_t i = 0; i < draft->next->topic_count; i++) {
        const struct metadata_topic *known = &state->topics[i];
        if (known->topic == NULL || draft->next->topics[i].topic != NULL) {
            continue;
        }
        const struct snapshot_topic *old = snapshot_find(state->snapshot, known->topic);
        if (old != NULL && old->partition_count > 0) {
            struct snapshot_topic *entry =
                draft_topic(draft, known->topic, (uint32_t)old->partition_count);
            entry->id = old->id;
            for (int32_t at = 0; at < old->partition_count; at++) {
                draft_keep(draft, &entry->partitions[at], &old->partitions[at]);
            }
        } else if (known->error != SLUICE_OK) {
            draft_topic(draft, known->topic, 0)->error = known->error;
        }
    }
}

static bool partitions_equal(const struct snapshot_topic *left,
                             const struct snapshot_topic *right) {
    for (int32_t i = 0; i < left->partition_count; i++) {
        const struct snapshot_partition *a = &left->partitions[i];
        const struct snapshot_partition *b = &right->partitions[i];
        if (a->leader != b->leader || a->leader_epoch != b->leader_epoch || a->error != b->error) {
            return false;
        }
    }
    return true;
}

static bool topic_equal(const struct snapshot_topic *left, const struct snapshot_topic *right) {
    return left != NULL && left->error == right->error &&
           left->partition_count == right->partition_count &&
           kafka_uuid_equal(left->id, right->id) && partitions_equal(left, right);
}

static bool brokers_equal(const struct snapshot *left, const struct snapshot *right) {
    return left->broker_count == right->broker_count &&
           memcmp(left->brokers, right->brokers, left->broker_count * sizeof *left->brokers) == 0;
}

/* Sets `news` of each topic that the draft knows differently. True when there is any. */
static bool news_find(struct metadata_state *state, const struct snapshot *next) {
    bool any = false;
    for (uint32_t i = 0; i < next->topic_count; i++) {
        const struct snapshot_topic *topic = &next->topics[i];
        if (topic->topic != NULL &&
            !topic_equal(snapshot_find(state->snapshot, topic->topic), topic)) {
            state->topics[i].news = true;
            any = true;
        }
    }
    return any;
}

/* Connections to what was left behind are given up: batches on them are unsure at once, and go
 * where the new snapshot says. */
static void brokers_retire(const struct snapshot *old) {
    for (uint32_t i = 0; old != NULL && i < old->broker_count; i++) {
        struct broker *broker = old->brokers[i];
        /* Acquire: pairs with broker_start; the flusher is there. */
        if (atomic_load_explicit(&broker->started, memory_order_acquire) == BROKER_STARTED) {
            rt_mark(&broker->flusher.actor, RT_MARK(FLUSHER_MARK_RETIRE));
        }
    }
}

enum learned draft_publish(struct draft *draft) {
    struct metadata *metadata = draft->metadata;
    struct metadata_state *state = metadata->state;
    struct snapshot *next = draft->next;
    struct snapshot *old = state->snapshot;
    bool any = news_find(state, next);
    if (!any && old != NULL && brokers_equal(old, next)) {
        draft_abandon(draft);
        return LEARNED_NOTHING;
    }
    if (draft->anew) {
        brokers_retire(old);
    }
    next->version = ++state->version;
    state->snapshot = next;
    rt_snapshot_publish(metadata->producer->world, &metadata->published, next,
                        old == NULL ? NULL : &old->retired);
    for (uint32_t i = 0; i < state->topic_count; i++) {
        if (state->topics[i].news) {
            rt_mark(&state->topics[i].topic->actor.actor, RT_MARK(PARTITION_MARK_METADATA));
        }
    }
    return LEARNED_CHANGES;
}
