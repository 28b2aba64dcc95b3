/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pointers that are NULL where none is allowed: a broker that could not be started, mostly. */
#include <string.h>

#include <sluice/broker.h>

#include "test.h"

static bool never(const sluice_broker_record *record, void *context) {
    (void)record;
    (void)context;
    cr_assert_fail("there is no record");
    return false;
}

static void expect_nothing(const sluice_broker_counters *counters) {
    static const sluice_broker_counters none;
    cr_expect_eq(memcmp(counters, &none, sizeof none), 0);
}

Test(broker_null, a_broker_that_is_none_is_refused) {
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_COUNT);
    sluice_broker_counters counters;
    memset(&counters, 1, sizeof counters);
    cr_expect_null(sluice_broker_bootstrap(NULL));
    cr_expect_eq(sluice_broker_count(NULL), 0);
    cr_expect_eq(sluice_broker_port(NULL, 1), 0);
    cr_expect_eq(sluice_broker_topic_create(NULL, "t", 1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_topic_delete(NULL, "t"), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_topic_grow(NULL, "t", 2), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_topic_limit(NULL, "t", 2), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_topic_keys(NULL, "t", true), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_partition_count(NULL, "t"), 0);
    cr_expect_eq(sluice_broker_read(NULL, "t", 0, 0, never, NULL), -1);
    cr_expect_eq(sluice_broker_high_watermark(NULL, "t", 0), -1);
    cr_expect_not(sluice_broker_wait_records(NULL, "t", 0, 0, -1));
    cr_expect_eq(sluice_broker_leader(NULL, "t", 0), 0);
    cr_expect_eq(sluice_broker_leader_move(NULL, "t", 0, 1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_kill(NULL, 1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_restart(NULL, 1, SLUICE_BROKER_KEEP_ALL), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_stall(NULL, 1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_resume(NULL, 1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_refuse(NULL, 1, true), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_cut(NULL, 1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_fault_add(NULL, &fault), 0);
    cr_expect_not(sluice_broker_fault_remove(NULL, 1));
    sluice_broker_fault_remove_all(NULL);
    cr_expect_eq(sluice_broker_fault_hits(NULL, 1), 0);
    cr_expect_not(sluice_broker_fault_wait(NULL, 1, 0, -1));
    sluice_broker_count_all(NULL, SLUICE_BROKER_ANY, &counters);
    expect_nothing(&counters);
    sluice_broker_destroy(NULL);
}

Test(broker_null, a_name_that_is_none_is_no_topics) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    cr_expect_eq(sluice_broker_topic_create(broker, NULL, 1),
                 SLUICE_BROKER_INVALID_TOPIC_EXCEPTION);
    cr_expect_eq(sluice_broker_topic_delete(broker, NULL),
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(sluice_broker_topic_grow(broker, NULL, 2),
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(sluice_broker_partition_count(broker, NULL), 0);
    cr_expect_eq(sluice_broker_read(broker, NULL, 0, 0, never, NULL), -1);
    cr_expect_eq(sluice_broker_high_watermark(broker, NULL, 0), -1);
    cr_expect_not(sluice_broker_wait_records(broker, NULL, 0, 1, 0));
    cr_expect_eq(sluice_broker_leader(broker, NULL, 0), 0);
    cr_expect_eq(sluice_broker_leader_move(broker, NULL, 0, 1),
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    sluice_broker_destroy(broker);
}

Test(broker_null, what_is_handed_over_as_none_does_nothing) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    cr_assert_eq(sluice_broker_topic_create(broker, "t", 1), SLUICE_OK);
    cr_expect_eq(sluice_broker_read(broker, "t", 0, 0, NULL, NULL), -1);
    cr_expect_eq(sluice_broker_fault_add(broker, NULL), 0);
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, NULL);
    sluice_broker_destroy(broker);
}
