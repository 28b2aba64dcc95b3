/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes in, what the log then holds, and what the report says. */
#include "pipeline/rig.h"

static const struct rig_setup usual = {.seed = 1, .partitions = 1};

/* ---- reports --------------------------------------------------------------------------------- */

Test(produce, a_report_says_all_about_its_record) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 4});
    char mark;
    sluice_record record = {.value = "v",
                            .value_size = 1,
                            .opaque = &mark,
                            .partition = 2,
                            .flags = SLUICE_RECORD_PARTITION | SLUICE_RECORD_TIMESTAMP,
                            .timestamp_ms = 1234567890123};
    cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    cr_assert_eq(sluice_flush(rig->producer, 5000), SLUICE_OK);
    sluice_report reports[3];
    cr_assert_eq(sluice_poll(rig->producer, reports, 3, 0), 2);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(reports[i].opaque, &mark);
        cr_expect_eq(reports[i].topic, rig->topic);
        cr_expect_eq(reports[i].partition, 2);
        cr_expect_eq(reports[i].offset, i);
        cr_expect_eq(reports[i].timestamp_ms, 1234567890123);
        cr_expect_eq(reports[i].outcome, SLUICE_PERSISTED);
        cr_expect_eq(reports[i].error, SLUICE_OK);
        cr_expect_eq(reports[i].last_error, SLUICE_OK);
        cr_expect_eq(reports[i].attempts, 1);
    }
    cr_expect_eq(sluice_poll(rig->producer, reports, 3, 0), 0);
    rig_free(rig);
}

Test(produce, poll_waits_for_the_first_report) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    sluice_report report;
    cr_assert_eq(sluice_poll(rig->producer, &report, 1, 0), 0);
    cr_assert_eq(sluice_poll(rig->producer, &report, 1, 5000), 1);
    rig_take(rig, &report, 1);
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_eq(sluice_poll(rig->producer, &report, 1, 250), 0);
    cr_expect_geq(rt_now(rig->world) - before_ns, 250 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - before_ns, 260 * RIG_MS);
    rig_end(rig);
}

Test(produce, reports_of_a_partition_come_in_its_order) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 4, .partitions = 3});
    for (unsigned i = 0; i < 900; i++) {
        rig_produce(rig, (int32_t)(i % 3));
        if (i % 50 == 0) {
            rig_run(rig, 3);
        }
    }
    cr_assert_eq(sluice_flush(rig->producer, 5000), SLUICE_OK);
    int64_t next[3] = {0};
    sluice_report reports[7];
    size_t count;
    while ((count = sluice_poll(rig->producer, reports, 7, 0)) > 0) {
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(reports[i].offset, next[reports[i].partition]++);
        }
        rig_take(rig, reports, count);
    }
    rig_end(rig);
}

static void count_reports(const sluice_report *reports, size_t count, void *context) {
    rig_take(context, reports, count);
}

Test(produce, the_callback_is_served_by_poll_flush_and_close) {
    struct rig_setup setup = usual;
    setup.callback = count_reports;
    struct rig *rig = rig_start(&setup);
    rig_produce(rig, 0);
    rig_run(rig, 100);
    cr_assert_eq(rig->reported, 0); /* only on a thread of the application */
    cr_assert_eq(sluice_poll_callback(rig->producer, 0), 1);
    cr_assert_eq(rig->reported, 1);
    rig_produce(rig, 0);
    cr_assert_eq(sluice_poll_callback(rig->producer, 1000), 1);
    rig_produce(rig, 0);
    cr_assert_eq(sluice_flush(rig->producer, 1000), SLUICE_OK);
    cr_assert_eq(rig->reported, 3);
    rig_produce(rig, 0);
    cr_assert_eq(sluice_producer_close(rig->producer, 1000), SLUICE_OK);
    cr_assert_eq(rig->reported, 4);
    rig_end(rig);
}

Test(produce, the_callback_runs_on_a_worker_by_option) {
    struct rig_setup setup = usual;
    setup.callback = count_reports;
    setup.settings = (const char *[]){"sluice.callback.thread", "worker", NULL};
    struct rig *rig = rig_start(&setup);
    rig_produce_some(rig, 0, 100);
    rig_run(rig, 100);
    cr_assert_eq(rig->reported, 100);
    cr_assert_eq(sluice_poll_callback(rig->producer, 0), 0);
    rig_end(rig);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

struct expected {
    sluice_record record;
    unsigned found;
};

static bool compare(const sluice_broker_record *found, void *context) {
    struct expected *expected = context;
    const sluice_record *record = &expected[found->offset].record;
    expected[found->offset].found++;
    cr_expect_eq(found->key == NULL, record->key == NULL, "key of %d", (int)found->offset);
    cr_expect_eq(found->value == NULL, record->value == NULL, "value of %d", (int)found->offset);
    cr_assert_eq(found->key_size, record->key_size);
    cr_assert_eq(found->value_size, record->value_size);
    cr_expect_arr_eq(found->key, record->key, record->key_size);
    cr_expect_arr_eq(found->value, record->value, record->value_size);
    cr_assert_eq(found->header_count, record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const sluice_header *wanted = &record->headers[i];
        const sluice_broker_header *header = &found->headers[i];
        cr_assert_eq(header->name_size, strlen(wanted->name));
        cr_expect_arr_eq(header->name, wanted->name, header->name_size);
        cr_expect_eq(header->value == NULL, wanted->value == NULL);
        cr_assert_eq(header->value_size, wanted->value_size);
        cr_expect_arr_eq(header->value, wanted->value, wanted->value_size);
    }
    return true;
}

static void expect_log(struct rig *rig, struct expected *expected, int64_t count) {
    cr_assert_eq(sluice_flush(rig->producer, 60000), SLUICE_OK);
    cr_assert_eq(broker_cluster_read(rig->cluster, "orders", 0, 0, compare, expected), count);
    for (int64_t i = 0; i < count; i++) {
        cr_expect_eq(expected[i].found, 1);
    }
}

static void arrives_unchanged(const char *codec) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"compression.type", codec, NULL};
    struct rig *rig = rig_start(&setup);
    static const sluice_header headers[] = {
        {"a", "1", 1}, {"", NULL, 0}, {"a", "", 0}, {"trace-\xc3\xa9", "\0\xff", 2}};
    static char large[300000];
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)(i * i >> 5);
    }
    struct expected expected[] = {
        {.record = {.key = "k", .key_size = 1, .value = "v", .value_size = 1}},
        {.record = {.key = NULL, .value = "v", .value_size = 1}},
        {.record = {.key = "", .key_size = 0, .value = "v", .value_size = 1}},
        {.record = {.key = "k", .key_size = 1, .value = NULL}},
        {.record = {.key = "k", .key_size = 1, .value = "", .value_size = 0}},
        {.record = {.key = NULL, .value = NULL}},
        {.record = {.value = "\0\n\xff", .value_size = 3, .headers = headers, .header_count = 4}},
        {.record = {.key = large, .key_size = 20000, .value = large, .value_size = 16300}},
        {.record =
             {.value = large, .value_size = sizeof large, .headers = headers, .header_count = 4}},
        {.record = {.value = large, .value_size = 16384}},
        {.record = {.value = large, .value_size = 16383}},
        {.record = {.value = NULL, .headers = headers, .header_count = 1}},
    };
    int64_t count = sizeof expected / sizeof expected[0];
    for (int64_t i = 0; i < count; i++) {
        cr_assert_eq(sluice_produce(rig->topic, &expected[i].record), SLUICE_OK);
    }
    expect_log(rig, expected, count);
    rig_free(rig);
}

Test(produce, keys_values_and_headers_arrive_unchanged) {
    arrives_unchanged("none");
}

Test(produce, keys_values_and_headers_arrive_unchanged_through_gzip) {
    arrives_unchanged("gzip");
}

Test(produce, a_record_over_the_limit_is_refused_at_once) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"max.request.size", "1000", NULL};
    struct rig *rig = rig_start(&setup);
    char value[1000] = {0};
    sluice_record record = {.value = value, .value_size = sizeof value};
    cr_expect_eq(sluice_produce(rig->topic, &record), SLUICE_RECORD_TOO_LARGE);
    cr_expect_eq(sluice_produce_wait(rig->topic, &record, 1000), SLUICE_RECORD_TOO_LARGE);
    sluice_report report;
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 1000, &report), SLUICE_RECORD_TOO_LARGE);
    sluice_reservation *reservation;
    void *place;
    cr_expect_eq(sluice_reserve(rig->topic, &record, 1000, &reservation, &place),
                 SLUICE_RECORD_TOO_LARGE);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 1001, 1000), SLUICE_RECORD_TOO_LARGE);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    cr_expect_eq(rig_status(rig).records_accepted, 0);
    rig_free(rig);
}

Test(produce, the_largest_record_is_one_that_brokers_take_by_default) {
    struct rig *rig = rig_start(&usual);
    static char value[1048576];
    sluice_record record = {.value = value, .value_size = sizeof value};
    sluice_code code;
    do {
        record.value_size--;
        code = sluice_produce(rig->topic, &record);
        cr_assert(code == SLUICE_OK || code == SLUICE_RECORD_TOO_LARGE);
    } while (code != SLUICE_OK);
    cr_expect_gt(record.value_size, sizeof value - 100);
    cr_expect_eq(sluice_flush(rig->producer, 600000), SLUICE_OK);
    sluice_report report;
    cr_expect_eq(sluice_poll(rig->producer, &report, 1, 0), 1);
    cr_expect_eq(report.outcome, SLUICE_PERSISTED);
    rig_free(rig);
}

Test(produce, a_record_over_the_brokers_limit_is_reported_alone) {
    struct rig *rig = rig_start(&usual);
    cr_assert_eq(broker_cluster_topic_limit(rig->cluster, "orders", 5000), SLUICE_OK);
    rig_produce(rig, 0);
    rig_flush(rig);
    rig->value_size = 20000;
    rig_produce(rig, 0);
    rig_flush(rig);
    rig->value_size = 12;
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[1].report.error, SLUICE_BROKER_MESSAGE_TOO_LARGE);
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

Test(produce, wrong_arguments_are_refused) {
    struct rig *rig = rig_start(&usual);
    static const sluice_header no_name = {NULL, "v", 1};
    static const sluice_header no_value = {"h", NULL, 1};
    const sluice_record wrong[] = {
        {.key = NULL, .key_size = 1},
        {.value = NULL, .value_size = 1},
        {.header_count = 1, .headers = NULL},
        {.header_count = 1, .headers = &no_name},
        {.header_count = 1, .headers = &no_value},
        {.flags = 64},
        {.flags = SLUICE_RECORD_TIMESTAMP, .timestamp_ms = -1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sluice_report report;
        cr_expect_eq(sluice_produce(rig->topic, &wrong[i]), SLUICE_INVALID_ARGUMENT, "%zu", i);
        cr_expect_eq(sluice_produce_wait(rig->topic, &wrong[i], 0), SLUICE_INVALID_ARGUMENT);
        cr_expect_eq(sluice_produce_sync(rig->topic, &wrong[i], 0, &report),
                     SLUICE_INVALID_ARGUMENT);
        sluice_reservation *reservation = NULL;
        void *value;
        if (wrong[i].value_size == 0) {
            cr_expect_eq(sluice_reserve(rig->topic, &wrong[i], 1, &reservation, &value),
                         SLUICE_INVALID_ARGUMENT, "reserve %zu", i);
            sluice_abort(reservation);
        }
    }
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    rig_free(rig);
}

/* ---- timestamps ------------------------------------------------------------------------------ */

static bool collect_timestamp(const sluice_broker_record *record, void *context) {
    ((int64_t *)context)[record->offset] = record->timestamp_ms;
    return true;
}

Test(produce, timestamps_are_the_callers_or_the_time_of_the_call) {
    struct rig *rig = rig_start(&usual);
    static const int64_t given[] = {0, 1, 1700000000000, 1, INT64_C(4611686018427387903)};
    for (int i = 0; i < 5; i++) {
        sluice_record record = {.value = "v",
                                .value_size = 1,
                                .flags = SLUICE_RECORD_TIMESTAMP,
                                .timestamp_ms = given[i]};
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    }
    rig_run(rig, 500);
    int64_t before_ms = rt_wall_ms(rig->world);
    cr_assert_eq(sluice_produce(rig->topic, &(sluice_record){.timestamp_ms = 5}), SLUICE_OK);
    rig_run(rig, 500);
    sluice_report reports[6];
    cr_assert_eq(sluice_poll(rig->producer, reports, 6, 0), 6);
    int64_t found[6] = {0};
    cr_assert_eq(broker_cluster_read(rig->cluster, "orders", 0, 0, collect_timestamp, found), 6);
    for (int i = 0; i < 6; i++) {
        cr_expect_eq(reports[i].timestamp_ms, i < 5 ? given[i] : before_ms, "%d", i);
        cr_expect_eq(found[i], i < 5 ? given[i] : before_ms, "%d", i);
    }
    rig_free(rig);
}

/* ---- many ------------------------------------------------------------------------------------ */

Test(produce, many_stops_at_the_first_refusal) {
    struct rig *rig = rig_start(&usual);
    sluice_record records[5];
    for (int i = 0; i < 5; i++) {
        records[i] = (sluice_record){
            .value = "0123456789", .value_size = 10, .opaque = rig_next(rig, RIG_ANY)};
    }
    records[3].flags = 128;
    sluice_code code = SLUICE_OK;
    cr_assert_eq(sluice_produce_many(rig->topic, records, 5, &code), 3);
    cr_expect_eq(code, SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_many(rig->topic, records + 3, 2, NULL), 0);
    cr_expect_eq(sluice_produce_many(rig->topic, records, 0, &code), 0);
    cr_expect_eq(code, SLUICE_OK);
    cr_assert_eq(sluice_flush(rig->producer, 1000), SLUICE_OK);
    cr_expect_eq(rig_poll(rig), 3);
    cr_expect_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 3);
    rig_free(rig);
}

static bool count_up(const sluice_broker_record *record, void *context) {
    unsigned *next = context, number;
    cr_assert_eq(record->value_size, sizeof number);
    memcpy(&number, record->value, sizeof number);
    cr_assert_eq(number, (*next)++);
    return true;
}

/* The topic actor hands on so many runs at a time, and each change of topics begins another. */
Test(produce, records_that_change_topics_all_the_time_keep_their_order) {
    enum { ROUNDS = 3000 };
    struct rig *rig = rig_start(&usual);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "other", 1), SLUICE_OK);
    sluice_topic *topics[] = {rig->topic, sluice_topic_open(rig->producer, "other", NULL, NULL)};
    cr_assert_eq(sluice_topic_partition_count(topics[1], 5000, NULL), 1);
    for (unsigned number = 0; number < ROUNDS; number++) {
        for (int i = 0; i < 2; i++) {
            sluice_record record = {.value = &number, .value_size = sizeof number};
            cr_assert_eq(sluice_produce(topics[i], &record), SLUICE_OK);
        }
    }
    cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
    unsigned orders = 0, others = 0;
    cr_expect_eq(broker_cluster_read(rig->cluster, "orders", 0, 0, count_up, &orders), ROUNDS);
    cr_expect_eq(broker_cluster_read(rig->cluster, "other", 0, 0, count_up, &others), ROUNDS);
    rig_free(rig);
}

/* ---- reservations ---------------------------------------------------------------------------- */

static sluice_reservation *reserve(struct rig *rig, const sluice_record *record, size_t most,
                                   void **value) {
    sluice_reservation *reservation = NULL;
    cr_assert_eq(sluice_reserve(rig->topic, record, most, &reservation, value), SLUICE_OK);
    return reservation;
}

Test(produce, reserved_values_are_written_in_place_and_may_be_shorter) {
    struct rig *rig = rig_start(&usual);
    static const sluice_header headers[] = {{"after", "the value", 9}, {"null", NULL, 0}};
    static char bytes[200000];
    memset(bytes, 'x', sizeof bytes);
    static const size_t sizes[][2] = {/* reserved, committed: around each length of a varint */
                                      {0, 0},          {1, 0},      {1, 1},       {63, 63},
                                      {64, 63},        {64, 64},    {8191, 63},   {8192, 8191},
                                      {8192, 8192},    {100000, 1}, {100000, 64}, {200000, 8192},
                                      {200000, 200000}};
    struct expected expected[13];
    for (int i = 0; i < 13; i++) {
        expected[i] = (struct expected){.record = {.key = i % 2 == 0 ? "key" : NULL,
                                                   .key_size = i % 2 == 0 ? 3 : 0,
                                                   .value = bytes,
                                                   .value_size = sizes[i][1],
                                                   .headers = headers,
                                                   .header_count = 2}};
        void *value;
        sluice_reservation *reservation = reserve(rig, &expected[i].record, sizes[i][0], &value);
        memset(value, 'y', sizes[i][0]);
        memset(value, 'x', sizes[i][1]);
        cr_assert_eq(sluice_commit(reservation, sizes[i][1]), SLUICE_OK);
    }
    expect_log(rig, expected, 13);
    sluice_report reports[16];
    cr_assert_eq(sluice_poll(rig->producer, reports, 16, 0), 13);
    rig_run(rig, 100);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    rig_free(rig);
}

Test(produce, a_reservation_is_ordered_by_its_commit_and_holds_up_nobody) {
    struct rig *rig = rig_start(&usual);
    void *values[3];
    sluice_reservation *reservations[3];
    struct expected expected[4] = {0};
    static const char *const texts[] = {"reserved 0", "reserved 1", "reserved 2", "produced"};
    for (int i = 0; i < 3; i++) {
        reservations[i] = reserve(rig, &(sluice_record){.opaque = NULL}, 20, &values[i]);
        strcpy(values[i], texts[i]);
    }
    static const int order[] = {3, 2, 0, 1};
    for (int i = 0; i < 4; i++) {
        const char *text = texts[order[i]];
        expected[i].record = (sluice_record){.value = text, .value_size = strlen(text)};
        if (order[i] == 3) {
            cr_assert_eq(sluice_produce(rig->topic, &expected[i].record), SLUICE_OK);
            cr_assert_eq(sluice_flush(rig->producer, 1000), SLUICE_OK);
        } else {
            cr_assert_eq(sluice_commit(reservations[order[i]], strlen(text)), SLUICE_OK);
        }
    }
    expect_log(rig, expected, 4);
    rig_free(rig);
}

Test(produce, an_aborted_reservation_leaves_nothing) {
    struct rig *rig = rig_start(&usual);
    void *value;
    sluice_reservation *reservation = reserve(rig, &(sluice_record){.opaque = NULL}, 100, &value);
    cr_expect_gt(rig_status(rig).bytes_used, 100);
    sluice_abort(reservation);
    sluice_abort(NULL);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    reservation = reserve(rig, &(sluice_record){.opaque = NULL}, 100, &value);
    cr_expect_eq(sluice_commit(reservation, 101), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    reservation = reserve(rig, &(sluice_record){.opaque = NULL}, 100, &value);
    cr_expect_eq(sluice_producer_close(rig->producer, 1000), SLUICE_OK);
    cr_expect_eq(sluice_commit(reservation, 1), SLUICE_CLOSED);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    cr_expect_eq(rig_status(rig).records_accepted, 0);
    rig_free(rig);
}

/* ---- status ---------------------------------------------------------------------------------- */

Test(produce, the_status_counts_what_happened) {
    struct rig *rig = rig_start(&usual);
    rig_produce_some(rig, 0, 10);
    sluice_status status = rig_status(rig);
    cr_expect_eq(status.records_accepted, 10);
    cr_expect_gt(status.bytes_used, 120);
    cr_expect_eq(status.bytes_limit, 33554432);
    cr_assert_eq(sluice_flush(rig->producer, 1000), SLUICE_OK);
    status = rig_status(rig);
    cr_expect_eq(status.records_persisted, 10);
    cr_expect_eq(status.reports_waiting, 10);
    cr_expect_gt(status.bytes_used, 0); /* the reports' share */
    cr_expect_eq(status.batches_sent, 1);
    cr_expect_eq(status.requests_sent, 1);
    cr_expect_eq(status.batches_retried, 0);
    cr_expect_gt(status.wire_bytes_sent, 10 * 12);
    cr_expect_geq(status.connections_open, 1);
    rig_poll(rig);
    rig_expect_quiet(rig);
    rig_end(rig);
}

/* ---- two producers --------------------------------------------------------------------------- */

Test(produce, two_producers_on_one_thread_do_not_meet) {
    struct rig *rig = rig_start(&usual);
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "10.0.0.2:9092", NULL), SLUICE_OK);
    sluice_producer *other = producer_open_in(rig->world, config, NULL);
    sluice_config_free(config);
    sluice_topic *topic = sluice_topic_open(other, "other", NULL, NULL);
    for (int i = 0; i < 50; i++) {
        rig_produce(rig, 0);
        cr_assert_eq(sluice_produce(topic, &(sluice_record){.value = "v", .value_size = 1}),
                     SLUICE_OK);
    }
    cr_assert_eq(sluice_flush(other, 5000), SLUICE_OK);
    rig_flush(rig);
    sluice_status status;
    sluice_producer_status(other, &status);
    cr_expect_eq(status.records_persisted, 50);
    cr_expect_eq(broker_cluster_records(rig->cluster, "other", -1), 50);
    sluice_producer_free(other);
    rig_produce(rig, 0);
    rig_end(rig);
}
