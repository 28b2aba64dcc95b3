/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that can be told to a cluster, in random order and by seed, while clients come, write,
 * wait and go: nothing crashes or leaks, the log stays whole, and all is let go at the end. */
#include "broker/cluster.h"
#include "client.h"
#include "runtime/sim.h"
#include "test.h"
#include "visitor.h"

enum { NODES = 3, VISITORS = 8, STEPS = 120 };
#define MS UINT64_C(1000000)

struct chaos {
    struct rt_world *world;
    struct broker_cluster *cluster;
    struct rt_address addresses[NODES];
    struct client client;
    struct visitor *visitors[VISITORS];
    bool gone;
};

static uint64_t choose(struct chaos *chaos, uint64_t n) {
    return rt_sim_choose(chaos->world, n);
}

static void chaos_gone(void *context) {
    ((struct chaos *)context)->gone = true;
}

static void chaos_open(struct chaos *chaos, uint64_t seed) {
    struct rt_sim_options options = {.seed = seed,
                                     .delay_min_ns = MS / 100,
                                     .delay_max_ns = 2 * MS,
                                     .segment_bytes_max = 100,
                                     .socket_buffer_bytes = 512,
                                     .budget_max = 3};
    struct broker_listen listen[NODES] = {{{{0}, 0, 0}, NULL}};
    *chaos = (struct chaos){.world = rt_sim_create(&options)};
    for (uint8_t i = 0; i < NODES; i++) {
        chaos->addresses[i] = (struct rt_address){.ip = {10, 0, 0, i}, .port = 9092, .family = 4};
        listen[i].address = chaos->addresses[i];
    }
    sluice_broker_options broker_options = {.broker_count = NODES, .replica_count = 2};
    chaos->cluster = broker_cluster_create(chaos->world, &broker_options, listen);
    cr_assert_eq(broker_cluster_topic_create(chaos->cluster, "t", 3), SLUICE_OK);
    client_init(&chaos->client, broker_options, 3);
}

static void send_something(struct chaos *chaos, struct visitor *visitor) {
    uint8_t frame[20000];
    struct sample sample = {.count = 1 + (int32_t)choose(chaos, 20),
                            .producer_id = (int64_t)choose(chaos, 3) - 1,
                            .sequence = (int32_t)choose(chaos, 4)};
    struct made made = batch_make(sample);
    int16_t acks = (int16_t)((int16_t)choose(chaos, 3) - 1);
    chaos->client.produce_version = (int16_t)(3 + choose(chaos, 11));
    size_t size = produce_frame(&chaos->client, frame, sizeof frame, (int32_t)choose(chaos, 4),
                                acks, made.bytes, made.size);
    if (visitor->out_size + size < sizeof visitor->out) {
        visitor_send(visitor, frame, size);
    }
}

static void visitors_do(struct chaos *chaos) {
    struct visitor **visitor = &chaos->visitors[choose(chaos, VISITORS)];
    if (*visitor == NULL) {
        *visitor = calloc(1, sizeof **visitor);
        visitor_start(*visitor, chaos->world, &chaos->addresses[choose(chaos, NODES)]);
    } else if ((*visitor)->gone) {
        free(*visitor);
        *visitor = NULL;
    } else if (!(*visitor)->leaving && choose(chaos, 6) == 0) {
        visitor_leave(*visitor);
    } else if (!(*visitor)->leaving) {
        send_something(chaos, *visitor);
    }
}

static void cluster_do(struct chaos *chaos) {
    struct broker_cluster *cluster = chaos->cluster;
    int32_t node = 1 + (int32_t)choose(chaos, NODES);
    switch (choose(chaos, 9)) {
    case 0:
        (void)broker_cluster_kill(cluster, node);
        break;
    case 1:
    case 2:
        (void)broker_cluster_restart(cluster, node, (sluice_broker_keep)choose(chaos, 3));
        break;
    case 3:
        (void)broker_cluster_stall(cluster, node, true);
        break;
    case 4:
        (void)broker_cluster_stall(cluster, node, false);
        break;
    case 5:
        (void)broker_cluster_refuse(cluster, node, choose(chaos, 2) == 0);
        break;
    case 6:
        (void)broker_cluster_cut(cluster, node);
        break;
    case 7:
        (void)broker_cluster_leader_move(cluster, "t", (int32_t)choose(chaos, 3), node);
        break;
    default:
        (void)broker_cluster_topic_grow(cluster, "t", 3 + (uint32_t)choose(chaos, 3));
        break;
    }
}

static void set_fault(struct chaos *chaos) {
    sluice_broker_fault fault =
        sluice_broker_fault_any((sluice_broker_action)choose(chaos, SLUICE_FAULT_HUGE_FRAME + 1));
    fault.delay_ms = (uint32_t)choose(chaos, 50);
    fault.skip = (uint32_t)choose(chaos, 3);
    fault.error_code = (int16_t)choose(chaos, 100);
    fault.partition = (int32_t)choose(chaos, 4) - 1;
    (void)broker_cluster_fault_add(chaos->cluster, &fault);
    if (choose(chaos, 4) == 0) {
        broker_cluster_fault_remove_all(chaos->cluster);
    }
}

static bool check_offset(const sluice_broker_record *record, void *context) {
    int64_t *next = context;
    cr_assert_eq(record->offset, *next);
    *next += 1;
    return true;
}

static int64_t check_logs(struct chaos *chaos) {
    int64_t records = 0;
    uint32_t count = broker_cluster_partition_count(chaos->cluster, "t");
    for (int32_t i = 0; i < (int32_t)count; i++) {
        int64_t next = 0;
        int64_t read = broker_cluster_read(chaos->cluster, "t", i, 0, check_offset, &next);
        cr_assert_eq(read, broker_cluster_high_watermark(chaos->cluster, "t", i));
        records += read;
    }
    sluice_broker_counters counters;
    broker_cluster_count_all(chaos->cluster, SLUICE_BROKER_ANY, &counters);
    cr_assert_eq((int64_t)counters.records, records);
    return records;
}

static void let_all_go(struct chaos *chaos) {
    for (int i = 0; i < VISITORS; i++) {
        if (chaos->visitors[i] != NULL && !chaos->visitors[i]->leaving) {
            visitor_leave(chaos->visitors[i]);
        }
    }
    broker_cluster_fault_remove_all(chaos->cluster);
    for (int32_t node = 1; node <= NODES; node++) {
        (void)broker_cluster_stall(chaos->cluster, node, false);
    }
    rt_sim_run_until(chaos->world, rt_now(chaos->world) + 60000 * MS);
    sluice_broker_counters counters;
    broker_cluster_count_all(chaos->cluster, SLUICE_BROKER_ANY, &counters);
    cr_assert_eq(counters.connections_open, 0);
    broker_cluster_stop(chaos->cluster, chaos_gone, chaos);
    rt_sim_run_until(chaos->world, rt_now(chaos->world) + 1000 * MS);
    cr_assert(chaos->gone);
    for (int i = 0; i < VISITORS; i++) {
        cr_assert(chaos->visitors[i] == NULL || chaos->visitors[i]->gone);
        free(chaos->visitors[i]);
    }
    client_deinit(&chaos->client);
    rt_world_destroy(chaos->world);
}

static int64_t chaos_run(uint64_t seed) {
    struct chaos chaos;
    chaos_open(&chaos, seed);
    for (int step = 0; step < STEPS; step++) {
        switch (choose(&chaos, 8)) {
        case 0:
            cluster_do(&chaos);
            break;
        case 1:
            set_fault(&chaos);
            break;
        default:
            visitors_do(&chaos);
            break;
        }
        rt_sim_run_until(chaos.world, rt_now(chaos.world) + choose(&chaos, 20 * MS));
    }
    int64_t records = check_logs(&chaos);
    let_all_go(&chaos);
    return records;
}

Test(broker_chaos, whatever_is_told_in_whatever_order_the_log_stays_whole) {
    int64_t records = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        records += chaos_run(seed);
    }
    cr_expect_gt(records, 1000);
}
