/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage: sluice_explore                          every scenario and every variant
 *        sluice_explore NAME                     one scenario and its variants
 *        sluice_explore NAME[/VARIANT] SCHEDULE  one schedule, with a trace
 *        sluice_explore NAME[/VARIANT] --seeds FIRST COUNT
 *                                                random and PCT schedules of other seeds
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress/explore/explore.h"

static uint64_t total;

struct search {
    const struct explore_scenario *scenario;
    const struct explore_variant *variant; /* NULL: none */
    struct explore_result result;
    uint64_t count; /* schedules of one kind */
    uint64_t all;   /* of all kinds */
    unsigned marks;
    unsigned steps_most;
};

/* False: it failed. */
static bool try_one(struct search *search) {
    explore_run(search->scenario, search->variant, false, &search->result);
    search->count++;
    search->all++;
    total++;
    search->marks |= search->result.marks;
    if (search->result.steps > search->steps_most) {
        search->steps_most = search->result.steps;
    }
    return !search->result.failed;
}

static bool by_depth(struct search *search, unsigned bound) {
    search->count = 0;
    choose_by_depth(bound);
    do {
        if (!try_one(search)) {
            return false;
        }
    } while (choose_next());
    return true;
}

/* Chance when `depth` is 0. */
static bool drawn(struct search *search, unsigned depth, uint64_t first, uint64_t count) {
    search->count = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (depth == 0) {
            choose_by_chance(seed);
        } else {
            choose_by_priority(seed, depth, search->steps_most + 1);
        }
        if (!try_one(search)) {
            return false;
        }
    }
    return true;
}

static bool all_drawn(struct search *search, uint64_t first, uint64_t count) {
    return drawn(search, 0, first, count) && drawn(search, 2, first, count) &&
           drawn(search, 3, first, count);
}

/* The same schedule once more, each step told. */
static void tell(struct search *search) {
    const char *variant = search->variant != NULL ? search->variant->name : "";
    char *schedule = strdup(explore_schedule());
    if (schedule == NULL || !choose_by_replay(schedule)) {
        abort();
    }
    explore_run(search->scenario, search->variant, true, &search->result);
    printf("%s\nagain with: sluice_explore %s%s%s %s\n",
           search->result.failed ? search->result.message : "ends well", search->scenario->name,
           variant[0] != '\0' ? "/" : "", variant, schedule);
    free(schedule);
}

static bool tell_failure(struct search *search) {
    printf("  FAILED: %s\n", search->result.message);
    tell(search);
    return false;
}

/* As it is: nothing may fail, and each mark is reached. */
static bool holds(const struct explore_scenario *scenario) {
    struct search search = {.scenario = scenario};
    printf("%s: %s\n", scenario->name, scenario->says);
    for (unsigned bound = 0; bound <= scenario->bound; bound++) {
        if (!by_depth(&search, bound)) {
            return tell_failure(&search);
        }
    }
    printf("  %" PRIu64 " schedules: all with up to %u preemptions; %u steps at most\n",
           search.count, scenario->bound, search.steps_most);
    if (!all_drawn(&search, 1, scenario->drawn)) {
        return tell_failure(&search);
    }
    printf("  %u schedules by chance, by PCT of depth 2 and by PCT of depth 3, each\n",
           scenario->drawn);
    for (unsigned mark = 0; mark < EXPLORE_MARKS_MAX && scenario->marks[mark] != NULL; mark++) {
        if ((search.marks >> mark & 1) == 0) {
            printf("  FAILED: no schedule came across: %s\n", scenario->marks[mark]);
            return false;
        }
    }
    return true;
}

/* Broken: it must be found. */
static bool is_found(const struct explore_scenario *scenario,
                     const struct explore_variant *variant) {
    struct search search = {.scenario = scenario, .variant = variant};
    bool clean = true;
    for (unsigned bound = 0; clean && bound <= scenario->bound; bound++) {
        clean = by_depth(&search, bound);
        if (!clean) {
            printf("  %s: found with %u preemptions, schedule %" PRIu64 ": %s\n", variant->name,
                   bound, search.all, search.result.message);
        }
    }
    if (clean && !all_drawn(&search, 1, scenario->drawn)) {
        clean = false;
        printf("  %s: found by chance, schedule %" PRIu64 ": %s\n", variant->name, search.all,
               search.result.message);
    }
    if (clean) {
        printf("  FAILED: %s: not found in %" PRIu64 " schedules\n", variant->name, search.all);
        return false;
    }
    printf("    %s/%s %s\n", scenario->name, variant->name, explore_schedule());
    return true;
}

static bool explore(const struct explore_scenario *scenario) {
    bool good = holds(scenario);
    for (unsigned i = 0; i < EXPLORE_VARIANTS_MAX && scenario->variants[i].name != NULL; i++) {
        good = is_found(scenario, &scenario->variants[i]) && good;
    }
    return good;
}

static const struct explore_scenario *find(const char *name, size_t length) {
    for (unsigned i = 0; explore_scenarios[i] != NULL; i++) {
        if (strlen(explore_scenarios[i]->name) == length &&
            memcmp(explore_scenarios[i]->name, name, length) == 0) {
            return explore_scenarios[i];
        }
    }
    return NULL;
}

static const struct explore_variant *find_variant(const struct explore_scenario *scenario,
                                                  const char *name) {
    for (unsigned i = 0; i < EXPLORE_VARIANTS_MAX && scenario->variants[i].name != NULL; i++) {
        if (strcmp(scenario->variants[i].name, name) == 0) {
            return &scenario->variants[i];
        }
    }
    return NULL;
}

static int usage(void) {
    fprintf(stderr, "usage: sluice_explore [NAME | NAME[/VARIANT] SCHEDULE | NAME --seeds FIRST "
                    "COUNT]\nscenarios:\n");
    for (unsigned i = 0; explore_scenarios[i] != NULL; i++) {
        fprintf(stderr, "  %s\n", explore_scenarios[i]->name);
    }
    return 2;
}

static int explore_all(void) {
    bool good = true;
    for (unsigned i = 0; explore_scenarios[i] != NULL; i++) {
        good = explore(explore_scenarios[i]) && good;
    }
    printf("%" PRIu64 " schedules in all\n", total);
    return good ? 0 : 1;
}

static int seeds(struct search *search, const char *first, const char *count) {
    choose_by_depth(0);
    if (!try_one(search) /* for the number of steps */ ||
        !all_drawn(search, strtoull(first, NULL, 10), strtoull(count, NULL, 10))) {
        (void)tell_failure(search);
        return 1;
    }
    printf("%s: %" PRIu64 " schedules\n", search->scenario->name, search->all);
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 1) {
        return explore_all();
    }
    const char *slash = strchr(argv[1], '/');
    size_t length = slash != NULL ? (size_t)(slash - argv[1]) : strlen(argv[1]);
    struct search search = {.scenario = find(argv[1], length)};
    if (search.scenario == NULL) {
        return usage();
    }
    if (slash != NULL) {
        search.variant = find_variant(search.scenario, slash + 1);
        if (search.variant == NULL) {
            return usage();
        }
    }
    if (argc == 2 && slash == NULL) {
        return explore(search.scenario) ? 0 : 1;
    }
    if (argc == 5 && strcmp(argv[2], "--seeds") == 0) {
        return seeds(&search, argv[3], argv[4]);
    }
    if (argc != 3 || !choose_by_replay(argv[2])) {
        return usage();
    }
    explore_run(search.scenario, search.variant, false, &search.result);
    tell(&search);
    return search.result.failed ? 1 : 0;
}
