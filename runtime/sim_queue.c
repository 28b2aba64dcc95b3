/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events in order of time: a heap of four children each, every event knows its place. */
#include <stdlib.h>

#include "runtime/sim_internal.h"

static bool comes_before(const struct sim_queue_entry *a, const struct sim_queue_entry *b) {
    return a->when_ns < b->when_ns || (a->when_ns == b->when_ns && a->rank < b->rank);
}

static void put(struct sim_queue *queue, uint32_t place, struct sim_queue_entry entry) {
    queue->entries[place] = entry;
    entry.event->place = place;
}

static void sift_up(struct sim_queue *queue, uint32_t place, struct sim_queue_entry entry) {
    while (place > 0) {
        uint32_t parent = (place - 1) / 4;
        if (!comes_before(&entry, &queue->entries[parent])) {
            break;
        }
        put(queue, place, queue->entries[parent]);
        place = parent;
    }
    put(queue, place, entry);
}

static void sift_down(struct sim_queue *queue, uint32_t place, struct sim_queue_entry entry) {
    for (;;) {
        uint32_t first = place * 4 + 1;
        if (first >= queue->count) {
            break;
        }
        uint32_t last = first + 4 < queue->count ? first + 4 : queue->count;
        uint32_t best = first;
        for (uint32_t child = first + 1; child < last; child++) {
            if (comes_before(&queue->entries[child], &queue->entries[best])) {
                best = child;
            }
        }
        if (!comes_before(&queue->entries[best], &entry)) {
            break;
        }
        put(queue, place, queue->entries[best]);
        place = best;
    }
    put(queue, place, entry);
}

void sim_queue_insert(struct sim_queue *queue, struct sim_event *event, uint64_t when_ns,
                      uint64_t rank) {
    RT_ASSERT(event->place == SIM_NOWHERE);
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
        queue->entries = sim_grow(queue->entries, queue->capacity * sizeof(*queue->entries));
    }
    struct sim_queue_entry entry = {.when_ns = when_ns, .rank = rank, .event = event};
    sift_up(queue, queue->count++, entry);
}

void sim_queue_remove(struct sim_queue *queue, struct sim_event *event) {
    uint32_t place = event->place;
    RT_ASSERT(place < queue->count && queue->entries[place].event == event);
    event->place = SIM_NOWHERE;
    struct sim_queue_entry last = queue->entries[--queue->count];
    if (last.event == event) {
        return;
    }
    if (place > 0 && comes_before(&last, &queue->entries[(place - 1) / 4])) {
        sift_up(queue, place, last);
    } else {
        sift_down(queue, place, last);
    }
}

void sim_queue_deinit(struct sim_queue *queue) {
    free(queue->entries);
    *queue = (struct sim_queue){0};
}
