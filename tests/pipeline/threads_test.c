/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What needs real threads: against the embedded broker over TCP. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

enum { THREADS = 4, RECORDS = 3000, PARTITIONS = 3, TIMEOUT_MS = 60000 };

static sluice_broker *broker_start(uint32_t nodes) {
    sluice_error error = {0};
    sluice_broker_options options = {.broker_count = nodes, .partition_count = PARTITIONS};
    sluice_broker *broker = sluice_broker_create(&options, &error);
    cr_assert_not_null(broker, "%s", error.text);
    return broker;
}

static sluice_producer *open_with(sluice_broker *broker, const char *const *settings,
                                  sluice_report_callback callback, void *context) {
    sluice_error error = {0};
    sluice_config *config = sluice_config_new();
    cr_assert_eq(
        sluice_config_set(config, "bootstrap.servers", sluice_broker_bootstrap(broker), &error),
        SLUICE_OK, "%s", error.text);
    for (; settings != NULL && settings[0] != NULL; settings += 2) {
        cr_assert_eq(sluice_config_set(config, settings[0], settings[1], &error), SLUICE_OK, "%s",
                     error.text);
    }
    sluice_config_set_report_callback(config, callback, context);
    sluice_producer *producer = sluice_producer_open(config, &error);
    sluice_config_free(config);
    cr_assert_not_null(producer, "%s", error.text);
    return producer;
}

static sluice_topic *open_topic(sluice_producer *producer) {
    sluice_topic *topic = sluice_topic_open(producer, "orders", NULL, NULL);
    cr_assert_not_null(topic);
    return topic;
}

static void produce(sluice_topic *topic, int32_t partition, uint64_t number) {
    sluice_record record = {.value = &number,
                            .value_size = sizeof number,
                            .opaque = (void *)(uintptr_t)(number + 1),
                            .partition = partition,
                            .flags = SLUICE_RECORD_PARTITION};
    sluice_code code = sluice_produce_wait(topic, &record, TIMEOUT_MS);
    cr_assert_eq(code, SLUICE_OK, "%s", sluice_code_name(code));
}

static bool ascending(const sluice_broker_record *record, void *context) {
    int64_t *last = context;
    uint64_t number;
    cr_assert_eq(record->value_size, sizeof number);
    memcpy(&number, record->value, sizeof number);
    cr_assert_lt(*last, (int64_t)number);
    *last = (int64_t)number;
    return true;
}

static void expect_ascending(sluice_broker *broker, int64_t count) {
    int64_t sum = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t last = -1;
        sum += sluice_broker_read(broker, "orders", i, 0, ascending, &last);
    }
    cr_expect_eq(sum, count);
}

/* ---- order over threads ---------------------------------------------------------------------- */

struct shared {
    sluice_producer *producer;
    sluice_topic *topic;
    pthread_mutex_t mutex;
    uint64_t next;
    _Atomic uint64_t persisted, others;
};

static void *take_turns(void *context) {
    struct shared *shared = context;
    for (;;) {
        pthread_mutex_lock(&shared->mutex);
        bool done = shared->next == RECORDS * THREADS;
        if (!done) {
            uint64_t number = shared->next++;
            produce(shared->topic, (int32_t)(number % PARTITIONS), number);
        }
        pthread_mutex_unlock(&shared->mutex);
        if (done) {
            return NULL;
        }
    }
}

static void count_reports(const sluice_report *reports, size_t count, void *context) {
    struct shared *shared = context;
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(
            reports[i].outcome == SLUICE_PERSISTED ? &shared->persisted : &shared->others, 1);
    }
}

static void run_threads(pthread_t *threads, unsigned count, void *(*body)(void *), void *context) {
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, body, context), 0);
    }
}

static void join_threads(pthread_t *threads, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void handed_over(const char *const *settings, uint32_t nodes, bool moving) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(nodes);
    shared.producer = open_with(broker, settings, count_reports, &shared);
    shared.topic = open_topic(shared.producer);
    pthread_t threads[THREADS];
    run_threads(threads, THREADS, take_turns, &shared);
    for (int i = 0; moving && i < 20; i++) {
        cr_assert(sluice_broker_wait_records(broker, "orders", -1, i * 300, TIMEOUT_MS));
        sluice_broker_leader_move(broker, "orders", i % PARTITIONS,
                                  1 + (int32_t)((uint32_t)i % nodes));
        if (i % 5 == 0) {
            sluice_broker_cut(broker, 1 + (int32_t)((uint32_t)i % nodes));
        }
    }
    join_threads(threads, THREADS);
    cr_assert_eq(sluice_flush(shared.producer, TIMEOUT_MS), SLUICE_OK);
    cr_assert_eq(sluice_producer_close(shared.producer, TIMEOUT_MS), SLUICE_OK);
    sluice_status status;
    sluice_producer_status(shared.producer, &status);
    cr_expect_eq(status.records_accepted, RECORDS * THREADS);
    cr_expect_eq(status.records_persisted, RECORDS * THREADS);
    sluice_producer_free(shared.producer); /* a worker serves the last callbacks before it ends */
    cr_expect_eq(atomic_load(&shared.persisted), RECORDS * THREADS);
    cr_expect_eq(atomic_load(&shared.others), 0);
    expect_ascending(broker, RECORDS * THREADS);
    sluice_broker_destroy(broker);
}

Test(threads, that_hand_over_under_a_mutex_keep_their_order) {
    handed_over(NULL, 1, false);
}

Test(threads, that_hand_over_keep_their_order_without_linger) {
    handed_over((const char *[]){"linger.ms", "0", NULL}, 1, false);
}

Test(threads, that_hand_over_keep_their_order_while_leaders_move_and_links_break) {
    handed_over((const char *[]){"linger.ms", "1", "batch.size", "2000", NULL}, 3, true);
}

Test(threads, that_hand_over_keep_their_order_with_callbacks_on_a_worker) {
    handed_over(
        (const char *[]){"sluice.callback.thread", "worker", "compression.type", "gzip", NULL}, 1,
        false);
}

/* ---- everybody at once ----------------------------------------------------------------------- */

static void *produce_own(void *context) {
    struct shared *shared = context;
    for (uint64_t i = 0; i < RECORDS; i++) {
        produce(shared->topic, (int32_t)(i % PARTITIONS), i);
    }
    return NULL;
}

Test(threads, that_write_at_once_lose_nothing) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(2);
    shared.producer = open_with(broker, (const char *[]){"buffer.memory", "300000", NULL},
                                count_reports, &shared);
    shared.topic = open_topic(shared.producer);
    for (int round = 0; round < 3; round++) { /* threads end, and others take their place */
        pthread_t threads[THREADS];
        run_threads(threads, THREADS, produce_own, &shared);
        cr_assert_eq(sluice_flush(shared.producer, TIMEOUT_MS), SLUICE_OK);
        join_threads(threads, THREADS);
    }
    cr_assert_eq(sluice_producer_close(shared.producer, TIMEOUT_MS), SLUICE_OK);
    cr_expect_eq(atomic_load(&shared.persisted), 3 * RECORDS * THREADS);
    sluice_producer_free(shared.producer);
    int64_t sum = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        sum += sluice_broker_high_watermark(broker, "orders", i);
    }
    cr_expect_eq(sum, 3 * RECORDS * THREADS);
    sluice_broker_destroy(broker);
}

static void *poll_reports(void *context) {
    struct shared *shared = context;
    sluice_report reports[64];
    while (atomic_load(&shared->persisted) < RECORDS * THREADS) {
        size_t count = sluice_poll(shared->producer, reports, 64, 100);
        count_reports(reports, count, shared);
    }
    return NULL;
}

Test(threads, that_poll_together_get_each_report_once) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(1);
    shared.producer = open_with(broker, NULL, NULL, NULL);
    shared.topic = open_topic(shared.producer);
    pthread_t writers[THREADS], pollers[2];
    run_threads(pollers, 2, poll_reports, &shared);
    run_threads(writers, THREADS, produce_own, &shared);
    join_threads(writers, THREADS);
    join_threads(pollers, 2);
    cr_expect_eq(atomic_load(&shared.persisted), RECORDS * THREADS);
    sluice_producer_free(shared.producer);
    sluice_broker_destroy(broker);
}

static void *poll_a_few(void *context) {
    struct shared *shared = context;
    sluice_report report;
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(sluice_poll(shared->producer, &report, 1, TIMEOUT_MS), 1);
    }
    return NULL;
}

Test(threads, that_poll_together_do_not_miss_what_another_leaves) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(1);
    shared.producer = open_with(broker, NULL, NULL, NULL);
    shared.topic = open_topic(shared.producer);
    for (int round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < 60; i++) {
            produce(shared.topic, 0, i);
        }
        cr_assert_eq(sluice_flush(shared.producer, TIMEOUT_MS), SLUICE_OK);
        pthread_t pollers[3];
        run_threads(pollers, 3, poll_a_few, &shared);
        join_threads(pollers, 3);
    }
    sluice_producer_free(shared.producer);
    sluice_broker_destroy(broker);
}

static void *produce_synchronously(void *context) {
    struct shared *shared = context;
    for (uint64_t i = 0; i < 100; i++) {
        sluice_report report;
        sluice_record record = {.value = &i, .value_size = sizeof i};
        cr_assert_eq(sluice_produce_sync(shared->topic, &record, TIMEOUT_MS, &report), SLUICE_OK);
        count_reports(&report, 1, shared);
    }
    return NULL;
}

Test(threads, that_wait_for_their_own_record_get_its_report) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(1);
    shared.producer = open_with(broker, NULL, NULL, NULL);
    shared.topic = open_topic(shared.producer);
    pthread_t threads[THREADS];
    run_threads(threads, THREADS, produce_synchronously, &shared);
    join_threads(threads, THREADS);
    cr_expect_eq(atomic_load(&shared.persisted), 100 * THREADS);
    sluice_report report;
    cr_expect_eq(sluice_poll(shared.producer, &report, 1, 0), 0);
    sluice_producer_free(shared.producer);
    sluice_broker_destroy(broker);
}

static void *flush_on(void *context) {
    struct shared *shared = context;
    while (atomic_load(&shared->others) == 0) {
        sluice_status before, after;
        sluice_producer_status(shared->producer, &before);
        cr_assert_eq(sluice_flush(shared->producer, TIMEOUT_MS), SLUICE_OK);
        sluice_producer_status(shared->producer, &after);
        cr_assert_leq(before.records_accepted, after.records_persisted);
    }
    return NULL;
}

Test(threads, that_flush_all_the_time_hold_up_nobody) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(1);
    shared.producer = open_with(broker, NULL, NULL, NULL);
    shared.topic = open_topic(shared.producer);
    pthread_t flushers[2], writers[THREADS];
    run_threads(flushers, 2, flush_on, &shared);
    run_threads(writers, THREADS, produce_own, &shared);
    join_threads(writers, THREADS);
    atomic_store(&shared.others, 1);
    join_threads(flushers, 2);
    cr_assert_eq(sluice_flush(shared.producer, TIMEOUT_MS), SLUICE_OK);
    sluice_status status;
    sluice_producer_status(shared.producer, &status);
    cr_expect_eq(status.records_persisted, RECORDS * THREADS);
    sluice_producer_free(shared.producer);
    sluice_broker_destroy(broker);
}

static void *produce_until_closed(void *context) {
    struct shared *shared = context;
    uint64_t number = 0;
    sluice_record record = {.value = &number, .value_size = sizeof number};
    sluice_code code;
    while ((code = sluice_produce(shared->topic, &record)) != SLUICE_CLOSED) {
        cr_assert(code == SLUICE_OK || code == SLUICE_FULL || code == SLUICE_PARTITION_FULL ||
                  code == SLUICE_REPORTS_WAITING);
        if (code == SLUICE_OK) {
            atomic_fetch_add(&shared->others, 1);
        }
    }
    return NULL;
}

Test(threads, that_write_during_close_are_told_and_lose_nothing) {
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sluice_broker *broker = broker_start(1);
    shared.producer =
        open_with(broker, (const char *[]){"buffer.memory", "1000000", NULL}, NULL, NULL);
    shared.topic = open_topic(shared.producer);
    pthread_t threads[THREADS];
    run_threads(threads, THREADS, produce_until_closed, &shared);
    cr_assert(sluice_broker_wait_records(broker, "orders", -1, 1000, TIMEOUT_MS));
    sluice_code code = sluice_producer_close(shared.producer, TIMEOUT_MS);
    cr_expect_eq(code, SLUICE_OK);
    join_threads(threads, THREADS);
    sluice_status status;
    sluice_producer_status(shared.producer, &status);
    cr_expect_eq(status.records_accepted, atomic_load(&shared.others));
    sluice_report reports[64];
    uint64_t reported = 0;
    size_t count;
    while ((count = sluice_poll(shared.producer, reports, 64, 0)) > 0) {
        reported += count;
    }
    /* what was accepted while close was under way is decided by free at the latest */
    cr_expect_leq(reported, atomic_load(&shared.others));
    sluice_producer_free(shared.producer);
    sluice_broker_destroy(broker);
}

/* ---- many producers, one process ------------------------------------------------------------- */

Test(threads, several_producers_live_in_one_process) {
    enum { PRODUCERS = 5 };
    sluice_broker *broker = broker_start(1);
    sluice_producer *producers[PRODUCERS];
    sluice_topic *topics[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = open_with(broker, (const char *[]){"sluice.workers", "1", NULL}, NULL, NULL);
        topics[i] = open_topic(producers[i]);
    }
    for (uint64_t n = 0; n < 200; n++) {
        for (int i = 0; i < PRODUCERS; i++) {
            produce(topics[i], 0, n);
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        cr_assert_eq(sluice_flush(producers[i], TIMEOUT_MS), SLUICE_OK);
        sluice_status status;
        sluice_producer_status(producers[i], &status);
        cr_expect_eq(status.records_persisted, 200);
        sluice_producer_free(producers[i]);
        producers[i] = NULL;
    }
    cr_expect_eq(sluice_broker_high_watermark(broker, "orders", 0), 200 * PRODUCERS);
    sluice_broker_destroy(broker);
}

Test(threads, producers_come_and_go) {
    sluice_broker *broker = broker_start(1);
    for (uint64_t i = 0; i < 20; i++) {
        sluice_producer *producer = open_with(broker, NULL, NULL, NULL);
        produce(open_topic(producer), 0, i);
        if (i % 2 == 0) {
            cr_assert_eq(sluice_producer_close(producer, TIMEOUT_MS), SLUICE_OK);
        }
        sluice_producer_free(producer);
    }
    cr_expect_geq(sluice_broker_high_watermark(broker, "orders", 0), 10);
    sluice_broker_destroy(broker);
}

/* ---- the process ----------------------------------------------------------------------------- */

/* The number of the first check that fails, 0 when none does. */
/* A producer of its own is refused there. */
static bool opens_none(void) {
    sluice_error error = {0};
    sluice_config *config = sluice_config_new();
    bool refused =
        sluice_config_set(config, "bootstrap.servers", "127.0.0.1:1", &error) == SLUICE_OK &&
        sluice_producer_open(config, &error) == NULL && error.code == SLUICE_FORKED;
    sluice_config_free(config);
    return refused;
}

static int child_checks(sluice_producer *producer, sluice_topic *topic,
                        sluice_reservation *reserved) {
    sluice_report report;
    sluice_record record = {.value = "v", .value_size = 1};
    sluice_reservation *reservation;
    void *value;
    sluice_error error = {0};
    const bool checks[] = {
        sluice_produce(topic, &record) == SLUICE_FORKED,
        sluice_produce_wait(topic, &record, 10) == SLUICE_FORKED,
        sluice_produce_sync(topic, &record, 10, &report) == SLUICE_FORKED,
        sluice_flush(producer, 10) == SLUICE_FORKED,
        sluice_wait_for_room(producer, 1, 10) == SLUICE_FORKED,
        sluice_purge(producer, SLUICE_PURGE_UNSENT) == SLUICE_FORKED,
        sluice_reserve(topic, &record, 1, &reservation, &value) == SLUICE_FORKED,
        sluice_commit(reserved, 1) == SLUICE_FORKED,
        sluice_producer_close(producer, 10) == SLUICE_FORKED,
        sluice_topic_open(producer, "other", NULL, &error) == NULL && error.code == SLUICE_FORKED,
        sluice_cluster_fetch(producer, NULL, 10, &error) == NULL && error.code == SLUICE_FORKED,
        sluice_poll(producer, &report, 1, 10) == 0,
        sluice_poll_callback(producer, 10) == 0,
        sluice_topic_partition_count(topic, 10, &error) == -1 && error.code == SLUICE_FORKED,
        sluice_descriptor(producer) == -1,
        sluice_producer_counters(producer, NULL, 0) == 0,
        opens_none(),
    };
    sluice_producer_free(producer);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i]) {
            return (int)i + 1;
        }
    }
    return 0;
}

Test(threads, use_in_a_forked_child_is_refused) {
    sluice_broker *broker = broker_start(1);
    sluice_producer *producer = open_with(broker, NULL, NULL, NULL);
    sluice_topic *topic = open_topic(producer);
    produce(topic, 0, 0);
    sluice_reservation *reservation;
    void *value;
    cr_assert_eq(sluice_reserve(topic, &(sluice_record){.key = NULL}, 9, &reservation, &value),
                 SLUICE_OK);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        test_leave_child(child_checks(producer, topic, reservation));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "check %d", status >> 8);
    sluice_abort(reservation);
    produce(topic, 0, 1);
    cr_assert_eq(sluice_flush(producer, TIMEOUT_MS), SLUICE_OK);
    sluice_producer_free(producer);
    expect_ascending(broker, 2);
    sluice_broker_destroy(broker);
}

static bool readable(int descriptor, int timeout_ms) {
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    return poll(&entry, 1, timeout_ms) == 1;
}

Test(threads, the_descriptor_is_readable_while_reports_wait) {
    sluice_broker *broker = broker_start(1);
    sluice_producer *producer = open_with(broker, NULL, NULL, NULL);
    sluice_topic *topic = open_topic(producer);
    int descriptor = sluice_descriptor(producer);
    cr_assert_geq(descriptor, 0);
    cr_expect_not(readable(descriptor, 0));
    for (uint64_t i = 0; i < 50; i++) {
        produce(topic, 0, i);
        cr_assert(readable(descriptor, TIMEOUT_MS));
        cr_expect(readable(descriptor, 0));
        sluice_report reports[8];
        size_t count = 0;
        while (count == 0) {
            count = sluice_poll(producer, reports, 8, 0);
        }
        cr_expect_eq(count, 1);
        cr_expect_not(readable(descriptor, 0), "after record %d", (int)i);
    }
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
}

Test(threads, a_descriptor_asked_for_late_is_readable_at_once) {
    sluice_broker *broker = broker_start(1);
    sluice_producer *producer = open_with(broker, NULL, NULL, NULL);
    produce(open_topic(producer), 0, 0);
    cr_assert_eq(sluice_flush(producer, TIMEOUT_MS), SLUICE_OK);
    cr_expect(readable(sluice_descriptor(producer), 0));
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
}

Test(threads, the_cluster_can_be_fetched_from_many) {
    sluice_broker *broker = broker_start(3);
    sluice_producer *producer = open_with(broker, NULL, NULL, NULL);
    cr_assert_eq(sluice_broker_topic_create(broker, "orders", 6), SLUICE_OK);
    sluice_error error = {0};
    sluice_cluster *cluster = sluice_cluster_fetch(producer, "orders", TIMEOUT_MS, &error);
    cr_assert_not_null(cluster, "%s", error.text);
    cr_expect_eq(cluster->broker_count, 3);
    cr_assert_eq(cluster->topic_count, 1);
    cr_expect_eq(cluster->topics[0].partition_count, 6);
    sluice_cluster_free(cluster);
    sluice_topic *topic = open_topic(producer);
    cr_expect_eq(sluice_topic_partition_count(topic, TIMEOUT_MS, &error), 6);
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
}

/* ---- many threads, little memory ------------------------------------------------------------- */

enum { CROWD = 60 };
struct crowd {
    sluice_topic *topic;
    pthread_barrier_t met;
};

static void *produce_one_and_stay(void *argument) {
    struct crowd *crowd = argument;
    sluice_report report;
    sluice_record record = {.value = "8 bytes!", .value_size = 8};
    cr_assert_eq(sluice_produce_sync(crowd->topic, &record, TIMEOUT_MS, &report), SLUICE_OK);
    pthread_barrier_wait(&crowd->met);
    pthread_barrier_wait(&crowd->met);
    return NULL;
}

/* Each thread keeps memory for what it may produce next; that is never in the way of others. */
Test(threads, that_have_nothing_in_flight_leave_all_room_to_others) {
    static const char *const settings[] = {"buffer.memory", "262144", NULL};
    static char value[200000];
    sluice_broker *broker = broker_start(1);
    sluice_producer *producer = open_with(broker, settings, NULL, NULL);
    struct crowd crowd = {.topic = open_topic(producer)};
    pthread_t threads[CROWD];
    cr_assert_eq(pthread_barrier_init(&crowd.met, NULL, CROWD + 1), 0);
    for (int i = 0; i < CROWD; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, produce_one_and_stay, &crowd), 0);
    }
    pthread_barrier_wait(&crowd.met);
    cr_expect_eq(sluice_flush(producer, TIMEOUT_MS), SLUICE_OK);
    sluice_record record = {.value = value, .value_size = sizeof value};
    cr_expect_eq(sluice_produce_wait(crowd.topic, &record, TIMEOUT_MS), SLUICE_OK);
    cr_expect_eq(sluice_flush(producer, TIMEOUT_MS), SLUICE_OK);
    sluice_report report;
    cr_expect_eq(sluice_poll(producer, &report, 1, 0), 1);
    pthread_barrier_wait(&crowd.met);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_expect_eq(sluice_wait_for_room(producer, sizeof value, TIMEOUT_MS), SLUICE_OK);
    sluice_status status;
    sluice_producer_status(producer, &status);
    cr_expect_eq(status.bytes_used, 0);
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
    pthread_barrier_destroy(&crowd.met);
}
