/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which node leads which partition, and how that changes as topics are made and nodes die. */
#include "broker/model.h"

static bool model_node_lives(struct broker_model *model, int32_t id) {
    const struct broker_node *node = broker_model_node(model, id);
    return node != NULL && node->up;
}

/* The next living replica after `node` in the ring, or 0. */
static int32_t partition_next_leader(struct broker_model *model,
                                     const struct broker_partition *partition, int32_t node) {
    uint32_t replica_count = model->options.replica_count;
    uint32_t start = 0;
    for (uint32_t i = 0; i < replica_count; i++) {
        if (broker_model_ring(model, partition->first_replica - 1 + (int64_t)i) == node) {
            start = i + 1;
        }
    }
    for (uint32_t i = 0; i < replica_count; i++) {
        int64_t index = partition->first_replica - 1 + (int64_t)((start + i) % replica_count);
        int32_t replica = broker_model_ring(model, index);
        if (replica != node && model_node_lives(model, replica)) {
            return replica;
        }
    }
    return 0;
}

static bool partition_has_replica(struct broker_model *model,
                                  const struct broker_partition *partition, int32_t node) {
    for (uint32_t i = 0; i < model->options.replica_count; i++) {
        if (broker_model_ring(model, partition->first_replica - 1 + (int64_t)i) == node) {
            return true;
        }
    }
    return false;
}

void broker_model_leader_move(struct broker_model *model, struct broker_partition *partition,
                              int32_t node) {
    if (node != 0 && !partition_has_replica(model, partition, node)) {
        partition->first_replica = node;
    }
    partition->told_leader = partition->leader;
    partition->told_epoch = partition->leader_epoch;
    partition->leader = node;
    partition->leader_epoch++;
    model->changes++;
}

void broker_model_leader_pass(struct broker_model *model, struct broker_partition *partition) {
    int32_t next = partition_next_leader(model, partition, partition->leader);
    if (next != 0) {
        broker_model_leader_move(model, partition, next);
    }
}

/* Partition p of a topic prefers node `first + p`, and the next one that lives. */
static void partition_place(struct broker_model *model, struct broker_partition *partition,
                            int64_t place) {
    partition->first_replica = broker_model_ring(model, place);
    partition->leader = partition->first_replica;
    if (!model_node_lives(model, partition->leader)) {
        partition->leader = partition_next_leader(model, partition, partition->leader);
    }
}

sluice_code broker_model_topic_create(struct broker_model *model, struct kafka_text name,
                                      uint32_t partition_count, struct broker_topic **topic) {
    *topic = NULL;
    if (!broker_topic_name_is_allowed(name)) {
        return SLUICE_BROKER_INVALID_TOPIC_EXCEPTION;
    }
    if (broker_topics_by_name(&model->topics, name) != NULL) {
        return SLUICE_BROKER_TOPIC_ALREADY_EXISTS;
    }
    if (partition_count == 0 || partition_count > BROKER_PARTITIONS_MAX) {
        return SLUICE_BROKER_INVALID_PARTITIONS;
    }
    struct broker_topic *added = broker_topics_add(&model->topics, name);
    if (added == NULL) {
        return SLUICE_NO_MEMORY;
    }
    if (!broker_topic_grow(added, partition_count)) {
        broker_topics_remove(&model->topics, added);
        return SLUICE_NO_MEMORY;
    }
    for (uint32_t i = 0; i < partition_count; i++) {
        partition_place(model, &added->partitions[i], (int64_t)model->next_leader + i);
    }
    model->next_leader = (int32_t)((uint32_t)(model->next_leader + 1) % model->node_count);
    model->changes++;
    *topic = added;
    return SLUICE_OK;
}

sluice_code broker_model_topic_grow(struct broker_model *model, struct broker_topic *topic,
                                    uint32_t partition_count) {
    uint32_t before = topic->partition_count;
    if (partition_count <= before || partition_count > BROKER_PARTITIONS_MAX) {
        return SLUICE_BROKER_INVALID_PARTITIONS;
    }
    if (!broker_topic_grow(topic, partition_count)) {
        return SLUICE_NO_MEMORY;
    }
    int64_t place = topic->partitions[0].first_replica - 1;
    for (uint32_t i = before; i < partition_count; i++) {
        partition_place(model, &topic->partitions[i], place + i);
    }
    return SLUICE_OK;
}

typedef void partition_visit(struct broker_model *model, struct broker_partition *partition,
                             int32_t node);

static void model_each_partition(struct broker_model *model, partition_visit *visit, int32_t node) {
    for (uint32_t t = 0; t < model->topics.slot_count; t++) {
        struct broker_topic *topic = model->topics.slots[t];
        for (uint32_t p = 0; topic != NULL && p < topic->partition_count; p++) {
            visit(model, &topic->partitions[p], node);
        }
    }
}

static void partition_leave(struct broker_model *model, struct broker_partition *partition,
                            int32_t node) {
    if (partition->leader == node) {
        broker_model_leader_move(model, partition, partition_next_leader(model, partition, node));
    }
}

void broker_model_kill(struct broker_model *model, struct broker_node *node) {
    node->up = false;
    node->stalled = false;
    node->cut = true;
    model->nodes_changed = true;
    model_each_partition(model, partition_leave, node->id);
}

static void partition_return(struct broker_model *model, struct broker_partition *partition,
                             int32_t node) {
    if (partition->leader == 0 && partition_has_replica(model, partition, node)) {
        broker_model_leader_move(model, partition, node);
    }
}

void broker_model_restart(struct broker_model *model, struct broker_node *node,
                          sluice_broker_keep keep) {
    if (keep == SLUICE_BROKER_KEEP_NONE) {
        node->horizon.nothing_before = model->appends;
    } else if (keep == SLUICE_BROKER_KEEP_LAST) {
        node->horizon.last_before = model->appends;
    }
    node->up = true;
    model->nodes_changed = true;
    model_each_partition(model, partition_return, node->id);
}
