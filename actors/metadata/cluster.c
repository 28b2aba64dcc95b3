/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sluice_cluster_fetch: the application's end of a fetch. It posts, waits through the world, and
 * makes the public structure out of the answer's bytes on its own thread.
 *
 * The result may outlive the producer and its world: its memory is taken as a configuration's is.
 *   [ sluice_cluster | brokers | topics | partitions of all topics | names ]
 */
#include "actors/metadata/fetch.h"

#include <string.h>

#include "actors/config/option.h"
#include "actors/producer/api.h"
#include "protocol/metadata.h"
#include "runtime/assert.h"

/* ---- the public structure -------------------------------------------------------------------- */

struct making {
    sluice_cluster *cluster;
    sluice_cluster_broker *brokers;
    sluice_cluster_topic *topics;
    sluice_cluster_partition *partitions; /* the first that no topic has */
    char *text;                           /* the first byte that no name has */
};

static size_t text_bytes(struct kafka_text text) {
    return text.data == NULL ? 0 : text.size + 1;
}

/* NUL-terminated; NULL for null. */
static const char *text_put(struct making *making, struct kafka_text text) {
    char *start = making->text;
    if (text.data == NULL) {
        return NULL;
    }
    memcpy(start, text.data, text.size);
    start[text.size] = '\0';
    making->text += text.size + 1;
    return start;
}

/* One zeroed block for all that the answer tells. False when memory is short. */
static bool making_begin(struct making *making, struct kafka_metadata_response answer) {
    struct kafka_metadata_broker broker;
    struct kafka_metadata_topic topic;
    size_t partitions = 0;
    size_t text = text_bytes(answer.cluster_id);
    size_t brokers_at = sizeof(sluice_cluster);
    size_t topics_at = brokers_at + answer.broker_count * sizeof(sluice_cluster_broker);
    size_t partitions_at = topics_at + answer.topic_count * sizeof(sluice_cluster_topic);
    while (kafka_metadata_response_next_broker(&answer, &broker)) {
        text += text_bytes(broker.host);
    }
    while (kafka_metadata_response_next_topic(&answer, &topic)) {
        text += text_bytes(topic.name);
        partitions += topic.partition_count;
    }
    size_t text_at = partitions_at + partitions * sizeof(sluice_cluster_partition);
    char *memory = sluice_config_memory_acquire(text_at + text);
    if (memory == NULL) {
        return false;
    }
    *making =
        (struct making){.cluster = (sluice_cluster *)(void *)memory,
                        .brokers = (sluice_cluster_broker *)(void *)(memory + brokers_at),
                        .topics = (sluice_cluster_topic *)(void *)(memory + topics_at),
                        .partitions = (sluice_cluster_partition *)(void *)(memory + partitions_at),
                        .text = memory + text_at};
    return true;
}

/* Shell's sort: brokers send partitions nearly in order, and one that does not costs little. */
static void partitions_sort(sluice_cluster_partition *partitions, uint32_t count) {
    for (uint32_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint32_t i = gap; i < count; i++) {
            sluice_cluster_partition moved = partitions[i];
            uint32_t at = i;
            for (; at >= gap && partitions[at - gap].id > moved.id; at -= gap) {
                partitions[at] = partitions[at - gap];
            }
            partitions[at] = moved;
        }
    }
}

static void topic_make(struct making *making, sluice_cluster_topic *made,
                       struct kafka_metadata_topic *topic) {
    struct kafka_metadata_partition partition;
    sluice_cluster_partition *partitions = making->partitions;
    uint32_t count = 0;
    made->name = text_put(making, topic->name);
    memcpy(made->id, topic->id.bytes, sizeof made->id);
    made->error = (sluice_code)topic->error_code;
    while (kafka_metadata_topic_next(topic, &partition)) {
        partitions[count++] =
            (sluice_cluster_partition){.id = partition.index,
                                       .leader = partition.leader_id,
                                       .leader_epoch = partition.leader_epoch,
                                       .error = (sluice_code)partition.error_code};
    }
    partitions_sort(partitions, count);
    made->partition_count = (int32_t)count;
    made->partitions = partitions;
    making->partitions += count;
}

static sluice_cluster *cluster_make(struct kafka_metadata_response *answer) {
    struct making making;
    struct kafka_metadata_broker broker;
    struct kafka_metadata_topic topic;
    if (!making_begin(&making, *answer)) {
        return NULL;
    }
    sluice_cluster *cluster = making.cluster;
    cluster->cluster_id = text_put(&making, answer->cluster_id);
    cluster->controller = answer->controller_id;
    cluster->brokers = making.brokers;
    cluster->topics = making.topics;
    while (kafka_metadata_response_next_broker(answer, &broker)) {
        making.brokers[cluster->broker_count++] =
            (sluice_cluster_broker){.id = broker.node_id,
                                    .host = text_put(&making, broker.host),
                                    .port = (uint16_t)broker.port};
    }
    while (kafka_metadata_response_next_topic(answer, &topic)) {
        topic_make(&making, &making.topics[cluster->topic_count++], &topic);
    }
    return cluster;
}

void sluice_cluster_free(sluice_cluster *cluster) {
    sluice_config_memory_release(cluster);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct metadata_fetch *fetch_create(struct rt_world *world, const char *topic) {
    struct metadata_fetch *fetch = rt_acquire(world, sizeof *fetch);
    if (fetch != NULL) {
        *fetch = (struct metadata_fetch){.world = world, .references = 2, .every = topic == NULL};
        if (topic != NULL) {
            fetch->topic_size = (uint16_t)strlen(topic);
            memcpy(fetch->topic, topic, fetch->topic_size);
        }
    }
    return fetch;
}

/* False: the metadata actor ends. */
static bool fetch_post(struct metadata *metadata, struct metadata_fetch *fetch) {
    /* Sequentially consistent with `closing` in metadata.c: one sees the other. */
    atomic_fetch_add(&metadata->entering, 1);
    bool open = atomic_load(&metadata->closing) == 0;
    if (open) {
        rt_lane_unbounded_push(&metadata->fetches, &fetch->node);
        rt_notify(&metadata->actor);
    }
    atomic_fetch_sub(&metadata->entering, 1);
    return open;
}

/* False: the time is up. */
static bool fetch_wait(struct producer *producer, struct metadata_fetch *fetch,
                       int64_t timeout_ms) {
    struct rt_world *world = fetch->world;
    uint64_t deadline_ns = deadline_after(producer, timeout_ms);
    /* Acquire: pairs with fetch_done. */
    while (atomic_load_explicit(&fetch->done, memory_order_acquire) == 0) {
        if (!rt_wait(world, &fetch->done, 0, deadline_ns)) {
            return atomic_load_explicit(&fetch->done, memory_order_acquire) != 0;
        }
    }
    return true;
}

static sluice_code timed_out(const struct producer *producer, int64_t timeout_ms,
                             sluice_error *error) {
    sluice_code trouble = metadata_trouble(&producer->metadata);
    if (trouble == SLUICE_OK) {
        return sluice_error_set(error, SLUICE_TIMED_OUT, "no answer within %lld ms from %.120s",
                                (long long)timeout_ms, producer->config->bootstrap_servers);
    }
    return sluice_error_set(error, trouble, "no answer within %lld ms from %.80s: %.120s",
                            (long long)timeout_ms, producer->config->bootstrap_servers,
                            sluice_code_text(trouble));
}

static sluice_cluster *fetch_result(const struct producer *producer, struct metadata_fetch *fetch,
                                    sluice_error *error) {
    struct kafka_metadata_response answer;
    struct kafka_reader body = kafka_reader_of(fetch->answer, fetch->answer_size);
    if (fetch->error != SLUICE_OK) {
        sluice_error_set(error, fetch->error, "nobody answers at %.120s: %.120s",
                         producer->config->bootstrap_servers, sluice_code_text(fetch->error));
        return NULL;
    }
    bool readable = kafka_metadata_response_open(&answer, &body, fetch->version);
    RT_ASSERT(readable); /* it was read before it was handed over */
    sluice_cluster *cluster = cluster_make(&answer);
    if (cluster == NULL) {
        sluice_error_code(error, SLUICE_NO_MEMORY);
    }
    return cluster;
}

static sluice_code fetch_allowed(struct producer *producer, const char *topic,
                                 sluice_error *error) {
    if (producer == NULL) {
        return sluice_error_code(error, SLUICE_INVALID_ARGUMENT);
    }
    if (rt_forked(producer->world)) {
        return sluice_error_code(error, SLUICE_FORKED);
    }
    if (atomic_load_explicit(&producer->closed, memory_order_acquire) != 0) {
        return sluice_error_code(error, SLUICE_CLOSED);
    }
    if (in_callback(producer)) {
        return sluice_error_code(error, SLUICE_IN_CALLBACK);
    }
    return topic == NULL ? SLUICE_OK : topic_name_check(topic, error);
}

sluice_cluster *sluice_cluster_fetch(sluice_producer *handle, const char *topic, int64_t timeout_ms,
                                     sluice_error *error) {
    struct producer *producer = (struct producer *)(void *)handle;
    sluice_cluster *cluster = NULL;
    if (fetch_allowed(producer, topic, error) != SLUICE_OK) {
        return NULL;
    }
    struct metadata_fetch *fetch = fetch_create(producer->world, topic);
    if (fetch == NULL) {
        sluice_error_code(error, SLUICE_NO_MEMORY);
        return NULL;
    }
    if (!fetch_post(&producer->metadata, fetch)) {
        sluice_error_code(error, SLUICE_CLOSED);
        metadata_fetch_release(fetch); /* the actor's, who never got it */
    } else if (fetch_wait(producer, fetch, timeout_ms)) {
        cluster = fetch_result(producer, fetch, error);
    } else {
        timed_out(producer, timeout_ms, error);
        atomic_store_explicit(&fetch->abandoned, 1, memory_order_relaxed);
    }
    metadata_fetch_release(fetch);
    return cluster;
}
