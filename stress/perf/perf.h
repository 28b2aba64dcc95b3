/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the benchmark programs share, so that they measure the same: the command line, the clocks
 * and the JSON object at the end. The payload is in payload.h, the loops are in load.h.
 */
#ifndef STRESS_PERF_H
#define STRESS_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERF_TOPICS_MAX = 1000, PERF_THREADS_MAX = 64, PERF_OPTIONS_MAX = 32 };

struct perf_arguments {
    const char *bootstrap;
    uint64_t record_count;
    uint64_t rate;             /* records a second, by a fixed schedule; 0: as fast as possible */
    size_t value_size_min;     /* the same as the largest, unless the payload is JSON */
    size_t value_size_max;     /* bytes */
    uint32_t topic_count;      /* t0, t1, ... in turn */
    uint32_t thread_count;     /* that produce */
    uint32_t busy_count;       /* not 0: all records go to so many partitions of t0, by number */
    uint32_t idle_seconds;     /* not 0: open, warm up, and produce nothing */
    uint32_t floor_partitions; /* of each topic: only the floor has to be told */
    uint32_t option_count;
    bool keyed;
    bool json;                                  /* payload: lines of JSON, else the alphabet */
    bool latency;                               /* one record at a time */
    bool fill;                                  /* until no more is accepted, and end */
    const char *option_names[PERF_OPTIONS_MAX]; /* -X name=value */
    const char *option_values[PERF_OPTIONS_MAX];
};

/* Ends the program with status 2 when the command line is wrong. */
void perf_arguments_read(struct perf_arguments *arguments, int count, char **words);

/* Writes "NAME: WHAT: WHY" and ends the program with status 1. */
_Noreturn void perf_give_up(const char *what, const char *why);

int64_t perf_now_ns(void);

/* From just before the first record to just after the last report. */
struct perf_span {
    int64_t wall_ns;
    int64_t cpu_ns;  /* user + system, of the whole process */
    int64_t wakeups; /* times a thread of the process went to sleep by itself */
};
struct perf_span perf_span_now(void);

/* Prints the JSON object of a run. `latencies_ns` holds `count` samples (any order, sorted here);
 * with none, the percentiles are null. */
void perf_result_print(uint64_t record_count, struct perf_span begin, struct perf_span end,
                       int64_t *latencies_ns, size_t count);
/* The same for a time in which nothing was produced. */
void perf_idle_print(struct perf_span begin, struct perf_span end);
/* And for a run that ended when the buffer was full. */
void perf_fill_print(uint64_t record_count);

#endif
