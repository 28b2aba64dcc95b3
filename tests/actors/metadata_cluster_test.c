/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sluice_cluster_fetch, from a simulated application thread. */
#include "actors/producer/producer.h"
#include "broker/cluster.h"
#include "runtime/sim.h"
#include "test.h"

struct scene {
    struct rt_world *world;
    struct broker_cluster *cluster;
    sluice_producer *producer;
};

static struct scene begin(uint64_t seed) {
    struct rt_sim_options sim = {.seed = seed,
                                 .wall_start_ms = 1700000000000,
                                 .delay_min_ns = 20000,
                                 .delay_max_ns = 200000,
                                 .lookup_delay_ns = 1000000,
                                 .thread_end = input_thread_end};
    struct scene scene = {.world = rt_sim_create(&sim)};
    sluice_broker_options options = {.broker_count = 2, .partition_count = 3};
    struct broker_listen listen[2] = {
        {.address = {.ip = {10, 0, 0, 1}, .port = 9092, .family = 4}},
        {.address = {.ip = {10, 0, 0, 2}, .port = 9092, .family = 4}}};
    scene.cluster = broker_cluster_create(scene.world, &options, listen);
    rt_sim_settle(scene.world);
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "10.0.0.1:9092", NULL), SLUICE_OK);
    scene.producer = producer_open_in(scene.world, config, NULL);
    cr_assert_not_null(scene.producer);
    sluice_config_free(config);
    return scene;
}

static void end(struct scene *scene) {
    sluice_producer_free(scene->producer);
    broker_cluster_stop(scene->cluster, NULL, NULL);
    rt_sim_run_until(scene->world, rt_now(scene->world) + 1000000000);
    cr_assert_eq(atomic_load(&scene->world->memory_used), 0);
    rt_world_destroy(scene->world);
}

Test(metadata_cluster, all_brokers_and_topics_are_told) {
    struct scene scene = begin(1);
    sluice_error error;
    broker_cluster_topic_create(scene.cluster, "one", 1);
    broker_cluster_topic_create(scene.cluster, "twelve", 12);
    sluice_cluster *cluster = sluice_cluster_fetch(scene.producer, NULL, 5000, &error);
    cr_assert_not_null(cluster, "%s", error.text);
    end(&scene);
    cr_assert_eq(cluster->broker_count, 2, "it outlives the producer");
    cr_assert_eq(cluster->topic_count, 2);
    cr_assert_str_eq(cluster->brokers[0].host, "10.0.0.1");
    cr_assert_eq(cluster->brokers[0].port, 9092);
    for (int32_t i = 0; i < 2; i++) {
        const sluice_cluster_topic *topic = &cluster->topics[i];
        cr_assert_eq(topic->partition_count, strcmp(topic->name, "one") == 0 ? 1 : 12);
        for (int32_t at = 0; at < topic->partition_count; at++) {
            cr_assert_eq(topic->partitions[at].id, at);
            cr_assert_geq(topic->partitions[at].leader, 1);
            cr_assert_eq(topic->partitions[at].error, SLUICE_OK);
        }
    }
    sluice_cluster_free(cluster);
}

Test(metadata_cluster, a_topic_that_is_not_there_is_told_so_and_not_made) {
    struct scene scene = begin(2);
    sluice_cluster *cluster = sluice_cluster_fetch(scene.producer, "nope", 5000, NULL);
    cr_assert_not_null(cluster);
    cr_assert_eq(cluster->topic_count, 1);
    cr_assert_str_eq(cluster->topics[0].name, "nope");
    cr_assert_eq(cluster->topics[0].error, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_assert_eq(broker_cluster_partition_count(scene.cluster, "nope"), 0);
    sluice_cluster_free(cluster);
    end(&scene);
}

Test(metadata_cluster, without_a_broker_the_reason_is_told_when_every_address_has_failed) {
    struct scene scene = begin(3);
    sluice_error error;
    broker_cluster_kill(scene.cluster, 1);
    broker_cluster_kill(scene.cluster, 2);
    rt_sim_settle(scene.world);
    uint64_t before = rt_now(scene.world);
    cr_assert_null(sluice_cluster_fetch(scene.producer, NULL, 3000, &error));
    cr_assert_eq(error.code, SLUICE_CONNECTION_REFUSED);
    cr_assert_str_eq(error.text, "nobody answers at 10.0.0.1:9092: nothing listens at the address");
    cr_assert_lt((rt_now(scene.world) - before) / 1000000, 100);
    broker_cluster_restart(scene.cluster, 1, SLUICE_BROKER_KEEP_LAST);
    rt_sim_run_until(scene.world, rt_now(scene.world) + 5000000000);
    sluice_cluster *cluster = sluice_cluster_fetch(scene.producer, NULL, 3000, &error);
    cr_assert_not_null(cluster);
    sluice_cluster_free(cluster);
    end(&scene);
}

Test(metadata_cluster, a_silent_broker_is_told_when_the_time_is_up) {
    struct scene scene = begin(3);
    sluice_error error;
    broker_cluster_stall(scene.cluster, 1, true);
    uint64_t before = rt_now(scene.world);
    cr_assert_null(sluice_cluster_fetch(scene.producer, NULL, 3000, &error));
    cr_assert_eq(error.code, SLUICE_TIMED_OUT);
    cr_assert_eq((rt_now(scene.world) - before) / 1000000, 3000);
    broker_cluster_stall(scene.cluster, 1, false);
    sluice_cluster *cluster = sluice_cluster_fetch(scene.producer, NULL, INT64_MAX, &error);
    cr_assert_not_null(cluster, "%s", error.text);
    sluice_cluster_free(cluster);
    end(&scene);
}

Test(metadata_cluster, one_that_was_given_up_is_not_asked_for_and_leaves_nothing) {
    struct scene scene = begin(4);
    sluice_error error;
    cr_assert_null(sluice_cluster_fetch(scene.producer, NULL, 0, &error));
    cr_assert_eq(error.code, SLUICE_TIMED_OUT);
    broker_cluster_stall(scene.cluster, 1, true);
    cr_assert_null(sluice_cluster_fetch(scene.producer, NULL, 1000, &error));
    cr_assert_eq(error.code, SLUICE_TIMED_OUT);
    broker_cluster_stall(scene.cluster, 1, false);
    rt_sim_run_until(scene.world, rt_now(scene.world) + 60000000000);
    sluice_broker_counters counters;
    broker_cluster_count_all(scene.cluster, SLUICE_BROKER_ANY, &counters);
    cr_assert_leq(counters.requests[3], 1);
    end(&scene);
}

Test(metadata_cluster, wrong_calls_are_refused_at_once) {
    struct scene scene = begin(5);
    sluice_error error;
    char name[300];
    memset(name, 'x', sizeof name);
    name[250] = '\0';
    const char *const names[] = {name, "", ".", "..", "a topic", "t\xc3\xb6pic", "a/b"};
    uint64_t before = rt_now(scene.world);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_assert_null(sluice_cluster_fetch(scene.producer, names[i], 1000, &error));
        cr_assert_eq(error.code, SLUICE_INVALID_TOPIC, "%s", names[i]);
        cr_assert_not_null(strstr(error.text, "topic name"), "%s", error.text);
    }
    cr_assert_eq(rt_now(scene.world), before);
    sluice_producer_close(scene.producer, 0);
    cr_assert_null(sluice_cluster_fetch(scene.producer, NULL, -1, &error));
    cr_assert_eq(error.code, SLUICE_CLOSED);
    end(&scene);
}

Test(metadata_cluster, no_memory_at_any_point_delays_or_is_told) {
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct scene scene = begin(6);
        sluice_error error;
        rt_sim_fail_memory(scene.world, nth);
        sluice_cluster *cluster = sluice_cluster_fetch(scene.producer, NULL, 20000, &error);
        rt_sim_fail_memory(scene.world, 0);
        cr_assert(cluster != NULL || error.code == SLUICE_NO_MEMORY, "failure %d: %s", (int)nth,
                  error.text);
        sluice_cluster_free(cluster);
        end(&scene);
    }
}
