/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a seed that fails smaller: leaves troubles out, halves first and then one by one, and takes
 * clients, threads and records away, until nothing more can go without the failure going as well.
 */
#include <inttypes.h>

#include "stress/sim/command.h"

struct shrinker {
    uint64_t seed;
    unsigned trouble_count;
    struct plan_edits edits;
    unsigned runs;
};

/* Keeps the edit if the seed still fails. */
static bool try(struct shrinker *shrinker, const struct plan_edits *edits) {
    shrinker->runs++;
    if (!one_fails(shrinker->seed, edits)) {
        return false;
    }
    shrinker->edits = *edits;
    return true;
}

static bool shrink_troubles(struct shrinker *shrinker) {
    bool smaller = false;
    for (unsigned size = (shrinker->trouble_count + 1) / 2; size > 0; size /= 2) {
        for (unsigned first = 0; first < shrinker->trouble_count; first += size) {
            struct plan_edits edits = shrinker->edits;
            bool different = false;
            for (unsigned i = first; i < first + size && i < shrinker->trouble_count; i++) {
                different = different || !edits.without[i];
                edits.without[i] = true;
            }
            smaller = (different && try(shrinker, &edits)) || smaller;
        }
    }
    return smaller;
}

/* Halves a limit as long as that works, then takes single steps. */
static bool shrink_limit(struct shrinker *shrinker, unsigned *limit, unsigned now) {
    bool smaller = false;
    unsigned offset = (unsigned)((char *)limit - (char *)&shrinker->edits);
    for (unsigned step = now / 2; step > 0; step = step > now - 1 ? now - 1 : step / 2) {
        while (now > step) {
            struct plan_edits edits = shrinker->edits;
            *(unsigned *)((char *)&edits + offset) = now - step;
            if (!try(shrinker, &edits)) {
                break;
            }
            now -= step;
            smaller = true;
        }
        if (step == 1) {
            break;
        }
    }
    return smaller;
}

static bool shrink_limits(struct shrinker *shrinker) {
    static struct plan plan;
    plan_draw(&plan, shrinker->seed, shrinker->edits.profile);
    plan_edit(&plan, &shrinker->edits);
    unsigned records = 1, threads = 1;
    for (unsigned i = 0; i < plan.client_count; i++) {
        records = plan.clients[i].records > records ? plan.clients[i].records : records;
        threads = plan.clients[i].threads > threads ? plan.clients[i].threads : threads;
    }
    bool smaller = shrink_limit(shrinker, &shrinker->edits.clients_max, plan.client_count);
    smaller = shrink_limit(shrinker, &shrinker->edits.threads_max, threads) || smaller;
    return shrink_limit(shrinker, &shrinker->edits.records_max, records) || smaller;
}

int shrink_run(const struct arguments *arguments) {
    static struct plan plan;
    struct shrinker shrinker = {.seed = arguments->first, .edits = arguments->edits};
    plan_draw(&plan, shrinker.seed, shrinker.edits.profile);
    plan_edit(&plan, &shrinker.edits);
    shrinker.trouble_count = plan.event_count;
    if (!try(&shrinker, &arguments->edits)) {
        fprintf(stderr, "seed %" PRIu64 " does not fail\n", shrinker.seed);
        return 1;
    }
    bool smaller = true;
    while (smaller) {
        smaller = shrink_troubles(&shrinker);
        smaller = shrink_limits(&shrinker) || smaller;
    }
    struct arguments found = *arguments;
    found.edits = shrinker.edits;
    plan_draw(&plan, shrinker.seed, shrinker.edits.profile);
    plan_edit(&plan, &shrinker.edits);
    plan_print(&plan, stdout);
    printf("after %u runs: ", shrinker.runs);
    one_print_replay(shrinker.seed, &found, stdout);
    return 0;
}
