/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A producer that has nothing to do does nothing: wake-ups of a virtual hour, counted. */
#include "actors/input/input.h"
#include "actors/producer/producer.h"
#include "broker/cluster.h"
#include "runtime/sim.h"
#include "test.h"

#define SECOND UINT64_C(1000000000)
enum { BROKERS = 3, PORT = 9092 };

struct idle {
    struct rt_world *world;
    struct broker_cluster *cluster;
    sluice_producer *producer;
    sluice_topic *topic;
};

static struct idle idle_open(const char *metadata_age_ms, const char *idle_ms) {
    struct rt_sim_options options = {
        .seed = 1, .delay_min_ns = 100000, .delay_max_ns = 200000, .thread_end = input_thread_end};
    struct idle idle = {.world = rt_sim_create(&options)};
    struct broker_listen listens[BROKERS];
    for (unsigned i = 0; i < BROKERS; i++) {
        listens[i] = (struct broker_listen){
            .address = {.ip = {10, 0, 0, (uint8_t)(i + 1)}, .port = PORT, .family = 4}};
    }
    sluice_broker_options brokers = {.broker_count = BROKERS, .partition_count = 6};
    idle.cluster = broker_cluster_create(idle.world, &brokers, listens);
    rt_sim_settle(idle.world);
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "10.0.0.1:9092", NULL), 0);
    cr_assert_eq(sluice_config_set(config, "metadata.max.age.ms", metadata_age_ms, NULL), 0);
    cr_assert_eq(sluice_config_set(config, "connections.max.idle.ms", idle_ms, NULL), 0);
    idle.producer = producer_open_in(idle.world, config, NULL);
    sluice_config_free(config);
    idle.topic = sluice_topic_open(idle.producer, "quiet", NULL, NULL);
    return idle;
}

/* One record to each partition, all delivered and reported. */
static void idle_produce(struct idle *idle) {
    for (int32_t i = 0; i < 6; i++) {
        sluice_record record = {
            .value = "x", .value_size = 1, .partition = i, .flags = SLUICE_RECORD_PARTITION};
        cr_assert_eq(sluice_produce(idle->topic, &record), SLUICE_OK);
    }
    cr_assert_eq(sluice_flush(idle->producer, 10000), SLUICE_OK);
    sluice_report reports[6];
    cr_assert_eq(sluice_poll(idle->producer, reports, 6, 0), 6);
}

static uint64_t wakeups_of_an_hour(struct idle *idle) {
    uint64_t before = atomic_load(&idle->world->wakeups);
    rt_sim_run_until(idle->world, rt_now(idle->world) + 3600 * SECOND);
    return atomic_load(&idle->world->wakeups) - before;
}

static void idle_close(struct idle *idle) {
    sluice_producer_free(idle->producer);
    broker_cluster_stop(idle->cluster, NULL, NULL);
    rt_sim_run_until(idle->world, rt_now(idle->world) + SECOND);
    rt_world_destroy(idle->world);
}

Test(sim_idle, a_producer_that_has_produced_wakes_for_due_timers_only) {
    /* Timers that may come due: one delivery timeout for each of six partitions. */
    struct idle idle = idle_open("2000000000", "-1");
    idle_produce(&idle);
    cr_assert_leq(wakeups_of_an_hour(&idle), 6);
    cr_assert_eq(wakeups_of_an_hour(&idle), 0);
    idle_close(&idle);
}

Test(sim_idle, asking_for_metadata_is_a_handful_of_wakeups_each_time) {
    struct idle idle = idle_open("300000", "540000");
    idle_produce(&idle);
    uint64_t wakeups = wakeups_of_an_hour(&idle);
    cr_assert_geq(wakeups, 12);
    cr_assert_leq(wakeups, 12 * 20);
    idle_close(&idle);
}

Test(sim_idle, a_producer_without_topics_is_still) {
    struct idle idle = idle_open("2000000000", "-1");
    rt_sim_run_until(idle.world, 60 * SECOND);
    cr_assert_eq(wakeups_of_an_hour(&idle), 0);
    idle_close(&idle);
}
