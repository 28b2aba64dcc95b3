/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Topics by name: a hash that grows with them, so that opening one costs the same however many
 * there are. Read and written under `topic_actor.opening` only. Nothing is taken out.
 *
 *   count <= bucket_count, but where memory was short when it should have grown
 */
#ifndef ACTORS_TOPIC_NAMES_H
#define ACTORS_TOPIC_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_world;
struct topic;

struct topic_names {
    struct topic **buckets; /* chained by topic->name_next */
    uint32_t bucket_count;  /* a power of two; 0 before the first topic */
    uint32_t count;
};

/* FNV-1a. Names are the program's own, so nobody makes them collide but itself. */
static inline uint32_t topic_name_hash(const char *name, size_t size) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    return hash;
}

/* NULL when there is none of this name. */
struct topic *topic_names_find(const struct topic_names *names, const char *name, size_t size);
/* Room for one more: topic_names_add cannot fail then. False when memory is short. */
bool topic_names_reserve(struct topic_names *names, struct rt_world *world);
void topic_names_add(struct topic_names *names, struct topic *topic);
void topic_names_deinit(struct topic_names *names, struct rt_world *world);

#endif
