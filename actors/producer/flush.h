/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flush by ticket. Batches are counted in the flush epoch in which they were opened. A flush takes
 * a ticket; the topic actor sweeps and sends a token behind what it found; when every partition
 * actor has passed the token, all records produced before the flush are in batches of the current
 * epoch or older ones, or parked until metadata comes, and then counted as batches are. Then the
 * epoch moves on, and the flush waits until nothing of the older epochs is undecided. Records
 * produced later cannot hold it up.
 *
 *   undecided[e % FLUSH_EPOCHS] = batches opened in epoch e and not decided
 */
#ifndef ACTORS_PRODUCER_FLUSH_H
#define ACTORS_PRODUCER_FLUSH_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/sluice.h>

#include "runtime/actor.h"

struct producer;

/* A batch is opened: counted in the epoch that is returned. Partition actors only. */
uint32_t producer_epoch_enter(struct producer *producer);
/* A batch is made of one that is still counted in `epoch`: counted there, too. */
void producer_epoch_join(struct producer *producer, uint32_t epoch);
/* It was decided, or never came to hold a record. */
void producer_epoch_leave(struct producer *producer, uint32_t epoch);
/* The topic actor: everybody has passed the token of this ticket. */
void flush_passed(struct producer *producer, uint32_t ticket);
/* Ticket and wait, for flush and close; serves the report callback meanwhile. False at the
 * deadline. Application threads. */
bool flush_wait(struct producer *producer, uint64_t deadline_ns);
/* A purge travels from actor to actor as two marks beside each other: `first` for
 * SLUICE_PURGE_UNSENT, the next one for SLUICE_PURGE_SENT. So a second one adds to the first. */
static inline uint32_t purge_marks(uint32_t first, uint32_t what) {
    return RT_MARK(first) * what;
}
static inline uint32_t purge_of_marks(uint32_t first, uint32_t marks) {
    return marks / RT_MARK(first) & (SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT);
}
/* Gives up on what was accepted so far: SLUICE_PURGE_…; `error` goes into the reports. */
void purge_begin(struct producer *producer, uint32_t what, sluice_code error);
/* As flush_wait, for close: gives up so long before the deadline as deciding what is left takes,
 * a microsecond for each batch, at most half-way. */
bool flush_before(struct producer *producer, uint64_t deadline_ns);
/* For close: gives up on everything and waits until all of it is decided, which needs no broker
 * and no time. */
void purge_all(struct producer *producer);

#endif
