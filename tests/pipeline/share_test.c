/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shares of memory: a broker that is dead or slow hurts only its own partitions. */
#include "pipeline/rig.h"

#include "protocol/murmur2.h"

enum { PARTITIONS = 3, TICK_MS = 10, VALUE_BYTES = 2000 };

/* 400 KB are about 195 records of 2000 bytes. */
static const char *const small[] = {"buffer.memory",
                                    "400000",
                                    "linger.ms",
                                    "5",
                                    "delivery.timeout.ms",
                                    "20000",
                                    "request.timeout.ms",
                                    "5000",
                                    "sluice.sticky.bytes",
                                    "4000",
                                    NULL};

/* One broker leads each partition: the leaders are 1, 2, 3 or another order of them. */
static struct rig *start(void) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = PARTITIONS, .settings = small});
    rig->value_size = VALUE_BYTES;
    cr_assert_eq(sluice_topic_partition_count(rig->topic, 1000, NULL), PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", i, i + 1), SLUICE_OK);
        rig_produce(rig, i);
    }
    rig_flush(rig);
    return rig;
}

struct offered {
    unsigned accepted[PARTITIONS], refused[PARTITIONS];
};

/* Offers each partition one record a tick, and skips what is refused. */
static struct offered offer(struct rig *rig, unsigned ticks) {
    struct offered offered = {{0}, {0}};
    for (unsigned tick = 0; tick < ticks; tick++) {
        for (int32_t i = 0; i < PARTITIONS; i++) {
            sluice_code code = rig_try(rig, i);
            offered.accepted[i] += code == SLUICE_OK;
            offered.refused[i] += code != SLUICE_OK;
            cr_assert(code == SLUICE_OK || code == SLUICE_PARTITION_FULL, "%s",
                      sluice_code_name(code));
        }
        rig_run(rig, TICK_MS);
        rig_poll(rig);
    }
    return offered;
}

static void expect_others_unhurt(struct rig *rig, const struct offered *offered, unsigned ticks) {
    cr_expect_gt(offered->refused[1], ticks / 2);
    cr_expect_gt(offered->accepted[1], 100); /* it may have what the others leave */
    for (int32_t i = 0; i < PARTITIONS; i += 2) {
        cr_expect_eq(offered->accepted[i], ticks, "partition %d: %u of %u", i, offered->accepted[i],
                     ticks);
        cr_expect(!sluice_topic_partition_is_full(rig->topic, i));
    }
    unsigned persisted[PARTITIONS] = {0};
    for (uint32_t i = 0; i < rig->count; i++) {
        persisted[rig->records[i].wanted] += rig->records[i].report.outcome == SLUICE_PERSISTED;
    }
    cr_expect_geq(persisted[0], ticks * 9 / 10);
    cr_expect_geq(persisted[2], ticks * 9 / 10);
}

static void expect_recovery(struct rig *rig) {
    rig_flush(rig);
    rig_run(rig, 100);
    struct offered offered = offer(rig, 20);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        cr_expect_eq(offered.accepted[i], 20);
        cr_expect(!sluice_topic_partition_is_full(rig->topic, i));
    }
    rig_end(rig);
}

Test(share, a_dead_broker_hurts_only_its_own_partitions) {
    struct rig *rig = start();
    struct rt_address dead = rig_address(2);
    rt_sim_fault(rig->world, &dead, RT_SIM_BLACKHOLE);
    struct offered offered = offer(rig, 900);
    expect_others_unhurt(rig, &offered, 900);
    cr_expect(sluice_topic_partition_is_full(rig->topic, 1));
    rt_sim_fault(rig->world, &dead, RT_SIM_HEAL);
    expect_recovery(rig);
}

Test(share, a_stalled_broker_hurts_only_its_own_partitions) {
    struct rig *rig = start();
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, true), SLUICE_OK);
    struct offered offered = offer(rig, 900);
    expect_others_unhurt(rig, &offered, 900);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, false), SLUICE_OK);
    expect_recovery(rig);
}

Test(share, what_a_dead_broker_holds_is_free_again_after_the_delivery_timeout) {
    struct rig *rig = start();
    struct rt_address dead = rig_address(2);
    rt_sim_fault(rig->world, &dead, RT_SIM_BLACKHOLE);
    (void)offer(rig, 500);
    cr_assert(sluice_topic_partition_is_full(rig->topic, 1));
    rig_run(rig, 20500);
    rig_poll(rig);
    cr_expect(!sluice_topic_partition_is_full(rig->topic, 1));
    cr_expect_eq(rig_try(rig, 1), SLUICE_OK);
    rt_sim_fault(rig->world, &dead, RT_SIM_HEAL);
    rig_flush(rig);
    rig_end(rig);
}

Test(share, a_partition_without_leader_hurts_only_itself) {
    struct rig *rig = start();
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 0), SLUICE_OK);
    struct offered offered = offer(rig, 900);
    expect_others_unhurt(rig, &offered, 900);
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 2), SLUICE_OK);
    expect_recovery(rig);
}

static void produce_anywhere(struct rig *rig) {
    static char value[VALUE_BYTES];
    snprintf(value, sizeof value, "%010u", rig->count);
    sluice_record record = {.value = value,
                            .value_size = sizeof value,
                            .flags = SLUICE_RECORD_PARTITION,
                            .partition = SLUICE_PARTITION_ANY,
                            .opaque = rig_next(rig, RIG_ANY)};
    cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
}

Test(share, records_without_key_choose_another_partition) {
    struct rig *rig = start();
    struct rt_address dead = rig_address(2);
    rt_sim_fault(rig->world, &dead, RT_SIM_BLACKHOLE);
    (void)offer(rig, 500);
    cr_assert(sluice_topic_partition_is_full(rig->topic, 1));
    uint32_t before = rig->count;
    for (unsigned tick = 0; tick < 300; tick++) {
        if (tick % 2 == 0) {
            rig_produce(rig, RIG_ANY);
        } else { /* no wish, too */
            produce_anywhere(rig);
        }
        rig_run(rig, TICK_MS);
    }
    rig_run(rig, 100);
    rig_poll(rig);
    for (uint32_t i = before; i < rig->count; i++) {
        cr_assert_eq(rig->records[i].report.outcome, SLUICE_PERSISTED, "record %u", i);
        cr_assert_neq(rig->records[i].report.partition, 1);
    }
    rt_sim_fault(rig->world, &dead, RT_SIM_HEAL);
    expect_recovery(rig);
}

/* A key that the Java client's partitioner puts into `partition`. */
static int32_t key_for(int32_t partition) {
    int32_t key = 0;
    while ((int32_t)((kafka_murmur2(&key, sizeof key) & 0x7fffffff) % PARTITIONS) != partition) {
        key++;
    }
    return key;
}

static sluice_code produce_keyed(struct rig *rig, int32_t partition, int64_t wait_ms) {
    static char value[VALUE_BYTES];
    int32_t key = key_for(partition);
    snprintf(value, sizeof value, "%010u", rig->count);
    sluice_record record = {
        .key = &key, .key_size = sizeof key, .value = value, .value_size = sizeof value};
    record.opaque = rig_next(rig, RIG_ANY);
    sluice_code code = wait_ms == 0 ? sluice_produce(rig->topic, &record)
                                    : sluice_produce_wait(rig->topic, &record, wait_ms);
    rig->count -= code != SLUICE_OK;
    return code;
}

Test(share, keyed_records_are_refused_by_the_partition_of_their_key) {
    struct rig *rig = start();
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, true), SLUICE_OK);
    (void)offer(rig, 500);
    cr_expect_eq(produce_keyed(rig, 1, 0), SLUICE_PARTITION_FULL);
    cr_expect_eq(produce_keyed(rig, 0, 0), SLUICE_OK);
    cr_expect_eq(produce_keyed(rig, 2, 0), SLUICE_OK);
    cr_expect_not(sluice_topic_partition_is_full(rig->topic, -1));
    cr_expect_not(sluice_topic_partition_is_full(rig->topic, PARTITIONS));
    cr_expect_eq(rig_try(rig, PARTITIONS), SLUICE_OK, "what is not there is not full");
    cr_expect_eq(rig_try(rig, -2), SLUICE_INVALID_PARTITION);
    void *value;
    sluice_reservation *reservation;
    int32_t key = key_for(1);
    sluice_record record = {.key = &key, .key_size = sizeof key};
    cr_expect_eq(sluice_reserve(rig->topic, &record, 100, &reservation, &value),
                 SLUICE_PARTITION_FULL);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, false), SLUICE_OK);
    expect_recovery(rig);
}

Test(share, keys_that_are_ignored_let_records_choose_another_partition) {
    const char *settings[24] = {"partitioner.ignore.keys", "true"};
    memcpy(settings + 2, small, sizeof small);
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = PARTITIONS, .settings = settings});
    rig->value_size = VALUE_BYTES;
    cr_assert_eq(sluice_topic_partition_count(rig->topic, 1000, NULL), PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", i, i + 1), SLUICE_OK);
        rig_produce(rig, i);
    }
    rig_flush(rig);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, true), SLUICE_OK);
    (void)offer(rig, 500);
    cr_assert(sluice_topic_partition_is_full(rig->topic, 1));
    cr_expect_eq(produce_keyed(rig, 1, 0), SLUICE_OK);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, false), SLUICE_OK);
    expect_recovery(rig);
}

static void unstall(void *context) {
    struct rig *rig = context;
    (void)broker_cluster_stall(rig->cluster, 2, false);
}

Test(share, who_waits_for_a_full_partition_gets_room_when_it_has_some) {
    struct rig *rig = start();
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, true), SLUICE_OK);
    (void)offer(rig, 500);
    uint64_t before_ns = rt_now(rig->world);
    cr_expect_eq(produce_keyed(rig, 1, 300), SLUICE_PARTITION_FULL);
    cr_expect_geq(rt_now(rig->world) - before_ns, 300 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - before_ns, 320 * RIG_MS);
    rt_sim_at(rig->world, rt_now(rig->world) + 100 * RIG_MS, unstall, rig);
    before_ns = rt_now(rig->world);
    cr_expect_eq(produce_keyed(rig, 1, 10000), SLUICE_OK);
    cr_expect_geq(rt_now(rig->world) - before_ns, 100 * RIG_MS);
    cr_expect_lt(rt_now(rig->world) - before_ns, 5500 * RIG_MS);
    expect_recovery(rig);
}

static int32_t by_first_digit(const void *key, size_t key_size, const void *value,
                              size_t value_size, int32_t partition_count, void *context) {
    (void)key;
    (void)key_size;
    (void)value_size;
    (void)context;
    return *(const char *)value % partition_count;
}

Test(share, a_topic_with_its_own_partitioner_waits_while_one_of_its_brokers_is_full) {
    struct rig *rig = start();
    sluice_topic *chosen = sluice_topic_open(
        rig->producer, "chosen", &(sluice_topic_options){.partitioner = by_first_digit}, NULL);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "chosen", PARTITIONS), SLUICE_OK);
    cr_assert_eq(sluice_topic_partition_count(chosen, 10000, NULL), PARTITIONS);
    sluice_record record = {.value = "1", .value_size = 1};
    sluice_report report;
    cr_assert_eq(sluice_produce_sync(chosen, &record, 10000, &report), SLUICE_OK);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, true), SLUICE_OK);
    (void)offer(rig, 500);
    cr_expect_eq(sluice_produce(chosen, &record), SLUICE_PARTITION_FULL);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 2, false), SLUICE_OK);
    rig_flush(rig);
    cr_expect_eq(sluice_produce_sync(chosen, &record, 10000, &report), SLUICE_OK);
    sluice_topic_close(chosen);
    rig_poll(rig);
    rig_check(rig);
    rig_free(rig);
}

Test(share, a_topic_that_is_never_there_leaves_room_for_others) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 2,
                                      .partitions = PARTITIONS,
                                      .brokers = {.auto_create_off = true, .partition_count = 1},
                                      .settings = small});
    rig->value_size = VALUE_BYTES;
    rig_produce(rig, 0);
    rig_flush(rig);
    sluice_topic *ghost = sluice_topic_open(rig->producer, "ghost", NULL, NULL);
    static char value[VALUE_BYTES];
    sluice_record record = {.value = value, .value_size = sizeof value};
    unsigned accepted = 0, refused = 0;
    for (unsigned tick = 0; tick < 600; tick++) {
        sluice_code code = sluice_produce(ghost, &record);
        accepted += code == SLUICE_OK;
        refused += code == SLUICE_PARTITION_FULL;
        cr_assert(code == SLUICE_OK || code == SLUICE_PARTITION_FULL, "%s", sluice_code_name(code));
        rig_produce(rig, 0);
        rig_run(rig, TICK_MS);
    }
    cr_expect_gt(accepted, 100);
    cr_expect_gt(refused, 300);
    cr_assert_eq(sluice_flush(rig->producer, 60000), SLUICE_OK);
    sluice_report reports[16];
    size_t count;
    unsigned failed = 0;
    while ((count = sluice_poll(rig->producer, reports, 16, 0)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (reports[i].topic == ghost) {
                failed += reports[i].outcome == SLUICE_NOT_PERSISTED;
            } else {
                rig_take(rig, &reports[i], 1);
            }
        }
    }
    cr_expect_eq(failed, accepted);
    rig_check(rig);
    rig_free(rig);
}

Test(share, one_broker_alone_may_use_all_memory) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 2, .brokers = {.broker_count = 1}, .settings = small});
    rig->value_size = VALUE_BYTES;
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 1, true), SLUICE_OK);
    sluice_code code = SLUICE_OK;
    while (code == SLUICE_OK) {
        code = rig_try(rig, 0);
        rig_run(rig, 1);
    }
    cr_expect_eq(code, SLUICE_FULL, "%s", sluice_code_name(code));
    cr_expect_gt(rig_status(rig).bytes_used, 395000);
    cr_assert_eq(broker_cluster_stall(rig->cluster, 1, false), SLUICE_OK);
    rig_end(rig);
}

/* Whom to ask for the cluster and for an id is anybody's choice: a broker that is silent from the
 * beginning holds up nobody for long. */
Test(share, a_broker_that_was_stalled_before_the_start_holds_up_nobody_else) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rig_setup setup = {.seed = seed,
                                  .partitions = PARTITIONS,
                                  .settings = small,
                                  .bootstrap = "10.0.0.1:9092,10.0.0.2:9092,10.0.0.3:9092"};
        struct rig *rig = rig_start(&setup);
        for (int32_t i = 0; i < PARTITIONS; i++) {
            cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", i, i + 1), SLUICE_OK);
        }
        cr_assert_eq(broker_cluster_stall(rig->cluster, 2, true), SLUICE_OK);
        rig_produce(rig, 0);
        rig_produce(rig, 2);
        cr_expect(rig_await(rig, 2, 3000), "with seed %llu", (unsigned long long)seed);
        cr_assert_eq(broker_cluster_stall(rig->cluster, 2, false), SLUICE_OK);
        rig_end(rig);
    }
}
