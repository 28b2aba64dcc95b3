/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `sluice bench`: the standing workload. */
#ifndef CLI_BENCH_BENCH_H
#define CLI_BENCH_BENCH_H

#include "cli/bench/samples.h"
#include "cli/cli.h"

enum { BENCH_KEY_BYTES = 8, BENCH_THREADS_MAX = 256 };

struct bench {
    sluice_config *config;
    int64_t topic_count, record_count, record_bytes, thread_count;
    bool keyed, latency, json, counters;

    sluice_producer *producer;
    sluice_topic **topics; /* t0, t1, ... */
    char *value;           /* the same for every record */
};

/* One thread's share, and what came of it. Written by that thread until it has ended. */
struct bench_thread {
    const struct bench *bench;
    uint64_t first, end; /* records */
    int64_t topic;       /* of the next record */
    struct tally tally;
    struct samples samples;
};

/* The arguments, as the other commands do: EXIT_DONE, a status, or -1 after help. */
int bench_arguments_read(struct bench *bench, int count, char **arguments);

/* One record to every topic, so that connections, metadata and producer id are there. */
bool bench_warm_up(struct bench *bench);
/* Produces the thread's records and reads reports; not all of them are its own. */
void *bench_thread_run(void *thread);

#endif
