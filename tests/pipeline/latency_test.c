/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a record takes from produce to its report, in virtual time: a round trip, its linger,
 * and never more than 10 ms beside, as long as the pipe is not full; and how batches grow where
 * many partitions share a broker.
 */
#include "pipeline/rig.h"

enum { LINGER_MS = 5, BESIDE_MS = 10, PARTITIONS = 16 };

/* The report of a record holds the time at which it was produced, in us. */
struct seen {
    struct rt_world *world;
    uint64_t count;
    uint64_t most_us;
};

static void see(const sluice_report *reports, size_t count, void *context) {
    struct seen *seen = context;
    uint64_t now_us = rt_now(seen->world) / 1000;
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(reports[i].outcome, SLUICE_PERSISTED);
        uint64_t took_us = now_us - (uintptr_t)reports[i].opaque;
        seen->most_us = took_us > seen->most_us ? took_us : seen->most_us;
    }
    seen->count += count;
}

/* To one partition after the other. */
static void produce_now(struct rig *rig, uint32_t count, uint32_t partitions) {
    static uint32_t next;
    for (uint32_t i = 0; i < count; i++) {
        next++;
        sluice_record record = {.value = "0123456789",
                                .value_size = 10,
                                .flags = SLUICE_RECORD_PARTITION,
                                .partition = (int32_t)(next % partitions),
                                .opaque = (void *)(uintptr_t)(rt_now(rig->world) / 1000)};
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    }
}

static void poll_all(struct rig *rig, struct seen *seen) {
    sluice_report reports[64];
    size_t count;
    while ((count = sluice_poll(rig->producer, reports, 64, 0)) > 0) {
        see(reports, count, seen);
    }
}

/* `at_once` records each `every_ms`, so often, at a round trip of so many microseconds. */
static void keeps_time(uint32_t partitions, uint64_t round_trip_us, uint64_t every_ms,
                       uint32_t at_once, uint32_t times) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = round_trip_us + every_ms + at_once,
                                                    .partitions = partitions,
                                                    .brokers = {.broker_count = 1},
                                                    .delay_ns = round_trip_us * 1000 / 2,
                                                    .socket_buffer_bytes = 16 << 20});
    struct seen seen = {.world = rig->world};
    produce_now(rig, partitions * 8, partitions); /* connections, producer id, and the gates */
    while (seen.count < partitions * 8) {
        rig_run(rig, 10);
        poll_all(rig, &seen);
    }
    seen = (struct seen){.world = rig->world};
    uint64_t due_ns = rt_now(rig->world);
    for (uint32_t i = 0; i < times || seen.count < (uint64_t)at_once * times; i++) {
        if (i < times) {
            produce_now(rig, at_once, partitions);
        }
        for (due_ns += every_ms * RIG_MS; rt_now(rig->world) < due_ns;) {
            rig_run(rig, 1);
            poll_all(rig, &seen);
        }
    }
    /* Five batches of a partition in a round trip: where they are not enough, its pipe is full. */
    bool full = every_ms * 1000 * partitions / at_once < round_trip_us / 5;
    uint64_t beside_us = BESIDE_MS * 1000 + (full ? round_trip_us * 2 / 5 : 0);
    uint64_t limit_us = round_trip_us + LINGER_MS * 1000 + beside_us + 1100; /* read each ms */
    cr_expect_leq(seen.most_us, limit_us,
                  "%d us there and back, %d records each %d ms, %d partitions", (int)round_trip_us,
                  (int)at_once, (int)every_ms, (int)partitions);
    rig_free(rig);
}

Test(latency, is_a_round_trip_and_linger_and_little_beside) {
    static const uint64_t round_trips_us[] = {100, 20000, 200000};
    for (size_t i = 0; i < sizeof round_trips_us / sizeof round_trips_us[0]; i++) {
        for (uint32_t partitions = 1; partitions <= PARTITIONS; partitions *= PARTITIONS) {
            keeps_time(partitions, round_trips_us[i], 1000, 1, 5);  /* 1 a second, */
            keeps_time(partitions, round_trips_us[i], 10, 1, 100);  /* 100, */
            keeps_time(partitions, round_trips_us[i], 1, 100, 400); /* 100,000 */
        }
    }
}

/* ---- many partitions at one broker ----------------------------------------------------------- */

enum { MANY = 1000, ROUNDS = 30 };

/* The answers take long, so that five requests are soon on their way and nothing more can leave:
 * what lingers meanwhile stays open, instead of waiting behind them in batches of one record. */
Test(latency, batches_grow_while_nothing_can_leave) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 7,
                            .partitions = MANY,
                            .brokers = {.broker_count = 1},
                            .settings = (const char *[]){"buffer.memory", "67108864", NULL},
                            .delay_ns = 25 * RIG_MS});
    struct seen seen = {.world = rig->world};
    produce_now(rig, 1, MANY);
    while (seen.count < 1) {
        rig_run(rig, 10);
        poll_all(rig, &seen);
    }
    uint64_t before = rig_status(rig).batches_sent;
    for (int i = 0; i < ROUNDS; i++) {
        produce_now(rig, 4 * MANY, MANY);
        rig_run(rig, 10);
        poll_all(rig, &seen);
    }
    while (seen.count < 1 + 4 * MANY * ROUNDS) {
        rig_run(rig, 10);
        poll_all(rig, &seen);
    }
    uint64_t batches = rig_status(rig).batches_sent - before;
    cr_expect_lt(batches, (uint64_t)MANY * ROUNDS / 3, "%d batches", (int)batches);
    rig_free(rig);
}
