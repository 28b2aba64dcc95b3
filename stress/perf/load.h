/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The workload, written once for every library: load.c has the loops, and a program that measures a
 * library has the functions that begin with client_ and nothing else.
 */
#ifndef STRESS_PERF_LOAD_H
#define STRESS_PERF_LOAD_H

#include "stress/perf/payload.h"
#include "stress/perf/perf.h"

struct perf_load {
    struct perf_arguments arguments;
    struct perf_payload payload;
};

/* A thread that produces records [first, end) and reads reports, not all of them its own. Written
 * by that thread until it has ended. */
struct perf_thread {
    const struct perf_load *load;
    uint64_t first, end;
    uint64_t report_count;
    int64_t *samples_ns;
    size_t sample_count, sample_capacity;
};

/* ---- What a program provides ----------------------------------------------------------------- */

/* Opens the producer and its topics. Like all of these, ends the program when that fails. */
void client_open(const struct perf_load *load);
/* Produces the record with this index to t`topic`; `partition` -1: the library chooses. The payload
 * is copied; `opaque` comes back with the report. False when the buffer is full. */
bool client_produce(const struct perf_load *load, uint64_t index, uint32_t topic, int32_t partition,
                    void *opaque);
/* Waits for the first report and takes what there is: perf_report for each. */
void client_poll(struct perf_thread *thread, int timeout_ms);
/* Sends one record and waits for its report, which does not go to perf_report. */
void client_produce_and_wait(const struct perf_load *load, uint64_t index);
/* Sends what lingers and waits until all is decided, taking reports. */
void client_flush(struct perf_thread *thread);
void client_close(void);

/* ---- What it uses ---------------------------------------------------------------------------- */

/* For every report of success. A sample was marked with the moment from which it is measured. */
static inline void perf_report(struct perf_thread *thread, void *opaque, int64_t now_ns) {
    thread->report_count++;
    if (opaque != NULL && thread->sample_count < thread->sample_capacity)
        thread->samples_ns[thread->sample_count++] = now_ns - (intptr_t)opaque;
}

#endif
