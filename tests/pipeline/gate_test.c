/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many batches of a partition may be on their way, and which. */
#include "pipeline/rig.h"

enum { PRODUCE = 0, ONE_WAY_MS = 20, FIVE = 5 };

static const char *const singles[] = {"linger.ms", "0", "batch.size", "0", NULL};
static const struct rig_setup far = {.seed = 3,
                                     .partitions = 1,
                                     .brokers = {.broker_count = 1},
                                     .settings = singles,
                                     .delay_ns = ONE_WAY_MS * RIG_MS};

/* One record was persisted. */
static struct rig *start(const struct rig_setup *setup) {
    struct rig *rig = rig_start(setup);
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_run(rig, 1000);
    return rig;
}

/* Hands ten batches over; expects `first` of them to leave before anything is answered, five once
 * something was, and all to be persisted. */
static void expect_gate(struct rig *rig, uint64_t first, const char *when) {
    uint64_t sent = rig_status(rig).batches_sent;
    rig_produce_some(rig, 0, 10);
    while (rig_status(rig).batches_sent == sent) {
        cr_assert(rt_sim_step(rig->world));
    }
    rig_run(rig, ONE_WAY_MS);
    cr_expect_eq(rig_status(rig).batches_sent - sent, first, "%s", when);
    uint32_t reported = rig->reported;
    cr_assert(rig_await(rig, reported + 1, 1000));
    rig_run(rig, 1);
    uint64_t next = first == 1 ? 1 + FIVE : 2 * FIVE; /* five answers come in one go */
    cr_expect_eq(rig_status(rig).batches_sent - sent, next, "%s", when);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
}

Test(gate, lets_five_through_once_one_was_acknowledged) {
    struct rig *rig = start(&far);
    expect_gate(rig, FIVE, "in the calm");
    rig_end(rig);
}

Test(gate, lets_one_through_at_first) {
    struct rig *rig = rig_start(&far);
    cr_assert_eq(sluice_topic_partition_count(rig->topic, 1000, NULL), 1);
    expect_gate(rig, 1, "for the first time");
    rig_end(rig);
}

Test(gate, lets_one_through_after_a_reconnect) {
    static const char *const settings[] = {
        "linger.ms", "0", "batch.size", "0", "connections.max.idle.ms", "2000", NULL};
    struct rig_setup setup = far;
    setup.settings = settings;
    struct rig *rig = start(&setup);
    rig_run(rig, 3000); /* idle: closed by ourselves */
    cr_assert_eq(rig_status(rig).connections_open, 0);
    expect_gate(rig, 1, "after a connection that was idle");
    cr_assert_eq(broker_cluster_cut(rig->cluster, 1), SLUICE_OK);
    rig_run(rig, 1000);
    expect_gate(rig, 1, "after a connection that was cut");
    rig_end(rig);
}

Test(gate, lets_one_through_after_a_long_silence) {
    struct rig *rig = start(&far);
    rig_run(rig, 8000);
    expect_gate(rig, FIVE, "after eight seconds");
    rig_run(rig, 11000);
    cr_assert_geq(rig_status(rig).connections_open, 1);
    expect_gate(rig, 1, "after eleven seconds");
    rig_end(rig);
}

Test(gate, lets_one_through_under_a_new_leader) {
    struct rig_setup setup = far;
    setup.brokers.broker_count = 2;
    setup.settings =
        (const char *[]){"linger.ms", "0", "batch.size", "0", "metadata.max.age.ms", "500", NULL};
    struct rig *rig = start(&setup);
    int32_t leader = broker_cluster_leader(rig->cluster, "orders", 0);
    broker_cluster_leader_move(rig->cluster, "orders", 0, 3 - leader);
    rig_run(rig, 1000);
    expect_gate(rig, 1, "under another leader");
    broker_cluster_leader_move(rig->cluster, "orders", 0, 3 - leader); /* itself: a new epoch */
    rig_run(rig, 1000);
    expect_gate(rig, 1, "under another leader epoch");
    rig_end(rig);
}

Test(gate, lets_one_through_to_a_topic_made_anew) {
    struct rig_setup setup = far;
    setup.settings =
        (const char *[]){"linger.ms", "0", "batch.size", "0", "metadata.max.age.ms", "500", NULL};
    struct rig *rig = start(&setup);
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 1), SLUICE_OK);
    rig_run(rig, 1000);
    expect_gate(rig, 1, "to another topic of this name");
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", 0), 10);
    rig_free(rig);
}

/* The broker that comes back on an idle connection's address knows nobody. If five were sent, the
 * first refused and the second taken, the first could never be written any more. */
Test(gate, keeps_what_a_broker_refuses_that_has_forgotten_all) {
    static const char *const settings[] = {
        "linger.ms", "0", "batch.size", "0", "connections.max.idle.ms", "2000", NULL};
    for (uint32_t refused = 0; refused < FIVE; refused++) {
        struct rig_setup setup = far;
        setup.settings = settings;
        struct rig *rig = start(&setup);
        rig_run(rig, 3000);
        rig_restart(rig, 1, SLUICE_BROKER_KEEP_NONE);
        rig_run(rig, 1);
        uint64_t fault = rig_refuse(rig, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, refused, 1);
        rig_produce_some(rig, 0, FIVE);
        rig_flush(rig);
        cr_expect_eq(rig_hits(rig, fault), 1);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

/* ---- the five count from the oldest undecided one -------------------------------------------- */

/* Batches that have a sequence and no outcome: none may be stamped beyond the fifth. */
static uint32_t stamped(struct rig *rig) {
    const struct partition *partition = rig_partition(rig, 0);
    uint32_t count = 0;
    for (const struct batch *at = partition->lent.first; at != NULL; at = at->next) {
        count += at->stamped;
    }
    for (const struct batch *at = partition->pending.first; at != NULL; at = at->next) {
        count += at->stamped;
    }
    return count;
}

Test(gate, counts_from_the_oldest_undecided_batch_wherever_it_waits) {
    static const int16_t codes[] = {19, 6, 7, 20, 45};
    uint32_t most = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig_setup setup = far;
        setup.seed = seed;
        setup.delay_ns = (1 + seed % 5) * RIG_MS;
        struct rig *rig = start(&setup);
        for (int i = 0; i < 400; i++) {
            if (rt_sim_choose(rig->world, 12) == 0) {
                rig_refuse(rig, codes[rt_sim_choose(rig->world, 5)],
                           (uint32_t)rt_sim_choose(rig->world, 5), 1);
            }
            if (rt_sim_choose(rig->world, 100) == 0) {
                broker_cluster_cut(rig->cluster, 1);
            }
            rig_produce(rig, 0);
            rig_run(rig, rt_sim_choose(rig->world, 3));
            most = stamped(rig) > most ? stamped(rig) : most;
            cr_assert_leq(stamped(rig), FIVE, "seed %d", (int)seed);
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
    cr_expect_eq(most, FIVE);
}

/* ---- one attempt at a time ------------------------------------------------------------------- */

/* A throttle holds the first of three batches back for a second, so that its time ends long before
 * that of the others, and before the answers come. They are waited for, and not sent again. */
Test(gate, waits_for_answers_to_those_behind_one_whose_time_is_over) {
    struct rig_setup setup = far;
    setup.settings = (const char *[]){
        "linger.ms",          "0",    "batch.size", "0", "delivery.timeout.ms", "2000",
        "request.timeout.ms", "1900", NULL};
    struct rig *rig = start(&setup);
    rig_hold_up(rig, SLUICE_FAULT_THROTTLE, PRODUCE, 1000, 1);
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_produce(rig, 0);
    rig_run(rig, 900);
    rig_produce_some(rig, 0, 2);
    broker_cluster_stall(rig->cluster, 1, true);
    uint64_t sent = rig_status(rig).batches_sent;
    cr_assert(rig_await(rig, 3, 1150));
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(rig->records[2].report.error, SLUICE_DELIVERY_TIMED_OUT);
    cr_expect_eq(rig->records[2].report.last_error, SLUICE_NO_ANSWER);
    rig_run(rig, 400);
    cr_expect_eq(rig_status(rig).batches_sent, sent + 3, "each left once");
    broker_cluster_stall(rig->cluster, 1, false);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    for (uint32_t i = 3; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED);
        cr_expect_eq(rig->records[i].report.attempts, 1);
    }
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 1); /* what was given up is fenced */
    rig_end(rig);
}
