/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/handlers.h"
#include "protocol/list_offsets.h"
#include "protocol/record.h"

enum { HEAD_SIZE_MAX = 64, TOPIC_SIZE_MAX = 32, OUTCOME_SIZE_MAX = 48 };
/* Kafka's names for offsets beyond "latest" and "earliest" (KIP-734, KIP-405, KIP-1005). */
enum { OFFSET_MAX_TIMESTAMP = -3, OFFSET_EARLIEST_LOCAL = -4 };

/* The first record of the batch that is at least as young as `timestamp_ms`. */
static void find_in_batch(struct broker_work *work, const struct broker_batch *batch,
                          int64_t timestamp_ms, struct kafka_list_offsets_outcome *outcome) {
    struct kafka_batch_header header;
    struct kafka_bytes bytes;
    struct kafka_reader records;
    outcome->offset = batch->base_offset;
    outcome->timestamp_ms = batch->max_timestamp_ms;
    if (kafka_batch_decode(batch->bytes, batch->size, &header, &bytes) != KAFKA_BATCH_GOOD ||
        broker_inflate(&work->model->inflater, header.attributes, bytes, &records) !=
            BROKER_INFLATED) {
        return;
    }
    struct kafka_record record;
    while (kafka_record_decode(&records, &record)) {
        int64_t of_record = header.base_timestamp_ms + record.timestamp_delta_ms;
        if (of_record >= timestamp_ms) {
            outcome->offset = batch->base_offset + record.offset_delta;
            outcome->timestamp_ms = of_record;
            return;
        }
    }
}

static void find_by_time(struct broker_work *work, const struct broker_log *log,
                         int64_t timestamp_ms, struct kafka_list_offsets_outcome *outcome) {
    for (size_t i = 0; i < log->count; i++) {
        const struct broker_batch *batch = broker_log_at(log, i);
        if (batch->max_timestamp_ms >= timestamp_ms) {
            find_in_batch(work, batch, timestamp_ms, outcome);
            return;
        }
    }
}

static void find_youngest(struct broker_work *work, const struct broker_log *log,
                          struct kafka_list_offsets_outcome *outcome) {
    const struct broker_batch *youngest = NULL;
    for (size_t i = 0; i < log->count; i++) {
        const struct broker_batch *batch = broker_log_at(log, i);
        if (youngest == NULL || batch->max_timestamp_ms > youngest->max_timestamp_ms) {
            youngest = batch;
        }
    }
    if (youngest != NULL) {
        find_in_batch(work, youngest, youngest->max_timestamp_ms, outcome);
    }
}

static struct kafka_list_offsets_outcome
list_one(struct broker_work *work, const struct broker_partition *partition,
         const struct kafka_list_offsets_partition *asked) {
    struct kafka_list_offsets_outcome outcome = {
        .index = asked->index, .timestamp_ms = -1, .offset = -1, .leader_epoch = -1};
    sluice_code error = broker_reader_check(work, partition, asked->leader_epoch);
    outcome.error_code = (int16_t)error;
    if (error != SLUICE_OK) {
        return outcome;
    }
    outcome.leader_epoch = partition->leader_epoch;
    if (asked->timestamp_ms == KAFKA_OFFSET_LATEST) {
        outcome.offset = partition->log.next_offset;
    } else if (asked->timestamp_ms == KAFKA_OFFSET_EARLIEST ||
               asked->timestamp_ms == OFFSET_EARLIEST_LOCAL) {
        outcome.offset = partition->log.start_offset;
    } else if (asked->timestamp_ms == OFFSET_MAX_TIMESTAMP) {
        find_youngest(work, &partition->log, &outcome);
    } else if (asked->timestamp_ms >= 0) {
        find_by_time(work, &partition->log, asked->timestamp_ms, &outcome);
    }
    return outcome;
}

enum broker_verdict broker_handle_list_offsets(struct broker_work *work) {
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_topic topic;
    struct kafka_list_offsets_partition asked;
    if (!kafka_list_offsets_request_open(&request, &work->body, work->version)) {
        return BROKER_CLOSE;
    }
    struct kafka_writer *writer = &work->output->writer;
    broker_output_reserve(work->output, HEAD_SIZE_MAX);
    size_t frame_at = kafka_list_offsets_response_begin(writer, work->version, work->correlation_id,
                                                        (int32_t)work->request->effects.throttle_ms,
                                                        request.topic_count);
    while (kafka_list_offsets_request_next(&request, &topic)) {
        struct broker_topic *known = broker_topics_by_name(&work->model->topics, topic.name);
        broker_output_reserve(work->output, TOPIC_SIZE_MAX + topic.name.size);
        kafka_list_offsets_response_topic(writer, work->version, topic.name, topic.partition_count);
        while (kafka_list_offsets_topic_next(&topic, &asked)) {
            struct kafka_list_offsets_outcome outcome =
                list_one(work, broker_topic_partition(known, asked.index), &asked);
            broker_output_reserve(work->output, OUTCOME_SIZE_MAX);
            kafka_list_offsets_response_partition(writer, work->version, &outcome);
        }
        broker_output_reserve(work->output, TOPIC_SIZE_MAX);
        kafka_list_offsets_response_topic_end(writer, work->version);
    }
    broker_output_reserve(work->output, HEAD_SIZE_MAX);
    kafka_list_offsets_response_end(writer, work->version, frame_at);
    return BROKER_ANSWERED;
}
