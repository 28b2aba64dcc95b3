/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Order, exactly one report, nothing lost or doubled: through all that goes wrong around it. */
#include "pipeline/json_path.h"
#include "pipeline/rig.h"

enum { PRODUCE = 0 };

static const char *const quick[] = {
    "linger.ms", "1", "request.timeout.ms", "1000", "reconnect.backoff.max.ms", "200", NULL};

/* Records over the partitions, with pauses that let some of it be sent. */
static void stream(struct rig *rig, unsigned partitions, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        rig_produce(rig, (int32_t)rt_sim_choose(rig->world, partitions));
        if (rt_sim_choose(rig->world, 4) == 0) {
            rig_run(rig, 1 + rt_sim_choose(rig->world, 4));
        }
    }
}

static void expect_all_persisted(struct rig *rig) {
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(order, holds_in_the_calm) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 6, .settings = quick});
    stream(rig, 6, 1000);
    rig_flush(rig);
    for (uint32_t i = 0; i < rig->count; i++) {
        cr_expect_geq(rig->records[i].report.offset, 0);
        cr_expect_eq(rig->records[i].report.attempts, 1);
    }
    expect_all_persisted(rig);
}

Test(order, holds_with_gzip) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 3,
        .settings = (const char *[]){"compression.type", "gzip", "batch.size", "2000", NULL}});
    rig->value_size = 300;
    stream(rig, 3, 600);
    expect_all_persisted(rig);
}

Test(order, holds_with_every_record_a_batch) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 3, .settings = (const char *[]){"batch.size", "0", NULL}});
    stream(rig, 3, 300);
    expect_all_persisted(rig);
}

struct turns {
    int64_t next;
    bool in_order;
};

static bool read_turn(const sluice_broker_record *record, void *context) {
    struct turns *turns = context;
    int turn;
    memcpy(&turn, record->value, sizeof turn);
    turns->in_order = turns->in_order && turn == turns->next++;
    return true;
}

/* More turns than are looked at in one go. */
Test(order, of_calls_holds_over_thousands_of_turns) {
    enum { TURNS = 10000 };
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    rig_run(rig, 1000);
    for (int i = 0; i < TURNS; i++) {
        rt_sim_thread(rig->world, (unsigned)i % 3);
        sluice_record record = {.value = &i, .value_size = sizeof i};
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    }
    rt_sim_thread(rig->world, 0);
    cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
    cr_expect_eq(rig_status(rig).records_persisted, TURNS);
    struct turns turns = {.in_order = true};
    cr_expect_eq(broker_cluster_read(rig->cluster, "orders", 0, 0, read_turn, &turns), TURNS);
    cr_expect(turns.in_order);
    static char json[65536];
    cr_assert_leq(sluice_producer_counters(rig->producer, json, sizeof json), sizeof json);
    cr_expect_leq(json_number_at(json, "producer.input_bytes.count", NULL), 5, "looks at it");
    rig_free(rig);
}

Test(order, of_calls_holds_over_threads_that_take_turns) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig *rig = rig_start(&(struct rig_setup){
            .seed = seed, .partitions = 2, .settings = seed % 2 == 0 ? quick : NULL});
        for (unsigned i = 0; i < 400; i++) {
            rt_sim_thread(rig->world, (unsigned)rt_sim_choose(rig->world, 5));
            rig->value_size = 12 + rt_sim_choose(rig->world, 300);
            stream(rig, 2, 1 + (unsigned)rt_sim_choose(rig->world, 3));
        }
        for (unsigned thread = 1; thread < 5; thread++) {
            rt_sim_thread_end(rig->world, thread);
        }
        rt_sim_thread(rig->world, 0);
        expect_all_persisted(rig);
    }
}

Test(order, holds_while_leaders_move) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rig *rig =
            rig_start(&(struct rig_setup){.seed = seed, .partitions = 3, .settings = quick});
        for (int32_t i = 0; i < 30; i++) {
            stream(rig, 3, 30);
            cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", i % 3,
                                                    1 + (int32_t)rt_sim_choose(rig->world, 3)),
                         SLUICE_OK);
        }
        expect_all_persisted(rig);
    }
}

Test(order, holds_while_a_partition_has_no_leader) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 2, .partitions = 2, .settings = quick});
    stream(rig, 2, 50);
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 0), SLUICE_OK);
    stream(rig, 2, 100);
    rig_run(rig, 3000);
    stream(rig, 2, 100);
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 3), SLUICE_OK);
    expect_all_persisted(rig);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void survives(sluice_broker_action action, uint64_t seed) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = seed, .partitions = 3, .settings = quick});
    uint64_t fault = rig_fault(rig, action, PRODUCE, (uint32_t)rt_sim_choose(rig->world, 10), 3);
    for (int i = 0; i < 10; i++) {
        stream(rig, 3, 30);
        rig_run(rig, 300);
    }
    rig_flush(rig);
    cr_expect_eq(rig_hits(rig, fault), 3, "action %d", action);
    expect_all_persisted(rig);
}

Test(order, holds_through_cuts_before_and_after_and_within_answers) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        survives(SLUICE_FAULT_CUT_BEFORE, seed);
        survives(SLUICE_FAULT_CUT_AFTER, seed);
        survives(SLUICE_FAULT_CUT_HALF, seed);
    }
}

Test(order, holds_when_answers_never_come) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        survives(SLUICE_FAULT_DROP, seed);
    }
}

Test(order, holds_when_answers_are_no_answers) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        survives(SLUICE_FAULT_GARBAGE, seed);
        survives(SLUICE_FAULT_WRONG_CORRELATION, seed);
        survives(SLUICE_FAULT_HUGE_FRAME, seed);
    }
}

Test(order, holds_when_the_leader_moves_with_a_batch) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        survives(SLUICE_FAULT_MOVE_LEADER, seed);
    }
}

Test(order, holds_through_slow_answers) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 3, .partitions = 3, .settings = quick});
    rig_hold_up(rig, SLUICE_FAULT_DELAY, PRODUCE, 1500, 5); /* after the request was given up */
    stream(rig, 3, 300);
    expect_all_persisted(rig);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void survives_error(sluice_broker_action action, int16_t code, uint32_t times) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = (uint64_t)code, .partitions = 2, .settings = quick});
    sluice_broker_fault fault = sluice_broker_fault_any(action);
    fault.api_key = PRODUCE;
    fault.error_code = code;
    fault.skip = 5;
    fault.count = times;
    uint64_t handle = broker_cluster_fault_add(rig->cluster, &fault);
    for (int i = 0; i < 5; i++) {
        stream(rig, 2, 30);
        rig_run(rig, 200);
    }
    rig_flush(rig);
    cr_expect_eq(rig_hits(rig, handle), times, "error %d", code);
    expect_all_persisted(rig);
}

Test(order, holds_through_errors_that_may_be_retried) {
    static const int16_t codes[] = {3, 5, 6, 7, 13, 19, 20, 35, 41, 45, 47, 49, 56, 59, 90};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        survives_error(SLUICE_FAULT_ERROR, codes[i], 1);
        survives_error(SLUICE_FAULT_ERROR, codes[i], 7);
    }
}

Test(order, holds_through_errors_of_batches_that_were_written) {
    static const int16_t codes[] = {3, 6, 7, 13, 20, 46, 56};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        survives_error(SLUICE_FAULT_ERROR_APPENDED, codes[i], 1);
        survives_error(SLUICE_FAULT_ERROR_APPENDED, codes[i], 7);
    }
}

/* ---- restarts -------------------------------------------------------------------------------- */

static void restarts(uint64_t seed, uint32_t nodes, sluice_broker_keep keep,
                     sluice_broker_action action) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = seed, .partitions = 3, .brokers = {.broker_count = nodes}, .settings = quick});
    rig->doubles_allowed = keep == SLUICE_BROKER_KEEP_NONE; /* they can't know their own */
    for (int i = 0; i < 6; i++) {
        stream(rig, 3, 60);
        uint64_t fault = rig_fault(rig, action, PRODUCE, (uint32_t)rt_sim_choose(rig->world, 4), 1);
        while (rig_hits(rig, fault) == 0) {
            stream(rig, 3, 3);
            rig_run(rig, 1);
        }
        rig_run(rig, rt_sim_choose(rig->world, 1000));
        for (int32_t node = 1; node <= (int32_t)nodes; node++) {
            (void)broker_cluster_restart(rig->cluster, node, keep);
        }
        rig_run(rig, rt_sim_choose(rig->world, 1000));
    }
    expect_all_persisted(rig);
}

Test(order, holds_when_the_only_broker_restarts) {
    for (uint64_t seed = 1; seed <= 6; seed++) {
        for (int keep = SLUICE_BROKER_KEEP_LAST; keep <= SLUICE_BROKER_KEEP_NONE; keep++) {
            restarts(seed, 1, (sluice_broker_keep)keep, SLUICE_FAULT_KILL_BEFORE);
            restarts(seed, 1, (sluice_broker_keep)keep, SLUICE_FAULT_KILL_AFTER);
        }
    }
}

Test(order, holds_when_one_of_three_brokers_restarts) {
    for (uint64_t seed = 1; seed <= 6; seed++) {
        for (int keep = SLUICE_BROKER_KEEP_LAST; keep <= SLUICE_BROKER_KEEP_NONE; keep++) {
            restarts(seed, 3, (sluice_broker_keep)keep, SLUICE_FAULT_KILL_BEFORE);
            restarts(seed, 3, (sluice_broker_keep)keep, SLUICE_FAULT_KILL_AFTER);
        }
    }
}

Test(order, holds_when_a_broker_stalls_and_another_leads) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 8, .partitions = 3, .settings = quick});
    for (int32_t i = 0; i < 6; i++) {
        int32_t node = i % 3 + 1;
        stream(rig, 3, 50);
        cr_assert_eq(broker_cluster_stall(rig->cluster, node, true), SLUICE_OK);
        stream(rig, 3, 50);
        for (int32_t partition = 0; partition < 3; partition++) {
            if (broker_cluster_leader(rig->cluster, "orders", partition) == node) {
                broker_cluster_leader_move(rig->cluster, "orders", partition, node % 3 + 1);
            }
        }
        rig_run(rig, 2500);
        stream(rig, 3, 50);
        cr_assert_eq(broker_cluster_stall(rig->cluster, node, false), SLUICE_OK);
    }
    expect_all_persisted(rig);
}
