/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mailbox lanes, in and out on one thread, in turns of 64; and the budget, whose credit is used as
 * an application thread uses it. */
#include "blocks.h"

#include <stdlib.h>

#include "runtime/budget.h"
#include "runtime/lane.h"

enum { TURN = 64, RECORD_BYTES = 192, BUDGET_BYTES = 32 << 20, BATCH_RECORDS = 128 };

/* ---- lanes ----------------------------------------------------------------------------------- */

struct run {
    struct rt_node node; /* first */
    uint64_t words[TURN];
};

double block_lane_unbounded(uint64_t count) {
    static struct rt_lane_unbounded lane;
    static struct rt_node nodes[TURN];
    rt_lane_unbounded_init(&lane);
    uint64_t before_ns = thread_ns();
    for (uint64_t turn = 0; turn < count / TURN; turn++) {
        for (int i = 0; i < TURN; i++) {
            rt_lane_unbounded_push(&lane, &nodes[i]);
        }
        struct rt_node *node;
        while (rt_lane_unbounded_take(&lane, &node) == RT_TAKEN) {
            block_keep((uintptr_t)node);
        }
    }
    return (double)(thread_ns() - before_ns) / (double)count;
}

static double through_ring(uint64_t count, void (*push)(struct rt_lane_ring *, void *)) {
    struct rt_world *world = block_world(1);
    struct rt_lane_ring lane;
    if (!rt_lane_ring_init(&lane, world, TURN)) {
        abort();
    }
    uint64_t before_ns = thread_ns();
    for (uint64_t turn = 0; turn < count / TURN; turn++) {
        for (int i = 0; i < TURN; i++) {
            push(&lane, &lane);
        }
        void *message;
        while (rt_lane_ring_take(&lane, &message)) {
            block_keep((uintptr_t)message);
        }
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    rt_lane_ring_deinit(&lane, world);
    block_world_end(world);
    return (double)spent_ns / (double)count;
}

double block_lane_spsc(uint64_t count) {
    return through_ring(count, rt_lane_spsc_push);
}

double block_lane_mpsc(uint64_t count) {
    return through_ring(count, rt_lane_mpsc_push);
}

/* One node carries 64 words, which are written and read. */
double block_lane_run(uint64_t count) {
    static struct rt_lane_unbounded lane;
    static struct run run;
    rt_lane_unbounded_init(&lane);
    uint64_t before_ns = thread_ns();
    for (uint64_t turn = 0; turn < count / TURN; turn++) {
        for (uint64_t i = 0; i < TURN; i++) {
            run.words[i] = turn + i;
        }
        rt_lane_unbounded_push(&lane, &run.node);
        struct rt_node *node;
        if (rt_lane_unbounded_take(&lane, &node) != RT_TAKEN) {
            abort();
        }
        const struct run *taken = (struct run *)(void *)node;
        uint64_t sum = 0;
        for (int i = 0; i < TURN; i++) {
            sum += taken->words[i];
        }
        block_keep(sum);
    }
    return (double)(thread_ns() - before_ns) / (double)count;
}

/* ---- budget ---------------------------------------------------------------------------------- */

struct bank {
    struct rt_world *world;
    struct rt_budget budget;
    struct rt_credit *credit;
};

static struct bank *bank_open(void) {
    struct bank *bank = block_memory(sizeof *bank);
    bank->world = block_world(1);
    bank->credit = block_memory(sizeof *bank->credit);
    rt_budget_init(&bank->budget, bank->world, BUDGET_BYTES);
    rt_budget_join(&bank->budget, bank->credit);
    return bank;
}

static void bank_close(struct bank *bank) {
    rt_budget_deinit(&bank->budget);
    block_world_end(bank->world);
    free(bank->credit);
    free(bank);
}

static void take(struct bank *bank) {
    if (!rt_budget_take(&bank->budget, bank->credit, RECORD_BYTES)) {
        abort();
    }
}

/* Each record takes; a batch of them gives back at once. Fetching of credit is included. */
double block_budget_take(uint64_t count) {
    struct bank *bank = bank_open();
    uint64_t before_ns = thread_ns();
    for (uint64_t turn = 0; turn < count / BATCH_RECORDS; turn++) {
        for (int i = 0; i < BATCH_RECORDS; i++) {
            take(bank);
        }
        rt_budget_give(&bank->budget, BATCH_RECORDS * RECORD_BYTES);
    }
    uint64_t spent_ns = thread_ns() - before_ns;
    bank_close(bank);
    return (double)spent_ns / (double)count;
}

/* A give by itself: as often as batches end. */
double block_budget_give(uint64_t count) {
    struct bank *bank = bank_open();
    uint64_t spent_ns = 0;
    for (uint64_t turn = 0; turn < count / BATCH_RECORDS / TURN; turn++) {
        for (int i = 0; i < BATCH_RECORDS * TURN; i++) {
            take(bank);
        }
        uint64_t before_ns = thread_ns();
        for (int i = 0; i < BATCH_RECORDS * TURN; i++) {
            rt_budget_give(&bank->budget, RECORD_BYTES);
        }
        spent_ns += thread_ns() - before_ns;
    }
    bank_close(bank);
    return (double)spent_ns / (double)(count / BATCH_RECORDS / TURN * BATCH_RECORDS * TURN);
}
