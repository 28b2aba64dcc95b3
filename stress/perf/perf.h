/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the benchmark programs share, so that they measure the same: the command line of `sluice
 * bench`, the standing workload's records, the clocks, and the JSON object at the end.
 */
#ifndef STRESS_PERF_H
#define STRESS_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERF_TOPICS_MAX = 1000, PERF_OPTIONS_MAX = 32, PERF_KEY_BYTES = 8 };

struct perf_arguments {
    const char *bootstrap;
    uint64_t record_count;
    size_t value_size;
    uint32_t topic_count;
    uint32_t thread_count;
    uint32_t partition_count; /* of each topic: only the floor program has to be told */
    uint32_t option_count;
    bool keyed;
    bool latency;
    const char *option_names[PERF_OPTIONS_MAX]; /* -X name=value */
    const char *option_values[PERF_OPTIONS_MAX];
};

/* Ends the program with status 2 when the command line is wrong. */
void perf_arguments_read(struct perf_arguments *arguments, int count, char **words);

/* Writes "NAME: WHAT: WHY" and ends the program with status 1. */
_Noreturn void perf_give_up(const char *what, const char *why);

/* A value of the workload: `size` readable bytes, the same for every record. The caller frees. */
uint8_t *perf_value_create(size_t size);
/* The key of a record: 8 bytes, spread over all values. */
void perf_key_write(uint8_t key[PERF_KEY_BYTES], uint64_t index);

int64_t perf_now_ns(void);

/* From just before the first record to just after the last report. */
struct perf_span {
    int64_t wall_ns;
    int64_t cpu_ns; /* user + system, of the whole process */
};
struct perf_span perf_span_now(void);

/* Prints the JSON object of `sluice bench`. `latencies_ns` holds `count` samples (any order, sorted
 * here); with none, the percentiles are null. */
void perf_result_print(uint64_t record_count, struct perf_span begin, struct perf_span end,
                       int64_t *latencies_ns, size_t count);

#endif
