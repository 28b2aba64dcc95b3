/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One activation: claim, run, release. Both executors run actors through here, so that the word of
 * actor.h changes hands by one piece of code only.
 *
 * | who may call    | from where                                                            |
 * | rt_activate     | the executor, with an actor that it took out of its run queue         |
 * | rt_actor_finish | the executor, once, after RT_ACTIVATION_ENDED, when nobody holds it   |
 */
#ifndef RT_ACTIVATE_H
#define RT_ACTIVATE_H

#include "runtime/actor.h"

enum rt_activation {
    RT_ACTIVATION_DONE,    /* idle: the actor may already run elsewhere; never touch it again */
    RT_ACTIVATION_REQUEUE, /* the word is QUEUED: to the back of a run queue */
    RT_ACTIVATION_ENDED    /* keeps RUN for ever, so late mail submits nothing; see below */
};

enum rt_activation rt_activate(struct rt_actor *actor, struct rt_turn *turn);

/* Calls kind->gone and counts the actor out. Before this the executor has let go of its timers,
 * and every activation that ran at its end is over: nobody can reach the actor any more. */
void rt_actor_finish(struct rt_actor *actor);

#endif
