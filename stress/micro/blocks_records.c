/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the pipeline does with a record, and once a batch: encoding, appending, hashing, checksum,
 * and the look into the published metadata. */
#include <stdlib.h>
#include <string.h>

#include "actors/batch/batch.h"
#include "actors/metadata/metadata.h"
#include "actors/topic/topic.h"
#include "blocks.h"
#include "protocol/crc32c.h"
#include "protocol/murmur2.h"

enum {
    VALUE_BYTES = 100,
    BATCH_BYTES = 16384,
    SLOTS = 256,
    KEYS = 64,
    KEY_BYTES_MAX = 128,
    TOPICS = 64,
    PARTITIONS = 16
};

/* ---- encoding and appending ------------------------------------------------------------------ */

static size_t encode(uint8_t *out, const uint8_t *value) {
    return (size_t)(kafka_record_body_put(out, NULL, KAFKA_RECORD_NULL, value, VALUE_BYTES, 0) -
                    out);
}

double block_encode(uint64_t count) {
    uint8_t *lane = block_memory(BATCH_BYTES);
    uint8_t *value = block_memory(VALUE_BYTES);
    size_t used = 0;
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 0; i < count; i++) {
        used = used + VALUE_BYTES * 2 > BATCH_BYTES ? 0 : used;
        used += encode(lane + used, value);
        block_keep(used);
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    free(lane);
    free(value);
    return (double)spent_ns / (double)count;
}

/* The batch's own fields as batch_create leaves them. */
static void reopen(struct batch *batch) {
    batch->first->used = 0;
    batch_resume(batch);
    batch->slot_next = batch->slots_first->slots;
    batch->slots_left = SLOTS;
    batch->records = 0;
    batch->raw_bytes = 0;
    batch->charge = 0;
}

double block_append(uint64_t count) {
    struct batch *batch = block_memory(sizeof *batch);
    batch->first = batch->last = block_memory(sizeof(struct chunk) + BATCH_BYTES);
    batch->first->capacity = BATCH_BYTES;
    batch->slots_first = block_memory(sizeof(struct slot_block) + SLOTS * sizeof(struct slot));
    batch->slots_last = batch->slots_first;
    batch->slots_first->capacity = SLOTS;
    batch->bytes_max = BATCH_BYTES;
    reopen(batch);
    uint8_t *value = block_memory(VALUE_BYTES);
    uint8_t body[VALUE_BYTES * 2];
    uint32_t body_size = (uint32_t)encode(body, value);
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 0; i < count; i++) {
        if (!batch_append_plain(batch, body, body_size, (int64_t)(i / 1000), body)) {
            reopen(batch);
        }
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    free(batch->first);
    free(batch->slots_first);
    free(batch);
    free(value);
    return (double)spent_ns / (double)count;
}

/* ---- checksum and hash ----------------------------------------------------------------------- */

/* Per KiB, in pieces of `size`. */
static double checksum(uint64_t kib, size_t size) {
    uint8_t *data = block_memory(size);
    memset(data, 0x5a, size);
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 0; i < kib * 1024 / size; i++) {
        block_keep(kafka_crc32c((uint32_t)i, data, size));
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    free(data);
    return (double)spent_ns / (double)kib;
}

double block_crc32c_small(uint64_t count) {
    return checksum(count, 1024);
}

double block_crc32c_large(uint64_t count) {
    return checksum(count, BATCH_BYTES);
}

static double hash(uint64_t count, size_t size) {
    uint8_t *keys = block_memory(KEYS * KEY_BYTES_MAX);
    for (size_t i = 0; i < KEYS * KEY_BYTES_MAX; i++) {
        keys[i] = (uint8_t)(i * 7);
    }
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 0; i < count; i++) {
        block_keep(kafka_murmur2(keys + i % KEYS * KEY_BYTES_MAX, size));
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    free(keys);
    return (double)spent_ns / (double)count;
}

double block_murmur2_short(uint64_t count) {
    return hash(count, 8);
}

double block_murmur2_long(uint64_t count) {
    return hash(count, 100);
}

/* ---- metadata -------------------------------------------------------------------------------- */

struct cluster {
    struct metadata metadata;
    struct snapshot snapshot;
    struct snapshot_topic entries[TOPICS];
    struct snapshot_partition partitions[TOPICS][PARTITIONS];
    struct topic *topics;
};

static struct cluster *cluster_make(void) {
    struct cluster *cluster = block_memory(sizeof *cluster);
    cluster->topics = block_memory(TOPICS * sizeof *cluster->topics);
    cluster->snapshot.topic_count = TOPICS;
    cluster->snapshot.topics = cluster->entries;
    for (uint32_t i = 0; i < TOPICS; i++) {
        cluster->topics[i].index = i;
        cluster->entries[i] = (struct snapshot_topic){.topic = &cluster->topics[i],
                                                      .partition_count = PARTITIONS,
                                                      .partitions = cluster->partitions[i]};
    }
    atomic_store(&cluster->metadata.published.current, &cluster->snapshot);
    return cluster;
}

/* As a leader actor looks for its broker: the snapshot, the topic's entry, the partition. */
double block_metadata(uint64_t count) {
    struct cluster *cluster = cluster_make();
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 0; i < count; i++) {
        const struct topic *topic = &cluster->topics[i * 29 % TOPICS];
        const struct snapshot_topic *entry = snapshot_find(metadata_now(&cluster->metadata), topic);
        if (entry == NULL) {
            abort();
        }
        block_keep((uintptr_t)entry->partitions[i % PARTITIONS].leader);
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    free(cluster->topics);
    free(cluster);
    return (double)spent_ns / (double)count;
}
