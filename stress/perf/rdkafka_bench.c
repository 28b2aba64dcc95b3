/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The workload of load.h through librdkafka. Payload copied; reports come through dr_msg_cb, in
 * rd_kafka_poll.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "stress/perf/load.h"

static rd_kafka_t *producer;
static rd_kafka_topic_t *topics[PERF_TOPICS_MAX];
static _Thread_local struct perf_thread *polling; /* whoever is inside rd_kafka_poll */
static _Thread_local bool answered;               /* of one record that is waited for */

static void take_report(rd_kafka_t *handle, const rd_kafka_message_t *message, void *context) {
    (void)handle;
    (void)context;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        perf_give_up("report", rd_kafka_err2str(message->err));
    if (polling == NULL)
        answered = true;
    else
        perf_report(polling, message->_private, message->_private != NULL ? perf_now_ns() : 0);
}

static void set_option(rd_kafka_conf_t *config, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(config, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        perf_give_up(name, error);
}

void client_open(const struct perf_load *load) {
    const struct perf_arguments *arguments = &load->arguments;
    rd_kafka_conf_t *config = rd_kafka_conf_new();
    set_option(config, "bootstrap.servers", arguments->bootstrap);
    for (uint32_t i = 0; i < arguments->option_count; i++)
        set_option(config, arguments->option_names[i], arguments->option_values[i]);
    rd_kafka_conf_set_dr_msg_cb(config, take_report);
    char error[256];
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, config, error, sizeof(error));
    if (producer == NULL)
        perf_give_up("open", error);
    for (uint32_t i = 0; i < arguments->topic_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "t%u", i);
        topics[i] = rd_kafka_topic_new(producer, name, NULL);
        if (topics[i] == NULL)
            perf_give_up(name, rd_kafka_err2str(rd_kafka_last_error()));
    }
}

bool client_produce(const struct perf_load *load, uint64_t index, uint32_t topic, int32_t partition,
                    void *opaque) {
    uint8_t key[PERF_KEY_BYTES];
    perf_key_write(key, index);
    const struct perf_value *value = perf_payload_value(&load->payload, index);
    bool keyed = load->arguments.keyed;
    if (rd_kafka_produce(topics[topic], partition, RD_KAFKA_MSG_F_COPY, (void *)value->bytes,
                         value->size, keyed ? key : NULL, keyed ? PERF_KEY_BYTES : 0, opaque) == 0)
        return true;
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        perf_give_up("produce", rd_kafka_err2str(rd_kafka_last_error()));
    return false;
}

void client_poll(struct perf_thread *thread, int timeout_ms) {
    polling = thread;
    rd_kafka_poll(producer, timeout_ms);
}

void client_produce_and_wait(const struct perf_load *load, uint64_t index) {
    polling = NULL;
    answered = false;
    if (!client_produce(load, index, (uint32_t)(index % load->arguments.topic_count),
                        RD_KAFKA_PARTITION_UA, NULL))
        perf_give_up("produce", "the buffer is full");
    while (!answered)
        rd_kafka_poll(producer, 100);
}

void client_flush(struct perf_thread *thread) {
    polling = thread;
    while (rd_kafka_flush(producer, 100) == RD_KAFKA_RESP_ERR__TIMED_OUT)
        ;
}

void client_close(void) {
    for (uint32_t i = 0; i < PERF_TOPICS_MAX && topics[i] != NULL; i++)
        rd_kafka_topic_destroy(topics[i]);
    rd_kafka_destroy(producer);
}
