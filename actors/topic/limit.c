/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See limit.h. */
#include "actors/topic/limit.h"

#include "actors/producer/producer.h"

#define DOUBLED_AFTER_NS UINT64_C(300000000000)

uint32_t topic_batch_bytes(const struct topic *topic, uint64_t now_ns) {
    uint64_t most = (uint64_t)topic->producer->config->batch_size;
    /* relaxed: two words that do not fit each other make an advice that is too high, once */
    uint64_t bytes = atomic_load_explicit(&topic->fitting_bytes, memory_order_relaxed);
    if (bytes == 0) {
        return (uint32_t)most;
    }
    uint64_t since_ns = atomic_load_explicit(&topic->fitting_since_ns, memory_order_relaxed);
    while (bytes < most && now_ns >= since_ns + DOUBLED_AFTER_NS) {
        bytes *= 2;
        now_ns -= DOUBLED_AFTER_NS;
    }
    return (uint32_t)(bytes < most ? bytes : most);
}

void topic_batch_bytes_learn(struct topic *topic, uint32_t bytes, uint64_t now_ns) {
    if (bytes < topic_batch_bytes(topic, now_ns)) {
        atomic_store_explicit(&topic->fitting_since_ns, now_ns, memory_order_relaxed);
        atomic_store_explicit(&topic->fitting_bytes, bytes > 0 ? bytes : 1, memory_order_relaxed);
    }
}
