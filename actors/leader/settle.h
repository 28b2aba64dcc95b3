/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of batches that are at home with their leader actor and did not get through:
 * decided, or sent to the retry actor. Part of the leader actor. */
#ifndef ACTORS_LEADER_SETTLE_H
#define ACTORS_LEADER_SETTLE_H

#include "actors/leader/partition.h"

/* `lent` has come back: failed batches go away to retry or are decided, the rest is pending. */
void settle_returned(struct partition *partition, uint64_t now_ns);
/* The topic was made again: what is unsure in the old one stays so, the rest begins anew. */
void settle_remade(struct partition *partition);
/* Decides pending batches whose delivery timeout is over. */
void settle_overdue(struct partition *partition, uint64_t now_ns);
/* Decides all pending batches: no identity can be had. */
void settle_refuse(struct partition *partition, sluice_code error);
/* Decides pending batches as the purge asks. True when some is still being written. */
bool settle_purge(struct partition *partition);

#endif
