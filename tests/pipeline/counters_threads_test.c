/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters that are read all the time, on threads of their own, while everything is at work. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

#include "pipeline/json_path.h"

enum { PRODUCERS = 3, READERS = 2, RECORDS = 20000, PARTITIONS = 4, NODES = 3, TIMEOUT_MS = 60000 };
enum { TEXT_BYTES_MAX = 1 << 17 };

struct scene {
    sluice_broker *broker;
    sluice_producer *producer;
    sluice_topic *topic;
    _Atomic uint64_t reported;
    _Atomic bool done;
    _Atomic uint64_t looks;
};

static void count_reports(const sluice_report *reports, size_t count, void *context) {
    struct scene *scene = context;
    (void)reports;
    atomic_fetch_add(&scene->reported, count);
}

static void *produce_all(void *context) {
    struct scene *scene = context;
    for (uint32_t i = 0; i < RECORDS; i++) {
        sluice_record record = {.value = &i,
                                .value_size = sizeof i,
                                .partition = (int32_t)(i % PARTITIONS),
                                .flags = SLUICE_RECORD_PARTITION};
        cr_assert_eq(sluice_produce_wait(scene->topic, &record, TIMEOUT_MS), SLUICE_OK);
    }
    return NULL;
}

static const char *const growing[] = {
    "producer.records_accepted", "producer.records_persisted", "producer.runs",
    "total.records_sealed",      "total.batches_sealed",       "total.batches_sent",
    "total.requests_sent",       "total.wire_bytes_sent",      "total.bytes_received",
    "total.sealed_ns.count",     "total.sent_ns.sum",          "total.acknowledged_ns.count",
    "total.acknowledged_ns.max", "runtime.activations",        "runtime.parked_ns",
    "total.batches_sent_again"};
enum { GROWING = sizeof growing / sizeof growing[0] };

static void read_text(struct scene *scene, char *text) {
    size_t size = sluice_producer_counters(scene->producer, text, TEXT_BYTES_MAX);
    cr_assert_lt(size, TEXT_BYTES_MAX);
    cr_assert(json_is_valid(text), "%s", text);
}

static void *look_on(void *context) {
    struct scene *scene = context;
    static _Thread_local char text[TEXT_BYTES_MAX];
    uint64_t last[GROWING] = {0};
    while (!atomic_load(&scene->done)) {
        read_text(scene, text);
        for (unsigned i = 0; i < GROWING; i++) {
            bool found;
            uint64_t now = json_number_at(text, growing[i], &found);
            cr_assert(found && now >= last[i], "%s goes back", growing[i]);
            last[i] = now;
        }
        atomic_fetch_add(&scene->looks, 1);
    }
    return NULL;
}

static void scene_open(struct scene *scene) {
    sluice_error error = {0};
    scene->broker = sluice_broker_create(
        &(sluice_broker_options){.broker_count = NODES, .partition_count = PARTITIONS}, &error);
    cr_assert_not_null(scene->broker, "%s", error.text);
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers",
                                   sluice_broker_bootstrap(scene->broker), &error),
                 SLUICE_OK);
    cr_assert_eq(sluice_config_set(config, "linger.ms", "1", &error), SLUICE_OK);
    cr_assert_eq(sluice_config_set(config, "metadata.max.age.ms", "50", &error), SLUICE_OK);
    sluice_config_set_report_callback(config, count_reports, scene);
    scene->producer = sluice_producer_open(config, &error);
    sluice_config_free(config);
    cr_assert_not_null(scene->producer, "%s", error.text);
    scene->topic = sluice_topic_open(scene->producer, "orders", NULL, &error);
    cr_assert_not_null(scene->topic);
}

static void shake(struct scene *scene, int32_t round) {
    cr_assert(
        sluice_broker_wait_records(scene->broker, "orders", -1, 4000 * (int64_t)round, TIMEOUT_MS));
    int32_t node = 1 + round % NODES;
    if (round % 3 == 0) {
        cr_assert_eq(sluice_broker_kill(scene->broker, node), SLUICE_OK);
        cr_assert_eq(sluice_broker_restart(scene->broker, node, SLUICE_BROKER_KEEP_ALL), SLUICE_OK);
    } else {
        sluice_broker_leader_move(scene->broker, "orders", round % PARTITIONS, node);
    }
}

Test(counters, can_be_read_at_any_time) {
    struct scene scene = {.reported = 0};
    pthread_t producers[PRODUCERS], readers[READERS];
    scene_open(&scene);
    for (unsigned i = 0; i < READERS; i++) {
        cr_assert_eq(pthread_create(&readers[i], NULL, look_on, &scene), 0);
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        cr_assert_eq(pthread_create(&producers[i], NULL, produce_all, &scene), 0);
    }
    for (int32_t round = 1; round < 12; round++) {
        shake(&scene, round);
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i], NULL);
    }
    cr_assert_eq(sluice_producer_close(scene.producer, TIMEOUT_MS), SLUICE_OK);
    atomic_store(&scene.done, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    while (sluice_poll_callback(scene.producer, 0) > 0) {
    }
    static char text[TEXT_BYTES_MAX];
    read_text(&scene, text);
    cr_expect_eq(atomic_load(&scene.reported), PRODUCERS * RECORDS);
    cr_expect_eq(json_number_at(text, "producer.records_accepted", NULL), PRODUCERS * RECORDS);
    cr_expect_eq(json_number_at(text, "producer.records_persisted", NULL), PRODUCERS * RECORDS);
    cr_expect_eq(json_number_at(text, "total.records_sealed", NULL), PRODUCERS * RECORDS);
    cr_expect_eq(json_number_at(text, "total.acknowledged_ns.count", NULL),
                 json_number_at(text, "total.batches_sealed", NULL));
    cr_expect_gt(atomic_load(&scene.looks), 0);
    sluice_producer_free(scene.producer);
    sluice_broker_destroy(scene.broker);
}
