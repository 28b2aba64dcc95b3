/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ticket while it is with a flusher: attaching, readiness, the gate, stopping, going back. Part
 * of the flusher actor; see docs/decisions/ticket.md for the rules.
 */
#ifndef ACTORS_FLUSHER_TICKET_H
#define ACTORS_FLUSHER_TICKET_H

#include "actors/flusher/flusher.h"
#include "actors/leader/partition.h"
#include "runtime/fetch.h"

/* Asks for what the functions below look at first. */
static inline void ticket_fetch(const struct partition *partition) {
    rt_fetch_all(&partition->producer_id, offsetof(struct partition, lent_oldest_ns) -
                                              offsetof(struct partition, producer_id));
    rt_fetch(&partition->unsent);
}
/* A batch of the partition arrived. */
void ticket_add(struct flusher *self, struct partition *partition, struct batch *batch);
/* The fence arrived. */
void ticket_fence(struct flusher *self, struct partition *partition);
/* Puts the partition into the ready list if the gate lets a batch through. */
void ticket_make_ready(struct flusher *self, struct partition *partition);
/* The next ready partition, taken off the list; NULL when there is none. */
struct partition *ticket_next_ready(struct flusher *self);
/* Its next batch, stamped and counted as in flight. */
struct batch *ticket_hand_over(struct flusher *self, struct partition *partition);
/* Tells the aggregator how much does not wait here any more. */
void ticket_give_room(struct flusher *self);
/* Sends nothing more of it; goes back when all is answered and the fence has come. */
void ticket_stop(struct flusher *self, struct partition *partition);
/* As ticket_stop, and does not wait for answers: what is in flight is unsure from now on. */
void ticket_stop_hard(struct flusher *self, struct partition *partition);
/* The time of a batch in flight is over: it is unknown, and its answer is not waited for. Those
 * behind it are, so that none is ever sent again while an answer to it may come. */
void ticket_abandon(struct flusher *self, struct batch *batch);
/* Decides what has failed here and whose time is over while answers to others are waited for. */
void ticket_expire(struct flusher *self, struct partition *partition);
/* There is a new connection, whose other end may have forgotten what was said on the old one. */
void ticket_reconnected(struct flusher *self, struct partition *partition);
/* Nothing of it is in flight any more, perhaps. */
void ticket_settle(struct flusher *self, struct partition *partition);

/* The answers, each for a batch in flight. */
void ticket_succeeded(struct flusher *self, struct batch *batch, int64_t base_offset,
                      int64_t log_append_time_ms);
void ticket_failed(struct flusher *self, struct batch *batch, sluice_code error);
/* Written, with acks=0: nobody will ever say more. */
void ticket_unasked(struct flusher *self, struct batch *batch);
/* No byte of it left: not an attempt. */
void ticket_not_sent(struct flusher *self, struct batch *batch);

#endif
