/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Brokers that become older while a producer is open: they told topic ids, and tell none now. */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3, BROKERS = 3 };

static const sluice_broker_limit without_ids[] = {{PRODUCE, 9}, {METADATA, 9}};

static void see_gone(void *context) {
    *(bool *)context = true;
}

static void replace_brokers(struct rig *rig) {
    bool gone = false;
    broker_cluster_stop(rig->cluster, see_gone, &gone);
    rig_run(rig, 100);
    cr_assert(gone);
    sluice_broker_options options = {
        .broker_count = BROKERS, .limits = without_ids, .limit_count = 2};
    struct broker_listen listen[BROKERS] = {0};
    static char hosts[BROKERS][16];
    for (int32_t i = 0; i < BROKERS; i++) {
        snprintf(hosts[i], sizeof hosts[i], "b%d.example", i + 1);
        listen[i] = (struct broker_listen){.address = rig_address(i + 1), .host = hosts[i]};
    }
    rig->cluster = broker_cluster_create(rig->world, &options, listen);
    cr_assert_not_null(rig->cluster);
    rt_sim_settle(rig->world);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", BROKERS), SLUICE_OK);
}

/* A partition that had an id goes on without one, with what waited meanwhile, too. */
Test(older, brokers_without_topic_ids_take_what_follows) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rig *rig =
            rig_start(&(struct rig_setup){.seed = seed,
                                          .partitions = BROKERS,
                                          .settings = (const char *[]){"linger.ms", "1", NULL}});
        for (int32_t i = 0; i < 30; i++) {
            rig_produce(rig, i % BROKERS);
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_run(rig, 100);
        replace_brokers(rig);
        uint32_t before = rig->count;
        rig->count = 0; /* the old log is gone */
        rig->reported = 0;
        for (int32_t i = 0; i < 60; i++) {
            rig_produce(rig, i % BROKERS);
            rig_run(rig, seed);
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_check(rig);
        cr_expect_eq(rig_status(rig).records_persisted, before + 60);
        rig_free(rig);
    }
}
