/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pointers that are NULL where none is allowed: a handle that could not be had, for the most part.
 */
#include "pipeline/rig.h"

static const sluice_record record = {.value = "v", .value_size = 1};

Test(null, a_producer_that_is_none_is_refused) {
    sluice_error error = {0};
    sluice_report report;
    sluice_status status = {.records_accepted = 7};
    cr_expect_eq(sluice_flush(NULL, -1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_purge(NULL, SLUICE_PURGE_SENT), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_producer_close(NULL, -1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_wait_for_room(NULL, 1, -1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_poll(NULL, &report, 1, -1), 0);
    cr_expect_eq(sluice_poll_callback(NULL, -1), 0);
    cr_expect_eq(sluice_descriptor(NULL), -1);
    sluice_producer_status(NULL, &status);
    cr_expect_eq(status.records_accepted, 0);
    cr_expect_eq(sluice_producer_counters(NULL, NULL, 0), 0);
    cr_expect_null(sluice_topic_open(NULL, "orders", NULL, &error));
    cr_expect_eq(error.code, SLUICE_INVALID_ARGUMENT);
    error.code = SLUICE_OK;
    cr_expect_null(sluice_cluster_fetch(NULL, NULL, -1, &error));
    cr_expect_eq(error.code, SLUICE_INVALID_ARGUMENT);
    sluice_producer_free(NULL);
}

Test(null, a_topic_that_is_none_is_refused) {
    sluice_error error = {0};
    sluice_report report;
    sluice_reservation *reservation;
    void *value;
    sluice_code code = SLUICE_OK;
    cr_expect_eq(sluice_produce(NULL, &record), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_many(NULL, &record, 1, &code), 0);
    cr_expect_eq(code, SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_wait(NULL, &record, -1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_sync(NULL, &record, -1, &report), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_reserve(NULL, &record, 1, &reservation, &value), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_topic_partition_count(NULL, -1, &error), -1);
    cr_expect_eq(error.code, SLUICE_INVALID_ARGUMENT);
    cr_expect_null(sluice_topic_name(NULL));
    sluice_topic_close(NULL);
}

Test(null, a_record_a_report_and_a_reservation_that_are_none_are_refused) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    sluice_report report;
    sluice_reservation *reservation;
    void *value;
    cr_expect_eq(sluice_produce(rig->topic, NULL), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_wait(rig->topic, NULL, -1), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_sync(rig->topic, NULL, -1, &report), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, -1, NULL), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_reserve(rig->topic, NULL, 1, &reservation, &value),
                 SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_reserve(rig->topic, &record, 1, NULL, &value), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_reserve(rig->topic, &record, 1, &reservation, NULL),
                 SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_commit(NULL, 0), SLUICE_INVALID_ARGUMENT);
    sluice_abort(NULL);
    rig_end(rig);
}
