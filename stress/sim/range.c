/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many seeds. With several jobs each is a process that takes the next seed when it is done with
 * one, so that what was run is a range without holes, and a crash ends one job only.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress/sim/command.h"

enum { JOBS_MAX = 64 };

/* Between the processes: each job writes its own totals. */
struct shared {
    _Atomic uint64_t next;
    atomic_bool stop;
    struct totals totals[JOBS_MAX];
};

/* The first interrupt ends it when the seeds that are under way are done, the second at once. */
static struct shared *interrupted;
static void stop_soon(int number) {
    (void)number;
    atomic_store(&interrupted->stop, true);
}

static void obey_interrupts(struct shared *shared) {
    interrupted = shared;
    struct sigaction action = {.sa_handler = stop_soon, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static double seconds_now(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void job_run(struct shared *shared, unsigned job, double until,
                    const struct arguments *arguments) {
    struct totals *totals = &shared->totals[job];
    double began = seconds_now(CLOCK_PROCESS_CPUTIME_ID) - totals->cpu_seconds;
    while (!atomic_load(&shared->stop) && seconds_now(CLOCK_MONOTONIC) < until) {
        uint64_t seed = atomic_fetch_add(&shared->next, 1);
        if (seed > arguments->last) {
            break;
        }
        if (!one_run(seed, arguments, totals) && !arguments->keep_going) {
            atomic_store(&shared->stop, true);
        }
        totals->cpu_seconds = seconds_now(CLOCK_PROCESS_CPUTIME_ID) - began;
    }
}

static pid_t job_start(struct shared *shared, unsigned job, double until,
                       const struct arguments *arguments) {
    pid_t child = fork();
    if (child == 0) {
        job_run(shared, job, until, arguments);
        fflush(NULL);
        _exit(0);
    }
    return child;
}

/* A job that crashed had a seed that failed; the others go on, and another takes its place. */
static void jobs_run(struct shared *shared, double until, const struct arguments *arguments) {
    pid_t jobs[JOBS_MAX];
    unsigned running = 0;
    for (unsigned i = 0; i < arguments->jobs; i++) {
        jobs[i] = job_start(shared, i, until, arguments);
        running += jobs[i] > 0;
    }
    while (running > 0) {
        int status = 0;
        pid_t ended = wait(&status);
        unsigned job = 0;
        while (job < arguments->jobs && jobs[job] != ended) {
            job++;
        }
        if (job == arguments->jobs) {
            continue;
        }
        running--;
        if (status == 0) {
            continue;
        }
        shared->totals[job].failed++;
        shared->totals[job].cpu_seconds = 0;
        if (arguments->keep_going) {
            jobs[job] = job_start(shared, job, until, arguments);
            running += jobs[job] > 0;
        } else {
            atomic_store(&shared->stop, true);
        }
    }
}

static void totals_join(struct totals *sum, const struct totals *each) {
    sum->ran += each->ran;
    sum->failed += each->failed;
    sum->first_seen = sum->seen == 0 || (each->seen > 0 && each->first_seen < sum->first_seen)
                          ? each->first_seen
                          : sum->first_seen;
    sum->seen += each->seen;
    sum->cpu_seconds += each->cpu_seconds;
    sum->sum.accepted += each->sum.accepted;
    sum->sum.persisted += each->sum.persisted;
    sum->sum.not_persisted += each->sum.not_persisted;
    sum->sum.unknown += each->sum.unknown;
    sum->sum.events += each->sum.events;
    sum->sum.duplicates += each->sum.duplicates;
    sum->sum.full += each->sum.full;
    sum->sum.retried += each->sum.retried;
    for (unsigned i = 0; i < 2048; i++) {
        sum->coverage.errors[i] += each->coverage.errors[i];
    }
    for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
        sum->coverage.troubles[i] += each->coverage.troubles[i];
    }
}

static void print_coverage(const struct trial_coverage *coverage) {
    for (int i = 0; i < TROUBLE_COUNT; i++) {
        fprintf(stderr, "  %10" PRIu64 " troubles: %s\n", coverage->troubles[i],
                plan_trouble_name((enum plan_trouble)i));
    }
    for (int i = 0; i < 2048; i++) {
        if (coverage->errors[i] > 0) {
            fprintf(stderr, "  %10" PRIu64 " records whose last error was %s\n",
                    coverage->errors[i], sluice_code_name((sluice_code)(i + COVERAGE_LOWEST)));
        }
    }
}

static void print_totals(const struct totals *totals) {
    const struct trial_result *sum = &totals->sum;
    double seconds = totals->cpu_seconds;
    fprintf(stderr,
            "%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " records: %" PRIu64
            " persisted, %" PRIu64 " not, %" PRIu64 " unknown; %" PRIu64
            " duplicates refused, %" PRIu64 " batches retried, %" PRIu64
            " calls met \"full\", %" PRIu64 " events, %.0f seeds a second of a core\n",
            totals->ran, totals->failed, sum->accepted, sum->persisted, sum->not_persisted,
            sum->unknown, sum->duplicates, sum->retried, sum->full, sum->events,
            seconds > 0 ? (double)totals->ran / seconds : 0.0);
}

/* For ./run stress, which keeps a table of what was run. */
static void print_range(const struct arguments *arguments, uint64_t next,
                        const struct totals *totals) {
    uint64_t last = next - 1 < arguments->last ? next - 1 : arguments->last;
    printf("range %" PRIu64 " %" PRIu64 " failed %" PRIu64 "\n", arguments->first, last,
           totals->failed);
}

int range_run(const struct arguments *arguments) {
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    atomic_init(&shared->next, arguments->first);
    obey_interrupts(shared);
    double until = seconds_now(CLOCK_MONOTONIC) + arguments->seconds;
    if (arguments->jobs == 1) {
        job_run(shared, 0, until, arguments);
    } else {
        jobs_run(shared, until, arguments);
    }
    static struct totals sum;
    for (unsigned i = 0; i < arguments->jobs; i++) {
        totals_join(&sum, &shared->totals[i]);
    }
    print_totals(&sum);
    if (arguments->verbose) {
        print_coverage(&sum.coverage);
    }
    if (arguments->first != arguments->last) {
        print_range(arguments, atomic_load(&shared->next), &sum);
    }
    munmap(shared, sizeof(*shared));
    if (arguments->edits.control != CONTROL_NONE) {
        fprintf(stderr,
                "the checker complained about %" PRIu64 " of them, first about seed %" PRIu64 "\n",
                sum.seen, sum.first_seen);
        return sum.failed > 0 || sum.seen == 0;
    }
    return sum.failed > 0;
}
