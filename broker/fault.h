/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults on command: which requests and batches they match, and how often they did.
 *
 * A fault acts on one of two things. On items (a batch of Produce, a topic of Metadata): ERROR,
 * ERROR_APPENDED and MOVE_LEADER, where the API has items. On requests: everything else.
 */
#ifndef BROKER_FAULT_H
#define BROKER_FAULT_H

#include <sluice/broker.h>

#include "protocol/bytes.h"

struct broker_fault {
    uint64_t id;
    sluice_broker_fault set; /* `topic` is owned */
    uint64_t matched;
    uint64_t hits;
};

struct broker_faults {
    struct broker_fault *all; /* in the order they were added */
    size_t count;
    size_t capacity;
    uint64_t ids_given;
};

/* One batch of Produce, topic of Metadata (partition -1), or partition of another API. */
struct broker_item {
    struct kafka_text topic;
    int32_t partition;
};

/* 0 when memory is short. */
uint64_t broker_faults_add(struct broker_faults *faults, const sluice_broker_fault *fault);
bool broker_faults_remove(struct broker_faults *faults, uint64_t id);
void broker_faults_clear(struct broker_faults *faults);
const struct broker_fault *broker_faults_find(const struct broker_faults *faults, uint64_t id);

/* True when the fault acts on single items of this API. */
bool broker_fault_acts_on_items(const struct broker_fault *fault, int16_t api_key);
/* True when it is not used up, and means this API and node. Counts nothing. */
bool broker_fault_concerns(const struct broker_fault *fault, int16_t api_key, int32_t node);
/* True when it means every item, and so requests without any. */
static inline bool broker_fault_wants_all(const struct broker_fault *fault) {
    return fault->set.topic == NULL && fault->set.partition < 0;
}
/* Whether it means this item. An item without a partition (-1) stands for all of its topic's. */
bool broker_fault_wants(const struct broker_fault *fault, const struct broker_item *item);
/* Counts a match; true when it is a hit. */
bool broker_fault_count(struct broker_fault *fault);

#endif
