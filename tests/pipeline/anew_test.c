/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A topic that is made anew while records of it are on their way, by brokers that tell topic ids.
 * What waits for a leader is lent with the new id at once, and may meet what was lent with the old
 * one in one request.
 */
#include "pipeline/rig.h"

enum { LED, LEADERLESS, PARTITIONS, SENT_MAX = 20 };

static const char *const singles[] = {"linger.ms",           "0",    "batch.size", "0",
                                      "metadata.max.age.ms", "1000", NULL};

struct reading {
    struct rig *rig;
    int64_t last;
};

static bool read_record(const sluice_broker_record *record, void *context) {
    struct reading *reading = context;
    int64_t number = strtol(record->value, NULL, 10);
    cr_assert(number >= 0 && number < reading->rig->count);
    cr_expect_gt(number, reading->last, "out of order or doubled");
    reading->last = number;
    reading->rig->records[number].found++;
    return true;
}

/* Of the log that there is now. */
static void read_log(struct rig *rig) {
    for (int32_t i = 0; i < PARTITIONS; i++) {
        struct reading reading = {.rig = rig, .last = -1};
        cr_assert_geq(broker_cluster_read(rig->cluster, "orders", i, 0, read_record, &reading), 0);
    }
}

static void produce_one(void *context) {
    rig_produce(context, LED);
}

/* Whatever arrives, a record is produced at that moment, before or after it is looked at. */
static void produce_at_arrivals(void *context) {
    struct rig *rig = context;
    if (rig->count < SENT_MAX) {
        rt_sim_at(rig->world, rt_now(rig->world), produce_one, rig);
    }
}

static void make_anew(uint64_t seed) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = seed,
                                                    .partitions = PARTITIONS,
                                                    .brokers = {.broker_count = 1},
                                                    .delay_ns = 2 * RIG_MS,
                                                    .settings = singles});
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", LEADERLESS, 0), SLUICE_OK);
    rig_produce(rig, LED);
    rig_flush(rig);
    rig_produce(rig, LEADERLESS);
    rig_run(rig, 50);
    read_log(rig);
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", PARTITIONS), SLUICE_OK);
    rt_sim_on_arrival(rig->world, produce_at_arrivals, rig);
    rig_run(rig, 2000);
    cr_expect_geq(rig->count, SENT_MAX);
    rt_sim_on_arrival(rig->world, NULL, NULL);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    read_log(rig);
    for (uint32_t i = 0; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].found, 1, "record %u, seed %d", i, (int)seed);
    }
    rig_expect_quiet(rig);
    rig_free(rig);
}

Test(anew, old_and_new_partitions_are_written_once) {
    for (uint64_t seed = 1; seed <= 200; seed++) {
        make_anew(seed);
    }
}
