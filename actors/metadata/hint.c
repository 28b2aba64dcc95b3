/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leader hints: a broker that refuses a batch may tell who leads the partition now (KIP-951). A
 * hint with a newer leader epoch than is known is published at once, all that wait together; others
 * are dropped. Who needs more than a hint can tell gets it by a refresh.
 */
#include "actors/metadata/state.h"

#include "actors/producer/producer.h"
#include "runtime/mutant.h"

static struct metadata_hint *hints_take(struct metadata *metadata, uint32_t *count) {
    struct metadata_hint *first = NULL;
    struct metadata_hint **end = &first;
    struct rt_node *node;
    *count = 0;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&metadata->hints, &node)) == RT_TAKEN) {
        struct metadata_hint *hint = caa_container_of(node, struct metadata_hint, node);
        hint->next = NULL;
        *end = hint;
        end = &hint->next;
        (*count)++;
    }
    if (take == RT_BUSY) {
        rt_notify(&metadata->actor);
    }
    return first;
}

/* False when it cannot be followed: ask for metadata. */
static bool hint_apply(struct draft *draft, const struct metadata_hint *hint) {
    const struct snapshot_topic *topic = snapshot_find(draft->next, hint->topic);
    if (topic == NULL || hint->index < 0 || hint->index >= topic->partition_count ||
        !(kafka_uuid_equal(topic->id, hint->id) || RT_MUTANT(hint_of_another_topic))) {
        return false;
    }
    struct snapshot_partition *partition = &topic->partitions[hint->index];
    if (hint->leader_epoch <= partition->leader_epoch) {
        return true;
    }
    if (hint->host[0] != '\0' && hint->port != 0 &&
        !draft_broker(draft, hint->leader, hint->host, hint->port)) {
        return false;
    }
    struct broker *leader = draft_find(draft, hint->leader);
    if (leader == NULL) {
        return false;
    }
    *partition = (struct snapshot_partition){leader, hint->leader_epoch, SLUICE_OK};
    return true;
}

/* A draft of what is published. */
static bool copy_begin(struct draft *draft, struct metadata *metadata, uint32_t more_brokers) {
    const struct snapshot *old = metadata->state->snapshot;
    uint64_t partitions = 0;
    for (uint32_t i = 0; i < old->topic_count; i++) {
        partitions += (uint32_t)old->topics[i].partition_count;
    }
    if (!draft_begin(draft, metadata, old->broker_count + more_brokers, partitions)) {
        return false;
    }
    for (uint32_t i = 0; i < old->broker_count; i++) {
        const struct broker *broker = old->brokers[i];
        draft_broker(draft, broker->node, broker->host, broker->port);
    }
    draft_keep_rest(draft);
    return true;
}

void hints_learn(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct draft draft;
    uint32_t count;
    struct metadata_hint *hint = hints_take(metadata, &count);
    if (hint == NULL) {
        return;
    }
    bool drafted = state->snapshot != NULL && copy_begin(&draft, metadata, count);
    bool followed = drafted;
    while (hint != NULL) {
        struct metadata_hint *next = hint->next;
        followed = drafted && hint_apply(&draft, hint) && followed;
        rt_release(metadata->producer->world, hint, sizeof *hint);
        hint = next;
    }
    if (drafted) {
        draft_publish(&draft);
        metadata_wake(metadata);
    }
    if (!followed) {
        ask_refresh(metadata, turn);
    }
}
