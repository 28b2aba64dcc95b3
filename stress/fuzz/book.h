/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole producer in a simulated world, whose only broker is a peer that the target plays, and a
 * book of its records: each one must be reported once, and in time. */
#ifndef STRESS_FUZZ_BOOK_H
#define STRESS_FUZZ_BOOK_H

#include <sluice/sluice.h>

#include "stress/fuzz/fuzz.h"
#include "tests/actors/link_peer.h"

enum { BOOK_RECORDS_MAX = 256, BOOK_DELIVERY_MS = 3000, BOOK_PARTITIONS = 2 };

struct book_record {
    int32_t partition; /* that was asked for */
    unsigned reports;
    sluice_report report;
};

struct book {
    struct rt_world *world;
    struct peer peer;
    sluice_producer *producer;
    sluice_topic *topic; /* "orders" */
    struct book_record records[BOOK_RECORDS_MAX];
    uint32_t accepted, reported;
};

/* The input chooses the seed, how bytes are cut, acks, compression and the like. `context` is the
 * peer's. */
struct book *book_open(struct fuzz_input *input, peer_script script, void *context);
void book_produce(struct book *book, int32_t partition, size_t value_size);
void book_run(struct book *book, uint64_t ms);
/* Takes the reports that are there. */
void book_poll(struct book *book);
/* Runs until every record must have been reported, checks that, closes and frees. */
void book_close(struct book *book);

#endif
