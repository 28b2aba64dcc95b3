/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one partition knows of the idempotent producers that wrote to it, and Kafka's rules.
 *
 *   known       same epoch, and the first and last sequence of one of the last five batches:
 *               a duplicate, answered with its first offset
 *   older epoch INVALID_PRODUCER_EPOCH
 *   newer epoch must begin with sequence 0, else OUT_OF_ORDER_SEQUENCE_NUMBER
 *   same epoch  must follow the last sequence (0 follows 2^31 - 1), else OUT_OF_ORDER
 *   unknown     any sequence; from Kafka 4.5 on only 0 where no record was ever written
 *
 * A restarted node has forgotten some of it. What it still sees is decided when it looks, by the
 * number of each batch: all batches of a cluster are numbered in the order they were appended.
 * Source: Kafka's ProducerStateManager, ProducerStateEntry and ProducerAppendInfo; KIP-98.
 */
#ifndef BROKER_SEQUENCE_H
#define BROKER_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/broker.h>

enum { BROKER_SEQUENCE_WINDOW = 5 };

struct broker_sequence_entry {
    uint64_t number; /* in the order of the cluster's appends */
    int64_t base_offset;
    int32_t first_sequence;
    int32_t last_sequence;
    int16_t epoch;
};

struct broker_producer {
    int64_t id;
    uint32_t count; /* entries, oldest first, at most BROKER_SEQUENCE_WINDOW, one epoch */
    struct broker_sequence_entry entries[BROKER_SEQUENCE_WINDOW];
};

struct broker_producers {
    struct broker_producer *all;
    size_t count;
    size_t capacity;
    size_t last; /* found there last time */
};

/* What a node lost in restarts: it sees of each producer the batches from `nothing_before` on, but
 * of those before `last_before` the youngest only. */
struct broker_horizon {
    uint64_t nothing_before;
    uint64_t last_before;
};

struct broker_sequence_batch {
    int64_t producer_id;
    int32_t first_sequence;
    int32_t last_sequence;
    int16_t epoch;
};

enum broker_sequence_verdict {
    BROKER_SEQUENCE_NEXT,
    BROKER_SEQUENCE_DUPLICATE,
    BROKER_SEQUENCE_OLD_EPOCH,
    BROKER_SEQUENCE_OUT_OF_ORDER
};

/* `*base_offset` is set for a duplicate. */
enum broker_sequence_verdict broker_sequence_check(struct broker_producers *producers,
                                                   const struct broker_horizon *horizon,
                                                   const struct broker_sequence_batch *batch,
                                                   bool must_begin_with_0, int64_t *base_offset);
/* Makes sure that broker_sequence_append will have the memory it needs. */
bool broker_sequence_reserve(struct broker_producers *producers, int64_t producer_id);
/* Every replica learns of it, so nothing is dropped but the sixth: a node that does not see an
 * older entry may lose the leadership to one that does. */
void broker_sequence_append(struct broker_producers *producers,
                            const struct broker_sequence_batch *batch, uint64_t number,
                            int64_t base_offset);
void broker_producers_deinit(struct broker_producers *producers);

#endif
