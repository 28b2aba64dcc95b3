/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leader actor of a topic-partition: owns the order of its batches, and the ticket.
 *
 * Takes:  lane `arrivals`: fresh batches (often still open) and batches back from retry
 *         lane `returns`: STOP and BACK from the flusher that has the ticket
 *         marks: METADATA, IDENTITY, TIMER (delivery timeout), FULL, PURGE, CLOSE
 * Sends:  batches, FULL and FENCE to an aggregator; failed batches to retry; itself to metadata or
 *         identity when it must wait for one of them
 * Owns:   `pending`, the count of batches that are away, the ticket while it is not lent
 *
 *                    ┌───────────── nothing failed ─────────────┐
 *                    ▼                                          │
 *   HOME ─lend─► LENT ─STOP, leader moved, overdue─► RECALLING ─BACK─► HOME or RETRYING
 *    ▲ ▲                                                               │
 *    │ └── NEEDS_ID, NO_LEADER: woken by identity or metadata          │
 *    └───────────────────────── all failed batches are back ◄──────────┘
 */
#ifndef ACTORS_LEADER_LEADER_H
#define ACTORS_LEADER_LEADER_H

#include "actors/leader/partition.h"

/* Makes a partition and starts its leader actor; index -1 has no actor. NULL: memory is short. */
struct partition *leader_create(struct topic *topic, int32_t index);

#endif
