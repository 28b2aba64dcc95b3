/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which partition a record goes to: the one it names, the caller's choice, the hash of its key as
 * the Java client computes it, or a sticky one that changes with the bytes written (KIP-480,
 * KIP-794) and avoids brokers whose share of memory is full (share/share.h).
 */
#include "actors/input/input.h"
#include "actors/partition/partition_actor.h"
#include "actors/producer/producer.h"
#include "protocol/record.h"

static bool is_full(const struct partition_actor *actor, int32_t index) {
    return share_is_full(&actor->topic->producer->shares, share_map_get(actor->topic, index));
}

/* A random partition: one with a leader whose share of memory is not full, else one with a leader,
 * else any. */
static int32_t draw(struct partition_actor *actor) {
    struct producer *producer = actor->topic->producer;
    uint32_t count = (uint32_t)actor->partition_count;
    uint32_t start = (uint32_t)(rt_random(producer->world) % count);
    int32_t led = -1;
    const struct snapshot_topic *entry =
        snapshot_find(metadata_now(&producer->metadata), actor->topic);
    for (uint32_t i = 0; entry != NULL && i < count; i++) {
        int32_t index = (int32_t)((start + i) % count);
        if (index >= entry->partition_count || entry->partitions[index].leader == NULL) {
            continue;
        }
        if (!is_full(actor, index)) {
            return index;
        }
        led = led < 0 ? index : led;
    }
    return led < 0 ? (int32_t)start : led;
}

/* The sticky partition's broker takes no more, and another does. */
static bool should_leave(const struct partition_actor *actor) {
    return share_any_full(&actor->topic->producer->shares) &&
           is_full(actor, actor->sticky.partition);
}

static int32_t choose_sticky(struct partition_actor *actor, uint32_t bytes) {
    struct sticky *sticky = &actor->sticky;
    if (sticky->partition < 0 || sticky->partition >= actor->partition_count ||
        sticky->bytes >= actor->topic->producer->config->sticky_bytes || should_leave(actor)) {
        sticky->partition = draw(actor);
        sticky->bytes = 0;
    }
    sticky->bytes += bytes;
    return sticky->partition;
}

static int32_t choose_custom(struct partition_actor *actor, const uint8_t *body,
                             uint32_t body_size) {
    struct kafka_reader reader = kafka_reader_of(body, body_size);
    int32_t key_size = kafka_read_varint(&reader);
    const void *key = key_size < 0 ? NULL : kafka_read_raw(&reader, (size_t)key_size);
    int32_t value_size = kafka_read_varint(&reader);
    const void *value = value_size < 0 ? NULL : kafka_read_raw(&reader, (size_t)value_size);
    struct rt_world *world = actor->topic->producer->world;
    rt_user_code(world, true);
    int32_t index = actor->partitioner(key, key_size < 0 ? 0 : (size_t)key_size, value,
                                       value_size < 0 ? 0 : (size_t)value_size,
                                       actor->partition_count, actor->partitioner_context);
    rt_user_code(world, false);
    return index;
}

int32_t partition_choose(struct partition_actor *actor, const struct input_entry *entry,
                         const uint8_t *body, sluice_code *error) {
    if ((entry->flags & INPUT_PARTITION) != 0) {
        if (entry->partition < 0 || entry->partition >= actor->partition_count) {
            *error = SLUICE_INVALID_PARTITION;
            return -1;
        }
        return entry->partition;
    }
    if (actor->partitioner != NULL) {
        int32_t index = choose_custom(actor, body, entry->body_size);
        if (index < 0 || index >= actor->partition_count) {
            *error = SLUICE_PARTITIONER_REFUSED;
            return -1;
        }
        return index;
    }
    const struct sluice_config *config = actor->topic->producer->config;
    if ((entry->flags & INPUT_KEYED) != 0 && !config->partitioner_ignore_keys) {
        return partition_of_hash(entry->key_hash, actor->partition_count);
    }
    return choose_sticky(actor, entry->body_size);
}
