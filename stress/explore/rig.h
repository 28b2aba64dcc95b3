/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What scenarios share: a world that is made anew for each run, and a small executor for those that
 * are not about the real one: a queue of actors, and workers that activate them by activate.c.
 */
#ifndef STRESS_EXPLORE_RIG_H
#define STRESS_EXPLORE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/actor.h"
#include "runtime/threads_internal.h"

/* Its submit is the small executor's. */
struct threads *rig_reset(void);
struct rt_world *rig_world(void);
/* The body of a worker of the small executor. */
void rig_worker(void);
/* Nothing is queued. */
bool rig_is_quiet(void);
/* The real executor, with so many workers and none of their threads. */
struct threads *rig_reset_workers(unsigned workers);

#endif
