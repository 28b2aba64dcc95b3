/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs that must wait in the partition actor, because nobody knows the topic's partitions yet. They
 * are copied out of the input chunks, so that they pin nobody else's records, and are counted in
 * the flush epoch and in the share of memory of those without a leader.
 */
#ifndef ACTORS_PARTITION_PARK_H
#define ACTORS_PARTITION_PARK_H

#include "actors/partition/partition_actor.h"

/* Parks what was not looked at yet; tokens pass. Each run is looked at once, however many wait. */
void park_fresh(struct partition_actor *self);
/* `charge` more, or less, waits. */
void park_count(struct partition_actor *self, int64_t charge);

#endif
