/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clusters that change, fail and lie, drawn from the seed: once it is calm the snapshot is the
 * cluster's truth, whoever waits was woken, there is a producer id, and nothing is left behind. */
#include "actors/metadata_rig.h"
#include "test.h"

enum { SEEDS = 150, STEPS = 60, TOPICS = 3 };

static const char *const names[TOPICS] = {"alpha", "beta", "gamma"};

static void fault_add(struct rig *rig) {
    static const sluice_broker_action actions[] = {
        SLUICE_FAULT_ERROR,      SLUICE_FAULT_DELAY,   SLUICE_FAULT_DROP,
        SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_GARBAGE, SLUICE_FAULT_WRONG_CORRELATION,
        SLUICE_FAULT_CUT_AFTER,  SLUICE_FAULT_CUT_HALF};
    static const int16_t apis[] = {3, 3, 18, 22};
    static const int16_t codes[] = {3, 5, 14, 15, 29, 38, -1, 129};
    sluice_broker_fault fault = sluice_broker_fault_any(actions[rt_sim_choose(rig->world, 8)]);
    fault.api_key = apis[rt_sim_choose(rig->world, 4)];
    /* What is fatal for an id is not drawn: it would stay. */
    fault.error_code =
        fault.api_key == 22 ? 14 : codes[rt_sim_choose(rig->world, sizeof codes / sizeof codes[0])];
    if (fault.api_key == 22 && fault.action == SLUICE_FAULT_GARBAGE) {
        fault.action = SLUICE_FAULT_DROP;
    }
    fault.delay_ms = (uint32_t)rt_sim_choose(rig->world, 1500);
    fault.count = 1 + (uint32_t)rt_sim_choose(rig->world, 3);
    broker_cluster_fault_add(rig->cluster, &fault);
}

/* What a produce answer would tell: the truth of this moment. */
static void hint_truth(struct rig *rig, struct rig_topic *topic) {
    const char *name = topic->topic.name;
    int32_t index = (int32_t)rt_sim_choose(rig->world, 6);
    int32_t leader = broker_cluster_leader(rig->cluster, name, index);
    if (leader > 0) {
        char host[16] = "b0.example";
        host[1] = (char)('0' + leader);
        rig_hint(rig, topic, index, leader, broker_cluster_leader_epoch(rig->cluster, name, index),
                 rt_sim_choose(rig->world, 2) == 0 ? host : "", 9092);
    }
}

static void cluster_change(struct rig *rig, const char *name) {
    struct broker_cluster *cluster = rig->cluster;
    int32_t node = 1 + (int32_t)rt_sim_choose(rig->world, 3);
    switch (rt_sim_choose(rig->world, 6)) {
    case 0:
        broker_cluster_kill(cluster, node);
        break;
    case 1:
        broker_cluster_restart(cluster, node, SLUICE_BROKER_KEEP_LAST);
        break;
    case 2:
        broker_cluster_leader_move(cluster, name, (int32_t)rt_sim_choose(rig->world, 4), node);
        break;
    case 3:
        broker_cluster_topic_grow(cluster, name, broker_cluster_partition_count(cluster, name) + 1);
        break;
    case 4:
        broker_cluster_topic_delete(cluster, name);
        break;
    default:
        broker_cluster_cut(cluster, node);
        break;
    }
    rt_sim_settle(rig->world);
}

static void step(struct rig *rig) {
    struct rig_topic *topic = &rig->topics[rt_sim_choose(rig->world, TOPICS)];
    struct rig_partition *partition = &rig->partitions[rt_sim_choose(rig->world, TOPICS)];
    switch (rt_sim_choose(rig->world, 8)) {
    case 0:
        fault_add(rig);
        break;
    case 1:
        hint_truth(rig, topic);
        break;
    case 2:
        metadata_refresh(&rig->producer.metadata);
        break;
    case 3:
        metadata_wait(&rig->producer.metadata, &partition->partition);
        break;
    case 4:
        identity_wait(&rig->producer.identity, &partition->partition);
        break;
    case 5:
        rt_sim_fail_memory(rig->world, 1 + rt_sim_choose(rig->world, 10));
        rig_run(rig, 100);
        rt_sim_fail_memory(rig->world, 0);
        break;
    default:
        cluster_change(rig, topic->topic.name);
        break;
    }
    rig_run(rig, rt_sim_choose(rig->world, 700));
}

static void expect_truth(struct rig *rig, uint64_t seed) {
    for (int i = 0; i < TOPICS; i++) {
        const struct snapshot_topic *entry = rig_entry(rig, &rig->topics[i]);
        int32_t count = (int32_t)broker_cluster_partition_count(rig->cluster, names[i]);
        cr_assert_not_null(entry, "seed %d", (int)seed);
        cr_assert_eq(entry->partition_count, count, "seed %d, %s", (int)seed, names[i]);
        for (int32_t at = 0; at < count; at++) {
            cr_assert_eq(rig_leader(rig, &rig->topics[i], at),
                         broker_cluster_leader(rig->cluster, names[i], at), "seed %d, %s %d",
                         (int)seed, names[i], at);
        }
    }
}

static void weather(uint64_t seed) {
    const char *settings[] = {"bootstrap.servers",
                              "10.0.0.1:9092,b2.example:9092",
                              "request.timeout.ms",
                              "3000",
                              "metadata.max.age.ms",
                              "20000",
                              "connections.max.idle.ms",
                              "15000",
                              NULL};
    struct rig *rig = rig_start(seed, NULL, settings);
    cr_assert(identity_start(&rig->producer.identity, &rig->producer));
    rig->with_identity = true;
    for (int i = 0; i < TOPICS; i++) {
        rig_partition(rig, rig_topic(rig, names[i]), i);
    }
    for (int i = 0; i < STEPS; i++) {
        step(rig);
    }
    broker_cluster_fault_remove_all(rig->cluster);
    for (int32_t node = 1; node <= 3; node++) {
        broker_cluster_restart(rig->cluster, node, SLUICE_BROKER_KEEP_LAST);
    }
    rt_sim_settle(rig->world);
    uint32_t marks[TOPICS];
    for (int i = 0; i < TOPICS; i++) {
        struct rig_partition *partition = &rig->partitions[i];
        marks[i] = partition->metadata_marks;
        metadata_wait(&rig->producer.metadata, &partition->partition);
        identity_wait(&rig->producer.identity, &partition->partition);
    }
    rig_run(rig, 90000);
    expect_truth(rig, seed);
    for (int i = 0; i < TOPICS; i++) {
        cr_assert_gt(rig->partitions[i].metadata_marks, marks[i], "seed %d", (int)seed);
        cr_assert_gt(rig->partitions[i].identity_marks, 0, "seed %d", (int)seed);
    }
    cr_assert_geq(atomic_load(&rig->producer.identity.producer_id), 0, "seed %d", (int)seed);
    rig_end(rig);
}

Test(metadata_storm, when_it_is_calm_again_the_snapshot_is_the_truth) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        weather(seed);
    }
}
