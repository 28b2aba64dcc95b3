/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pauses between attempts, and what a report tells of the time that went by. */
#include "pipeline/rig.h"

enum { PRODUCE = 0 };

/* ---- KIP-580 --------------------------------------------------------------------------------- */

struct jitter {
    uint64_t least, most; /* of the pause that is due without jitter, in percent */
};

/* A batch that is always refused for want of replicas: every pause is measured. */
static void measure(uint64_t seed, uint64_t first_ms, uint64_t most_ms, struct jitter *jitter) {
    char first[16], most[16];
    snprintf(first, sizeof first, "%d", (int)first_ms);
    snprintf(most, sizeof most, "%d", (int)most_ms);
    const char *const settings[] = {
        "linger.ms", "0", "retry.backoff.ms", first, "retry.backoff.max.ms", most, NULL};
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = seed, .partitions = 1, .brokers = {.broker_count = 1}, .settings = settings});
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t fault = rig_refuse(rig, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, 0, 9);
    rig_produce(rig, 0);
    rig_await_hits(rig, fault, 1);
    uint64_t due_ms = first_ms;
    for (uint64_t attempt = 2; attempt <= 9; attempt++) {
        uint64_t before_ns = rt_now(rig->world);
        rig_await_hits(rig, fault, attempt);
        uint64_t percent = (rt_now(rig->world) - before_ns) * 100 / (due_ms * RIG_MS);
        cr_expect(percent >= 79 && percent <= 123, "seed %d, attempt %d: %d %% of %d ms", (int)seed,
                  (int)attempt, (int)percent, (int)due_ms);
        jitter->least = percent < jitter->least ? percent : jitter->least;
        jitter->most = percent > jitter->most ? percent : jitter->most;
        due_ms = due_ms * 2 < most_ms ? due_ms * 2 : most_ms;
    }
    rig_flush(rig);
    cr_expect_eq(rig->records[1].report.attempts, 10);
    rig_end(rig);
}

Test(backoff, doubles_up_to_its_maximum_with_a_fifth_of_jitter) {
    struct jitter jitter = {.least = 100, .most = 100};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        measure(seed, 100, 1000, &jitter);
        measure(seed, 50, 10000, &jitter);
    }
    cr_expect_leq(jitter.least, 83, "jitter goes down");
    cr_expect_geq(jitter.most, 117, "and up");
}

Test(backoff, of_one_partition_holds_up_no_other) {
    static const char *const settings[] = {"linger.ms", "0", NULL};
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 2, .brokers = {.broker_count = 1}, .settings = settings});
    rig_refuse_of(rig, 0, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, 0, 6);
    for (int i = 0; i < 50; i++) {
        rig_produce(rig, 0);
        rig_produce(rig, 1);
        rig_run(rig, 5);
    }
    cr_expect(rig_await(rig, 50, 10));
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* A pause never outlasts the record's time. */
Test(backoff, ends_with_the_time_of_its_record) {
    static const char *const settings[] = {"linger.ms",
                                           "0",
                                           "retry.backoff.ms",
                                           "60000",
                                           "retry.backoff.max.ms",
                                           "60000",
                                           "delivery.timeout.ms",
                                           "3000",
                                           "request.timeout.ms",
                                           "1000",
                                           NULL};
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 1, .brokers = {.broker_count = 1}, .settings = settings});
    rig_refuse(rig, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, 0, 1);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 1, 3050));
    cr_expect_eq(rig->records[0].report.outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[0].report.error, SLUICE_DELIVERY_TIMED_OUT);
    rig_end(rig);
}

/* ---- what a report tells --------------------------------------------------------------------- */

static const char *const timed[] = {
    "linger.ms", "0", "delivery.timeout.ms", "3000", "request.timeout.ms", "800", NULL};

static const sluice_report *only_report(struct rig *rig, uint64_t age_ms) {
    const sluice_report *report = &rig->records[0].report;
    cr_assert(rig_await(rig, 1, 10000));
    uint64_t told_ms = (uint64_t)report->waited_ms + report->in_flight_ms;
    cr_expect(told_ms + 2 >= age_ms && told_ms <= age_ms + 100, "%d of %d ms", (int)told_ms,
              (int)age_ms);
    return report;
}

static bool names(sluice_code code, const char *option) {
    return strstr(sluice_code_text(code), option) != NULL;
}

Test(report, of_time_that_went_by_unconnected_says_so) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 1, .brokers = {.broker_count = 1}, .settings = timed});
    sluice_topic_partition_count(rig->topic, 1000, NULL);
    struct rt_address broker = rig_address(1);
    rt_sim_cut(rig->world, &broker, false);
    rt_sim_fault(rig->world, &broker, RT_SIM_REFUSE);
    rig_produce(rig, 0);
    const sluice_report *report = only_report(rig, 3000);
    cr_expect_eq(report->outcome, SLUICE_NOT_PERSISTED);
    cr_expect(names(report->error, "delivery.timeout.ms"));
    cr_expect_eq(report->last_error, SLUICE_CONNECTION_REFUSED);
    cr_expect_eq(report->attempts, 0);
    cr_expect_geq(report->waited_ms, 2990);
    cr_expect_eq(report->in_flight_ms, 0);
    rig_free(rig);
}

Test(report, of_time_that_went_by_unanswered_says_so) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 1, .brokers = {.broker_count = 1}, .settings = timed});
    rig_fault(rig, SLUICE_FAULT_DROP, PRODUCE, 0, 0);
    rig_produce(rig, 0);
    const sluice_report *report = only_report(rig, 3000);
    cr_expect_eq(report->outcome, SLUICE_UNKNOWN);
    cr_expect(names(report->error, "delivery.timeout.ms"));
    cr_expect(names(report->last_error, "request.timeout.ms"));
    cr_expect_geq(report->attempts, 3);
    cr_expect_lt(report->waited_ms, 100);
    cr_expect_geq(report->in_flight_ms, 2900);
    rig_free(rig);
}

Test(report, of_attempts_that_ran_out_says_how_many_and_why) {
    static const char *const settings[] = {"linger.ms", "0", "retries", "3", NULL};
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 1, .brokers = {.broker_count = 1}, .settings = settings});
    rig_refuse(rig, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, 0, 4);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 1, 10000));
    const sluice_report *report = &rig->records[0].report;
    cr_expect_eq(report->outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(report->error, SLUICE_BROKER_NOT_ENOUGH_REPLICAS);
    cr_expect_eq(report->last_error, SLUICE_BROKER_NOT_ENOUGH_REPLICAS);
    cr_expect_eq(report->attempts, 4);
    rig_end(rig);
}

Test(report, of_what_a_deadline_of_close_decided_says_so) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 2, .brokers = {.broker_count = 1}, .settings = timed});
    sluice_topic_partition_count(rig->topic, 1000, NULL);
    rig_fault(rig, SLUICE_FAULT_DROP, PRODUCE, 0, 0);
    rig_produce(rig, 0);
    rig_run(rig, 300);
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_eq(sluice_flush(rig->producer, 200), SLUICE_TIMED_OUT);
    cr_expect_lt(rt_now(rig->world) - before_ns, 202 * RIG_MS);
    cr_expect_eq(sluice_producer_close(rig->producer, 200), SLUICE_TIMED_OUT);
    cr_expect_lt(rt_now(rig->world) - before_ns, 404 * RIG_MS);
    rig_poll(rig);
    cr_expect_eq(rig->records[0].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(rig->records[0].report.error, SLUICE_CLOSE_TIMED_OUT);
    cr_expect(names(SLUICE_CLOSE_TIMED_OUT, "closed"));
    cr_expect(names(SLUICE_TIMED_OUT, "given to the call"));
    rig_free(rig);
}
