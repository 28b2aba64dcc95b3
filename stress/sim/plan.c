/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan promises, how it is edited and printed. plan_draw.c draws it. */
#include "stress/sim/plan.h"

#include <inttypes.h>
#include <string.h>

int32_t plan_partitioner(const void *key, size_t key_size, const void *value, size_t value_size,
                         int32_t partition_count, void *context) {
    (void)key;
    (void)value;
    (void)context;
    size_t sum = key_size * 7 + value_size;
    return sum % PLAN_REFUSED_ONE_IN == 0 ? -1 : (int32_t)(sum % (size_t)partition_count);
}

bool plan_allows_doubles(const struct plan *plan, const struct plan_client *client) {
    bool killed = plan_has(plan, TROUBLE_KILL) || plan_has(plan, TROUBLE_REQUESTS);
    bool forgetful = killed && plan->keep == SLUICE_BROKER_KEEP_NONE;
    return !plan->strong && (!client->idempotent || forgetful);
}

bool plan_allows_losses(const struct plan *plan, const struct plan_client *client) {
    return !plan->strong && client->acks != -1 && plan_has(plan, TROUBLE_ELECTION);
}

bool plan_promises_order(const struct plan *plan, const struct plan_client *client) {
    return plan->strong || client->idempotent || (client->in_flight <= 1 && client->acks != 0);
}

/* ---- edits ----------------------------------------------------------------------------------- */

struct plan_edits plan_edits_none(void) {
    return (struct plan_edits){.troubles_max = UINT32_MAX,
                               .records_max = UINT32_MAX,
                               .threads_max = UINT32_MAX,
                               .clients_max = UINT32_MAX};
}

/* One kind of trouble, often, for producers that promise less than is asked of them. */
static void plan_control(struct plan *plan, enum plan_control control) {
    static const enum plan_trouble kinds[] = {TROUBLE_CUT, /* none: never looked at */
                                              TROUBLE_CUT_ANSWERS, TROUBLE_ERRORS,
                                              TROUBLE_ELECTION};
    struct sim_random random;
    sim_random_seed(&random, plan->seed, PLAN_STREAM_CONTROL);
    plan->strong = true;
    plan->keep = SLUICE_BROKER_KEEP_ALL;
    plan->troubles = UINT32_C(1) << kinds[control];
    plan->event_count = 12;
    for (unsigned i = 0; i < plan->event_count; i++) {
        plan->events[i] = (struct plan_event){
            .kind = kinds[control], .at_ns = plan_choose(&random, plan->active_ns), .stream = i};
    }
    for (unsigned i = 0; i < plan->client_count; i++) {
        struct plan_client *client = &plan->clients[i];
        client->idempotent = false;
        client->acks = control == CONTROL_LOSSES ? 1 : -1;
        client->in_flight = control == CONTROL_INVERSIONS ? 5 : 1;
        client->batch_size = 200;
        client->abrupt = client->purges = false;
    }
}

void plan_edit(struct plan *plan, const struct plan_edits *edits) {
    if (edits->control != CONTROL_NONE) {
        plan_control(plan, edits->control);
    }
    for (unsigned i = 0; i < plan->event_count; i++) {
        plan->events[i].left_out = edits->without[i] || i >= edits->troubles_max;
    }
    plan->client_count =
        plan->client_count < edits->clients_max ? plan->client_count : edits->clients_max;
    for (unsigned i = 0; i < plan->client_count; i++) {
        struct plan_client *client = &plan->clients[i];
        client->records =
            client->records < edits->records_max ? client->records : edits->records_max;
        client->threads =
            client->threads < edits->threads_max ? client->threads : edits->threads_max;
    }
}

void plan_edits_print(const struct plan_edits *edits, FILE *out) {
    static const char *const controls[] = {"", "doubles", "inversions", "losses"};
    static const char *const profiles[] = {"", "unsure", "restarts", "tight", "jam"};
    const char *separator = " --without ";
    for (unsigned i = 0; i < PLAN_TROUBLES_MAX; i++) {
        if (edits->without[i]) {
            fprintf(out, "%s%u", separator, i);
            separator = ",";
        }
    }
    if (edits->troubles_max != UINT32_MAX) {
        fprintf(out, " --troubles %u", edits->troubles_max);
    }
    if (edits->records_max != UINT32_MAX) {
        fprintf(out, " --records %u", edits->records_max);
    }
    if (edits->threads_max != UINT32_MAX) {
        fprintf(out, " --threads %u", edits->threads_max);
    }
    if (edits->clients_max != UINT32_MAX) {
        fprintf(out, " --clients %u", edits->clients_max);
    }
    if (edits->profile != PROFILE_ANY) {
        fprintf(out, " --profile %s", profiles[edits->profile]);
    }
    if (edits->control != CONTROL_NONE) {
        fprintf(out, " --control %s", controls[edits->control]);
    }
}

/* ---- printing -------------------------------------------------------------------------------- */

static const char *const trouble_names[TROUBLE_COUNT] = {
    "cut",    "cut-answers",   "refuse",   "blackhole", "stall",  "leader-moves", "leader-lost",
    "kill",   "broker-stalls", "requests", "answers",   "errors", "refusals",     "clock",
    "memory", "limit",         "keys",     "election",  "stale",  "disk",         "recreate",
    "grow",   "controller",    "names",    "throttle"};

const char *plan_trouble_name(enum plan_trouble trouble) {
    return trouble_names[trouble];
}

static void print_client(const struct plan_client *client, unsigned index, FILE *out) {
    fprintf(out,
            "  client %u: %u threads%s, %u records of at most %u B; acks %d, idempotence %d, in "
            "flight %u, linger %u us, batch %u, buffer %" PRIu64,
            index, client->threads, client->relays ? " that relay" : "", client->records,
            client->value_size_max, client->acks, client->idempotent, client->in_flight,
            client->linger_us, client->batch_size, client->buffer_memory);
    fprintf(out, ", delivery %u ms, request %u ms, retries %u, gzip %d%s%s%s%s\n",
            client->delivery_timeout_ms, client->request_timeout_ms, client->retries, client->gzip,
            client->waits ? ", waits" : "", client->purges ? ", purges" : "",
            client->abrupt ? ", closes abruptly" : "",
            client->own_partitioner ? ", own partitioner" : "");
}

void plan_print(const struct plan *plan, FILE *out) {
    fprintf(out, "seed %" PRIu64 ": %u brokers (keep %d, first sequence %d), %u topics (",
            plan->seed, plan->brokers.broker_count, plan->keep, plan->brokers.first_sequence,
            plan->topic_count);
    for (unsigned i = 0; i < plan->topic_count; i++) {
        fprintf(out, "%s%u", i == 0 ? "" : ",", plan->partition_counts[i]);
    }
    fprintf(out, " partitions%s%s%s)\n", plan->topics_declared ? ", declared" : "",
            plan->topics_at_ns > 0 ? " late" : "", plan->ghost_topic ? ", the last never" : "");
    for (unsigned i = 0; i < plan->client_count; i++) {
        print_client(&plan->clients[i], i, out);
    }
    fprintf(out, "  active %" PRIu64 " ms, troubles:", plan->active_ns / 1000000);
    for (unsigned i = 0; i < plan->event_count; i++) {
        if (!plan->events[i].left_out) {
            fprintf(out, " %u:%s", i, plan_trouble_name(plan->events[i].kind));
            if (plan->events[i].at_step > 0) {
                fprintf(out, "@%u", plan->events[i].at_step);
            }
        }
    }
    fputc('\n', out);
}
