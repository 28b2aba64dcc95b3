/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Room in memory. Records are charged to the budget before anybody knows what they will take: how
 * many share a batch, how well its chunks are filled. So what blocks take in truth is looked at
 * again and again, and the budget holds back what is not there.
 */
#ifndef ACTORS_PRODUCER_ROOM_H
#define ACTORS_PRODUCER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct producer;

/* After memory was taken or freed: what records may take of the budget follows what is left. */
void room_review(struct producer *producer);
/* After a take that was refused, and so has called all credit back. True when there is more now. */
bool room_refused(struct producer *producer);
/* Gives bytes back to the budget, whose memory was freed before; tells those who wait for room, and
 * for reports at once. */
void room_give(struct producer *producer, int64_t bytes);

#endif
