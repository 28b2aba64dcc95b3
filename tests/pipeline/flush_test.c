/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flush, close, free, and what is refused inside a callback. */
#include "pipeline/rig.h"

#include <poll.h>

static const char *const lingering[] = {"linger.ms", "20000", NULL};

Test(flush, waits_for_what_was_produced_before_it_without_linger) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 3, .settings = lingering});
    rig_produce_some(rig, 0, 10);
    rig_produce_some(rig, 2, 10);
    uint64_t before_ns = rt_now(rig->world);
    rig_flush(rig);
    cr_expect_lt(rt_now(rig->world) - before_ns, 500 * RIG_MS);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(flush, of_nothing_is_over_at_once) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    for (int i = 0; i < 200; i++) { /* more than there are epochs */
        cr_assert_eq(sluice_flush(rig->producer, 10), SLUICE_OK);
    }
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_end(rig);
}

Test(flush, does_not_wait_for_anybody_to_poll) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    for (int i = 0; i < 200; i++) {
        rig_produce(rig, 0);
        cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
    }
    cr_expect_eq(rig_status(rig).reports_waiting, 200);
    rig_end(rig);
}

Test(flush, times_out_and_can_be_repeated) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 1, .settings = lingering});
    struct rt_address one = rig_address(1), two = rig_address(2), three = rig_address(3);
    rt_sim_fault(rig->world, &one, RT_SIM_STALL);
    rt_sim_fault(rig->world, &two, RT_SIM_STALL);
    rt_sim_fault(rig->world, &three, RT_SIM_STALL);
    rig_produce_some(rig, 0, 10);
    for (int i = 0; i < 100; i++) {
        uint64_t before_ns = rt_now(rig->world);
        cr_assert_eq(sluice_flush(rig->producer, 20), SLUICE_TIMED_OUT);
        cr_assert_lt(rt_now(rig->world) - before_ns, 22 * RIG_MS);
    }
    cr_assert_eq(sluice_flush(rig->producer, 0), SLUICE_TIMED_OUT);
    rt_sim_fault(rig->world, &one, RT_SIM_HEAL);
    rt_sim_fault(rig->world, &two, RT_SIM_HEAL);
    rt_sim_fault(rig->world, &three, RT_SIM_HEAL);
    rig_flush(rig);
    rig_end(rig);
}

Test(flush, whose_mark_comes_late_leaves_no_actor_spinning, .timeout = 10) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 3, .brokers = {.broker_count = 1}, .settings = lingering});
    struct producer *producer = (struct producer *)rig->producer;
    for (int i = 0; i < 3; i++) {
        for (int32_t partition = 0; partition < 3; partition++) {
            rig_produce(rig, partition); /* three batches due at the same time */
        }
        rig_run(rig, 100);
        rt_mark(&producer->metadata.actor, RT_MARK(METADATA_MARK_FLUSH)); /* nobody waits now */
        rig_run(rig, 100);
        cr_expect_eq(rig_poll(rig), 0);
    }
    rig_flush(rig);
    rig_end(rig);
}

struct stream {
    struct rig *rig;
    bool stop;
};

static void produce_on(void *context) {
    struct stream *stream = context;
    if (!stream->stop) {
        rig_produce(stream->rig, 0);
        rt_sim_at(stream->rig->world, rt_now(stream->rig->world) + 2 * RIG_MS, produce_on, stream);
    }
}

Test(flush, is_not_held_up_by_later_records) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 1, .settings = lingering});
    rig_hold_up(rig, SLUICE_FAULT_DELAY, 0, 20, 0);
    struct stream stream = {.rig = rig};
    rt_sim_at(rig->world, rt_now(rig->world), produce_on, &stream);
    rig_run(rig, 50);
    for (int i = 0; i < 3; i++) {
        uint32_t before = rig->count;
        uint64_t before_ns = rt_now(rig->world);
        cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
        cr_expect_lt(rt_now(rig->world) - before_ns, 200 * RIG_MS);
        rig_poll(rig);
        cr_expect_geq(rig->reported, before);
    }
    stream.stop = true;
    rig_run(rig, 10);
    rig_end(rig);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void refuse_waiting(const sluice_report *reports, size_t count, void *context) {
    struct rig *rig = context;
    rig_take(rig, reports, count);
    sluice_record record = {.value = "v", .value_size = 1};
    sluice_report report;
    cr_expect_eq(sluice_flush(rig->producer, 0), SLUICE_IN_CALLBACK);
    cr_expect_eq(sluice_producer_close(rig->producer, 0), SLUICE_IN_CALLBACK);
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 10, &report), SLUICE_IN_CALLBACK);
    cr_expect_eq(sluice_poll_callback(rig->producer, 10), 0);
    sluice_error error = {0};
    cr_expect(sluice_topic_partition_count(rig->topic, 0, &error) == 1);
    uint32_t produced = rig->count;
    if (produced < 50) {
        rig_produce(rig, 0);
    }
}

static void callbacks_may_produce(const char *thread) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 1,
                            .callback = refuse_waiting,
                            .settings = (const char *[]){"sluice.callback.thread", thread, NULL}});
    rig_produce(rig, 0);
    while (rig->reported < 50) {
        cr_assert_lt(rt_now(rig->world), 100000 * RIG_MS);
        cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
        sluice_poll_callback(rig->producer, 0);
        rig_run(rig, 1);
    }
    cr_expect_eq(rig->count, 50);
    rig_end(rig);
}

Test(flush, is_refused_in_callbacks_and_producing_there_is_not) {
    callbacks_may_produce("poll");
}

Test(flush, is_refused_in_callbacks_on_a_worker_too) {
    callbacks_may_produce("worker");
}

static void fill_up(const sluice_report *reports, size_t count, void *context) {
    struct rig *rig = context;
    rig_take(rig, reports, count);
    if (rig->user == NULL) {
        rig->user = rig;
        sluice_code code;
        while ((code = rig_try(rig, 0)) == SLUICE_OK) {
        }
        cr_expect_eq(code, SLUICE_FULL);
        sluice_record record = {.value = "v", .value_size = 1};
        static char large[8000];
        record.value = large;
        record.value_size = sizeof large;
        cr_expect_eq(sluice_produce_wait(rig->topic, &record, -1), SLUICE_IN_CALLBACK);
        cr_expect_eq(sluice_wait_for_room(rig->producer, 8000, -1), SLUICE_IN_CALLBACK);
    }
}

Test(flush, nobody_waits_for_room_in_a_callback) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 1,
                            .callback = fill_up,
                            .settings = (const char *[]){"buffer.memory", "65536", NULL}});
    rig->value_size = 500;
    rig_produce(rig, 0);
    cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
    cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK);
    rig_end(rig);
}

/* ---- close ----------------------------------------------------------------------------------- */

Test(flush, close_delivers_what_was_accepted_and_refuses_the_rest) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 2, .settings = lingering});
    rig_produce_some(rig, 0, 20);
    rig_produce_some(rig, 1, 20);
    cr_assert_eq(sluice_producer_close(rig->producer, 10000), SLUICE_OK);
    cr_expect_eq(rig_try(rig, 0), SLUICE_CLOSED);
    sluice_record record = {.value = "v", .value_size = 1};
    sluice_report report;
    sluice_error error = {0};
    cr_expect_eq(sluice_produce_wait(rig->topic, &record, 10), SLUICE_CLOSED);
    cr_expect_eq(sluice_produce_sync(rig->topic, &record, 10, &report), SLUICE_CLOSED);
    cr_expect_eq(sluice_wait_for_room(rig->producer, 1, 10), SLUICE_CLOSED);
    cr_expect_null(sluice_topic_open(rig->producer, "other", NULL, &error));
    cr_expect_eq(error.code, SLUICE_CLOSED);
    cr_expect_eq(sluice_flush(rig->producer, 10), SLUICE_OK);
    cr_expect_eq(rig_poll(rig), 40); /* reports stay readable */
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(sluice_producer_close(rig->producer, 0), SLUICE_OK);
    rig_end(rig);
}

Test(flush, close_decides_the_rest_at_its_deadline) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1, .partitions = 2, .settings = (const char *[]){"linger.ms", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_fault(rig, SLUICE_FAULT_DROP, 0, 0, 0);
    rig_produce_some(rig, 0, 5);
    rig_run(rig, 50);
    rig_produce_some(rig, 0, 5);
    rig_produce_some(rig, 1, 5);
    uint64_t before_ns = rt_now(rig->world);
    cr_assert_eq(sluice_producer_close(rig->producer, 500), SLUICE_TIMED_OUT);
    uint64_t took_ns = rt_now(rig->world) - before_ns;
    cr_expect(took_ns >= 499 * RIG_MS && took_ns < 510 * RIG_MS);
    rig_poll(rig);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_UNKNOWN);
    cr_expect_eq(sluice_producer_close(rig->producer, 1000), SLUICE_TIMED_OUT); /* as the first */
    rig_run(rig, 40000); /* the mute connection, which still reads the batches, is given up */
    rig_end(rig);
}

/* Virtual time does not pass while they are decided: what is seen is the time set aside for it. */
Test(flush, close_decides_many_batches_before_its_deadline) {
    enum { BATCHES = 4000 };
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 1,
        .settings = (const char *[]){"linger.ms", "0", "batch.size", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_fault(rig, SLUICE_FAULT_DROP, 0, 0, 0);
    rig_produce_some(rig, 0, BATCHES);
    uint64_t before_ns = rt_now(rig->world);
    cr_assert_eq(sluice_producer_close(rig->producer, 100), SLUICE_TIMED_OUT);
    uint64_t took_ns = rt_now(rig->world) - before_ns;
    cr_expect(took_ns > 95 * RIG_MS && took_ns < 97 * RIG_MS, "%d us", (int)(took_ns / 1000));
    cr_expect_eq(rig_poll(rig), BATCHES);
    rig_run(rig, 40000);
    rig_end(rig);
}

Test(flush, free_without_close_leaves_nothing_behind) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 2});
    rig_produce_some(rig, 0, 100);
    rig_run(rig, 3);
    rig_produce_some(rig, 1, 100);
    rig_free(rig); /* reports nobody read included */
    rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 2});
    rig_free(rig);
    sluice_producer_free(NULL);
    sluice_topic_close(NULL);
}

/* ---- the descriptor -------------------------------------------------------------------------- */

static bool readable(int descriptor) {
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

Test(flush, the_descriptor_is_readable_while_reports_wait) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 1});
    int descriptor = sluice_descriptor(rig->producer);
    if (descriptor < 0) {
        rig_free(rig);
        return; /* the simulated world has none: tested on threads */
    }
    cr_expect_not(readable(descriptor));
    rig_produce_some(rig, 0, 3);
    cr_assert_eq(sluice_flush(rig->producer, 1000), SLUICE_OK);
    cr_expect(readable(descriptor));
    rig_poll(rig);
    cr_expect_not(readable(descriptor));
    rig_end(rig);
}

static void produce_to(void *context) {
    sluice_record record = {.value = "", .value_size = 0};
    cr_assert_eq(sluice_produce(context, &record), SLUICE_OK);
}

Test(flush, is_not_held_up_by_later_records_of_a_topic_that_is_not_there) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 1,
                            .brokers = {.auto_create_off = true},
                            .settings = (const char *[]){"delivery.timeout.ms", "10000",
                                                         "request.timeout.ms", "5000", NULL}});
    sluice_topic *ghost = sluice_topic_open(rig->producer, "ghost", NULL, NULL);
    uint64_t began_ns = rt_now(rig->world);
    produce_to(ghost);
    /* a flush before, which is not done when the next one begins */
    cr_expect_eq(sluice_flush(rig->producer, 1000), SLUICE_TIMED_OUT);
    rt_sim_at(rig->world, began_ns + 2000 * RIG_MS, produce_to, ghost);
    cr_expect_eq(sluice_flush(rig->producer, 60000), SLUICE_OK);
    cr_expect_lt(rt_now(rig->world) - began_ns, 10200 * RIG_MS);
    sluice_status status = rig_status(rig);
    cr_expect_eq(status.records_accepted, 2);
    cr_expect_eq(status.records_not_persisted, 1);
    rig_free(rig);
}
