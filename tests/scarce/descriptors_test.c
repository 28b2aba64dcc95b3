/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors that are used up, by the system's own limit: before something opens, and while it
 * runs. */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

#include "scarce/trial.h"

enum { ROOM_MAX = 24, TIMEOUT_MS = 60000 };

/* The lowest number that no descriptor has. */
static int first_free(void) {
    int descriptor = open("/dev/null", O_RDONLY);
    cr_assert_geq(descriptor, 0);
    (void)close(descriptor);
    return descriptor;
}

static rlim_t limit_set(rlim_t limit) {
    struct rlimit old;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit wanted = {limit, old.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &wanted), 0);
    return old.rlim_cur;
}

/* With `room` descriptors left. Those of the broker are among them. */
static enum trial_end life_with_room(unsigned room) {
    static const char *const hasty[] = {"delivery.timeout.ms",
                                        "500",
                                        "request.timeout.ms",
                                        "400",
                                        "reconnect.backoff.max.ms",
                                        "100",
                                        NULL};
    char name[40];
    struct trial trial = {.name = name, .settings = hasty};
    snprintf(name, sizeof name, "%u descriptors", room);
    unsigned reading = 1; /* trial_descriptors needs one itself */
    rlim_t before = limit_set((rlim_t)first_free() + room + reading);
    trial_run(&trial, &(struct call_plan){.call = CALL_NONE});
    (void)limit_set(before);
    return trial.end;
}

Test(descriptors, that_are_few_refuse_or_fail_records_and_nothing_else) {
    enum trial_end end = TRIAL_MIXED;
    cr_expect_eq(life_with_room(0), TRIAL_REFUSED);
    for (unsigned room = 1; room <= ROOM_MAX; room++) {
        end = life_with_room(room);
    }
    cr_expect_eq(end, TRIAL_PERSISTED, "with enough of them all is well");
}

Test(descriptors, that_are_none_are_named_when_a_producer_opens) {
    sluice_error error = {.code = SLUICE_OK};
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "127.0.0.1:1", NULL), SLUICE_OK);
    rlim_t before = limit_set((rlim_t)0);
    cr_expect_null(sluice_producer_open(config, &error));
    (void)limit_set(before);
    cr_expect_eq(error.code, SLUICE_NO_RESOURCES);
    cr_expect_str_eq(error.text, "worker threads cannot start: this process has too many open "
                                 "files (errno 24)");
    sluice_config_free(config);
}

/* ---- while it runs --------------------------------------------------------------------------- */

static sluice_broker *broker_open(void) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    return broker;
}

static sluice_producer *producer_open(const sluice_broker *broker) {
    sluice_config *config = sluice_config_new();
    cr_assert_eq(
        sluice_config_set(config, "bootstrap.servers", sluice_broker_bootstrap(broker), NULL),
        SLUICE_OK);
    cr_assert_eq(sluice_config_set(config, "reconnect.backoff.max.ms", "100", NULL), SLUICE_OK);
    sluice_producer *producer = sluice_producer_open(config, NULL);
    sluice_config_free(config);
    cr_assert_not_null(producer);
    return producer;
}

static void expect_one(sluice_producer *producer, sluice_outcome outcome) {
    sluice_report report;
    cr_assert_eq(sluice_poll(producer, &report, 1, TIMEOUT_MS), 1);
    cr_expect_eq(report.outcome, outcome, "%s", sluice_code_name(report.error));
}

/* The broker cannot accept and the producer cannot connect; when there are some again, it goes on
 * by itself. */
Test(descriptors, that_come_back_let_records_go_on) {
    sluice_broker *broker = broker_open();
    sluice_producer *producer = producer_open(broker);
    sluice_topic *topic = sluice_topic_open(producer, "orders", NULL, NULL);
    sluice_record record = {.value = "x", .value_size = 1};
    cr_assert_not_null(topic);
    cr_assert_eq(sluice_produce(topic, &record), SLUICE_OK);
    expect_one(producer, SLUICE_PERSISTED);
    cr_assert_geq(sluice_descriptor(producer), 0);
    rlim_t before = limit_set((rlim_t)0);
    cr_assert_eq(sluice_broker_cut(broker, 1), SLUICE_OK);
    cr_assert_eq(sluice_produce(topic, &record), SLUICE_OK);
    cr_expect_eq(sluice_flush(producer, 300), SLUICE_TIMED_OUT);
    (void)limit_set(before);
    cr_expect_eq(sluice_flush(producer, TIMEOUT_MS), SLUICE_OK);
    expect_one(producer, SLUICE_PERSISTED);
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
}

/* A name is not said to be unknown when nobody could ask for it. */
Test(descriptors, that_are_none_are_the_reason_when_a_name_cannot_be_looked_up) {
    sluice_error error = {.code = SLUICE_OK};
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "localhost:1", NULL), SLUICE_OK);
    sluice_producer *producer = sluice_producer_open(config, NULL);
    sluice_config_free(config);
    cr_assert_not_null(producer);
    rlim_t before = limit_set((rlim_t)0);
    sluice_topic *topic = sluice_topic_open(producer, "orders", NULL, NULL);
    cr_assert_not_null(topic);
    cr_expect_eq(sluice_topic_partition_count(topic, 500, &error), -1);
    (void)limit_set(before);
    cr_expect(strstr(error.text, sluice_code_text(SLUICE_NO_RESOURCES)) != NULL, "%s", error.text);
    sluice_producer_free(producer);
}
