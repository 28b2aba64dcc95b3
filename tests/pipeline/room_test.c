/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The byte budget, waiting for room, the synchronous call, and purge. */
#include "pipeline/rig.h"

static const char *const small[] = {"buffer.memory", "100000", "linger.ms", "50", NULL};

static uint32_t fill(struct rig *rig, sluice_code expected) {
    sluice_code code;
    uint32_t before = rig->count;
    while ((code = rig_try(rig, 0)) == SLUICE_OK) {
    }
    cr_assert_eq(code, expected, "%s", sluice_code_name(code));
    return rig->count - before;
}

Test(room, a_spent_budget_answers_full_and_recovers) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1, .settings = small});
    rig->value_size = 1000;
    uint32_t first = fill(rig, SLUICE_FULL);
    cr_expect_geq(first, 80);
    cr_expect_lt(first, 100);
    cr_expect_leq(rig_status(rig).bytes_used, 100000);
    void *value;
    sluice_reservation *reservation;
    cr_expect_eq(
        sluice_reserve(rig->topic, &(sluice_record){.opaque = NULL}, 50000, &reservation, &value),
        SLUICE_FULL);
    rig_flush(rig);
    rig_run(rig, 100);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    cr_expect_eq(fill(rig, SLUICE_FULL), first);
    rig_flush(rig);
    rig_end(rig);
}

Test(room, who_waits_for_room_gets_it_without_linger) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 1,
        .settings = (const char *[]){"buffer.memory", "100000", "linger.ms", "20000", NULL}});
    rig->value_size = 1000;
    fill(rig, SLUICE_FULL);
    uint64_t before_ns = rt_now(rig->world);
    cr_assert_eq(sluice_wait_for_room(rig->producer, 1000, 10000), SLUICE_OK);
    cr_expect_lt(rt_now(rig->world) - before_ns, 100 * RIG_MS);
    fill(rig, SLUICE_FULL);
    before_ns = rt_now(rig->world);
    sluice_record record = {
        .value = "9999999999", .value_size = 10, .flags = SLUICE_RECORD_PARTITION};
    char text[11];
    snprintf(text, sizeof text, "%010u", rig->count);
    record.value = text;
    record.opaque = rig_next(rig, 0);
    cr_assert_eq(sluice_produce_wait(rig->topic, &record, 10000), SLUICE_OK);
    cr_expect_lt(rt_now(rig->world) - before_ns, 100 * RIG_MS);
    rig_end(rig);
}

Test(room, waiting_for_room_ends_at_its_deadline_with_the_reason) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1, .settings = small});
    rt_sim_fault(rig->world, &(struct rt_address){.ip = {10, 0, 0, 1}, .port = 9092, .family = 4},
                 RT_SIM_BLACKHOLE);
    rig->value_size = 1000;
    fill(rig, SLUICE_FULL);
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 1000, 300), SLUICE_FULL);
    cr_expect_geq(rt_now(rig->world) - before_ns, 300 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - before_ns, 320 * RIG_MS);
    static char value[2000];
    sluice_record record = {.value = value, .value_size = sizeof value};
    cr_expect_eq(sluice_produce_wait(rig->topic, &record, 300), SLUICE_FULL);
    sluice_report report;
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 300, &report), SLUICE_FULL);
    cr_expect_lt(rt_now(rig->world) - before_ns, 1000 * RIG_MS);
    rt_sim_fault(rig->world, &(struct rt_address){.ip = {10, 0, 0, 1}, .port = 9092, .family = 4},
                 RT_SIM_HEAL);
    rig_end(rig);
}

Test(room, reports_that_nobody_reads_are_named) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 1,
        .settings = (const char *[]){"buffer.memory", "16384", "linger.ms", "0", NULL}});
    sluice_code code = SLUICE_OK;
    for (unsigned i = 0; i < 4000 && code == SLUICE_OK; i++) {
        code = rig_try(rig, 0);
        if (code == SLUICE_FULL) {
            cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
            rig_run(rig, 10);
            code = rig_try(rig, 0);
        }
    }
    cr_expect_eq(code, SLUICE_REPORTS_WAITING, "%s", sluice_code_name(code));
    cr_expect_gt(rig_poll(rig), 100);
    rig_run(rig, 100);
    cr_expect_eq(rig_try(rig, 0), SLUICE_OK);
    rig_end(rig);
}

/* ---- one record, and its outcome ------------------------------------------------------------- */

Test(room, a_synchronous_call_returns_the_records_own_report) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 2, .settings = (const char *[]){"linger.ms", "20000", NULL}});
    rig_produce_some(rig, 1, 3); /* the same batch takes others along */
    char mark;
    sluice_report report = {0};
    sluice_record record = {.value = "0000000003",
                            .value_size = 10,
                            .opaque = &mark,
                            .flags = SLUICE_RECORD_PARTITION,
                            .partition = 1};
    uint64_t before_ns = rt_now(rig->world);
    cr_assert_eq(sluice_produce_sync(rig->topic, &record, 10000, &report), SLUICE_OK);
    cr_expect_lt(rt_now(rig->world) - before_ns, 200 * RIG_MS); /* it did not linger */
    cr_expect_eq(report.opaque, &mark);
    cr_expect_eq(report.topic, rig->topic);
    cr_expect_eq(report.partition, 1);
    cr_expect_eq(report.offset, 3);
    cr_expect_eq(report.outcome, SLUICE_PERSISTED);
    cr_expect_eq(report.attempts, 1);
    cr_expect_eq(rig_poll(rig), 3); /* its report went to the caller and to nobody else */
    rig_run(rig, 100);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    cr_expect_eq(rig_status(rig).reports_waiting, 0);
    rig_free(rig);
}

Test(room, a_synchronous_call_that_gives_up_is_reported_later) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_assert_eq(
        broker_cluster_stall(rig->cluster, broker_cluster_leader(rig->cluster, "orders", 0), true),
        SLUICE_OK);
    sluice_report report = {0};
    sluice_record record = {.value = "0000000001", .value_size = 10, .opaque = rig_next(rig, 0)};
    uint64_t before_ns = rt_now(rig->world);
    cr_assert_eq(sluice_produce_sync(rig->topic, &record, 100, &report), SLUICE_TIMED_OUT);
    cr_expect_geq(rt_now(rig->world) - before_ns, 100 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - before_ns, 110 * RIG_MS);
    cr_expect_eq(rig_poll(rig), 0);
    broker_cluster_stall(rig->cluster, broker_cluster_leader(rig->cluster, "orders", 0), false);
    rig_run(rig, 100);
    cr_expect_eq(rig_poll(rig), 1);
    rig_end(rig);
}

Test(room, a_synchronous_call_may_be_left_undecided_at_free) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    sluice_report report = {0};
    sluice_record record = {.value = "v", .value_size = 1};
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 0, &report), SLUICE_TIMED_OUT);
    rig_free(rig);
}

/* ---- purge ----------------------------------------------------------------------------------- */

Test(room, purge_gives_up_what_was_never_sent) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 2, .settings = (const char *[]){"linger.ms", "20000", NULL}});
    cr_expect_eq(sluice_purge(rig->producer, 0), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_purge(rig->producer, 8), SLUICE_INVALID_ARGUMENT);
    for (int round = 0; round < 3; round++) { /* no metadata yet, lingering, lingering behind */
        rig_produce_some(rig, 0, 10);
        rig_produce_some(rig, 1, 10);
        rig_run(rig, round == 0 ? 0 : 100);
        cr_expect_eq(sluice_purge(rig->producer, SLUICE_PURGE_UNSENT), SLUICE_OK);
        cr_assert(rig_await(rig, rig->count, 100), "round %d", round);
        rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_PURGED);
    }
    rig_expect_quiet(rig);
    cr_expect_eq(rig_counters(rig).records, 0);
    rig_end(rig);
}

Test(room, purge_of_what_was_sent_is_unknown) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 1, .settings = (const char *[]){"linger.ms", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t dropped = rig_fault(rig, SLUICE_FAULT_DROP, 0, 0, 0);
    rig_produce_some(rig, 0, 3);
    rig_await_hits(rig, dropped, 1);
    rig_run(rig, 30);
    rig_produce_some(rig, 0, 3); /* waits behind, not all sent */
    cr_expect_eq(sluice_purge(rig->producer, SLUICE_PURGE_SENT | SLUICE_PURGE_UNSENT), SLUICE_OK);
    cr_assert(rig_await(rig, rig->count, 100));
    for (unsigned i = 1; i < 7; i++) {
        cr_expect_eq(rig->records[i].report.error, SLUICE_PURGED);
        cr_expect_eq(rig->records[i].report.outcome,
                     rig->records[i].report.attempts > 0 ? SLUICE_UNKNOWN : SLUICE_NOT_PERSISTED);
    }
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_UNKNOWN);
    broker_cluster_fault_remove_all(rig->cluster);
    rig_produce_some(rig, 0, 3); /* life goes on, under another epoch */
    rig_run(rig, 40000);         /* the mute connection is given up */
    rig_flush(rig);
    for (unsigned i = 7; i < 10; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED);
    }
    rig_end(rig);
}

Test(room, purge_of_the_sent_leaves_the_unsent_alone) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 2});
    rig_produce_some(rig, 0, 5); /* no metadata yet */
    cr_expect_eq(sluice_purge(rig->producer, SLUICE_PURGE_SENT), SLUICE_OK);
    rig_run(rig, 1);
    rig_produce_some(rig, 1, 5);
    rig_run(rig, 6); /* lingering */
    cr_expect_eq(sluice_purge(rig->producer, SLUICE_PURGE_SENT), SLUICE_OK);
    rig_flush(rig);
    for (uint32_t i = 0; i < rig->count; i++) {
        cr_expect(rig->records[i].report.outcome == SLUICE_PERSISTED ||
                  rig->records[i].report.attempts > 0);
    }
    rig_end(rig);
}

Test(room, what_is_produced_after_a_purge_is_not_meant) {
    static const char *const settings[] = {"linger.ms", "5", "request.timeout.ms", "3000", NULL};
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 1, .settings = settings});
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t dropped = rig_fault(rig, SLUICE_FAULT_DROP, 0, 0, 1);
    rig_produce_some(rig, 0, 3);
    rig_await_hits(rig, dropped, 1);
    rig_run(rig, 20);
    rig_produce_some(rig, 0, 3); /* an open batch behind it */
    rig_run(rig, 1);
    cr_expect_eq(sluice_purge(rig->producer, SLUICE_PURGE_UNSENT), SLUICE_OK);
    rig_run(rig, 1);
    rig_produce_some(rig, 0, 3); /* waits until the unanswered one is settled */
    rig_flush(rig);
    for (uint32_t i = 1; i < 10; i++) {
        bool meant = i >= 4 && i < 7;
        cr_expect_eq(rig->records[i].report.outcome,
                     meant ? SLUICE_NOT_PERSISTED : SLUICE_PERSISTED, "record %u", i);
        cr_expect(!meant || rig->records[i].report.error == SLUICE_PURGED);
    }
    rig_end(rig);
}

Test(room, purge_of_the_unsent_leaves_the_sent_alone) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 1, .settings = (const char *[]){"linger.ms", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_hold_up(rig, SLUICE_FAULT_DELAY, 0, 500, 1);
    rig_produce_some(rig, 0, 3);
    rig_run(rig, 30);
    cr_expect_eq(sluice_purge(rig->producer, SLUICE_PURGE_UNSENT), SLUICE_OK);
    cr_assert(rig_await(rig, rig->count, 2000));
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rig->records[1].report.attempts, 1);
    rig_end(rig);
}
