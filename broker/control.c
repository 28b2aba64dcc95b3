/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a cluster can be told and asked. Runs inside the actor, or while it stands still. */
#include "broker/read.h"
#include "broker/server.h"

/* Whatever was changed, the actor looks again. */
static sluice_code told(struct broker_cluster *cluster, sluice_code code) {
    cluster->model.changes++;
    rt_mark(&cluster->actor, BROKER_MARK_CONTROL);
    return code;
}

static struct broker_topic *topic_of(struct broker_cluster *cluster, const char *topic) {
    return broker_topics_by_name(&cluster->model.topics, kafka_text_of(topic));
}

static struct broker_partition *partition_of(struct broker_cluster *cluster, const char *topic,
                                             int32_t partition) {
    return broker_topic_partition(topic_of(cluster, topic), partition);
}

uint16_t broker_cluster_port(const struct broker_cluster *cluster, int32_t node) {
    return node < 1 || (uint32_t)node > cluster->model.node_count
               ? 0
               : cluster->model.nodes[node - 1].port;
}

int broker_cluster_listen_error(const struct broker_cluster *cluster, int32_t node) {
    return node < 1 || (uint32_t)node > cluster->model.node_count ? 0
                                                                  : cluster->sites[node - 1].error;
}

/* ---- topics ---------------------------------------------------------------------------------- */

sluice_code broker_cluster_topic_create(struct broker_cluster *cluster, const char *topic,
                                        uint32_t partition_count) {
    struct broker_topic *added;
    return told(cluster, broker_model_topic_create(&cluster->model, kafka_text_of(topic),
                                                   partition_count, &added));
}

sluice_code broker_cluster_topic_delete(struct broker_cluster *cluster, const char *topic) {
    struct broker_topic *found = topic_of(cluster, topic);
    if (found == NULL) {
        return SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    broker_topics_remove(&cluster->model.topics, found);
    return told(cluster, SLUICE_OK);
}

sluice_code broker_cluster_topic_grow(struct broker_cluster *cluster, const char *topic,
                                      uint32_t partition_count) {
    struct broker_topic *found = topic_of(cluster, topic);
    return found == NULL
               ? SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION
               : told(cluster, broker_model_topic_grow(&cluster->model, found, partition_count));
}

sluice_code broker_cluster_topic_limit(struct broker_cluster *cluster, const char *topic,
                                       uint32_t message_bytes_max) {
    struct broker_topic *found = topic_of(cluster, topic);
    if (found == NULL) {
        return SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    found->message_bytes_max = message_bytes_max;
    return SLUICE_OK;
}

sluice_code broker_cluster_topic_keys(struct broker_cluster *cluster, const char *topic,
                                      bool required) {
    struct broker_topic *found = topic_of(cluster, topic);
    if (found == NULL) {
        return SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    found->keys_required = required;
    return SLUICE_OK;
}

uint32_t broker_cluster_partition_count(struct broker_cluster *cluster, const char *topic) {
    const struct broker_topic *found = topic_of(cluster, topic);
    return found == NULL ? 0 : found->partition_count;
}

int64_t broker_cluster_high_watermark(struct broker_cluster *cluster, const char *topic,
                                      int32_t partition) {
    const struct broker_partition *found = partition_of(cluster, topic, partition);
    return found == NULL ? -1 : found->log.next_offset;
}

int64_t broker_cluster_records(struct broker_cluster *cluster, const char *topic,
                               int32_t partition) {
    struct broker_topic *found = topic_of(cluster, topic);
    int64_t records = 0;
    for (uint32_t i = 0; found != NULL && i < found->partition_count; i++) {
        if (partition < 0 || (uint32_t)partition == i) {
            records += found->partitions[i].log.next_offset;
        }
    }
    return records;
}

int64_t broker_cluster_read(struct broker_cluster *cluster, const char *topic, int32_t partition,
                            int64_t offset, sluice_broker_record_callback callback, void *context) {
    const struct broker_partition *found = partition_of(cluster, topic, partition);
    struct broker_excerpt *excerpt =
        found == NULL ? NULL : broker_excerpt_take(&found->log, offset);
    return excerpt == NULL ? -1 : broker_excerpt_read(excerpt, offset, callback, context);
}

/* ---- leaders and nodes ----------------------------------------------------------------------- */

int32_t broker_cluster_leader(struct broker_cluster *cluster, const char *topic,
                              int32_t partition) {
    const struct broker_partition *found = partition_of(cluster, topic, partition);
    return found == NULL ? 0 : found->leader;
}

int32_t broker_cluster_leader_epoch(struct broker_cluster *cluster, const char *topic,
                                    int32_t partition) {
    const struct broker_partition *found = partition_of(cluster, topic, partition);
    return found == NULL ? -1 : found->leader_epoch;
}

sluice_code broker_cluster_leader_move(struct broker_cluster *cluster, const char *topic,
                                       int32_t partition, int32_t node) {
    struct broker_partition *found = partition_of(cluster, topic, partition);
    if (found == NULL) {
        return SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    const struct broker_node *leader = broker_model_node(&cluster->model, node);
    if (node != 0 && (leader == NULL || !leader->up)) {
        return SLUICE_INVALID_ARGUMENT;
    }
    broker_model_leader_move(&cluster->model, found, node);
    return told(cluster, SLUICE_OK);
}

int64_t broker_cluster_replicated(struct broker_cluster *cluster, const char *topic,
                                  int32_t partition) {
    const struct broker_partition *found = partition_of(cluster, topic, partition);
    return found == NULL ? -1 : found->replicated;
}

sluice_code broker_cluster_elect(struct broker_cluster *cluster, const char *topic,
                                 int32_t partition, int32_t node) {
    struct broker_partition *found = partition_of(cluster, topic, partition);
    const struct broker_node *leader = broker_model_node(&cluster->model, node);
    if (found == NULL) {
        return SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (leader == NULL || !leader->up) {
        return SLUICE_INVALID_ARGUMENT;
    }
    bool elected = broker_model_elect(&cluster->model, found, node);
    return told(cluster, elected ? SLUICE_OK : SLUICE_NO_MEMORY);
}

sluice_code broker_cluster_stale(struct broker_cluster *cluster, int32_t node, bool stale) {
    struct broker_node *found = broker_model_node(&cluster->model, node);
    if (found == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    found->stale = stale;
    return told(cluster, SLUICE_OK);
}

sluice_code broker_cluster_kill(struct broker_cluster *cluster, int32_t node) {
    struct broker_node *found = broker_model_node(&cluster->model, node);
    if (found == NULL || !found->up) {
        return SLUICE_INVALID_ARGUMENT;
    }
    broker_model_kill(&cluster->model, found);
    return told(cluster, SLUICE_OK);
}

sluice_code broker_cluster_restart(struct broker_cluster *cluster, int32_t node,
                                   sluice_broker_keep keep) {
    struct broker_node *found = broker_model_node(&cluster->model, node);
    if (found == NULL || found->up) {
        return SLUICE_INVALID_ARGUMENT;
    }
    broker_model_restart(&cluster->model, found, keep);
    return told(cluster, SLUICE_OK);
}

sluice_code broker_cluster_stall(struct broker_cluster *cluster, int32_t node, bool stall) {
    struct broker_node *found = broker_model_node(&cluster->model, node);
    if (found == NULL || !found->up) {
        return SLUICE_INVALID_ARGUMENT;
    }
    found->stalled = stall;
    cluster->model.nodes_changed = true;
    return told(cluster, SLUICE_OK);
}

sluice_code broker_cluster_refuse(struct broker_cluster *cluster, int32_t node, bool refuse) {
    struct broker_node *found = broker_model_node(&cluster->model, node);
    if (found == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    found->refusing = refuse;
    cluster->model.nodes_changed = true;
    return told(cluster, SLUICE_OK);
}

sluice_code broker_cluster_cut(struct broker_cluster *cluster, int32_t node) {
    struct broker_node *found = broker_model_node(&cluster->model, node);
    if (found == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    found->cut = true;
    cluster->model.nodes_changed = true;
    return told(cluster, SLUICE_OK);
}

/* ---- faults and counters --------------------------------------------------------------------- */

uint64_t broker_cluster_fault_add(struct broker_cluster *cluster,
                                  const sluice_broker_fault *fault) {
    return broker_faults_add(&cluster->model.faults, fault);
}

bool broker_cluster_fault_remove(struct broker_cluster *cluster, uint64_t fault) {
    bool removed = broker_faults_remove(&cluster->model.faults, fault);
    (void)told(cluster, SLUICE_OK);
    return removed;
}

void broker_cluster_fault_remove_all(struct broker_cluster *cluster) {
    broker_faults_clear(&cluster->model.faults);
    (void)told(cluster, SLUICE_OK);
}

bool broker_cluster_fault_hits(struct broker_cluster *cluster, uint64_t fault, uint64_t *hits) {
    const struct broker_fault *found = broker_faults_find(&cluster->model.faults, fault);
    *hits = found == NULL ? 0 : found->hits;
    return found != NULL;
}

static void counters_add(sluice_broker_counters *sum, const sluice_broker_counters *counters) {
    for (int i = 0; i < SLUICE_BROKER_APIS; i++) {
        sum->requests[i] += counters->requests[i];
    }
    sum->requests_bad += counters->requests_bad;
    sum->connections += counters->connections;
    sum->connections_open += counters->connections_open;
    sum->batches += counters->batches;
    sum->batches_refused += counters->batches_refused;
    sum->batches_damaged += counters->batches_damaged;
    sum->duplicates += counters->duplicates;
    sum->records += counters->records;
    sum->batch_bytes += counters->batch_bytes;
    sum->bytes_in += counters->bytes_in;
    sum->bytes_out += counters->bytes_out;
    sum->faults += counters->faults;
}

void broker_cluster_count_all(struct broker_cluster *cluster, int32_t node,
                              sluice_broker_counters *counters) {
    *counters = (sluice_broker_counters){0};
    for (uint32_t i = 0; i < cluster->model.node_count; i++) {
        if (node < 0 || (uint32_t)node == i + 1) {
            counters_add(counters, &cluster->model.nodes[i].counters);
        }
    }
}
