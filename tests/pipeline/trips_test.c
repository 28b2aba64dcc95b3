/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many round trips it takes until a first record is reported, handshakes counted: a round trip
 * takes long here, and everything else next to nothing. Why so many: docs/decisions/round-trips.md.
 */
#include "pipeline/rig.h"

enum {
    ROUND_TRIP_MS = 200,
    BESIDE_MS = 25, /* lookups, linger, and that reports are looked for each ms */
    METADATA = 3,
    INIT_PRODUCER_ID = 22
};

static const char *const both[] = {"true", "false"};
static const char *const lingers[] = {"0", "5"};

static struct rig *start_with(uint32_t brokers, const char *bootstrap,
                              const char *const *settings) {
    return rig_start(&(struct rig_setup){.seed = 1,
                                         .partitions = 3,
                                         .brokers = {.broker_count = brokers, .partition_count = 1},
                                         .settings = settings,
                                         .delay_ns = ROUND_TRIP_MS * RIG_MS / 2,
                                         .bootstrap = bootstrap});
}

static struct rig *start(uint32_t brokers, const char *bootstrap, const char *idempotence,
                         const char *linger) {
    const char *settings[] = {"enable.idempotence", idempotence, "linger.ms", linger, NULL};
    return start_with(brokers, bootstrap, settings);
}

/* Since then. What is beside them is little. */
static uint64_t round_trips_since(const struct rig *rig, uint64_t began_ns) {
    uint64_t took_ms = (rt_now(rig->world) - began_ns) / RIG_MS;
    cr_expect_leq(took_ms % ROUND_TRIP_MS, BESIDE_MS, "%d ms", (int)took_ms);
    return took_ms / ROUND_TRIP_MS;
}

/* A record to this partition, until it is reported. */
static uint64_t round_trips_of_a_record(struct rig *rig, int32_t partition) {
    uint64_t began_ns = rt_now(rig->world);
    rig_produce(rig, partition);
    cr_assert(rig_await(rig, rig->count, 10000));
    return round_trips_since(rig, began_ns);
}

static uint64_t connections_open(struct rig *rig) {
    return rig_counters(rig).connections_open;
}

/* Opens, sends its first record to a partition that node 1, 2, … leads. */
static void expect_first(uint32_t brokers, const char *bootstrap, int32_t partition,
                         uint64_t round_trips) {
    for (size_t i = 0; i < 4; i++) {
        const char *idempotence = both[i / 2], *linger = lingers[i % 2];
        struct rig *rig = start(brokers, bootstrap, idempotence, linger);
        cr_expect_eq(round_trips_of_a_record(rig, partition), round_trips,
                     "%d brokers, %s, idempotence %s, linger %s", (int)brokers, bootstrap,
                     idempotence, linger);
        cr_expect_eq(rig_counters(rig).requests[METADATA], 1);
        cr_expect_eq(rig_counters(rig).requests[INIT_PRODUCER_ID], i < 2);
        rig_end(rig);
    }
}

/* ---- the first record ------------------------------------------------------------------------ */

Test(trips, are_four_when_the_bootstrap_address_is_the_leaders) {
    expect_first(1, "b1.example:9092", 0, 4);
    expect_first(3, "b1.example:9092", 0, 4);
}

Test(trips, are_six_when_the_leader_is_another_broker) {
    expect_first(3, "b1.example:9092", 1, 6);
}

/* By another name it may be another broker: only what is told counts. */
Test(trips, are_six_when_nothing_proves_that_it_is_the_leader) {
    expect_first(1, "10.0.0.1:9092", 0, 6);
}

/* ---- what follows ---------------------------------------------------------------------------- */

Test(trips, are_one_from_then_on) {
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = start(1, "b1.example:9092", both[i], "5");
        round_trips_of_a_record(rig, 0);
        cr_expect_eq(round_trips_of_a_record(rig, 0), 1);
        cr_expect_eq(round_trips_of_a_record(rig, 1), 1, "another partition");
        rig_end(rig);
    }
}

/* The leader's connection is there, and one for metadata still, or again. */
Test(trips, are_two_for_a_topic_that_is_opened_later) {
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = start(1, "b1.example:9092", both[i], "5");
        round_trips_of_a_record(rig, 0);
        rig_run(rig, 1000);
        uint64_t began_ns = rt_now(rig->world);
        rig->topic = sluice_topic_open(rig->producer, "later", NULL, NULL);
        sluice_record record = {.value = "v", .value_size = 1, .opaque = rig_next(rig, RIG_ANY)};
        cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
        cr_assert(rig_await(rig, rig->count, 10000));
        cr_expect_eq(round_trips_since(rig, began_ns), 2);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_free(rig);
    }
}

Test(trips, are_three_when_idle_connections_were_closed) {
    for (size_t i = 0; i < 2; i++) {
        const char *settings[] = {"enable.idempotence",
                                  both[i],
                                  "connections.max.idle.ms",
                                  "20000",
                                  "metadata.max.age.ms",
                                  "90000",
                                  NULL};
        struct rig *rig = start_with(1, "b1.example:9092", settings);
        round_trips_of_a_record(rig, 0);
        rig_run(rig, 40000);
        cr_expect_eq(rig_status(rig).connections_open, 0);
        cr_expect_eq(connections_open(rig), 0);
        cr_expect_eq(round_trips_of_a_record(rig, 0), 3);
        rig_end(rig);
    }
}

/* A thousand topics, a record to each. The last ones are some requests behind the first, of which
 * one leaves each 5 ms (docs/decisions/linger.md). */
Test(trips, are_as_few_for_a_thousand_topics) {
    enum { TOPICS = 1000 };
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = start(1, "b1.example:9092", both[i], "5");
        uint64_t began_ns = rt_now(rig->world);
        for (int n = 0; n < TOPICS; n++) {
            char name[32];
            snprintf(name, sizeof name, "topic-%d", n);
            sluice_topic *topic = sluice_topic_open(rig->producer, name, NULL, NULL);
            cr_assert_not_null(topic);
            sluice_record record = {
                .value = "v", .value_size = 1, .opaque = rig_next(rig, RIG_ANY)};
            cr_assert_eq(sluice_produce(topic, &record), SLUICE_OK);
        }
        cr_assert(rig_await(rig, 1, 10000));
        cr_expect_eq(round_trips_since(rig, began_ns), 4);
        cr_assert(rig_await(rig, TOPICS, 10000));
        cr_expect_lt(rt_now(rig->world) - began_ns, 5 * ROUND_TRIP_MS * RIG_MS);
        cr_expect_eq(rig_counters(rig).requests[METADATA], 1);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        rig_free(rig);
    }
}

/* ---- the connection that is used again ------------------------------------------------------- */

/* With idempotence the connection that an id came by, without it that of metadata, which has
 * another one for what it asks later. */
Test(trips, need_two_connections_to_one_broker) {
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = start(1, "b1.example:9092", both[i], "0");
        round_trips_of_a_record(rig, 0);
        rig_run(rig, 1000);
        cr_expect_eq(rig_counters(rig).connections, 2, "idempotence %s", both[i]);
        cr_expect_eq(connections_open(rig), 2);
        cr_expect_eq(rig_status(rig).connections_open, 2);
        rig_end(rig);
    }
}

/* It is kept for a while only, and no further record makes it a broker's then. */
Test(trips, leave_no_connection_that_nobody_needs) {
    struct rig *rig = start(1, "b1.example:9092", "true", "0");
    rig_run(rig, 5000);
    cr_expect_eq(connections_open(rig), 2, "of metadata, and the one that may be the leader's");
    rig_run(rig, 10000);
    cr_expect_eq(connections_open(rig), 1, "of metadata");
    cr_expect_eq(round_trips_of_a_record(rig, 0), 3);
    rig_end(rig);
}

Test(trips, use_a_connection_again_for_a_record_that_comes_a_little_later) {
    struct rig *rig = start(1, "b1.example:9092", "true", "0");
    rig_run(rig, 5000);
    cr_expect_eq(round_trips_of_a_record(rig, 0), 1);
    rig_end(rig);
}

/* Just after a first record, or a little later: a connection that is on its way to the broker's
 * actors then is closed like any other. */
Test(trips, leave_no_connection_behind_when_the_producer_ends) {
    for (uint64_t seed = 1; seed <= 200; seed++) {
        for (size_t i = 0; i < 2; i++) {
            const char *settings[] = {"enable.idempotence", both[i], "linger.ms", "0", NULL};
            struct rig *rig = rig_start(&(struct rig_setup){.seed = seed,
                                                            .partitions = 1,
                                                            .brokers = {.broker_count = 1},
                                                            .settings = settings,
                                                            .bootstrap = "b1.example:9092"});
            rig_run(rig, 1000);
            cr_assert_leq(connections_open(rig), 2);
            rig_produce(rig, 0);
            for (uint64_t step = 0; step < seed % 20; step++) {
                rt_sim_step(rig->world);
            }
            sluice_producer_free(rig->producer);
            rig->producer = NULL;
            rig_run(rig, 100);
            cr_expect_eq(connections_open(rig), 0, "seed %d", (int)seed);
            rig_free(rig);
        }
    }
}
