/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting actors, and the door to the executor that rt_notify and rt_mark use. */
#include "runtime/actor.h"

#include "runtime/assert.h"
#include "runtime/world.h"

void rt_actor_start(struct rt_actor *actor, const struct rt_actor_kind *kind,
                    struct rt_world *world) {
    RT_ASSERT(kind != NULL && kind->run != NULL);
    atomic_init(&actor->word, 0);
    actor->kind = kind;
    actor->world = world;
    actor->queue_next = NULL;
    actor->timers = NULL;
    /* Relaxed: only counts. The actor itself is handed on by whatever makes it known to others. */
    actor->id =
        (uint32_t)atomic_fetch_add_explicit(&world->actors_started, 1, memory_order_relaxed);
}

void rt_submit(struct rt_actor *actor) {
    struct rt_world *world = actor->world;
    world->ops->submit(world, actor);
}
