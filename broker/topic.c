/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/topic.h"

#include <stdlib.h>

bool broker_topic_name_is_allowed(struct kafka_text name) {
    if (name.data == NULL || name.size == 0 || name.size > BROKER_TOPIC_NAME_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
        if (!allowed) {
            return false;
        }
    }
    bool dots = name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.'));
    return !dots;
}

/* FNV-1a. */
static uint32_t text_hash(struct kafka_text text) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ (uint8_t)text.data[i]) * 16777619u;
    }
    return hash;
}

struct broker_topic *broker_topics_by_name(const struct broker_topics *topics,
                                           struct kafka_text name) {
    if (topics->bucket_count == 0 || name.data == NULL) {
        return NULL;
    }
    uint32_t hash = text_hash(name);
    struct broker_topic *topic = topics->buckets[hash & (topics->bucket_count - 1)];
    while (topic != NULL && (topic->hash != hash || !kafka_text_equal(topic->name, name))) {
        topic = topic->next;
    }
    return topic;
}

/* Ids look random, so that nobody guesses one of a topic made again; bytes 12-15 are the slot. */
static struct kafka_uuid topic_id_make(uint64_t number, uint32_t slot) {
    struct kafka_uuid id;
    uint64_t mixed = (number + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    mixed ^= mixed >> 31;
    uint32_t low = (uint32_t)number;
    memcpy(id.bytes, &mixed, 8);
    memcpy(id.bytes + 8, &low, 4);
    memcpy(id.bytes + 12, &slot, 4);
    return id;
}

struct broker_topic *broker_topics_by_id(const struct broker_topics *topics, struct kafka_uuid id) {
    uint32_t slot;
    memcpy(&slot, id.bytes + 12, 4);
    struct broker_topic *topic = slot < topics->slot_count ? topics->slots[slot] : NULL;
    return topic != NULL && kafka_uuid_equal(topic->id, id) ? topic : NULL;
}

static bool topics_make_room(struct broker_topics *topics) {
    if (topics->slot_count < topics->slot_capacity) {
        return true;
    }
    uint32_t capacity = topics->slot_capacity == 0 ? 16 : topics->slot_capacity * 2;
    struct broker_topic **slots = realloc(topics->slots, capacity * sizeof *slots);
    struct broker_topic **buckets = calloc(capacity, sizeof *buckets);
    if (slots != NULL) {
        topics->slots = slots;
    }
    if (slots == NULL || buckets == NULL) {
        free(buckets);
        return false;
    }
    free(topics->buckets);
    topics->buckets = buckets;
    topics->bucket_count = topics->slot_capacity = capacity;
    for (uint32_t i = 0; i < topics->slot_count; i++) {
        struct broker_topic *topic = slots[i];
        if (topic != NULL) {
            struct broker_topic **bucket = &buckets[topic->hash & (capacity - 1)];
            topic->next = *bucket;
            *bucket = topic;
        }
    }
    return true;
}

/* A slot that is free, or the next one. */
static uint32_t topics_free_slot(const struct broker_topics *topics) {
    uint32_t slot = 0;
    while (slot < topics->slot_count && topics->slots[slot] != NULL) {
        slot++;
    }
    return slot;
}

struct broker_topic *broker_topics_add(struct broker_topics *topics, struct kafka_text name) {
    struct broker_topic *topic = calloc(1, sizeof *topic);
    char *copy = malloc(name.size + 1);
    if (topic == NULL || copy == NULL || !topics_make_room(topics)) {
        free(topic);
        free(copy);
        return NULL;
    }
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    topic->name = (struct kafka_text){copy, name.size};
    topic->hash = text_hash(name);
    topic->slot = topics_free_slot(topics);
    topic->id = topic_id_make(topics->ids_given++, topic->slot);
    topics->slots[topic->slot] = topic;
    if (topic->slot == topics->slot_count) {
        topics->slot_count++;
    }
    struct broker_topic **bucket = &topics->buckets[topic->hash & (topics->bucket_count - 1)];
    topic->next = *bucket;
    *bucket = topic;
    return topic;
}

static void topic_destroy(struct broker_topic *topic) {
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        broker_log_deinit(&topic->partitions[i].log);
        broker_producers_deinit(&topic->partitions[i].producers);
    }
    free(topic->partitions);
    free((char *)topic->name.data);
    free(topic);
}

void broker_topics_remove(struct broker_topics *topics, struct broker_topic *topic) {
    struct broker_topic **at = &topics->buckets[topic->hash & (topics->bucket_count - 1)];
    while (*at != topic) {
        at = &(*at)->next;
    }
    *at = topic->next;
    topics->slots[topic->slot] = NULL;
    topic_destroy(topic);
}

bool broker_topic_grow(struct broker_topic *topic, uint32_t partition_count) {
    struct broker_partition *partitions =
        realloc(topic->partitions, partition_count * sizeof *partitions);
    if (partitions == NULL) {
        return false;
    }
    memset(partitions + topic->partition_count, 0,
           (partition_count - topic->partition_count) * sizeof *partitions);
    topic->partitions = partitions;
    topic->partition_count = partition_count;
    return true;
}

void broker_topics_deinit(struct broker_topics *topics) {
    for (uint32_t i = 0; i < topics->slot_count; i++) {
        if (topics->slots[i] != NULL) {
            topic_destroy(topics->slots[i]);
        }
    }
    free(topics->slots);
    free(topics->buckets);
    *topics = (struct broker_topics){0};
}
