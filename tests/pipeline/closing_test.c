/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Close beside calls of another thread, on real threads: what they put in has its report. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

/* A large value takes long to copy, so that close often comes in the middle of the call. */
enum { CLOSINGS = 200, VALUE_BYTES = 900000, SPINS_MAX = 2000, TIMEOUT_MS = 60000 };

struct closing {
    sluice_topic *topic;
    bool reserves;
    _Atomic bool ready, go;
    sluice_code code;
};

static sluice_code produce(sluice_topic *topic) {
    static const char value[VALUE_BYTES];
    return sluice_produce(topic, &(sluice_record){.value = value, .value_size = sizeof value});
}

static void *put_one_in(void *context) {
    struct closing *closing = context;
    sluice_reservation *reservation = NULL;
    void *value;
    if (closing->reserves) {
        sluice_code code =
            sluice_reserve(closing->topic, &(sluice_record){.key = "k", .key_size = 1}, VALUE_BYTES,
                           &reservation, &value);
        cr_assert_eq(code, SLUICE_OK);
    }
    atomic_store(&closing->ready, true);
    while (!atomic_load(&closing->go)) {
    }
    closing->code =
        closing->reserves ? sluice_commit(reservation, VALUE_BYTES / 2) : produce(closing->topic);
    return NULL;
}

static sluice_producer *open_on(sluice_broker *broker) {
    sluice_error error = {0};
    sluice_config *config = sluice_config_new();
    cr_assert_eq(
        sluice_config_set(config, "bootstrap.servers", sluice_broker_bootstrap(broker), &error),
        SLUICE_OK, "%s", error.text);
    sluice_producer *producer = sluice_producer_open(config, &error);
    sluice_config_free(config);
    cr_assert_not_null(producer, "%s", error.text);
    return producer;
}

static void close_beside_a_call(sluice_broker *broker, bool reserves, unsigned spins) {
    sluice_producer *producer = open_on(broker);
    struct closing closing = {.topic = sluice_topic_open(producer, "orders", NULL, NULL),
                              .reserves = reserves};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, put_one_in, &closing), 0);
    while (!atomic_load(&closing.ready)) {
    }
    atomic_store(&closing.go, true);
    for (volatile unsigned spin = spins; spin > 0; spin--) {
    }
    cr_assert_eq(sluice_producer_close(producer, TIMEOUT_MS), SLUICE_OK);
    pthread_join(thread, NULL);
    cr_assert(closing.code == SLUICE_OK || closing.code == SLUICE_CLOSED);
    sluice_report report;
    cr_assert_eq(sluice_poll(producer, &report, 1, -1), closing.code == SLUICE_OK);
    sluice_producer_free(producer);
}

static void close_often(bool reserves) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    for (unsigned i = 0; i < CLOSINGS; i++) {
        close_beside_a_call(broker, reserves, i * 40 % SPINS_MAX);
    }
    sluice_broker_destroy(broker);
}

Test(closing, reports_a_record_that_is_accepted_beside_it) {
    close_often(false);
}

Test(closing, reports_a_reservation_that_is_committed_beside_it) {
    close_often(true);
}
