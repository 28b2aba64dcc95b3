/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Epochs and producer ids: whose they are, when a new one begins, and whom that stops. */
#include "pipeline/rig.h"

enum { PRODUCE = 0, INIT_PRODUCER_ID = 22, ONE_WAY_MS = 20 };

static const char *const singles[] = {"linger.ms", "0", "batch.size", "0", NULL};
static const char *const hasty[] = {
    "linger.ms",          "0",    "batch.size", "0", "delivery.timeout.ms", "2000",
    "request.timeout.ms", "1000", NULL};

/* ---- partition by partition --------------------------------------------------------------- */

Test(epoch, of_one_partition_is_nothing_to_the_others) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 2, .partitions = 6, .brokers = {.broker_count = 2}, .settings = singles});
    rig_produce_to_each(rig, 6);
    rig_flush(rig);
    rig_refuse_of(rig, 2, 45, 0, 2); /* refused, and alone again refused: a new epoch */
    uint64_t began_ns = rt_now(rig->world);
    for (int i = 0; i < 20; i++) {
        rig_produce_to_each(rig, 6);
        rig_run(rig, 1);
    }
    cr_expect(rig_await(rig, 6 + 5 * 20, 20), "those of the others are there at once");
    cr_expect_lt(rt_now(rig->world) - began_ns, 60 * RIG_MS);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    for (int32_t i = 0; i < 6; i++) {
        cr_expect_eq(rig_partition(rig, i)->producer_epoch, i == 2 ? 1 : 0);
    }
    cr_expect_eq(rig_counters(rig).requests[INIT_PRODUCER_ID], 1);
    rig_end(rig);
}

/* One broker of three is dead with batches unanswered. Epochs begin on the others meanwhile. */
Test(epoch, begins_while_a_broker_is_dead) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 2,
                                                    .partitions = 6,
                                                    .brokers = {.replica_count = 1},
                                                    .delay_ns = 2 * RIG_MS,
                                                    .settings = singles});
    rig_produce_to_each(rig, 6);
    rig_flush(rig);
    int32_t dead = broker_cluster_leader(rig->cluster, "orders", 0);
    rig_produce_to_each(rig, 6);
    rig_run(rig, 3); /* on their way */
    cr_assert_eq(broker_cluster_kill(rig->cluster, dead), SLUICE_OK);
    cr_assert(rig_await(rig, 6 + 4, 1000)); /* two partitions have no leader */
    for (int32_t i = 0; i < 6; i++) {
        rig_refuse_of(rig, i, 45, 0, 2);
    }
    for (int round = 0; round < 10; round++) {
        for (int32_t i = 0; i < 6; i++) {
            if (broker_cluster_leader(rig->cluster, "orders", i) != 0) {
                rig_produce(rig, i);
            }
        }
        rig_run(rig, 5);
    }
    uint32_t reported = rig->reported;
    cr_expect(rig_await(rig, 6 + 4 + 40, 1500), "%u of 40 went on", reported - 10);
    cr_assert_eq(broker_cluster_restart(rig->cluster, dead, SLUICE_BROKER_KEEP_LAST), SLUICE_OK);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* ---- ids ---------------------------------------------------------------------------------- */

Test(epoch, an_id_that_is_refused_is_left_by_each_partition_and_asked_for_once) {
    static const int16_t codes[] = {47, 49, 90};
    for (size_t i = 0; i < 3; i++) {
        struct rig *rig = rig_start(&(struct rig_setup){
            .seed = 2, .partitions = 4, .brokers = {.broker_count = 1}, .settings = singles});
        rig_produce_to_each(rig, 4);
        rig_flush(rig);
        int64_t id = rig_partition(rig, 0)->producer_id;
        for (int32_t at = 0; at < 3; at++) {
            rig_refuse_of(rig, at, codes[i], 0, 1);
        }
        for (int round = 0; round < 5; round++) {
            rig_produce_to_each(rig, 4);
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_eq(rig_counters(rig).requests[INIT_PRODUCER_ID], 2);
        for (int32_t at = 0; at < 4; at++) {
            cr_expect_eq(rig_partition(rig, at)->producer_id == id, at == 3);
            cr_expect_eq(rig_partition(rig, at)->producer_epoch, 0);
        }
        rig_end(rig);
    }
}

Test(epoch, an_id_that_is_always_refused_costs_each_record_its_time_and_no_more) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 2, .partitions = 1, .brokers = {.broker_count = 1}, .settings = hasty});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_refuse_of(rig, 0, 47, 0, 0);
    rig_produce_some(rig, 0, 5);
    cr_assert(rig_await(rig, 6, 2100));
    for (int i = 1; i < 6; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_NOT_PERSISTED);
        cr_expect_eq(rig->records[i].report.error, SLUICE_DELIVERY_TIMED_OUT);
    }
    cr_expect_eq(rig->records[1].report.last_error, SLUICE_BROKER_INVALID_PRODUCER_EPOCH);
    broker_cluster_fault_remove_all(rig->cluster);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[6].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

/* A batch is abandoned unsure under epoch 31999, and a new id is there before anything was accepted
 * under 32000. The new id fences nothing: what was abandoned could still arrive, behind batches of
 * the new id. So it is taken only after something was accepted under 32000. */
Test(epoch, a_new_id_waits_until_what_was_abandoned_is_fenced) {
    static const char *const settings[] = {"linger.ms",
                                           "0",
                                           "batch.size",
                                           "0",
                                           "delivery.timeout.ms",
                                           "2000",
                                           "request.timeout.ms",
                                           "1000",
                                           "reconnect.backoff.max.ms",
                                           "100",
                                           "metadata.max.age.ms",
                                           "200",
                                           NULL};
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1,
                                                    .partitions = 1,
                                                    .brokers = {.broker_count = 2},
                                                    .bootstrap = "10.0.0.2:9092",
                                                    .settings = settings});
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 0, 1), SLUICE_OK);
    struct rt_address leader = rig_address(1);
    rig_produce(rig, 0);
    rig_flush(rig);
    int64_t id = rig_partition(rig, 0)->producer_id;
    rig_partition(rig, 0)->producer_epoch = 31999;
    rig_partition(rig, 0)->next_sequence = 0;
    rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, 0, 1);
    rig_produce(rig, 0);
    rig_run(rig, 1);
    rt_sim_fault(rig->world, &leader, RT_SIM_REFUSE);
    cr_assert(rig_await(rig, 2, 2100));
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_UNKNOWN);
    rig_produce(rig, 0);
    for (int i = 0; i < 4; i++) { /* the ticket comes home and goes, and nothing can be sent */
        rig_run(rig, 300);
        broker_cluster_leader_move(rig->cluster, "orders", 0, 1);
    }
    rig_run(rig, 300);
    cr_expect_eq(rig_counters(rig).requests[INIT_PRODUCER_ID], 2);
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, 32000);
    cr_expect_eq(rig_partition(rig, 0)->producer_id, id);
    rt_sim_fault(rig->world, &leader, RT_SIM_HEAL);
    rig_flush(rig);
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_neq(rig_partition(rig, 0)->producer_id, id);
    rig_end(rig);
}

/* ---- brokers that know nothing ------------------------------------------------------------ */

static void forgotten(sluice_broker_first_sequence rule, int16_t code) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 2,
                                      .partitions = 1,
                                      .brokers = {.broker_count = 1, .first_sequence = rule},
                                      .settings = singles});
    for (int round = 0; round < 4; round++) {
        rig_produce_some(rig, 0, 7);
        rig_flush(rig);
        cr_assert_eq(broker_cluster_kill(rig->cluster, 1), SLUICE_OK);
        rig_run(rig, 10);
        cr_assert_eq(broker_cluster_restart(rig->cluster, 1, SLUICE_BROKER_KEEP_NONE), SLUICE_OK);
        if (code != 0) { /* as brokers before 2.5 say until the sequence is 0 */
            rig_refuse_of(rig, 0, code, 0, 1);
        }
    }
    rig_produce_some(rig, 0, 7);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rig_partition(rig, 0)->producer_epoch, code != 0 ? 4 : 0);
    rig_end(rig);
}

Test(epoch, goes_on_when_the_producer_has_expired) {
    forgotten(SLUICE_BROKER_FIRST_SEQUENCE_4_0, 0);
    forgotten(SLUICE_BROKER_FIRST_SEQUENCE_4_1, 0);
    forgotten(SLUICE_BROKER_FIRST_SEQUENCE_4_5, 0);
}

Test(epoch, begins_when_a_broker_says_that_the_producer_has_expired) {
    forgotten(SLUICE_BROKER_FIRST_SEQUENCE_4_0, SLUICE_BROKER_UNKNOWN_PRODUCER_ID);
    forgotten(SLUICE_BROKER_FIRST_SEQUENCE_4_0, SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

/* ---- topics that are made again ----------------------------------------------------------- */

struct remaking {
    int16_t produce_max; /* 13: by topic id; 12 and less: by name */
    sluice_broker_first_sequence rule;
    bool unanswered; /* five batches are on their way, and are written or not */
    bool arrives;
};

static void remade(const struct remaking *with) {
    const sluice_broker_limit limit = {.api_key = PRODUCE, .version_max = with->produce_max};
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 4,
                                                    .partitions = 2,
                                                    .brokers = {.broker_count = 1,
                                                                .first_sequence = with->rule,
                                                                .limits = &limit,
                                                                .limit_count = 1},
                                                    .delay_ns = ONE_WAY_MS * RIG_MS,
                                                    .settings = singles});
    struct rt_address broker = rig_address(1);
    rig_produce_to_each(rig, 2);
    rig_flush(rig);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    if (with->unanswered) {
        rig_produce_some(rig, 0, 5);
        rig_run(rig, with->arrives ? ONE_WAY_MS + 5 : 5);
        rt_sim_cut(rig->world, &broker, false);
    }
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 2), SLUICE_OK);
    uint32_t before = rig->count;
    for (int i = 0; i < 10; i++) {
        rig_produce_to_each(rig, 2);
        rig_run(rig, 7);
    }
    rig_flush(rig);
    for (uint32_t i = before; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "%d, %d: %u: %s",
                     with->produce_max, with->rule, i,
                     sluice_code_name(rig->records[i].report.error));
    }
    int64_t records = broker_cluster_records(rig->cluster, "orders", 0);
    cr_expect(records >= 10 && records <= (with->unanswered ? 15 : 10));
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", 1), 10);
    rig_expect_quiet(rig);
    rig_free(rig);
}

Test(epoch, goes_on_in_a_topic_that_was_made_again) {
    for (int16_t version = 9; version <= 13; version += 2) {
        for (int rule = 0; rule <= 2; rule++) {
            for (int unsure = 0; unsure <= 2; unsure++) {
                remade(&(struct remaking){.produce_max = version,
                                          .rule = (sluice_broker_first_sequence)rule,
                                          .unanswered = unsure > 0,
                                          .arrives = unsure > 1});
            }
        }
    }
}

/* ---- partitions that come later ----------------------------------------------------------- */

Test(epoch, of_partitions_added_while_running_begins_at_0) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 2,
        .partitions = 2,
        .settings = (const char *[]){"linger.ms", "0", "metadata.max.age.ms", "300", NULL}});
    rig_produce_to_each(rig, 2);
    rig_flush(rig);
    rig_refuse_of(rig, 1, 45, 0, 2);
    for (int i = 0; i < 100; i++) {
        if (i == 30) {
            cr_assert_eq(broker_cluster_topic_grow(rig->cluster, "orders", 6), SLUICE_OK);
        }
        rig_produce(rig, RIG_ANY);
        rig_produce(rig, i % sluice_topic_partition_count(rig->topic, 0, NULL));
        rig_run(rig, 20);
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    for (int32_t i = 2; i < 6; i++) {
        cr_expect_eq(rig_partition(rig, i)->producer_epoch, 0);
        cr_expect_gt(broker_cluster_records(rig->cluster, "orders", i), 0);
    }
    rig_end(rig);
}
