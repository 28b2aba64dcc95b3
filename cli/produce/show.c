/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person, or a program, sees of a run. */
#include <inttypes.h>

#include "cli/produce/produce.h"

static const uint64_t PROGRESS_NS = 200000000;

static double seconds_of(const struct run *run) {
    uint64_t ended_ns = run->ended_ns != 0 ? run->ended_ns : clock_ns();
    return (double)(ended_ns - run->started_ns) / 1e9;
}

/* Of what was written; without acknowledgements, of what was sent. */
static double rate_of(const struct run *run, double seconds) {
    uint64_t done = run->tally.persisted + run->tally.not_asked;
    return seconds > 0 ? (double)done / seconds : 0;
}

/* While nothing was written there is no rate. */
static void rate_show(double rate, FILE *file) {
    if (rate > 0) {
        (void)fprintf(file, ", %.*f records/s", rate_digits(rate), rate);
    }
}

void progress_show(struct run *run) {
    uint64_t now_ns = run->progress ? clock_ns() : 0;
    if (!run->progress || now_ns < run->progress_ns) {
        return;
    }
    run->progress_ns = now_ns + PROGRESS_NS;
    (void)fprintf(stderr, "\r\033[K%" PRIu64 " record%s, %.1f MB read, %" PRIu64 " on their way",
                  run->tally.accepted, plural(run->tally.accepted), (double)run->bytes / 1e6,
                  tally_open(&run->tally));
    rate_show(rate_of(run, seconds_of(run)), stderr);
    (void)fflush(stderr);
}

void summary_show(const struct run *run, FILE *file) {
    double seconds = seconds_of(run);
    if (run->progress) {
        (void)fputs("\r\033[K", file);
    }
    tally_errors_print(&run->tally, file);
    (void)fprintf(file, "%" PRIu64 " persisted, %" PRIu64 " not persisted, %" PRIu64 " unknown",
                  run->tally.persisted, run->tally.not_persisted, run->tally.unknown);
    rate_show(rate_of(run, seconds), file);
    (void)fputc('\n', file);
}

void summary_json(const struct run *run, FILE *file) {
    double seconds = seconds_of(run);
    uint64_t processor = run->processor_ended_ns - run->processor_started_ns;
    double per_record =
        run->tally.accepted > 0 ? (double)processor / (double)run->tally.accepted : 0;
    (void)fprintf(file,
                  "{\"persisted\": %" PRIu64 ", \"not_persisted\": %" PRIu64
                  ", \"unknown\": %" PRIu64 ", \"seconds\": %.6f, \"records_per_second\": %.1f, "
                  "\"cpu_ns_per_record\": %.1f}\n",
                  run->tally.persisted, run->tally.not_persisted, run->tally.unknown, seconds,
                  rate_of(run, seconds), per_record);
}
