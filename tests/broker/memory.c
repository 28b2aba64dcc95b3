/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory runs short at each place in turn, in a build of the broker whose allocations come here:
 * nothing crashes or leaks, and what was said stays true. */
#include <stdlib.h>

#include "broker/cluster.h"
#include "broker/read.h"
#include "client.h"
#include "runtime/sim.h"
#include "test.h"
#include "visitor.h"

void *memory_malloc(size_t size);
void *memory_calloc(size_t count, size_t size);
void *memory_realloc(void *memory, size_t size);
char *memory_strdup(const char *text);

static uint64_t left; /* allocations that succeed before one fails, UINT64_MAX for all */
static bool failed_once;

static bool is_short(void) {
    if (left == UINT64_MAX) {
        return false;
    }
    if (left > 0) {
        left--;
        return false;
    }
    left = UINT64_MAX;
    failed_once = true;
    return true;
}
void *memory_malloc(size_t size) {
    return is_short() ? NULL : malloc(size);
}
void *memory_calloc(size_t count, size_t size) {
    return is_short() ? NULL : calloc(count, size);
}
void *memory_realloc(void *memory, size_t size) {
    return is_short() ? NULL : realloc(memory, size);
}
char *memory_strdup(const char *text) {
    return is_short() ? NULL : strdup(text);
}

/* The n-th allocation from now fails. */
static void fail_at(uint64_t n) {
    left = n;
    failed_once = false;
}
/* True when it came to that. */
static bool did_fail(void) {
    left = UINT64_MAX;
    return failed_once;
}

static struct sample gzip_sample(int32_t sequence) {
    return (struct sample){.count = 5, .producer_id = 7, .sequence = sequence, .codec = 1};
}

Test(broker_memory, a_batch_is_appended_and_known_or_neither) {
    bool failed = true;
    left = UINT64_MAX;
    for (uint64_t n = 0; failed; n++) {
        struct client client;
        client_init(&client, (sluice_broker_options){0}, 1);
        fail_at(n);
        struct answered answered = client_produce(&client, 0, gzip_sample(0));
        failed = did_fail();
        int64_t written = client_partition(&client, 0)->log.next_offset;
        cr_expect_eq(written, answered.error_code == SLUICE_OK || written != 0 ? 5 : 0);
        cr_expect_eq(client_produce(&client, 0, gzip_sample(0)).base_offset, 0);
        cr_expect_eq(client_produce(&client, 0, gzip_sample(5)).base_offset, 5);
        cr_expect_eq(client_partition(&client, 0)->log.next_offset, 10);
        client_deinit(&client);
        cr_assert_lt(n, 100);
    }
}

Test(broker_memory, a_model_a_topic_or_a_fault_is_there_or_not) {
    bool failed = true;
    left = UINT64_MAX;
    for (uint64_t n = 0; failed; n++) {
        struct broker_model model;
        struct broker_topic *topic = NULL;
        sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_COUNT);
        fault.topic = "t";
        fail_at(n);
        if (broker_model_init(&model, NULL)) {
            sluice_code code = broker_model_topic_create(&model, kafka_text_of("t"), 3, &topic);
            cr_expect_eq(code, topic == NULL ? SLUICE_NO_MEMORY : SLUICE_OK);
            uint64_t id = broker_faults_add(&model.faults, &fault);
            cr_expect_eq(model.faults.count, id == 0 ? 0 : 1);
            if (topic != NULL) {
                code = broker_model_topic_grow(&model, topic, 9);
                cr_expect_eq(topic->partition_count, code == SLUICE_OK ? 9 : 3);
            }
            broker_model_deinit(&model);
        }
        failed = did_fail();
        cr_assert_lt(n, 100);
    }
}

static bool take_record(const sluice_broker_record *record, void *context) {
    (void)record;
    return ++*(int *)context > 0;
}

Test(broker_memory, reading_back_fails_as_a_whole) {
    struct client client;
    left = UINT64_MAX;
    client_init(&client, (sluice_broker_options){0}, 1);
    cr_assert_eq(client_produce(&client, 0, gzip_sample(0)).error_code, SLUICE_OK);
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        int seen = 0;
        fail_at(n);
        struct broker_excerpt *excerpt = broker_excerpt_take(&client_partition(&client, 0)->log, 0);
        int64_t count = excerpt == NULL ? -1 : broker_excerpt_read(excerpt, 0, take_record, &seen);
        failed = did_fail();
        cr_expect_eq(count, failed ? -1 : 5);
        cr_assert_lt(n, 100);
    }
    client_deinit(&client);
}

/* True when an allocation failed. The client comes and goes until it was answered. */
static bool serve_with_failure_at(uint64_t n) {
    struct rt_sim_options options = {.seed = 5};
    struct broker_listen listen = {{{10, 0, 0, 1}, 9092, 4}, NULL};
    struct rt_world *world = rt_sim_create(&options);
    fail_at(n);
    struct broker_cluster *cluster = broker_cluster_create(world, NULL, &listen);
    if (cluster == NULL) {
        rt_world_destroy(world);
        return did_fail();
    }
    rt_sim_settle(world);
    struct client client;
    uint8_t frame[2048];
    struct made made = batch_make(NO_PRODUCER);
    unsigned answers = 0;
    for (int attempt = 0; attempt < 3 && answers == 0; attempt++) {
        struct visitor *visitor = calloc(1, sizeof *visitor);
        visitor_start(visitor, world, &listen.address);
        uint64_t armed = left;
        left = UINT64_MAX;
        client_init(&client, (sluice_broker_options){0}, 1);
        size_t size = produce_frame(&client, frame, sizeof frame, 0, -1, made.bytes, made.size);
        client_deinit(&client);
        left = armed;
        visitor_send(visitor, frame, size);
        rt_sim_run_until(world, rt_now(world) + 1000000000);
        answers = visitor_frames(visitor);
        visitor_leave(visitor);
        rt_sim_run_until(world, rt_now(world) + 1000000000);
        cr_assert(visitor->gone);
        free(visitor);
    }
    cr_expect_eq(answers, 1);
    broker_cluster_stop(cluster, NULL, NULL);
    rt_sim_run_until(world, rt_now(world) + 1000000000);
    rt_world_destroy(world);
    return did_fail();
}

Test(broker_memory, the_server_loses_a_connection_at_most) {
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        failed = serve_with_failure_at(n);
        cr_assert_lt(n, 100);
    }
}
