/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Throttle times, on every answer that carries one. A broker that asks for a pause also reads
 * nothing for so long, so a client that goes on sending runs into its own request.timeout.ms, which
 * is shorter here than every pause: no connection may be lost for that.
 */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3, API_VERSIONS = 18, INIT_PRODUCER_ID = 22, PAUSE_MS = 2000 };

static unsigned throttled, timed_out;
static uint64_t throttled_ns;

static void see(const sluice_event *event, void *context) {
    struct rig *rig = context;
    if (event->kind == SLUICE_EVENT_THROTTLED) {
        throttled++;
        throttled_ns = rt_now(rig->world);
    }
    timed_out += event->error == SLUICE_REQUEST_TIMED_OUT;
}

static struct rig *start(int16_t api, uint32_t times) {
    static const char *const settings[] = {"linger.ms",
                                           "0",
                                           "request.timeout.ms",
                                           "500",
                                           "delivery.timeout.ms",
                                           "20000",
                                           "metadata.max.age.ms",
                                           "300",
                                           NULL};
    static const struct rig_setup setup = {.seed = 11,
                                           .partitions = 1,
                                           .brokers = {.broker_count = 1},
                                           .settings = settings,
                                           .events = see};
    throttled = 0;
    timed_out = 0;
    struct rig *rig = rig_start(&setup);
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, api, PAUSE_MS, times);
    return rig;
}

static void expect_obeyed(struct rig *rig, unsigned times) {
    rig_flush(rig);
    rig_run(rig, PAUSE_MS + 1000);
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(throttled, times);
    cr_expect_eq(timed_out, 0);
    rig_end(rig);
}

Test(throttle, of_produce_holds_batches_back) {
    struct rig *rig = start(PRODUCE, 1);
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t sent = rig_status(rig).batches_sent;
    rig_produce(rig, 0);
    rig_run(rig, PAUSE_MS - 10);
    cr_expect_eq(rig_status(rig).batches_sent, sent);
    cr_assert(rig_await(rig, 2, 100));
    cr_expect_lt(rt_now(rig->world) - throttled_ns, (PAUSE_MS + 20) * RIG_MS);
    cr_expect_eq(rig->records[1].report.attempts, 1);
    expect_obeyed(rig, 1);
}

Test(throttle, of_produce_leaves_other_brokers_alone) {
    static const char *const settings[] = {"linger.ms", "0", NULL};
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 11, .partitions = 3, .settings = settings, .events = see});
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_THROTTLE);
    fault.api_key = PRODUCE;
    fault.partition = 0;
    fault.delay_ms = PAUSE_MS;
    cr_assert_neq(broker_cluster_fault_add(rig->cluster, &fault), 0);
    rig_produce_to_each(rig, 3);
    rig_flush(rig);
    rig_produce_to_each(rig, 3);
    cr_expect(rig_await(rig, 5, 50));
    cr_expect_eq(rig->records[3].reports, 0);
    cr_expect(rig_await(rig, 6, PAUSE_MS));
    rig_end(rig);
}

Test(throttle, of_metadata_holds_the_next_request_back) {
    struct rig *rig = start(METADATA, 2);
    rig_produce(rig, 0);
    expect_obeyed(rig, 2);
}

Test(throttle, of_api_versions_holds_the_first_request_back) {
    struct rig *rig = start(API_VERSIONS, 3); /* of metadata, identity and flusher */
    rig_produce(rig, 0);
    rig_run(rig, PAUSE_MS - 100);
    cr_expect_eq(rig_counters(rig).requests[METADATA], 0);
    expect_obeyed(rig, 3);
}

Test(throttle, of_init_producer_id_holds_the_next_question_back) {
    struct rig *rig = start(INIT_PRODUCER_ID, 1);
    sluice_broker_fault loading = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    loading.api_key = INIT_PRODUCER_ID;
    loading.error_code = SLUICE_BROKER_COORDINATOR_LOAD_IN_PROGRESS;
    cr_assert_neq(broker_cluster_fault_add(rig->cluster, &loading), 0);
    rig_produce(rig, 0);
    rig_run(rig, PAUSE_MS - 100);
    cr_expect_eq(rig_counters(rig).requests[INIT_PRODUCER_ID], 1);
    expect_obeyed(rig, 1);
}

/* That connection could be used again for records, but not now: another one asks for no pause. */
Test(throttle, of_init_producer_id_is_nothing_to_the_records) {
    static const char *const settings[] = {"linger.ms", "0", "request.timeout.ms", "500", NULL};
    throttled = 0;
    timed_out = 0;
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 12,
                                                    .partitions = 1,
                                                    .brokers = {.broker_count = 1},
                                                    .settings = settings,
                                                    .events = see,
                                                    .bootstrap = "b1.example:9092"});
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, INIT_PRODUCER_ID, PAUSE_MS, 1);
    rig_produce(rig, 0);
    cr_expect(rig_await(rig, 1, 50));
    expect_obeyed(rig, 1);
}
