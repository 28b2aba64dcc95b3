/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Topic handles: opening, closing, and the number of partitions. */
#include "actors/producer/api.h"
#include "actors/config/error.h"
#include "runtime/assert.h"

sluice_code topic_name_check(const char *name, sluice_error *error) {
    if (name[0] == '\0') {
        return sluice_error_set(error, SLUICE_INVALID_TOPIC, "a topic name may not be empty");
    }
    size_t size = strlen(name);
    if (size > TOPIC_NAME_BYTES_MAX) {
        return sluice_error_set(error, SLUICE_INVALID_TOPIC,
                                "topic name of %zu characters: at most %d are allowed", size,
                                TOPIC_NAME_BYTES_MAX);
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return sluice_error_set(error, SLUICE_INVALID_TOPIC, "topic name \"%s\" is not allowed",
                                name);
    }
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
        if (!allowed) {
            return sluice_error_set(error, SLUICE_INVALID_TOPIC,
                                    "topic name with byte 0x%02x at position %zu: only letters, "
                                    "digits, '.', '_' and '-' are allowed",
                                    (unsigned)(unsigned char)c, i + 1);
        }
    }
    return SLUICE_OK;
}

static struct topic *create(struct producer *producer, const char *name,
                            const sluice_topic_options *options) {
    struct topic_actor *topics = &producer->topic_actor;
    struct topic *topic = topic_names_reserve(&topics->names, producer->world)
                              ? rt_acquire(producer->world, sizeof *topic)
                              : NULL;
    if (topic == NULL) {
        return NULL;
    }
    *topic = (struct topic){.producer = producer,
                            .name_size = (uint16_t)strlen(name),
                            .partition_count = -1,
                            .error = SLUICE_OK};
    memcpy(topic->name, name, topic->name_size);
    topic_names_add(&topics->names, topic);
    topic->index = atomic_fetch_add_explicit(&topics->topic_count, 1, memory_order_relaxed);
    partition_actor_start(&topic->actor, topic, options);
    topic->next = atomic_load_explicit(&topics->topics, memory_order_relaxed);
    atomic_store_explicit(&topics->topics, topic, memory_order_release);
    metadata_want_topic(&producer->metadata, topic);
    if (topic->index == 0 && producer->config->enable_idempotence) {
        identity_begin(&producer->identity);
    }
    return topic;
}

/* One thread at a time looks and opens; others wait on the word itself. */
static void opening_enter(struct producer *producer) {
    _Atomic uint32_t *opening = &producer->topic_actor.opening;
    while (atomic_exchange_explicit(opening, 1, memory_order_acquire) != 0) {
        rt_wait(producer->world, opening, 1, rt_now(producer->world) + 1000000);
    }
}

static void opening_leave(struct producer *producer) {
    _Atomic uint32_t *opening = &producer->topic_actor.opening;
    atomic_store_explicit(opening, 0, memory_order_release);
    rt_wake(producer->world, opening);
}

sluice_topic *sluice_topic_open(sluice_producer *handle, const char *name,
                                const sluice_topic_options *options, sluice_error *error) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL || name == NULL) {
        sluice_error_set(error, SLUICE_INVALID_ARGUMENT, "a producer and a name are needed");
        return NULL;
    }
    sluice_error_code(error, SLUICE_OK);
    if (rt_forked(producer->world)) {
        sluice_error_code(error, SLUICE_FORKED);
        return NULL;
    }
    if (topic_name_check(name, error) != SLUICE_OK) {
        return NULL;
    }
    opening_enter(producer);
    struct topic *topic = NULL;
    if (atomic_load_explicit(&producer->closed, memory_order_acquire) != 0) {
        sluice_error_code(error, SLUICE_CLOSED);
    } else {
        topic = topic_names_find(&producer->topic_actor.names, name, strlen(name));
        topic = topic != NULL ? topic : create(producer, name, options);
        if (topic == NULL) {
            sluice_error_code(error, SLUICE_NO_MEMORY);
        } else {
            atomic_fetch_add_explicit(&topic->handles, 1, memory_order_relaxed);
        }
    }
    opening_leave(producer);
    return (sluice_topic *)topic;
}

void sluice_topic_close(sluice_topic *handle) {
    if (handle != NULL) {
        uint32_t before =
            atomic_fetch_sub_explicit(&topic_from(handle)->handles, 1, memory_order_relaxed);
        RT_ASSERT(before > 0);
    }
}

const char *sluice_topic_name(const sluice_topic *handle) {
    return handle == NULL ? NULL : ((const struct topic *)handle)->name;
}

/* Why a number of partitions is not known: an error, or that the time is up and what for. */
static void explain(sluice_error *error, sluice_code why, sluice_code awaited) {
    if (why != SLUICE_OK || awaited == SLUICE_OK) {
        sluice_error_code(error, why != SLUICE_OK ? why : SLUICE_TIMED_OUT);
    } else {
        sluice_error_set(error, SLUICE_TIMED_OUT, "%s: %s", sluice_code_text(SLUICE_TIMED_OUT),
                         sluice_code_text(awaited));
    }
}

int32_t sluice_topic_partition_count(sluice_topic *handle, int64_t timeout_ms,
                                     sluice_error *error) {
    struct topic *topic = topic_from(handle);
    if (topic == NULL) {
        sluice_error_code(error, SLUICE_INVALID_ARGUMENT);
        return -1;
    }
    struct producer *producer = topic->producer;
    sluice_error_code(error, SLUICE_OK);
    if (rt_forked(producer->world)) {
        sluice_error_code(error, SLUICE_FORKED);
        return -1;
    }
    uint64_t deadline_ns = deadline_after(producer, timeout_ms);
    bool in_time = timeout_ms != 0;
    for (;;) {
        uint32_t seen = atomic_load_explicit(&topic->changed, memory_order_acquire);
        int32_t count = atomic_load_explicit(&topic->partition_count, memory_order_acquire);
        sluice_code why = (sluice_code)atomic_load_explicit(&topic->error, memory_order_relaxed);
        if (count > 0) {
            return count;
        }
        bool final = why != SLUICE_OK && !snapshot_error_passes(why);
        if (!in_time || final) {
            explain(error, why != SLUICE_OK ? why : metadata_trouble(&producer->metadata),
                    metadata_obstacle(&producer->metadata));
            return -1;
        }
        if (in_callback(producer)) {
            sluice_error_code(error, SLUICE_IN_CALLBACK);
            return -1;
        }
        in_time = rt_wait(producer->world, &topic->changed, seen, deadline_ns);
    }
}

bool sluice_topic_partition_is_full(sluice_topic *handle, int32_t partition) {
    struct topic *topic = topic_from(handle);
    if (topic == NULL) {
        return false;
    }
    const struct shares *shares = &topic->producer->shares;
    return share_any_full(shares) && partition >= 0 &&
           partition < atomic_load_explicit(&topic->partition_count, memory_order_acquire) &&
           share_is_full(shares, share_map_get(topic, partition));
}
