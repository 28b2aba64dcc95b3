/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the command sluice_sim. */
#ifndef STRESS_SIM_COMMAND_H
#define STRESS_SIM_COMMAND_H

#include "stress/sim/trial.h"

enum systematic { SYSTEMATIC_NOT, SYSTEMATIC_SINGLES, SYSTEMATIC_PAIRS, SYSTEMATIC_TRIPLES };

struct arguments {
    const char *program;
    uint64_t first, last;
    bool range_given;
    struct plan_edits edits;
    bool trace, twice, keep_going, verbose, shrink;
    unsigned seconds;  /* then no new seed is begun */
    unsigned patience; /* seconds that one seed may take */
    unsigned jobs;
    enum systematic systematic; /* how many faults there are; seeds are their combinations then */
    uint32_t steps;             /* of the scenario, when nothing fails */
};

/* What many seeds add up to. */
struct totals {
    uint64_t ran, failed;
    uint64_t seen, first_seen; /* control runs whose complaint came, and the first such seed */
    struct trial_result sum;
    struct trial_coverage coverage;
    double cpu_seconds;
};

/* one.c */

/* Runs one seed; false when it failed, and then it has said how to run it again. */
bool one_run(uint64_t seed, const struct arguments *arguments, struct totals *totals);
/* Runs a plan of this seed in a process of its own, in silence. */
bool one_fails(uint64_t seed, const struct plan_edits *edits);
/* The command that runs it again. */
void one_print_replay(uint64_t seed, const struct arguments *arguments, FILE *out);

/* range.c: runs the seeds, on several cores if asked to. The exit status. */
int range_run(const struct arguments *arguments);

/* systematic.c: one short scenario, and every combination of faults at its steps. */

/* Counts steps and combinations, which become the range of seeds if none was given. False when the
 * scenario fails by itself. */
bool systematic_prepare(struct arguments *arguments);
void systematic_plan(struct plan *plan, uint64_t combination, const struct arguments *arguments);

/* shrink.c: finds the smallest plan of a seed that still fails. The exit status. */
int shrink_run(const struct arguments *arguments);

#endif
