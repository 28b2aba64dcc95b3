/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One producer of a trial: configured, opened, looked at, closed. */
#include <inttypes.h>
#include <string.h>

#include "actors/producer/producer.h"
#include "stress/sim/trial.h"

#define MS UINT64_C(1000000)

static void set(struct client *client, sluice_config *config, const char *name, int64_t value) {
    char text[32];
    sluice_error error;
    snprintf(text, sizeof(text), "%" PRId64, value);
    if (sluice_config_set(config, name, text, &error) != SLUICE_OK) {
        verdict_fail(&client->trial->verdict, "%s=%s: %s", name, text, error.text);
    }
}

static void set_text(struct client *client, sluice_config *config, const char *name,
                     const char *value) {
    sluice_error error;
    if (sluice_config_set(config, name, value, &error) != SLUICE_OK) {
        verdict_fail(&client->trial->verdict, "%s=%s: %s", name, value, error.text);
    }
}

static void take_reports(const sluice_report *reports, size_t count, void *context) {
    struct client *client = context;
    application_report(client, reports, count);
    if (client->plan->echoes && !client->stopping && client->records_left > 0) {
        application_echo(client);
    }
    if (sluice_flush(client->producer, 0) != SLUICE_IN_CALLBACK) {
        verdict_fail(&client->trial->verdict, "flush is not refused in a callback");
    }
}

static void set_bootstrap(struct client *client, sluice_config *config) {
    static const char *const all[] = {"", "one.kafka:9092", "one.kafka:9092,10.0.0.2:9092",
                                      "one.kafka:9092,two.kafka:9092,10.0.0.3:9092"};
    uint32_t count = client->trial->plan->brokers.broker_count;
    count = client->plan->one_bootstrap ? 1 : count < 3 ? count : 3;
    set_text(client, config, "bootstrap.servers", all[count]);
}

static sluice_config *config_make(struct client *client) {
    const struct plan_client *plan = client->plan;
    sluice_config *config = sluice_config_new();
    char linger[32];
    snprintf(linger, sizeof(linger), "%u.%03u", plan->linger_us / 1000, plan->linger_us % 1000);
    set_bootstrap(client, config);
    set_text(client, config, "linger.ms", linger);
    set_text(client, config, "enable.idempotence", plan->idempotent ? "true" : "false");
    set_text(client, config, "compression.type", plan->gzip ? "gzip" : "none");
    set_text(client, config, "sluice.callback.thread",
             plan->callback_on_worker ? "worker" : "poll");
    set(client, config, "acks", plan->acks);
    if (plan->in_flight > 0) {
        set(client, config, "max.in.flight.requests.per.connection", plan->in_flight);
    }
    set(client, config, "batch.size", plan->batch_size);
    set(client, config, "buffer.memory", (int64_t)plan->buffer_memory);
    set(client, config, "request.timeout.ms", plan->request_timeout_ms);
    set(client, config, "delivery.timeout.ms", plan->delivery_timeout_ms);
    set(client, config, "socket.connection.setup.timeout.ms", plan->request_timeout_ms);
    set(client, config, "socket.connection.setup.timeout.max.ms", plan->request_timeout_ms);
    set(client, config, "retries", plan->retries);
    set(client, config, "retry.backoff.ms", plan->retry_backoff_ms);
    set(client, config, "retry.backoff.max.ms", plan->retry_backoff_max_ms);
    set(client, config, "reconnect.backoff.ms", plan->reconnect_backoff_ms);
    set(client, config, "metadata.max.age.ms", plan->metadata_age_ms);
    set(client, config, "connections.max.idle.ms", plan->idle_ms);
    set(client, config, "sluice.sticky.bytes", plan->sticky_bytes);
    if (plan->by_callback) {
        sluice_config_set_report_callback(config, take_reports, client);
    }
    return config;
}

bool client_open(struct client *client) {
    struct trial *trial = client->trial;
    sluice_config *config = config_make(client);
    sluice_error error = {0};
    client->producer = producer_open_in(trial->world, config, &error);
    sluice_config_free(config);
    if (client->producer == NULL) {
        verdict_fail(&trial->verdict, "open: %s", error.text);
        return false;
    }
    const sluice_topic_options options = {
        .partitioner = client->plan->own_partitioner ? plan_partitioner : NULL};
    for (unsigned i = 0; i < trial->plan->topic_count; i++) {
        client->topics[i] =
            sluice_topic_open(client->producer, brokers_topic_name(i), &options, &error);
        if (client->topics[i] == NULL) {
            verdict_fail(&trial->verdict, "topic %u: %s", i, error.text);
            return false;
        }
    }
    return true;
}

/* What the book says of one client. */
static void book_count(struct client *client, uint64_t *accepted, uint64_t outcomes[4]) {
    const struct ledger *ledger = &client->trial->ledger;
    for (uint64_t i = 0; i < ledger->count; i++) {
        const struct ledger_entry *entry = ledger->entries[i];
        if (entry->client == client->index) {
            *accepted += entry->accepted;
            outcomes[entry->report.outcome & 3] += entry->reports > 0;
        }
    }
}

void client_check_status(struct client *client) {
    struct verdict *verdict = &client->trial->verdict;
    sluice_status status;
    sluice_producer_status(client->producer, &status);
    client->retried = status.batches_retried;
    uint64_t accepted = 0, outcomes[4] = {0};
    book_count(client, &accepted, outcomes);
    if (status.records_accepted != accepted ||
        status.records_persisted != outcomes[SLUICE_PERSISTED] ||
        status.records_not_persisted != outcomes[SLUICE_NOT_PERSISTED] ||
        status.records_unknown != outcomes[SLUICE_UNKNOWN]) {
        verdict_fail(
            verdict,
            "client %u: the status counts %" PRIu64 " accepted, %" PRIu64 " + %" PRIu64
            " + %" PRIu64 " decided; the reports %" PRIu64 ", %" PRIu64 " + %" PRIu64 " + %" PRIu64,
            client->index, status.records_accepted, status.records_persisted,
            status.records_not_persisted, status.records_unknown, accepted,
            outcomes[SLUICE_PERSISTED], outcomes[SLUICE_NOT_PERSISTED], outcomes[SLUICE_UNKNOWN]);
    }
    if (status.bytes_used != 0 || status.reports_waiting != 0) {
        verdict_fail(verdict, "client %u: %" PRIu64 " bytes in use, %" PRIu64 " reports left",
                     client->index, status.bytes_used, status.reports_waiting);
    }
}

void client_sample(struct client *client) {
    if (client->producer == NULL) {
        return;
    }
    sluice_status status;
    sluice_producer_status(client->producer, &status);
    if (status.bytes_used > client->plan->buffer_memory) {
        verdict_fail(&client->trial->verdict, "client %u uses %" PRIu64 " bytes of %" PRIu64,
                     client->index, status.bytes_used, client->plan->buffer_memory);
    }
    enum { COUNTERS_ONCE_IN = 128 };
    if (client->samples++ % COUNTERS_ONCE_IN == 0) {
        client_check_counters(client, false);
    }
}

void client_close(struct client *client, int64_t timeout_ms) {
    struct trial *trial = client->trial;
    uint64_t began_ns = rt_now(trial->world);
    trial_say(trial, "client %u closes within %" PRId64 " ms", client->index, timeout_ms);
    sluice_code code = sluice_producer_close(client->producer, timeout_ms);
    uint64_t took_ms = (rt_now(trial->world) - began_ns) / MS;
    /* Without memory for the message it tries again. */
    uint64_t late_ms = plan_has(trial->plan, TROUBLE_MEMORY) ? 500 : 50;
    if (took_ms > (uint64_t)timeout_ms + late_ms) {
        verdict_fail(&trial->verdict, "close took %" PRIu64 " of %" PRId64 " ms", took_ms,
                     timeout_ms);
    }
    if (code != SLUICE_OK && !(client->plan->abrupt && code == SLUICE_TIMED_OUT)) {
        verdict_fail(&trial->verdict, "close: %s", sluice_code_name(code));
    }
    client->closed = true;
    application_poll(client, &client->closer.random);
}
