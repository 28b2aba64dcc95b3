/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sweeping the input lanes: all that was published is handed on in runs, in the order of stamps.
 *
 * Why order holds. Let one produce() return before another is called, on other threads. The second
 * found the first's stamp or a later one in `producer->writer`, so its own run's stamp is not
 * lower. Whatever was published before a record is seen by a look that begins after that record
 * was seen. So all lanes are looked at twice: what the first look showed is sure to have nothing
 * before it that the second did not show. It is handed on, the lowest stamp first, until the lowest
 * is one that only the second look showed; then all lanes are looked at again.
 */
#ifndef ACTORS_TOPIC_SWEEP_H
#define ACTORS_TOPIC_SWEEP_H

#include "actors/topic/topic.h"

enum sweep_result { SWEEP_NOTHING, SWEEP_FOUND, SWEEP_MORE, SWEEP_NO_MEMORY };

/* `opened_ns`: no later than the oldest record was produced. */
enum sweep_result sweep(struct topic_actor *self, uint64_t opened_ns);
/* Frees the run descriptors; all have come back. */
void sweep_deinit(struct topic_actor *self);

#endif
