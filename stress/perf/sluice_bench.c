/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workload of load.h through Sluice, linked to the shared library, as users link it. */
#include <sluice/sluice.h>
#include <stdio.h>

#include "stress/perf/load.h"

enum { REPORTS_AT_ONCE = 1024 };

static sluice_producer *producer;
static sluice_topic *topics[PERF_TOPICS_MAX];

static void set_option(sluice_config *config, const char *name, const char *value) {
    sluice_error error;
    if (sluice_config_set(config, name, value, &error) != SLUICE_OK)
        perf_give_up(name, error.text);
}

void client_open(const struct perf_load *load) {
    const struct perf_arguments *arguments = &load->arguments;
    sluice_config *config = sluice_config_new();
    sluice_error error;
    if (config == NULL)
        perf_give_up("open", "no memory");
    set_option(config, "bootstrap.servers", arguments->bootstrap);
    for (uint32_t i = 0; i < arguments->option_count; i++)
        set_option(config, arguments->option_names[i], arguments->option_values[i]);
    producer = sluice_producer_open(config, &error);
    if (producer == NULL)
        perf_give_up("open", error.text);
    for (uint32_t i = 0; i < arguments->topic_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "t%u", i);
        topics[i] = sluice_topic_open(producer, name, NULL, &error);
        if (topics[i] == NULL)
            perf_give_up(name, error.text);
    }
    sluice_config_free(config);
}

static inline sluice_record make_record(const struct perf_load *load, uint64_t index,
                                        const uint8_t *key) {
    const struct perf_value *value = perf_payload_value(&load->payload, index);
    sluice_record record = {.value = value->bytes, .value_size = value->size};
    if (load->arguments.keyed) {
        record.key = key;
        record.key_size = PERF_KEY_BYTES;
    }
    return record;
}

bool client_produce(const struct perf_load *load, uint64_t index, uint32_t topic, int32_t partition,
                    void *opaque) {
    uint8_t key[PERF_KEY_BYTES];
    perf_key_write(key, index);
    sluice_record record = make_record(load, index, key);
    record.opaque = opaque;
    if (partition >= 0) {
        record.partition = partition;
        record.flags = SLUICE_RECORD_PARTITION;
    }
    sluice_code code = sluice_produce(topics[topic], &record);
    if (code == SLUICE_OK)
        return true;
    if (code != SLUICE_FULL && code != SLUICE_PARTITION_FULL && code != SLUICE_REPORTS_WAITING)
        perf_give_up("produce", sluice_code_text(code));
    return false;
}

void client_poll(struct perf_thread *thread, int timeout_ms) {
    sluice_report reports[REPORTS_AT_ONCE];
    size_t count = REPORTS_AT_ONCE;
    while (count == REPORTS_AT_ONCE) {
        count = sluice_poll(producer, reports, REPORTS_AT_ONCE, timeout_ms);
        timeout_ms = 0;
        int64_t now_ns = count > 0 ? perf_now_ns() : 0;
        for (size_t i = 0; i < count; i++) {
            if (reports[i].error != SLUICE_OK)
                perf_give_up("report", sluice_code_text(reports[i].error));
            perf_report(thread, reports[i].opaque, now_ns);
        }
    }
}

void client_produce_and_wait(const struct perf_load *load, uint64_t index) {
    uint8_t key[PERF_KEY_BYTES];
    perf_key_write(key, index);
    sluice_record record = make_record(load, index, key);
    sluice_report report;
    sluice_topic *topic = topics[index % load->arguments.topic_count];
    sluice_code code = sluice_produce_sync(topic, &record, -1, &report);
    if (code != SLUICE_OK || report.error != SLUICE_OK)
        perf_give_up("produce", sluice_code_text(code != SLUICE_OK ? code : report.error));
}

void client_flush(struct perf_thread *thread) {
    while (sluice_flush(producer, 100) == SLUICE_TIMED_OUT)
        client_poll(thread, 0);
    client_poll(thread, 0);
}

void client_close(void) {
    sluice_producer_free(producer); /* topics go with it */
}
