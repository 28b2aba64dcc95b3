/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lending the ticket of a partition to the flusher of its leading broker, and getting it back. Part
 * of the leader actor. */
#ifndef ACTORS_LEADER_LEND_H
#define ACTORS_LEADER_LEND_H

#include "actors/leader/partition.h"

/* With batches pending, nothing away, an identity and a known leader: lends the ticket and sends
 * all pending batches after it. Otherwise sees to it that the actor is woken when one comes. */
void lend(struct partition *partition, uint64_t now_ns);
/* One more batch to where the ticket is. */
void lend_more(struct partition *partition, struct batch *batch);
/* Sends the fence that brings everything back. */
void lend_recall(struct partition *partition);
/* The same, or in addition, and what is in flight is not waited for: it comes back unsure. */
void lend_recall_hard(struct partition *partition);
/* Everything came back: the broker is let go. */
void lend_end(struct partition *partition);
/* The snapshot names another leader, leader epoch or topic id than the ticket was lent under. */
bool lend_is_stale(const struct partition *partition);
/* The ticket's epochs are nearly used up and a new producer id is there: time to come home, so that
 * it can be taken. Whoever holds the ticket may ask. */
bool lend_is_worn(const struct partition *partition);

#endif
