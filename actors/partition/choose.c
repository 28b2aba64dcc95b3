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

void partition_sticky_look(struct partition_actor *actor) {
    if (share_any_full(&actor->topic->producer->shares) &&
        is_full(actor, actor->sticky.partition)) {
        actor->sticky.bytes_left = 0;
    }
}

static int32_t choose_sticky(struct partition_actor *actor, uint32_t bytes) {
    struct sticky *sticky = &actor->sticky;
    if (sticky->bytes_left <= 0) {
        sticky->partition = draw(actor);
        sticky->bytes_left = actor->topic->producer->config->sticky_bytes;
    }
    sticky->bytes_left -= bytes;
    return sticky->partition;
}

/* The body may lie in a chunk of its own. */
static const uint8_t *body_of(const struct input_entry *entry) {
    if ((entry->flags & INPUT_ADOPTED) == 0) {
        return entry->body;
    }
    const struct chunk *adopted;
    memcpy(&adopted, entry->body, sizeof adopted);
    return adopted->data + BATCH_PREFIX_ROOM;
}

static int32_t choose_custom(struct partition_actor *actor, const struct input_entry *entry) {
    struct kafka_reader reader = kafka_reader_of(body_of(entry), entry->body_size);
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

int32_t partition_choose_slowly(struct partition_actor *actor, const struct input_entry *entry,
                                sluice_code *error) {
    if ((entry->flags & INPUT_PARTITION) != 0) {
        if (entry->partition >= actor->partition_count) {
            metadata_refresh(&actor->topic->producer->metadata); /* it may have been added */
            *error = SLUICE_INVALID_PARTITION;
            return -1;
        }
        return entry->partition;
    }
    if (actor->choosing == CHOOSING_CUSTOM) {
        int32_t index = choose_custom(actor, entry);
        if (index < 0 || index >= actor->partition_count) {
            *error = SLUICE_PARTITIONER_REFUSED;
            return -1;
        }
        return index;
    }
    return choose_sticky(actor, entry->body_size);
}
