/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attempts, acks, idempotence off, and the delivery timeout. */
#include "pipeline/rig.h"

enum { PRODUCE = 0 };

static struct rig *start(const char *name, const char *value, const char *other,
                         const char *other_value) {
    const char *settings[] = {"linger.ms", "1", name, value, other, other_value, NULL};
    return rig_start(&(struct rig_setup){.seed = 5, .partitions = 1, .settings = settings});
}

/* ---- attempts -------------------------------------------------------------------------------- */

Test(retries, zero_means_one_attempt) {
    struct rig *rig = start("retries", "0", NULL, NULL);
    uint64_t fault = rig_refuse(rig, 19, 1, 1); /* NOT_ENOUGH_REPLICAS: not written */
    for (int i = 0; i < 3; i++) {
        rig_produce(rig, 0);
        rig_flush(rig);
    }
    cr_expect_eq(rig_hits(rig, fault), 1);
    cr_expect_eq(rig->records[0].report.outcome, SLUICE_PERSISTED);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[1].report.error, SLUICE_BROKER_NOT_ENOUGH_REPLICAS);
    cr_expect_eq(rig->records[1].report.attempts, 1);
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

Test(retries, zero_leaves_what_was_cut_off_unknown) {
    struct rig *rig = start("retries", "0", NULL, NULL);
    rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, 0, 1);
    rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, 1, 1);
    for (int i = 0; i < 3; i++) {
        rig_produce(rig, 0);
        rig_flush(rig);
        cr_expect_eq(rig->records[i].report.attempts, 1);
    }
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_UNKNOWN);
        cr_expect_eq(rig->records[i].report.error, SLUICE_CONNECTION_LOST);
    }
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

Test(retries, one_means_at_most_two_hand_overs) {
    struct rig *rig = start("retries", "1", NULL, NULL);
    rig_refuse(rig, 19, 0, 2);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[0].report.outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[0].report.attempts, 2);
    rig_refuse(rig, 19, 0, 1);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_PERSISTED);
    cr_expect_eq(rig->records[1].report.attempts, 2);
    cr_expect_eq(rig->records[1].report.last_error, SLUICE_BROKER_NOT_ENOUGH_REPLICAS);
    rig_end(rig);
}

Test(retries, one_holds_under_any_trouble) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig *rig = rig_start(
            &(struct rig_setup){.seed = seed,
                                .partitions = 2,
                                .settings = (const char *[]){"linger.ms", "1", "retries", "1",
                                                             "request.timeout.ms", "500", NULL}});
        for (int i = 0; i < 30; i++) {
            static const sluice_broker_action actions[] = {
                SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_CUT_AFTER, SLUICE_FAULT_MOVE_LEADER,
                SLUICE_FAULT_DROP, SLUICE_FAULT_GARBAGE};
            rig_fault(rig, actions[rt_sim_choose(rig->world, 5)], PRODUCE,
                      (uint32_t)rt_sim_choose(rig->world, 4), 1);
            for (int n = 0; n < 10; n++) {
                rig_produce(rig, (int32_t)rt_sim_choose(rig->world, 2));
                rig_run(rig, rt_sim_choose(rig->world, 5));
            }
        }
        rig_flush(rig);
        for (uint32_t i = 0; i < rig->count; i++) {
            cr_expect_leq(rig->records[i].report.attempts, 2);
        }
        rig_end(rig);
    }
}

Test(retries, connecting_costs_no_attempts) {
    struct rig *rig = start("retries", "1", "reconnect.backoff.max.ms", "100");
    struct rt_address broker;
    for (int32_t node = 1; node <= 3; node++) {
        broker = rig_address(node);
        rt_sim_fault(rig->world, &broker, RT_SIM_REFUSE);
    }
    rig_produce_some(rig, 0, 3);
    rig_run(rig, 10000);
    for (int32_t node = 1; node <= 3; node++) {
        broker = rig_address(node);
        rt_sim_fault(rig->world, &broker, RT_SIM_HEAL);
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rig->records[0].report.attempts, 1);
    cr_expect_geq(rig->records[0].report.waited_ms, 9990);
    cr_expect_lt(rig->records[0].report.in_flight_ms, 100);
    rig_end(rig);
}

Test(retries, errors_that_no_retry_helps_end_at_once) {
    static const int16_t codes[] = {10, 17, 29, 38, 44, 87};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (sluice_code_retriable((sluice_code)codes[i])) {
            continue;
        }
        struct rig *rig = start("linger.ms", "1", NULL, NULL);
        rig_refuse(rig, codes[i], 1, 1);
        for (int n = 0; n < 3; n++) {
            rig_produce(rig, 0);
            rig_flush(rig);
        }
        cr_expect_eq(rig->records[1].report.outcome, SLUICE_NOT_PERSISTED);
        cr_expect_eq(rig->records[1].report.error, (sluice_code)codes[i]);
        cr_expect_eq(rig->records[1].report.attempts, 1);
        cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
        rig_end(rig);
    }
}

Test(retries, batches_behind_a_refused_one_are_not_lost) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 5,
        .partitions = 1,
        .delay_ns = 5 * RIG_MS,
        .settings = (const char *[]){"linger.ms", "0", "batch.size", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_refuse(rig, 87, 1, 1); /* INVALID_RECORD for the second of five in flight */
    rig_produce_some(rig, 0, 5);
    rig_flush(rig);
    for (int i = 0; i < 6; i++) {
        cr_expect_eq(rig->records[i].report.outcome,
                     i == 2 ? SLUICE_NOT_PERSISTED : SLUICE_PERSISTED, "%d", i);
    }
    rig_end(rig);
}

/* ---- acks and idempotence -------------------------------------------------------------------- */

Test(retries, without_acks_nothing_is_known) {
    struct rig *rig = start("acks", "0", NULL, NULL);
    for (int i = 0; i < 20; i++) {
        rig_produce_some(rig, 0, 5);
        rig_run(rig, 5);
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_UNKNOWN, SLUICE_NOT_ASKED);
    rig_run(rig, 100);
    cr_expect_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 100);
    rig_end(rig);
}

Test(retries, without_acks_the_outcome_does_not_wait_for_the_broker) {
    struct rig *rig = start("acks", "0", NULL, NULL);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_assert_eq(
        broker_cluster_stall(rig->cluster, broker_cluster_leader(rig->cluster, "orders", 0), true),
        SLUICE_OK);
    rig_produce(rig, 0);
    cr_expect(rig_await(rig, 2, 100));
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    rig_free(rig);
}

Test(retries, one_ack_persists_without_identity) {
    struct rig *rig = start("acks", "1", NULL, NULL);
    rig_produce_some(rig, 0, 50);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rig_counters(rig).requests[22], 0); /* InitProducerId */
    rig_end(rig);
}

static bool without_identity(const sluice_broker_record *record, void *context) {
    (void)context;
    cr_expect_eq(record->producer_id, -1);
    cr_expect_eq(record->sequence, -1);
    return true;
}

static void without_idempotence(const char *in_flight) {
    const char *settings[] = {"enable.idempotence",
                              "false",
                              "linger.ms",
                              "1",
                              "request.timeout.ms",
                              "500",
                              in_flight == NULL ? NULL : "max.in.flight",
                              in_flight,
                              NULL};
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 6, .partitions = 2, .settings = settings});
    rig->doubles_allowed = true;
    rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, 3, 2);
    rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, 10, 2);
    for (int i = 0; i < 100; i++) {
        rig_produce(rig, i % 2);
        rig_run(rig, rt_sim_choose(rig->world, 4));
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_geq(broker_cluster_read(rig->cluster, "orders", 0, 0, without_identity, NULL), 50);
    if (in_flight == NULL || in_flight[0] == '1') {
        rig_end(rig); /* in order, first appearances */
    } else {
        rig_free(rig);
    }
}

Test(retries, without_idempotence_order_is_kept_and_doubles_are_possible) {
    without_idempotence(NULL);
}

Test(retries, without_idempotence_several_may_be_in_flight_if_asked_for) {
    without_idempotence("5");
}

/* ---- the delivery timeout -------------------------------------------------------------------- */

static const char *const timed[] = {
    "delivery.timeout.ms", "2000", "request.timeout.ms", "1500", "linger.ms", "5", NULL};

Test(retries, what_was_never_sent_is_not_persisted_at_its_time) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 5, .partitions = 1, .settings = timed});
    rig_produce(rig, 0);
    rig_flush(rig);
    for (int32_t node = 1; node <= 3; node++) {
        cr_assert_eq(broker_cluster_kill(rig->cluster, node), SLUICE_OK);
    }
    rig_run(rig, 200);
    uint64_t began_ns = rt_now(rig->world);
    rig_produce(rig, 0);
    rig_run(rig, 500);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 1600));
    cr_expect_geq(rt_now(rig->world) - began_ns, 1999 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - began_ns, 2020 * RIG_MS);
    cr_expect_eq(rig->reported, 2); /* the third has half a second left */
    cr_assert(rig_await(rig, 3, 520));
    for (int i = 1; i < 3; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_NOT_PERSISTED);
        cr_expect_eq(rig->records[i].report.error, SLUICE_DELIVERY_TIMED_OUT);
        cr_expect_eq(rig->records[i].report.attempts, 0);
    }
    rig_end(rig);
}

Test(retries, what_was_sent_and_not_answered_is_unknown_at_its_time) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 5, .partitions = 1, .settings = timed});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_fault(rig, SLUICE_FAULT_DROP, PRODUCE, 0, 0);
    uint64_t began_ns = rt_now(rig->world);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 2100));
    cr_expect_geq(rt_now(rig->world) - began_ns, 1999 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - began_ns, 2020 * RIG_MS);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(rig->records[1].report.error, SLUICE_DELIVERY_TIMED_OUT);
    cr_expect_geq(rig->records[1].report.attempts, 1);
    cr_expect_geq(rig->records[1].report.in_flight_ms, 1900);
    broker_cluster_fault_remove_all(rig->cluster);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    cr_expect_eq(rig->records[4].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

Test(retries, what_waits_behind_a_stalled_broker_is_not_persisted_at_its_time) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 5,
        .partitions = 1,
        .settings = (const char *[]){"delivery.timeout.ms", "2000", "request.timeout.ms", "1900",
                                     "linger.ms", "0", "batch.size", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    int32_t leader = broker_cluster_leader(rig->cluster, "orders", 0);
    cr_assert_eq(broker_cluster_stall(rig->cluster, leader, true), SLUICE_OK);
    uint64_t began_ns = rt_now(rig->world);
    rig_produce_some(rig, 0, 20); /* five are sent, the others wait */
    cr_assert(rig_await(rig, 21, 2050));
    cr_expect_geq(rt_now(rig->world) - began_ns, 1999 * RIG_MS);
    for (int i = 1; i <= 20; i++) {
        cr_expect_eq(rig->records[i].report.outcome, i <= 5 ? SLUICE_UNKNOWN : SLUICE_NOT_PERSISTED,
                     "record %d", i);
        cr_expect_eq(rig->records[i].report.attempts, i <= 5 ? 1 : 0, "record %d", i);
    }
    cr_assert_eq(broker_cluster_stall(rig->cluster, leader, false), SLUICE_OK);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[21].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

Test(retries, what_a_throttle_holds_back_is_not_persisted_at_its_time) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 5, .partitions = 1, .settings = timed});
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, PRODUCE, 60000, 1);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 1, 1000));
    uint64_t began_ns = rt_now(rig->world);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 2050));
    cr_expect_geq(rt_now(rig->world) - began_ns, 1999 * RIG_MS);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[1].report.error, SLUICE_DELIVERY_TIMED_OUT);
    rig_end(rig);
}

Test(retries, each_record_has_its_own_time) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 5, .partitions = 3, .settings = timed});
    for (int32_t node = 1; node <= 3; node++) {
        cr_assert_eq(broker_cluster_kill(rig->cluster, node), SLUICE_OK);
    }
    uint64_t produced_ns[40];
    for (int i = 0; i < 40; i++) {
        produced_ns[i] = rt_now(rig->world);
        rig_produce(rig, i % 3);
        rig_run(rig, 40);
    }
    for (uint32_t i = 0; i < 40; i++) {
        while (rig->records[i].reports == 0) {
            rig_run(rig, 1);
            rig_poll(rig);
            cr_assert_lt(rt_now(rig->world) - produced_ns[i], 2030 * RIG_MS, "record %u", i);
        }
        cr_expect_geq(rt_now(rig->world) - produced_ns[i], 1980 * RIG_MS, "record %u", i);
    }
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_OK);
    rig_end(rig);
}
