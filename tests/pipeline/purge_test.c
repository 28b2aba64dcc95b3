/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Purges: what each of the two kinds gives up on, alone and one right after the other. */
#include "pipeline/rig.h"

static const struct rig_setup mute = {
    .seed = 1,
    .partitions = 2,
    .brokers = {.broker_count = 1},
    .settings = (const char *[]){"linger.ms", "0", "batch.size", "0", NULL}};

enum { SENT, UNSENT };

/* Record SENT was sent and is never answered; record UNSENT waits behind it. */
static struct rig *one_sent_one_not(void) {
    struct rig *rig = rig_start(&mute);
    uint64_t dropped = rig_fault(rig, SLUICE_FAULT_DROP, 0, 0, 1);
    rig_produce(rig, 0);
    rig_await_hits(rig, dropped, 1);
    rig_produce(rig, 0);
    rig_run(rig, 10);
    cr_assert_eq(rig_status(rig).batches_sent, 1);
    return rig;
}

static void expect_purged(struct rig *rig, uint32_t record, sluice_outcome outcome) {
    const struct rig_record *seen = &rig->records[record];
    cr_assert_eq(seen->reports, 1, "record %u", record);
    cr_expect_eq(seen->report.outcome, outcome, "record %u", record);
    cr_expect_eq(seen->report.error, SLUICE_PURGED, "record %u", record);
}

static void purge(struct rig *rig, unsigned what) {
    cr_assert_eq(sluice_purge(rig->producer, what), SLUICE_OK);
}

/* The request that was dropped pins its bytes until its connection is given up. */
static void end(struct rig *rig) {
    rig_run(rig, 60000);
    rig_end(rig);
}

Test(purge, of_what_was_sent_leaves_the_rest) {
    struct rig *rig = one_sent_one_not();
    purge(rig, SLUICE_PURGE_SENT);
    cr_assert(rig_await(rig, 1, 100));
    expect_purged(rig, SENT, SLUICE_UNKNOWN);
    rig_flush(rig);
    cr_expect_eq(rig->records[UNSENT].report.outcome, SLUICE_PERSISTED);
    end(rig);
}

/* It comes back when what was sent before it has been answered, or has failed. */
Test(purge, of_what_was_not_sent_leaves_the_rest) {
    struct rig *rig = one_sent_one_not();
    purge(rig, SLUICE_PURGE_UNSENT);
    rig_flush(rig);
    expect_purged(rig, UNSENT, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[SENT].report.outcome, SLUICE_PERSISTED);
    end(rig);
}

Test(purge, of_both_kinds_waits_for_nobody) {
    struct rig *rig = one_sent_one_not();
    purge(rig, SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT);
    cr_assert(rig_await(rig, 2, 100));
    expect_purged(rig, SENT, SLUICE_UNKNOWN);
    expect_purged(rig, UNSENT, SLUICE_NOT_PERSISTED);
    end(rig);
}

/* At once, and when the first is half-way: a second one does not replace it. */
Test(purge, a_second_of_the_other_kind_adds_to_the_first) {
    for (unsigned first = SLUICE_PURGE_UNSENT; first <= SLUICE_PURGE_SENT; first++) {
        for (uint64_t between_ms = 0; between_ms < 3; between_ms++) {
            struct rig *rig = one_sent_one_not();
            purge(rig, first);
            rig_run(rig, between_ms);
            purge(rig, SLUICE_PURGE_UNSENT + SLUICE_PURGE_SENT - first);
            bool both = rig_await(rig, 2, 100);
            cr_assert(both || (first == SLUICE_PURGE_SENT && between_ms > 0),
                      "first %u, %d ms between", first, (int)between_ms);
            rig_flush(rig);
            expect_purged(rig, SENT, SLUICE_UNKNOWN);
            if (both) {
                expect_purged(rig, UNSENT, SLUICE_NOT_PERSISTED);
            }
            end(rig);
        }
    }
}

/* More than the topic actor takes in one go: 2 MB of records. Some may have been sent before the
 * purge comes to them. */
Test(purge, is_of_all_that_was_produced_before_it) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct rig *rig =
            rig_start(&(struct rig_setup){.seed = seed,
                                          .partitions = 2,
                                          .settings = (const char *[]){"linger.ms", "1000", NULL}});
        rig_produce(rig, 0);
        rig_flush(rig);
        rig->value_size = 1000;
        for (int32_t i = 0; i < 2000; i++) {
            rig_produce(rig, i % 2);
        }
        purge(rig, SLUICE_PURGE_UNSENT);
        uint64_t began_ns = rt_now(rig->world);
        cr_assert(rig_await(rig, rig->count, 1000));
        cr_expect_lt(rt_now(rig->world) - began_ns, 100 * RIG_MS);
        for (uint32_t i = 1; i < rig->count; i++) {
            if (rig->records[i].report.outcome != SLUICE_PERSISTED || i + 100 > rig->count) {
                expect_purged(rig, i, SLUICE_NOT_PERSISTED);
            }
        }
        end(rig);
    }
}

/* Records that have no partition yet were never sent. */
Test(purge, of_what_was_sent_leaves_records_of_a_topic_that_is_not_there) {
    struct rig_setup setup = mute;
    setup.partitions = 0;
    setup.brokers.auto_create_off = true;
    struct rig *rig = rig_start(&setup);
    rig_produce(rig, 0);
    rig_run(rig, 10);
    purge(rig, SLUICE_PURGE_SENT);
    cr_expect_not(rig_await(rig, 1, 1000));
    purge(rig, SLUICE_PURGE_UNSENT);
    purge(rig, SLUICE_PURGE_SENT);
    cr_assert(rig_await(rig, 1, 100));
    expect_purged(rig, 0, SLUICE_NOT_PERSISTED);
    end(rig);
}
