/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an idle producer costs, and that everything comes back: actors, bytes, brokers. */
#include "pipeline/rig.h"

static uint64_t actors_alive(const struct rig *rig) {
    return atomic_load(&rig->world->actors_started) - atomic_load(&rig->world->actors_gone);
}

static uint64_t requests_of(struct rig *rig) {
    uint64_t sum = 0;
    sluice_broker_counters counters = rig_counters(rig);
    for (int api = 0; api < SLUICE_BROKER_APIS; api++) {
        sum += counters.requests[api];
    }
    return sum;
}

Test(idle, an_hour_costs_nothing_but_the_metadata_that_is_due) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 3,
                            .settings = (const char *[]){"metadata.max.age.ms", "600000",
                                                         "connections.max.idle.ms", "-1", NULL}});
    for (int32_t i = 0; i < 3; i++) {
        rig_produce_some(rig, i, 100);
    }
    rig_flush(rig);
    rig_run(rig, 130000); /* timers of what was done have fired, idle links are settled */
    uint64_t requests = requests_of(rig);
    uint64_t metadata = rig_counters(rig).requests[3];
    uint64_t events = rt_sim_events(rig->world);
    rig_run(rig, 3600000);
    cr_expect_eq(requests_of(rig) - requests, rig_counters(rig).requests[3] - metadata);
    cr_expect_geq(rig_counters(rig).requests[3] - metadata, 5);
    cr_expect_leq(rig_counters(rig).requests[3] - metadata, 7);
    /* each refresh: a timer, some packets, some activations here and at the broker */
    cr_expect_lt(rt_sim_events(rig->world) - events, 7 * 150);
    rig_end(rig);
}

Test(idle, between_refreshes_nothing_at_all_happens) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 3,
                            .settings = (const char *[]){"metadata.max.age.ms", "7200000",
                                                         "connections.max.idle.ms", "-1", NULL}});
    rig_produce_some(rig, 1, 100);
    rig_flush(rig);
    rig_run(rig, 130000);
    uint64_t events = rt_sim_events(rig->world);
    rig_run(rig, 3600000);
    cr_expect_eq(rt_sim_events(rig->world) - events, 0);
    rig_end(rig);
}

Test(idle, a_producer_that_was_never_used_does_nothing_either) {
    struct rig_setup setup = {.seed = 1,
                              .partitions = 1,
                              .settings = (const char *[]){"metadata.max.age.ms", "7200000",
                                                           "connections.max.idle.ms", "-1", NULL}};
    struct rig *rig = rig_start(&setup);
    rig_run(rig, 130000);
    uint64_t events = rt_sim_events(rig->world);
    rig_run(rig, 3600000);
    cr_expect_eq(rt_sim_events(rig->world) - events, 0);
    rig_end(rig);
}

Test(idle, every_wave_leaves_the_budget_at_zero) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 4,
        .settings = (const char *[]){"compression.type", "gzip", "linger.ms", "2", NULL}});
    for (int wave = 0; wave < 20; wave++) {
        rig->value_size = 12 + (size_t)rt_sim_choose(rig->world, 20000);
        if (wave % 4 == 3) {
            rig_fault(rig, SLUICE_FAULT_CUT_AFTER, 0, 0, 1);
        }
        for (int i = 0; i < 50; i++) {
            rig_produce(rig, i % 4);
        }
        rig_flush(rig);
        rig_expect_quiet(rig);
    }
    rig_end(rig);
}

Test(idle, memory_does_not_grow_with_the_waves) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 4, .brokers = {.discard = true}});
    uint64_t after_first = 0;
    for (int wave = 0; wave < 40; wave++) {
        for (int i = 0; i < 100; i++) {
            rig_produce(rig, i % 4);
        }
        rig_flush(rig);
        rig_expect_quiet(rig);
        if (wave == 4) {
            after_first = atomic_load(&rig->world->memory_used);
        }
    }
    cr_expect_leq(atomic_load(&rig->world->memory_used), after_first + 65536 + 4096);
    rig_free(rig);
}

/* ---- brokers come and go --------------------------------------------------------------------- */

Test(idle, actors_of_a_broker_start_when_the_first_partition_needs_them) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 3,
                            .settings = (const char *[]){"enable.idempotence", "false", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    uint64_t with_one = actors_alive(rig);
    rig_produce(rig, 1);
    rig_flush(rig);
    cr_expect_eq(actors_alive(rig), with_one + 3); /* leader, aggregator, flusher */
    rig_produce(rig, 2);
    rig_flush(rig);
    cr_expect_eq(actors_alive(rig), with_one + 6);
    rig_end(rig);
}

Test(idle, actors_of_a_broker_end_when_it_leaves) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 3,
                            .settings = (const char *[]){"metadata.max.age.ms", "500", NULL}});
    rig_produce_to_each(rig, 3);
    rig_flush(rig);
    rig_run(rig, 2000);
    uint64_t before = actors_alive(rig);
    cr_assert_eq(broker_cluster_kill(rig->cluster, 2), SLUICE_OK);
    rig_produce_some(rig, 0, 3);
    rig_produce_some(rig, 1, 3);
    rig_produce_some(rig, 2, 3);
    rig_flush(rig);
    rig_run(rig, 5000);
    cr_expect_eq(actors_alive(rig), before - 2); /* its aggregator and its flusher */
    cr_assert_eq(broker_cluster_restart(rig->cluster, 2, SLUICE_BROKER_KEEP_ALL), SLUICE_OK);
    broker_cluster_leader_move(rig->cluster, "orders", 0, 2);
    rig_run(rig, 2000);
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    cr_expect_eq(actors_alive(rig), before);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(idle, connections_that_are_not_used_are_closed) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 3,
        .settings = (const char *[]){"connections.max.idle.ms", "10000", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_gt(rig_status(rig).connections_open, 0);
    rig_run(rig, 30000);
    cr_expect_eq(rig_status(rig).connections_open, 0);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_gt(rig_status(rig).connections_open, 0);
    rig_end(rig);
}
