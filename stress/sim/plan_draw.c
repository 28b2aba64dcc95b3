/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Draws what a seed does. */
#include <string.h>

#include "stress/sim/plan.h"

enum { STREAM_PLAN = 100, KIB = 1024 };
#define MS UINT64_C(1000000)

static uint64_t below(struct sim_random *random, uint64_t n) {
    return plan_choose(random, n);
}
static uint64_t between(struct sim_random *random, uint64_t least, uint64_t most) {
    return plan_between(random, least, most);
}
static bool percent(struct sim_random *random, unsigned share) {
    return plan_percent(random, share);
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
    static const uint8_t counts[] = {1, 2, 2, 3, 3, 3, 3, 4, 5, 7};
    plan->topic_count = (unsigned)magnitude(random, 1, PLAN_TOPICS_MAX);
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
        .broker_count = counts[below(random, sizeof(counts))],
        .partition_count = alike,
        .auto_create_off = plan->topics_declared,
        .check = SLUICE_BROKER_CHECK_RECORDS,
        .first_sequence = (sluice_broker_first_sequence)below(random, 3),
    };
    if (percent(random, 25)) { /* brokers of other versions */
        plan->limits[0] = (sluice_broker_limit){0, (int16_t)between(random, 3, 12)};
        plan->limits[1] = (sluice_broker_limit){3, (int16_t)between(random, 4, 11)};
        /* Kafka takes records by topic id (4.1) for longer than it refuses first sequences (4.5): a
         * topic that is made again shows by the one, or takes any sequence by the other */
        plan->brokers.first_sequence = SLUICE_BROKER_FIRST_SEQUENCE_4_0;
        plan->brokers.limit_count = 2;
    }
    plan->keep =
        percent(random, 70) ? SLUICE_BROKER_KEEP_LAST : (sluice_broker_keep)between(random, 1, 2);
}

static void draw_producer(struct plan_client *client, struct sim_random *random) {
    client->acks = percent(random, 80) ? -1 : (int)below(random, 2);
    client->idempotent = client->acks == -1 && percent(random, 85);
    client->in_flight = percent(random, 50) ? 5 : (unsigned)between(random, 1, 5);
    if (!client->idempotent && percent(random, 40)) {
        client->in_flight = 0; /* not given: order is promised */
    }
    client->linger_us = percent(random, 30) ? 0 : (uint32_t)magnitude(random, 100, 50000);
    client->batch_size = percent(random, 10) ? 0 : (uint32_t)magnitude(random, 100, 256 * KIB);
    client->buffer_memory =
        magnitude(random, percent(random, 15) ? 16 * KIB : 64 * KIB, 32768 * KIB);
    if (client->batch_size > client->buffer_memory) {
        client->batch_size = (uint32_t)client->buffer_memory;
    }
    client->request_timeout_ms = (uint32_t)magnitude(random, 200, 10000);
    client->delivery_timeout_ms = client->request_timeout_ms + client->linger_us / 1000 + 1 +
                                  (uint32_t)magnitude(random, 500, 60000);
    client->retries = INT32_MAX;
    if (percent(random, 20)) {
        client->retries = (uint32_t)between(random, client->idempotent ? 1 : 0, 3);
    }
    client->retry_backoff_ms = (uint32_t)magnitude(random, 1, 500);
    client->retry_backoff_max_ms = percent(random, 20) ? client->retry_backoff_ms : 1000;
    client->reconnect_backoff_ms = percent(random, 30) ? (uint32_t)magnitude(random, 1, 200) : 50;
    client->metadata_age_ms = percent(random, 30) ? (uint32_t)magnitude(random, 50, 5000) : 300000;
    client->idle_ms = percent(random, 20) ? (uint32_t)magnitude(random, 20, 2000) : 540000;
    client->sticky_bytes = (uint32_t)magnitude(random, 100, 64 * KIB);
    client->gzip = percent(random, 15);
    client->by_callback = percent(random, 30);
    client->callback_on_worker = client->by_callback && percent(random, 20);
    client->one_bootstrap = percent(random, 20);
}

static void draw_application(struct plan_client *client, struct sim_random *random) {
    client->threads = (unsigned)between(random, 1, PLAN_THREADS_MAX);
    client->records = (unsigned)magnitude(random, 5, percent(random, 10) ? 1500 : 200);
    client->value_size_max =
        (uint32_t)magnitude(random, 8, percent(random, 5) ? 64 * KIB : 2 * KIB);
    client->burst_max = (unsigned)magnitude(random, 1, 64);
    client->poll_every_ns = percent(random, 60) ? 0 : magnitude(random, 20 * MS, 300 * MS);
    client->keyed_percent = percent(random, 50) ? (unsigned)below(random, 101) : 0;
    client->explicit_percent = percent(random, 30) ? (unsigned)below(random, 101) : 0;
    client->odd_percent = percent(random, 50) ? (unsigned)below(random, 30) : 0;
    client->relays = client->threads > 1 && percent(random, 50);
    client->own_partitioner = percent(random, 15);
    client->echoes = client->by_callback && !client->callback_on_worker && percent(random, 30);
    client->waits = percent(random, 30);
    client->purges = percent(random, 5);
    client->abrupt = percent(random, 10);
}

/* Production fills a part of the active time. */
static void draw_pace(struct plan *plan, struct plan_client *client, struct sim_random *random) {
    uint64_t bursts = client->records / (client->burst_max / 2 + 1) + 1;
    client->think_ns = plan->active_ns * client->threads / bursts * between(random, 10, 100) / 100;
}

static void draw_troubles(struct plan *plan, struct sim_random *random) {
    unsigned kinds = percent(random, 15) ? 0 : (unsigned)between(random, 1, 4);
    for (unsigned i = 0; i < kinds; i++) {
        plan->troubles |= UINT32_C(1) << below(random, TROUBLE_COUNT);
    }
    plan->event_count = plan->troubles == 0 ? 0 : (unsigned)magnitude(random, 1, 24);
    plan->active_ns = magnitude(random, 50 * MS, 8000 * MS);
    if (percent(random, 4)) { /* a storm */
        plan->troubles = (uint32_t)between(random, 1, (UINT32_C(1) << TROUBLE_COUNT) - 1);
        plan->event_count = (unsigned)between(random, 20, 120);
        plan->active_ns = between(random, 2000 * MS, 12000 * MS);
    }
}

/* Large requests wait in sockets that take no more while their batches are given up. */
static void draw_jam(struct plan *plan, struct sim_random *random) {
    struct plan_client *client = &plan->clients[0];
    plan->world.socket_buffer_bytes = 8 * KIB;
    plan->troubles = UINT32_C(1) << TROUBLE_STALL | UINT32_C(1) << TROUBLE_BROKER_STALLS;
    plan->event_count = (unsigned)between(random, 2, 12);
    client->batch_size = (uint32_t)between(random, 2 * KIB, 16 * KIB);
    client->value_size_max = (uint32_t)between(random, 500, 4 * KIB);
    client->buffer_memory = magnitude(random, 64 * KIB, 1024 * KIB);
    client->records = (unsigned)between(random, 50, 300);
    client->request_timeout_ms = (uint32_t)between(random, 500, 3000);
    client->delivery_timeout_ms =
        client->request_timeout_ms + client->linger_us / 1000 + (uint32_t)between(random, 50, 600);
    client->purges = percent(random, 50);
    draw_pace(plan, client, random);
}

/* Many small batches in flight when answers are lost: what is unsure, and all that follows. */
static void draw_unsure_client(struct plan_client *client, struct sim_random *random) {
    client->acks = -1;
    client->idempotent = true;
    client->in_flight = 5;
    client->retries = INT32_MAX;
    client->gzip = false;
    client->linger_us = (uint32_t)below(random, 500);
    client->batch_size = (uint32_t)between(random, 100, 600);
    client->request_timeout_ms = (uint32_t)between(random, 200, 1000);
    client->delivery_timeout_ms =
        client->request_timeout_ms + (uint32_t)between(random, 500, 10000);
    client->records = (unsigned)between(random, 40, 400);
    client->value_size_max = (uint32_t)between(random, 8, 300);
    client->burst_max = 8;
}

/* Room for a few batches, and threads that wait for it. */
static void draw_tight(struct plan_client *client, struct sim_random *random) {
    client->buffer_memory = between(random, 16 * KIB, 24 * KIB);
    client->batch_size = (uint32_t)between(random, 100, 8 * KIB);
    client->value_size_max = (uint32_t)between(random, 100, 4 * KIB);
    client->records = (unsigned)between(random, 20, 150);
    client->burst_max = (unsigned)between(random, 4, 64);
    client->waits = true;
}

static void draw_unsure(struct plan *plan, struct sim_random *random) {
    static const enum plan_trouble kinds[] = {
        TROUBLE_CUT,   TROUBLE_CUT_ANSWERS, TROUBLE_STALL,  TROUBLE_KILL,     TROUBLE_LEADER_MOVES,
        TROUBLE_LIMIT, TROUBLE_KEYS,        TROUBLE_ERRORS, TROUBLE_REQUESTS, TROUBLE_ELECTION,
        TROUBLE_STALE, TROUBLE_RECREATE,    TROUBLE_DISK};
    plan->topic_count = 1;
    plan->ghost_topic = false;
    plan->world.delay_min_ns = between(random, 1 * MS, 10 * MS);
    plan->world.delay_max_ns = plan->world.delay_min_ns + below(random, 3 * MS);
    plan->keep = percent(random, 80) ? SLUICE_BROKER_KEEP_LAST : SLUICE_BROKER_KEEP_ALL;
    plan->active_ns = between(random, 300 * MS, 2000 * MS);
    plan->troubles = UINT32_C(1) << TROUBLE_CUT_ANSWERS;
    for (unsigned i = 0; i < 3; i++) {
        plan->troubles |= UINT32_C(1) << kinds[below(random, sizeof(kinds) / sizeof(kinds[0]))];
    }
    plan->event_count = (unsigned)between(random, 3, 24);
    for (unsigned i = 0; i < plan->client_count; i++) {
        draw_unsure_client(&plan->clients[i], random);
        plan->clients[i].think_ns =
            plan->active_ns * plan->clients[i].threads * 3 / plan->clients[i].records;
    }
}

/* Unsure batches meet brokers that were restarted and know the last one only; while that is cleared
 * up some run out of time, or are refused for good. */
static void draw_restarts(struct plan *plan, struct sim_random *random) {
    plan->keep = percent(random, 65) ? SLUICE_BROKER_KEEP_LAST : SLUICE_BROKER_KEEP_NONE;
    plan->brokers.broker_count = (uint32_t)between(random, 1, 2);
    static const enum plan_trouble refusing[] = {TROUBLE_LIMIT, TROUBLE_KEYS, TROUBLE_REFUSALS,
                                                 TROUBLE_CUT_ANSWERS};
    plan->troubles = UINT32_C(1) << TROUBLE_KILL | UINT32_C(1) << TROUBLE_CUT_ANSWERS |
                     UINT32_C(1) << refusing[below(random, 4)];
    plan->event_count = (unsigned)between(random, 6, 40);
    plan->active_ns = between(random, 1000 * MS, 6000 * MS);
    plan->world.delay_min_ns = between(random, 5 * MS, 60 * MS);
    plan->world.delay_max_ns = plan->world.delay_min_ns + below(random, 20 * MS);
    for (unsigned i = 0; i < plan->client_count; i++) {
        struct plan_client *client = &plan->clients[i];
        client->request_timeout_ms = (uint32_t)between(random, 400, 1000);
        client->delivery_timeout_ms =
            client->request_timeout_ms + 1 + (uint32_t)between(random, 300, 4000);
        client->retry_backoff_ms = (uint32_t)between(random, 1, 50);
        client->retry_backoff_max_ms = (uint32_t)between(random, 50, 1000);
        client->think_ns = plan->active_ns * client->threads * 3 / client->records;
    }
}

static void draw_events(struct plan *plan, struct sim_random *random) {
    for (unsigned i = 0; i < plan->event_count; i++) {
        struct plan_event *event = &plan->events[i];
        do {
            event->kind = (enum plan_trouble)below(random, TROUBLE_COUNT);
        } while (!plan_has(plan, event->kind));
        event->at_ns = below(random, plan->active_ns);
        event->stream = i;
    }
    for (unsigned i = 0; i < plan->client_count; i++) {
        plan->clients[i].closes_at_ns = below(random, plan->active_ns);
        plan->clients[i].close_ms = (uint32_t)below(random, 500);
    }
    plan->audits = percent(random, 30) ? 1 + (unsigned)below(random, 3) : 0;
}

static enum plan_profile draw_profile(struct sim_random *random) {
    uint64_t share = below(random, 1000);
    return share < 140   ? PROFILE_UNSURE
           : share < 200 ? PROFILE_RESTARTS
           : share < 260 ? PROFILE_TIGHT
           : share < 300 ? PROFILE_JAM
                         : PROFILE_ANY;
}

static void draw_by_profile(struct plan *plan, enum plan_profile profile,
                            struct sim_random *random) {
    switch (profile) {
    case PROFILE_ANY:
        break;
    case PROFILE_UNSURE:
        draw_unsure(plan, random);
        break;
    case PROFILE_RESTARTS:
        draw_unsure(plan, random);
        draw_restarts(plan, random);
        break;
    case PROFILE_TIGHT:
        draw_tight(&plan->clients[0], random);
        break;
    case PROFILE_JAM:
        draw_jam(plan, random);
        break;
    }
}

/* Some large records must get to a broker and be answered before the request is given up, however
 * little sockets and the network let through: else nobody would ever hear of them. */
static void leave_time(struct plan *plan) {
    const struct rt_sim_options *world = &plan->world;
    for (unsigned i = 0; i < plan->client_count; i++) {
        struct plan_client *client = &plan->clients[i];
        uint64_t bytes = 4 * (uint64_t)client->value_size_max;
        uint64_t trips = 3 + bytes / world->socket_buffer_bytes;
        uint64_t least_ms = 1 + trips * 2 * world->delay_max_ns / MS;
        if (world->bytes_per_second != 0) {
            least_ms += 1000 * bytes / world->bytes_per_second;
        }
        if (client->request_timeout_ms < least_ms) {
            client->delivery_timeout_ms += (uint32_t)least_ms - client->request_timeout_ms;
            client->request_timeout_ms = (uint32_t)least_ms;
        }
    }
}

void plan_draw(struct plan *plan, uint64_t seed, enum plan_profile profile) {
    struct sim_random random;
    sim_random_seed(&random, seed, STREAM_PLAN);
    memset(plan, 0, sizeof(*plan));
    plan->seed = seed;
    draw_world(plan, &random);
    draw_brokers(plan, &random);
    draw_troubles(plan, &random);
    unsigned share = (unsigned)below(&random, 100);
    plan->client_count = share < 75 ? 1 : share < 92 ? 2 : 3;
    for (unsigned i = 0; i < plan->client_count; i++) {
        draw_producer(&plan->clients[i], &random);
        draw_application(&plan->clients[i], &random);
        draw_pace(plan, &plan->clients[i], &random);
    }
    enum plan_profile drawn = draw_profile(&random);
    draw_by_profile(plan, profile != PROFILE_ANY ? profile : drawn, &random);
    leave_time(plan);
    draw_events(plan, &random);
    plan->brokers.limits = plan->limits;
}
