/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sluice_sim: end-to-end trials in virtual time, one for each seed.
 *
 *   sluice_sim --seeds 1..300          runs them all, stops at the first that breaks a promise
 *   sluice_sim --seed 17 --trace       one again, with every event on standard output
 *   sluice_sim --seed 17 --shrink      finds the smallest plan that still fails
 *   sluice_sim --systematic pairs      every two faults at every two steps of a short scenario
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress/sim/command.h"

static int usage(void) {
    fputs("usage: sluice_sim [--seed N | --seeds A..B] [--jobs N] [--seconds MOST]\n"
          "                  [--patience SECONDS]\n"
          "                  [--keep-going] [--trace] [--twice] [--verbose] [--shrink]\n"
          "                  [--troubles MOST] [--without N,N,...] [--records MOST]\n"
          "                  [--threads MOST] [--clients MOST]\n"
          "                  [--control doubles|inversions|losses]\n"
          "                  [--profile unsure|restarts|tight|jam]\n"
          "                  [--systematic singles|pairs|triples]\n",

          stderr);
    return 2;
}

static bool parse_list(const char *value, bool *chosen, unsigned count) {
    while (*value != '\0') {
        char *end;
        unsigned long number = strtoul(value, &end, 10);
        if (end == value || number >= count || (*end != ',' && *end != '\0')) {
            return false;
        }
        chosen[number] = true;
        value = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool parse_number(const char *value, unsigned *number) {
    char rest;
    return sscanf(value, "%u%c", number, &rest) == 1;
}

/* The index of a word in a list that ends with NULL; false when it is none of them. */
static bool parse_word(const char *value, const char *const *words, int *index) {
    for (int i = 1; words[i] != NULL; i++) {
        if (strcmp(value, words[i]) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool parse_seeds(const char *value, struct arguments *arguments) {
    char rest;
    arguments->range_given = true;
    if (sscanf(value, "%" SCNu64 "..%" SCNu64 "%c", &arguments->first, &arguments->last, &rest) ==
        2) {
        return true;
    }
    bool one = sscanf(value, "%" SCNu64 "%c", &arguments->first, &rest) == 1;
    arguments->last = arguments->first;
    return one;
}

static bool parse_flag(const char *name, struct arguments *arguments) {
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--trace", &arguments->trace},
                 {"--twice", &arguments->twice},
                 {"--keep-going", &arguments->keep_going},
                 {"--verbose", &arguments->verbose},
                 {"--shrink", &arguments->shrink}};
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

static bool parse_value(const char *name, const char *value, struct arguments *arguments) {
    static const char *const controls[] = {"", "doubles", "inversions", "losses", NULL};
    static const char *const profiles[] = {"", "unsure", "restarts", "tight", "jam", NULL};
    static const char *const systematics[] = {"", "singles", "pairs", "triples", NULL};
    struct plan_edits *edits = &arguments->edits;
    const struct {
        const char *name;
        unsigned *number;
    } numbers[] = {{"--seconds", &arguments->seconds}, {"--patience", &arguments->patience},
                   {"--jobs", &arguments->jobs},       {"--troubles", &edits->troubles_max},
                   {"--records", &edits->records_max}, {"--threads", &edits->threads_max},
                   {"--clients", &edits->clients_max}};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            return parse_number(value, numbers[i].number);
        }
    }
    int word;
    if (strcmp(name, "--seed") == 0 || strcmp(name, "--seeds") == 0) {
        return parse_seeds(value, arguments);
    }
    if (strcmp(name, "--without") == 0) {
        return parse_list(value, edits->without, PLAN_TROUBLES_MAX);
    }
    if (strcmp(name, "--profile") == 0 && parse_word(value, profiles, &word)) {
        edits->profile = (enum plan_profile)word;
        return true;
    }
    if (strcmp(name, "--control") == 0 && parse_word(value, controls, &word)) {
        edits->control = (enum plan_control)word;
        return true;
    }
    if (strcmp(name, "--systematic") == 0 && parse_word(value, systematics, &word)) {
        arguments->systematic = (enum systematic)word;
        return true;
    }
    return false;
}

static bool parse(int count, char **values, struct arguments *arguments) {
    *arguments = (struct arguments){.program = values[0],
                                    .first = 1,
                                    .last = 100,
                                    .edits = plan_edits_none(),
                                    .seconds = UINT32_MAX,
                                    .patience = 60,
                                    .jobs = 1};
    for (int i = 1; i < count; i++) {
        if (parse_flag(values[i], arguments)) {
            continue;
        }
        if (i + 1 == count || !parse_value(values[i], values[i + 1], arguments)) {
            return false;
        }
        i++;
    }
    if (arguments->jobs == 0) {
        arguments->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    }
    return arguments->jobs <= 64 && arguments->edits.clients_max > 0 &&
           arguments->edits.threads_max > 0 && arguments->edits.records_max > 0;
}

int main(int count, char **values) {
    struct arguments arguments;
    if (!parse(count, values, &arguments)) {
        return usage();
    }
    if (arguments.systematic != SYSTEMATIC_NOT && !systematic_prepare(&arguments)) {
        return 1;
    }
    return arguments.shrink ? shrink_run(&arguments) : range_run(&arguments);
}
