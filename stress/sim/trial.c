/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/sim/trial.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "actors/input/input.h"
#include "actors/producer/producer.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
enum { BROKER_PORT = 9092, EVENTS_MAX = 20000000, FLUSH_MS = 20000 };

void trial_say(struct trial *trial, const char *format, ...) {
    if (trial->trace != NULL) {
        uint64_t now_ns = rt_now(trial->world);
        fprintf(trial->trace, "%" PRIu64 ".%09" PRIu64 " # ", now_ns / SECOND, now_ns % SECOND);
        va_list arguments;
        va_start(arguments, format);
        vfprintf(trial->trace, format, arguments);
        va_end(arguments);
        fputc('\n', trial->trace);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

/* In slices, so that a world that never comes to rest is noticed. */
static bool run_until(struct trial *trial, uint64_t deadline_ns) {
    while (rt_now(trial->world) < deadline_ns) {
        uint64_t slice_ns = rt_now(trial->world) + 10 * MS;
        rt_sim_run_until(trial->world, slice_ns < deadline_ns ? slice_ns : deadline_ns);
        if (rt_sim_events(trial->world) > EVENTS_MAX) {
            verdict_fail(&trial->verdict, "the world never comes to rest");
            return false;
        }
    }
    return true;
}

static bool run_for(struct trial *trial, uint64_t duration_ns) {
    return run_until(trial, rt_now(trial->world) + duration_ns);
}

/* ---- brokers --------------------------------------------------------------------------------- */

static void topics_declare(void *context) {
    struct trial *trial = context;
    for (unsigned i = 0; i < trial->plan->topic_count; i++) {
        if (!application_is_ghost(trial, i)) {
            sluice_code code = broker_cluster_topic_create(
                trial->cluster, application_topic_name(i), trial->plan->partition_counts[i]);
            if (code != SLUICE_OK) {
                verdict_fail(&trial->verdict, "topic %u: %s", i, sluice_code_name(code));
            }
        }
    }
}

static void brokers_start(struct trial *trial) {
    static const char *const hosts[PLAN_BROKERS] = {"one.kafka", "two.kafka", "three.kafka"};
    struct broker_listen listens[PLAN_BROKERS];
    for (unsigned i = 0; i < PLAN_BROKERS; i++) {
        trial->addresses[i] = (struct rt_address){
            .ip = {10, 0, 0, (uint8_t)(i + 1)}, .port = BROKER_PORT, .family = 4};
        listens[i] = (struct broker_listen){.address = trial->addresses[i], .host = hosts[i]};
        rt_sim_name(trial->world, hosts[i], &trial->addresses[i], 1);
    }
    trial->cluster = broker_cluster_create(trial->world, &trial->plan->brokers, listens);
    rt_sim_settle(trial->world);
    if (trial->plan->topics_declared && trial->plan->topics_at_ns == 0) {
        topics_declare(trial);
    } else if (trial->plan->topics_declared) {
        rt_sim_at(trial->world, trial->plan->topics_at_ns, topics_declare, trial);
    }
}

static void brokers_gone(void *context) {
    ((struct trial *)context)->cluster_gone = true;
}

static bool read_record(const sluice_broker_record *record, void *context) {
    ledger_found(context, record);
    return true;
}

static void logs_read(struct trial *trial) {
    for (unsigned topic = 0; topic < trial->plan->topic_count; topic++) {
        const char *name = application_topic_name(topic);
        uint32_t count = broker_cluster_partition_count(trial->cluster, name);
        if (count != 0 && count != trial->plan->partition_counts[topic]) {
            verdict_fail(&trial->verdict, "topic %u has %u partitions", topic, count);
        }
        for (int32_t partition = 0; partition < (int32_t)count; partition++) {
            struct ledger_reading reading = {
                .ledger = &trial->ledger, .topic = topic, .partition = partition};
            int64_t read =
                broker_cluster_read(trial->cluster, name, partition, 0, read_record, &reading);
            if (read < 0) {
                verdict_fail(&trial->verdict, "partition %d of topic %u cannot be read", partition,
                             topic);
            }
        }
    }
}

/* ---- producer -------------------------------------------------------------------------------- */

static void set(struct trial *trial, sluice_config *config, const char *name, int64_t value) {
    char text[32];
    sluice_error error;
    snprintf(text, sizeof(text), "%" PRId64, value);
    if (sluice_config_set(config, name, text, &error) != SLUICE_OK) {
        verdict_fail(&trial->verdict, "%s=%s: %s", name, text, error.text);
    }
}

static void set_text(struct trial *trial, sluice_config *config, const char *name,
                     const char *value) {
    sluice_error error;
    if (sluice_config_set(config, name, value, &error) != SLUICE_OK) {
        verdict_fail(&trial->verdict, "%s=%s: %s", name, value, error.text);
    }
}

static void take_reports(const sluice_report *reports, size_t count, void *context) {
    struct trial *trial = context;
    application_report(trial, reports, count);
    if (trial->plan->echoes && !trial->stopping && trial->records_left > 0) {
        application_echo(trial);
    }
    if (sluice_flush(trial->producer, 0) != SLUICE_IN_CALLBACK) {
        verdict_fail(&trial->verdict, "flush is not refused in a callback");
    }
}

static sluice_config *config_make(struct trial *trial) {
    const struct plan *plan = trial->plan;
    sluice_config *config = sluice_config_new();
    char linger[32];
    snprintf(linger, sizeof(linger), "%u.%03u", plan->linger_us / 1000, plan->linger_us % 1000);
    set_text(trial, config, "linger.ms", linger);
    set_text(trial, config, "bootstrap.servers", "one.kafka:9092,two.kafka:9092,10.0.0.3:9092");
    set_text(trial, config, "enable.idempotence", plan->idempotent ? "true" : "false");
    set_text(trial, config, "compression.type", plan->gzip ? "gzip" : "none");
    set(trial, config, "acks", plan->acks);
    set(trial, config, "max.in.flight.requests.per.connection", plan->in_flight);
    set(trial, config, "batch.size", plan->batch_size);
    set(trial, config, "buffer.memory", (int64_t)plan->buffer_memory);
    set(trial, config, "request.timeout.ms", plan->request_timeout_ms);
    set(trial, config, "delivery.timeout.ms", plan->delivery_timeout_ms);
    set(trial, config, "socket.connection.setup.timeout.ms", plan->request_timeout_ms);
    set(trial, config, "socket.connection.setup.timeout.max.ms", plan->request_timeout_ms);
    set(trial, config, "retries", plan->retries);
    set(trial, config, "retry.backoff.ms", plan->retry_backoff_ms);
    set(trial, config, "metadata.max.age.ms", plan->metadata_age_ms);
    set(trial, config, "connections.max.idle.ms", plan->idle_ms);
    set(trial, config, "sluice.sticky.bytes", plan->sticky_bytes);
    if (plan->by_callback) {
        sluice_config_set_report_callback(config, take_reports, trial);
    }
    return config;
}

static bool producer_start(struct trial *trial) {
    sluice_config *config = config_make(trial);
    sluice_error error = {0};
    trial->producer = producer_open_in(trial->world, config, &error);
    sluice_config_free(config);
    if (trial->producer == NULL) {
        verdict_fail(&trial->verdict, "open: %s", error.text);
        return false;
    }
    const sluice_topic_options options = {
        .partitioner = trial->plan->own_partitioner ? plan_partitioner : NULL};
    for (unsigned i = 0; i < trial->plan->topic_count; i++) {
        trial->topics[i] =
            sluice_topic_open(trial->producer, application_topic_name(i), &options, &error);
        if (trial->topics[i] == NULL) {
            verdict_fail(&trial->verdict, "topic %u: %s", i, error.text);
            return false;
        }
    }
    return true;
}

static void check_status(struct trial *trial) {
    sluice_status status;
    sluice_producer_status(trial->producer, &status);
    trial->retried = status.batches_retried;
    const struct ledger *ledger = &trial->ledger;
    if (status.records_accepted != ledger->accepted ||
        status.records_persisted != ledger->outcomes[SLUICE_PERSISTED] ||
        status.records_not_persisted != ledger->outcomes[SLUICE_NOT_PERSISTED] ||
        status.records_unknown != ledger->outcomes[SLUICE_UNKNOWN]) {
        verdict_fail(&trial->verdict,
                     "the status counts %" PRIu64 " accepted, %" PRIu64 " + %" PRIu64 " + %" PRIu64
                     " decided; the reports %" PRIu64 ", %" PRIu64 " + %" PRIu64 " + %" PRIu64,
                     status.records_accepted, status.records_persisted,
                     status.records_not_persisted, status.records_unknown, ledger->accepted,
                     ledger->outcomes[SLUICE_PERSISTED], ledger->outcomes[SLUICE_NOT_PERSISTED],
                     ledger->outcomes[SLUICE_UNKNOWN]);
    }
    if (status.bytes_used != 0 || status.reports_waiting != 0) {
        verdict_fail(&trial->verdict, "%" PRIu64 " bytes in use, %" PRIu64 " reports left",
                     status.bytes_used, status.reports_waiting);
    }
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* After all trouble: once around for what is out of date, then records that must arrive. */
static void recover(struct trial *trial) {
    const struct plan *plan = trial->plan;
    uint64_t calm_ns = (2 * plan->request_timeout_ms + 5000) * MS;
    bool patient = plan->retries >= 3;
    if (!run_for(trial, calm_ns)) {
        return;
    }
    application_last_wave(trial, 1, false);
    if (!run_for(trial, calm_ns)) {
        return;
    }
    application_last_wave(trial, 2, patient && !plan->purges);
    /* Records of a topic that is never there wait for their time to be up. */
    int64_t timeout_ms = FLUSH_MS + (plan->ghost_topic ? plan->delivery_timeout_ms : 0);
    sluice_code code = sluice_flush(trial->producer, timeout_ms);
    if (code != SLUICE_OK) {
        verdict_fail(&trial->verdict, "flush after all trouble: %s", sluice_code_name(code));
    }
}

static void close_producer(struct trial *trial) {
    const struct plan *plan = trial->plan;
    int64_t timeout_ms = plan->abrupt ? (int64_t)rt_sim_choose(trial->world, 500) : 60000;
    uint64_t began_ns = rt_now(trial->world);
    trial_say(trial, "close within %" PRId64 " ms", timeout_ms);
    sluice_code code = sluice_producer_close(trial->producer, timeout_ms);
    uint64_t took_ms = (rt_now(trial->world) - began_ns) / MS;
    uint64_t late_ms = plan_has(plan, TROUBLE_MEMORY) ? 500 : 50; /* without, it tries again */
    if (took_ms > (uint64_t)timeout_ms + late_ms) {
        verdict_fail(&trial->verdict, "close took %" PRIu64 " of %" PRId64 " ms", took_ms,
                     timeout_ms);
    }
    if (code != SLUICE_OK && !(plan->abrupt && code == SLUICE_TIMED_OUT)) {
        verdict_fail(&trial->verdict, "close: %s", sluice_code_name(code));
    }
    application_poll(trial);
}

static void produce_and_suffer(struct trial *trial) {
    const struct plan *plan = trial->plan;
    trouble_start(trial);
    application_start(trial);
    uint64_t active_ns = plan->active_ns;
    if (plan->abrupt) {
        active_ns = rt_sim_choose(trial->world, active_ns);
    }
    bool rests = run_for(trial, active_ns);
    trial->stopping = true;
    if (rests && !plan->abrupt) {
        trial_say(trial, "all trouble ends");
        trouble_end(trial);
        recover(trial);
    }
}

static void finish(struct trial *trial) {
    close_producer(trial);
    /* Who is inside a call that waits leaves it; no request is left that reads a batch's bytes. */
    run_for(trial, 3 * SECOND + trial->plan->request_timeout_ms * MS);
    if (trial->threads_inside > 0) {
        verdict_fail(&trial->verdict, "%u threads still wait although the producer is closed",
                     trial->threads_inside);
        return;
    }
    check_status(trial);
    application_end_threads(trial, rt_sim_choose(trial->world, 2) == 0);
    trial_say(trial, "free");
    sluice_producer_free(trial->producer);
    trial->producer = NULL;
    trouble_end(trial);
    run_for(trial, 20 * SECOND); /* what is still on its way arrives */
    logs_read(trial);
    ledger_close(&trial->ledger);
}

static void result_fill(struct trial *trial, struct trial_result *result) {
    sluice_broker_counters counters;
    broker_cluster_count_all(trial->cluster, SLUICE_BROKER_ANY, &counters);
    *result = (struct trial_result){
        .failures = trial->verdict.failures,
        .trace_hash = rt_sim_trace_hash(trial->world),
        .events = rt_sim_events(trial->world),
        .virtual_ns = rt_now(trial->world),
        .accepted = trial->ledger.accepted,
        .persisted = trial->ledger.outcomes[SLUICE_PERSISTED],
        .not_persisted = trial->ledger.outcomes[SLUICE_NOT_PERSISTED],
        .unknown = trial->ledger.outcomes[SLUICE_UNKNOWN],
        .duplicates = counters.duplicates,
        .full = trial->calls_full,
        .retried = trial->retried,
    };
}

static void cover(const struct ledger *ledger, struct trial_coverage *coverage) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        const struct ledger_entry *entry = ledger->entries[i];
        int64_t index = (int64_t)entry->report.last_error - COVERAGE_LOWEST;
        if (entry->reports > 0 && index >= 0 && index < 2048) {
            coverage->errors[index]++;
        }
    }
}

bool trial_run(const struct plan *plan, FILE *trace, struct trial_result *result,
               struct trial_coverage *coverage) {
    struct trial *trial = calloc(1, sizeof(*trial));
    struct rt_sim_options options = plan->world;
    options.thread_end = input_thread_end;
    trial->plan = plan;
    ledger_init(&trial->ledger, plan, &trial->verdict);
    trial->world = rt_sim_create(&options);
    rt_sim_spare_memory(trial->world, "broker");
    rt_sim_trace(trial->world, trace);
    trial->trace = trace;
    brokers_start(trial);
    if (producer_start(trial)) {
        produce_and_suffer(trial);
        finish(trial);
    }
    result_fill(trial, result);
    bool passed = trial->verdict.failures == 0;
    verdict_print(&trial->verdict);
    broker_cluster_stop(trial->cluster, brokers_gone, trial);
    run_for(trial, 10 * SECOND);
    if (trial->producer == NULL && trial->cluster_gone) {
        rt_world_destroy(
            trial->world); /* asserts that every actor has gone and every byte is back */
    } else {
        fprintf(stderr, "  the brokers or the producer did not end\n");
        passed = false;
    }
    cover(&trial->ledger, coverage);
    ledger_deinit(&trial->ledger);
    free(trial);
    return passed;
}
