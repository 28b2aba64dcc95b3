/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include "protocol/codec.h"
#include "protocol/record.h"
#include "test.h"

enum { TIMESTAMP_MS = 1700000000 };

static size_t records_make(uint8_t *out, int32_t count) {
    uint8_t *at = out;
    for (int32_t i = 0; i < count; i++) {
        char key[32], value[32];
        int key_size = snprintf(key, sizeof key, "key-%d", (int)i);
        int value_size = snprintf(value, sizeof value, "value-%d", (int)i);
        size_t body_size =
            kafka_record_body_size(key_size, value_size, 1) + kafka_record_header_size(4, 2);
        at += kafka_record_prefix_encode(at, body_size, i, i);
        at = kafka_record_body_put(at, key, key_size, value, value_size, 1);
        at = kafka_record_header_put(at, "name", 4, "hv", 2);
    }
    return (size_t)(at - out);
}

static size_t gzip_make(uint8_t *out, size_t room, const uint8_t *in, size_t size) {
    const struct kafka_codec *codec = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    void *memory = aligned_alloc(16, (codec->compress_memory_size + 15) / 16 * 16);
    kafka_compress_begin(codec, memory, codec->compress_memory_size, -1);
    struct kafka_codec_flow flow = {in, size, out, room};
    cr_assert_eq(kafka_compress_step(codec, memory, &flow, true), KAFKA_CODEC_DONE);
    free(memory);
    return room - flow.out_size;
}

struct made batch_make(struct sample sample) {
    struct made made;
    uint8_t plain[12000];
    uint8_t *records = made.bytes + KAFKA_BATCH_HEADER_SIZE;
    size_t size = records_make(plain, sample.count);
    cr_assert_leq(size, sizeof plain);
    if (sample.codec == KAFKA_CODEC_GZIP) {
        size = gzip_make(records, sizeof made.bytes - KAFKA_BATCH_HEADER_SIZE, plain, size);
    } else {
        memcpy(records, plain, size);
    }
    made.size = KAFKA_BATCH_HEADER_SIZE + size;
    struct kafka_batch_header header = {
        .leader_epoch = -1,
        .attributes = sample.codec,
        .last_offset_delta = sample.count - 1,
        .base_timestamp_ms = TIMESTAMP_MS,
        .max_timestamp_ms = TIMESTAMP_MS + sample.count - 1,
        .producer_id = sample.producer_id,
        .producer_epoch = sample.epoch,
        .base_sequence = sample.sequence,
        .record_count = sample.count,
        .records_size = (uint32_t)size,
    };
    batch_remake(&made, &header);
    return made;
}

void batch_remake(struct made *batch, const struct kafka_batch_header *header) {
    size_t size = batch->size - KAFKA_BATCH_HEADER_SIZE;
    uint32_t crc = kafka_crc32c(0, batch->bytes + KAFKA_BATCH_HEADER_SIZE, size);
    kafka_batch_header_encode(batch->bytes, header, kafka_batch_sum_of(crc, size));
}

struct kafka_batch_header batch_header(const struct made *batch) {
    struct kafka_batch_header header;
    struct kafka_bytes records;
    cr_assert_eq(kafka_batch_decode(batch->bytes, batch->size, &header, &records),
                 KAFKA_BATCH_GOOD);
    return header;
}

void client_init(struct client *client, sluice_broker_options options, uint32_t partition_count) {
    struct broker_topic *topic;
    *client = (struct client){.produce_version = 12, .now_ns = 1};
    cr_assert(broker_model_init(&client->model, &options));
    for (uint32_t i = 0; i < client->model.node_count; i++) {
        client->model.nodes[i].host = strdup("127.0.0.1");
        client->model.nodes[i].port = (uint16_t)(9092 + i);
    }
    cr_assert_eq(
        broker_model_topic_create(&client->model, kafka_text_of("t"), partition_count, &topic),
        SLUICE_OK);
}

void client_deinit(struct client *client) {
    broker_output_deinit(&client->output);
    broker_model_deinit(&client->model);
}

struct broker_partition *client_partition(struct client *client, int32_t partition) {
    return broker_topic_partition(broker_topics_by_name(&client->model.topics, kafka_text_of("t")),
                                  partition);
}

enum broker_verdict client_serve_again(struct client *client, int32_t node) {
    broker_output_reset(&client->output);
    return broker_model_serve(&client->model, broker_model_node(&client->model, node),
                              &client->request, client->now_ns, &client->output);
}

enum broker_verdict client_serve(struct client *client, int32_t node, const uint8_t *frame,
                                 size_t size) {
    client->request = (struct broker_request){.frame = frame + 4, .size = size - 4};
    return client_serve_again(client, node);
}

struct kafka_reader client_body(const struct client *client, int16_t api_key, int16_t version) {
    size_t size = broker_output_size(&client->output), frame_size;
    const uint8_t *frame = client->output.writer.start;
    cr_assert_eq(kafka_frame_measure(frame, size, size, &frame_size), KAFKA_FRAME_WHOLE);
    cr_assert_eq(frame_size, size);
    struct kafka_reader body = kafka_reader_of(frame + 4, size - 4);
    cr_assert_eq(kafka_correlation_decode(&body), client->correlation_id);
    kafka_response_header_finish(&body, api_key, version);
    return body;
}

size_t produce_frame(struct client *client, uint8_t *frame, size_t room, int32_t partition,
                     int16_t acks, const void *batch, size_t batch_size) {
    const struct broker_topic *topic =
        broker_topics_by_name(&client->model.topics, kafka_text_of("t"));
    struct kafka_produce_partition sent = {.index = partition,
                                           .records_size = (uint32_t)batch_size};
    struct kafka_produce_topic sent_topic = {
        .name = topic->name, .id = topic->id, .partitions = &sent, .partition_count = 1};
    struct kafka_produce_request request = {.correlation_id = ++client->correlation_id,
                                            .client_id = kafka_text_of("test"),
                                            .transactional_id = KAFKA_TEXT_NULL,
                                            .acks = acks,
                                            .timeout_ms = 1000,
                                            .topics = &sent_topic,
                                            .topic_count = 1};
    uint8_t scratch[1024];
    struct kafka_writer writer = kafka_writer_of(scratch, sizeof scratch);
    kafka_produce_request_encode(&writer, client->produce_version, &request);
    size_t scratch_size = kafka_writer_size(&writer);
    cr_assert(!writer.failed && scratch_size + batch_size <= room);
    memcpy(frame, scratch, sent.cut);
    if (batch_size > 0) {
        memcpy(frame + sent.cut, batch, batch_size);
    }
    memcpy(frame + sent.cut + batch_size, scratch + sent.cut, scratch_size - sent.cut);
    return scratch_size + batch_size;
}

struct answered client_read_answer(struct client *client, enum broker_verdict verdict) {
    struct answered answered = {.verdict = verdict, .error_code = -1000};
    if (verdict != BROKER_ANSWERED) {
        cr_assert(verdict == BROKER_HALF || broker_output_size(&client->output) == 0);
        return answered;
    }
    struct kafka_reader body = client_body(client, KAFKA_PRODUCE, client->produce_version);
    struct kafka_produce_response response;
    struct kafka_produce_answer answer;
    struct kafka_node_endpoint endpoint = {.port = 0};
    cr_assert(kafka_produce_response_open(&response, &body, client->produce_version));
    cr_assert(kafka_produce_response_next(&response, &answer));
    answered.error_code = answer.error_code;
    answered.base_offset = answer.base_offset;
    answered.log_start_offset = answer.log_start_offset;
    answered.leader_id = answer.leader_id;
    answered.leader_epoch = answer.leader_epoch;
    answered.throttle_time_ms = response.throttle_time_ms;
    answered.endpoint_count = response.endpoint_count;
    if (kafka_produce_response_next_endpoint(&response, &endpoint)) {
        answered.endpoint_port = (uint16_t)endpoint.port;
    }
    return answered;
}

struct answered client_produce_bytes(struct client *client, int32_t node, int32_t partition,
                                     int16_t acks, const void *batch, size_t batch_size) {
    static _Thread_local uint8_t frame[64 << 10];
    size_t size = produce_frame(client, frame, sizeof frame, partition, acks, batch, batch_size);
    return client_read_answer(client, client_serve(client, node, frame, size));
}

struct answered client_produce(struct client *client, int32_t partition, struct sample sample) {
    struct made made = batch_make(sample);
    const struct broker_partition *found = client_partition(client, partition);
    return client_produce_bytes(client, found == NULL ? 1 : found->leader, partition, -1,
                                made.bytes, made.size);
}
