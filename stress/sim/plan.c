/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/sim/plan.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/sim_random.h"

enum { STREAM_PLAN = 100, KIB = 1024 };
#define MS UINT64_C(1000000)

static uint64_t below(struct sim_random *random, uint64_t n) {
    return sim_random_below(random, n);
}
static uint64_t between(struct sim_random *random, uint64_t least, uint64_t most) {
    return least + below(random, most - least + 1);
}
static bool percent(struct sim_random *random, unsigned share) {
    return below(random, 100) < share;
}
/* From `least` to `most`, every magnitude equally likely. */
static uint64_t magnitude(struct sim_random *random, uint64_t least, uint64_t most) {
    uint64_t low = least;
    while (low < most && percent(random, 75)) {
        low = low * 2 < most ? low * 2 : most;
    }
    return between(random, least, low > least ? low : least);
}

static void draw_world(struct plan *plan, struct sim_random *random) {
    struct rt_sim_options *world = &plan->world;
    world->seed = plan->seed;
    world->wall_start_ms = 1750000000000;
    world->delay_min_ns = magnitude(random, 1000, 1 * MS);
    world->delay_max_ns = world->delay_min_ns + magnitude(random, 1000, 20 * MS);
    world->budget_max = (uint32_t)magnitude(random, 1, 256);
    world->socket_buffer_bytes = (uint32_t)magnitude(random, 8 * KIB, 1024 * KIB);
    world->lookup_delay_ns = magnitude(random, 1000, 100 * MS);
    if (percent(random, 50)) {
        world->segment_bytes_max = (uint32_t)magnitude(random, 100, 64 * KIB);
    }
    if (percent(random, 10)) {
        world->bytes_per_second = magnitude(random, 200 * KIB, 100000 * KIB);
    }
}

static void draw_brokers(struct plan *plan, struct sim_random *random) {
    plan->topic_count = (unsigned)between(random, 1, PLAN_TOPICS_MAX);
    uint32_t alike = (uint32_t)between(random, 1, PLAN_PARTITIONS_MAX);
    plan->topics_declared = percent(random, 50);
    for (unsigned i = 0; i < plan->topic_count; i++) {
        plan->partition_counts[i] =
            plan->topics_declared ? (uint32_t)between(random, 1, PLAN_PARTITIONS_MAX) : alike;
    }
    if (plan->topics_declared && percent(random, 20)) {
        plan->topics_at_ns = magnitude(random, 1 * MS, 2000 * MS);
    }
    plan->ghost_topic = plan->topics_declared && plan->topic_count > 1 && percent(random, 10);
    plan->brokers = (sluice_broker_options){
        .broker_count = PLAN_BROKERS,
        .partition_count = alike,
        .auto_create_off = plan->topics_declared,
        .check = SLUICE_BROKER_CHECK_RECORDS,
        .first_sequence = (sluice_broker_first_sequence)below(random, 3),
    };
    if (percent(random, 25)) { /* brokers of other versions */
        plan->limits[0] = (sluice_broker_limit){0, (int16_t)between(random, 3, 12)};
        plan->limits[1] = (sluice_broker_limit){3, (int16_t)between(random, 4, 11)};
        plan->brokers.limit_count = 2;
    }
    plan->keep =
        percent(random, 70) ? SLUICE_BROKER_KEEP_LAST : (sluice_broker_keep)between(random, 1, 2);
}

static void draw_producer(struct plan *plan, struct sim_random *random) {
    plan->acks = percent(random, 80) ? -1 : (int)below(random, 2);
    plan->idempotent = plan->acks == -1 && percent(random, 85);
    plan->in_flight = percent(random, 50) ? 5 : (unsigned)between(random, 1, 5);
    plan->linger_us = percent(random, 30) ? 0 : (uint32_t)magnitude(random, 100, 50000);
    plan->batch_size = percent(random, 10) ? 0 : (uint32_t)magnitude(random, 100, 256 * KIB);
    plan->buffer_memory = magnitude(random, 64 * KIB, 32768 * KIB);
    if (plan->batch_size > plan->buffer_memory) {
        plan->batch_size = (uint32_t)plan->buffer_memory;
    }
    plan->request_timeout_ms = (uint32_t)magnitude(random, 200, 10000);
    plan->delivery_timeout_ms = plan->request_timeout_ms + plan->linger_us / 1000 + 1 +
                                (uint32_t)magnitude(random, 500, 60000);
    plan->retries = INT32_MAX;
    if (percent(random, 20)) {
        plan->retries = (uint32_t)between(random, plan->idempotent ? 1 : 0, 3);
    }
    plan->retry_backoff_ms = (uint32_t)magnitude(random, 1, 500);
    plan->metadata_age_ms = percent(random, 30) ? (uint32_t)magnitude(random, 50, 5000) : 300000;
    plan->idle_ms = percent(random, 20) ? (uint32_t)magnitude(random, 20, 2000) : 540000;
    plan->sticky_bytes = (uint32_t)magnitude(random, 100, 64 * KIB);
    plan->gzip = percent(random, 20);
    plan->by_callback = percent(random, 30);
}

static void draw_application(struct plan *plan, struct sim_random *random) {
    plan->threads = (unsigned)between(random, 1, PLAN_THREADS_MAX);
    plan->records = (unsigned)magnitude(random, 10, 1000);
    plan->value_size_max = (uint32_t)magnitude(random, 8, percent(random, 10) ? 64 * KIB : 2 * KIB);
    plan->burst_max = (unsigned)magnitude(random, 1, 64);
    plan->poll_every_ns = magnitude(random, 5 * MS, 200 * MS);
    plan->keyed_percent = percent(random, 50) ? (unsigned)below(random, 101) : 0;
    plan->explicit_percent = percent(random, 30) ? (unsigned)below(random, 101) : 0;
    plan->odd_percent = percent(random, 50) ? (unsigned)below(random, 30) : 0;
    plan->own_partitioner = percent(random, 15);
    plan->echoes = plan->by_callback && percent(random, 30);
    plan->waits = percent(random, 30);
    plan->purges = percent(random, 5);
    plan->abrupt = percent(random, 10);
}

static void draw_troubles(struct plan *plan, struct sim_random *random) {
    unsigned kinds = percent(random, 15) ? 0 : (unsigned)between(random, 1, 4);
    for (unsigned i = 0; i < kinds; i++) {
        plan->troubles |= UINT32_C(1) << below(random, TROUBLE_COUNT);
    }
    plan->trouble_count = plan->troubles == 0 ? 0 : (unsigned)magnitude(random, 1, 24);
    plan->active_ns = magnitude(random, 50 * MS, 8000 * MS);
    if (percent(random, 5)) { /* a storm */
        plan->troubles = (uint32_t)between(random, 1, (UINT32_C(1) << TROUBLE_COUNT) - 1);
        plan->trouble_count = (unsigned)between(random, 20, 150);
        plan->active_ns = between(random, 2000 * MS, 20000 * MS);
    }
    /* Production fills a part of that time. */
    uint64_t bursts = plan->records / (plan->burst_max / 2 + 1) + 1;
    plan->think_ns = plan->active_ns * plan->threads / bursts * between(random, 10, 100) / 100;
}

/* Many small batches in flight when answers are lost: what is unsure, and all that follows. */
static void draw_unsure(struct plan *plan, struct sim_random *random) {
    plan->acks = -1;
    plan->idempotent = true;
    plan->in_flight = 5;
    plan->retries = INT32_MAX;
    plan->gzip = false;
    plan->linger_us = (uint32_t)below(random, 500);
    plan->batch_size = (uint32_t)between(random, 100, 600);
    plan->request_timeout_ms = (uint32_t)between(random, 200, 1000);
    plan->delivery_timeout_ms = plan->request_timeout_ms + (uint32_t)between(random, 500, 10000);
    plan->topic_count = 1;
    plan->ghost_topic = false;
    plan->world.delay_min_ns = between(random, 1 * MS, 10 * MS);
    plan->world.delay_max_ns = plan->world.delay_min_ns + below(random, 3 * MS);
    plan->keep = percent(random, 80) ? SLUICE_BROKER_KEEP_LAST : SLUICE_BROKER_KEEP_ALL;
    plan->records = (unsigned)between(random, 200, 1500);
    plan->value_size_max = (uint32_t)between(random, 8, 300);
    plan->burst_max = 8;
    plan->active_ns = between(random, 500 * MS, 3000 * MS);
    plan->think_ns = plan->active_ns * plan->threads * 3 / plan->records;
    const enum plan_trouble kinds[] = {TROUBLE_CUT,   TROUBLE_CUT_ANSWERS,  TROUBLE_STALL,
                                       TROUBLE_KILL,  TROUBLE_LEADER_MOVES, TROUBLE_REQUESTS,
                                       TROUBLE_LIMIT, TROUBLE_KEYS,         TROUBLE_ERRORS};
    plan->troubles = UINT32_C(1) << TROUBLE_CUT_ANSWERS;
    for (unsigned i = 0; i < 3; i++) {
        plan->troubles |= UINT32_C(1) << kinds[below(random, sizeof(kinds) / sizeof(kinds[0]))];
    }
    plan->trouble_count = (unsigned)between(random, 5, 40);
}

void plan_draw(struct plan *plan, uint64_t seed) {
    struct sim_random random;
    sim_random_seed(&random, seed, STREAM_PLAN);
    memset(plan, 0, sizeof(*plan));
    plan->seed = seed;
    draw_world(plan, &random);
    draw_brokers(plan, &random);
    draw_producer(plan, &random);
    draw_application(plan, &random);
    draw_troubles(plan, &random);
    if (percent(&random, 20)) {
        draw_unsure(plan, &random);
    }
    plan->brokers.limits = plan->limits;
}

int32_t plan_partitioner(const void *key, size_t key_size, const void *value, size_t value_size,
                         int32_t partition_count, void *context) {
    (void)key;
    (void)value;
    (void)context;
    size_t sum = key_size * 7 + value_size;
    return sum % PLAN_REFUSED_ONE_IN == 0 ? -1 : (int32_t)(sum % (size_t)partition_count);
}

bool plan_allows_doubles(const struct plan *plan) {
    bool killed = plan_has(plan, TROUBLE_KILL) || plan_has(plan, TROUBLE_REQUESTS);
    bool forgetful = killed && plan->keep == SLUICE_BROKER_KEEP_NONE;
    return !plan->idempotent || forgetful;
}

bool plan_promises_order(const struct plan *plan) {
    return plan->idempotent || (plan->in_flight == 1 && plan->acks != 0);
}

static const char *const trouble_names[TROUBLE_COUNT] = {
    "cut",         "cut-answers", "refuse",        "blackhole", "stall",   "leader-moves",
    "leader-lost", "kill",        "broker-stalls", "requests",  "answers", "errors",
    "refusals",    "clock",       "memory",        "limit",     "keys"};

const char *plan_trouble_name(enum plan_trouble trouble) {
    return trouble_names[trouble];
}

void plan_print(const struct plan *plan, FILE *out) {
    fprintf(out, "seed %" PRIu64 ": %u threads, %u records of at most %u B, %u topics (",
            plan->seed, plan->threads, plan->records, plan->value_size_max, plan->topic_count);
    for (unsigned i = 0; i < plan->topic_count; i++) {
        fprintf(out, "%s%u", i == 0 ? "" : ",", plan->partition_counts[i]);
    }
    fprintf(out, " partitions%s%s%s)\n", plan->topics_declared ? ", declared" : "",
            plan->topics_at_ns > 0 ? " late" : "", plan->ghost_topic ? ", the last never" : "");
    fprintf(out, "  acks %d, idempotence %d, in flight %u, linger %u us, batch %u, buffer %" PRIu64,
            plan->acks, plan->idempotent, plan->in_flight, plan->linger_us, plan->batch_size,
            plan->buffer_memory);
    fprintf(out, ", delivery %u ms, request %u ms, retries %u, gzip %d\n",
            plan->delivery_timeout_ms, plan->request_timeout_ms, plan->retries, plan->gzip);
    fprintf(out, "  active %" PRIu64 " ms, keep %d, %u troubles of:", plan->active_ns / 1000000,
            plan->keep, plan->trouble_count);
    for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
        if (plan_has(plan, (enum plan_trouble)i)) {
            fprintf(out, " %s", trouble_names[i]);
        }
    }
    fprintf(out, "%s%s", plan->own_partitioner ? "; own partitioner" : "",
            plan->echoes ? "; echoes" : "");
    fprintf(out, "%s%s%s\n", plan->waits ? "; waits" : "", plan->purges ? "; purges" : "",
            plan->abrupt ? "; closes abruptly" : "");
}
