/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Batches of which nobody can tell whether they were written: what may be concluded, and when.
 *
 * Up to five batches are sent, the connection is cut while they or their answers are on the way,
 * and the broker restarts with or without what it knew of the producer.
 */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3, ONE_WAY_MS = 20 };

static const char *const patient[] = {
    "linger.ms", "0", "batch.size", "0", "reconnect.backoff.ms", "300", "reconnect.backoff.max.ms",
    "300",       NULL};
static const struct rig_setup far = {.seed = 1,
                                     .partitions = 1,
                                     .brokers = {.broker_count = 1},
                                     .settings = patient,
                                     .delay_ns = ONE_WAY_MS * RIG_MS};

/* One record was persisted, so that five batches may be on their way. */
static struct rig *start(const struct rig_setup *setup) {
    struct rig *rig = rig_start(setup);
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_run(rig, 1000);
    return rig;
}

/* Sends `count` batches, a millisecond apart, and lets the first `arriving` of them arrive. Then
 * nothing more gets through, and no answer came back. */
static void send_and_cut(struct rig *rig, unsigned count, unsigned arriving) {
    uint64_t sent = rig_status(rig).batches_sent;
    struct rt_address broker = rig_address(1);
    for (unsigned i = 0; i < count; i++) {
        rig_produce(rig, 0);
        rig_run(rig, 1);
    }
    cr_assert_eq(rig_status(rig).batches_sent, sent + count);
    int64_t before = broker_cluster_high_watermark(rig->cluster, "orders", 0);
    while (broker_cluster_high_watermark(rig->cluster, "orders", 0) < before + arriving) {
        cr_assert(rt_sim_step(rig->world));
    }
    rt_sim_cut(rig->world, &broker, false);
    rig_run(rig, 1);
    cr_assert_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), before + arriving);
    cr_assert_eq(rig_poll(rig), 0);
}

static void restart(struct rig *rig, sluice_broker_keep keep) {
    rig_restart(rig, 1, keep);
    rig_run(rig, 1);
}

static void neither_lost_nor_doubled(unsigned count, unsigned arriving, sluice_broker_keep keep) {
    struct rig *rig = start(&far);
    send_and_cut(rig, count, arriving);
    restart(rig, keep);
    rig_produce_some(rig, 0, 3); /* fresh ones wait behind */
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 1 + count + 3);
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0, "%u of %u arrived", arriving, count);
    rig_end(rig);
}

Test(unsure, one_to_five_batches_survive_a_restart_that_keeps_only_the_last) {
    for (unsigned count = 1; count <= 5; count++) {
        for (unsigned arriving = 0; arriving <= count; arriving++) {
            neither_lost_nor_doubled(count, arriving, SLUICE_BROKER_KEEP_LAST);
        }
    }
}

Test(unsure, one_to_five_batches_survive_a_restart_that_keeps_all) {
    for (unsigned count = 1; count <= 5; count++) {
        for (unsigned arriving = 0; arriving <= count; arriving++) {
            neither_lost_nor_doubled(count, arriving, SLUICE_BROKER_KEEP_ALL);
        }
    }
}

Test(unsure, offsets_are_told_only_where_the_broker_told_them) {
    struct rig *rig = start(&far);
    send_and_cut(rig, 5, 5);
    restart(rig, SLUICE_BROKER_KEEP_LAST);
    rig_flush(rig);
    for (unsigned i = 1; i <= 4; i++) {
        cr_expect_eq(rig->records[i].report.offset, -1);
        cr_expect_eq(rig->records[i].report.last_error, SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
        cr_expect_eq(rig->records[i].report.attempts, 2);
    }
    cr_expect_eq(rig->records[5].report.offset, 5);
    rig_end(rig);
}

Test(unsure, when_all_are_refused_none_was_written_and_a_new_epoch_begins) {
    for (unsigned count = 1; count <= 5; count++) {
        struct rig *rig = start(&far);
        send_and_cut(rig, count, 0);
        uint64_t fault = rig_refuse(rig, 45, 0, count);
        rig_flush(rig);
        cr_expect_eq(rig_hits(rig, fault), count);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 1);
        rig_end(rig);
    }
}

Test(unsure, a_refusal_of_all_but_the_youngest_proves_nothing_against_them) {
    for (unsigned count = 2; count <= 5; count++) {
        struct rig *rig = start(&far);
        send_and_cut(rig, count, count);
        uint64_t fault = rig_refuse(rig, 59, 0, count - 1); /* UNKNOWN_PRODUCER_ID */
        rig_flush(rig);
        cr_expect_eq(rig_hits(rig, fault), count - 1);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
        rig_end(rig);
    }
}

/* Else the second batch would be taken by a broker that knows nobody, and prove the first one
 * written, which it never was. */
Test(unsure, a_round_of_refusals_begins_again_on_a_new_connection) {
    struct rig *rig = start(&far);
    send_and_cut(rig, 3, 0);
    /* time in which nothing is in flight */
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, PRODUCE, 500, 1);
    /* the new leader epoch is learnt late */
    rig_hold_up(rig, SLUICE_FAULT_DELAY, METADATA, 3000, 0);
    rig_await_hits(rig, rig_refuse(rig, SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER, 0, 1), 1);
    rig_run(rig, ONE_WAY_MS + 1);
    restart(rig, SLUICE_BROKER_KEEP_NONE);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rig->records[1].report.attempts, 3);
    rig_end(rig);
}

Test(unsure, a_later_refusal_for_another_reason_does_not_make_it_not_persisted) {
    struct rig *rig = start(&far);
    rig->value_size = 500;
    send_and_cut(rig, 1, 1); /* it is written */
    cr_assert_eq(broker_cluster_topic_limit(rig->cluster, "orders", 200), SLUICE_OK);
    rig_flush(rig);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(rig->records[1].report.error, SLUICE_BROKER_MESSAGE_TOO_LARGE);
    rig->value_size = 12;
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

/* The second of two written batches is given up for an answer that says nothing about its first
 * attempt. From then on the first may be refused for the gap, written or not: nothing can prove it
 * unwritten, and writing it again would double it. */
Test(unsure, nothing_is_proven_across_a_batch_that_was_given_up) {
    struct rig *rig = start(&far);
    send_and_cut(rig, 2, 2);
    restart(rig, SLUICE_BROKER_KEEP_LAST); /* the first will be refused as out of order */
    rig_refuse(rig, SLUICE_BROKER_MESSAGE_TOO_LARGE, 1, 1);
    rig_flush(rig);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(rig->records[1].report.error, SLUICE_SEQUENCE_LOST);
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 3, "nothing is doubled");
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[3].report.outcome, SLUICE_PERSISTED);
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 1);
    rig_end(rig);
}

Test(unsure, refusals_under_different_leader_epochs_prove_nothing) {
    for (unsigned refused = 1; refused <= 2; refused++) {
        struct rig_setup setup = far;
        setup.brokers.broker_count = 2;
        struct rig *rig = start(&setup);
        send_and_cut(rig, 3, 3);
        uint64_t fault = rig_refuse(rig, 45, 0, refused);
        rig_await_hits(rig, fault,
                       refused); /* by the old leader, truly or not; the new one knows */
        cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 0, 2), SLUICE_OK);
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
        rig_end(rig);
    }
}

Test(unsure, another_leader_knows_what_was_written) {
    for (unsigned arriving = 0; arriving <= 5; arriving++) {
        struct rig_setup setup = far;
        setup.brokers.broker_count = 2;
        struct rig *rig = start(&setup);
        send_and_cut(rig, 5, arriving);
        cr_assert_eq(broker_cluster_kill(rig->cluster, 1), SLUICE_OK);
        rig_produce_some(rig, 0, 5);
        rig_run(rig, 3000);
        cr_assert_eq(broker_cluster_restart(rig->cluster, 1, SLUICE_BROKER_KEEP_LAST), SLUICE_OK);
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
        rig_end(rig);
    }
}

Test(unsure, cut_again_and_again_until_it_works) {
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rig_setup setup = far;
        setup.seed = seed;
        struct rig *rig = start(&setup);
        struct rt_address broker = rig_address(1);
        for (int i = 0; i < 20; i++) {
            for (uint64_t n = rt_sim_choose(rig->world, 4); n > 0; n--) {
                rig_produce(rig, 0);
                rig_run(rig, rt_sim_choose(rig->world, 3));
            }
            rig_run(rig, rt_sim_choose(rig->world, 200));
            switch (rt_sim_choose(rig->world, 5)) {
            case 0:
                restart(rig, SLUICE_BROKER_KEEP_LAST);
                break;
            case 1: /* refused, and not written by this attempt: no proof for an unsure batch */
                rig_refuse(rig, 19, 0, 1 + (uint32_t)rt_sim_choose(rig->world, 5));
                break;
            case 2:
                rt_sim_cut(rig->world, &broker, true);
                break;
            case 3:
                broker_cluster_leader_move(rig->cluster, "orders", 0, 1);
                break;
            default:
                rt_sim_cut(rig->world, &broker, false);
            }
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

/* ---- giving up ------------------------------------------------------------------------------- */

static const char *const hasty[] = {
    "linger.ms",          "0",    "batch.size", "0", "delivery.timeout.ms", "2000",
    "request.timeout.ms", "1000", NULL};

Test(unsure, an_abandoned_batch_is_fenced_by_a_higher_epoch) {
    for (unsigned arriving = 0; arriving <= 3; arriving++) {
        struct rig_setup setup = far;
        setup.settings = hasty;
        struct rig *rig = start(&setup);
        struct rt_address broker = rig_address(1);
        send_and_cut(rig, 3, arriving);
        rt_sim_fault(rig->world, &broker, RT_SIM_REFUSE);
        cr_assert(rig_await(rig, 4, 2500));
        for (unsigned i = 1; i <= 3; i++) {
            cr_expect_eq(rig->records[i].report.outcome, SLUICE_UNKNOWN);
            cr_expect_eq(rig->records[i].report.error, SLUICE_DELIVERY_TIMED_OUT);
        }
        rt_sim_fault(rig->world, &broker, RT_SIM_HEAL);
        rig_produce_some(rig, 0, 5);
        rig_flush(rig);
        for (unsigned i = 4; i < 9; i++) {
            cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED);
        }
        cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 1);
        rig_end(rig);
    }
}

Test(unsure, attempts_that_run_out_say_what_is_known) {
    const char *const settings[] = {"linger.ms", "0", "batch.size", "0", "retries", "1", NULL};
    for (unsigned arriving = 0; arriving <= 3; arriving++) {
        struct rig_setup setup = far;
        setup.settings = settings;
        struct rig *rig = start(&setup);
        send_and_cut(rig, 3, arriving);
        rig_refuse(rig, 45, 0, 3);
        rig_flush(rig);
        for (unsigned i = 1; i <= 3; i++) {
            cr_expect_eq(rig->records[i].report.attempts, 2);
            cr_expect_neq(rig->records[i].report.outcome, SLUICE_PERSISTED);
        }
        if (arriving > 0) { /* the broker lied: rig_check would find what it denies */
            rig_free(rig);
        } else {
            rig_produce(rig, 0);
            rig_flush(rig);
            cr_expect_eq(rig->records[4].report.outcome, SLUICE_PERSISTED);
            rig_end(rig);
        }
    }
}

Test(unsure, the_last_attempt_proves_the_earlier_ones) {
    const char *const settings[] = {
        "linger.ms", "0", "batch.size", "0", "retries", "1", "reconnect.backoff.ms", "300", NULL};
    for (unsigned arriving = 1; arriving <= 5; arriving++) {
        struct rig_setup setup = far;
        setup.settings = settings;
        struct rig *rig = start(&setup);
        send_and_cut(rig, 5, arriving);
        restart(rig, SLUICE_BROKER_KEEP_LAST);
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

Test(unsure, what_is_purged_in_flight_is_fenced_too) {
    struct rig *rig = start(&far);
    rig_produce_some(rig, 0, 3);
    rig_run(rig, 2); /* on their way */
    cr_assert_eq(sluice_purge(rig->producer, SLUICE_PURGE_SENT | SLUICE_PURGE_UNSENT), SLUICE_OK);
    rig_run(rig, 1);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    for (unsigned i = 4; i < 7; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED);
    }
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 1);
    rig_end(rig);
}

/* ---- the ends of the numbers ----------------------------------------------------------------- */

struct stamps {
    int64_t id[64];
    int32_t sequence[64];
    int16_t epoch[64];
};

static bool collect_stamp(const sluice_broker_record *record, void *context) {
    struct stamps *stamps = context;
    stamps->id[record->offset] = record->producer_id;
    stamps->sequence[record->offset] = record->sequence;
    stamps->epoch[record->offset] = record->producer_epoch;
    return true;
}

Test(unsure, sequences_wrap_to_zero) {
    struct rig *rig = start(&far);
    restart(rig, SLUICE_BROKER_KEEP_NONE); /* now any first sequence will do */
    rig_run(rig, 1000);
    rig_partition(rig, 0)->next_sequence = INT32_MAX - 3;
    rig_produce_some(rig, 0, 10);
    rig_flush(rig);
    send_and_cut(rig, 5, 5);
    restart(rig, SLUICE_BROKER_KEEP_LAST);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    struct stamps stamps;
    cr_assert_eq(broker_cluster_read(rig->cluster, "orders", 0, 0, collect_stamp, &stamps), 16);
    for (int i = 1; i <= 15; i++) {
        int64_t expected = (int64_t)INT32_MAX - 3 + i - 1;
        expected = expected > INT32_MAX ? expected - INT32_MAX - 1 : expected;
        cr_expect_eq(stamps.sequence[i], expected, "record %d", i);
    }
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
    rig_end(rig);
}

/* Puts the partition under this epoch; the broker takes a higher one that begins at 0. */
static void set_epoch(struct rig *rig, int16_t epoch) {
    rig_partition(rig, 0)->producer_epoch = epoch;
    rig_partition(rig, 0)->next_sequence = 0;
}

Test(unsure, a_new_id_is_taken_before_epochs_run_out) {
    struct rig_setup setup = far;
    setup.settings = hasty;
    struct rig *rig = start(&setup);
    int64_t id = rig_partition(rig, 0)->producer_id;
    set_epoch(rig, 32000);
    for (int i = 0; i < 4; i++) {
        rig_produce(rig, 0);
        rig_flush(rig);
        /* the ticket comes home, to be lent again */
        cr_assert_eq(broker_cluster_cut(rig->cluster, 1), SLUICE_OK);
        uint64_t fault = rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, 0, 1);
        rig_produce(rig, 0);
        rig_flush(rig);
        cr_expect_eq(rig_hits(rig, fault), 1);
    }
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_neq(rig_partition(rig, 0)->producer_id, id);
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
    rig_end(rig);
}

Test(unsure, the_last_epoch_is_followed_by_a_new_id) {
    struct rig_setup setup = far;
    setup.settings = hasty;
    struct rig *rig = start(&setup);
    struct rt_address broker = rig_address(1);
    set_epoch(rig, INT16_MAX);
    rig_produce(rig, 0);
    rig_flush(rig);
    send_and_cut(rig, 3, 2);
    rt_sim_fault(rig->world, &broker, RT_SIM_REFUSE);
    cr_assert(rig_await(rig, rig->count, 2500));
    rt_sim_fault(rig->world, &broker, RT_SIM_HEAL);
    rig_produce_some(rig, 0, 5);
    rig_flush(rig);
    for (uint32_t i = rig->count - 5; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "%s",
                     sluice_code_name(rig->records[i].report.error));
    }
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 0);
    rig_end(rig);
}
