/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One seed: drawn, edited, run, and told how to run it again when it fails. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress/sim/command.h"

enum { SEED_SECONDS_MAX = 60, REPLAY_SIZE = 2048 };

/* For the handler of signals: the seed that runs. */
static char replay[REPLAY_SIZE];

static void print_replay(int signal_number) {
    ssize_t ignored = write(STDERR_FILENO, replay, strlen(replay));
    (void)ignored;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_signals(void (*handler)(int)) {
    const int signals[] = {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        signal(signals[i], handler);
    }
}

/* The commit that is tested, and whether there are changes on top of it. */
static void print_commit(FILE *out) {
    char commit[64] = "";
    FILE *git = popen("git -C '" SLUICE_SOURCE_DIR "' describe --always --dirty 2>/dev/null", "r");
    if (git != NULL) {
        if (fgets(commit, sizeof(commit), git) != NULL) {
            commit[strcspn(commit, "\n")] = '\0';
        }
        pclose(git);
    }
    fprintf(out, "commit %s", commit[0] == '\0' ? "unknown" : commit);
}

void one_print_replay(uint64_t seed, const struct arguments *arguments, FILE *out) {
    static const char *const systematics[] = {"", " --systematic singles", " --systematic pairs",
                                              " --systematic triples"};
    fprintf(out, "%s%s --seed %" PRIu64, arguments->program, systematics[arguments->systematic],
            seed);
    plan_edits_print(&arguments->edits, out);
    fputs(" --trace\n", out);
}

static void replay_prepare(uint64_t seed, const struct arguments *arguments) {
    FILE *out = fmemopen(replay, sizeof(replay), "w");
    fprintf(out, "seed %" PRIu64 " failed; again, with its trace: ", seed);
    one_print_replay(seed, arguments, out);
    fclose(out);
}

static void totals_add(struct totals *totals, const struct trial_result *result) {
    struct trial_result *sum = &totals->sum;
    sum->accepted += result->accepted;
    sum->persisted += result->persisted;
    sum->not_persisted += result->not_persisted;
    sum->unknown += result->unknown;
    sum->events += result->events;
    sum->duplicates += result->duplicates;
    sum->full += result->full;
    sum->retried += result->retried;
}

static bool run_once(const struct plan *plan, const struct arguments *arguments,
                     struct totals *totals, struct trial_result *result) {
    alarm(arguments->patience);
    bool passed = trial_run(plan, arguments->trace ? stdout : NULL, result, &totals->coverage);
    alarm(0);
    totals_add(totals, result);
    return passed;
}

static void print_result(const struct trial_result *result) {
    fprintf(stderr,
            "  %" PRIu64 " accepted: %" PRIu64 " persisted, %" PRIu64 " not, %" PRIu64
            " unknown; %" PRIu64 " events, %" PRIu64 " ms, trace %016" PRIx64 "\n",
            result->accepted, result->persisted, result->not_persisted, result->unknown,
            result->events, result->virtual_ns / 1000000, result->trace_hash);
}

/* A control run: whether the checker saw what there was to see. */
static void control_count(uint64_t seed, const struct arguments *arguments,
                          const struct trial_result *result, struct totals *totals) {
    static const char *const words[] = {"", ": doubled", ": out of order", ": lost"};
    bool seen = false;
    for (unsigned i = 0; i < result->verdict.failures && i < VERDICT_LINES_MAX; i++) {
        const char *line = result->verdict.lines[i];
        seen = seen || strstr(line, words[arguments->edits.control]) != NULL;
    }
    totals->first_seen = seen && totals->seen == 0 ? seed : totals->first_seen;
    totals->seen += seen;
}

static void print_failure(const struct plan *plan, const struct trial_result *result) {
    verdict_print(&result->verdict);
    plan_print(plan, stderr);
    print_commit(stderr);
    fprintf(stderr, ", %s", replay);
}

bool one_run(uint64_t seed, const struct arguments *arguments, struct totals *totals) {
    static struct plan plan;
    struct trial_result result, again;
    if (arguments->systematic != SYSTEMATIC_NOT) {
        systematic_plan(&plan, seed, arguments);
    } else {
        plan_draw(&plan, seed, arguments->edits.profile);
        plan_edit(&plan, &arguments->edits);
    }
    replay_prepare(seed, arguments);
    catch_signals(print_replay);
    if (arguments->verbose || arguments->trace) {
        plan_print(&plan, stderr);
    }
    totals->ran++;
    bool passed = run_once(&plan, arguments, totals, &result);
    if (passed && arguments->twice) {
        passed = run_once(&plan, arguments, totals, &again);
        bool same = again.trace_hash == result.trace_hash && again.events == result.events;
        if (!same) {
            verdict_fail(&again.verdict, "two runs of one seed differ");
        }
        passed = passed && same;
        result = again;
    }
    if (arguments->edits.control != CONTROL_NONE && !arguments->trace) {
        control_count(seed, arguments, &result, totals);
        return true;
    }
    if (!passed) {
        totals->failed++;
        print_failure(&plan, &result);
    } else if (arguments->verbose) {
        print_result(&result);
    }
    return passed;
}

bool one_fails(uint64_t seed, const struct plan_edits *edits) {
    pid_t child = fork();
    if (child == 0) {
        static struct plan plan;
        static struct trial_coverage coverage;
        struct trial_result result;
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(2);
        }
        catch_signals(SIG_DFL);
        plan_draw(&plan, seed, edits->profile);
        plan_edit(&plan, edits);
        alarm(SEED_SECONDS_MAX);
        _exit(!trial_run(&plan, NULL, &result, &coverage));
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}
