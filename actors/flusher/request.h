/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Produce request: one batch of each of many partitions, in one block of memory.
 *
 * A request is as large as a block allows and never waits to grow: it takes every ready partition
 * until one of the limits below or `sluice.request.bytes` is reached.
 */
#ifndef ACTORS_FLUSHER_REQUEST_H
#define ACTORS_FLUSHER_REQUEST_H

#include "actors/batch/batch.h"
#include "actors/link/link.h"
#include "protocol/produce.h"

struct flusher;

enum { REQUEST_ENTRIES_MAX = 256, REQUEST_SLICES_MAX = 800, REQUEST_SCRATCH_BYTES = 14336 };

struct request_entry {
    struct batch *batch; /* pinned until the request is done */
    struct partition *partition;
    struct topic *topic;
    int32_t index;  /* of the partition */
    uint16_t group; /* of its topic, in `topics` */
    bool open;      /* waits for an answer */
};

struct request {
    struct link_request link; /* first: the link hands it back */
    struct request *next;     /* in the flusher's list */
    uint32_t bytes;           /* of the block, for the pool; 0: the one set aside */
    uint32_t count;
    uint32_t topic_count;
    uint32_t slice_count;
    uint32_t wire_bytes;
    size_t scratch_bound;
    uint64_t overdue_ns; /* when the first of its batches passes its delivery timeout */
    struct kafka_produce_topic topics[REQUEST_ENTRIES_MAX];
    struct topic *topic_of[REQUEST_ENTRIES_MAX];
    struct kafka_produce_partition partitions[REQUEST_ENTRIES_MAX];
    struct request_entry entries[REQUEST_ENTRIES_MAX];
    struct rt_slice slices[REQUEST_SLICES_MAX];
    uint8_t scratch[REQUEST_SCRATCH_BYTES];
};

/* Builds one from the ready partitions and queues it on the link. False when there is nothing to
 * send, or no memory and the spare is in use. */
bool request_send(struct flusher *self, uint64_t now_ns);
/* The batch is not waited for any more: its answer, if one comes, is passed over. */
void request_forget(struct flusher *self, struct batch *batch);
/* Every entry that still waits, in order. NULL after the last. */
struct request_entry *request_next_open(struct request *request, uint32_t *index);
/* Done: unpins its batches and gives the block back. */
void request_finish(struct flusher *self, struct request *request);

/* What the broker said to a request, or that the connection broke. In flusher/answer.c. */
void answer_request(struct flusher *self, struct request *request, struct kafka_reader *body,
                    uint64_t now_ns);

#endif
