/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fetch, for consumers without a group. Sessions are declined, so every request names all that it
 * wants. A request that finds less than it asked for waits: it is served again when the model
 * changes or its time is up.
 */
#include "broker/handlers.h"
#include "protocol/fetch.h"

enum { HEAD_SIZE_MAX = 64, TOPIC_SIZE_MAX = 32, PARTITION_SIZE_MAX = 128 };
enum { ANSWER_BYTES_MAX = 64 << 20, WAIT_MS_MAX = 5 * 60 * 1000 };

sluice_code broker_reader_check(const struct broker_work *work,
                                const struct broker_partition *partition, int32_t leader_epoch) {
    if (work->request->effects.error != SLUICE_OK) {
        return work->request->effects.error;
    }
    if (partition == NULL) {
        return SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (partition->leader != work->node->id) {
        return SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER;
    }
    if (leader_epoch >= 0 && leader_epoch != partition->leader_epoch) {
        return leader_epoch < partition->leader_epoch ? SLUICE_BROKER_FENCED_LEADER_EPOCH
                                                      : SLUICE_BROKER_UNKNOWN_LEADER_EPOCH;
    }
    return SLUICE_OK;
}

struct fetch {
    struct broker_work *work;
    size_t bytes; /* found so far */
    size_t bytes_max;
};

/* What one partition has to give: `count` batches from `first` on. */
struct found {
    sluice_code error;
    const struct broker_partition *partition;
    size_t first;
    size_t count;
    size_t bytes;
};

static struct found fetch_find(struct fetch *fetch, const struct kafka_fetch_topic *topic,
                               const struct kafka_fetch_partition *asked) {
    struct broker_work *work = fetch->work;
    bool by_id = work->version >= KAFKA_FETCH_TOPIC_ID_VERSION;
    struct broker_topic *known = broker_work_topic(work, by_id, topic->name, topic->id);
    struct found found = {.partition = broker_topic_partition(known, asked->index)};
    found.error = broker_reader_check(work, found.partition, asked->leader_epoch);
    if (known == NULL && by_id && found.error == SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION) {
        found.error = SLUICE_BROKER_UNKNOWN_TOPIC_ID;
    }
    if (found.error != SLUICE_OK) {
        return found;
    }
    const struct broker_log *log = &found.partition->log;
    if (asked->fetch_offset < log->start_offset || asked->fetch_offset > log->next_offset) {
        found.error = SLUICE_BROKER_OFFSET_OUT_OF_RANGE;
        return found;
    }
    found.first = broker_log_find(log, asked->fetch_offset);
    size_t partition_max = asked->max_bytes < 0 ? 0 : (size_t)asked->max_bytes;
    while (found.first + found.count < log->count) {
        size_t size = broker_log_at(log, found.first + found.count)->size;
        bool fits = found.bytes + size <= partition_max && fetch->bytes + size <= fetch->bytes_max;
        /* The first batch of an answer goes whatever its size, or nobody would get on (KIP-74). */
        if (!fits && fetch->bytes > 0) {
            break;
        }
        found.bytes += size;
        fetch->bytes += size;
        found.count++;
    }
    return found;
}

static void write_found(struct broker_work *work, const struct kafka_fetch_partition *asked,
                        const struct found *found) {
    struct kafka_fetch_outcome outcome = {.index = asked->index,
                                          .error_code = (int16_t)found->error,
                                          .high_watermark = -1,
                                          .last_stable_offset = -1,
                                          .log_start_offset = -1,
                                          .leader_id = -1,
                                          .leader_epoch = -1,
                                          .records_size = (uint32_t)found->bytes};
    if (found->error == SLUICE_OK) {
        outcome.high_watermark = found->partition->log.next_offset;
        outcome.last_stable_offset = outcome.high_watermark;
        outcome.log_start_offset = found->partition->log.start_offset;
    } else if (found->error == SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER && found->partition != NULL &&
               found->partition->leader != 0) {
        outcome.leader_id = found->partition->leader;
        outcome.leader_epoch = found->partition->leader_epoch;
    }
    struct kafka_writer *writer = &work->output->writer;
    broker_output_reserve(work->output, PARTITION_SIZE_MAX + found->bytes);
    kafka_fetch_response_partition(writer, work->version, &outcome);
    for (size_t i = 0; i < found->count; i++) {
        const struct broker_batch *batch = broker_log_at(&found->partition->log, found->first + i);
        kafka_write_raw(writer, batch->bytes, batch->size);
    }
    kafka_fetch_response_partition_end(writer, work->version, &outcome);
}

/* True when the answer should leave now. */
static bool fetch_is_ready(struct broker_work *work, struct kafka_fetch_request request) {
    struct fetch fetch = {work, 0, ANSWER_BYTES_MAX};
    struct kafka_fetch_topic topic;
    struct kafka_fetch_partition partition;
    bool asked_any = false;
    while (kafka_fetch_request_next(&request, &topic)) {
        while (kafka_fetch_topic_next(&topic, &partition)) {
            asked_any = true;
            if (fetch_find(&fetch, &topic, &partition).error != SLUICE_OK) {
                return true;
            }
        }
    }
    return !asked_any || request.min_bytes <= 0 || fetch.bytes >= (size_t)request.min_bytes;
}

static bool fetch_waits(struct broker_work *work, const struct kafka_fetch_request *request) {
    int64_t wait_ms = request->max_wait_ms < WAIT_MS_MAX ? request->max_wait_ms : WAIT_MS_MAX;
    if (wait_ms <= 0) {
        return false;
    }
    work->request->deadline_ns = work->request->begun_ns + (uint64_t)wait_ms * 1000000;
    return work->now_ns < work->request->deadline_ns && !fetch_is_ready(work, *request);
}

enum broker_verdict broker_handle_fetch(struct broker_work *work) {
    struct kafka_fetch_request request;
    if (!kafka_fetch_request_open(&request, &work->body, work->version)) {
        return BROKER_CLOSE;
    }
    if (fetch_waits(work, &request)) {
        return BROKER_WAIT;
    }
    struct fetch fetch = {work, 0, ANSWER_BYTES_MAX};
    if (request.max_bytes >= 0 && (size_t)request.max_bytes < fetch.bytes_max) {
        fetch.bytes_max = (size_t)request.max_bytes;
    }
    struct kafka_writer *writer = &work->output->writer;
    broker_output_reserve(work->output, HEAD_SIZE_MAX);
    size_t frame_at = kafka_fetch_response_begin(writer, work->version, work->correlation_id,
                                                 (int32_t)work->request->effects.throttle_ms,
                                                 SLUICE_OK, 0, request.topic_count);
    struct kafka_fetch_topic topic;
    struct kafka_fetch_partition partition;
    while (kafka_fetch_request_next(&request, &topic)) {
        broker_output_reserve(work->output, TOPIC_SIZE_MAX + topic.name.size);
        kafka_fetch_response_topic(writer, work->version, topic.name, topic.id,
                                   topic.partition_count);
        while (kafka_fetch_topic_next(&topic, &partition)) {
            struct found found = fetch_find(&fetch, &topic, &partition);
            write_found(work, &partition, &found);
        }
        broker_output_reserve(work->output, TOPIC_SIZE_MAX);
        kafka_fetch_response_topic_end(writer, work->version);
    }
    broker_output_reserve(work->output, HEAD_SIZE_MAX);
    kafka_fetch_response_end(writer, work->version, frame_at);
    return BROKER_ANSWERED;
}
