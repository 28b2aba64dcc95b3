/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real threads that call everything at once, while brokers die, leaders move and links break. Each
 * accepted record has exactly one report. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

enum { TOPICS = 3, PARTITIONS = 3, WRITERS = 4, RECORDS = 2000, TIMEOUT_MS = 60000 };

struct storm {
    sluice_broker *broker;
    sluice_producer *producer;
    _Atomic uint8_t *reports; /* by number of the record */
    _Atomic uint32_t next, accepted, reported, persisted, writers;
    _Atomic bool over;
};

static void take(const sluice_report *reports, size_t count, void *context) {
    struct storm *storm = context;
    for (size_t i = 0; i < count; i++) {
        size_t number = (size_t)(uintptr_t)reports[i].opaque - 1;
        cr_assert_lt(number, (size_t)WRITERS * RECORDS);
        cr_assert_eq(atomic_fetch_add(&storm->reports[number], 1), 0);
        atomic_fetch_add(&storm->persisted, reports[i].outcome == SLUICE_PERSISTED);
        atomic_fetch_add(&storm->reported, 1);
    }
}

static sluice_code reserve_and_commit(sluice_topic *topic, const sluice_record *record) {
    sluice_reservation *reservation;
    void *value;
    sluice_code code = sluice_reserve(topic, record, record->value_size + 50, &reservation, &value);
    if (code == SLUICE_OK) {
        memcpy(value, record->value, record->value_size);
        code = sluice_commit(reservation, record->value_size);
    }
    return code;
}

static sluice_code produce_and_wait(struct storm *storm, sluice_topic *topic,
                                    const sluice_record *record) {
    sluice_report report;
    sluice_code code = sluice_produce_sync(topic, record, 20, &report);
    if (code == SLUICE_OK) {
        take(&report, 1, storm);
    }
    return code == SLUICE_TIMED_OUT ? SLUICE_OK : code; /* its report comes later */
}

static sluice_code produce(struct storm *storm, sluice_topic *topic, uint32_t number) {
    static const char bytes[30000];
    sluice_record record = {.value = bytes,
                            .value_size = number % 97 == 0 ? sizeof bytes : 10 + number % 300,
                            .opaque = (void *)((uintptr_t)number + 1)};
    if (number % 3 == 0) {
        record.key = &number;
        record.key_size = sizeof number;
    }
    switch (number % 100) {
    case 0:
        return produce_and_wait(storm, topic, &record);
    case 1:
    case 2:
        return reserve_and_commit(topic, &record);
    case 3:
        return sluice_produce_wait(topic, &record, 10);
    default:
        return sluice_produce(topic, &record);
    }
}

static void *write_records(void *context) {
    struct storm *storm = context;
    static const char *const names[TOPICS] = {"one", "two", "three"};
    for (;;) {
        uint32_t number = atomic_fetch_add(&storm->next, 1);
        if (number >= WRITERS * RECORDS) {
            break;
        }
        sluice_topic *topic =
            sluice_topic_open(storm->producer, names[number % TOPICS], NULL, NULL);
        cr_assert_not_null(topic);
        sluice_code code = produce(storm, topic, number);
        while (code == SLUICE_FULL || code == SLUICE_PARTITION_FULL ||
               code == SLUICE_REPORTS_WAITING) {
            cr_assert_eq(sluice_wait_for_room(storm->producer, 30100, TIMEOUT_MS), SLUICE_OK);
            code = produce(storm, topic, number);
        }
        cr_assert_eq(code, SLUICE_OK, "%s", sluice_code_name(code));
        atomic_fetch_add(&storm->accepted, 1);
        sluice_topic_close(topic);
    }
    atomic_fetch_sub(&storm->writers, 1);
    return NULL;
}

static void *read_reports(void *context) {
    struct storm *storm = context;
    sluice_report reports[100];
    while (!atomic_load(&storm->over)) {
        take(reports, sluice_poll(storm->producer, reports, 100, 10), storm);
    }
    return NULL;
}

static void *ask_and_flush(void *context) {
    struct storm *storm = context;
    while (!atomic_load(&storm->over)) {
        sluice_status status;
        sluice_producer_status(storm->producer, &status);
        cr_assert_leq(status.bytes_used, status.bytes_limit);
        sluice_code code = sluice_flush(storm->producer, 5);
        cr_assert(code == SLUICE_OK || code == SLUICE_TIMED_OUT);
        sluice_cluster_free(sluice_cluster_fetch(storm->producer, NULL, 5, NULL));
    }
    return NULL;
}

/* A round of trouble for every few hundred records. */
static void trouble(struct storm *storm, uint32_t round) {
    static const char *const names[TOPICS] = {"one", "two", "three"};
    int32_t node = 1 + (int32_t)(round % 3);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_CUT_AFTER);
    fault.api_key = 0;
    switch (round % 6) {
    case 0:
        sluice_broker_cut(storm->broker, node);
        break;
    case 1:
        sluice_broker_leader_move(storm->broker, names[round % TOPICS], node - 1, node);
        break;
    case 2:
        sluice_broker_fault_add(storm->broker, &fault);
        break;
    case 3:
        sluice_broker_kill(storm->broker, node);
        break;
    case 4:
        for (int32_t each = 1; each <= 3; each++) {
            (void)sluice_broker_restart(storm->broker, each, SLUICE_BROKER_KEEP_LAST);
        }
        break;
    default:
        fault.action = SLUICE_FAULT_CUT_BEFORE;
        fault.api_key = 3;
        sluice_broker_fault_add(storm->broker, &fault);
    }
}

static sluice_producer *open_producer(struct storm *storm, const char *compression) {
    sluice_error error = {0};
    sluice_config *config = sluice_config_new();
    const char *const settings[] = {"bootstrap.servers",
                                    sluice_broker_bootstrap(storm->broker),
                                    "buffer.memory",
                                    "400000",
                                    "linger.ms",
                                    "1",
                                    "compression.type",
                                    compression,
                                    "reconnect.backoff.max.ms",
                                    "100",
                                    "sluice.workers",
                                    "3"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i += 2) {
        cr_assert_eq(sluice_config_set(config, settings[i], settings[i + 1], &error), SLUICE_OK,
                     "%s", error.text);
    }
    sluice_producer *producer = sluice_producer_open(config, &error);
    sluice_config_free(config);
    cr_assert_not_null(producer, "%s", error.text);
    return producer;
}

static void storm_on(const char *compression, bool purging) {
    static _Atomic uint8_t reports[WRITERS * RECORDS];
    struct storm storm = {.reports = reports, .writers = WRITERS};
    memset((void *)reports, 0, sizeof reports);
    storm.broker = sluice_broker_create(
        &(sluice_broker_options){.broker_count = 3, .partition_count = PARTITIONS}, NULL);
    cr_assert_not_null(storm.broker);
    storm.producer = open_producer(&storm, compression);
    pthread_t threads[WRITERS + 3];
    for (int i = 0; i < WRITERS; i++) {
        pthread_create(&threads[i], NULL, write_records, &storm);
    }
    pthread_create(&threads[WRITERS], NULL, read_reports, &storm);
    pthread_create(&threads[WRITERS + 1], NULL, read_reports, &storm);
    pthread_create(&threads[WRITERS + 2], NULL, ask_and_flush, &storm);
    for (uint32_t round = 0; atomic_load(&storm.writers) > 0; round++) {
        uint32_t before = atomic_load(&storm.reported);
        trouble(&storm, round);
        sluice_report none;
        while (atomic_load(&storm.reported) < before + 200 && atomic_load(&storm.writers) > 0 &&
               round % 6 != 3) {
            take(&none, sluice_poll(storm.producer, &none, 1, 1), &storm);
        }
        if (purging && round % 7 == 3) {
            sluice_purge(storm.producer, SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int32_t node = 1; node <= 3; node++) {
        (void)sluice_broker_restart(storm.broker, node, SLUICE_BROKER_KEEP_LAST);
    }
    cr_expect_eq(sluice_flush(storm.producer, TIMEOUT_MS), SLUICE_OK);
    while (atomic_load(&storm.reported) < WRITERS * RECORDS) {
        sluice_report report;
        take(&report, sluice_poll(storm.producer, &report, 1, 10), &storm);
    }
    atomic_store(&storm.over, true);
    for (int i = WRITERS; i < WRITERS + 3; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_expect_eq(atomic_load(&storm.accepted), WRITERS * RECORDS);
    cr_expect(purging || atomic_load(&storm.persisted) == WRITERS * RECORDS, "%u",
              atomic_load(&storm.persisted));
    cr_expect_eq(sluice_producer_close(storm.producer, TIMEOUT_MS), SLUICE_OK);
    sluice_status status;
    sluice_producer_status(storm.producer, &status);
    cr_expect_eq(status.records_accepted, WRITERS * RECORDS);
    cr_expect_eq(status.reports_waiting, 0);
    cr_expect_eq(status.records_persisted, atomic_load(&storm.persisted));
    sluice_producer_free(storm.producer);
    sluice_broker_destroy(storm.broker);
}

Test(threads_storm, leaves_exactly_one_report_for_each_record) {
    storm_on("none", false);
}

Test(threads_storm, leaves_exactly_one_report_with_gzip) {
    storm_on("gzip", false);
}

Test(threads_storm, leaves_exactly_one_report_with_purges) {
    storm_on("none", true);
}

/* ---- close and free -------------------------------------------------------------------------- */

static void *close_it(void *context) {
    struct storm *storm = context;
    sluice_code code = sluice_producer_close(storm->producer, TIMEOUT_MS);
    cr_expect_eq(code, SLUICE_OK);
    return NULL;
}

Test(threads_storm, several_threads_may_close_at_once) {
    struct storm storm = {0};
    storm.broker = sluice_broker_create(NULL, NULL);
    for (int i = 0; i < 10; i++) {
        storm.producer = open_producer(&storm, "none");
        sluice_topic *topic = sluice_topic_open(storm.producer, "one", NULL, NULL);
        sluice_record record = {.value = "v", .value_size = 1};
        cr_assert_eq(sluice_produce(topic, &record), SLUICE_OK);
        pthread_t threads[4];
        for (int n = 0; n < 4; n++) {
            pthread_create(&threads[n], NULL, close_it, &storm);
        }
        for (int n = 0; n < 4; n++) {
            pthread_join(threads[n], NULL);
        }
        sluice_status status;
        sluice_producer_status(storm.producer, &status);
        cr_expect_eq(status.records_persisted, 1);
        sluice_producer_free(storm.producer);
    }
    sluice_broker_destroy(storm.broker);
}

Test(threads_storm, a_producer_may_be_freed_at_any_moment) {
    struct storm storm = {0};
    storm.broker = sluice_broker_create(NULL, NULL);
    for (int i = 0; i < 40; i++) {
        storm.producer = open_producer(&storm, i % 2 == 0 ? "none" : "gzip");
        sluice_topic *topic = sluice_topic_open(storm.producer, "one", NULL, NULL);
        sluice_record record = {.value = "value", .value_size = 5};
        for (int n = 0; n < i * 10; n++) {
            cr_assert_eq(sluice_produce(topic, &record), SLUICE_OK);
        }
        if (i % 4 == 1) {
            (void)sluice_topic_partition_count(topic, TIMEOUT_MS, NULL);
        }
        if (i % 4 == 2) {
            sluice_broker_cut(storm.broker, 1);
        }
        sluice_producer_free(storm.producer);
    }
    sluice_broker_destroy(storm.broker);
}
