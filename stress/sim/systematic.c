/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One short scenario, in which two partitions on two brokers get a few small batches, and every
 * combination of faults at its steps. A step is something that arrives at an end of a connection:
 * a request, an answer, or a piece of one.
 *
 * A combination is a number: which faults, and at which steps. Numbers are spread, so that the
 * first of them, if there is no time for all, are no worse than any others.
 */
#include "stress/sim/command.h"

#include <inttypes.h>
#include <string.h>

#define MS UINT64_C(1000000)
enum { FAULTS_MAX = 3, SCENARIO_SEED = 1 };

/* The streams decide which broker or partition is hit, and which of its kind it is. */
static const struct {
    enum plan_trouble kind;
    uint32_t stream;
} faults[] = {
    {TROUBLE_CUT, 1},    {TROUBLE_CUT, 2},    {TROUBLE_CUT_ANSWERS, 3},  {TROUBLE_CUT_ANSWERS, 4},
    {TROUBLE_KILL, 5},   {TROUBLE_KILL, 6},   {TROUBLE_LEADER_MOVES, 7}, {TROUBLE_ELECTION, 8},
    {TROUBLE_ERRORS, 9}, {TROUBLE_LIMIT, 10}, {TROUBLE_DISK, 11},        {TROUBLE_REQUESTS, 12},
};
enum { FAULT_COUNT = sizeof(faults) / sizeof(faults[0]) };

static void scenario(struct plan *plan) {
    memset(plan, 0, sizeof(*plan));
    plan->seed = SCENARIO_SEED;
    plan->world = (struct rt_sim_options){.seed = SCENARIO_SEED,
                                          .wall_start_ms = 1750000000000,
                                          .delay_min_ns = 1 * MS,
                                          .delay_max_ns = 1 * MS,
                                          .lookup_delay_ns = 100000,
                                          .budget_max = 64};
    plan->brokers = (sluice_broker_options){.broker_count = 2,
                                            .partition_count = 2,
                                            .auto_create_off = true,
                                            .check = SLUICE_BROKER_CHECK_RECORDS};
    plan->topics_declared = true;
    plan->topic_count = 1;
    plan->partition_counts[0] = 2;
    plan->keep = SLUICE_BROKER_KEEP_LAST;
    plan->client_count = 1;
    plan->clients[0] = (struct plan_client){.acks = -1,
                                            .idempotent = true,
                                            .in_flight = 5,
                                            .batch_size = 1,
                                            .buffer_memory = 65536,
                                            .delivery_timeout_ms = 5000,
                                            .request_timeout_ms = 200,
                                            .retries = INT32_MAX,
                                            .retry_backoff_ms = 5,
                                            .retry_backoff_max_ms = 20,
                                            .reconnect_backoff_ms = 5,
                                            .metadata_age_ms = 300000,
                                            .idle_ms = 540000,
                                            .sticky_bytes = 65536,
                                            .threads = 1,
                                            .records = 30,
                                            .value_size_max = 40,
                                            .burst_max = 3,
                                            .think_ns = 1 * MS,
                                            .explicit_percent = 100};
    plan->active_ns = 300 * MS;
    plan->steps = true;
}

static uint64_t combinations(enum systematic order, uint32_t steps) {
    uint64_t count = 1;
    for (unsigned i = 0; i < order; i++) {
        count *= (uint64_t)FAULT_COUNT * steps;
    }
    return count;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A permutation of the numbers below `count`. */
static uint64_t spread(uint64_t number, uint64_t count) {
    uint64_t stride = count * 5 / 8 + 1;
    while (greatest_common_divisor(stride, count) != 1) {
        stride++;
    }
    return (uint64_t)((unsigned __int128)number * stride % count);
}

void systematic_plan(struct plan *plan, uint64_t combination, const struct arguments *arguments) {
    scenario(plan);
    uint64_t rest = spread(combination, combinations(arguments->systematic, arguments->steps));
    plan->event_count = arguments->systematic;
    for (unsigned i = 0; i < arguments->systematic; i++) {
        uint64_t fault = rest % FAULT_COUNT;
        rest /= FAULT_COUNT;
        plan->events[i] = (struct plan_event){.kind = faults[fault].kind,
                                              .stream = faults[fault].stream + 100 * i,
                                              .at_step = 1 + (uint32_t)(rest % arguments->steps)};
        rest /= arguments->steps;
        plan->troubles |= UINT32_C(1) << faults[fault].kind;
    }
}

bool systematic_prepare(struct arguments *arguments) {
    static struct plan plan;
    static struct trial_coverage coverage;
    struct trial_result result;
    scenario(&plan);
    if (!trial_run(&plan, NULL, &result, &coverage)) {
        verdict_print(&result.verdict);
        return false;
    }
    arguments->steps = result.steps;
    uint64_t count = combinations(arguments->systematic, arguments->steps);
    fprintf(stderr,
            "%u kinds of fault, %u at once, at each of %u steps: %" PRIu64 " combinations\n",
            (unsigned)FAULT_COUNT, (unsigned)arguments->systematic, arguments->steps, count);
    if (!arguments->range_given) {
        arguments->first = 0;
        arguments->last = count - 1;
    }
    return true;
}
