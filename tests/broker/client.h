/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client for tests of the broker model: makes requests, reads answers, does no I/O. */
#ifndef TESTS_BROKER_CLIENT_H
#define TESTS_BROKER_CLIENT_H

#include "broker/model.h"
#include "protocol/batch.h"
#include "protocol/init_producer_id.h"
#include "protocol/produce.h"

#define NO_PRODUCER ((struct sample){.count = 1, .producer_id = -1, .epoch = -1, .sequence = -1})

/* A batch to be made: `count` records "key-<n>" = "value-<n>". */
struct sample {
    int32_t count;
    int64_t producer_id;
    int32_t sequence;
    int16_t epoch;
    int16_t codec;
};
struct made {
    uint8_t bytes[16384];
    size_t size;
};
struct made batch_make(struct sample sample);
/* Writes header fields anew, checksum included: `header` was decoded and changed. */
void batch_remake(struct made *batch, const struct kafka_batch_header *header);
struct kafka_batch_header batch_header(const struct made *batch);

struct client {
    struct broker_model model;
    struct broker_output output; /* the last answer */
    struct broker_request request;
    int16_t produce_version;
    int32_t correlation_id;
    uint64_t now_ns;
};

struct answered {
    enum broker_verdict verdict;
    int16_t error_code;
    int64_t base_offset;
    int64_t log_start_offset;
    int32_t leader_id;
    int32_t leader_epoch;
    uint32_t endpoint_count;
    uint16_t endpoint_port;
    int32_t throttle_time_ms;
};

/* A cluster with a topic "t" of `partition_count` partitions. */
void client_init(struct client *client, sluice_broker_options options, uint32_t partition_count);
void client_deinit(struct client *client);
struct broker_partition *client_partition(struct client *client, int32_t partition);

/* A whole frame, length included. */
enum broker_verdict client_serve(struct client *client, int32_t node, const uint8_t *frame,
                                 size_t size);
/* The same request again, as after WAIT or HELD. */
enum broker_verdict client_serve_again(struct client *client, int32_t node);
/* The body of the last answer; asserts the frame and the correlation id. */
struct kafka_reader client_body(const struct client *client, int16_t api_key, int16_t version);

/* One batch to one partition of "t"; returns the frame's size. */
size_t produce_frame(struct client *client, uint8_t *frame, size_t room, int32_t partition,
                     int16_t acks, const void *batch, size_t batch_size);
struct answered client_read_answer(struct client *client, enum broker_verdict verdict);
struct answered client_produce_bytes(struct client *client, int32_t node, int32_t partition,
                                     int16_t acks, const void *batch, size_t batch_size);
/* With acks=all, to the partition's leader. */
struct answered client_produce(struct client *client, int32_t partition, struct sample sample);

#endif
