/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/produce.h"
#include "test.h"
#include "tests/protocol/wire.h"

enum { VERSION_MIN = 3, VERSION_MAX = 13 };

/* ---- request -------------------------------------------------------------------------------- */

struct sample {
    struct vector plain, single; /* batches */
    struct kafka_produce_partition orders_partitions[2], logs_partitions[1];
    struct kafka_produce_topic topics[2];
    struct kafka_produce_request request;
};

static void sample_init(struct sample *sample, int16_t version, const char *transactional_id,
                        int16_t acks) {
    sample->plain = vector_load("batch.txt", "plain");
    sample->single = vector_load("batch.txt", "single");
    sample->orders_partitions[0] =
        (struct kafka_produce_partition){.index = 0, .records_size = (uint32_t)sample->plain.size};
    sample->orders_partitions[1] =
        (struct kafka_produce_partition){.index = 5, .records_size = (uint32_t)sample->single.size};
    sample->logs_partitions[0] =
        (struct kafka_produce_partition){.index = 2, .records_size = (uint32_t)sample->single.size};
    sample->topics[0] = (struct kafka_produce_topic){.name = kafka_text_of("orders"),
                                                     .id = orders_id,
                                                     .partitions = sample->orders_partitions,
                                                     .partition_count = 2};
    sample->topics[1] = (struct kafka_produce_topic){.name = kafka_text_of("logs"),
                                                     .id = logs_id,
                                                     .partitions = sample->logs_partitions,
                                                     .partition_count = 1};
    sample->request =
        (struct kafka_produce_request){.correlation_id = WIRE_CORRELATION_BASE + version,
                                       .client_id = wire_client_id(),
                                       .transactional_id = kafka_text_of(transactional_id),
                                       .acks = acks,
                                       .timeout_ms = 30000,
                                       .topics = sample->topics,
                                       .topic_count = 2};
}

static void sample_deinit(struct sample *sample) {
    vector_free(&sample->plain);
    vector_free(&sample->single);
}

/* As a socket would get it: scratch bytes and batches interleaved at the cuts. */
static struct kafka_writer interleave(const struct sample *sample,
                                      const struct kafka_writer *scratch, uint8_t *out,
                                      size_t out_size) {
    struct kafka_writer wire = kafka_writer_of(out, out_size);
    const struct vector *batches[] = {&sample->plain, &sample->single, &sample->single};
    const size_t cuts[] = {sample->orders_partitions[0].cut, sample->orders_partitions[1].cut,
                           sample->logs_partitions[0].cut};
    size_t sent = 0;
    for (size_t i = 0; i < 3; i++) {
        cr_assert_gt(cuts[i], sent);
        kafka_write_raw(&wire, scratch->start + sent, cuts[i] - sent);
        kafka_write_raw(&wire, batches[i]->data, batches[i]->size);
        sent = cuts[i];
    }
    kafka_write_raw(&wire, scratch->start + sent, kafka_writer_size(scratch) - sent);
    return wire;
}

static void check_request_written(int16_t version, const char *name, const char *transactional_id,
                                  int16_t acks) {
    struct vector vector = vector_load("produce.txt", "request.v%d.%s", version, name);
    struct sample sample;
    sample_init(&sample, version, transactional_id, acks);
    size_t bound = kafka_produce_request_bound(&sample.request);
    uint8_t *bytes = malloc(bound), wire_bytes[1024];
    struct kafka_writer scratch = kafka_writer_of(bytes, bound);
    kafka_produce_request_encode(&scratch, version, &sample.request);
    cr_assert_not(scratch.failed, "the bound is enough");
    struct kafka_writer wire = interleave(&sample, &scratch, wire_bytes, sizeof wire_bytes);
    wire_expect_written(&wire, &vector);
    free(bytes);
    sample_deinit(&sample);
    vector_free(&vector);
}

Test(produce, request_goes_out_around_its_batches_as_the_official_client_writes_it) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        check_request_written(version, "plain", NULL, -1);
        check_request_written(version, "transactional", "payments", 1);
    }
}

Test(produce, bound_holds_for_names_longer_than_an_id) {
    struct sample sample;
    sample_init(&sample, 9, NULL, -1);
    sample.topics[0].name = kafka_text_of("a name that is longer than the sixteen bytes of an id");
    size_t bound = kafka_produce_request_bound(&sample.request);
    uint8_t *bytes = malloc(bound);
    struct kafka_writer scratch = kafka_writer_of(bytes, bound);
    kafka_produce_request_encode(&scratch, 9, &sample.request);
    cr_assert_not(scratch.failed);
    free(bytes);
    sample_deinit(&sample);
}

Test(produce, cuts_count_from_the_frame_wherever_it_begins) {
    struct sample sample;
    uint8_t bytes[512];
    sample_init(&sample, 9, NULL, -1);
    struct kafka_writer scratch = kafka_writer_of(bytes, sizeof bytes);
    kafka_produce_request_encode(&scratch, 9, &sample.request);
    size_t cut = sample.logs_partitions[0].cut;
    kafka_produce_request_encode(&scratch, 9, &sample.request);
    cr_assert_eq(sample.logs_partitions[0].cut, cut);
    sample_deinit(&sample);
}

static void expect_topic(struct kafka_produce_received *received, int16_t version, const char *name,
                         struct kafka_uuid id, struct kafka_produce_received_topic *topic) {
    bool by_id = version >= KAFKA_PRODUCE_TOPIC_ID_VERSION;
    cr_assert(kafka_produce_request_next(received, topic));
    cr_assert(wire_text_is(topic->name, by_id ? NULL : name));
    cr_assert_eq(kafka_uuid_equal(topic->id, id), by_id);
}

static void expect_partition(struct kafka_produce_received_topic *topic, int32_t index,
                             const struct vector *batch) {
    struct kafka_produce_received_partition partition;
    cr_assert(kafka_produce_request_topic_next(topic, &partition));
    cr_assert_eq(partition.index, index);
    cr_assert_eq(partition.records.size, batch->size);
    cr_assert_arr_eq(partition.records.data, batch->data, batch->size);
}

Test(produce, request_of_the_official_client_is_read) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("produce.txt", "request.v%d.transactional", version);
        struct sample sample;
        sample_init(&sample, version, NULL, -1);
        struct kafka_reader body = wire_request_body(&vector, KAFKA_PRODUCE, version);
        struct kafka_produce_received received;
        struct kafka_produce_received_topic topic;
        struct kafka_produce_received_partition partition;
        cr_assert(kafka_produce_request_open(&received, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert(wire_text_is(received.transactional_id, "payments"));
        cr_assert_eq(received.acks, 1);
        cr_assert_eq(received.timeout_ms, 30000);
        expect_topic(&received, version, "orders", orders_id, &topic);
        expect_partition(&topic, 0, &sample.plain);
        expect_partition(&topic, 5, &sample.single);
        cr_assert_not(kafka_produce_request_topic_next(&topic, &partition));
        expect_topic(&received, version, "logs", logs_id, &topic);
        expect_partition(&topic, 2, &sample.single);
        cr_assert_not(kafka_produce_request_topic_next(&topic, &partition));
        cr_assert_not(kafka_produce_request_next(&received, &topic));
        sample_deinit(&sample);
        vector_free(&vector);
    }
}

/* ---- response: encode ----------------------------------------------------------------------- */

static void write_orders(struct kafka_writer *writer, int16_t version) {
    const struct kafka_record_error errors[] = {{1, kafka_text_of("no key")}, {2, KAFKA_TEXT_NULL}};
    struct kafka_produce_outcome good = {.base_offset = 42000000000,
                                         .log_append_time_ms = WIRE_BASE_TIMESTAMP_MS,
                                         .log_start_offset = 11,
                                         .leader_id = -1,
                                         .leader_epoch = -1};
    struct kafka_produce_outcome invalid = {.index = 5,
                                            .error_code = 87,
                                            .base_offset = -1,
                                            .log_append_time_ms = -1,
                                            .log_start_offset = -1,
                                            .record_errors = errors,
                                            .record_error_count = 2,
                                            .error_message = kafka_text_of("two are bad"),
                                            .leader_id = -1,
                                            .leader_epoch = -1};
    kafka_produce_response_topic(writer, version, kafka_text_of("orders"), orders_id, 2);
    kafka_produce_response_partition(writer, version, &good);
    kafka_produce_response_partition(writer, version, &invalid);
    kafka_produce_response_topic_end(writer, version);
}

static void write_logs(struct kafka_writer *writer, int16_t version) {
    struct kafka_produce_outcome moved = {.index = 2,
                                          .error_code = 6,
                                          .base_offset = -1,
                                          .log_append_time_ms = -1,
                                          .log_start_offset = -1,
                                          .leader_id = 3,
                                          .leader_epoch = 9};
    kafka_produce_response_topic(writer, version, kafka_text_of("logs"), logs_id, 1);
    kafka_produce_response_partition(writer, version, &moved);
    kafka_produce_response_topic_end(writer, version);
}

Test(produce, response_is_written_as_the_official_broker_does) {
    const struct kafka_node_endpoint endpoints[] = {
        {3, kafka_text_of("broker-3.example"), 9093, kafka_text_of("r3")},
        {4, kafka_text_of("b4"), 9094, KAFKA_TEXT_NULL}};
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("produce.txt", "response.v%d.plain", version);
        uint8_t bytes[512];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        size_t frame_at =
            kafka_produce_response_begin(&writer, version, WIRE_CORRELATION_BASE + version, 2);
        write_orders(&writer, version);
        write_logs(&writer, version);
        kafka_produce_response_end(&writer, version, frame_at, 17, endpoints, 2);
        wire_expect_written(&writer, &vector);
        vector_free(&vector);
    }
}

/* ---- response: decode ----------------------------------------------------------------------- */

static void expect_good(struct kafka_produce_response *response, int16_t version) {
    struct kafka_produce_answer answer;
    struct kafka_record_error error;
    bool by_id = version >= KAFKA_PRODUCE_TOPIC_ID_VERSION;
    cr_assert(kafka_produce_response_next(response, &answer));
    cr_assert(wire_text_is(answer.topic_name, by_id ? NULL : "orders"));
    cr_assert_eq(kafka_uuid_equal(answer.topic_id, orders_id), by_id);
    cr_assert_eq(answer.index, 0);
    cr_assert_eq(answer.error_code, 0);
    cr_assert_eq(answer.base_offset, 42000000000);
    cr_assert_eq(answer.log_append_time_ms, WIRE_BASE_TIMESTAMP_MS);
    cr_assert_eq(answer.log_start_offset, version >= 5 ? 11 : -1);
    cr_assert_eq(answer.leader_id, -1);
    cr_assert_null(answer.error_message.data);
    cr_assert_not(kafka_produce_answer_next_error(&answer, &error));
}

static void expect_invalid(struct kafka_produce_response *response, int16_t version) {
    struct kafka_produce_answer answer;
    struct kafka_record_error error;
    cr_assert(kafka_produce_response_next(response, &answer));
    cr_assert_eq(answer.index, 5);
    cr_assert_eq(answer.error_code, 87);
    cr_assert_eq(answer.base_offset, -1);
    cr_assert_eq(answer.record_error_count, version >= 8 ? 2 : 0);
    cr_assert(wire_text_is(answer.error_message, version >= 8 ? "two are bad" : NULL));
    if (version >= 8) {
        cr_assert(kafka_produce_answer_next_error(&answer, &error));
        cr_assert_eq(error.batch_index, 1);
        cr_assert(wire_text_is(error.message, "no key"));
        cr_assert(kafka_produce_answer_next_error(&answer, &error));
        cr_assert_eq(error.batch_index, 2);
        cr_assert(wire_text_is(error.message, NULL));
    }
    cr_assert_not(kafka_produce_answer_next_error(&answer, &error));
}

static void expect_moved(struct kafka_produce_response *response, int16_t version) {
    struct kafka_produce_answer answer;
    struct kafka_node_endpoint endpoint;
    bool by_id = version >= KAFKA_PRODUCE_TOPIC_ID_VERSION;
    cr_assert(kafka_produce_response_next(response, &answer));
    cr_assert(wire_text_is(answer.topic_name, by_id ? NULL : "logs"));
    cr_assert_eq(kafka_uuid_equal(answer.topic_id, logs_id), by_id);
    cr_assert_eq(answer.error_code, 6);
    cr_assert_eq(answer.leader_id, version >= 10 ? 3 : -1);
    cr_assert_eq(answer.leader_epoch, version >= 10 ? 9 : -1);
    cr_assert_eq(response->endpoint_count, version >= 10 ? 2 : 0);
    if (version >= 10) {
        cr_assert(kafka_produce_response_next_endpoint(response, &endpoint));
        cr_assert_eq(endpoint.node_id, 3);
        cr_assert(wire_text_is(endpoint.host, "broker-3.example"));
        cr_assert_eq(endpoint.port, 9093);
        cr_assert(wire_text_is(endpoint.rack, "r3"));
        cr_assert(kafka_produce_response_next_endpoint(response, &endpoint));
        cr_assert(wire_text_is(endpoint.rack, NULL));
    }
    cr_assert_not(kafka_produce_response_next_endpoint(response, &endpoint));
}

Test(produce, response_of_the_official_broker_is_read) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("produce.txt", "response.v%d.plain", version);
        struct kafka_reader body = wire_response_body(&vector, KAFKA_PRODUCE, version);
        struct kafka_produce_response response;
        struct kafka_produce_answer answer;
        cr_assert(kafka_produce_response_open(&response, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(response.throttle_time_ms, 17);
        cr_assert_eq(response.topic_count, 2);
        expect_good(&response, version);
        expect_invalid(&response, version);
        expect_moved(&response, version);
        cr_assert_not(kafka_produce_response_next(&response, &answer));
        vector_free(&vector);
    }
}

Test(produce, empty_response_is_read) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("produce.txt", "response.v%d.empty", version);
        struct kafka_reader body = wire_response_body(&vector, KAFKA_PRODUCE, version);
        struct kafka_produce_response response;
        struct kafka_produce_answer answer;
        cr_assert(kafka_produce_response_open(&response, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_not(kafka_produce_response_next(&response, &answer));
        vector_free(&vector);
    }
}

Test(produce, topics_without_partitions_are_passed_over) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        uint8_t bytes[512];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        size_t frame_at = kafka_produce_response_begin(&writer, version, 1, 4);
        for (int i = 0; i < 4; i++) {
            if (i == 2) {
                write_logs(&writer, version);
            } else {
                kafka_produce_response_topic(&writer, version, kafka_text_of("none"), orders_id, 0);
                kafka_produce_response_topic_end(&writer, version);
            }
        }
        kafka_produce_response_end(&writer, version, frame_at, 0, NULL, 0);
        struct kafka_reader body = kafka_reader_of(bytes + 4, kafka_writer_size(&writer) - 4);
        struct kafka_produce_response response;
        struct kafka_produce_answer answer;
        cr_assert_eq(kafka_correlation_decode(&body), 1);
        kafka_response_header_finish(&body, KAFKA_PRODUCE, version);
        cr_assert(kafka_produce_response_open(&response, &body, version));
        cr_assert(kafka_produce_response_next(&response, &answer));
        cr_assert_eq(answer.index, 2);
        cr_assert_not(kafka_produce_response_next(&response, &answer));
        cr_assert_not(kafka_produce_response_next(&response, &answer));
    }
}
