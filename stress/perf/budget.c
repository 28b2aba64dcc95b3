/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A workload in the simulator, for budget.py to count its instructions: a producer against an
 * embedded broker that keeps nothing but offsets, in one thread and virtual time. The same words
 * give the same instructions, whatever the machine is busy with.
 *
 *   perf_budget WORKLOAD RECORDS
 *
 * Records come in bursts, one each virtual millisecond, so that batches form as they do in a
 * service; after each burst the reports that wait are taken. Prints what made the figures: the
 * compiler, and what came of the records.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/input/input.h"
#include "actors/producer/producer.h"
#include "broker/cluster.h"
#include "runtime/sim.h"
#include "stress/perf/payload.h"
#include "stress/perf/perf.h"

#define MS UINT64_C(1000000)
enum { TOPICS_MAX = 100, VALUE_BYTES_MAX = 1024, REPORTS_AT_ONCE = 1024, TURN_MESSAGES_MAX = 127 };

struct workload {
    const char *name;
    uint32_t value_bytes;
    uint32_t topics;
    uint32_t partitions; /* of each */
    uint32_t burst;      /* records each millisecond; 0: one at a time, its report awaited */
    bool keyed;
};

static const struct workload workloads[] = {
    {"no-key", 100, 1, 4, 500, false},        {"keyed", 100, 1, 4, 500, true},
    {"1KB", 1024, 1, 4, 200, false},          {"topics", 100, 100, 4, 2000, true},
    {"partitions", 100, 1, 1000, 2000, true}, {"one-at-a-time", 100, 1, 4, 0, false},
};

struct trial {
    const struct workload *workload;
    struct rt_world *world;
    struct broker_cluster *cluster;
    sluice_producer *producer;
    sluice_topic *topics[TOPICS_MAX];
    uint64_t produced, reported;
    uint8_t value[VALUE_BYTES_MAX];
    uint8_t key[PERF_KEY_BYTES];
    sluice_report reports[REPORTS_AT_ONCE];
};

static void expect(sluice_code code, const char *what) {
    if (code != SLUICE_OK)
        perf_give_up(what, sluice_code_text(code));
}

/* ---- the world ------------------------------------------------------------------------------- */

static void world_open(struct trial *trial) {
    struct rt_sim_options options = {.seed = 1,
                                     .wall_start_ms = 1700000000000,
                                     .delay_min_ns = 50000,
                                     .delay_max_ns = 200000,
                                     .budget_max = TURN_MESSAGES_MAX, /* the mean as in threads */
                                     .socket_buffer_bytes = 1 << 20,
                                     .thread_end = input_thread_end};
    sluice_broker_options brokers = {.discard = true,
                                     .partition_count = trial->workload->partitions};
    struct broker_listen listen = {.address = {.ip = {10, 0, 0, 1}, .port = 9092, .family = 4}};
    trial->world = rt_sim_create(&options);
    trial->cluster = broker_cluster_create(trial->world, &brokers, &listen);
    if (trial->cluster == NULL)
        perf_give_up("broker", "no memory");
    rt_sim_settle(trial->world);
}

static void producer_open(struct trial *trial) {
    sluice_error error = {0};
    sluice_config *config = sluice_config_new();
    expect(sluice_config_set(config, "bootstrap.servers", "10.0.0.1:9092", &error), "config");
    trial->producer = producer_open_in(trial->world, config, &error);
    sluice_config_free(config);
    if (trial->producer == NULL)
        perf_give_up("open", error.text);
    for (uint32_t i = 0; i < trial->workload->topics; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%" PRIu32, i);
        trial->topics[i] = sluice_topic_open(trial->producer, name, NULL, &error);
        if (trial->topics[i] == NULL)
            perf_give_up(name, error.text);
    }
}

static void close_all(struct trial *trial) {
    sluice_producer_free(trial->producer);
    broker_cluster_stop(trial->cluster, NULL, NULL);
    rt_sim_run_until(trial->world, rt_now(trial->world) + 1000 * MS);
    rt_world_destroy(trial->world);
}

/* ---- records --------------------------------------------------------------------------------- */

static sluice_record next_record(struct trial *trial) {
    sluice_record record = {.value = trial->value, .value_size = trial->workload->value_bytes};
    if (trial->workload->keyed) {
        perf_key_write(trial->key, trial->produced);
        record.key = trial->key;
        record.key_size = PERF_KEY_BYTES;
    }
    return record;
}

static sluice_topic *next_topic(const struct trial *trial) {
    return trial->topics[trial->produced % trial->workload->topics];
}

static void take(struct trial *trial, size_t count) {
    for (size_t i = 0; i < count; i++)
        expect(trial->reports[i].error, "report");
    trial->reported += count;
}

static void poll_all(struct trial *trial) {
    size_t count;
    do {
        count = sluice_poll(trial->producer, trial->reports, REPORTS_AT_ONCE, 0);
        take(trial, count);
    } while (count == REPORTS_AT_ONCE);
}

static void produce_in_bursts(struct trial *trial, uint64_t end) {
    while (trial->produced < end) {
        for (uint32_t i = 0; i < trial->workload->burst && trial->produced < end; i++) {
            sluice_record record = next_record(trial);
            expect(sluice_produce(next_topic(trial), &record), "produce");
            trial->produced++;
        }
        rt_sim_run_until(trial->world, rt_now(trial->world) + MS);
        poll_all(trial);
    }
}

static void produce_one_at_a_time(struct trial *trial, uint64_t end) {
    for (; trial->produced < end; trial->produced++) {
        sluice_record record = next_record(trial);
        expect(sluice_produce_sync(next_topic(trial), &record, -1, &trial->reports[0]), "produce");
        take(trial, 1);
    }
}

static void flush(struct trial *trial) {
    expect(sluice_flush(trial->producer, -1), "flush");
    poll_all(trial);
    if (trial->reported != trial->produced)
        perf_give_up("reports", "are missing");
}

/* One record to each topic goes ahead, so that what is known of it is there. */
static void produce(struct trial *trial, uint64_t records) {
    for (; trial->produced < trial->workload->topics; trial->produced++) {
        sluice_record record = next_record(trial);
        expect(sluice_produce(next_topic(trial), &record), "produce");
    }
    flush(trial);
    if (trial->workload->burst > 0)
        produce_in_bursts(trial, trial->produced + records);
    else
        produce_one_at_a_time(trial, trial->produced + records);
    flush(trial);
}

static void print(struct trial *trial) {
    sluice_status status;
    sluice_producer_status(trial->producer, &status);
    printf("{\"compiler\":\"%s %s\",\"records\":%" PRIu64 ",\"batches\":%" PRIu64
           ",\"requests\":%" PRIu64 "}\n",
#ifdef __clang__
           "clang",
#else
           "gcc",
#endif
           __VERSION__, status.records_persisted, status.batches_sent, status.requests_sent);
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct workload *workload_find(const char *name) {
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    }
    perf_give_up(name, "is no workload");
}

int main(int count, char **words) {
    static struct trial trial;
    if (count != 3)
        perf_give_up("usage", "perf_budget WORKLOAD RECORDS");
    trial.workload = workload_find(words[1]);
    memset(trial.value, 'v', sizeof(trial.value));
    world_open(&trial);
    producer_open(&trial);
    produce(&trial, strtoull(words[2], NULL, 10));
    print(&trial);
    close_all(&trial);
    return 0;
}
