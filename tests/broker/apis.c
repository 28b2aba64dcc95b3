/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The APIs beside Produce, at every version that is offered. */
#include "client.h"
#include "protocol/fetch.h"
#include "protocol/find_coordinator.h"
#include "protocol/list_offsets.h"
#include "test.h"

static struct client client_of(sluice_broker_options options) {
    struct client client;
    client_init(&client, options, 2);
    return client;
}

/* A frame under construction for the APIs of which only brokers have an encoder of answers. */
struct frame {
    uint8_t bytes[4096];
    struct kafka_writer writer;
    size_t frame_at;
    bool flexible;
};

static void frame_begin(struct frame *frame, struct client *client, int16_t api_key,
                        int16_t version) {
    frame->writer = kafka_writer_of(frame->bytes, sizeof frame->bytes);
    frame->frame_at = kafka_frame_begin(&frame->writer);
    frame->flexible = kafka_api_is_flexible(api_key, version);
    struct kafka_request_header header = {api_key, version, ++client->correlation_id,
                                          kafka_text_of("test")};
    kafka_request_header_encode(&frame->writer, &header);
}

static enum broker_verdict frame_serve(struct frame *frame, struct client *client, int32_t node) {
    kafka_write_tags_none(&frame->writer, frame->flexible);
    kafka_frame_end(&frame->writer, frame->frame_at, 0);
    cr_assert_not(frame->writer.failed);
    return client_serve(client, node, frame->bytes, kafka_writer_size(&frame->writer));
}

/* ---- ApiVersions ----------------------------------------------------------------------------- */

static enum broker_verdict ask_versions(struct client *client, int16_t version,
                                        const char *software) {
    uint8_t frame[256];
    struct kafka_api_versions_request request = {.correlation_id = ++client->correlation_id,
                                                 .client_id = kafka_text_of("test"),
                                                 .software_name = kafka_text_of(software),
                                                 .software_version = kafka_text_of("1.0")};
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    kafka_api_versions_request_encode(&writer, version, &request);
    return client_serve(client, 1, frame, kafka_writer_size(&writer));
}

/* The highest version offered of each API we speak, -1 for none. */
static int16_t offered(struct client *client, int16_t version, int16_t api_key,
                       int16_t *error_code) {
    struct kafka_reader body = client_body(client, KAFKA_API_VERSIONS, version);
    struct kafka_api_versions_response response;
    struct kafka_api_range range;
    int16_t version_max = -1;
    cr_assert(kafka_api_versions_response_open(&response, &body, version));
    *error_code = response.error_code;
    while (kafka_api_versions_response_next(&response, &range)) {
        version_max = range.key == api_key ? range.version_max : version_max;
    }
    return version_max;
}

Test(broker_apis, versions_are_told_in_every_version) {
    struct client client = client_of((sluice_broker_options){0});
    int16_t error;
    for (int16_t version = 0; version <= 4; version++) {
        cr_expect_eq(ask_versions(&client, version, "sluice"), BROKER_ANSWERED);
        cr_expect_eq(offered(&client, version, KAFKA_PRODUCE, &error), 13);
        cr_expect_eq(error, 0);
        cr_expect_geq(offered(&client, version, KAFKA_FIND_COORDINATOR, &error), 4);
    }
    client_deinit(&client);
}

Test(broker_apis, an_unknown_version_of_api_versions_is_answered_in_version_0) {
    struct client client = client_of((sluice_broker_options){0});
    struct frame frame;
    int16_t error;
    frame_begin(&frame, &client, KAFKA_API_VERSIONS, 9);
    cr_expect_eq(frame_serve(&frame, &client, 1), BROKER_ANSWERED);
    cr_expect_eq(offered(&client, 0, KAFKA_API_VERSIONS, &error), 4);
    cr_expect_eq(error, SLUICE_BROKER_UNSUPPORTED_VERSION);
    client_deinit(&client);
}

Test(broker_apis, nameless_software_is_refused) {
    struct client client = client_of((sluice_broker_options){0});
    int16_t error;
    cr_expect_eq(ask_versions(&client, 3, "-sluice"), BROKER_ANSWERED);
    (void)offered(&client, 3, KAFKA_PRODUCE, &error);
    cr_expect_eq(error, SLUICE_BROKER_INVALID_REQUEST);
    client_deinit(&client);
}

Test(broker_apis, an_older_broker_offers_less_and_hangs_up_on_more) {
    sluice_broker_limit limits[] = {{KAFKA_PRODUCE, 7}, {KAFKA_INIT_PRODUCER_ID, -1}};
    struct client client = client_of((sluice_broker_options){.limits = limits, .limit_count = 2});
    int16_t error;
    cr_expect_eq(ask_versions(&client, 0, "sluice"), BROKER_ANSWERED);
    cr_expect_eq(offered(&client, 0, KAFKA_PRODUCE, &error), 7);
    cr_expect_eq(offered(&client, 0, KAFKA_INIT_PRODUCER_ID, &error), -1);
    client.produce_version = 8;
    cr_expect_eq(client_produce(&client, 0, NO_PRODUCER).verdict, BROKER_CLOSE);
    client.produce_version = 7;
    cr_expect_eq(client_produce(&client, 0, NO_PRODUCER).error_code, SLUICE_OK);
    cr_expect_eq(client.model.nodes[0].counters.requests_bad, 1);
    client_deinit(&client);
}

/* ---- Metadata -------------------------------------------------------------------------------- */

static enum broker_verdict ask_metadata(struct client *client, int16_t version, const char *topic,
                                        struct kafka_uuid id, bool create) {
    uint8_t frame[512];
    struct kafka_metadata_request_topic asked = {kafka_text_of(topic), id};
    struct kafka_metadata_request request = {
        .correlation_id = ++client->correlation_id,
        .client_id = kafka_text_of("test"),
        .every_topic = topic == NULL && kafka_uuid_is_zero(id),
        .topics = &asked,
        .topic_count = 1,
        .allow_auto_topic_creation = create,
    };
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    kafka_metadata_request_encode(&writer, version, &request);
    cr_assert_not(writer.failed);
    return client_serve(client, 1, frame, kafka_writer_size(&writer));
}

static struct kafka_metadata_response metadata_of(struct client *client, int16_t version) {
    struct kafka_reader body = client_body(client, KAFKA_METADATA, version);
    struct kafka_metadata_response response;
    cr_assert(kafka_metadata_response_open(&response, &body, version));
    return response;
}

static struct kafka_metadata_topic only_topic(struct client *client, int16_t version) {
    struct kafka_metadata_response response = metadata_of(client, version);
    struct kafka_metadata_topic topic;
    cr_assert_eq(response.topic_count, 1);
    cr_assert(kafka_metadata_response_next_topic(&response, &topic));
    return topic;
}

static const struct kafka_uuid no_id;

Test(broker_apis, metadata_tells_brokers_topics_and_leaders_in_every_version) {
    struct client client = client_of((sluice_broker_options){.broker_count = 3});
    for (int16_t version = 0; version <= 13; version++) {
        cr_expect_eq(ask_metadata(&client, version, version % 2 == 0 ? "t" : NULL, no_id, false),
                     BROKER_ANSWERED);
        struct kafka_metadata_response response = metadata_of(&client, version);
        cr_expect_eq(response.broker_count, 3);
        struct kafka_metadata_topic topic = only_topic(&client, version);
        struct kafka_metadata_partition partition;
        cr_expect_eq(topic.error_code, 0);
        cr_expect_eq(topic.partition_count, 2);
        cr_expect_eq(kafka_uuid_is_zero(topic.id), version < 10);
        for (int32_t i = 0; i < 2; i++) {
            cr_assert(kafka_metadata_topic_next(&topic, &partition));
            cr_expect_eq(partition.index, i);
            cr_expect_eq(partition.leader_id, i + 1);
            cr_expect_eq(partition.replica_count, 3);
        }
    }
    client_deinit(&client);
}

Test(broker_apis, topics_are_made_on_first_use_if_both_sides_want_it) {
    struct client client = client_of((sluice_broker_options){.partition_count = 6});
    ask_metadata(&client, 9, "new", no_id, false);
    cr_expect_eq(only_topic(&client, 9).error_code, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    ask_metadata(&client, 9, "new", no_id, true);
    cr_expect_eq(only_topic(&client, 9).partition_count, 6);
    ask_metadata(&client, 9, "no/topic", no_id, true);
    cr_expect_eq(only_topic(&client, 9).error_code, SLUICE_BROKER_INVALID_TOPIC_EXCEPTION);
    client.model.options.auto_create_off = true;
    ask_metadata(&client, 9, "newer", no_id, true);
    cr_expect_eq(only_topic(&client, 9).error_code, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    client_deinit(&client);
}

Test(broker_apis, a_topic_made_again_has_another_id) {
    struct client client = client_of((sluice_broker_options){0});
    struct broker_topic *topic = client.model.topics.slots[0];
    struct kafka_uuid old = topic->id;
    ask_metadata(&client, 12, NULL, old, false);
    cr_expect(kafka_text_equal(only_topic(&client, 12).name, kafka_text_of("t")));
    broker_topics_remove(&client.model.topics, topic);
    cr_assert_eq(broker_model_topic_create(&client.model, kafka_text_of("t"), 1, &topic),
                 SLUICE_OK);
    cr_expect_not(kafka_uuid_equal(topic->id, old));
    ask_metadata(&client, 12, NULL, old, false);
    cr_expect_eq(only_topic(&client, 12).error_code, SLUICE_BROKER_UNKNOWN_TOPIC_ID);
    client_deinit(&client);
}

Test(broker_apis, metadata_leaves_out_the_dead_and_tells_of_lost_leaders) {
    struct client client =
        client_of((sluice_broker_options){.broker_count = 2, .replica_count = 1});
    broker_model_kill(&client.model, &client.model.nodes[1]);
    ask_metadata(&client, 12, "t", no_id, false);
    cr_expect_eq(metadata_of(&client, 12).broker_count, 1);
    struct kafka_metadata_topic topic = only_topic(&client, 12);
    struct kafka_metadata_partition partition;
    cr_assert(kafka_metadata_topic_next(&topic, &partition));
    cr_expect_eq(partition.leader_id, 1);
    cr_assert(kafka_metadata_topic_next(&topic, &partition));
    cr_expect_eq(partition.leader_id, -1);
    cr_expect_eq(partition.error_code, SLUICE_BROKER_LEADER_NOT_AVAILABLE);
    client_deinit(&client);
}

Test(broker_apis, a_fault_shows_in_metadata) {
    struct client client = client_of((sluice_broker_options){0});
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.topic = "t";
    fault.error_code = SLUICE_BROKER_LEADER_NOT_AVAILABLE;
    broker_faults_add(&client.model.faults, &fault);
    ask_metadata(&client, 12, "t", no_id, false);
    cr_expect_eq(only_topic(&client, 12).error_code, SLUICE_BROKER_LEADER_NOT_AVAILABLE);
    ask_metadata(&client, 12, "t", no_id, false);
    cr_expect_eq(only_topic(&client, 12).error_code, 0);
    client_deinit(&client);
}

/* ---- InitProducerId, FindCoordinator --------------------------------------------------------- */

static struct kafka_init_producer_id_response ask_id(struct client *client, int16_t version,
                                                     const char *transactional_id) {
    uint8_t frame[256];
    struct kafka_init_producer_id_request request = {
        .correlation_id = ++client->correlation_id,
        .client_id = kafka_text_of("test"),
        .transactional_id = kafka_text_of(transactional_id),
        .transaction_timeout_ms = INT32_MAX,
        .producer_id = -1,
        .producer_epoch = -1,
    };
    struct kafka_init_producer_id_response response;
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    kafka_init_producer_id_request_encode(&writer, version, &request);
    cr_assert_eq(client_serve(client, 1, frame, kafka_writer_size(&writer)), BROKER_ANSWERED);
    struct kafka_reader body = client_body(client, KAFKA_INIT_PRODUCER_ID, version);
    cr_assert(kafka_init_producer_id_response_decode(&body, version, &response));
    return response;
}

Test(broker_apis, each_producer_gets_an_id_of_its_own_and_transactions_are_refused) {
    struct client client = client_of((sluice_broker_options){0});
    int64_t last = -1;
    for (int16_t version = 0; version <= 5; version++) {
        struct kafka_init_producer_id_response response = ask_id(&client, version, NULL);
        cr_expect_eq(response.error_code, 0);
        cr_expect_gt(response.producer_id, last);
        cr_expect_eq(response.producer_epoch, 0);
        last = response.producer_id;
        cr_expect_eq(ask_id(&client, version, "tx").error_code,
                     SLUICE_BROKER_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    client_deinit(&client);
}

Test(broker_apis, no_coordinator_is_there) {
    struct client client = client_of((sluice_broker_options){0});
    const struct kafka_api_info *api = kafka_api_find(KAFKA_FIND_COORDINATOR);
    for (int16_t version = 0; version <= api->version_max; version++) {
        struct frame frame;
        frame_begin(&frame, &client, KAFKA_FIND_COORDINATOR, version);
        if (version < 4) {
            kafka_write_text(&frame.writer, kafka_text_of("group"), frame.flexible);
        }
        if (version >= 1) {
            kafka_write_int8(&frame.writer, 0);
        }
        if (version >= 4) {
            kafka_write_count(&frame.writer, 2, true);
            kafka_write_text(&frame.writer, kafka_text_of("group"), true);
            kafka_write_text(&frame.writer, kafka_text_of("other"), true);
        }
        cr_expect_eq(frame_serve(&frame, &client, 1), BROKER_ANSWERED);
        struct kafka_reader body = client_body(&client, KAFKA_FIND_COORDINATOR, version);
        cr_expect_gt(kafka_reader_left(&body), 8);
    }
    client_deinit(&client);
}

/* ---- ListOffsets, Fetch ---------------------------------------------------------------------- */

struct listed {
    int16_t error_code;
    int64_t timestamp_ms;
    int64_t offset;
};

static struct listed ask_offset(struct client *client, int16_t version, int64_t timestamp_ms) {
    struct frame frame;
    frame_begin(&frame, client, KAFKA_LIST_OFFSETS, version);
    struct kafka_writer *writer = &frame.writer;
    kafka_write_int32(writer, -1);
    if (version >= 2) {
        kafka_write_int8(writer, 0);
    }
    kafka_write_count(writer, 1, frame.flexible);
    kafka_write_text(writer, kafka_text_of("t"), frame.flexible);
    kafka_write_count(writer, 1, frame.flexible);
    kafka_write_int32(writer, 0);
    if (version >= 4) {
        kafka_write_int32(writer, -1);
    }
    kafka_write_int64(writer, timestamp_ms);
    kafka_write_tags_none(writer, frame.flexible);
    kafka_write_tags_none(writer, frame.flexible);
    if (version >= 10) {
        kafka_write_int32(writer, 1000);
    }
    cr_assert_eq(frame_serve(&frame, client, 1), BROKER_ANSWERED);
    struct kafka_reader body = client_body(client, KAFKA_LIST_OFFSETS, version);
    struct listed listed = {0};
    if (version >= 2) {
        (void)kafka_read_int32(&body);
    }
    cr_assert_eq(kafka_read_count(&body, frame.flexible, 1), 1);
    (void)kafka_read_text(&body, frame.flexible);
    cr_assert_eq(kafka_read_count(&body, frame.flexible, 1), 1);
    (void)kafka_read_int32(&body);
    listed.error_code = kafka_read_int16(&body);
    listed.timestamp_ms = kafka_read_int64(&body);
    listed.offset = kafka_read_int64(&body);
    cr_assert_not(body.failed);
    return listed;
}

Test(broker_apis, offsets_are_found_by_name_and_by_time) {
    struct client client = client_of((sluice_broker_options){0});
    struct sample sample = {.count = 10, .producer_id = -1, .epoch = -1, .sequence = -1};
    client_produce(&client, 0, sample);
    sample.codec = 1;
    client_produce(&client, 0, sample);
    const struct kafka_api_info *api = kafka_api_find(KAFKA_LIST_OFFSETS);
    for (int16_t version = api->version_min; version <= api->version_max; version++) {
        cr_expect_eq(ask_offset(&client, version, -1).offset, 20, "version %d", version);
        cr_expect_eq(ask_offset(&client, version, -2).offset, 0);
        cr_expect_eq(ask_offset(&client, version, -3).offset, 9);
        cr_expect_eq(ask_offset(&client, version, 1700000004).offset, 4);
        cr_expect_eq(ask_offset(&client, version, 1700000004).timestamp_ms, 1700000004);
        cr_expect_eq(ask_offset(&client, version, 1800000000).offset, -1);
    }
    client_deinit(&client);
}

static enum broker_verdict ask_fetch(struct client *client, int64_t offset, int32_t min_bytes,
                                     int32_t max_bytes, int32_t wait_ms) {
    struct frame frame;
    frame_begin(&frame, client, KAFKA_FETCH, 4);
    struct kafka_writer *writer = &frame.writer;
    kafka_write_int32(writer, -1);
    kafka_write_int32(writer, wait_ms);
    kafka_write_int32(writer, min_bytes);
    kafka_write_int32(writer, 1 << 30);
    kafka_write_int8(writer, 0);
    kafka_write_int32(writer, 1);
    kafka_write_text(writer, kafka_text_of("t"), false);
    kafka_write_int32(writer, 1);
    kafka_write_int32(writer, 0);
    kafka_write_int64(writer, offset);
    kafka_write_int32(writer, max_bytes);
    static uint8_t kept[4096]; /* a request that waits is served again from the same bytes */
    kafka_frame_end(writer, frame.frame_at, 0);
    memcpy(kept, frame.bytes, kafka_writer_size(writer));
    return client_serve(client, 1, kept, kafka_writer_size(writer));
}

struct fetched {
    int16_t error_code;
    int64_t high_watermark;
    uint32_t size;
    int64_t base_offset;
};

static struct fetched fetched_of(const struct client *client) {
    struct kafka_reader body = client_body(client, KAFKA_FETCH, 4);
    struct fetched fetched = {.base_offset = -1};
    (void)kafka_read_int32(&body); /* throttle */
    cr_assert_eq(kafka_read_int32(&body), 1);
    (void)kafka_read_text(&body, false);
    cr_assert_eq(kafka_read_int32(&body), 1);
    (void)kafka_read_int32(&body);
    fetched.error_code = kafka_read_int16(&body);
    fetched.high_watermark = kafka_read_int64(&body);
    (void)kafka_read_int64(&body);
    (void)kafka_read_int32(&body); /* aborted transactions */
    struct kafka_bytes records = kafka_read_bytes_nullable(&body, false);
    cr_assert(!body.failed && kafka_reader_left(&body) == 0);
    fetched.size = (uint32_t)records.size;
    if (records.size > 0) {
        struct kafka_reader reader = kafka_reader_of(records.data, records.size);
        fetched.base_offset = kafka_read_int64(&reader);
    }
    return fetched;
}

Test(broker_apis, fetch_gives_whole_batches_within_the_limits_and_at_least_one) {
    struct client client = client_of((sluice_broker_options){0});
    struct sample sample = {.count = 10, .producer_id = -1, .epoch = -1, .sequence = -1};
    uint32_t size = (uint32_t)batch_make(sample).size;
    for (int i = 0; i < 3; i++) {
        client_produce(&client, 0, sample);
    }
    cr_expect_eq(ask_fetch(&client, 0, 1, 1 << 20, 500), BROKER_ANSWERED);
    cr_expect_eq(fetched_of(&client).size, 3 * size);
    cr_expect_eq(fetched_of(&client).high_watermark, 30);
    ask_fetch(&client, 15, 1, 1 << 20, 500);
    cr_expect_eq(fetched_of(&client).size, 2 * size);
    cr_expect_eq(fetched_of(&client).base_offset, 10);
    ask_fetch(&client, 0, 1, (int32_t)size * 2 + 1, 500);
    cr_expect_eq(fetched_of(&client).size, 2 * size);
    ask_fetch(&client, 0, 1, 1, 500);
    cr_expect_eq(fetched_of(&client).size, size);
    cr_expect_eq(ask_fetch(&client, 31, 1, 1 << 20, 500), BROKER_ANSWERED);
    cr_expect_eq(fetched_of(&client).error_code, SLUICE_BROKER_OFFSET_OUT_OF_RANGE);
    client_deinit(&client);
}

Test(broker_apis, fetch_waits_for_its_bytes_or_its_time) {
    struct client client = client_of((sluice_broker_options){0});
    client.now_ns = 1000000000;
    cr_expect_eq(ask_fetch(&client, 0, 1, 1 << 20, 0), BROKER_ANSWERED);
    cr_expect_eq(ask_fetch(&client, 0, 1, 1 << 20, 500), BROKER_WAIT);
    cr_expect_eq(client.request.deadline_ns, 1500000000);
    struct broker_request waiting = client.request;
    int32_t correlation_id = client.correlation_id;
    client_produce(&client, 0, NO_PRODUCER);
    client.request = waiting;
    client.correlation_id = correlation_id;
    cr_expect_eq(client_serve_again(&client, 1), BROKER_ANSWERED);
    cr_expect_gt(fetched_of(&client).size, 0);
    cr_expect_eq(ask_fetch(&client, 1, 1, 1 << 20, 500), BROKER_WAIT);
    cr_expect_eq(client_serve_again(&client, 1), BROKER_WAIT);
    client.now_ns = client.request.deadline_ns;
    cr_expect_eq(client_serve_again(&client, 1), BROKER_ANSWERED);
    cr_expect_eq(fetched_of(&client).size, 0);
    cr_expect_eq(client.model.nodes[0].counters.requests[KAFKA_FETCH], 3);
    client_deinit(&client);
}

Test(broker_apis, an_error_on_command_reaches_every_api) {
    struct client client = client_of((sluice_broker_options){0});
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.error_code = SLUICE_BROKER_KAFKA_STORAGE_ERROR;
    fault.count = 0;
    int16_t error;
    broker_faults_add(&client.model.faults, &fault);
    ask_versions(&client, 3, "sluice");
    cr_expect_eq(offered(&client, 3, KAFKA_PRODUCE, &error), -1);
    cr_expect_eq(error, SLUICE_BROKER_KAFKA_STORAGE_ERROR);
    ask_metadata(&client, 9, "t", no_id, false);
    cr_expect_eq(only_topic(&client, 9).error_code, SLUICE_BROKER_KAFKA_STORAGE_ERROR);
    cr_expect_eq(ask_id(&client, 4, NULL).error_code, SLUICE_BROKER_KAFKA_STORAGE_ERROR);
    cr_expect_eq(ask_offset(&client, 5, -1).error_code, SLUICE_BROKER_KAFKA_STORAGE_ERROR);
    cr_expect_eq(ask_fetch(&client, 0, 1, 1 << 20, 500), BROKER_ANSWERED);
    cr_expect_eq(fetched_of(&client).error_code, SLUICE_BROKER_KAFKA_STORAGE_ERROR);
    cr_expect_eq(client_produce(&client, 0, NO_PRODUCER).error_code,
                 SLUICE_BROKER_KAFKA_STORAGE_ERROR);
    client_deinit(&client);
}

Test(broker_apis, an_old_broker_refuses_new_versions_on_command) {
    struct client client = client_of((sluice_broker_options){0});
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.error_code = SLUICE_BROKER_UNSUPPORTED_VERSION;
    int16_t error;
    broker_faults_add(&client.model.faults, &fault);
    ask_versions(&client, 3, "sluice");
    cr_expect_eq(offered(&client, 0, KAFKA_API_VERSIONS, &error), 4);
    cr_expect_eq(error, SLUICE_BROKER_UNSUPPORTED_VERSION);
    client_deinit(&client);
}
