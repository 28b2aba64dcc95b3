/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records that wait for their topic: a flush between them, and a purge that finds no memory. */
#include "pipeline/rig.h"

static const struct rig_setup nowhere = {
    .partitions = 0,
    .brokers = {.broker_count = 1, .auto_create_off = true},
    .settings = (const char *[]){"linger.ms", "0", "metadata.max.age.ms", "1000", NULL}};

static struct rig *start(uint64_t seed) {
    struct rig_setup setup = nowhere;
    setup.seed = seed;
    struct rig *rig = rig_start(&setup);
    rig_run(rig, 100);
    return rig;
}

struct flushing {
    struct rig *rig;
    sluice_code code;
    uint64_t over_ns;
};

static void flush(void *context) {
    struct flushing *flushing = context;
    rt_sim_thread(flushing->rig->world, 1);
    flushing->code = sluice_flush(flushing->rig->producer, 60000);
    flushing->over_ns = rt_now(flushing->rig->world);
}

static void produce_three(void *context) {
    struct rig *rig = context;
    rt_sim_thread(rig->world, 0);
    rig_produce_some(rig, 0, 3);
}

/* All at one moment, so that the partition actor finds the flush between records. Those behind it
 * keep their places. */
Test(park, records_around_a_flush_keep_their_order) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rig *rig = start(seed);
        struct flushing flushing = {.rig = rig};
        uint64_t now_ns = rt_now(rig->world);
        for (uint64_t i = 0; i < 3; i++) {
            uint64_t at_ns = now_ns + (i * 1000 << seed % 8);
            rt_sim_at(rig->world, at_ns, produce_three, rig);
            rt_sim_at(rig->world, at_ns + (seed / 8) * 100, i == 0 ? flush : produce_three,
                      i == 0 ? (void *)&flushing : rig);
        }
        rig_run(rig, 1000);
        cr_expect_eq(flushing.over_ns, 0, "nothing is decided");
        cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 1), SLUICE_OK);
        rig_run(rig, 5000);
        cr_expect_eq(flushing.code, SLUICE_OK);
        cr_expect_gt(flushing.over_ns, 0);
        rt_sim_thread(rig->world, 0);
        rig_flush(rig);
        cr_expect_eq(rig->count, 15);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_end(rig);
    }
}

/* No acquisition succeeds for some steps. */
static void step_without_memory(struct rig *rig, unsigned steps) {
    for (unsigned i = 0; i < steps; i++) {
        rt_sim_fail_memory(rig->world, 1);
        rt_sim_step(rig->world);
    }
    rt_sim_fail_memory(rig->world, 0);
}

/* Refusing takes memory, too: for the batch that the refusal is told of. */
Test(park, a_purge_that_finds_no_memory_is_not_forgotten) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig *rig = start(seed);
        rt_sim_spare_memory(rig->world, "broker");
        rig_produce_some(rig, 0, 5);
        rig_run(rig, 100);
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(sluice_purge(rig->producer, SLUICE_PURGE_UNSENT), SLUICE_OK);
            step_without_memory(rig, 12);
        }
        cr_assert(rig_await(rig, 5, 100));
        rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_PURGED);
        cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 1), SLUICE_OK);
        rig_produce(rig, 0);
        rig_flush(rig);
        cr_expect_eq(rig->records[5].report.outcome, SLUICE_PERSISTED);
        rig_end(rig);
    }
}
