/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Produce: looks at each batch as Kafka does, in Kafka's order, and appends it or says why not. */
#include <stdlib.h>

#include "broker/handlers.h"
#include "broker/produced.h"
#include "protocol/produce.h"

enum { HEAD_SIZE_MAX = 64, TOPIC_SIZE_MAX = 32, OUTCOME_SIZE_MAX = 64, ENDPOINT_SIZE_MAX = 24 };
enum { ENDPOINTS_MAX = 32, RECORD_ERROR_SIZE = 40 };

struct produce {
    struct broker_work *work;
    int16_t acks;
    bool transactional;
    bool failed;                              /* some partition got an error */
    struct kafka_record_error *record_errors; /* of the partition being served; malloc'd */
    uint32_t record_error_count;
    uint32_t endpoint_count;
    struct kafka_node_endpoint endpoints[ENDPOINTS_MAX]; /* of leaders that were hinted at */
};

static sluice_code log_batch(struct broker_model *model, struct broker_partition *partition,
                             const struct broker_produced *produced) {
    uint32_t record_count = (uint32_t)produced->record_count;
    if (model->options.discard) {
        broker_log_skip(&partition->log, record_count);
        return SLUICE_OK;
    }
    if (!broker_log_append(&partition->log, produced->bytes, produced->size, record_count,
                           produced->max_timestamp_ms, partition->leader_epoch, model->appends)) {
        return SLUICE_BROKER_KAFKA_STORAGE_ERROR;
    }
    if (model->options.partition_bytes_max > 0) {
        broker_log_trim(&partition->log, model->options.partition_bytes_max);
    }
    return SLUICE_OK;
}

/* A batch whose turn it is. */
static sluice_code append_next(struct broker_work *work, struct broker_partition *partition,
                               const struct broker_produced *produced,
                               const struct broker_sequence_batch *sequence, int64_t *base_offset) {
    struct broker_model *model = work->model;
    bool idempotent = produced->producer_id >= 0;
    if (idempotent && !broker_sequence_reserve(&partition->producers, produced->producer_id)) {
        return SLUICE_BROKER_KAFKA_STORAGE_ERROR;
    }
    *base_offset = partition->log.next_offset;
    sluice_code code = log_batch(model, partition, produced);
    if (code != SLUICE_OK) {
        return code;
    }
    if (idempotent) {
        broker_sequence_append(&partition->producers, sequence, model->appends, *base_offset);
    }
    partition->ever_written = true;
    model->appends++;
    model->changes++;
    work->node->counters.batches++;
    work->node->counters.records += (uint64_t)produced->record_count;
    work->node->counters.batch_bytes += produced->size;
    return SLUICE_OK;
}

static sluice_code append(struct broker_work *work, struct broker_partition *partition,
                          const struct broker_produced *produced, int64_t *base_offset,
                          const char **why) {
    struct broker_sequence_batch sequence = {
        .producer_id = produced->producer_id,
        .first_sequence = produced->base_sequence,
        .last_sequence = kafka_sequence_add(produced->base_sequence, produced->record_count - 1),
        .epoch = produced->producer_epoch,
    };
    if (produced->producer_id < 0) {
        return append_next(work, partition, produced, &sequence, base_offset);
    }
    bool must_begin_with_0 =
        work->model->options.first_sequence >= SLUICE_BROKER_FIRST_SEQUENCE_4_5 &&
        !partition->ever_written;
    switch (broker_sequence_check(&partition->producers, &work->node->horizon, &sequence,
                                  must_begin_with_0, base_offset)) {
    case BROKER_SEQUENCE_DUPLICATE:
        work->node->counters.duplicates++;
        return SLUICE_OK;
    case BROKER_SEQUENCE_OLD_EPOCH:
        *why = "the producer's epoch is older than the last one";
        return SLUICE_BROKER_INVALID_PRODUCER_EPOCH;
    case BROKER_SEQUENCE_OUT_OF_ORDER:
        *why = "the batch's sequence does not follow the last one";
        return SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case BROKER_SEQUENCE_NEXT:
        break;
    }
    return append_next(work, partition, produced, &sequence, base_offset);
}

/* Compacted topics: names the records without a key. */
static sluice_code check_keys(struct produce *produce, const struct broker_produced *produced,
                              const char **why) {
    int32_t *numbers;
    uint32_t count;
    sluice_code code =
        broker_produced_keyless(produced, &produce->work->model->inflater, &numbers, &count, why);
    if (count > 0) {
        produce->record_errors = calloc(count, sizeof *produce->record_errors);
        produce->record_error_count = produce->record_errors != NULL ? count : 0;
    }
    for (uint32_t i = 0; i < produce->record_error_count; i++) {
        produce->record_errors[i] =
            (struct kafka_record_error){numbers[i], kafka_text_of("the record has no key")};
    }
    free(numbers);
    return code;
}

static sluice_code judge(struct produce *produce, const struct broker_topic *topic,
                         struct broker_partition *partition, struct kafka_bytes records,
                         int64_t *base_offset, const char **why) {
    struct broker_work *work = produce->work;
    struct broker_produced produced;
    if (produce->transactional) {
        return SLUICE_BROKER_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
    if (partition == NULL) {
        return topic == NULL && work->version >= KAFKA_PRODUCE_TOPIC_ID_VERSION
                   ? SLUICE_BROKER_UNKNOWN_TOPIC_ID
                   : SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    sluice_code code = broker_produced_read(&produced, records, work->version, why);
    if (code != SLUICE_OK) {
        return code;
    }
    if (produce->acks < -1 || produce->acks > 1) {
        return SLUICE_BROKER_INVALID_REQUIRED_ACKS;
    }
    if (partition->leader != work->node->id) {
        return SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER;
    }
    const sluice_broker_options *options = &work->model->options;
    uint32_t message_bytes_max =
        topic->message_bytes_max != 0 ? topic->message_bytes_max : options->message_bytes_max;
    code = broker_produced_check(&produced, message_bytes_max, options->check,
                                 &work->model->inflater, why);
    if (code == SLUICE_OK && topic->keys_required) {
        code = check_keys(produce, &produced, why);
    }
    return code == SLUICE_OK ? append(work, partition, &produced, base_offset, why) : code;
}

/* Tells who leads now, from version 10 on (KIP-951). */
static void hint_leader(struct produce *produce, const struct broker_partition *partition,
                        struct kafka_produce_outcome *outcome) {
    const struct broker_node *leader = broker_model_node(produce->work->model, partition->leader);
    if (leader == NULL || leader == produce->work->node || produce->work->version < 10) {
        return;
    }
    outcome->leader_id = partition->leader;
    outcome->leader_epoch = partition->leader_epoch;
    for (uint32_t i = 0; i < produce->endpoint_count; i++) {
        if (produce->endpoints[i].node_id == leader->id) {
            return;
        }
    }
    if (produce->endpoint_count < ENDPOINTS_MAX) {
        produce->endpoints[produce->endpoint_count++] = (struct kafka_node_endpoint){
            leader->id, kafka_text_of(leader->host), leader->port, KAFKA_TEXT_NULL};
    }
}

/* With acks=all an answer is given when all replicas have the batch, and all before it. */
static bool is_replicated(const struct produce *produce) {
    const struct broker_effects *effects = &produce->work->request->effects;
    return produce->acks == -1 && !effects->drop && !effects->cut_after && !effects->cut_half &&
           !effects->kill_after;
}

static void serve_partition(struct produce *produce, struct broker_topic *topic,
                            const struct kafka_produce_received_partition *received) {
    struct broker_work *work = produce->work;
    struct broker_partition *partition = broker_topic_partition(topic, received->index);
    struct broker_item_effects effects = {SLUICE_OK, false, false};
    if (work->model->faults.count > 0 && partition != NULL) {
        struct broker_item item = {topic->name, received->index};
        effects = broker_item_effects_of(work->model, work->node, KAFKA_PRODUCE, &item);
    }
    if (effects.move_leader) {
        broker_model_leader_pass(work->model, partition);
    }
    struct kafka_produce_outcome outcome = {.index = received->index,
                                            .base_offset = -1,
                                            .log_append_time_ms = -1,
                                            .log_start_offset = -1,
                                            .leader_id = -1,
                                            .leader_epoch = -1};
    const char *why = NULL;
    sluice_code code = effects.error;
    if (effects.error == SLUICE_OK || effects.append_first) {
        code = judge(produce, topic, partition, received->records, &outcome.base_offset, &why);
        work->node->counters.batches_refused += code != SLUICE_OK;
        work->node->counters.batches_damaged += code == SLUICE_BROKER_CORRUPT_MESSAGE;
        code = code == SLUICE_OK ? effects.error : code;
    }
    if (code == SLUICE_OK) {
        outcome.log_start_offset = partition->log.start_offset;
        if (is_replicated(produce)) {
            partition->replicated = partition->log.next_offset;
        }
    } else {
        produce->failed = true;
        outcome.base_offset = -1;
        outcome.error_code = (int16_t)code;
        outcome.error_message = kafka_text_of(why);
    }
    if (code == SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER && partition != NULL) {
        hint_leader(produce, partition, &outcome);
    }
    outcome.record_errors = produce->record_errors;
    outcome.record_error_count = produce->record_error_count;
    broker_output_reserve(work->output, OUTCOME_SIZE_MAX + outcome.error_message.size +
                                            (size_t)outcome.record_error_count * RECORD_ERROR_SIZE);
    kafka_produce_response_partition(&work->output->writer, work->version, &outcome);
    free(produce->record_errors);
    produce->record_errors = NULL;
    produce->record_error_count = 0;
}

static void finish(struct produce *produce, size_t frame_at) {
    struct broker_work *work = produce->work;
    size_t size = HEAD_SIZE_MAX;
    for (uint32_t i = 0; i < produce->endpoint_count; i++) {
        size += ENDPOINT_SIZE_MAX + produce->endpoints[i].host.size;
    }
    broker_output_reserve(work->output, size);
    kafka_produce_response_end(&work->output->writer, work->version, frame_at,
                               (int32_t)work->request->effects.throttle_ms, produce->endpoints,
                               produce->endpoint_count);
}

enum broker_verdict broker_handle_produce(struct broker_work *work) {
    struct kafka_produce_received received;
    struct kafka_produce_received_topic asked;
    struct kafka_produce_received_partition partition;
    if (!kafka_produce_request_open(&received, &work->body, work->version)) {
        return BROKER_CLOSE;
    }
    struct produce produce;
    produce.work = work;
    produce.acks = received.acks;
    produce.transactional = received.transactional_id.data != NULL;
    produce.failed = false;
    produce.record_errors = NULL;
    produce.record_error_count = 0;
    produce.endpoint_count = 0;
    size_t start = broker_output_size(work->output);
    broker_output_reserve(work->output, HEAD_SIZE_MAX);
    size_t frame_at = kafka_produce_response_begin(&work->output->writer, work->version,
                                                   work->correlation_id, received.topic_count);
    while (kafka_produce_request_next(&received, &asked)) {
        struct broker_topic *topic = broker_work_topic(
            work, work->version >= KAFKA_PRODUCE_TOPIC_ID_VERSION, asked.name, asked.id);
        broker_output_reserve(work->output, TOPIC_SIZE_MAX + asked.name.size);
        kafka_produce_response_topic(&work->output->writer, work->version, asked.name, asked.id,
                                     asked.partition_count);
        while (kafka_produce_request_topic_next(&asked, &partition)) {
            serve_partition(&produce, topic, &partition);
        }
        broker_output_reserve(work->output, TOPIC_SIZE_MAX);
        kafka_produce_response_topic_end(&work->output->writer, work->version);
    }
    finish(&produce, frame_at);
    if (received.acks == 0) {
        broker_output_cut(work->output, start);
        return produce.failed ? BROKER_CLOSE : BROKER_SILENT;
    }
    return BROKER_ANSWERED;
}
