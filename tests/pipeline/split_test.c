/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Batches that brokers refuse as too large, or for some of their records: cut into pieces until all
 * that can be written is written, once and in order.
 */
#include "pipeline/rig.h"

#include "actors/leader/partition.h"
#include "actors/topic/limit.h"

enum { PRODUCE = 0, ROOMY = 1048588 };

/* Lingers, so that what is produced together is one batch of each partition. */
static const char *const plain[] = {"linger.ms", "20", "batch.size", "100000", NULL};
static const char *const packed[] = {"linger.ms",        "20",   "batch.size", "100000",
                                     "compression.type", "gzip", NULL};
static const struct rig_setup usual = {
    .seed = 1, .partitions = 1, .brokers = {.broker_count = 1}, .settings = plain};

static struct rig *start(const struct rig_setup *setup, uint32_t limit) {
    struct rig *rig = rig_start(setup);
    cr_assert_eq(broker_cluster_topic_limit(rig->cluster, "orders", limit), SLUICE_OK);
    rig->value_size = 200;
    return rig;
}

static void limit_to(struct rig *rig, uint32_t limit) {
    cr_assert_eq(broker_cluster_topic_limit(rig->cluster, "orders", limit), SLUICE_OK);
}

/* ---- size ------------------------------------------------------------------------------------ */

Test(split, a_batch_that_is_too_large_is_cut_until_it_fits) {
    for (unsigned count = 2; count <= 40; count++) {
        struct rig *rig = start(&usual, 1000);
        rig_produce_some(rig, 0, count);
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
        for (uint32_t i = 0; i < count; i++) {
            cr_expect_eq(rig->records[i].report.offset, i);
            cr_expect_geq(rig->records[i].report.attempts, 1);
        }
        rig_end(rig);
    }
}

/* It is as large as one that was refused for its size in the same round trip, but it would not be
 * sent again. */
Test(split, a_batch_that_was_refused_for_good_is_not_cut) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"linger.ms", "20", "batch.size", "1000", NULL};
    setup.delay_ns = 20 * RIG_MS;
    struct rig *rig = start(&setup, ROOMY);
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t large = rig_refuse(rig, SLUICE_BROKER_MESSAGE_TOO_LARGE, 0, 1);
    uint64_t forbidden = rig_refuse(rig, SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED, 1, 1);
    rig_produce_some(rig, 0, 8);
    rig_flush(rig);
    cr_assert_eq(rig_hits(rig, large) + rig_hits(rig, forbidden), 2);
    for (uint32_t i = 1; i <= 8; i++) {
        const sluice_report *report = &rig->records[i].report;
        cr_expect_eq(report->outcome, i <= 4 ? SLUICE_PERSISTED : SLUICE_NOT_PERSISTED);
        cr_expect(i <= 4 || report->attempts == 1, "record %u: %u attempts", i, report->attempts);
    }
    rig_end(rig);
}

Test(split, a_record_that_is_too_large_fails_alone) {
    for (unsigned large = 0; large < 9; large++) {
        struct rig *rig = start(&usual, 1000);
        for (unsigned i = 0; i < 9; i++) {
            rig->value_size = i == large ? 3000 : 100;
            rig_produce(rig, 0);
        }
        rig_flush(rig);
        for (unsigned i = 0; i < 9; i++) {
            const sluice_report *report = &rig->records[i].report;
            cr_expect_eq(report->outcome, i == large ? SLUICE_NOT_PERSISTED : SLUICE_PERSISTED);
            cr_expect_eq(report->error, i == large ? SLUICE_BROKER_MESSAGE_TOO_LARGE : SLUICE_OK);
        }
        rig_end(rig);
    }
}

Test(split, records_that_are_all_too_large_fail_one_by_one) {
    struct rig *rig = start(&usual, 100);
    rig_produce_some(rig, 0, 30);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_BROKER_MESSAGE_TOO_LARGE);
    limit_to(rig, ROOMY);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[30].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

Test(split, a_packed_batch_is_packed_anew) {
    struct rig_setup setup = usual;
    setup.settings = packed;
    struct rig *rig = start(&setup, 400);
    for (unsigned i = 0; i < 300; i++) {
        rig->value_size = 12 + rt_sim_choose(rig->world, 300);
        rig_produce(rig, 0);
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(split, many_partitions_are_cut_side_by_side) {
    for (int gzip = 0; gzip < 2; gzip++) {
        struct rig_setup setup = usual;
        setup.partitions = 8;
        setup.brokers.broker_count = 3;
        setup.settings = gzip ? packed : plain;
        struct rig *rig = start(&setup, gzip ? 150 : 900);
        for (unsigned i = 0; i < 800; i++) {
            rig_produce(rig, (int32_t)i % 8);
            if (i % 50 == 0) {
                rig_run(rig, 7);
            }
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

Test(split, more_records_than_a_batch_has_slots_within_keep_their_opaques_and_times) {
    struct rig *rig = start(&usual, 500);
    rig->value_size = 12;
    for (int i = 0; i < 2000; i++) {
        char value[12];
        snprintf(value, sizeof value, "%010u", rig->count);
        sluice_record record = {.value = value,
                                .value_size = sizeof value,
                                .flags = SLUICE_RECORD_TIMESTAMP | SLUICE_RECORD_PARTITION,
                                .timestamp_ms = i % 7 == 0 ? 1000000000 + i : 5000000000000 - i};
        record.opaque = rig_next(rig, 0);
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    }
    rig_flush(rig);
    for (int i = 0; i < 2000; i++) {
        cr_assert_eq(rig->records[i].report.timestamp_ms,
                     i % 7 == 0 ? 1000000000 + i : 5000000000000 - i);
    }
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(split, a_list_that_is_larger_than_a_segment_is_cut_too) {
    struct rig *rig = start(&usual, ROOMY);
    uint64_t fault = rig_refuse(rig, SLUICE_BROKER_RECORD_LIST_TOO_LARGE, 0, 3);
    rig_produce_some(rig, 0, 20);
    rig_flush(rig);
    cr_expect_eq(rig_hits(rig, fault), 3);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(split, neither_idempotence_nor_retries_are_needed) {
    static const char *const settings[] = {
        "linger.ms", "20", "enable.idempotence", "false", "retries", "0", NULL};
    struct rig_setup setup = usual;
    setup.settings = settings;
    struct rig *rig = start(&setup, 500);
    rig_produce_some(rig, 0, 50);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    for (unsigned i = 0; i < 50; i++) {
        cr_expect_eq(rig->records[i].report.attempts, 1);
    }
    rig_end(rig);
}

Test(split, what_a_topic_takes_is_learned_and_asked_anew_after_a_while) {
    struct rig *rig = start(&usual, 5000);
    const struct topic *topic = (const struct topic *)rig->topic;
    rig_produce_some(rig, 0, 100);
    rig_flush(rig);
    uint64_t now_ns = rt_now(rig->world);
    uint32_t learned = topic_batch_bytes(topic, now_ns);
    cr_expect_leq(learned, 5000);
    cr_expect_gt(learned, 2000);
    uint64_t refused = rig_counters(rig).batches_refused;
    rig_produce_some(rig, 0, 200);
    rig_flush(rig);
    cr_expect_eq(rig_counters(rig).batches_refused, refused);
    cr_expect_eq(topic_batch_bytes(topic, now_ns + 301000 * RIG_MS), learned * 2);
    cr_expect_eq(topic_batch_bytes(topic, now_ns + 36000000 * RIG_MS), 100000);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* ---- with others in flight, unsure, moving --------------------------------------------------- */

static const char *const small[] = {"linger.ms",          "1",   "batch.size", "1500",
                                    "request.timeout.ms", "400", NULL};

Test(split, the_pieces_keep_their_place_between_batches_in_flight) {
    for (unsigned skip = 0; skip < 8; skip++) {
        struct rig_setup setup = usual;
        setup.settings = small;
        setup.delay_ns = 10 * RIG_MS;
        struct rig *rig = start(&setup, ROOMY);
        rig_produce(rig, 0);
        rig_flush(rig);
        rig_refuse(rig, SLUICE_BROKER_MESSAGE_TOO_LARGE, skip, 1);
        rig_produce_some(rig, 0, 60);
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
        rig_end(rig);
    }
}

/* A batch whose first answer was lost stays unsure when the next one refuses it, and so does what
 * was sent behind it and can no longer be settled. */
static void expect_persisted_or_unsure(struct rig *rig, sluice_code error) {
    uint32_t persisted = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        const sluice_report *report = &rig->records[i].report;
        bool unsure = report->outcome == SLUICE_UNKNOWN &&
                      (report->error == error || report->error == SLUICE_SEQUENCE_LOST);
        cr_expect(report->outcome == SLUICE_PERSISTED || unsure, "record %u: %s", i,
                  sluice_code_name(report->error));
        persisted += report->outcome == SLUICE_PERSISTED;
    }
    cr_expect_gt(persisted, 0);
}

Test(split, an_unsure_batch_is_never_cut) {
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct rig_setup setup = usual;
        setup.seed = seed;
        setup.settings = small;
        setup.delay_ns = 10 * RIG_MS;
        struct rig *rig = start(&setup, ROOMY);
        rig_produce(rig, 0);
        rig_flush(rig);
        rig_produce_some(rig, 0, 40);
        rig_run(rig, seed % 30);
        struct rt_address broker = rig_address(1);
        rt_sim_cut(rig->world, &broker, seed % 2 == 0);
        limit_to(rig, 900);
        rig_produce_some(rig, 0, 10);
        rig_flush(rig);
        expect_persisted_or_unsure(rig, SLUICE_BROKER_MESSAGE_TOO_LARGE);
        cr_expect_eq(rig->records[rig->count - 1].report.outcome, SLUICE_PERSISTED);
        rig_end(rig);
    }
}

Test(split, pieces_survive_lost_answers_moves_and_restarts) {
    for (unsigned seed = 1; seed <= 150; seed++) {
        struct rig_setup setup = usual;
        setup.seed = seed;
        setup.partitions = 2;
        setup.brokers.broker_count = 2;
        setup.settings = seed % 3 == 0 ? packed : small;
        struct rig *rig = start(&setup, seed % 3 == 0 ? 200 : 700);
        rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, seed % 11, 2);
        rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, PRODUCE, seed % 7, 1);
        rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, seed % 5, 1);
        for (unsigned i = 0; i < 120; i++) {
            rig->value_size = 12 + rt_sim_choose(rig->world, 400);
            rig_produce(rig, (int32_t)(i % 2));
            rig_run(rig, rt_sim_choose(rig->world, 3));
        }
        rig_flush(rig);
        expect_persisted_or_unsure(rig, SLUICE_BROKER_MESSAGE_TOO_LARGE);
        rig_end(rig);
    }
}

/* ---- flush, close, purge, timeout, memory ---------------------------------------------------- */

Test(split, a_flush_waits_for_the_pieces_of_what_it_waits_for) {
    for (unsigned ms = 0; ms < 40; ms++) {
        struct rig *rig = start(&usual, 600);
        rig_produce_some(rig, 0, 30);
        rig_run(rig, ms);
        cr_assert_eq(sluice_flush(rig->producer, 60000), SLUICE_OK);
        rig_poll(rig);
        cr_expect_eq(rig->reported, 30, "after %u ms", ms);
        rig_end(rig);
    }
}

Test(split, close_and_purge_may_come_at_any_moment) {
    for (unsigned step = 0; step < 120; step++) {
        struct rig *rig = start(&usual, 600);
        rig->value_size = 200;
        rig_produce_some(rig, 0, 40);
        rig_run(rig, 20);
        for (unsigned i = 0; i < step * 3; i++) {
            rt_sim_step(rig->world);
        }
        if (step % 2 == 0) {
            sluice_purge(rig->producer, SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT);
            rig_flush(rig);
        } else {
            sluice_producer_close(rig->producer, step % 4 == 1 ? 0 : 10);
            rig_poll(rig);
        }
        rig_end(rig);
    }
}

Test(split, the_age_of_the_whole_counts_for_its_pieces) {
    static const char *const settings[] = {
        "linger.ms", "20", "delivery.timeout.ms", "1000", "request.timeout.ms", "900", NULL};
    struct rig_setup setup = usual;
    setup.settings = settings;
    struct rig *rig = start(&setup, 600);
    rig_fault(rig, SLUICE_FAULT_DROP, PRODUCE, 1, 0);
    rig_produce_some(rig, 0, 10);
    rig_run(rig, 1100);
    rig_poll(rig);
    cr_expect_eq(rig->reported, 10);
    for (unsigned i = 0; i < 10; i++) {
        cr_expect_eq(rig->records[i].report.error, SLUICE_DELIVERY_TIMED_OUT);
    }
    rig_end(rig);
}

static bool scenario_short_of_memory(uint64_t nth, bool keys) {
    struct rig *rig = start(&usual, ROOMY);
    rig_produce(rig, 0);
    rig_flush(rig);
    rt_sim_spare_memory(rig->world, "broker");
    uint64_t fault = rig_refuse(rig, SLUICE_BROKER_MESSAGE_TOO_LARGE, 0, keys ? 0 : 2);
    if (keys) {
        broker_cluster_fault_remove(rig->cluster, fault);
        broker_cluster_topic_keys(rig->cluster, "orders", true);
    }
    rig_produce_some(rig, 0, 60);
    rig_run(rig, 15);
    uint64_t before = rt_sim_memory_count(rig->world);
    rt_sim_fail_memory(rig->world, nth);
    rig_run(rig, 100);
    bool reached = rt_sim_memory_count(rig->world) - before >= nth;
    rt_sim_fail_memory(rig->world, 0);
    rig_flush(rig);
    for (uint32_t i = 1; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].report.outcome, keys ? SLUICE_NOT_PERSISTED : SLUICE_PERSISTED,
                     "acquisition %d", (int)nth);
    }
    rig_end(rig);
    return reached;
}

Test(split, memory_may_be_short_at_every_place_of_it) {
    uint64_t nth = 1;
    while (scenario_short_of_memory(nth, false)) {
        nth++;
    }
    cr_expect_gt(nth, 3);
    for (nth = 1; scenario_short_of_memory(nth, true); nth++) {
    }
}

Test(split, a_caller_that_waits_for_its_record_gets_its_own_outcome) {
    struct rig *rig = start(&usual, 600);
    rig_produce_some(rig, 0, 10);
    sluice_report report;
    char value[400] = "0000000010";
    sluice_record record = {.value = value, .value_size = sizeof value, .opaque = rig_next(rig, 0)};
    cr_assert_eq(sluice_produce_sync(rig->topic, &record, 60000, &report), SLUICE_OK);
    cr_expect_eq(report.outcome, SLUICE_PERSISTED);
    cr_expect_eq(report.offset, 10);
    rig_take(rig, &report, 1);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* ---- records that the broker names ----------------------------------------------------------- */

static void produce_keyed(struct rig *rig, bool keyed) {
    char value[60];
    snprintf(value, sizeof value, "%010u", rig->count);
    sluice_record record = {
        .value = value, .value_size = sizeof value, .flags = SLUICE_RECORD_PARTITION};
    record.key = keyed ? "key" : NULL;
    record.key_size = keyed ? 3 : 0;
    record.opaque = rig_next(rig, 0);
    cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
}

static void expect_keyed(struct rig *rig, const bool *keyed, bool unsure_allowed) {
    for (uint32_t i = 0; i < rig->count; i++) {
        const sluice_report *report = &rig->records[i].report;
        if (report->outcome == SLUICE_UNKNOWN && unsure_allowed) {
            continue;
        }
        cr_expect_eq(report->outcome, keyed[i] ? SLUICE_PERSISTED : SLUICE_NOT_PERSISTED,
                     "record %u: %s", i, sluice_code_name(report->error));
        cr_expect_eq(report->error, keyed[i] ? SLUICE_OK : SLUICE_BROKER_INVALID_RECORD);
    }
}

Test(split, records_that_the_broker_names_fail_alone) {
    bool keyed[7];
    for (unsigned mask = 0; mask < 64; mask++) {
        struct rig *rig = start(&usual, ROOMY);
        cr_assert_eq(broker_cluster_topic_keys(rig->cluster, "orders", true), SLUICE_OK);
        for (unsigned i = 0; i < 6; i++) {
            keyed[i] = (mask >> i & 1) != 0;
            produce_keyed(rig, keyed[i]);
        }
        rig_flush(rig);
        keyed[6] = true;
        produce_keyed(rig, true); /* what comes next is not refused for the gap */
        rig_flush(rig);
        cr_expect_eq(rig_counters(rig).batches_refused, mask == 63 ? 0 : 1);
        expect_keyed(rig, keyed, false);
        rig_end(rig);
    }
}

Test(split, named_records_may_stand_anywhere_among_trouble) {
    static bool keyed[400];
    for (unsigned seed = 1; seed <= 100; seed++) {
        struct rig_setup setup = usual;
        setup.seed = seed;
        setup.brokers.broker_count = 2;
        setup.settings = seed % 3 == 0 ? packed : small;
        struct rig *rig = start(&setup, seed % 2 == 0 ? 500 : ROOMY);
        cr_assert_eq(broker_cluster_topic_keys(rig->cluster, "orders", true), SLUICE_OK);
        rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, seed % 9, 2);
        rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, PRODUCE, seed % 7, 1);
        for (unsigned i = 0; i < 400; i++) {
            keyed[i] = rt_sim_choose(rig->world, 20) != 0;
            produce_keyed(rig, keyed[i]);
            if (rt_sim_choose(rig->world, 10) == 0) {
                rig_run(rig, rt_sim_choose(rig->world, 5));
            }
        }
        rig_flush(rig);
        expect_keyed(rig, keyed, true);
        rig_end(rig);
    }
}

Test(split, an_old_broker_that_names_nobody_refuses_the_batch) {
    static const sluice_broker_limit limit = {PRODUCE, 7};
    struct rig_setup setup = usual;
    setup.brokers.limits = &limit;
    setup.brokers.limit_count = 1;
    struct rig *rig = start(&setup, ROOMY);
    cr_assert_eq(broker_cluster_topic_keys(rig->cluster, "orders", true), SLUICE_OK);
    produce_keyed(rig, true);
    produce_keyed(rig, false);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_BROKER_INVALID_RECORD);
    rig_end(rig);
}
