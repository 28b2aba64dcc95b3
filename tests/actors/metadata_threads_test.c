/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same actors on real threads and sockets: what only a race can break. */
#include <pthread.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

#include "test.h"

enum { THREADS = 4, ROUNDS = 20 };

static void *fetch_until_closed(void *context) {
    sluice_producer *producer = context;
    sluice_error error = {.code = SLUICE_OK};
    uintptr_t fetched = 0;
    while (error.code == SLUICE_OK) {
        sluice_cluster *cluster = sluice_cluster_fetch(producer, NULL, 20000, &error);
        if (cluster != NULL) {
            fetched++;
            error.code = SLUICE_OK;
            sluice_cluster_free(cluster);
        }
    }
    return error.code == SLUICE_CLOSED ? (void *)(fetched + 1) : NULL;
}

Test(metadata_threads, fetches_that_race_with_close_get_an_answer_or_are_told_that_it_is_closed) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    cr_assert_eq(sluice_broker_topic_create(broker, "orders", 5), SLUICE_OK);
    for (int round = 0; round < ROUNDS; round++) {
        sluice_config *config = sluice_config_new();
        pthread_t threads[THREADS];
        cr_assert_eq(
            sluice_config_set(config, "bootstrap.servers", sluice_broker_bootstrap(broker), NULL),
            SLUICE_OK);
        sluice_producer *producer = sluice_producer_open(config, NULL);
        cr_assert_not_null(producer);
        sluice_config_free(config);
        for (int i = 0; i < THREADS; i++) {
            cr_assert_eq(pthread_create(&threads[i], NULL, fetch_until_closed, producer), 0);
        }
        sluice_cluster *cluster = sluice_cluster_fetch(producer, "orders", 20000, NULL);
        cr_assert_not_null(cluster);
        cr_assert_eq(cluster->topics[0].partition_count, 5);
        sluice_cluster_free(cluster);
        sluice_producer_close(producer, 1000);
        for (int i = 0; i < THREADS; i++) {
            void *told;
            pthread_join(threads[i], &told);
            cr_assert_not_null(told, "it was told SLUICE_CLOSED");
        }
        sluice_producer_free(producer);
    }
    sluice_broker_destroy(broker);
}

Test(metadata_threads, a_name_that_is_looked_up_leads_to_the_broker) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    char servers[64];
    snprintf(servers, sizeof servers, "localhost:%u", (unsigned)sluice_broker_port(broker, 1));
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", servers, NULL), SLUICE_OK);
    sluice_producer *producer = sluice_producer_open(config, NULL);
    sluice_config_free(config);
    sluice_topic *topic = sluice_topic_open(producer, "orders", NULL, NULL);
    cr_assert_not_null(topic);
    cr_assert_eq(sluice_topic_partition_count(topic, 20000, NULL), 1);
    sluice_topic_close(topic);
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
}
