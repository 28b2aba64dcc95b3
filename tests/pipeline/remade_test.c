/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A topic that is deleted and made again by brokers that tell no topic ids, as those before 2.8:
 * the new log shows only by its offsets, by a broker that knew no such topic, and by older leader
 * epochs (docs/decisions/ticket.md, rule 9).
 *
 * Its records are compared with those of the new log: what the old one had is gone.
 */
#include "pipeline/rig.h"

enum {
    PRODUCE = 0,
    METADATA = 3,
    ONE_WAY_MS = 20,
    FIVE = 5,
    UNKNOWN_TOPIC = SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION
};

static const char *const singles[] = {"linger.ms",           "0",    "batch.size", "0",
                                      "metadata.max.age.ms", "1000", NULL};

/* The versions of brokers that know no topic ids, from 2.1 on. */
static const sluice_broker_limit without_ids[][2] = {
    {{PRODUCE, 9}, {METADATA, 9}},
    {{PRODUCE, 8}, {METADATA, 8}},
    {{PRODUCE, 7}, {METADATA, 7}},
};
enum { OLD_BROKERS = sizeof without_ids / sizeof without_ids[0] };

static struct rig_setup far_away(size_t brokers, uint32_t count) {
    return (struct rig_setup){
        .seed = 5,
        .partitions = 1,
        .brokers = {.broker_count = count, .limits = without_ids[brokers], .limit_count = 2},
        .delay_ns = ONE_WAY_MS * RIG_MS,
        .settings = singles};
}

/* One record was persisted, so that five batches may be on their way. */
static struct rig *start(const struct rig_setup *setup) {
    struct rig *rig = rig_start(setup);
    rig_produce(rig, 0);
    rig_flush(rig);
    return rig;
}

/* Five batches are written, and the connection breaks before any is answered. */
static void write_unanswered(struct rig *rig) {
    struct rt_address broker = rig_address(1);
    rig_produce_some(rig, 0, FIVE);
    rig_run(rig, ONE_WAY_MS + 5);
    rt_sim_cut(rig->world, &broker, false);
    rig_run(rig, 1);
    cr_assert_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 1 + FIVE);
}

static void topic_delete(struct rig *rig) {
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
}

static void topic_create(struct rig *rig) {
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 1), SLUICE_OK);
}

/* Steps until the brokers have refused so many batches by their own rules. */
static void await_refusals(struct rig *rig, uint64_t count) {
    while (rig_counters(rig).batches_refused < count) {
        cr_assert(rt_sim_step(rig->world));
    }
}

/* ---- the new log ----------------------------------------------------------------------------- */

struct reading {
    struct rig *rig;
    int64_t last;
};

static bool read_record(const sluice_broker_record *record, void *context) {
    struct reading *reading = context;
    struct rig *rig = reading->rig;
    if (record->value_size != rig->value_size) {
        return true; /* somebody else's */
    }
    int64_t number = strtol(record->value, NULL, 10);
    cr_assert(number >= 0 && number < rig->count);
    cr_expect_gt(number, reading->last, "out of order or doubled");
    reading->last = number;
    struct rig_record *known = &rig->records[number];
    known->found++;
    if (known->reports == 1 && known->report.outcome == SLUICE_PERSISTED &&
        known->report.offset >= 0) {
        cr_expect_eq(known->report.offset, record->offset, "record %d", (int)number);
    }
    return true;
}

static int64_t read_log(struct rig *rig) {
    struct reading reading = {.rig = rig, .last = -1};
    int64_t count = broker_cluster_read(rig->cluster, "orders", 0, 0, read_record, &reading);
    cr_assert_geq(count, 0);
    return count;
}

/* From record `from` on reports are about the new log. Each is true, and none is in it twice. */
static void check_new_log(struct rig *rig, uint32_t from) {
    read_log(rig);
    for (uint32_t i = 0; i < rig->count; i++) {
        const struct rig_record *record = &rig->records[i];
        cr_expect_eq(record->reports, 1);
        cr_expect_leq(record->found, 1, "record %u is doubled", i);
        if (record->report.outcome == SLUICE_NOT_PERSISTED || i < from) {
            cr_expect_eq(record->found, 0, "record %u", i);
        } else if (record->report.outcome == SLUICE_PERSISTED) {
            cr_expect_eq(record->found, 1, "record %u is lost", i);
        }
    }
}

static void expect(struct rig *rig, uint32_t number, sluice_outcome outcome, sluice_code error) {
    const sluice_report *report = &rig->records[number].report;
    cr_expect_eq(report->outcome, outcome, "record %u: %s", number,
                 sluice_code_name(report->error));
    cr_expect_eq(report->error, error, "record %u: %s", number, sluice_code_name(report->error));
}

/* A producer goes on after all this: twenty more records, persisted at their first attempt. */
static void goes_on(struct rig *rig) {
    uint32_t before = rig->count;
    rig_produce_some(rig, 0, 20);
    rig_flush(rig);
    for (uint32_t i = before; i < rig->count; i++) {
        expect(rig, i, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig->records[i].report.attempts, 1);
    }
}

static void end(struct rig *rig, uint32_t from) {
    goes_on(rig);
    check_new_log(rig, from);
    rig_expect_quiet(rig);
    rig_free(rig);
}

/* ---- another producer ------------------------------------------------------------------------ */

struct other {
    sluice_producer *producer;
    sluice_topic *topic;
};

static struct other open_other(struct rig *rig) {
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "10.0.0.1:9092", NULL), SLUICE_OK);
    cr_assert_eq(sluice_config_set(config, "linger.ms", "0", NULL), SLUICE_OK);
    struct other other = {.producer = producer_open_in(rig->world, config, NULL)};
    sluice_config_free(config);
    cr_assert_not_null(other.producer);
    other.topic = sluice_topic_open(other.producer, "orders", NULL, NULL);
    return other;
}

static void produce_other(const struct other *other) {
    sluice_record record = {.value = "of another", .value_size = 10};
    cr_assert_eq(sluice_produce(other->topic, &record), SLUICE_OK);
}

/* Another has written a record as well. The next one of ours has been on its way for 4 ms, and will
 * be written and answered with a time-out. */
static struct rig *start_beside(const struct rig_setup *setup, struct other *other) {
    struct rig *rig = start(setup);
    *other = open_other(rig);
    produce_other(other);
    rig_run(rig, 1000);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR_APPENDED);
    fault.api_key = PRODUCE;
    fault.error_code = SLUICE_BROKER_REQUEST_TIMED_OUT;
    cr_assert_neq(broker_cluster_fault_add(rig->cluster, &fault), 0);
    rig_produce(rig, 0);
    rig_run(rig, 4);
    return rig;
}

/* ---- offsets that were given before ---------------------------------------------------------- */

/* Five batches were written, and their answers lost. The old log refuses the first, which it has;
 * the new log takes the second, as it takes any. That does not prove the first one written where
 * anybody can read it. Neither where brokers tell ids, and take topics by name (2.8 to 4.0). */
Test(remade, an_offset_that_was_given_before_proves_nothing_about_earlier_batches) {
    for (size_t brokers = 0; brokers < OLD_BROKERS; brokers++) {
        for (uint32_t limits = 1; limits <= 2; limits++) {
            struct rig_setup setup = far_away(brokers, 1);
            setup.brokers.limit_count = limits; /* 1: of Produce only */
            struct rig *rig = start(&setup);
            write_unanswered(rig);
            rig_restart(rig, 1, SLUICE_BROKER_KEEP_LAST);
            await_refusals(rig, 1);
            topic_delete(rig);
            topic_create(rig);
            rig_flush(rig);
            expect(rig, 1, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
            for (uint32_t i = 2; i <= 5; i++) {
                expect(rig, i, SLUICE_PERSISTED, SLUICE_OK);
                cr_expect_eq(rig->records[i].report.offset, i - 2);
            }
            end(rig, 2);
        }
    }
}

/* The first of two batches is written and answered with a time-out; then the topic is made anew,
 * and somebody else is the first in the new log. The second batch is given the offset that follows
 * our last one: a higher one than any before, but one that leaves no room for the first batch, so
 * that cannot have been written there. Brokers that tell ids, and take topics by name. */
Test(remade, an_offset_that_leaves_no_room_proves_nothing_about_earlier_batches) {
    for (size_t brokers = 0; brokers < OLD_BROKERS; brokers++) {
        struct rig_setup setup = far_away(brokers, 1);
        setup.brokers.limit_count = 1; /* of Produce only */
        struct other other;
        struct rig *rig = start_beside(&setup, &other);
        produce_other(&other);
        rig_run(rig, 4);
        rig_produce(rig, 0);
        rig_run(rig, ONE_WAY_MS - 8 + 2);
        cr_assert_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 3);
        topic_delete(rig);
        topic_create(rig);
        rig_flush(rig);
        expect(rig, 1, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
        expect(rig, 2, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig->records[2].report.offset, 1);
        sluice_producer_free(other.producer);
        end(rig, 2);
    }
}

/* What a broker remembers after a restart cannot be told from a new log that a late copy of the
 * last batch has reached. */
Test(remade, without_ids_a_success_proves_nothing_about_batches_that_were_refused) {
    for (size_t brokers = 0; brokers < OLD_BROKERS; brokers++) {
        struct rig_setup setup = far_away(brokers, 1);
        struct rig *rig = start(&setup);
        write_unanswered(rig);
        rig_restart(rig, 1, SLUICE_BROKER_KEEP_LAST);
        rig_flush(rig);
        for (uint32_t i = 1; i <= 4; i++) {
            expect(rig, i, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
        }
        expect(rig, 5, SLUICE_PERSISTED, SLUICE_OK);
        rig_check(rig);
        rig_free(rig);
    }
}

/* ---- a broker that knew no such topic -------------------------------------------------------- */

/* The first of three batches on their way is written, and answered so that nobody can tell; the
 * second meets no topic; the third is the first of ours in the new log, where somebody else has
 * been before, so that its offset tells nothing. */
Test(remade, after_a_broker_knew_no_such_topic_a_success_proves_nothing_about_earlier_batches) {
    for (size_t brokers = 0; brokers < OLD_BROKERS; brokers++) {
        struct rig_setup setup = far_away(brokers, 1);
        struct other other;
        struct rig *rig = start_beside(&setup, &other);
        rig_produce(rig, 0);
        rig_run(rig, 4);
        produce_other(&other);
        rig_run(rig, 4);
        rig_produce(rig, 0);
        rig_run(rig, ONE_WAY_MS - 12 + 2);
        cr_assert_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 3);
        topic_delete(rig);
        rig_run(rig, 4);
        topic_create(rig);
        rig_flush(rig);
        cr_expect_eq(rig->records[3].report.offset, 1);
        expect(rig, 1, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
        expect(rig, 2, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
        cr_expect_eq(rig->records[2].report.last_error, UNKNOWN_TOPIC);
        expect(rig, 3, SLUICE_PERSISTED, SLUICE_OK);
        sluice_producer_free(other.producer);
        end(rig, 2);
    }
}

/* A broker before 2.4 says the same of a batch that it wrote and whose topic then went. */
Test(remade, what_met_no_topic_is_unknown_once_a_later_batch_was_accepted) {
    for (size_t brokers = 0; brokers < OLD_BROKERS; brokers++) {
        struct rig_setup setup = far_away(brokers, 1);
        struct rig *rig = start(&setup);
        rig_produce(rig, 0);
        rig_run(rig, 4);
        rig_produce(rig, 0);
        rig_run(rig, ONE_WAY_MS - 4 - 2);
        topic_delete(rig);
        rig_run(rig, 4);
        topic_create(rig);
        rig_flush(rig);
        expect(rig, 1, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
        cr_expect_eq(rig->records[1].report.last_error, UNKNOWN_TOPIC);
        expect(rig, 2, SLUICE_PERSISTED, SLUICE_OK);
        end(rig, 2);
    }
}

/* ---- older epochs ---------------------------------------------------------------------------- */

/* The new topic is led by another node under a lower leader epoch, which is believed after a while
 * only. Until then the old leader is asked, and refuses. */
Test(remade, another_leader_with_an_older_epoch_is_found) {
    for (size_t brokers = 0; brokers < OLD_BROKERS; brokers++) {
        for (int unsure = 0; unsure <= 1; unsure++) {
            struct rig_setup setup = far_away(brokers, 2);
            struct rig *rig = rig_start(&setup);
            for (int32_t i = 0; i < 6; i++) {
                cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 0, 1 + i % 2),
                             SLUICE_OK);
            }
            rig_produce_some(rig, 0, 3);
            rig_flush(rig);
            uint32_t before = rig->count;
            if (unsure == 1) {
                struct rt_address leader = rig_address(2);
                rig_produce_some(rig, 0, 5);
                rig_run(rig, ONE_WAY_MS + 5); /* written */
                rt_sim_cut(rig->world, &leader, false);
            }
            topic_delete(rig);
            topic_create(rig);
            if (broker_cluster_leader(rig->cluster, "orders", 0) == 2) {
                broker_cluster_leader_move(rig->cluster, "orders", 0, 1);
            }
            cr_assert_lt(broker_cluster_leader_epoch(rig->cluster, "orders", 0), 6);
            uint64_t began_ns = rt_now(rig->world);
            rig_produce_some(rig, 0, 10);
            rig_flush(rig);
            cr_expect_lt(rt_now(rig->world) - began_ns, 10000 * RIG_MS);
            for (uint32_t i = before; i < rig->count; i++) {
                expect(rig, i, SLUICE_PERSISTED, SLUICE_OK);
            }
            end(rig, before);
        }
    }
}

/* ---- at any moment --------------------------------------------------------------------------- */

enum { UNTIL_MS = 400, EVERY_MS = 7 };

/* Records go on all the time. The topic goes at some moment of their way, and comes again. What the
 * two logs held together is what the reports say. */
static uint32_t remade_at(uint64_t at_ms, uint64_t gone_ms, size_t brokers) {
    struct rig_setup setup = far_away(brokers, 1);
    setup.brokers.auto_create_off = true;
    struct rig *rig = start(&setup);
    uint32_t old = 0;
    for (uint64_t ms = 0; ms < UNTIL_MS; ms++) {
        if (ms % EVERY_MS == 0) {
            rig_produce(rig, 0);
        }
        if (ms == at_ms) {
            old = (uint32_t)read_log(rig);
            topic_delete(rig);
        }
        if (ms == at_ms + gone_ms) {
            topic_create(rig);
        }
        rig_run(rig, 1);
    }
    rig_flush(rig);
    goes_on(rig);
    cr_expect_gt(read_log(rig), 20);
    uint32_t unknown = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        const struct rig_record *record = &rig->records[i];
        cr_expect_eq(record->found, record->report.outcome == SLUICE_PERSISTED,
                     "record %u of %u, gone at %d for %d ms: %s", i, old, (int)at_ms, (int)gone_ms,
                     sluice_code_name(record->report.error));
        if (record->report.outcome != SLUICE_PERSISTED) {
            expect(rig, i, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST);
            cr_expect_eq(record->report.last_error, UNKNOWN_TOPIC);
            unknown++;
        }
    }
    rig_expect_quiet(rig);
    rig_free(rig);
    return unknown;
}

Test(remade, at_any_moment_each_record_is_in_one_log_or_in_none_as_its_report_says) {
    static const uint64_t gone_ms[] = {0, 1, 5, 10, 25, 60};
    uint32_t most = 0;
    for (uint64_t at_ms = 100; at_ms < 100 + 2 * ONE_WAY_MS; at_ms++) {
        for (size_t i = 0; i < sizeof gone_ms / sizeof gone_ms[0]; i++) {
            uint32_t unknown = remade_at(at_ms, gone_ms[i], (at_ms + i) % OLD_BROKERS);
            cr_expect_lt(unknown, FIVE);
            most = unknown > most ? unknown : most;
        }
    }
    cr_expect_gt(most, 0);
}
