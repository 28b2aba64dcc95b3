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
    for (int32_t i = 0; i < COUNT; i++) {
        rig_produce(rig, i);
    }
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
        for (int32_t i = 0; i < 4; i++) {
            rig_produce(rig, i);
        }
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
        for (int32_t i = 0; i < 64; i++) {
            rig_produce(rig, i);
        }
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
