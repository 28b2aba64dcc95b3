/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fits into one Produce request, and that the rest goes with the next. */
#include "pipeline/rig.h"

static const char *const lingering[] = {"linger.ms", "1000", NULL};

/* All records are persisted, and at least this many requests took them. */
static void expect_requests(struct rig *rig, uint64_t requests) {
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_geq(rig_status(rig).requests_sent, requests);
}

Test(request, takes_so_many_partitions_and_no_more) {
    enum { COUNT = 600 };
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = COUNT, .brokers = {.broker_count = 1}, .settings = lingering});
    rig_produce_to_each(rig, COUNT);
    expect_requests(rig, 3);
    for (int32_t i = 0; i < COUNT; i++) {
        rig_produce(rig, i);
        rig_produce(rig, i);
    }
    expect_requests(rig, 6);
    rig_end(rig);
}

Test(request, takes_so_many_bytes_and_no_more) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 2,
        .partitions = 4,
        .brokers = {.broker_count = 1},
        .settings = (const char *[]){"sluice.request.bytes", "262144", "linger.ms", "1000", NULL}});
    rig->value_size = 50000;
    for (int round = 0; round < 3; round++) {
        rig_produce_to_each(rig, 4);
    }
    expect_requests(rig, 3);
    rig_end(rig);
}

/* Many large records, each in memory of its own. */
Test(request, takes_so_many_pieces_of_memory_and_no_more) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3,
        .partitions = 64,
        .brokers = {.broker_count = 1},
        .settings = (const char *[]){"batch.size", "1000000", "linger.ms", "1000", NULL}});
    rig->value_size = 9000;
    for (int round = 0; round < 24; round++) {
        rig_produce_to_each(rig, 64);
    }
    expect_requests(rig, 2);
    rig_end(rig);
}

enum { TOPICS = 120 };

/* Names take most of a request's own bytes. */
Test(request, takes_so_many_long_names_and_no_more) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 4, .partitions = 1, .brokers = {.broker_count = 1}, .settings = lingering});
    sluice_topic *topics[TOPICS];
    for (unsigned i = 0; i < TOPICS; i++) {
        char name[256] = {0};
        memset(name, 'n', 200);
        snprintf(name + 200, 20, "%u", i);
        cr_assert_eq(broker_cluster_topic_create(rig->cluster, name, 1), SLUICE_OK);
        topics[i] = sluice_topic_open(rig->producer, name, NULL, NULL);
        cr_assert_not_null(topics[i]);
        cr_assert_eq(sluice_topic_partition_count(topics[i], 10000, NULL), 1);
    }
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < TOPICS; i++) {
            sluice_record record = {.value = "v", .value_size = 1};
            cr_assert_eq(sluice_produce(topics[i], &record), SLUICE_OK);
        }
        cr_assert_eq(sluice_flush(rig->producer, 60000), SLUICE_OK);
    }
    sluice_status status = rig_status(rig);
    cr_expect_eq(status.records_persisted, 2 * TOPICS);
    cr_expect_geq(status.requests_sent, 4);
    rig_free(rig);
}

/* ---- the largest ----------------------------------------------------------------------------- */

/* Each record is a batch that is full at once. While five requests are on their way the others
 * wait. */
static const char *const full_at_once[] = {"batch.size", "0",
                                           "max.in.flight.requests.per.connection", "5", NULL};

static struct rig *start_far_away(uint32_t partitions) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 6,
                                                    .partitions = partitions,
                                                    .brokers = {.broker_count = 1},
                                                    .delay_ns = 50 * RIG_MS,
                                                    .settings = full_at_once});
    rig_produce(rig, 0);
    rig_flush(rig);
    return rig;
}

/* Of 600, some are gone before the others are there. */
Test(request, takes_256_partitions_at_once) {
    enum { COUNT = 600 };
    struct rig *rig = start_far_away(COUNT);
    uint64_t before = rig_status(rig).requests_sent;
    rig_produce_to_each(rig, COUNT);
    rig_flush(rig);
    cr_expect_leq(rig_status(rig).requests_sent - before, 8);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* Names of some length, a few partitions each: one fills what is left to the last bytes, and more
 * partitions of it find no room. */
static void fill_names(size_t name_bytes) {
    enum { COUNT = 80, PARTITIONS = 3 };
    struct rig *rig = start_far_away(1);
    uint64_t before = rig_status(rig).requests_sent;
    for (unsigned i = 0; i < COUNT; i++) {
        char name[256] = {0};
        memset(name, 'n', name_bytes);
        snprintf(name + name_bytes - 4, 5, "%04u", i);
        cr_assert_eq(broker_cluster_topic_create(rig->cluster, name, PARTITIONS), SLUICE_OK);
        sluice_topic *topic = sluice_topic_open(rig->producer, name, NULL, NULL);
        cr_assert_not_null(topic);
        for (int32_t n = 0; n < PARTITIONS; n++) {
            sluice_record record = {.value = "v",
                                    .value_size = 1,
                                    .flags = SLUICE_RECORD_PARTITION,
                                    .partition = n,
                                    .opaque = rig_next(rig, n)};
            cr_assert_eq(sluice_produce(topic, &record), SLUICE_OK);
        }
    }
    rig_flush(rig);
    cr_expect_leq(rig_status(rig).requests_sent - before, 12);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_free(rig);
}

Test(request, takes_as_many_names_as_there_is_room_for) {
    for (size_t name_bytes = 200; name_bytes < 240; name_bytes++) {
        fill_names(name_bytes);
    }
}

/* Without idempotence a partition may have as many requests on their way as the connection. */
Test(request, may_be_one_of_hundreds_in_flight) {
    enum { COUNT = 300 };
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 7,
        .partitions = 1,
        .brokers = {.broker_count = 1},
        .delay_ns = 500 * RIG_MS,
        .settings = (const char *[]){"batch.size", "0", "enable.idempotence", "false",
                                     "max.in.flight.requests.per.connection", "1000", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t before_ns = rt_now(rig->world);
    rig_produce_some(rig, 0, COUNT);
    rig_flush(rig);
    cr_expect_lt(rt_now(rig->world) - before_ns, 1100 * RIG_MS);
    cr_expect_geq(rig_status(rig).requests_sent, COUNT);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* Behind it others go in batches of the usual size. */
Test(request, may_be_a_single_record_of_megabytes) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 8,
                            .partitions = 1,
                            .brokers = {.message_bytes_max = 10000000},
                            .settings = (const char *[]){"max.request.size", "6000000", NULL}});
    for (int i = 0; i < 3; i++) {
        rig->value_size = 5000000;
        rig_produce(rig, 0);
        rig->value_size = 1000;
        rig_produce_some(rig, 0, 20);
        rig_flush(rig);
    }
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* ---- packing --------------------------------------------------------------------------------- */

Test(request, carries_as_it_is_what_does_not_become_smaller) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 5,
        .partitions = 1,
        .settings = (const char *[]){"compression.type", "gzip", "linger.ms", "1000", NULL}});
    static uint8_t value[20000];
    uint32_t noise = 1;
    sluice_record record = {.value = value, .value_size = sizeof value};
    for (int i = 0; i < 5; i++) {
        for (size_t at = 0; at < sizeof value; at++) {
            noise = noise * 1664525 + 1013904223;
            value[at] = (uint8_t)(noise >> 24);
        }
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    }
    cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
    sluice_status status = rig_status(rig);
    cr_expect_eq(status.records_persisted, 5);
    cr_expect_geq(status.wire_bytes_sent, 5 * sizeof value);
    cr_expect_lt(status.wire_bytes_sent, 5 * sizeof value + 1000);
    rig_free(rig);
}
