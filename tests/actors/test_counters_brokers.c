/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where brokers count: what is kept of those that are gone, and who goes on there. */
#include "test.h"

#include "actors/counters/figures.h"
#include "actors/producer/producer.h"
#include "runtime/sim.h"

static struct producer *start(void) {
    struct producer *producer = calloc(1, sizeof *producer);
    producer->world = rt_sim_create(&(struct rt_sim_options){.seed = 1});
    cr_assert(counters_open(producer));
    return producer;
}

static void end(struct producer *producer) {
    counters_free(producer);
    rt_world_destroy(producer->world); /* asserts that no byte is left */
    free(producer);
}

Test(counted, a_node_that_comes_back_counts_on) {
    struct producer *producer = start();
    struct broker_counted *first = counters_broker(producer, 7);
    counters_broker_end(first);
    cr_expect_eq(counters_broker(producer, 7), first);
    cr_expect_eq(counters_brokers(producer), first);
    cr_expect_null(first->next);
    end(producer);
}

Test(counted, two_of_one_node_count_apart_and_belong_together) {
    struct producer *producer = start();
    struct broker_counted *first = counters_broker(producer, 7);
    struct broker_counted *second = counters_broker(producer, 7);
    struct broker_counted *third = counters_broker(producer, 7);
    cr_assert(first != second && second != third && first != third);
    cr_expect_eq(counters_brokers(producer), first);
    cr_expect_eq(counters_older(first), third);
    cr_expect_eq(counters_older(third), second);
    cr_expect_null(counters_older(second));
    counters_broker_end(second);
    cr_expect_eq(counters_broker(producer, 7), second);
    end(producer);
}

Test(counted, nodes_have_a_list_and_the_status_adds_them_up) {
    struct producer *producer = start();
    for (int32_t node = 0; node < 3; node++) {
        for (int twice = 0; twice < 2; twice++) {
            struct broker_counted *counted = counters_broker(producer, node);
            rt_sizes_add(&counted->flusher.request_batches, 2);
            rt_count_add(&counted->flusher.batches, 2);
            rt_count_add(&counted->flusher.wire_bytes, 100);
        }
    }
    uint32_t nodes = 0;
    for (struct broker_counted *node = counters_brokers(producer); node != NULL;
         node = node->next) {
        nodes++;
    }
    cr_expect_eq(nodes, 3);
    struct sent_figures sent = figures_sent(producer);
    cr_expect_eq(sent.requests, 6);
    cr_expect_eq(sent.batches, 12);
    cr_expect_eq(sent.wire_bytes, 600);
    end(producer);
}

Test(counted, no_memory_is_told_and_changes_nothing) {
    struct producer *producer = start();
    rt_sim_fail_memory(producer->world, 1);
    cr_expect_null(counters_broker(producer, 7));
    cr_expect_null(counters_brokers(producer));
    counters_broker_end(NULL);
    end(producer);
}
