/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sluice_producer_counters tells, in virtual time: how often, how much, and how long. */
#include "pipeline/rig.h"

#include "pipeline/json_path.h"

enum { PRODUCE = 0, TEXT_BYTES_MAX = 1 << 18 };

static const char *const lingering[] = {"linger.ms", "5", NULL};
static const struct rig_setup usual = {.seed = 1,
                                       .partitions = 4,
                                       .brokers = {.broker_count = 1},
                                       .settings = lingering,
                                       .delay_ns = 100000};

static const char *text_of(struct rig *rig) {
    static char text[TEXT_BYTES_MAX];
    size_t size = sluice_producer_counters(rig->producer, text, sizeof text);
    cr_assert_lt(size, sizeof text);
    cr_assert_eq(size, strlen(text));
    cr_assert(json_is_valid(text), "%s", text);
    return text;
}

static uint64_t figure(struct rig *rig, const char *path) {
    bool found;
    uint64_t number = json_number_at(text_of(rig), path, &found);
    cr_assert(found, "no %s", path);
    return number;
}

static bool begins_with(const char *text, const char *beginning) {
    return text != NULL && strncmp(text, beginning, strlen(beginning)) == 0;
}

#define EXPECT(rig, path, number) cr_expect_eq(figure(rig, path), number, "%s", path)
#define EXPECT_TEXT(rig, path, text)                                                               \
    cr_expect(begins_with(json_find(text_of(rig), path), text), "%s: %.60s", path,                 \
              json_find(text_of(rig), path))

/* ---- a batch on its way ---------------------------------------------------------------------- */

/* Ten records of 12 bytes; an entry of an input lane takes 56. */
Test(counters, follow_a_batch_from_produce_to_its_report) {
    struct rig *rig = rig_start(&usual);
    rig_run(rig, 1000); /* connected, and all is known */
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t sealed = figure(rig, "total.sealed_ns.sum");
    uint64_t sent = figure(rig, "total.sent_ns.sum");
    uint64_t acknowledged = figure(rig, "total.acknowledged_ns.sum");
    uint64_t wire_bytes = figure(rig, "total.wire_bytes_sent");
    rig_run(rig, 1000);
    rig_produce_some(rig, 0, 10);
    EXPECT(rig, "producer.records_accepted", 11);
    cr_assert(rig_await(rig, 11, 100));
    EXPECT(rig, "producer.records_persisted", 11);
    EXPECT(rig, "producer.runs", 2);
    EXPECT_TEXT(rig, "producer.records_per_run", "5.50,");
    EXPECT_TEXT(rig, "producer.run_bytes.buckets", "[[64,1],[1024,1]]");
    EXPECT_TEXT(rig, "producer.input_bytes.buckets", "[[64,1],[1024,1]]");
    EXPECT(rig, "total.batches_sealed", 2);
    EXPECT(rig, "total.sealed_because.hurry", 1);
    EXPECT(rig, "total.sealed_because.linger", 1);
    EXPECT(rig, "total.records_sealed", 11);
    EXPECT_TEXT(rig, "total.records_per_batch", "5.50,");
    EXPECT_TEXT(rig, "total.batch_records.buckets", "[[2,1],[16,1]]");
    EXPECT(rig, "total.batches_sent", 2);
    EXPECT(rig, "total.batches_sent_again", 0);
    EXPECT(rig, "total.batches_queued", 0);
    EXPECT(rig, "total.requests_sent", 2);
    EXPECT(rig, "total.requests_in_flight", 0);
    EXPECT(rig, "total.sealed_ns.count", 2);
    EXPECT(rig, "total.sent_ns.count", 2);
    EXPECT(rig, "total.acknowledged_ns.count", 2);
    /* activations take 50 to 100 ns, late submits up to 10 us */
    enum { LATE_NS = 100000 };
    sealed = figure(rig, "total.sealed_ns.sum") - sealed;
    cr_expect(sealed >= 5 * RIG_MS && sealed < 5 * RIG_MS + LATE_NS);
    sent = figure(rig, "total.sent_ns.sum") - sent;
    cr_expect(sent >= sealed && sent < sealed + LATE_NS);
    acknowledged = figure(rig, "total.acknowledged_ns.sum") - acknowledged;
    cr_expect(acknowledged >= sent + 200000 && acknowledged < sent + 200000 + 2 * LATE_NS);
    cr_expect_eq(figure(rig, "total.acknowledged_ns.max"), acknowledged);
    EXPECT(rig, "total.acknowledged_ns.p999", acknowledged);
    cr_expect_gt(figure(rig, "total.wire_bytes_sent") - wire_bytes, 10 * 12);
    cr_expect_geq(figure(rig, "brokers.0.answer_ns"), 200000);
    rig_end(rig);
}

Test(counters, say_why_batches_were_sealed) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"linger.ms", "5", "batch.size", "1000", NULL};
    struct rig *rig = rig_start(&setup);
    rig->value_size = 280;
    rig_produce_some(rig, 0, 7); /* three records a batch */
    cr_assert(rig_await(rig, 7, 1000));
    EXPECT(rig, "total.sealed_because.full", 2);
    EXPECT(rig, "total.sealed_because.linger", 1);
    rig_produce(rig, 0);
    rig_flush(rig);
    EXPECT(rig, "total.sealed_because.hurry", 1);
    sluice_report report;
    sluice_record record = {.value = "0000000008..", .value_size = 12};
    rig_next(rig, RIG_ANY);
    record.opaque = (void *)(uintptr_t)rig->count;
    cr_assert_eq(sluice_produce_sync(rig->topic, &record, 1000, &report), SLUICE_OK);
    rig_take(rig, &report, 1);
    EXPECT(rig, "total.sealed_because.hurry", 2);
    EXPECT(rig, "total.sealed_because.no_memory", 0);
    EXPECT(rig, "total.sealed_because.cut", 0);
    EXPECT(rig, "total.batches_sealed", 5);
    rig_end(rig);
}

Test(counters, tell_how_many_batches_go_in_a_request) {
    struct rig *rig = rig_start(&usual);
    for (int32_t round = 0; round < 3; round++) {
        rig_run(rig, 1000);
        rig_produce_to_each(rig, 4);
        rig_run(rig, 100);
    }
    rig_poll(rig);
    EXPECT(rig, "total.batches_sent", 12);
    EXPECT(rig, "total.requests_sent", 3);
    EXPECT_TEXT(rig, "total.batches_per_request", "4.00,");
    EXPECT_TEXT(rig, "total.request_batches.buckets", "[[8,3]]");
    rig_end(rig);
}

/* What the socket was given is what the broker got, answers likewise. */
static void expect_all_counted(const char *bootstrap, uint64_t opened) {
    struct rig_setup setup = usual;
    setup.bootstrap = bootstrap;
    struct rig *rig = rig_start(&setup);
    rig_produce_some(rig, RIG_ANY, 100);
    rig_flush(rig);
    rig_run(rig, 1000);
    sluice_broker_counters seen = rig_counters(rig);
    cr_expect_eq(figure(rig, "total.bytes_sent") + figure(rig, "links.metadata.bytes_sent") +
                     figure(rig, "links.identity.bytes_sent"),
                 seen.bytes_in);
    cr_expect_eq(figure(rig, "total.bytes_received") +
                     figure(rig, "links.metadata.bytes_received") +
                     figure(rig, "links.identity.bytes_received"),
                 seen.bytes_out);
    cr_expect_eq(figure(rig, "total.connections_opened") +
                     figure(rig, "links.metadata.connections_opened") +
                     figure(rig, "links.identity.connections_opened"),
                 seen.connections);
    EXPECT(rig, "total.connections_opened", opened);
    EXPECT(rig, "producer.connections_open", seen.connections_open);
    EXPECT(rig, "total.wire_bytes_sent", rig_status(rig).wire_bytes_sent);
    EXPECT(rig, "total.requests_sent", seen.requests[PRODUCE]);
    EXPECT(rig, "total.batches_sent", seen.batches);
    rig_end(rig);
}

Test(counters, tell_all_bytes_and_connections) {
    expect_all_counted("10.0.0.1:9092", 1);
}

Test(counters, count_a_connection_that_is_used_again_once) {
    expect_all_counted("b1.example:9092", 0);
}

Test(counters, have_each_broker_and_their_total) {
    struct rig_setup setup = usual;
    setup.brokers.broker_count = 3;
    setup.partitions = 3;
    struct rig *rig = rig_start(&setup);
    for (int32_t i = 0; i < 3; i++) {
        rig_produce_some(rig, i, 10 + (unsigned)i);
    }
    rig_flush(rig);
    uint64_t nodes = 0, records = 0;
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "brokers.%d.node", i);
        nodes |= UINT64_C(1) << figure(rig, path);
        snprintf(path, sizeof path, "brokers.%d.records_sealed", i);
        records += figure(rig, path);
        snprintf(path, sizeof path, "brokers.%d.batches_sent", i);
        EXPECT(rig, path, 1);
        snprintf(path, sizeof path, "brokers.%d.known", i);
        EXPECT_TEXT(rig, path, "true");
    }
    cr_expect_eq(nodes, 14);
    cr_expect_eq(records, 33);
    cr_expect_null(json_find(text_of(rig), "brokers.3"));
    EXPECT(rig, "total.records_sealed", 33);
    EXPECT(rig, "total.batches_sent", 3);
    rig_end(rig);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

Test(counters, tell_what_was_sent_again_and_why) {
    struct rig *rig = rig_start(&usual);
    rig_refuse(rig, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, 0, 2);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    EXPECT(rig, "total.batches_sealed", 1);
    EXPECT(rig, "total.batches_sent", 3);
    EXPECT(rig, "total.batches_sent_again", 2);
    EXPECT(rig, "producer.batches_retried", 2);
    EXPECT(rig, "total.sent_ns.count", 1);
    EXPECT(rig, "total.acknowledged_ns.count", 1);
    EXPECT(rig, "errors.attempts.SLUICE_BROKER_NOT_ENOUGH_REPLICAS", 2);
    EXPECT_TEXT(rig, "errors.records", "{}");
    EXPECT_TEXT(rig, "errors.connections", "{}");
    rig_end(rig);
}

Test(counters, tell_records_that_failed_by_error) {
    struct rig *rig = rig_start(&usual);
    rig_refuse(rig, SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED, 0, 1);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    EXPECT(rig, "producer.records_not_persisted", 3);
    EXPECT(rig, "errors.records.SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED", 3);
    EXPECT(rig, "errors.attempts.SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED", 1);
    EXPECT(rig, "total.acknowledged_ns.count", 0);
    EXPECT(rig, "total.acknowledged_ns.p50", 0);
    rig_refuse(rig, (sluice_code)999, 0, 1);
    rig_produce(rig, 0);
    rig_flush(rig);
    EXPECT(rig, "errors.attempts.SLUICE_BROKER_UNRECOGNISED", 1);
    rig_end(rig);
}

Test(counters, tell_batches_that_were_cut) {
    struct rig_setup setup = usual;
    setup.partitions = 1;
    struct rig *rig = rig_start(&setup);
    cr_assert_eq(broker_cluster_topic_limit(rig->cluster, "orders", 1000), SLUICE_OK);
    rig->value_size = 200;
    rig_produce_some(rig, 0, 6); /* a piece has at most half of the bytes: two records */
    rig_flush(rig);
    EXPECT(rig, "producer.batches_cut", 1);
    EXPECT(rig, "total.sealed_because.cut", 3);
    EXPECT(rig, "total.batches_sealed", 4);
    EXPECT(rig, "total.batches_sent", 4);
    EXPECT(rig, "total.batches_sent_again", 3);
    EXPECT(rig, "total.acknowledged_ns.count", 3);
    EXPECT(rig, "errors.attempts.SLUICE_BROKER_MESSAGE_TOO_LARGE", 1);
    rig_end(rig);
}

Test(counters, tell_connections_that_were_lost) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    rig_flush(rig);
    EXPECT(rig, "total.connections_opened", 1);
    EXPECT(rig, "total.connection_failures", 0);
    rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, 0, 1);
    rig_produce(rig, 0);
    rig_flush(rig);
    EXPECT(rig, "total.connections_opened", 2);
    EXPECT(rig, "total.connection_failures", 1);
    EXPECT(rig, "errors.connections.SLUICE_CONNECTION_LOST", 1);
    EXPECT(rig, "errors.attempts.SLUICE_CONNECTION_LOST", 1);
    EXPECT(rig, "total.batches_sent_again", 1);
    rig_end(rig);
}

Test(counters, tell_attempts_to_connect_in_vain) {
    struct rig_setup setup = usual;
    setup.bootstrap = "10.0.0.9:9092"; /* nobody is there */
    struct rig *rig = rig_start(&setup);
    rig_run(rig, 1000);
    uint64_t failures = figure(rig, "links.metadata.connection_failures");
    cr_expect_gt(failures, 0);
    failures += figure(rig, "links.identity.connection_failures");
    EXPECT(rig, "errors.connections.SLUICE_CONNECTION_REFUSED", failures);
    EXPECT(rig, "links.metadata.connections_opened", 0);
    EXPECT_TEXT(rig, "brokers", "[]");
    rig_free(rig);
}

Test(counters, tell_how_long_brokers_asked_for_a_pause) {
    struct rig *rig = rig_start(&usual);
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, PRODUCE, 30, 2);
    for (int i = 0; i < 4; i++) {
        rig_produce(rig, 0);
        rig_flush(rig);
    }
    EXPECT(rig, "total.throttled_ms", 60);
    rig_end(rig);
}

/* ---- queues ---------------------------------------------------------------------------------- */

/* With a broker that took one record and answers no more; one request at a time. */
static struct rig *stalled(void) {
    struct rig_setup setup = usual;
    setup.settings =
        (const char *[]){"linger.ms", "0", "max.in.flight.requests.per.connection", "1", NULL};
    struct rig *rig = rig_start(&setup);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 1, true), SLUICE_OK);
    return rig;
}

Test(counters, tell_what_waits_in_front_of_a_broker_that_does_not_answer) {
    struct rig *rig = stalled();
    rig_produce(rig, 0);
    rig_run(rig, 10);
    EXPECT(rig, "total.requests_in_flight", 1);
    EXPECT(rig, "total.batches_queued", 0);
    for (int32_t i = 1; i < 4; i++) {
        rig_produce(rig, i);
    }
    rig_run(rig, 10);
    EXPECT(rig, "total.requests_in_flight", 1);
    EXPECT(rig, "total.batches_queued", 3);
    EXPECT(rig, "brokers.0.batches_queued", 3);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 1, false), SLUICE_OK);
    rig_flush(rig);
    rig_run(rig, 10);
    EXPECT(rig, "total.batches_queued", 0);
    EXPECT(rig, "total.requests_in_flight", 0);
    rig_end(rig);
}

/* What comes back unsent does not wait there any more. */
Test(counters, forget_what_was_taken_back) {
    struct rig *rig = stalled();
    for (int32_t i = 0; i < 4; i++) {
        rig_produce(rig, i);
        rig_run(rig, 10);
    }
    EXPECT(rig, "total.batches_queued", 3);
    cr_assert_eq(sluice_purge(rig->producer, SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT), SLUICE_OK);
    cr_assert(rig_await(rig, 5, 1000));
    EXPECT(rig, "total.batches_queued", 0);
    EXPECT(rig, "errors.records.SLUICE_PURGED", 4);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 1, false), SLUICE_OK);
    rig_end(rig);
}

Test(counters, tell_how_much_mail_an_actor_found_when_it_was_more_than_one) {
    struct rig_setup setup = usual;
    setup.partitions = 16;
    struct rig *rig = rig_start(&setup);
    rig_produce_to_each(rig, 16);
    rig_flush(rig);
    cr_expect_gt(figure(rig, "total.flusher_mail.count"), 0);
    cr_expect_gt(figure(rig, "total.aggregator_mail.count"), 0);
    cr_expect_leq(figure(rig, "total.flusher_mail.count"), 8);
    cr_expect_leq(figure(rig, "producer.partition_mail.count"), 1); /* the flush behind the run */
    rig_end(rig);
}

Test(counters, tell_what_the_runtime_does) {
    struct rig *rig = rig_start(&usual);
    rig_run(rig, 1000);
    uint64_t parked = figure(rig, "runtime.parked_ns");
    uint64_t activations = figure(rig, "runtime.activations");
    cr_expect_gt(activations, 0);
    EXPECT(rig, "runtime.worker_wakeups", rig_status(rig).worker_wakeups);
    EXPECT(rig, "runtime.workers", rig->world->workers);
    rig_run(rig, 1000); /* idle */
    EXPECT(rig, "runtime.activations", activations);
    EXPECT(rig, "runtime.parked_ns", parked + 1000 * RIG_MS);
    rig_end(rig);
}

/* ---- brokers come and go --------------------------------------------------------------------- */

Test(counters, do_not_go_back_when_a_broker_is_gone) {
    struct rig_setup setup = usual;
    setup.partitions = 2;
    setup.brokers.broker_count = 2;
    setup.settings = (const char *[]){"linger.ms", "0", "metadata.max.age.ms", "500", NULL};
    struct rig *rig = rig_start(&setup);
    int32_t leader = broker_cluster_leader(rig->cluster, "orders", 0);
    rig_produce(rig, 0);
    rig_produce(rig, 1);
    rig_flush(rig);
    for (unsigned round = 1; round <= 5; round++) {
        cr_assert_eq(broker_cluster_kill(rig->cluster, leader), SLUICE_OK);
        rig_produce(rig, 0);
        rig_run(rig, 5000); /* it is in no snapshot any more */
        cr_assert_eq(broker_cluster_restart(rig->cluster, leader, SLUICE_BROKER_KEEP_ALL),
                     SLUICE_OK);
        rig_flush(rig);
        rig_run(rig, 5000);
        EXPECT(rig, "total.records_sealed", 2 + round);
        EXPECT(rig, "total.acknowledged_ns.count", 2 + round);
    }
    cr_expect_null(json_find(text_of(rig), "brokers.2")); /* none is told twice */
    rig_end(rig);
}

/* ---- the call -------------------------------------------------------------------------------- */

Test(counters, are_cut_to_what_fits_and_the_length_is_told) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    rig_flush(rig);
    size_t length = strlen(text_of(rig));
    char *whole = strdup(text_of(rig));
    cr_expect_eq(sluice_producer_counters(rig->producer, NULL, 0), length);
    cr_expect_eq(sluice_producer_counters(rig->producer, NULL, 100), length);
    char *text = malloc(length + 2);
    for (size_t size = 1; size <= length + 1; size++) {
        memset(text, '#', length + 2);
        cr_assert_eq(sluice_producer_counters(rig->producer, text, size), length);
        cr_assert_eq(memcmp(text, whole, size - 1), 0);
        cr_assert_eq(text[size - 1], '\0');
        cr_assert_eq(text[size], '#');
    }
    cr_expect_str_eq(text, whole);
    free(text);
    free(whole);
    rig_end(rig);
}

Test(counters, of_no_producer_are_an_empty_text) {
    char text[4] = "###";
    cr_expect_eq(sluice_producer_counters(NULL, text, sizeof text), 0);
    cr_expect_str_eq(text, "");
    cr_expect_eq(sluice_producer_counters(NULL, NULL, 0), 0);
}

Test(counters, begin_with_what_they_are_about) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"client.id", "my \"app\"\\", NULL};
    struct rig *rig = rig_start(&setup);
    rig_run(rig, 2500);
    EXPECT_TEXT(rig, "version", "\"" SLUICE_VERSION_TEXT "\"");
    EXPECT_TEXT(rig, "client_id", "\"my \\\"app\\\"\\\\\",");
    EXPECT(rig, "age_ms", 2500);
    EXPECT(rig, "time_ms", (uint64_t)rt_wall_ms(rig->world));
    EXPECT(rig, "producer.bytes_limit", rig_status(rig).bytes_limit);
    rig_end(rig);
}

Test(counters, are_told_after_close_as_before) {
    struct rig *rig = rig_start(&usual);
    rig_produce_some(rig, 0, 5);
    cr_assert_eq(sluice_producer_close(rig->producer, 10000), SLUICE_OK);
    EXPECT(rig, "producer.records_persisted", 5);
    EXPECT(rig, "producer.reports_waiting", 5);
    EXPECT(rig, "total.acknowledged_ns.count", 1);
    rig_end(rig);
}

static void count_inside(const sluice_report *reports, size_t count, void *context) {
    struct rig *rig = context;
    EXPECT(rig, "total.acknowledged_ns.count", 1);
    rig_take(rig, reports, count);
}

Test(counters, may_be_asked_for_in_a_callback) {
    struct rig_setup setup = usual;
    setup.callback = count_inside;
    struct rig *rig = rig_start(&setup);
    rig_produce_some(rig, 0, 5);
    cr_assert_eq(sluice_flush(rig->producer, 1000), SLUICE_OK);
    cr_expect_eq(rig->reported, 5);
    rig_end(rig);
}
