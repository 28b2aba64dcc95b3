/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scarce/trial.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

enum { PARTITIONS = 2, RECORDS = 8, TIMEOUT_MS = 60000 };

struct life {
    struct trial *trial;
    sluice_broker *broker;
    sluice_producer *producer;
    sluice_topic *topic;
    sluice_report reports[RECORDS];
    unsigned reported[RECORDS], found[RECORDS];
    bool accepted[RECORDS];
};

static unsigned entries_count(const char *path) {
    unsigned count = 0;
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

unsigned trial_descriptors(void) {
    return entries_count("/proc/self/fd");
}

unsigned trial_threads(void) {
    return entries_count("/proc/self/task");
}

/* ---- opening --------------------------------------------------------------------------------- */

static void expect_clear(const struct life *life, const sluice_error *error) {
    cr_expect_neq(error->code, SLUICE_OK, "%s", life->trial->name);
    cr_expect_gt(strlen(error->text), 5, "%s", life->trial->name);
    cr_expect_null(strchr(error->text, '\n'), "%s", life->trial->name);
}

static bool broker_open(struct life *life) {
    sluice_error error = {0};
    sluice_broker_options options = {.broker_count = 2, .partition_count = PARTITIONS};
    life->broker = sluice_broker_create(&options, &error);
    if (life->broker == NULL) {
        expect_clear(life, &error);
    }
    return life->broker != NULL;
}

static bool config_fill(struct life *life, sluice_config *config, sluice_error *error) {
    char servers[64];
    snprintf(servers, sizeof servers, "%s:%u", life->trial->name_lookup ? "localhost" : "127.0.0.1",
             (unsigned)sluice_broker_port(life->broker, 1));
    const char *const *each = life->trial->settings;
    sluice_code code = sluice_config_set(config, "bootstrap.servers", servers, error);
    for (; code == SLUICE_OK && each != NULL && each[0] != NULL; each += 2) {
        code = sluice_config_set(config, each[0], each[1], error);
    }
    return code == SLUICE_OK;
}

static bool producer_open(struct life *life) {
    sluice_error error = {0};
    sluice_config *config = sluice_config_new();
    if (config == NULL) {
        return false; /* it says all there is to say */
    }
    if (config_fill(life, config, &error)) {
        life->producer = sluice_producer_open(config, &error);
    }
    sluice_config_free(config);
    if (life->producer != NULL) {
        life->topic = sluice_topic_open(life->producer, "orders", NULL, &error);
    }
    if (life->topic == NULL) {
        expect_clear(life, &error);
    }
    return life->topic != NULL;
}

/* ---- records --------------------------------------------------------------------------------- */

static void produce(struct life *life, unsigned number) {
    char value[3000] = {0};
    value[0] = (char)('a' + number);
    sluice_record record = {.value = value,
                            .value_size = number % 4 != 0 ? sizeof value : 20,
                            .flags = SLUICE_RECORD_PARTITION,
                            .partition = (int32_t)(number % PARTITIONS),
                            .opaque = (void *)(uintptr_t)(number + 1)};
    sluice_code code = sluice_produce(life->topic, &record);
    life->accepted[number] = code == SLUICE_OK;
    cr_expect(code == SLUICE_OK || code == SLUICE_NO_MEMORY, "%s: %s", life->trial->name,
              sluice_code_name(code));
}

static void take_reports(struct life *life) {
    sluice_report report;
    while (sluice_poll(life->producer, &report, 1, 0) == 1) {
        uintptr_t number = (uintptr_t)report.opaque - 1;
        cr_assert_lt(number, RECORDS, "%s", life->trial->name);
        life->reported[number]++;
        life->reports[number] = report;
    }
}

/* An answer is lost, a batch is refused for a while, a leader moves. Or two large records are too
 * much for one batch, which is split (it would not be if it had been unsure before). */
static void make_trouble(struct life *life) {
    enum { BATCH_BYTES_MAX = 4000 };
    static const sluice_broker_action actions[] = {SLUICE_FAULT_CUT_AFTER, SLUICE_FAULT_ERROR,
                                                   SLUICE_FAULT_MOVE_LEADER};
    cr_assert_eq(sluice_broker_topic_create(life->broker, "orders", PARTITIONS), SLUICE_OK);
    if (life->trial->split) {
        cr_assert_eq(sluice_broker_topic_limit(life->broker, "orders", BATCH_BYTES_MAX), SLUICE_OK);
        return;
    }
    for (unsigned i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        sluice_broker_fault fault = sluice_broker_fault_any(actions[i]);
        fault.api_key = 0;
        fault.skip = i;
        fault.count = 1;
        fault.error_code = SLUICE_BROKER_NOT_ENOUGH_REPLICAS;
        cr_assert_neq(sluice_broker_fault_add(life->broker, &fault), 0);
    }
}

static void produce_all(struct life *life) {
    (void)sluice_descriptor(life->producer); /* may be -1: then poll waits without it */
    for (unsigned i = 0; i < RECORDS; i++) {
        produce(life, i);
        if (i == RECORDS / 2) {
            cr_expect_eq(sluice_flush(life->producer, TIMEOUT_MS), SLUICE_OK, "%s",
                         life->trial->name);
            take_reports(life);
        }
    }
    cr_expect_eq(sluice_flush(life->producer, TIMEOUT_MS), SLUICE_OK, "%s", life->trial->name);
    take_reports(life);
}

static bool find(const sluice_broker_record *record, void *context) {
    struct life *life = context;
    unsigned number = (unsigned)(*(const char *)record->value - 'a');
    cr_assert_lt(number, RECORDS);
    life->found[number]++;
    return true;
}

static void check_outcomes(struct life *life) {
    for (int32_t i = 0; i < PARTITIONS; i++) {
        (void)sluice_broker_read(life->broker, "orders", i, 0, find, life);
    }
    life->trial->end = TRIAL_PERSISTED;
    for (unsigned i = 0; i < RECORDS; i++) {
        const sluice_report *report = &life->reports[i];
        cr_expect_eq(life->reported[i], life->accepted[i], "%s: record %u", life->trial->name, i);
        if (!life->accepted[i] || report->outcome != SLUICE_PERSISTED) {
            life->trial->end = TRIAL_MIXED;
        }
        if (life->reported[i] == 0) {
            cr_expect_eq(life->found[i], 0, "%s: record %u was refused", life->trial->name, i);
        } else if (report->outcome == SLUICE_PERSISTED) {
            cr_expect_eq(life->found[i], 1, "%s: record %u", life->trial->name, i);
        } else {
            cr_expect_neq(report->error, SLUICE_OK, "%s", life->trial->name);
            cr_expect_leq(life->found[i], report->outcome == SLUICE_UNKNOWN ? 1 : 0,
                          "%s: record %u", life->trial->name, i);
        }
    }
}

/* Memory that a socket may still have read comes back when its request has ended. */
static void check_quiet(struct life *life) {
    sluice_status status;
    time_t deadline = time(NULL) + TIMEOUT_MS / 1000;
    do {
        (void)sched_yield();
        sluice_producer_status(life->producer, &status);
    } while (status.bytes_used > 0 && time(NULL) < deadline);
    cr_expect_eq(status.bytes_used, 0, "%s", life->trial->name);
    cr_expect_eq(status.reports_waiting, 0, "%s", life->trial->name);
    cr_expect_eq(status.records_persisted + status.records_not_persisted + status.records_unknown,
                 status.records_accepted, "%s", life->trial->name);
}

static void *do_nothing(void *argument) {
    return argument;
}

/* A sanitizer starts a thread of its own with the first that we start. */
static void warm_up(void) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

void trial_run(struct trial *trial, const struct call_plan *plan) {
    struct life life = {.trial = trial};
    static bool warm;
    if (!warm) {
        warm = true;
        warm_up();
    }
    unsigned descriptors = trial_descriptors();
    unsigned threads = trial_threads();
    trial->end = TRIAL_REFUSED;
    if (plan->spare_broker) {
        cr_assert(broker_open(&life));
        make_trouble(&life);
    }
    calls_plan(plan);
    if ((life.broker != NULL || broker_open(&life)) && producer_open(&life)) {
        produce_all(&life);
        cr_expect_eq(sluice_producer_close(life.producer, TIMEOUT_MS), SLUICE_OK, "%s",
                     trial->name);
        check_quiet(&life);
    }
    sluice_producer_free(life.producer);
    trial->calls = calls_stop();
    if (life.topic != NULL) {
        check_outcomes(&life);
    }
    sluice_broker_destroy(life.broker);
    cr_expect_eq(trial_descriptors(), descriptors, "%s", trial->name);
    time_t deadline = time(NULL) + TIMEOUT_MS / 1000;
    while (trial_threads() > threads && time(NULL) < deadline) {
        (void)sched_yield(); /* one that was joined may still be seen for a moment */
    }
    cr_expect_leq(trial_threads(), threads, "%s", trial->name);
}
