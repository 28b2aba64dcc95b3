/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A published snapshot: one writer (an actor), many readers (activations), no lock.
 *
 * A reader may use the pointer until its activation ends, never longer. The writer publishes a new
 * one and retires the old; it is freed when every activation that could see it has ended.
 */
#ifndef RT_SNAPSHOT_H
#define RT_SNAPSHOT_H

#include <stdatomic.h>

#include "runtime/world.h"

struct rt_snapshot {
    _Atomic(void *) current;
};

static inline void *rt_snapshot_read(struct rt_snapshot *snapshot) {
    return atomic_load_explicit(&snapshot->current, memory_order_acquire); /* pairs: publish */
}

/* `old`: the retired node inside the object published before, NULL when there was none. */
static inline void rt_snapshot_publish(struct rt_world *world, struct rt_snapshot *snapshot,
                                       void *next, struct rt_retired *old) {
    atomic_store_explicit(&snapshot->current, next, memory_order_release);
    if (old != NULL) {
        rt_retire(world, old);
    }
}

#endif
