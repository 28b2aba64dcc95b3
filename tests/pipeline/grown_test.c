/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Partitions that are added to a topic while it is produced to: who goes there, when, and what
 * becomes of records that are there before their broker knows of it.
 */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3, ONE_WAY_MS = 5, KEYS = 50, MOST = 12 };

static const char *const fresh[] = {"linger.ms",           "0",   "batch.size", "0",
                                    "metadata.max.age.ms", "200", NULL};
static const sluice_broker_limit without_ids[] = {{PRODUCE, 9}, {METADATA, 9}};

static struct rig *start(uint32_t partitions, bool ids, uint64_t seed) {
    struct rig_setup setup = {.seed = seed,
                              .partitions = partitions,
                              .brokers = {.limits = without_ids, .limit_count = ids ? 0 : 2},
                              .delay_ns = ONE_WAY_MS * RIG_MS,
                              .settings = fresh};
    struct rig *rig = rig_start(&setup);
    cr_assert_eq(sluice_topic_partition_count(rig->topic, 1000, NULL), partitions);
    return rig;
}

static void grow(struct rig *rig, uint32_t partitions) {
    cr_assert_eq(broker_cluster_topic_grow(rig->cluster, "orders", partitions), SLUICE_OK);
}

static void await_partitions(struct rig *rig, int32_t partitions) {
    uint64_t deadline_ns = rt_now(rig->world) + 1000 * RIG_MS;
    while (sluice_topic_partition_count(rig->topic, 0, NULL) < partitions) {
        cr_assert_lt(rt_now(rig->world), deadline_ns);
        rig_run(rig, 1);
    }
}

static void produce_keyed(struct rig *rig, uint32_t key) {
    char value[12];
    snprintf(value, sizeof value, "%010u", rig->count);
    sluice_record record = {
        .key = &key, .key_size = sizeof key, .value = value, .value_size = sizeof value};
    record.opaque = rig_next(rig, RIG_ANY);
    cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Record r has key r % KEYS. Each key keeps its partition until it goes over to its new one, and
 * all of them together: no record is routed by the old count behind one by the new count. */
static void expect_one_change(struct rig *rig, int32_t before, int32_t after) {
    int32_t last[KEYS];
    uint32_t changed = 0, moved_to_new = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        int32_t partition = rig->records[i].report.partition;
        if (i >= KEYS && partition != last[i % KEYS]) {
            changed = changed == 0 ? i : changed;
            cr_expect_lt(i, changed + KEYS, "record %u goes over, the first was %u", i, changed);
            moved_to_new += partition >= before;
        }
        cr_expect(partition >= 0 && partition < (changed == 0 ? before : after));
        last[i % KEYS] = partition;
    }
    cr_expect_gt(moved_to_new, KEYS / 4);
}

Test(grown, keys_go_over_to_more_partitions_together_and_once) {
    for (uint32_t after = 3; after <= 7; after += 2) {
        struct rig *rig = start(2, true, after);
        for (int round = 0; round < 20; round++) {
            for (uint32_t key = 0; key < KEYS; key++) {
                produce_keyed(rig, key);
                rig_run(rig, key % 2);
            }
            if (round == 5) {
                grow(rig, after);
            }
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        expect_one_change(rig, 2, (int32_t)after);
        rig_end(rig);
    }
}

/* ---- brokers that do not know it yet --------------------------------------------------------- */

/* The broker does not know partition 3 for the first `count` batches, after it knew it for `skip`
 * of them. Keyed and keyless records and others for that partition go on meanwhile. */
static void unknown_at_first(bool ids, uint32_t skip, uint32_t count) {
    struct rig *rig = start(2, ids, 1 + skip + 10 * (uint64_t)count);
    uint64_t fault = rig_refuse_of(rig, 3, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION, skip, count);
    for (int i = 0; i < 300; i++) {
        rig_produce(rig, RIG_ANY);
        produce_keyed(rig, (uint32_t)i % KEYS);
        if (sluice_topic_partition_count(rig->topic, 0, NULL) == 5) {
            rig_produce(rig, 3);
        }
        if (i == 20) {
            grow(rig, 5);
        }
        rig_run(rig, 2);
    }
    rig_flush(rig);
    cr_expect_eq(rig_hits(rig, fault), count);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    for (int32_t i = 0; i < 5; i++) {
        cr_expect_gt(broker_cluster_records(rig->cluster, "orders", i), 0);
        cr_expect_eq(rig_partition(rig, i)->producer_epoch, 0);
    }
    rig_end(rig);
}

Test(grown, what_goes_where_its_broker_knows_no_partition_yet_is_written_once_and_in_order) {
    for (uint32_t skip = 0; skip <= 6; skip++) {
        for (uint32_t count = 1; count <= 6; count++) {
            unknown_at_first(true, skip, count);
            unknown_at_first(false, skip, count);
        }
    }
}

/* The metadata tell the partition before it has a leader. */
Test(grown, what_goes_where_there_is_no_leader_yet_waits) {
    struct rig *rig = start(2, true, 1);
    grow(rig, 4);
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 3, 0), SLUICE_OK);
    await_partitions(rig, 4);
    for (uint32_t i = 0; i < 100; i++) {
        produce_keyed(rig, i % KEYS);
        rig_produce(rig, 3);
        rig_produce(rig, 2);
        rig_run(rig, 2);
    }
    cr_expect(rig_await(rig, 100 + 100 / 2, 200), "the others go on");
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", 3), 0);
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 3, 2), SLUICE_OK);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

/* ---- again and again ------------------------------------------------------------------------- */

/* Grown at any moment, while leaders move, connections are cut, and brokers do not know it yet. */
static void grown_again_and_again(uint64_t seed) {
    struct rig *rig = start(1, seed % 2 == 0, seed);
    struct rt_world *world = rig->world;
    int32_t partitions = 1;
    for (int i = 0; i < 600; i++) {
        int32_t known = sluice_topic_partition_count(rig->topic, 0, NULL);
        int32_t some = (int32_t)rt_sim_choose(world, (uint64_t)known);
        if (rt_sim_choose(world, 3) == 0) {
            produce_keyed(rig, (uint32_t)rt_sim_choose(world, KEYS));
        } else {
            rig_produce(rig, rt_sim_choose(world, 2) == 0 ? some : RIG_ANY);
        }
        uint64_t event = rt_sim_choose(world, 60);
        if (event == 0 && partitions < MOST) {
            partitions += 1 + (int32_t)rt_sim_choose(world, 2);
            grow(rig, (uint32_t)partitions);
            rig_refuse_of(rig, partitions - 1, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION, 0,
                          1 + (uint32_t)rt_sim_choose(world, 4));
        } else if (event == 1) {
            broker_cluster_leader_move(rig->cluster, "orders", some,
                                       1 + (int32_t)rt_sim_choose(world, 3));
        } else if (event == 2) {
            struct rt_address address = rig_address(1 + (int32_t)rt_sim_choose(world, 3));
            rt_sim_cut(world, &address, rt_sim_choose(world, 2) == 0);
        }
        rig_run(rig, rt_sim_choose(world, 4));
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_gt(partitions, 3);
    rig_end(rig);
}

Test(grown, at_any_moment_each_record_is_written_once_and_in_order) {
    for (uint64_t seed = 1; seed <= 30; seed++) {
        grown_again_and_again(seed);
    }
}
