/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that runs short: at every single place, and for a while. */
#include "pipeline/rig.h"

enum way { PLAIN, PACKED, SPLIT };
enum { BATCH_BYTES_MAX = 4000 }; /* of SPLIT: several records are too many, or one is */

static struct rig_setup setup_of(enum way way) {
    static const char *const plain[] = {
        "linger.ms", "1", "request.timeout.ms", "500", "delivery.timeout.ms", "5000", NULL};
    static const char *const packed[] = {"linger.ms",
                                         "1",
                                         "request.timeout.ms",
                                         "500",
                                         "delivery.timeout.ms",
                                         "5000",
                                         "compression.type",
                                         "gzip",
                                         NULL};
    return (struct rig_setup){.seed = 1,
                              .partitions = 2,
                              .brokers = {.broker_count = 2},
                              .settings = way == PACKED ? packed : plain};
}

/* As rig_open, but may fail. */
static bool open_short_of_memory(struct rig *rig, enum way way) {
    struct rig_setup setup = setup_of(way);
    sluice_config *config = sluice_config_new();
    sluice_error error = {0};
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "10.0.0.1:9092", NULL), SLUICE_OK);
    for (const char *const *each = setup.settings; each[0] != NULL; each += 2) {
        cr_assert_eq(sluice_config_set(config, each[0], each[1], NULL), SLUICE_OK);
    }
    rig->producer = producer_open_in(rig->world, config, &error);
    sluice_config_free(config);
    if (rig->producer == NULL) {
        cr_expect_eq(error.code, SLUICE_NO_MEMORY);
        return false;
    }
    rig->topic = sluice_topic_open(rig->producer, "orders", NULL, &error);
    cr_expect(rig->topic != NULL || error.code == SLUICE_NO_MEMORY);
    return rig->topic != NULL;
}

static void produce_some(struct rig *rig, enum way way) {
    for (int i = 0; i < 12; i++) {
        size_t small = way == SPLIT ? BATCH_BYTES_MAX / 2 : 100;
        rig->value_size = i % 4 == 3 ? 20000 : small;
        sluice_code code = rig_try(rig, i % 2);
        cr_assert(code == SLUICE_OK || code == SLUICE_NO_MEMORY, "%s", sluice_code_name(code));
        if (i % 5 == 0) {
            rig_run(rig, 3);
        }
    }
    sluice_reservation *reservation = NULL;
    void *value;
    sluice_code code =
        sluice_reserve(rig->topic, &(sluice_record){.opaque = NULL}, 100, &reservation, &value);
    cr_assert(code == SLUICE_OK || code == SLUICE_NO_MEMORY);
    sluice_abort(reservation);
}

/* Trouble on the way, so that retries, moves and lookups need memory, too. */
static void make_trouble(struct rig *rig) {
    rig_fault(rig, SLUICE_FAULT_CUT_AFTER, 0, 1, 1);
    rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, 0, 2, 1);
    rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, 3, 2, 1);
}

/* Nothing is short any more: all goes well. */
static void expect_recovery(struct rig *rig, int nth) {
    rt_sim_fail_memory(rig->world, 0);
    rig->value_size = 12;
    rig_produce_some(rig, 0, 3);
    rig_flush(rig);
    for (uint32_t i = rig->count - 3; i < rig->count; i++) {
        cr_assert_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "acquisition %d: %s", nth,
                     sluice_code_name(rig->records[i].report.error));
    }
}

/* The application looks at the cluster, produces some more, and closes. */
static void look_and_close(struct rig *rig, int nth) {
    sluice_error error = {0};
    sluice_cluster *cluster = sluice_cluster_fetch(rig->producer, NULL, 5000, &error);
    cr_assert(cluster != NULL || error.code == SLUICE_NO_MEMORY, "acquisition %d: %s", nth,
              sluice_code_name(error.code));
    sluice_cluster_free(cluster);
    for (int i = 0; i < 3; i++) {
        sluice_code code = rig_try(rig, i % 2);
        cr_assert(code == SLUICE_OK || code == SLUICE_NO_MEMORY, "%s", sluice_code_name(code));
    }
    cr_assert_eq(sluice_producer_close(rig->producer, 10000), SLUICE_OK, "acquisition %d", nth);
    rig_poll(rig);
}

/* Cluster first, so that it is there; then the n-th acquisition of all fails: in open, produce,
 * retry, split, flush, fetch or close. False: there are fewer. */
static bool scenario(uint64_t nth, enum way way) {
    struct rig_setup setup = setup_of(way);
    struct rig *rig = rig_start(&setup); /* a first producer warms the brokers up */
    rig_produce_some(rig, 0, 3);
    rig_produce_some(rig, 1, 3);
    rig_flush(rig);
    sluice_producer_free(rig->producer);
    rt_sim_spare_memory(rig->world, "broker");
    uint64_t before = rt_sim_memory_count(rig->world);
    rt_sim_fail_memory(rig->world, nth);
    rig->count = 0;
    rig->reported = 0;
    if (open_short_of_memory(rig, way)) {
        if (way == SPLIT) {
            broker_cluster_topic_limit(rig->cluster, "orders", BATCH_BYTES_MAX);
        } else {
            make_trouble(rig);
        }
        produce_some(rig, way);
        cr_assert_eq(sluice_flush(rig->producer, 10000), SLUICE_OK, "acquisition %d", (int)nth);
        rig_poll(rig);
        cr_assert_eq(rig->reported, rig->count, "acquisition %d", (int)nth);
        if (rt_sim_memory_count(rig->world) - before >= nth) {
            expect_recovery(rig, (int)nth);
        }
        look_and_close(rig, (int)nth);
        rig_expect_quiet(rig);
    }
    bool reached = rt_sim_memory_count(rig->world) - before >= nth;
    rt_sim_fail_memory(rig->world, 0);
    rig_free(rig);
    return reached;
}

static void at_every_place(enum way way) {
    uint64_t nth = 1;
    while (scenario(nth, way)) {
        nth++;
    }
    cr_expect_gt(nth, 60);
}

Test(memory, may_run_short_at_every_place) {
    at_every_place(PLAIN);
}

Test(memory, may_run_short_at_every_place_of_packing) {
    at_every_place(PACKED);
}

Test(memory, may_run_short_at_every_place_of_splitting) {
    at_every_place(SPLIT);
}

/* Every acquisition fails for a while. */
static void short_for(struct rig *rig, uint64_t ms) {
    uint64_t end_ns = rt_now(rig->world) + ms * RIG_MS;
    while (rt_now(rig->world) < end_ns) {
        rt_sim_fail_memory(rig->world, 1);
        if (!rt_sim_step(rig->world)) {
            break;
        }
    }
    rt_sim_fail_memory(rig->world, 0);
}

/* Records that lie in the lane when the topic actor finds no memory to hand them on. */
Test(memory, is_short_when_a_flush_begins) {
    for (uint64_t nth = 1; nth <= 12; nth++) {
        struct rig_setup setup = setup_of(PLAIN);
        struct rig *rig = rig_start(&setup);
        rig_run(rig, 1000);
        rig_produce_some(rig, 0, 3);
        rt_sim_fail_memory(rig->world, nth);
        rig_flush(rig);
        rt_sim_fail_memory(rig->world, 0);
        rig_poll(rig);
        cr_assert_eq(rig->reported, rig->count, "acquisition %d", (int)nth);
        rig_end(rig);
    }
}

Test(memory, may_be_short_for_a_while_at_any_time) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig_setup setup = setup_of(seed % 2 == 0 ? PACKED : PLAIN);
        setup.seed = seed;
        struct rig *rig = rig_start(&setup);
        rt_sim_spare_memory(rig->world, "broker");
        for (int i = 0; i < 5; i++) {
            make_trouble(rig);
            for (int n = 0; n < 10; n++) {
                rig->value_size = 12 + rt_sim_choose(rig->world, 3000);
                rig_produce(rig, n % 2);
                rig_run(rig, rt_sim_choose(rig->world, 2));
            }
            short_for(rig, 1 + rt_sim_choose(rig->world, 300));
            rig_run(rig, rt_sim_choose(rig->world, 100));
        }
        rig_flush(rig);
        for (uint32_t i = 0; i < rig->count; i++) {
            cr_assert_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "seed %d, record %u: %s",
                         (int)seed, i, sluice_code_name(rig->records[i].report.error));
        }
        rig_end(rig);
    }
}

Test(memory, that_stays_short_does_not_stop_a_flush) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig_setup setup = setup_of(PLAIN);
        setup.seed = seed;
        struct rig *rig = rig_start(&setup);
        rt_sim_spare_memory(rig->world, "broker");
        rig_produce_some(rig, 0, 5);
        rig_run(rig, seed);
        rig_produce_some(rig, 1, 5);
        short_for(rig, 7000); /* longer than a record may take */
        rig_poll(rig);
        rig_flush(rig);
        rig_end(rig);
    }
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void refuse_to_wait(const sluice_report *reports, size_t count, void *context) {
    struct rig *rig = context;
    cr_expect_eq(sluice_flush(rig->producer, 1000), SLUICE_IN_CALLBACK);
    cr_expect_eq(sluice_producer_close(rig->producer, 1000), SLUICE_IN_CALLBACK);
    rig_take(rig, reports, count);
}

/* The worker has no lane yet, and finds no memory for one. */
Test(memory, a_callback_may_not_wait_on_a_worker_that_is_short_of_memory) {
    for (uint64_t nth = 1; nth <= 40; nth++) {
        struct rig_setup setup = setup_of(PLAIN);
        setup.settings = (const char *[]){"sluice.callback.thread", "worker", NULL};
        setup.callback = refuse_to_wait;
        struct rig *rig = rig_start(&setup);
        rig_produce(rig, 0);
        rt_sim_thread(rig->world, 7);
        rt_sim_fail_memory(rig->world, nth);
        rig_run(rig, 5000);
        rt_sim_fail_memory(rig->world, 0);
        cr_expect_eq(rig->reported, 1);
        rig_end(rig);
    }
}
