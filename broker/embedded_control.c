/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public controls: each is a task that does inside the actor what its name says. */
#include "broker/embedded.h"
#include "broker/read.h"
#include "broker/server.h"

/* ---- topics ---------------------------------------------------------------------------------- */

static void topic_create(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_topic_create(cluster, task->topic, task->number);
}
sluice_code sluice_broker_topic_create(sluice_broker *broker, const char *topic,
                                       uint32_t partition_count) {
    struct broker_task task = {.topic = topic, .number = partition_count};
    broker_task_run(broker, &task, topic_create);
    return task.code;
}

static void topic_delete(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_topic_delete(cluster, task->topic);
}
sluice_code sluice_broker_topic_delete(sluice_broker *broker, const char *topic) {
    struct broker_task task = {.topic = topic};
    broker_task_run(broker, &task, topic_delete);
    return task.code;
}

static void topic_grow(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_topic_grow(cluster, task->topic, task->number);
}
sluice_code sluice_broker_topic_grow(sluice_broker *broker, const char *topic,
                                     uint32_t partition_count) {
    struct broker_task task = {.topic = topic, .number = partition_count};
    broker_task_run(broker, &task, topic_grow);
    return task.code;
}

static void topic_limit(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_topic_limit(cluster, task->topic, task->number);
}
sluice_code sluice_broker_topic_limit(sluice_broker *broker, const char *topic,
                                      uint32_t message_bytes_max) {
    struct broker_task task = {.topic = topic, .number = message_bytes_max};
    broker_task_run(broker, &task, topic_limit);
    return task.code;
}

static void topic_keys(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_topic_keys(cluster, task->topic, task->number != 0);
}
sluice_code sluice_broker_topic_keys(sluice_broker *broker, const char *topic, bool required) {
    struct broker_task task = {.topic = topic, .number = required};
    broker_task_run(broker, &task, topic_keys);
    return task.code;
}

static void partition_count(struct broker_cluster *cluster, struct broker_task *task) {
    task->number = broker_cluster_partition_count(cluster, task->topic);
}
uint32_t sluice_broker_partition_count(sluice_broker *broker, const char *topic) {
    struct broker_task task = {.topic = topic};
    broker_task_run(broker, &task, partition_count);
    return task.number;
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void excerpt_take(struct broker_cluster *cluster, struct broker_task *task) {
    struct broker_topic *topic =
        broker_topics_by_name(&cluster->model.topics, kafka_text_of(task->topic));
    const struct broker_partition *partition = broker_topic_partition(topic, task->partition);
    task->taken = partition == NULL ? NULL : broker_excerpt_take(&partition->log, task->offset);
}
int64_t sluice_broker_read(sluice_broker *broker, const char *topic, int32_t partition,
                           int64_t offset, sluice_broker_record_callback callback, void *context) {
    if (callback == NULL) {
        return -1;
    }
    struct broker_task task = {.topic = topic, .partition = partition, .offset = offset};
    broker_task_run(broker, &task, excerpt_take);
    return task.taken == NULL ? -1 : broker_excerpt_read(task.taken, offset, callback, context);
}

static void high_watermark(struct broker_cluster *cluster, struct broker_task *task) {
    task->result = broker_cluster_high_watermark(cluster, task->topic, task->partition);
}
int64_t sluice_broker_high_watermark(sluice_broker *broker, const char *topic, int32_t partition) {
    struct broker_task task = {.topic = topic, .partition = partition, .result = -1};
    broker_task_run(broker, &task, high_watermark);
    return task.result;
}

static void records_wait(struct broker_cluster *cluster, struct broker_task *task) {
    task->result = broker_cluster_records(cluster, task->topic, task->partition);
    task->flag = task->result >= task->offset;
}
bool sluice_broker_wait_records(sluice_broker *broker, const char *topic, int32_t partition,
                                int64_t records, int64_t timeout_ms) {
    struct broker_task task = {.topic = topic, .partition = partition, .offset = records};
    return broker_task_wait(broker, &task, records_wait, timeout_ms);
}

/* ---- leaders and nodes ----------------------------------------------------------------------- */

static void leader(struct broker_cluster *cluster, struct broker_task *task) {
    task->node = broker_cluster_leader(cluster, task->topic, task->partition);
}
int32_t sluice_broker_leader(sluice_broker *broker, const char *topic, int32_t partition) {
    struct broker_task task = {.topic = topic, .partition = partition};
    broker_task_run(broker, &task, leader);
    return task.node;
}

static void leader_move(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_leader_move(cluster, task->topic, task->partition, task->node);
}
sluice_code sluice_broker_leader_move(sluice_broker *broker, const char *topic, int32_t partition,
                                      int32_t node) {
    struct broker_task task = {.topic = topic, .partition = partition, .node = node};
    broker_task_run(broker, &task, leader_move);
    return task.code;
}

static void node_kill(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_kill(cluster, task->node);
}
sluice_code sluice_broker_kill(sluice_broker *broker, int32_t node) {
    struct broker_task task = {.node = node};
    broker_task_run(broker, &task, node_kill);
    return task.code;
}

static void node_restart(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_restart(cluster, task->node, (sluice_broker_keep)task->number);
    if (task->code != SLUICE_OK) {
        return;
    }
    broker_cluster_follow_nodes(cluster);
    if (broker_cluster_listen_error(cluster, task->node) != 0) {
        (void)broker_cluster_kill(cluster, task->node);
        task->code = SLUICE_NO_RESOURCES;
    }
}
sluice_code sluice_broker_restart(sluice_broker *broker, int32_t node, sluice_broker_keep keep) {
    struct broker_task task = {.node = node, .number = (uint32_t)keep};
    broker_task_run(broker, &task, node_restart);
    return task.code;
}

static void node_stall(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_stall(cluster, task->node, task->flag);
}
sluice_code sluice_broker_stall(sluice_broker *broker, int32_t node) {
    struct broker_task task = {.node = node, .flag = true};
    broker_task_run(broker, &task, node_stall);
    return task.code;
}
sluice_code sluice_broker_resume(sluice_broker *broker, int32_t node) {
    struct broker_task task = {.node = node, .flag = false};
    broker_task_run(broker, &task, node_stall);
    return task.code;
}

static void node_refuse(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_refuse(cluster, task->node, task->flag);
}
sluice_code sluice_broker_refuse(sluice_broker *broker, int32_t node, bool refuse) {
    struct broker_task task = {.node = node, .flag = refuse};
    broker_task_run(broker, &task, node_refuse);
    return task.code;
}

static void node_cut(struct broker_cluster *cluster, struct broker_task *task) {
    task->code = broker_cluster_cut(cluster, task->node);
}
sluice_code sluice_broker_cut(sluice_broker *broker, int32_t node) {
    struct broker_task task = {.node = node};
    broker_task_run(broker, &task, node_cut);
    return task.code;
}

/* ---- faults and counters --------------------------------------------------------------------- */

static void fault_add(struct broker_cluster *cluster, struct broker_task *task) {
    task->id = broker_cluster_fault_add(cluster, task->fault);
}
uint64_t sluice_broker_fault_add(sluice_broker *broker, const sluice_broker_fault *fault) {
    if (fault == NULL) {
        return 0;
    }
    struct broker_task task = {.fault = fault};
    broker_task_run(broker, &task, fault_add);
    return task.id;
}

static void fault_remove(struct broker_cluster *cluster, struct broker_task *task) {
    task->flag = broker_cluster_fault_remove(cluster, task->id);
}
bool sluice_broker_fault_remove(sluice_broker *broker, uint64_t fault) {
    struct broker_task task = {.id = fault};
    broker_task_run(broker, &task, fault_remove);
    return task.flag;
}

static void fault_remove_all(struct broker_cluster *cluster, struct broker_task *task) {
    (void)task;
    broker_cluster_fault_remove_all(cluster);
}
void sluice_broker_fault_remove_all(sluice_broker *broker) {
    struct broker_task task = {.id = 0};
    broker_task_run(broker, &task, fault_remove_all);
}

static void fault_hits(struct broker_cluster *cluster, struct broker_task *task) {
    (void)broker_cluster_fault_hits(cluster, task->id, &task->hits);
}
uint64_t sluice_broker_fault_hits(sluice_broker *broker, uint64_t fault) {
    struct broker_task task = {.id = fault};
    broker_task_run(broker, &task, fault_hits);
    return task.hits;
}

/* Ends also when the fault is gone, which is never a success. */
static void fault_wait(struct broker_cluster *cluster, struct broker_task *task) {
    bool there = broker_cluster_fault_hits(cluster, task->id, &task->hits);
    task->result = there && task->hits >= (uint64_t)task->offset;
    task->flag = !there || task->result != 0;
}
bool sluice_broker_fault_wait(sluice_broker *broker, uint64_t fault, uint64_t hits,
                              int64_t timeout_ms) {
    struct broker_task task = {.id = fault, .offset = (int64_t)hits};
    return broker_task_wait(broker, &task, fault_wait, timeout_ms) && task.result != 0;
}

static void count_all(struct broker_cluster *cluster, struct broker_task *task) {
    broker_cluster_count_all(cluster, task->node, task->counters);
}
void sluice_broker_count_all(sluice_broker *broker, int32_t node,
                             sluice_broker_counters *counters) {
    if (counters == NULL) {
        return;
    }
    *counters = (sluice_broker_counters){.records = 0};
    struct broker_task task = {.node = node, .counters = counters};
    broker_task_run(broker, &task, count_all);
}
