/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See names.h. */
#include "actors/topic/names.h"

#include <string.h>

#include "actors/topic/topic.h"
#include "runtime/assert.h"

enum { BUCKETS_FIRST = 64 };

static struct topic **bucket_of(const struct topic_names *names, const char *name, size_t size) {
    return &names->buckets[topic_name_hash(name, size) & (names->bucket_count - 1)];
}

struct topic *topic_names_find(const struct topic_names *names, const char *name, size_t size) {
    struct topic *topic = names->bucket_count == 0 ? NULL : *bucket_of(names, name, size);
    while (topic != NULL && (topic->name_size != size || memcmp(topic->name, name, size) != 0)) {
        topic = topic->name_next;
    }
    return topic;
}

static void enter(struct topic_names *names, struct topic *topic) {
    struct topic **bucket = bucket_of(names, topic->name, topic->name_size);
    topic->name_next = *bucket;
    *bucket = topic;
}

/* Twice as many buckets, and everybody enters again. */
static bool grow(struct topic_names *names, struct rt_world *world) {
    struct topic_names old = *names;
    uint32_t bucket_count = old.bucket_count == 0 ? BUCKETS_FIRST : old.bucket_count * 2;
    struct topic **buckets = rt_acquire(world, bucket_count * sizeof(struct topic *));
    if (buckets == NULL) {
        return false;
    }
    memset(buckets, 0, bucket_count * sizeof(struct topic *));
    names->buckets = buckets;
    names->bucket_count = bucket_count;
    for (uint32_t i = 0; i < old.bucket_count; i++) {
        struct topic *topic = old.buckets[i];
        while (topic != NULL) {
            struct topic *next = topic->name_next;
            enter(names, topic);
            topic = next;
        }
    }
    topic_names_deinit(&old, world);
    return true;
}

bool topic_names_reserve(struct topic_names *names, struct rt_world *world) {
    bool is_due = names->count >= names->bucket_count && names->bucket_count <= UINT32_MAX / 4;
    return !is_due || grow(names, world) || names->bucket_count > 0;
}

void topic_names_add(struct topic_names *names, struct topic *topic) {
    RT_ASSERT(names->bucket_count > 0);
    enter(names, topic);
    names->count++;
}

void topic_names_deinit(struct topic_names *names, struct rt_world *world) {
    rt_release(world, names->buckets, names->bucket_count * sizeof(struct topic *));
    *names = (struct topic_names){0};
}
