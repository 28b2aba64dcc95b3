/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports: decided batches on their way to the application, and the word on which its threads wait.
 *
 * | who                  | may                                                     |
 * | whoever decides      | report_post                                             |
 * | one reader at a time | report_take: an application thread, or the report actor |
 *
 * A batch is the unit that travels; records are told apart only while they are handed over.
 */
#ifndef ACTORS_REPORT_REPORT_H
#define ACTORS_REPORT_REPORT_H

#include <sluice/sluice.h>

#include "runtime/lane.h"
#include "runtime/world.h"

struct batch;
struct producer;

enum { REPORT_MARK_CLOSE = 0 };

/* A caller of sluice_produce_sync. Whoever comes second, of the caller that gives up and the batch
 * that is decided, frees it. */
enum sync_state { SYNC_WAITING, SYNC_DONE, SYNC_GONE };
struct sync_waiter {
    _Atomic uint32_t state;
    void *opaque; /* the record's own */
    sluice_report report;
};

/* What threads sleep on that wait for room, for the report of one record, and for much else. */
struct news {
    _Atomic uint32_t word;      /* what a thread sleeps on */
    _Atomic uint32_t listening; /* 1: somebody may sleep, and was not told yet */
};

struct report_queue {
    struct rt_lane_unbounded decided; /* struct batch.mail */
    _Atomic uint32_t reading;         /* 1: somebody is in report_take */
    /* Who waits for reports and for nothing else sleeps on a word of his own, and one is woken at a
     * time: all would find the turn taken but one. */
    _Atomic uint32_t call;      /* bumped to wake one */
    _Atomic uint32_t listeners; /* who may sleep, and whether one was called (report.c) */
    struct batch *current;      /* the reader's: handed over in part */
    _Atomic uint64_t waiting;   /* records in the lane or in `current` */
    _Atomic uint32_t descriptor_used;
    _Atomic(void *) serving; /* the slot of a thread that serves without a lane to mark, or NULL */
    struct rt_actor actor;   /* only with sluice.callback.thread=worker */
    bool actor_started;
};

void report_open(struct producer *producer);
void report_close(struct producer *producer);
void report_deinit(struct producer *producer);
void report_post(struct producer *producer, struct batch *batch);
/* Up to `capacity` reports that are there now. */
size_t report_take(struct producer *producer, sluice_report *reports, size_t capacity);
/* Serves the callback with what is there now; returns how many. */
size_t report_serve(struct producer *producer);

/* What application threads wait on. Register, look, then wait, and begin again: who is told has to
 * register anew, so that a stream of news costs one wake-up for each look and not one for each
 * piece. */
uint32_t news_register(struct producer *producer);
bool news_wait(struct producer *producer, uint32_t seen, uint64_t deadline_ns);
void news_tell(struct producer *producer);

/* The same for reports alone: listen, look, then await or not, and in any case stop listening. Who
 * then goes his way with what he has, and does not look again, says so. */
uint32_t report_listen(struct producer *producer);
bool report_await(struct producer *producer, uint32_t seen, uint64_t deadline_ns);
void report_stop_listening(struct producer *producer, bool looks_again);
/* There are reports to read, or the turn to read them is free. */
void report_tell(struct producer *producer);
/* No report will follow those that are there. */
void report_end(struct producer *producer);

#endif
