/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/sim/trial.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "actors/input/input.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
enum { EVENTS_MAX = 20000000, FLUSH_MS = 20000, MAIN_THREAD = 60 };

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

/* ---- phases ---------------------------------------------------------------------------------- */

static void each_client(struct trial *trial, void (*call)(struct client *client)) {
    for (unsigned i = 0; i < trial->plan->client_count; i++) {
        call(&trial->clients[i]);
    }
}

static uint32_t request_timeout_ms(const struct plan *plan) {
    uint32_t longest_ms = 0;
    for (unsigned i = 0; i < plan->client_count; i++) {
        uint32_t timeout_ms = plan->clients[i].request_timeout_ms;
        longest_ms = timeout_ms > longest_ms ? timeout_ms : longest_ms;
    }
    return longest_ms;
}

static void wave_that_may_fail(struct client *client) {
    if (!client->plan->abrupt) {
        application_last_wave(client, 1, false);
    }
}

static void wave_that_must_arrive(struct client *client) {
    const struct plan_client *plan = client->plan;
    if (!plan->abrupt) {
        application_last_wave(client, 2, plan->retries >= 3 && !plan->purges);
    }
}

static void flush_all(struct client *client) {
    struct trial *trial = client->trial;
    if (client->plan->abrupt) {
        return;
    }
    /* Records of a topic that is never there wait for their time to be up. */
    int64_t timeout_ms =
        FLUSH_MS + (trial->plan->ghost_topic ? client->plan->delivery_timeout_ms : 0);
    sluice_code code = sluice_flush(client->producer, timeout_ms);
    if (code != SLUICE_OK) {
        verdict_fail(&trial->verdict, "client %u: flush after all trouble: %s", client->index,
                     sluice_code_name(code));
    }
}

/* After all trouble: once around for what is out of date, then records that must arrive. */
/* A topic that was made again by brokers that tell no topic ids is believed only when several
 * answers in a row have said so, and nobody asks but for records that fail. */
static unsigned waves_that_may_fail(const struct plan *plan) {
    bool no_ids = plan->brokers.limit_count > 1 && plan->limits[1].version_max < PLAN_TELLS_IDS;
    return no_ids && plan_has(plan, TROUBLE_RECREATE) ? 6 : 1;
}

static void recover(struct trial *trial) {
    uint64_t calm_ns = (2 * request_timeout_ms(trial->plan) + 5000) * MS;
    if (!run_for(trial, calm_ns)) {
        return;
    }
    for (unsigned i = 0; i < waves_that_may_fail(trial->plan); i++) {
        each_client(trial, wave_that_may_fail);
        if (!run_for(trial, calm_ns)) {
            return;
        }
    }
    each_client(trial, wave_that_must_arrive);
    each_client(trial, flush_all);
}

static void stop(struct client *client) {
    client->stopping = true;
}

static bool all_are_abrupt(const struct plan *plan) {
    bool all = true;
    for (unsigned i = 0; i < plan->client_count; i++) {
        all = all && plan->clients[i].abrupt;
    }
    return all;
}

static void produce_and_suffer(struct trial *trial) {
    trouble_start(trial);
    each_client(trial, application_start);
    rt_sim_thread(trial->world, MAIN_THREAD);
    bool rests = run_for(trial, trial->plan->active_ns);
    each_client(trial, stop);
    if (rests && !all_are_abrupt(trial->plan)) {
        trial_say(trial, "all trouble ends");
        trouble_end(trial);
        recover(trial);
    }
}

static void close_patiently(struct client *client) {
    /* Records of a topic that is never there wait for their time to be up. */
    uint32_t ghost_ms = client->trial->plan->ghost_topic ? client->plan->delivery_timeout_ms : 0;
    if (!client->plan->abrupt) {
        client_close(client, 60000 + ghost_ms);
    }
}

/* Who is inside a call that waits has left it by now. */
static bool nobody_waits(struct trial *trial) {
    for (unsigned i = 0; i < trial->plan->client_count; i++) {
        const struct client *client = &trial->clients[i];
        if (client->threads_inside > 0 || !client->closed) {
            verdict_fail(&trial->verdict,
                         "client %u: %u threads still wait although the producer is closed", i,
                         client->threads_inside);
            return false;
        }
    }
    return true;
}

static void client_free(struct client *client) {
    struct trial *trial = client->trial;
    application_poll(client, &client->closer.random);
    client_check_status(client);
    client_check_counters(client, true);
    application_end_threads(client, plan_choose(&client->closer.random, 2) == 0);
    trial_say(trial, "client %u is freed", client->index);
    sluice_producer_free(client->producer);
    client->producer = NULL;
}

static void finish(struct trial *trial) {
    each_client(trial, close_patiently);
    /* No request is left then that reads a batch's bytes. */
    run_for(trial, 3 * SECOND + request_timeout_ms(trial->plan) * MS);
    if (!nobody_waits(trial)) {
        return;
    }
    each_client(trial, client_free);
    trouble_end(trial);
    run_for(trial, 20 * SECOND); /* what is still on its way arrives */
    brokers_read_all(trial);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The network loses bytes and changes none: what a broker cannot read was sent so. */
static void check_sent(struct trial *trial, const sluice_broker_counters *counters) {
    if (counters->requests_bad != 0 || counters->batches_damaged != 0) {
        verdict_fail(&trial->verdict,
                     "brokers met %" PRIu64 " unreadable requests and %" PRIu64 " damaged batches",
                     counters->requests_bad, counters->batches_damaged);
    }
}

static void result_fill(struct trial *trial, struct trial_result *result) {
    sluice_broker_counters counters;
    broker_cluster_count_all(trial->cluster, SLUICE_BROKER_ANY, &counters);
    check_sent(trial, &counters);
    *result = (struct trial_result){
        .trace_hash = rt_sim_trace_hash(trial->world),
        .events = rt_sim_events(trial->world),
        .virtual_ns = rt_now(trial->world),
        .accepted = trial->ledger.accepted,
        .persisted = trial->ledger.outcomes[SLUICE_PERSISTED],
        .not_persisted = trial->ledger.outcomes[SLUICE_NOT_PERSISTED],
        .unknown = trial->ledger.outcomes[SLUICE_UNKNOWN],
        .duplicates = counters.duplicates,
        .steps = trial->steps,
    };
    for (unsigned i = 0; i < trial->plan->client_count; i++) {
        result->full += trial->clients[i].full;
        result->retried += trial->clients[i].retried;
    }
}

static void cover(const struct trial *trial, struct trial_coverage *coverage) {
    for (uint64_t i = 0; i < trial->ledger.count; i++) {
        const struct ledger_entry *entry = trial->ledger.entries[i];
        int64_t index = (int64_t)entry->report.last_error - COVERAGE_LOWEST;
        if (entry->reports > 0 && index >= 0 && index < 2048) {
            coverage->errors[index]++;
        }
    }
    for (unsigned i = 0; i < trial->plan->event_count; i++) {
        coverage->troubles[trial->plan->events[i].kind] += !trial->plan->events[i].left_out;
    }
}

static void brokers_gone(void *context) {
    ((struct trial *)context)->cluster_gone = true;
}

static bool clients_open(struct trial *trial) {
    bool opened = true;
    for (unsigned i = 0; i < trial->plan->client_count; i++) {
        trial->clients[i] =
            (struct client){.trial = trial, .plan = &trial->plan->clients[i], .index = i};
        opened = opened && client_open(&trial->clients[i]);
    }
    return opened;
}

static bool clients_are_gone(const struct trial *trial) {
    bool gone = trial->cluster_gone;
    for (unsigned i = 0; i < trial->plan->client_count; i++) {
        gone = gone && trial->clients[i].producer == NULL;
    }
    return gone;
}

static struct trial *trial_begin(const struct plan *plan, FILE *trace) {
    struct trial *trial = calloc(1, sizeof(*trial));
    struct rt_sim_options options = plan->world;
    options.thread_end = input_thread_end;
    trial->plan = plan;
    ledger_init(&trial->ledger, plan, &trial->verdict);
    trial->world = rt_sim_create(&options);
    rt_sim_spare_memory(trial->world, "broker");
    rt_sim_trace(trial->world, trace);
    trial->trace = trace;
    return trial;
}

bool trial_run(const struct plan *plan, FILE *trace, struct trial_result *result,
               struct trial_coverage *coverage) {
    struct trial *trial = trial_begin(plan, trace);
    brokers_start(trial);
    if (clients_open(trial)) {
        produce_and_suffer(trial);
        finish(trial);
    }
    result_fill(trial, result);
    broker_cluster_stop(trial->cluster, brokers_gone, trial);
    run_for(trial, 10 * SECOND);
    if (clients_are_gone(trial)) {
        /* asserts that every actor has gone and every byte is back */
        rt_world_destroy(trial->world);
    } else {
        verdict_fail(&trial->verdict, "the brokers or the producer did not end");
    }
    cover(trial, coverage);
    trouble_forget(trial);
    result->verdict = trial->verdict;
    ledger_deinit(&trial->ledger);
    free(trial);
    return result->verdict.failures == 0;
}
