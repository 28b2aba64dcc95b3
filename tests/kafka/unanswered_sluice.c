/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/kafka/unanswered.h"
#include <sluice/sluice.h>

const char peer_name[] = "sluice";
static sluice_producer *producers[PRODUCERS];
static sluice_topic *topics[PRODUCERS];
static const char *const outcome_names[] = {"none", "persisted", "failed", "unknown"};

static void set(sluice_config *config, const char *name, const char *value) {
    sluice_error error;
    if (sluice_config_set(config, name, value, &error) != SLUICE_OK)
        give_up(name, error.text);
}

static void tell_log(sluice_log_level level, const char *facility, const char *text,
                     void *context) {
    fprintf(stderr, "%s %d %s: %s\n", (const char *)context, level, facility, text);
}

void peer_open(int producer, const char *bootstrap, const char *client_id, const char *topic) {
    static char names[PRODUCERS][40];
    snprintf(names[producer], sizeof(names[producer]), "%s", client_id);
    sluice_error error;
    sluice_config *config = sluice_config_new();
    if (config == NULL)
        give_up("configuration", "no memory");
    set(config, "bootstrap.servers", bootstrap);
    set(config, "client.id", client_id);
    set(config, "linger.ms", "20");
    sluice_config_set_log_callback(config, tell_log, names[producer]);
    producers[producer] = sluice_producer_open(config, &error);
    if (producers[producer] == NULL)
        give_up("open", error.text);
    sluice_config_free(config);
    topics[producer] = sluice_topic_open(producers[producer], topic, NULL, &error);
    if (topics[producer] == NULL)
        give_up(topic, error.text);
}

void peer_produce(int producer, int32_t partition, int index, const char *value) {
    sluice_record record = {.value = value,
                            .value_size = strlen(value),
                            .opaque = (void *)(intptr_t)index,
                            .partition = partition,
                            .flags = SLUICE_RECORD_PARTITION};
    sluice_code code = sluice_produce(topics[producer], &record);
    if (code != SLUICE_OK)
        note_outcome(producer, index, "refused", sluice_code_name(code));
}

static void take_reports(int producer) {
    sluice_report reports[64];
    size_t count;
    while ((count = sluice_poll(producers[producer], reports, 64, 0)) > 0) {
        for (size_t i = 0; i < count; i++)
            note_outcome(producer, (int)(intptr_t)reports[i].opaque,
                         outcome_names[reports[i].outcome],
                         sluice_code_name(reports[i].last_error));
    }
}

void peer_wait(int producer) {
    if (sluice_flush(producers[producer], WAIT_MS_MAX) != SLUICE_OK)
        fprintf(stderr, "%s-%d: flush timed out\n", peer_name, producer + 1);
    take_reports(producer);
}

void peer_close(int producer) {
    sluice_producer_close(producers[producer], 1000);
    take_reports(producer);
    sluice_topic_close(topics[producer]);
    sluice_producer_free(producers[producer]);
}
