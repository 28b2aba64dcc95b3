/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker model: requests in, answers out, and never an invalid log.
 *
 * Input: bytes that choose the cluster, then operations: mostly requests, each with its size, of
 * which the batches may get right checksums; now and then a fault, a restart, a deletion, a move.
 * Checked: a request ends; an answer is one whole frame with the right correlation id that our
 * client understands; every batch in every log is whole, in its place, and as good as the model was
 * told to look.
 */
#include "broker/model.h"
#include "protocol/codec.h"
#include "protocol/produce.h"
#include "stress/fuzz/fuzz.h"
#include "stress/fuzz/repair.h"
#include "tests/protocol/walk.h"

enum { NODES_MAX = 3, OPERATIONS_MAX = 64, TURNS_MAX = 20 };

struct cluster {
    struct broker_model model;
    struct broker_output output;
    uint64_t now_ns;
};

static void cluster_start(struct cluster *cluster, struct fuzz_input *input) {
    static const struct kafka_text name = {"orders", 6};
    struct broker_topic *topic;
    *cluster = (struct cluster){.now_ns = 1};
    uint8_t choice = fuzz_byte(input);
    sluice_broker_limit limit = {(int16_t)(choice % 23), (int16_t)(fuzz_byte(input) % 14)};
    sluice_broker_options options = {
        .broker_count = 1 + choice % NODES_MAX,
        .check = (sluice_broker_check)(choice >> 2 & 3),
        .first_sequence = (sluice_broker_first_sequence)(choice >> 4 & 1) * 2,
        .discard = choice >> 5 == 7,
        .partition_bytes_max = choice >> 5 == 6 ? 300 : 0,
        .limits = &limit,
        .limit_count = choice >> 5 == 5,
    };
    RT_ASSERT(broker_model_init(&cluster->model, &options));
    for (uint32_t i = 0; i < cluster->model.node_count; i++) {
        cluster->model.nodes[i].host = strdup("127.0.0.1");
        cluster->model.nodes[i].port = (uint16_t)(9092 + i);
    }
    RT_ASSERT(broker_model_topic_create(&cluster->model, name, 2, &topic) == SLUICE_OK);
    topic->keys_required = fuzz_byte(input) % 8 == 1;
}

/* ---- logs ------------------------------------------------------------------------------------ */

static void batch_check(const struct broker_model *model, const struct broker_batch *batch) {
    sluice_broker_check check = model->options.check;
    RT_ASSERT(batch->size >= KAFKA_BATCH_HEADER_SIZE);
    RT_ASSERT(batch->last_offset >= batch->base_offset);
    struct kafka_batch_header header;
    struct kafka_bytes records;
    enum kafka_batch_status status =
        kafka_batch_decode(batch->bytes, batch->size, &header, &records);
    if (check < SLUICE_BROKER_CHECK_CRC && status == KAFKA_BATCH_BAD_CRC) {
        return;
    }
    RT_ASSERT(status == KAFKA_BATCH_GOOD);
    RT_ASSERT(KAFKA_BATCH_HEADER_SIZE + records.size == batch->size);
    RT_ASSERT(header.base_offset == batch->base_offset);
    RT_ASSERT(header.record_count == batch->last_offset - batch->base_offset + 1);
    if (check >= SLUICE_BROKER_CHECK_RECORDS &&
        (header.attributes & KAFKA_BATCH_CODEC_MASK) == KAFKA_CODEC_NONE) {
        RT_ASSERT(walk_records(records.data, records.size, header.record_count));
    }
}

static void log_check(const struct broker_model *model, const struct broker_log *log) {
    int64_t next = log->start_offset;
    RT_ASSERT(log->start_offset >= 0);
    for (size_t i = 0; i < log->count; i++) {
        const struct broker_batch *batch = broker_log_at(log, i);
        RT_ASSERT(batch->base_offset == next);
        batch_check(model, batch);
        next = batch->last_offset + 1;
    }
    RT_ASSERT(log->next_offset == next);
}

static void logs_check(const struct broker_model *model) {
    for (uint32_t i = 0; i < model->topics.slot_count; i++) {
        const struct broker_topic *topic = model->topics.slots[i];
        for (uint32_t n = 0; topic != NULL && n < topic->partition_count; n++) {
            log_check(model, &topic->partitions[n].log);
        }
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* `frame` is ours: what the request refers to in it may be changed. */
static void batches_repair(uint8_t *frame, size_t size) {
    struct kafka_reader reader = kafka_reader_of(frame, size);
    struct kafka_request_header header;
    struct kafka_produce_received received;
    struct kafka_produce_received_topic topic;
    struct kafka_produce_received_partition partition;
    if (!kafka_request_header_decode(&reader, &header) || header.api_key != KAFKA_PRODUCE ||
        !kafka_api_is_spoken(header.api_key, header.api_version) ||
        !kafka_produce_request_open(&received, &reader, header.api_version)) {
        return;
    }
    while (kafka_produce_request_next(&received, &topic)) {
        while (kafka_produce_request_topic_next(&topic, &partition)) {
            if (partition.records.data != NULL) {
                repair_batch(frame + (partition.records.data - frame), partition.records.size);
            }
        }
    }
}

static bool answer_is_known(int16_t api_key) {
    return api_key == KAFKA_PRODUCE || api_key == KAFKA_METADATA || api_key == KAFKA_API_VERSIONS ||
           api_key == KAFKA_INIT_PRODUCER_ID;
}

static void answer_check(const struct cluster *cluster, const struct broker_request *asked) {
    size_t size = broker_output_size(&cluster->output);
    const uint8_t *frame = cluster->output.writer.start;
    const struct broker_effects *effects = &asked->effects;
    size_t frame_size;
    if (effects->garbage || effects->huge_frame || effects->wrong_correlation) {
        return;
    }
    RT_ASSERT(kafka_frame_measure(frame, size, size, &frame_size) == KAFKA_FRAME_WHOLE);
    RT_ASSERT(frame_size == size);
    struct kafka_reader reader = kafka_reader_of(frame + 4, size - 4);
    RT_ASSERT(kafka_correlation_decode(&reader) == asked->header.correlation_id);
    if (answer_is_known(asked->header.api_key)) {
        const struct kafka_api_info *api = kafka_api_find(asked->header.api_key);
        int16_t version = asked->header.api_version; /* of ApiVersions any may have been asked */
        version = version > api->version_max ? api->version_max : version;
        RT_ASSERT(walk_response(frame + 4, size - 4, asked->header.api_key, version));
    }
}

/* Serves it to its end; time goes on while it waits. */
static void request_serve(struct cluster *cluster, int32_t node, uint8_t *frame, size_t size) {
    struct broker_request asked = {.frame = frame, .size = size};
    enum broker_verdict verdict = BROKER_WAIT;
    for (int i = 0; i < TURNS_MAX && verdict == BROKER_WAIT; i++) {
        broker_output_reset(&cluster->output);
        verdict = broker_model_serve(&cluster->model, broker_model_node(&cluster->model, node),
                                     &asked, cluster->now_ns, &cluster->output);
        if (verdict == BROKER_WAIT) {
            RT_ASSERT(asked.deadline_ns > cluster->now_ns);
            cluster->now_ns = asked.deadline_ns;
        }
    }
    RT_ASSERT(verdict != BROKER_WAIT);
    if (verdict == BROKER_ANSWERED) {
        answer_check(cluster, &asked);
    } else {
        RT_ASSERT(verdict == BROKER_HALF || broker_output_size(&cluster->output) == 0);
    }
}

static void request_take(struct cluster *cluster, struct fuzz_input *input, int32_t node,
                         bool repair) {
    size_t size;
    uint8_t *frame = fuzz_take(input, (size_t)fuzz_number(input, 2), &size);
    if (repair) {
        batches_repair(frame, size);
    }
    request_serve(cluster, node, frame, size);
    free(frame);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void fault_take(struct cluster *cluster, struct fuzz_input *input) {
    sluice_broker_fault fault = sluice_broker_fault_any(
        (sluice_broker_action)(fuzz_byte(input) % (SLUICE_FAULT_HUGE_FRAME + 1)));
    fault.api_key = (int16_t)(fuzz_byte(input) % 24 - 1);
    fault.error_code = (int16_t)(fuzz_byte(input) % 120 + 1);
    fault.partition = fuzz_byte(input) % 4 - 1;
    fault.skip = fuzz_byte(input) % 3;
    fault.count = fuzz_byte(input) % 3;
    fault.delay_ms = 100;
    RT_ASSERT(broker_faults_add(&cluster->model.faults, &fault) != 0);
}

static void operation_take(struct cluster *cluster, struct fuzz_input *input) {
    uint8_t operation = fuzz_byte(input);
    int32_t node = 1 + (operation >> 4) % (int32_t)cluster->model.node_count;
    struct broker_node *chosen = broker_model_node(&cluster->model, node);
    struct broker_topic *topic =
        broker_topics_by_name(&cluster->model.topics, (struct kafka_text){"orders", 6});
    struct broker_partition *partition = broker_topic_partition(topic, operation >> 6);
    switch (operation % 16) {
    case 15:
        fault_take(cluster, input);
        break;
    case 14:
        broker_model_kill(&cluster->model, chosen);
        break;
    case 13:
        broker_model_restart(&cluster->model, chosen, (sluice_broker_keep)(fuzz_byte(input) % 3));
        chosen->stalled = false;
        break;
    case 12:
        if (partition != NULL) {
            broker_model_leader_move(&cluster->model, partition, node);
        }
        break;
    case 11:
        if (topic != NULL && fuzz_byte(input) % 8 == 7) {
            broker_topics_remove(&cluster->model.topics, topic);
        }
        break;
    default:
        request_take(cluster, input, node, operation % 2 == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct cluster cluster;
    cluster_start(&cluster, &input);
    for (int i = 0; i < OPERATIONS_MAX && input.left > 0; i++) {
        operation_take(&cluster, &input);
        logs_check(&cluster.model);
    }
    broker_output_deinit(&cluster.output);
    broker_model_deinit(&cluster.model);
    return 0;
}
