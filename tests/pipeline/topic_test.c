/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Topic handles, topics that come late or never, the cluster, logs and events. */
#include "pipeline/rig.h"

Test(topics, opening_a_name_again_gives_the_same_handle) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    sluice_topic *again = sluice_topic_open(rig->producer, "orders", NULL, NULL);
    cr_expect_eq(again, rig->topic);
    sluice_topic *other = sluice_topic_open(rig->producer, "other", NULL, NULL);
    cr_expect_neq(other, rig->topic);
    cr_expect_str_eq(sluice_topic_name(other), "other");
    rig_produce(rig, 0);
    sluice_topic_close(again);
    sluice_topic_close(rig->topic); /* records on their way are not touched */
    rig_flush(rig);
    cr_expect_eq(sluice_topic_open(rig->producer, "orders", NULL, NULL), rig->topic);
    rig_produce(rig, 0);
    rig_end(rig);
}

Test(topics, names_that_kafka_forbids_are_refused) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    char long_name[251];
    memset(long_name, 'x', 250);
    long_name[250] = '\0';
    const char *const wrong[] = {"",         ".",   "..",  "a b", "a/b",
                                 "\xc3\xa9", "a\n", "a:b", "a{b", long_name};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sluice_error error = {0};
        cr_expect_null(sluice_topic_open(rig->producer, wrong[i], NULL, &error), "%zu", i);
        cr_expect_eq(error.code, SLUICE_INVALID_TOPIC);
        cr_expect_gt(strlen(error.text), 10);
    }
    long_name[249] = '\0';
    cr_expect_not_null(sluice_topic_open(rig->producer, long_name, NULL, NULL));
    cr_expect_not_null(sluice_topic_open(rig->producer, "...", NULL, NULL));
    cr_expect_not_null(sluice_topic_open(rig->producer, "aZ09._-", NULL, NULL));
    rig_free(rig);
}

Test(topics, what_is_wrong_with_a_name_is_told_with_its_place_counted_from_one) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    sluice_error error = {0};
    cr_expect_null(sluice_topic_open(rig->producer, "a b", NULL, &error));
    cr_expect_not_null(strstr(error.text, "byte 0x20 at position 2:"), "%s", error.text);
    rig_free(rig);
}

Test(topics, a_null_pointer_is_no_name_and_no_producer) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    sluice_error error = {0};
    cr_expect_null(sluice_topic_open(rig->producer, NULL, NULL, &error));
    cr_expect_eq(error.code, SLUICE_INVALID_ARGUMENT);
    error.code = SLUICE_OK;
    cr_expect_null(sluice_topic_open(NULL, "orders", NULL, &error));
    cr_expect_eq(error.code, SLUICE_INVALID_ARGUMENT);
    rig_free(rig);
}

Test(topics, the_partition_count_can_be_waited_for) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 6});
    sluice_error error = {0};
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 0, &error), -1);
    cr_expect_eq(error.code, SLUICE_TIMED_OUT);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 1000, &error), 6);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 0, NULL), 6);
    rig_free(rig);
}

Test(topics, more_partitions_are_seen_after_a_refresh) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 2,
                            .settings = (const char *[]){"metadata.max.age.ms", "1000", NULL}});
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 1000, NULL), 2);
    rig_produce(rig, 1);
    cr_assert_eq(broker_cluster_topic_grow(rig->cluster, "orders", 5), SLUICE_OK);
    rig_run(rig, 3000);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 1000, NULL), 5);
    rig_produce(rig, 4);
    rig_produce(rig, 1);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(topics, a_topic_is_made_on_first_use) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .brokers = {.partition_count = 3}});
    rig_produce_some(rig, 2, 10);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(topics, records_wait_for_a_topic_that_comes_late) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .brokers = {.auto_create_off = true}});
    rig_produce_some(rig, 1, 10);
    rig_run(rig, 5000);
    rig_produce_some(rig, 0, 10);
    cr_expect_eq(rig_poll(rig), 0);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 0, NULL), -1);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 2), SLUICE_OK);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 5000, NULL), 2);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(topics, records_of_a_topic_that_never_comes_fail_at_their_time) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .brokers = {.auto_create_off = true},
                            .settings = (const char *[]){"delivery.timeout.ms", "3000",
                                                         "request.timeout.ms", "1000", NULL}});
    uint64_t began_ns = rt_now(rig->world);
    rig_produce_some(rig, 1, 10);
    cr_expect_not(rig_await(rig, 1, 2900));
    cr_assert(rig_await(rig, 10, 300));
    cr_expect_lt(rt_now(rig->world) - began_ns, 3100 * RIG_MS);
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    rig_produce_some(rig, 1, 10);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    rig_end(rig);
}

Test(topics, a_topic_made_anew_takes_records_again) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 2,
                            .settings = (const char *[]){"metadata.max.age.ms", "1000", NULL}});
    rig_produce_some(rig, 1, 10);
    rig_flush(rig);
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 2), SLUICE_OK);
    uint32_t before = rig->count;
    rig_produce_some(rig, 1, 10);
    rig_flush(rig);
    for (uint32_t i = before; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "%s",
                     sluice_code_name(rig->records[i].report.error));
    }
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", 1), 10);
    rig_free(rig);
}

Test(topics, a_topic_made_anew_may_have_fewer_partitions) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 6,
        .settings = (const char *[]){"metadata.max.age.ms", "1000", "delivery.timeout.ms", "4000",
                                     "request.timeout.ms", "1000", NULL}});
    rig_produce_to_each(rig, 6);
    rig_flush(rig);
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 2), SLUICE_OK);
    rig_produce(rig, 5); /* still there as far as is known */
    rig_run(rig, 3000);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 0, NULL), 2);
    for (int i = 0; i < 40; i++) {
        sluice_record record = {.key = &i,
                                .key_size = sizeof i,
                                .value = "0123456789",
                                .value_size = 10,
                                .opaque = rig_next(rig, RIG_ANY)};
        record.key = i % 2 == 0 ? &i : NULL;
        record.key_size = i % 2 == 0 ? sizeof i : 0;
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    }
    rig_produce(rig, 5);
    rig_flush(rig);
    for (uint32_t i = 7; i < 47; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "%u", i);
    }
    cr_expect_neq(rig->records[6].report.outcome, SLUICE_PERSISTED);
    cr_expect_eq(rig->records[47].report.error, SLUICE_INVALID_PARTITION);
    rig_expect_quiet(rig);
    rig_free(rig);
}

Test(topics, a_topic_that_is_deleted_for_good_fails_its_records_in_time) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 2,
                            .brokers = {.auto_create_off = true},
                            .settings = (const char *[]){"delivery.timeout.ms", "4000",
                                                         "request.timeout.ms", "1000", NULL}});
    rig_produce_some(rig, 0, 5);
    rig_flush(rig);
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    rig_produce_some(rig, 0, 5);
    rig_produce_some(rig, 1, 5);
    cr_expect(rig_await(rig, 15, 4100));
    for (uint32_t i = 5; i < 15; i++) {
        cr_expect_neq(rig->records[i].report.outcome, SLUICE_PERSISTED);
    }
    rig_expect_quiet(rig);
    rig_free(rig);
}

/* ---- the cluster ----------------------------------------------------------------------------- */

Test(topics, the_cluster_is_fetched) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 4});
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "another", 2), SLUICE_OK);
    sluice_error error = {0};
    sluice_cluster *cluster = sluice_cluster_fetch(rig->producer, NULL, 5000, &error);
    cr_assert_not_null(cluster, "%s", error.text);
    cr_expect_eq(cluster->broker_count, 3);
    cr_expect_eq(cluster->topic_count, 2);
    sluice_cluster_free(cluster);
    cluster = sluice_cluster_fetch(rig->producer, "orders", 5000, &error);
    cr_assert_not_null(cluster, "%s", error.text);
    cr_assert_eq(cluster->topic_count, 1);
    cr_expect_str_eq(cluster->topics[0].name, "orders");
    cr_assert_eq(cluster->topics[0].partition_count, 4);
    for (int32_t i = 0; i < 4; i++) {
        cr_expect_eq(cluster->topics[0].partitions[i].id, i);
        cr_expect_eq(cluster->topics[0].partitions[i].leader,
                     broker_cluster_leader(rig->cluster, "orders", i));
    }
    sluice_cluster_free(cluster);
    cluster = sluice_cluster_fetch(rig->producer, "nowhere", 5000, &error);
    if (cluster != NULL) {
        cr_expect_eq(cluster->topics[0].error, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    }
    sluice_cluster_free(cluster);
    cr_expect_eq(broker_cluster_partition_count(rig->cluster, "nowhere"), 0); /* not created */
    rt_sim_fault(rig->world, &(struct rt_address){.ip = {10, 0, 0, 1}, .port = 9092, .family = 4},
                 RT_SIM_STALL);
    for (int32_t node = 1; node <= 3; node++) {
        struct rt_address address = rig_address(node);
        rt_sim_fault(rig->world, &address, RT_SIM_STALL);
    }
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_null(sluice_cluster_fetch(rig->producer, NULL, 300, &error));
    cr_expect_eq(error.code, SLUICE_TIMED_OUT);
    cr_expect_lt(rt_now(rig->world) - before_ns, 320 * RIG_MS);
    rig_free(rig);
}

/* ---- logs and events ------------------------------------------------------------------------- */

static unsigned events_seen[8], logs_seen;

static void see_event(const sluice_event *event, void *context) {
    (void)context;
    events_seen[event->kind]++;
    cr_expect_gt(strlen(event->text), 3);
}

static void see_log(sluice_log_level level, const char *facility, const char *text, void *context) {
    (void)context;
    cr_expect(level >= SLUICE_LOG_ERROR && level <= SLUICE_LOG_DEBUG);
    cr_expect(facility[0] != '\0' && text[0] != '\0');
    logs_seen++;
}

Test(topics, connections_coming_and_going_are_told) {
    memset(events_seen, 0, sizeof events_seen);
    logs_seen = 0;
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1,
                                                    .partitions = 1,
                                                    .brokers = {.broker_count = 1},
                                                    .events = see_event,
                                                    .logs = see_log});
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_geq(events_seen[SLUICE_EVENT_CONNECTED], 1);
    unsigned closed = events_seen[SLUICE_EVENT_DISCONNECTED]; /* by us: the identity's own */
    cr_assert_eq(broker_cluster_kill(rig->cluster, 1), SLUICE_OK);
    rig_produce(rig, 0);
    rig_run(rig, 5000);
    cr_expect_gt(events_seen[SLUICE_EVENT_DISCONNECTED], closed);
    cr_expect_geq(events_seen[SLUICE_EVENT_ALL_BROKERS_DOWN], 1);
    cr_expect_gt(logs_seen, 0);
    cr_assert_eq(broker_cluster_restart(rig->cluster, 1, SLUICE_BROKER_KEEP_ALL), SLUICE_OK);
    rig_flush(rig);
    rig_end(rig);
}

/* A broker that hangs up at once is connected to again and again; little of it is told. */
Test(topics, no_more_than_ten_lines_and_events_of_a_kind_are_told_in_a_second) {
    memset(events_seen, 0, sizeof events_seen);
    logs_seen = 0;
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 1,
                            .brokers = {.broker_count = 1},
                            .settings = (const char *[]){"reconnect.backoff.ms", "5",
                                                         "reconnect.backoff.max.ms", "5", NULL},
                            .events = see_event,
                            .logs = see_log});
    enum { API_VERSIONS = 18, SECONDS = 5 };
    uint64_t cut = rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, API_VERSIONS, 0, 0);
    rig_produce(rig, 0);
    rig_run(rig, SECONDS * 1000);
    cr_expect_gt(rig_hits(rig, cut), 100 * SECONDS);
    cr_expect_geq(logs_seen, 10);
    cr_expect_leq(logs_seen, 4 * 10 * (SECONDS + 1)); /* four levels */
    for (int kind = 0; kind < 8; kind++) {
        cr_expect_leq(events_seen[kind], 10 * (SECONDS + 1), "kind %d", kind);
    }
    broker_cluster_fault_remove_all(rig->cluster);
    rig_flush(rig);
    rig_end(rig);
}

/* This one takes connections, and cuts each that asks for something. */
Test(topics, no_more_than_ten_events_are_told_of_connections_that_come_and_go) {
    memset(events_seen, 0, sizeof events_seen);
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 1,
                            .brokers = {.broker_count = 1},
                            .settings = (const char *[]){"reconnect.backoff.ms", "5",
                                                         "reconnect.backoff.max.ms", "5", NULL},
                            .events = see_event});
    enum { METADATA = 3, SECONDS = 5 };
    uint64_t cut = rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, METADATA, 0, 0);
    rig_produce(rig, 0);
    rig_run(rig, SECONDS * 1000);
    cr_expect_gt(rig_hits(rig, cut), 20 * SECONDS);
    cr_expect_geq(events_seen[SLUICE_EVENT_CONNECTED], 10);
    cr_expect_leq(events_seen[SLUICE_EVENT_CONNECTED], 10 * (SECONDS + 1));
    broker_cluster_fault_remove_all(rig->cluster);
    rig_flush(rig);
    rig_end(rig);
}

Test(topics, throttling_is_told_and_kept) {
    memset(events_seen, 0, sizeof events_seen);
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1,
                                      .partitions = 1,
                                      .events = see_event,
                                      .settings = (const char *[]){"linger.ms", "0", NULL}});
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, 0, 700, 1);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 1, 1000));
    uint64_t before_ns = rt_now(rig->world);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 2000));
    cr_expect_gt(rt_now(rig->world) - before_ns, 600 * RIG_MS);
    cr_expect_eq(events_seen[SLUICE_EVENT_THROTTLED], 1);
    rig_end(rig);
}
