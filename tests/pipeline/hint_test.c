/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaders that a Produce answer names (KIP-951): used at once, without a word of metadata. Metadata
 * requests are never answered here, once the cluster is known.
 */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3, ONE_WAY_MS = 5, ROUND_MS = 2 * ONE_WAY_MS };

static const char *const singles[] = {"linger.ms", "0", "batch.size", "0", NULL};

/* A partition on each of three brokers, all connected to; then nobody answers Metadata any more. */
static struct rig *start(uint64_t seed) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = seed, .partitions = 3, .delay_ns = ONE_WAY_MS * RIG_MS, .settings = singles});
    rig_produce_to_each(rig, 3);
    rig_flush(rig);
    rig_run(rig, 2000);
    rig_fault(rig, SLUICE_FAULT_DROP, METADATA, 0, 0);
    return rig;
}

Test(hint, is_followed_within_the_round_trip_of_the_batch) {
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct rig *rig = start(seed);
        rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, PRODUCE, 0, 1);
        uint64_t began_ns = rt_now(rig->world);
        rig_produce(rig, 0);
        cr_assert(rig_await(rig, 4, 1000));
        uint64_t took_ns = rt_now(rig->world) - began_ns;
        cr_expect_lt(took_ns, (2 * ROUND_MS + 1) * RIG_MS, "seed %d: %d us", (int)seed,
                     (int)(took_ns / 1000));
        cr_expect_eq(rig->records[3].report.attempts, 2);
        cr_expect_eq(rig->records[3].report.last_error, SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER);
        rig_fault(rig, SLUICE_FAULT_COUNT, METADATA, 0, 0);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

Test(hint, is_followed_by_five_batches_in_flight_in_their_order) {
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rig *rig = start(seed);
        rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, PRODUCE, (uint32_t)(seed % 5), 1);
        uint64_t began_ns = rt_now(rig->world);
        rig_produce_some(rig, 0, 5);
        cr_assert(rig_await(rig, 8, 1000));
        /* there, back, one alone, the others behind it */
        cr_expect_lt(rt_now(rig->world) - began_ns, (3 * ROUND_MS + 2) * RIG_MS);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

Test(hint, may_lead_from_broker_to_broker) {
    struct rig *rig = start(1);
    rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, PRODUCE, 0, 7);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 4, 10000));
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rig->records[3].report.attempts, 8);
    rig_end(rig);
}
