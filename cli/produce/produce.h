/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `sluice produce`: the pieces of its one run. */
#ifndef CLI_PRODUCE_PRODUCE_H
#define CLI_PRODUCE_PRODUCE_H

#include "cli/cli.h"
#include "cli/lines.h"

enum { RECORDS_AT_ONCE = 256 };

/* What was asked for. */
struct request {
    sluice_config *config;
    const char *topic;
    const char *delimiter; /* between key and value; NULL: no keys */
    size_t delimiter_size;
    sluice_header *headers;
    size_t header_count;
    int32_t partition; /* SLUICE_PARTITION_ANY */
    bool json, counters;
    bool memory_given; /* buffer.memory was */
    char **files;
    int file_count; /* 0: standard input */
};

/* Understands the arguments. EXIT_DONE: run it. Else the status to leave with, or -1 when help was
 * asked for and given. */
int request_read(struct request *request, int count, char **arguments);
void request_free(struct request *request);

struct run {
    const struct request *request;
    sluice_producer *producer;
    sluice_topic *topic;
    struct lines lines;
    struct tally tally;
    uint64_t bytes;
    uint64_t started_ns, processor_started_ns;
    uint64_t ended_ns, processor_ended_ns; /* 0: not yet */
    uint64_t progress_ns;                  /* when the next line of progress is due */
    bool progress;
    bool interruption_told;
    bool failed; /* something was not read to its end */
};

/* Reads everything and hands it over; ends early at the first Ctrl-C. */
void input_produce(struct run *run);
/* Waits until every record has its outcome, or for the second Ctrl-C. */
void outcomes_wait(struct run *run);

void progress_show(struct run *run);
/* Prints what became of everything. */
void summary_show(const struct run *run, FILE *file);
void summary_json(const struct run *run, FILE *file);

#endif
