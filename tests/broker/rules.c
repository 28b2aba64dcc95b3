/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a broker asks of a batch, and which error comes first when two things are wrong. */
#include "client.h"
#include "protocol/codec.h"
#include "protocol/record.h"
#include "test.h"

static const struct sample three = {.count = 3, .producer_id = 7};

static struct client client_of(sluice_broker_options options) {
    struct client client;
    client_init(&client, options, 2);
    return client;
}

static int16_t error_of(struct client *client, const struct made *made) {
    return client_produce_bytes(client, client_partition(client, 0)->leader, 0, -1, made->bytes,
                                made->size)
        .error_code;
}

Test(broker_rules, a_good_batch_is_stored_with_its_offset_and_the_leader_epoch) {
    struct client client = client_of((sluice_broker_options){.broker_count = 2});
    broker_model_leader_move(&client.model, client_partition(&client, 0), 2);
    (void)client_produce(&client, 0, NO_PRODUCER);
    struct answered answered = client_produce(&client, 0, three);
    cr_expect_eq(answered.base_offset, 1);
    cr_expect_eq(answered.log_start_offset, 0);
    const struct broker_batch *batch = broker_log_at(&client_partition(&client, 0)->log, 1);
    struct made stored = {.size = batch->size};
    memcpy(stored.bytes, batch->bytes, batch->size);
    struct kafka_batch_header header = batch_header(&stored);
    cr_expect_eq(header.base_offset, 1);
    cr_expect_eq(header.leader_epoch, 1);
    cr_expect_eq(header.record_count, 3);
    client_deinit(&client);
}

Test(broker_rules, every_version_is_answered) {
    struct client client = client_of((sluice_broker_options){0});
    for (int16_t version = 3; version <= 13; version++) {
        client.produce_version = version;
        struct answered answered = client_produce(&client, 0, NO_PRODUCER);
        cr_expect_eq(answered.error_code, SLUICE_OK, "version %d", version);
        cr_expect_eq(answered.base_offset, version - 3);
    }
    client_deinit(&client);
}

Test(broker_rules, a_wrong_checksum_is_corrupt) {
    struct client client = client_of((sluice_broker_options){0});
    struct made made = batch_make(three);
    made.bytes[made.size - 1] ^= 1;
    cr_expect_eq(error_of(&client, &made), SLUICE_BROKER_CORRUPT_MESSAGE);
    client_deinit(&client);
}

Test(broker_rules, a_sink_looks_at_checksums_only_when_told) {
    struct made made = batch_make(three);
    made.bytes[made.size - 1] ^= 1;
    struct client client = client_of((sluice_broker_options){.discard = true});
    cr_expect_eq(error_of(&client, &made), SLUICE_OK);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 3);
    cr_expect_eq(client_partition(&client, 0)->log.count, 0);
    client_deinit(&client);
    client = client_of((sluice_broker_options){.discard = true, .check = SLUICE_BROKER_CHECK_CRC});
    cr_expect_eq(error_of(&client, &made), SLUICE_BROKER_CORRUPT_MESSAGE);
    client_deinit(&client);
}

Test(broker_rules, the_batch_must_be_whole_alone_and_of_format_2) {
    struct client client = client_of((sluice_broker_options){0});
    struct made made = batch_make(three), twice = made;
    cr_expect_eq(client_produce_bytes(&client, 1, 0, -1, "", 0).error_code,
                 SLUICE_BROKER_INVALID_RECORD);
    cr_expect_eq(client_produce_bytes(&client, 1, 0, -1, made.bytes, made.size - 1).error_code,
                 SLUICE_BROKER_INVALID_RECORD);
    memcpy(twice.bytes + made.size, made.bytes, made.size);
    twice.size *= 2;
    cr_expect_eq(error_of(&client, &twice), SLUICE_BROKER_INVALID_RECORD);
    struct made other = made;
    other.bytes[16] = 1;
    cr_expect_eq(error_of(&client, &other), SLUICE_BROKER_INVALID_RECORD);
    other.bytes[16] = 3;
    cr_expect_eq(error_of(&client, &other), SLUICE_BROKER_CORRUPT_MESSAGE);
    other = made;
    memcpy(other.bytes + 8, "\0\0\0\x0d", 4);
    cr_expect_eq(error_of(&client, &other), SLUICE_BROKER_CORRUPT_MESSAGE);
    memcpy(other.bytes + 8, "\0\0\0\x20", 4);
    cr_expect_eq(error_of(&client, &other), SLUICE_BROKER_CORRUPT_MESSAGE);
    memcpy(other.bytes + 8, "\xff\xff\xff\xff", 4);
    cr_expect_eq(error_of(&client, &other), SLUICE_BROKER_CORRUPT_MESSAGE);
    client_deinit(&client);
}

static int16_t error_with(struct client *client, const struct kafka_batch_header *header) {
    struct made made = batch_make(three);
    batch_remake(&made, header);
    return error_of(client, &made);
}

Test(broker_rules, each_header_field_is_looked_at) {
    struct client client = client_of((sluice_broker_options){0});
    struct made made = batch_make(three);
    const struct kafka_batch_header good = batch_header(&made);
    struct kafka_batch_header bad = good;
    bad.base_offset = 1;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_RECORD);
    bad = good;
    bad.last_offset_delta = 3;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_RECORD);
    bad = good;
    bad.record_count = 0, bad.last_offset_delta = -1;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_RECORD);
    bad = good;
    bad.base_sequence = -1;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_RECORD);
    bad = good;
    bad.attributes = KAFKA_BATCH_CONTROL;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_RECORD);
    bad.attributes = KAFKA_BATCH_TRANSACTIONAL;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_TXN_STATE);
    bad.attributes = KAFKA_BATCH_LOG_APPEND_TIME;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_TIMESTAMP);
    bad.attributes = 7;
    cr_expect_eq(error_with(&client, &bad), SLUICE_BROKER_INVALID_RECORD);
    cr_expect_eq(error_with(&client, &good), SLUICE_OK);
    client_deinit(&client);
}

Test(broker_rules, no_check_accepts_more_records_than_the_bytes_can_hold) {
    struct made made = batch_make(NO_PRODUCER), empty = made, gzip;
    struct kafka_batch_header most = batch_header(&made), more = most, none = most;
    most.record_count = (int32_t)(most.records_size / KAFKA_RECORD_SIZE_MIN);
    most.last_offset_delta = most.record_count - 1;
    more.record_count = most.record_count + 1, more.last_offset_delta = most.record_count;
    none.records_size = 0, empty.size = KAFKA_BATCH_HEADER_SIZE;
    batch_remake(&empty, &none);
    gzip = batch_make((struct sample){1, -1, -1, -1, KAFKA_CODEC_GZIP});
    struct kafka_batch_header many = batch_header(&gzip);
    many.record_count = 1000, many.last_offset_delta = 999;
    batch_remake(&gzip, &many);
    for (int check = SLUICE_BROKER_CHECK_HEADERS; check <= SLUICE_BROKER_CHECK_RECORDS; check++) {
        struct client client =
            client_of((sluice_broker_options){.check = (sluice_broker_check)check});
        int16_t unseen =
            check < SLUICE_BROKER_CHECK_RECORDS ? SLUICE_OK : SLUICE_BROKER_INVALID_RECORD;
        batch_remake(&made, &more);
        cr_expect_eq(error_of(&client, &made), SLUICE_BROKER_INVALID_RECORD, "check %d", check);
        cr_expect_eq(error_of(&client, &empty), SLUICE_BROKER_INVALID_RECORD, "check %d", check);
        batch_remake(&made, &most);
        cr_expect_eq(error_of(&client, &made), unseen, "check %d", check);
        cr_expect_eq(error_of(&client, &gzip), unseen, "check %d", check);
        client_deinit(&client);
    }
}

Test(broker_rules, records_are_counted_and_their_offsets_looked_at) {
    struct client client = client_of((sluice_broker_options){0});
    struct made made = batch_make(three);
    struct kafka_batch_header header = batch_header(&made);
    header.record_count = 4, header.last_offset_delta = 3;
    cr_expect_eq(error_with(&client, &header), SLUICE_BROKER_INVALID_RECORD);
    header.record_count = 2, header.last_offset_delta = 1;
    cr_expect_eq(error_with(&client, &header), SLUICE_BROKER_INVALID_RECORD);
    header = batch_header(&made);
    made.bytes[KAFKA_BATCH_HEADER_SIZE + 3] = 2; /* the first record's offset: 1 */
    batch_remake(&made, &header);
    cr_expect_eq(error_of(&client, &made), SLUICE_BROKER_INVALID_RECORD);
    client_deinit(&client);
}

Test(broker_rules, gzip_is_looked_into) {
    struct client client = client_of((sluice_broker_options){0});
    struct sample sample = three;
    sample.codec = KAFKA_CODEC_GZIP;
    struct made made = batch_make(sample);
    struct kafka_batch_header header = batch_header(&made);
    made.bytes[KAFKA_BATCH_HEADER_SIZE + 12] ^= 0xff;
    batch_remake(&made, &header);
    cr_expect_eq(error_of(&client, &made), SLUICE_BROKER_CORRUPT_MESSAGE);
    cr_expect_eq(client_produce(&client, 0, sample).error_code, SLUICE_OK);
    client_deinit(&client);
}

Test(broker_rules, zstd_needs_version_7) {
    struct client client = client_of((sluice_broker_options){0});
    struct sample sample = three;
    sample.codec = KAFKA_CODEC_ZSTD;
    client.produce_version = 6;
    cr_expect_eq(client_produce(&client, 0, sample).error_code,
                 SLUICE_BROKER_UNSUPPORTED_COMPRESSION_TYPE);
    client.produce_version = 7;
    cr_expect_eq(client_produce(&client, 0, sample).error_code, SLUICE_OK);
    client_deinit(&client);
}

Test(broker_rules, size_is_judged_before_duplicates) {
    struct client client = client_of((sluice_broker_options){0});
    struct made made = batch_make(three);
    cr_expect_eq(error_of(&client, &made), SLUICE_OK);
    cr_expect_eq(error_of(&client, &made), SLUICE_OK); /* a duplicate */
    client.model.topics.slots[0]->message_bytes_max = (uint32_t)made.size - 1;
    cr_expect_eq(error_of(&client, &made), SLUICE_BROKER_MESSAGE_TOO_LARGE);
    client.model.topics.slots[0]->message_bytes_max = (uint32_t)made.size;
    cr_expect_eq(error_of(&client, &made), SLUICE_OK);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 3);
    client_deinit(&client);
}

Test(broker_rules, size_is_judged_before_the_checksum_and_leadership_before_both) {
    struct client client = client_of((sluice_broker_options){.broker_count = 2});
    struct made made = batch_make(three);
    made.bytes[made.size - 1] ^= 1;
    client.model.topics.slots[0]->message_bytes_max = 10;
    cr_expect_eq(client_produce_bytes(&client, 1, 0, -1, made.bytes, made.size).error_code,
                 SLUICE_BROKER_MESSAGE_TOO_LARGE);
    cr_expect_eq(client_produce_bytes(&client, 2, 0, -1, made.bytes, made.size).error_code,
                 SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER);
    client_deinit(&client);
}

Test(broker_rules, acks_are_minus_one_zero_or_one) {
    struct client client = client_of((sluice_broker_options){0});
    struct sample sample = NO_PRODUCER;
    struct made made = batch_make(sample);
    for (int16_t acks = -3; acks <= 3; acks++) {
        struct answered answered = client_produce_bytes(&client, 1, 0, acks, made.bytes, made.size);
        bool allowed = acks >= -1 && acks <= 1;
        cr_expect_eq(answered.verdict, acks == 0 ? BROKER_SILENT : BROKER_ANSWERED);
        cr_expect_eq(answered.error_code, acks == 0 ? -1000
                                          : allowed ? SLUICE_OK
                                                    : SLUICE_BROKER_INVALID_REQUIRED_ACKS);
    }
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 3);
    client_deinit(&client);
}

Test(broker_rules, an_error_under_acks_0_closes_the_connection) {
    struct client client = client_of((sluice_broker_options){0});
    struct made made = batch_make(three);
    made.bytes[made.size - 1] ^= 1;
    cr_expect_eq(client_produce_bytes(&client, 1, 0, 0, made.bytes, made.size).verdict,
                 BROKER_CLOSE);
    client_deinit(&client);
}

Test(broker_rules, unknown_partitions_and_ids_are_told_apart) {
    struct client client = client_of((sluice_broker_options){0});
    cr_expect_eq(client_produce(&client, 2, three).error_code,
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(client_produce(&client, -1, three).error_code,
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    client.produce_version = 13;
    struct made made = batch_make(three);
    uint8_t frame[2048];
    size_t size = produce_frame(&client, frame, sizeof frame, 0, -1, made.bytes, made.size);
    struct broker_topic *topic = client.model.topics.slots[0];
    broker_topics_remove(&client.model.topics, topic);
    cr_expect_eq(broker_model_topic_create(&client.model, kafka_text_of("t"), 2, &topic),
                 SLUICE_OK);
    struct answered answered = client_read_answer(&client, client_serve(&client, 1, frame, size));
    cr_expect_eq(answered.error_code, SLUICE_BROKER_UNKNOWN_TOPIC_ID);
    cr_expect_eq(client_produce(&client, 0, three).error_code, SLUICE_OK);
    client_deinit(&client);
}

Test(broker_rules, who_does_not_lead_names_the_leader_from_version_10_on) {
    struct client client = client_of((sluice_broker_options){.broker_count = 3});
    struct made made = batch_make(three);
    for (int16_t version = 9; version <= 13; version++) {
        client.produce_version = version;
        struct answered answered = client_produce_bytes(&client, 3, 1, -1, made.bytes, made.size);
        cr_expect_eq(answered.error_code, SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER);
        cr_expect_eq(answered.leader_id, version < 10 ? -1 : 2);
        cr_expect_eq(answered.leader_epoch, version < 10 ? -1 : 0);
        cr_expect_eq(answered.endpoint_count, version < 10 ? 0 : 1);
        cr_expect_eq(answered.endpoint_port, version < 10 ? 0 : 9093);
    }
    client_deinit(&client);
}

Test(broker_rules, old_batches_go_when_a_partition_is_over_its_size) {
    struct client client = client_of((sluice_broker_options){.partition_bytes_max = 300});
    for (int i = 0; i < 100; i++) {
        cr_expect_eq(client_produce(&client, 0, NO_PRODUCER).base_offset, i);
    }
    const struct broker_log *log = &client_partition(&client, 0)->log;
    cr_expect_leq(log->bytes, 300);
    cr_expect_eq(log->start_offset, 100 - (int64_t)log->count);
    cr_expect_eq(broker_log_find(log, log->start_offset), 0);
    client_deinit(&client);
}

/* One request with two partitions of "t" and one that is not there, in this order: 1, 5, 0. */
Test(broker_rules, each_partition_of_a_request_is_answered_for_itself_and_in_order) {
    struct client client = client_of((sluice_broker_options){.broker_count = 2});
    struct made made = batch_make(three);
    struct kafka_produce_partition sent[3] = {{.index = 1}, {.index = 5}, {.index = 0}};
    struct kafka_produce_topic topic = {
        .name = kafka_text_of("t"), .partitions = sent, .partition_count = 3};
    struct kafka_produce_request request = {.correlation_id = 1,
                                            .client_id = KAFKA_TEXT_NULL,
                                            .transactional_id = KAFKA_TEXT_NULL,
                                            .acks = 1,
                                            .topics = &topic,
                                            .topic_count = 1};
    uint8_t scratch[256], frame[2048];
    size_t at = 0, from = 0;
    for (int i = 0; i < 3; i++) {
        sent[i].records_size = (uint32_t)made.size;
    }
    struct kafka_writer writer = kafka_writer_of(scratch, sizeof scratch);
    kafka_produce_request_encode(&writer, 12, &request);
    for (int i = 0; i < 3; i++) {
        memcpy(frame + at, scratch + from, sent[i].cut - from);
        at += sent[i].cut - from;
        from = sent[i].cut;
        memcpy(frame + at, made.bytes, made.size);
        at += made.size;
    }
    memcpy(frame + at, scratch + from, kafka_writer_size(&writer) - from);
    at += kafka_writer_size(&writer) - from;
    cr_assert_eq(client_serve(&client, 1, frame, at), BROKER_ANSWERED);
    client.correlation_id = 1;
    struct kafka_reader body = client_body(&client, KAFKA_PRODUCE, 12);
    struct kafka_produce_response response;
    struct kafka_produce_answer answer;
    const int16_t errors[] = {SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER,
                              SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION, SLUICE_OK};
    cr_assert(kafka_produce_response_open(&response, &body, 12));
    for (int i = 0; i < 3; i++) {
        cr_assert(kafka_produce_response_next(&response, &answer));
        cr_expect_eq(answer.index, sent[i].index);
        cr_expect_eq(answer.error_code, errors[i]);
    }
    cr_expect_not(kafka_produce_response_next(&response, &answer));
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 3);
    client_deinit(&client);
}
