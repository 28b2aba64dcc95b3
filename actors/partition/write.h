/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing runs of records into the open batches of their partitions: the one place where a record
 * costs something past its thread. Part of the partition actor. */
#ifndef ACTORS_PARTITION_WRITE_H
#define ACTORS_PARTITION_WRITE_H

#include "actors/partition/partition_actor.h"

enum { WRITE_NO_MEMORY_WAIT_NS = 5000000 };

/* Works through the parked runs as far as metadata and memory allow; what is overdue fails. */
void write_runs(struct partition_actor *self, struct rt_turn *turn);
/* Every parked record fails: not persisted. */
void write_refuse_all(struct partition_actor *self, sluice_code error);
uint64_t write_delivery_ns(const struct producer *producer);

#endif
