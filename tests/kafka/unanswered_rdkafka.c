/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "tests/kafka/unanswered.h"

const char peer_name[] = "librdkafka";
static rd_kafka_t *producers[PRODUCERS];
static const char *topic_name;

static void take_report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *context) {
    (void)kafka;
    int producer = (int)(intptr_t)context;
    int index = (int)(intptr_t)message->_private - 1;
    rd_kafka_msg_status_t status = rd_kafka_message_status(message);
    const char *outcome = message->err == RD_KAFKA_RESP_ERR_NO_ERROR         ? "persisted"
                          : status == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED ? "unknown"
                                                                             : "failed";
    note_outcome(producer, index, outcome, rd_kafka_err2name(message->err));
}

static void set(rd_kafka_conf_t *config, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(config, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        give_up(name, error);
}

void peer_open(int producer, const char *bootstrap, const char *client_id, const char *topic) {
    topic_name = topic;
    rd_kafka_conf_t *config = rd_kafka_conf_new();
    set(config, "bootstrap.servers", bootstrap);
    set(config, "client.id", client_id);
    set(config, "linger.ms", "20");
    set(config, "enable.idempotence", "true");
    rd_kafka_conf_set_dr_msg_cb(config, take_report);
    rd_kafka_conf_set_opaque(config, (void *)(intptr_t)producer);
    char error[256];
    producers[producer] = rd_kafka_new(RD_KAFKA_PRODUCER, config, error, sizeof(error));
    if (producers[producer] == NULL)
        give_up("open", error);
}

void peer_produce(int producer, int32_t partition, int index, const char *value) {
    rd_kafka_resp_err_t error = rd_kafka_producev(
        producers[producer], RD_KAFKA_V_TOPIC(topic_name), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)value, strlen(value)),
        RD_KAFKA_V_OPAQUE((void *)(intptr_t)(index + 1)), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        note_outcome(producer, index, "refused", rd_kafka_err2name(error));
}

void peer_wait(int producer) {
    char why[256];
    rd_kafka_flush(producers[producer], WAIT_MS_MAX);
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producers[producer], why, sizeof(why));
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
        fprintf(stderr, "%s-%d: fatal: %s\n", peer_name, producer + 1, why);
}

void peer_close(int producer) {
    rd_kafka_flush(producers[producer], 1000);
    rd_kafka_purge(producers[producer], RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producers[producer], 1000);
    rd_kafka_destroy(producers[producer]);
}
