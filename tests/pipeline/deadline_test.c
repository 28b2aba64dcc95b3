/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The delivery timeout holds wherever a batch is when its time ends, on its way included. */
#include "pipeline/rig.h"

enum { PRODUCE = 0, TIMEOUT_MS = 2000, LATE_MS_MAX = 30 };

static uint64_t produced_ns[RIG_RECORDS_MAX];

static void produce(struct rig *rig, int32_t partition) {
    produced_ns[rig->count] = rt_now(rig->world);
    rig_produce(rig, partition);
}

/* Lets time pass, and looks every millisecond whether a record is undecided past its time. */
static void watch(struct rig *rig, uint64_t seed, uint64_t ms) {
    for (; ms > 0; ms--) {
        rig_run(rig, 1);
        rig_poll(rig);
        for (uint32_t i = 0; i < rig->count; i++) {
            cr_assert(rig->records[i].reports > 0 ||
                          rt_now(rig->world) - produced_ns[i] < (TIMEOUT_MS + LATE_MS_MAX) * RIG_MS,
                      "record %u with seed %llu", i, (unsigned long long)seed);
        }
    }
}

static struct rig *start(uint64_t seed, const char *const *settings) {
    return rig_start(&(struct rig_setup){.seed = seed, .partitions = 2, .settings = settings});
}

static void kill_all(struct rig *rig) {
    for (int32_t node = 1; node <= 3; node++) {
        cr_assert_eq(broker_cluster_kill(rig->cluster, node), SLUICE_OK);
    }
}

/* Two batches come back, and a younger one waits for them. The first is over before the second is
 * lent again, which then cannot be sent. */
Test(deadline, holds_for_a_batch_that_comes_back_from_a_retry) {
    static const char *const settings[] = {
        "delivery.timeout.ms",  "2000", "request.timeout.ms",       "1900", "linger.ms",  "0",
        "retry.backoff.ms",     "1000", "retry.backoff.max.ms",     "1000", "batch.size", "0",
        "reconnect.backoff.ms", "100",  "reconnect.backoff.max.ms", "100",  NULL};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig *rig = start(seed, settings);
        rig_produce(rig, 0);
        rig_flush(rig);
        rig_fault(rig, SLUICE_FAULT_DROP, PRODUCE, 0, 0);
        produce(rig, 0);
        watch(rig, seed, 400);
        produce(rig, 0);
        watch(rig, seed, 800);
        kill_all(rig);
        watch(rig, seed, 100);
        produce(rig, 0);
        watch(rig, seed, 2500);
        rig_expect_quiet(rig);
        rig_free(rig);
    }
}

static void produce_now(void *context) {
    produce(context, 0);
}

/* The timer rings for a batch that is done, in the moment in which another leaves the aggregator
 * and a younger one stays there. Then the first of them is on its way, and must not be overlooked.
 * Who runs when in that moment is the seed's choice. */
Test(deadline, holds_for_a_batch_between_two_actors) {
    static const char *const settings[] = {"delivery.timeout.ms",
                                           "2000",
                                           "request.timeout.ms",
                                           "900",
                                           "linger.ms",
                                           "1000",
                                           "batch.size",
                                           "400",
                                           NULL};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rig *rig = start(seed, settings);
        rig->value_size = 200;
        uint64_t began_ns = rt_now(rig->world);
        produce(rig, 0);
        rig_flush(rig);
        kill_all(rig);
        rt_sim_run_until(rig->world, began_ns + 1500 * RIG_MS);
        produce(rig, 0);
        rt_sim_at(rig->world, began_ns + 2000 * RIG_MS, produce_now, rig);
        watch(rig, seed, 2600);
        rig_expect_quiet(rig);
        rig_free(rig);
    }
}

/* The first of two batches is refused for now, and its partition is called back; the second is not
 * answered. The first one's time ends before the second one is given up. */
Test(deadline, holds_for_a_failed_batch_while_others_of_its_partition_are_unanswered) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 1,
        .partitions = 1,
        .delay_ns = 100 * RIG_MS,
        .settings = (const char *[]){"delivery.timeout.ms", "2000", "request.timeout.ms", "1900",
                                     "linger.ms", "0", "batch.size", "0", NULL}});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_fault(rig, SLUICE_FAULT_DROP, PRODUCE, 1, 0);
    rig_refuse(rig, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, 0, 1);
    produce(rig, 0);
    watch(rig, 1, 150); /* the answer comes after 200 ms */
    produce(rig, 0);
    watch(rig, 1, 3000);
    cr_expect_eq(rig->records[1].report.error, SLUICE_DELIVERY_TIMED_OUT);
    cr_expect_eq(rig->records[1].report.last_error, SLUICE_BROKER_NOT_ENOUGH_REPLICAS);
    rig_free(rig);
}
