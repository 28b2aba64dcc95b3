/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/metadata.h"
#include "test.h"
#include "tests/protocol/wire.h"

enum { VERSION_MAX = 13 };

/* ---- request -------------------------------------------------------------------------------- */

static void check_request(int16_t version, const char *name,
                          struct kafka_metadata_request request) {
    struct vector vector = vector_load("metadata.txt", "request.v%d.%s", version, name);
    request.correlation_id = WIRE_CORRELATION_BASE + version;
    request.client_id = wire_client_id();
    size_t bound = kafka_metadata_request_bound(&request);
    uint8_t *bytes = malloc(bound);
    struct kafka_writer writer = kafka_writer_of(bytes, bound);
    kafka_metadata_request_encode(&writer, version, &request);
    wire_expect_written(&writer, &vector);
    struct kafka_reader body = wire_request_body(&vector, KAFKA_METADATA, version);
    struct kafka_metadata_asked asked;
    struct kafka_metadata_request_topic topic;
    cr_assert(kafka_metadata_request_open(&asked, &body, version));
    wire_expect_spent(&body, &vector);
    cr_assert_eq(asked.every_topic, request.every_topic);
    cr_assert_eq(asked.topic_count, request.topic_count);
    cr_assert_eq(asked.allow_auto_topic_creation, version < 4 || request.allow_auto_topic_creation);
    for (uint32_t i = 0; i < request.topic_count; i++) {
        cr_assert(kafka_metadata_request_next(&asked, &topic));
        cr_assert(kafka_text_equal(topic.name, request.topics[i].name));
        cr_assert(kafka_uuid_equal(topic.id, request.topics[i].id));
    }
    cr_assert_not(kafka_metadata_request_next(&asked, &topic));
    free(bytes);
    vector_free(&vector);
}

Test(metadata, request_is_written_and_read_as_the_official_client_does) {
    struct kafka_metadata_request_topic named[] = {{.name = kafka_text_of("orders")},
                                                   {.name = kafka_text_of("logs")}};
    struct kafka_metadata_request_topic by_id[] = {{.name = KAFKA_TEXT_NULL, .id = orders_id}};
    for (int16_t version = 0; version <= VERSION_MAX; version++) {
        check_request(version, "all", (struct kafka_metadata_request){.every_topic = true});
        check_request(version, "named",
                      (struct kafka_metadata_request){
                          .topics = named, .topic_count = 2, .allow_auto_topic_creation = true});
        if (version >= 1) {
            check_request(version, "none", (struct kafka_metadata_request){0});
        }
        if (version >= 12) {
            check_request(version, "by-id",
                          (struct kafka_metadata_request){.topics = by_id, .topic_count = 1});
        }
    }
}

Test(metadata, request_by_id_alone_is_not_written_in_versions_without_ids) {
    uint8_t bytes[128];
    struct kafka_metadata_request_topic by_id = {.name = KAFKA_TEXT_NULL, .id = orders_id};
    struct kafka_metadata_request request = {.topics = &by_id, .topic_count = 1};
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_metadata_request_encode(&writer, 9, &request);
    cr_assert(writer.failed);
}

/* ---- response: encode ----------------------------------------------------------------------- */

static const int32_t replicas[] = {1, 2, 3};
static const int32_t in_sync[] = {1, 2};
static const int32_t offline[] = {3};

static struct kafka_metadata_answer make_answer(int16_t version) {
    static struct kafka_metadata_broker brokers[2];
    brokers[0] =
        (struct kafka_metadata_broker){1, kafka_text_of("broker-1.example"), 9092, KAFKA_TEXT_NULL};
    brokers[1] = (struct kafka_metadata_broker){2, kafka_text_of("10.0.0.2"), 65535,
                                                kafka_text_of("rack-a")};
    return (struct kafka_metadata_answer){.throttle_time_ms = 6,
                                          .brokers = brokers,
                                          .broker_count = 2,
                                          .cluster_id = kafka_text_of("kXyZ"),
                                          .controller_id = 2,
                                          .topic_count = version >= 12 ? 3 : 2,
                                          .error_code = 129};
}

static void write_orders(struct kafka_writer *writer, int16_t version) {
    struct kafka_metadata_answer_topic orders = {.name = kafka_text_of("orders"),
                                                 .id = orders_id,
                                                 .is_internal = true,
                                                 .partition_count = 2};
    struct kafka_metadata_answer_partition led = {.leader_id = 1,
                                                  .leader_epoch = 20,
                                                  .replicas = replicas,
                                                  .replica_count = 3,
                                                  .in_sync = in_sync,
                                                  .in_sync_count = 2,
                                                  .offline = offline,
                                                  .offline_count = 1};
    struct kafka_metadata_answer_partition leaderless = led;
    leaderless.error_code = 5;
    leaderless.index = 1;
    leaderless.leader_id = -1;
    leaderless.leader_epoch = 21;
    leaderless.in_sync_count = 0;
    kafka_metadata_response_topic(writer, version, &orders);
    kafka_metadata_response_partition(writer, version, &led);
    kafka_metadata_response_partition(writer, version, &leaderless);
    kafka_metadata_response_topic_end(writer, version);
}

static void write_missing(struct kafka_writer *writer, int16_t version, int16_t error_code,
                          const char *name, struct kafka_uuid id) {
    struct kafka_metadata_answer_topic topic = {
        .error_code = error_code, .name = kafka_text_of(name), .id = id};
    kafka_metadata_response_topic(writer, version, &topic);
    kafka_metadata_response_topic_end(writer, version);
}

Test(metadata, response_is_written_as_the_official_broker_does) {
    for (int16_t version = 0; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("metadata.txt", "response.v%d.plain", version);
        struct kafka_metadata_answer answer = make_answer(version);
        uint8_t bytes[512];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        size_t frame_at = kafka_metadata_response_begin(&writer, version,
                                                        WIRE_CORRELATION_BASE + version, &answer);
        write_orders(&writer, version);
        write_missing(&writer, version, 3, "gone", (struct kafka_uuid){{0}});
        if (version >= 12) {
            write_missing(&writer, version, 100, NULL, logs_id);
        }
        kafka_metadata_response_end(&writer, version, frame_at, &answer);
        wire_expect_written(&writer, &vector);
        vector_free(&vector);
    }
}

/* ---- response: decode ----------------------------------------------------------------------- */

static void expect_brokers(struct kafka_metadata_response *response, int16_t version) {
    struct kafka_metadata_broker broker;
    cr_assert_eq(response->broker_count, 2);
    cr_assert(kafka_metadata_response_next_broker(response, &broker));
    cr_assert_eq(broker.node_id, 1);
    cr_assert(wire_text_is(broker.host, "broker-1.example"));
    cr_assert_eq(broker.port, 9092);
    cr_assert(wire_text_is(broker.rack, NULL));
    cr_assert(kafka_metadata_response_next_broker(response, &broker));
    cr_assert_eq(broker.port, 65535);
    cr_assert(wire_text_is(broker.rack, version >= 1 ? "rack-a" : NULL));
    cr_assert_not(kafka_metadata_response_next_broker(response, &broker));
}

static void expect_orders(struct kafka_metadata_topic *topic, int16_t version) {
    struct kafka_metadata_partition partition;
    cr_assert_eq(topic->error_code, 0);
    cr_assert(wire_text_is(topic->name, "orders"));
    cr_assert_eq(kafka_uuid_equal(topic->id, orders_id), version >= 10);
    cr_assert_eq(topic->is_internal, version >= 1);
    cr_assert_eq(topic->partition_count, 2);
    cr_assert(kafka_metadata_topic_next(topic, &partition));
    cr_assert_eq(partition.index, 0);
    cr_assert_eq(partition.leader_id, 1);
    cr_assert_eq(partition.leader_epoch, version >= 7 ? 20 : -1);
    cr_assert_eq(partition.replica_count, 3);
    cr_assert_eq(partition.in_sync_count, 2);
    cr_assert(kafka_metadata_topic_next(topic, &partition));
    cr_assert_eq(partition.error_code, 5);
    cr_assert_eq(partition.index, 1);
    cr_assert_eq(partition.leader_id, -1);
    cr_assert_eq(partition.in_sync_count, 0);
    cr_assert_not(kafka_metadata_topic_next(topic, &partition));
}

static void expect_topics(struct kafka_metadata_response *response, int16_t version) {
    struct kafka_metadata_topic topic;
    struct kafka_metadata_partition partition;
    cr_assert_eq(response->topic_count, version >= 12 ? 3 : 2);
    cr_assert(kafka_metadata_response_next_topic(response, &topic));
    expect_orders(&topic, version);
    cr_assert(kafka_metadata_response_next_topic(response, &topic));
    cr_assert(wire_text_is(topic.name, "gone"));
    cr_assert_eq(topic.error_code, 3);
    cr_assert_not(kafka_metadata_topic_next(&topic, &partition));
    if (version >= 12) {
        cr_assert(kafka_metadata_response_next_topic(response, &topic));
        cr_assert(wire_text_is(topic.name, NULL));
        cr_assert(kafka_uuid_equal(topic.id, logs_id));
        cr_assert_eq(topic.error_code, 100);
    }
    cr_assert_not(kafka_metadata_response_next_topic(response, &topic));
}

Test(metadata, response_of_the_official_broker_is_read) {
    for (int16_t version = 0; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("metadata.txt", "response.v%d.plain", version);
        struct kafka_reader body = wire_response_body(&vector, KAFKA_METADATA, version);
        struct kafka_metadata_response response;
        cr_assert(kafka_metadata_response_open(&response, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(response.throttle_time_ms, version >= 3 ? 6 : 0);
        cr_assert(wire_text_is(response.cluster_id, version >= 2 ? "kXyZ" : NULL));
        cr_assert_eq(response.controller_id, version >= 1 ? 2 : -1);
        cr_assert_eq(response.error_code, version >= 13 ? 129 : 0);
        expect_topics(&response, version);
        expect_brokers(&response, version);
        vector_free(&vector);
    }
}

Test(metadata, empty_response_is_read) {
    for (int16_t version = 0; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("metadata.txt", "response.v%d.empty", version);
        struct kafka_reader body = wire_response_body(&vector, KAFKA_METADATA, version);
        struct kafka_metadata_response response;
        struct kafka_metadata_topic topic;
        struct kafka_metadata_broker broker;
        cr_assert(kafka_metadata_response_open(&response, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_null(response.cluster_id.data);
        cr_assert_eq(response.controller_id, -1);
        cr_assert_not(kafka_metadata_response_next_topic(&response, &topic));
        cr_assert_not(kafka_metadata_response_next_broker(&response, &broker));
        vector_free(&vector);
    }
}
