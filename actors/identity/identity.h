/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The identity actor: owns the producer id. Gets one by InitProducerId when the first topic is
 * opened, and a new one when an epoch runs out. Without idempotence it is never started.
 *
 * Takes:  partitions that need an id (lane `waiting`; partition->identity_node)
 *         mark RENEW: there is no id yet, or the one that is published has no epochs left for
 *         somebody
 *         mark GIVE_LINK: a broker was started that could have our link
 * Sends:  LEADER_MARK_IDENTITY to each of them once an id is there, or once it is certain that
 *         none can be had (`fatal`)
 * Owns:   one link, while an id is being asked for and a little longer: the broker that it leads to
 *         may take it over
 *
 *   RESTING ─► ASKING ─► KEEPING ─► RESTING      an id is there; RESTING at once: `fatal`
 */
#ifndef ACTORS_IDENTITY_IDENTITY_H
#define ACTORS_IDENTITY_IDENTITY_H

#include "actors/link/link.h"
#include "runtime/lane.h"

struct partition;
struct producer;

struct identity {
    struct rt_actor actor;
    struct producer *producer;
    _Atomic int64_t producer_id;      /* -1: none yet. Release; pairs with the leaders' acquire */
    _Atomic uint32_t fatal;           /* a sluice_code: no id can be had; 0 otherwise */
    _Atomic int32_t trouble;          /* why nobody could be asked, a sluice_code; SLUICE_OK once
                                         somebody answers. Relaxed: it only explains */
    _Atomic int32_t awaits;           /* what nobody has answered to yet, a sluice_code. Relaxed:
                                         as trouble */
    _Atomic int64_t exhausted;        /* -1, or the id whose epochs ran out. Release; pairs with
                                          the actor's acquire */
    struct rt_lane_unbounded waiting; /* struct partition.wait_node */
    struct identity_state *state;     /* private to actors/identity */
};

enum {
    IDENTITY_MARK_SOCKET = 0,
    IDENTITY_MARK_TIMER,
    IDENTITY_MARK_LOOKUP,
    IDENTITY_MARK_RENEW,
    IDENTITY_MARK_CLOSE,
    IDENTITY_MARK_RETRY_TIMER,
    IDENTITY_MARK_GIVE_LINK
};

/* False when memory is short. */
bool identity_start(struct identity *identity, struct producer *producer);
/* The first topic was opened: an id will be needed. Any thread. */
void identity_begin(struct identity *identity);
/* A broker was started: if the connection leads to it, it becomes the broker's. Any activation. */
void identity_give_link(struct identity *identity);
/* Asks for an id, or for a newer one than what is exhausted. The partition's leader actor gets
 * LEADER_MARK_IDENTITY when there is one, or `fatal`. Called again before that, it posts nothing
 * new. Any activation. */
void identity_wait(struct identity *identity, struct partition *partition);
/* An epoch of this id ran out: a new id is asked for, once. */
void identity_renew(struct identity *identity, int64_t known);
/* Ends the actor; producer_actor_gone() is called when it has gone. */
void identity_close(struct identity *identity);

#endif
