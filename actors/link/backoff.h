/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pauses that double with each failure in a row. */
#ifndef ACTORS_LINK_BACKOFF_H
#define ACTORS_LINK_BACKOFF_H

#include "runtime/world.h"

/* base_ms * 2^round, at most `most_ms`. */
uint64_t backoff_doubled_ms(int64_t base_ms, int64_t most_ms, uint32_t round);
/* The same in ns, a fifth more or less by chance so that clients do not march in step, and never
 * less than 0.8 ms, so that nothing runs in a hot circle. */
uint64_t backoff_ns(struct rt_world *world, int64_t base_ms, int64_t most_ms, uint32_t round);

#endif
