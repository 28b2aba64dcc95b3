/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The topics that are wanted: a table by topic->index, and a hash of their names, because answers
 * come in any order. Nothing is ever taken out: a topic lives as long as the producer. */
#include "actors/metadata/state.h"

#include <string.h>

#include "actors/producer/producer.h"
#include "runtime/assert.h"

enum { TOPICS_FIRST = 16 };

static void bucket_enter(struct metadata_state *state, uint32_t index) {
    struct metadata_topic *entry = &state->topics[index];
    uint32_t bucket =
        topic_name_hash(entry->topic->name, entry->topic->name_size) & (state->topic_capacity - 1);
    entry->next = state->buckets[bucket];
    state->buckets[bucket] = index + 1;
}

static size_t table_bytes(uint32_t capacity) {
    return (size_t)capacity * (sizeof(struct metadata_topic) + sizeof(uint32_t));
}

/* Room for `index`. One allocation: the table, then the buckets. */
static bool topics_grow(struct metadata *metadata, uint32_t index) {
    struct metadata_state *state = metadata->state;
    uint32_t capacity = state->topic_capacity == 0 ? TOPICS_FIRST : state->topic_capacity;
    while (capacity <= index) {
        RT_ASSERT(capacity < UINT32_MAX / 2);
        capacity *= 2;
    }
    if (capacity == state->topic_capacity) {
        return true;
    }
    struct metadata_topic *topics = rt_acquire(metadata->producer->world, table_bytes(capacity));
    if (topics == NULL) {
        return false;
    }
    memset(topics, 0, table_bytes(capacity));
    if (state->topic_count > 0) {
        memcpy(topics, state->topics, state->topic_count * sizeof *topics);
    }
    topics_free(metadata);
    state->topics = topics;
    state->buckets = (uint32_t *)(topics + capacity);
    state->topic_capacity = capacity;
    for (uint32_t i = 0; i < state->topic_count; i++) {
        if (topics[i].topic != NULL) {
            bucket_enter(state, i);
        }
    }
    return true;
}

bool topics_add(struct metadata *metadata, struct topic *topic) {
    struct metadata_state *state = metadata->state;
    if (!topics_grow(metadata, topic->index)) {
        return false;
    }
    RT_ASSERT(state->topics[topic->index].topic == NULL);
    state->topics[topic->index] = (struct metadata_topic){.topic = topic, .mood = TOPIC_NEW};
    state->moods[TOPIC_NEW]++;
    if (topic->index >= state->topic_count) {
        state->topic_count = topic->index + 1;
    }
    bucket_enter(state, topic->index);
    return true;
}

void topics_mood(struct metadata_state *state, struct metadata_topic *topic,
                 enum metadata_mood mood) {
    state->moods[topic->mood]--;
    state->moods[mood]++;
    topic->mood = mood;
}

struct metadata_topic *topics_find(struct metadata_state *state, struct kafka_text name) {
    if (state->topic_count == 0 || name.data == NULL) {
        return NULL;
    }
    uint32_t bucket = topic_name_hash(name.data, name.size) & (state->topic_capacity - 1);
    uint32_t at = state->buckets[bucket];
    while (at != 0) {
        struct metadata_topic *entry = &state->topics[at - 1];
        if (entry->topic->name_size == name.size &&
            memcmp(entry->topic->name, name.data, name.size) == 0) {
            return entry;
        }
        at = entry->next;
    }
    return NULL;
}

void topics_free(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    rt_release(metadata->producer->world, state->topics, table_bytes(state->topic_capacity));
    state->topics = NULL;
    state->buckets = NULL;
    state->topic_capacity = 0;
}
