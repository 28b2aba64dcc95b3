/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the public calls answer at their edges: limits, wrong moments, memory that is short. */
#include "pipeline/rig.h"

static const struct rig_setup usual = {.seed = 1, .partitions = 2};

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Nothing is read of what is refused for its size. */
Test(calls, sizes_that_the_format_cannot_hold_are_too_large) {
    struct rig *rig = rig_start(&usual);
    const size_t huge = (size_t)INT32_MAX + 1;
    const sluice_header header = {"h", "v", huge};
    const sluice_record records[] = {
        {.key = "k", .key_size = huge},
        {.value = "v", .value_size = huge},
        {.header_count = 1, .headers = &header},
    };
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        cr_expect_eq(sluice_produce(rig->topic, &records[i]), SLUICE_RECORD_TOO_LARGE, "%zu", i);
    }
    sluice_reservation *reservation = NULL;
    void *value;
    cr_expect_eq(
        sluice_reserve(rig->topic, &(sluice_record){.key = NULL}, huge, &reservation, &value),
        SLUICE_RECORD_TOO_LARGE);
    cr_expect_null(reservation);
    rig_free(rig);
}

Test(calls, what_is_larger_than_all_memory_is_never_waited_for) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"buffer.memory", "65536", "max.request.size", "65536", NULL};
    struct rig *rig = rig_start(&setup);
    static char value[65536];
    sluice_record record = {.value = value, .value_size = 65536 - 20};
    cr_expect_eq(sluice_produce_wait(rig->topic, &record, -1), SLUICE_RECORD_TOO_LARGE);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 65536, -1), SLUICE_RECORD_TOO_LARGE);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 65537, -1), SLUICE_RECORD_TOO_LARGE);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 60000, 0), SLUICE_OK);
    rig_free(rig);
}

static sluice_code produce_bytes(struct rig *rig, size_t size) {
    static char value[1000];
    sluice_record record = {.value = value, .value_size = size, .opaque = rig_next(rig, RIG_ANY)};
    sluice_code code = sluice_produce(rig->topic, &record);
    rig->count -= code != SLUICE_OK;
    return code;
}

/* A batch of one record has up to 66 bytes beside the record's own: key, value and headers, which
 * take three when there is nothing in them. */
Test(calls, a_request_that_holds_no_record_takes_none) {
    static const char *const sizes[] = {"1", "66", "67", "68", "69", "79"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rig_setup setup = usual;
        setup.settings = (const char *[]){"max.request.size", sizes[i], NULL};
        struct rig *rig = rig_start(&setup);
        bool none = strtol(sizes[i], NULL, 10) < 69;
        bool ten = strtol(sizes[i], NULL, 10) == 79;
        cr_expect_eq(produce_bytes(rig, 0), none ? SLUICE_RECORD_TOO_LARGE : SLUICE_OK, "%s",
                     sizes[i]);
        cr_expect_eq(produce_bytes(rig, 10), ten ? SLUICE_OK : SLUICE_RECORD_TOO_LARGE);
        cr_expect_eq(produce_bytes(rig, 11), SLUICE_RECORD_TOO_LARGE);
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_free(rig);
    }
}

Test(calls, timestamps_that_no_log_can_hold_are_refused) {
    struct rig *rig = rig_start(&usual);
    sluice_record record = {.flags = SLUICE_RECORD_TIMESTAMP, .timestamp_ms = INT64_MAX};
    cr_expect_eq(sluice_produce(rig->topic, &record), SLUICE_INVALID_ARGUMENT);
    rig_free(rig);
}

/* ---- reading --------------------------------------------------------------------------------- */

Test(calls, poll_without_a_place_for_reports_takes_none) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    cr_assert_eq(sluice_flush(rig->producer, -1), SLUICE_OK);
    sluice_report report;
    cr_expect_eq(sluice_poll(rig->producer, &report, 0, -1), 0);
    cr_expect_eq(sluice_poll(rig->producer, NULL, 1, -1), 0);
    cr_expect_eq(rig_status(rig).reports_waiting, 1);
    rig_end(rig);
}

Test(calls, that_ask_nothing_are_answered_with_nothing) {
    struct rig *rig = rig_start(&usual);
    sluice_producer_status(rig->producer, NULL);
    sluice_producer_status(NULL, NULL);
    cr_expect_not(sluice_topic_partition_is_full(NULL, 0));
    rig_end(rig);
}

Test(calls, poll_callback_without_a_callback_does_nothing) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    cr_expect_eq(sluice_poll_callback(rig->producer, -1), 0);
    rig_end(rig);
}

static void take_reports(const sluice_report *reports, size_t count, void *context) {
    rig_take(context, reports, count);
}

Test(calls, poll_callback_waits_until_its_deadline) {
    struct rig_setup setup = usual;
    setup.callback = take_reports;
    struct rig *rig = rig_start(&setup);
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_eq(sluice_poll_callback(rig->producer, 250), 0);
    cr_expect_geq(rt_now(rig->world) - before_ns, 250 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - before_ns, 260 * RIG_MS);
    rig_end(rig);
}

/* ---- in a callback --------------------------------------------------------------------------- */

static void call_from_a_callback(const sluice_report *reports, size_t count, void *context) {
    struct rig *rig = context;
    sluice_report report;
    sluice_error error = {0};
    rig_take(rig, reports, count);
    cr_expect_eq(sluice_poll(rig->producer, &report, 1, 1000), 0);
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 1000, &error), 2); /* it is known */
    cr_expect_eq(error.code, SLUICE_OK);
    sluice_topic *other = sluice_topic_open(rig->producer, "not.known.yet", NULL, &error);
    cr_expect_eq(sluice_topic_partition_count(other, 0, &error), -1);
    cr_expect_eq(error.code, SLUICE_TIMED_OUT);
    cr_expect_eq(sluice_topic_partition_count(other, 1000, &error), -1);
    cr_expect_eq(error.code, SLUICE_IN_CALLBACK);
    sluice_topic_close(other);
    cr_expect_null(sluice_cluster_fetch(rig->producer, NULL, 1000, &error));
    cr_expect_eq(error.code, SLUICE_IN_CALLBACK);
    sluice_producer_free(rig->producer); /* does nothing: who called us goes on with it */
}

Test(calls, that_wait_or_end_the_producer_are_refused_in_a_callback) {
    struct rig_setup setup = usual;
    setup.callback = call_from_a_callback;
    struct rig *rig = rig_start(&setup);
    rig_produce(rig, 0);
    uint64_t before_ns = rt_now(rig->world);
    while (rig->reported == 0) {
        sluice_poll_callback(rig->producer, 100);
    }
    cr_expect_lt(rt_now(rig->world) - before_ns, 1000 * RIG_MS);
    rig_end(rig);
}

/* ---- opening and closing --------------------------------------------------------------------- */

Test(calls, a_configuration_that_contradicts_itself_opens_nothing) {
    sluice_config *config = sluice_config_new();
    sluice_error error = {0};
    cr_assert_eq(sluice_config_set(config, "acks", "1", &error), SLUICE_OK);
    cr_expect_null(sluice_producer_open(config, &error), "bootstrap.servers is missing");
    cr_expect_eq(error.code, SLUICE_MISSING_OPTION);
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    cr_expect_null(producer_open_in(world, config, &error));
    cr_expect_eq(error.code, SLUICE_MISSING_OPTION);
    rt_world_destroy(world);
    sluice_config_free(config);
}

Test(calls, close_without_a_deadline_waits_for_what_was_accepted) {
    struct rig *rig = rig_start(&usual);
    rig_produce_some(rig, 0, 10);
    cr_assert_eq(sluice_producer_close(rig->producer, -1), SLUICE_OK);
    rig_poll(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(calls, a_topic_that_may_not_be_written_is_told_at_once) {
    struct rig *rig = rig_start(&usual);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = 3;
    fault.topic = "secrets";
    fault.error_code = SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED;
    fault.count = 0;
    cr_assert_neq(broker_cluster_fault_add(rig->cluster, &fault), 0);
    sluice_error error = {0};
    sluice_topic *secrets = sluice_topic_open(rig->producer, "secrets", NULL, &error);
    cr_assert_not_null(secrets);
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_eq(sluice_topic_partition_count(secrets, 60000, &error), -1);
    cr_expect_eq(error.code, SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED);
    cr_expect_lt(rt_now(rig->world) - before_ns, 1000 * RIG_MS);
    rig_free(rig);
}

struct closing {
    struct rig *rig;
    unsigned thread;
    int64_t timeout_ms;
    sluice_code result;
    uint64_t took_ms;
};

static void close_in_script(void *context) {
    struct closing *closing = context;
    uint64_t before_ns = rt_now(closing->rig->world);
    rt_sim_thread(closing->rig->world, closing->thread);
    closing->result = sluice_producer_close(closing->rig->producer, closing->timeout_ms);
    closing->took_ms = (rt_now(closing->rig->world) - before_ns) / RIG_MS;
}

static void heal_all(void *context) {
    for (int32_t node = 1; node <= 3; node++) {
        struct rt_address address = rig_address(node);
        rt_sim_fault(((struct rig *)context)->world, &address, RT_SIM_HEAL);
    }
}

static void stall_all(struct rig *rig) {
    for (int32_t node = 1; node <= 3; node++) {
        struct rt_address address = rig_address(node);
        rt_sim_fault(rig->world, &address, RT_SIM_STALL);
    }
}

Test(calls, a_second_close_waits_for_the_first_until_its_own_deadline) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    rig_flush(rig);
    stall_all(rig);
    rig_produce(rig, 0);
    struct closing closings[] = {{.rig = rig, .thread = 1, .timeout_ms = 5000},
                                 {.rig = rig, .thread = 2, .timeout_ms = 300},
                                 {.rig = rig, .thread = 3, .timeout_ms = 5000}};
    uint64_t now_ns = rt_now(rig->world);
    for (unsigned i = 0; i < 3; i++) {
        rt_sim_at(rig->world, now_ns + (10 + i) * RIG_MS, close_in_script, &closings[i]);
    }
    rt_sim_at(rig->world, now_ns + 1000 * RIG_MS, heal_all, rig);
    rig_run(rig, 10000);
    cr_expect_eq(closings[0].result, SLUICE_OK);
    cr_expect_eq(closings[1].result, SLUICE_TIMED_OUT);
    cr_expect_geq(closings[1].took_ms, 300);
    cr_expect_lt(closings[1].took_ms, 310);
    cr_expect_eq(closings[2].result, SLUICE_OK);
    rig_end(rig);
}

/* ---- room ------------------------------------------------------------------------------------ */

static void fill(struct rig *rig) {
    rig->value_size = 1000;
    while (rig_try(rig, 0) == SLUICE_OK) {
    }
    rig->value_size = 12;
}

static const char *const little_memory[] = {"buffer.memory", "65536", "linger.ms", "20", NULL};

Test(calls, a_synchronous_call_waits_for_room_first) {
    struct rig_setup setup = usual;
    setup.settings = little_memory;
    struct rig *rig = rig_start(&setup);
    rig_produce(rig, 0);
    rig_flush(rig);
    static char value[2000] = "9999999999";
    sluice_record record = {.value = value, .value_size = sizeof value};
    sluice_report report;
    stall_all(rig);
    fill(rig);
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 200, &report), SLUICE_FULL);
    heal_all(rig);
    while (rig_status(rig).records_persisted < rig->count) {
        rig_run(rig, 1);
    }
    rig_poll(rig);
    rig_run(rig, 100);
    fill(rig);
    cr_assert_eq(sluice_produce_sync(rig->topic, &record, 10000, &report), SLUICE_OK);
    cr_expect_eq(report.outcome, SLUICE_PERSISTED);
    rig_poll(rig);
    rig_free(rig);
}

Test(calls, who_waits_for_room_needs_nobody_to_serve_callbacks_on_a_worker) {
    struct rig_setup setup = usual;
    setup.callback = take_reports;
    setup.settings =
        (const char *[]){"buffer.memory", "65536", "sluice.callback.thread", "worker", NULL};
    struct rig *rig = rig_start(&setup);
    for (int i = 0; i < 5; i++) {
        fill(rig);
        cr_assert_eq(sluice_wait_for_room(rig->producer, 20000, 10000), SLUICE_OK);
    }
    rig_flush(rig);
    rig_end(rig);
}

Test(calls, waiting_for_room_that_unread_reports_hold_ends_at_its_deadline) {
    struct rig_setup setup = usual;
    setup.settings = (const char *[]){"buffer.memory", "16384", "linger.ms", "0", NULL};
    struct rig *rig = rig_start(&setup);
    sluice_code code = SLUICE_OK;
    while (code != SLUICE_REPORTS_WAITING) {
        code = rig_try(rig, 0);
        cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
        rig_run(rig, 10);
    }
    sluice_record record = {.value = "v", .value_size = 1};
    uint64_t before_ns = rt_now(rig->world);
    sluice_report report;
    cr_expect_eq(sluice_produce_wait(rig->topic, &record, 300), SLUICE_REPORTS_WAITING);
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 300, &report), SLUICE_REPORTS_WAITING);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 1, 300), SLUICE_REPORTS_WAITING);
    cr_expect_geq(rt_now(rig->world) - before_ns, 900 * RIG_MS);
    rig_end(rig);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static sluice_code call_produce(struct rig *rig) {
    return rig_try(rig, 0);
}

static sluice_code call_produce_large(struct rig *rig) {
    rig->value_size = 40000;
    sluice_code code = rig_try(rig, 0);
    rig->value_size = 12;
    return code;
}

static sluice_code call_produce_sync(struct rig *rig) {
    sluice_record record = {.value = "9999999999", .value_size = 10};
    sluice_report report;
    return sluice_produce_sync(rig->topic, &record, 5000, &report);
}

static sluice_code call_wait_for_room(struct rig *rig) {
    return sluice_wait_for_room(rig->producer, 100, 5000);
}

static sluice_code call_reserve(struct rig *rig) {
    sluice_reservation *reservation = NULL;
    void *value;
    sluice_code code =
        sluice_reserve(rig->topic, &(sluice_record){.key = NULL}, 100, &reservation, &value);
    sluice_abort(reservation);
    return code;
}

static sluice_code call_fetch(struct rig *rig) {
    sluice_error error = {0};
    sluice_cluster *cluster = sluice_cluster_fetch(rig->producer, NULL, 5000, &error);
    sluice_cluster_free(cluster);
    return cluster != NULL ? SLUICE_OK : error.code;
}

/* Each time by another thread, which has nothing yet, until an acquisition is one too many. Returns
 * how many calls were refused. */
static unsigned fail_each(struct rig *rig, sluice_code (*call)(struct rig *rig)) {
    static unsigned thread;
    unsigned refused = 0;
    bool reached = true;
    for (uint64_t nth = 1; reached; nth++) {
        uint64_t before = rt_sim_memory_count(rig->world);
        rt_sim_thread(rig->world, 1 + thread++ % 60);
        rt_sim_fail_memory(rig->world, nth);
        sluice_code code = call(rig);
        reached = rt_sim_memory_count(rig->world) - before >= nth;
        rt_sim_fail_memory(rig->world, 0);
        cr_assert(code == SLUICE_OK || code == SLUICE_NO_MEMORY, "%s", sluice_code_name(code));
        refused += code == SLUICE_NO_MEMORY;
    }
    return refused;
}

Test(calls, say_when_memory_is_short_and_leave_nothing_behind) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    rig_flush(rig);
    rt_sim_spare_memory(rig->world, "broker");
    cr_expect_eq(fail_each(rig, call_wait_for_room), 1); /* the thread's lane */
    cr_expect_geq(fail_each(rig, call_produce), 2);
    cr_expect_geq(fail_each(rig, call_produce_large), 3);
    cr_expect_geq(fail_each(rig, call_reserve), 2);
    cr_expect_geq(fail_each(rig, call_fetch), 2);
    rt_sim_thread(rig->world, 0);
    rig_flush(rig);
    rig_run(rig, 50);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    rig_free(rig);
}

Test(calls, that_wait_for_their_record_say_when_memory_is_short) {
    struct rig *rig = rig_start(&usual);
    rig_produce(rig, 0);
    rig_flush(rig);
    rt_sim_spare_memory(rig->world, "broker");
    cr_expect_geq(fail_each(rig, call_produce_sync), 2);
    rig_run(rig, 50);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    rig_free(rig);
}

/* Reserved on one thread, committed on another that has nothing yet. */
Test(calls, a_commit_without_memory_is_an_abort) {
    struct rig *rig = rig_start(&usual);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        sluice_reservation *reservation = NULL;
        void *value;
        rt_sim_thread(rig->world, 0);
        cr_assert_eq(
            sluice_reserve(rig->topic, &(sluice_record){.key = NULL}, 9, &reservation, &value),
            SLUICE_OK);
        rt_sim_thread(rig->world, (unsigned)nth);
        rt_sim_fail_memory(rig->world, nth);
        cr_expect_eq(sluice_commit(reservation, 9), SLUICE_NO_MEMORY);
        rt_sim_fail_memory(rig->world, 0);
    }
    rt_sim_thread(rig->world, 0);
    rig_run(rig, 50);
    cr_expect_eq(rig_status(rig).bytes_used, 0);
    cr_expect_eq(rig_status(rig).records_accepted, 0);
    rig_free(rig);
}
