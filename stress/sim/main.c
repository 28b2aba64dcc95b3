/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sluice_sim: end-to-end trials in virtual time, one for each seed.
 *
 *   sluice_sim --seeds 1..300          runs them all, stops at the first that breaks a promise
 *   sluice_sim --seed 17 --trace       one again, with every event on standard output
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stress/sim/trial.h"

enum { SEED_SECONDS_MAX = 60 };

struct arguments {
    struct trial_coverage *coverage;
    uint64_t first, last;
    bool trace, twice, keep_going, verbose;
    unsigned trouble_count; /* at most, to narrow a failure down */
    unsigned seconds;       /* of CPU time, then no new seed is begun */
};

/* For the handler of signals: the seed that runs. */
static char replay[256];

static void print_replay(int signal_number) {
    ssize_t ignored = write(STDERR_FILENO, replay, strlen(replay));
    (void)ignored;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_signals(void) {
    const int signals[] = {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        signal(signals[i], print_replay);
    }
}

static bool run_once(uint64_t seed, const struct arguments *arguments,
                     struct trial_result *result) {
    struct plan plan;
    plan_draw(&plan, seed);
    if (plan.trouble_count > arguments->trouble_count) {
        plan.trouble_count = arguments->trouble_count;
    }
    if (arguments->verbose || arguments->trace) {
        plan_print(&plan, stderr);
    }
    alarm(SEED_SECONDS_MAX);
    bool passed = trial_run(&plan, arguments->trace ? stdout : NULL, result, arguments->coverage);
    alarm(0);
    if (!passed) {
        plan_print(&plan, stderr);
    }
    return passed;
}

static bool run_seed(uint64_t seed, const char *program, const struct arguments *arguments,
                     struct trial_result *result) {
    snprintf(replay, sizeof(replay),
             "seed %" PRIu64 " failed; again, with its trace: %s --seed %" PRIu64 " --trace\n",
             seed, program, seed);
    bool passed = run_once(seed, arguments, result);
    if (passed && arguments->twice) {
        struct trial_result again;
        passed = run_once(seed, arguments, &again);
        if (again.trace_hash != result->trace_hash || again.events != result->events) {
            fprintf(stderr, "  two runs of one seed differ\n");
            passed = false;
        }
    }
    if (!passed) {
        fputs(replay, stderr);
    } else if (arguments->verbose) {
        fprintf(stderr,
                "  %" PRIu64 " accepted: %" PRIu64 " persisted, %" PRIu64 " not, %" PRIu64
                " unknown; %" PRIu64 " events, %" PRIu64 " ms, trace %016" PRIx64 "\n",
                result->accepted, result->persisted, result->not_persisted, result->unknown,
                result->events, result->virtual_ns / 1000000, result->trace_hash);
    }
    return passed;
}

static void print_coverage(const struct trial_coverage *coverage) {
    for (int i = 0; i < 2048; i++) {
        if (coverage->errors[i] > 0) {
            fprintf(stderr, "  %10" PRIu64 " records whose last error was %s\n",
                    coverage->errors[i], sluice_code_name((sluice_code)(i + COVERAGE_LOWEST)));
        }
    }
}

static int usage(void) {
    fputs("usage: sluice_sim [--seed N | --seeds A..B] [--trace] [--twice] [--troubles MOST] "
          "[--seconds MOST] "
          "[--keep-going] [--verbose]\n",
          stderr);
    return 2;
}

static bool parse(int count, char **values, struct arguments *arguments) {
    *arguments = (struct arguments){
        .first = 1, .last = 100, .trouble_count = UINT32_MAX, .seconds = UINT32_MAX};
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? values[i + 1] : "";
        if (strcmp(values[i], "--seed") == 0 && sscanf(value, "%" SCNu64, &arguments->first) == 1) {
            arguments->last = arguments->first;
            i++;
        } else if (strcmp(values[i], "--seeds") == 0 &&
                   sscanf(value, "%" SCNu64 "..%" SCNu64, &arguments->first, &arguments->last) ==
                       2) {
            i++;
        } else if (strcmp(values[i], "--troubles") == 0 &&
                   sscanf(value, "%u", &arguments->trouble_count) == 1) {
            i++;
        } else if (strcmp(values[i], "--seconds") == 0 &&
                   sscanf(value, "%u", &arguments->seconds) == 1) {
            i++;
        } else if (strcmp(values[i], "--trace") == 0) {
            arguments->trace = true;
        } else if (strcmp(values[i], "--twice") == 0) {
            arguments->twice = true;
        } else if (strcmp(values[i], "--keep-going") == 0) {
            arguments->keep_going = true;
        } else if (strcmp(values[i], "--verbose") == 0) {
            arguments->verbose = true;
        } else {
            return false;
        }
    }
    return true;
}

int main(int count, char **values) {
    struct arguments arguments;
    if (!parse(count, values, &arguments)) {
        return usage();
    }
    catch_signals();
    static struct trial_coverage coverage;
    struct trial_result sum = {0};
    arguments.coverage = &coverage;
    uint64_t failed = 0, ran = 0;
    clock_t began = clock();
    for (uint64_t seed = arguments.first; seed <= arguments.last; seed++) {
        struct trial_result result;
        ran++;
        failed += !run_seed(seed, values[0], &arguments, &result);
        sum.accepted += result.accepted;
        sum.persisted += result.persisted;
        sum.not_persisted += result.not_persisted;
        sum.unknown += result.unknown;
        sum.events += result.events;
        sum.duplicates += result.duplicates;
        sum.full += result.full;
        sum.retried += result.retried;
        bool over = (double)(clock() - began) / CLOCKS_PER_SEC > arguments.seconds;
        if (over || (failed > 0 && !arguments.keep_going)) {
            break;
        }
    }
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    fprintf(stderr,
            "%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " records: %" PRIu64
            " persisted, %" PRIu64 " not, %" PRIu64 " unknown; %" PRIu64
            " duplicates refused, %" PRIu64 " batches retried, %" PRIu64
            " calls met \"full\", %" PRIu64 " events, %.0f seeds a second\n",
            ran, failed, sum.accepted, sum.persisted, sum.not_persisted, sum.unknown,
            sum.duplicates, sum.retried, sum.full, sum.events,
            seconds > 0 ? (double)ran / seconds : 0.0);
    if (arguments.verbose) {
        print_coverage(&coverage);
    }
    return failed > 0;
}
