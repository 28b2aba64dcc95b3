/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broker as one node id at one address, with the two actors that serve it.
 *
 * Counted: each snapshot that lists it holds it once, and so does each partition lent to it. The
 * actors start when the first partition is lent and end when the last hold is given up; then the
 * broker is freed. A hold is only ever taken through a snapshot, inside an activation, so a broker
 * that reached zero is never held again.
 */
#ifndef ACTORS_BROKER_H
#define ACTORS_BROKER_H

#include "actors/aggregator/aggregator.h"
#include "actors/flusher/flusher.h"

struct broker_counted;
struct producer;

enum { BROKER_IDLE, BROKER_STARTING, BROKER_STARTED };

struct broker {
    struct producer *producer;
    int32_t node;
    uint16_t port;
    char host[LINK_HOST_BYTES_MAX];
    _Atomic uint32_t holds;
    _Atomic uint32_t started; /* BROKER_… */
    _Atomic uint32_t actors_left;
    _Atomic bool lacks_link; /* started, and its flusher has neither had a connection nor been given
                                one. Only a hint: a gift that comes too late is declined */
    struct broker_counted *counted; /* outlives it */
    struct aggregator aggregator;
    struct flusher flusher;
};

/* With one hold, for the snapshot being built. NULL when memory is short. */
struct broker *broker_create(struct producer *producer, int32_t node, const char *host,
                             uint16_t port);
void broker_hold(struct broker *broker);
/* The last one ends the actors, or frees the broker when they never started. */
void broker_release(struct broker *broker);
/* Starts the actors unless that was done. By a leader actor that holds it. False: another leader
 * actor is just starting them; let it finish and come again. */
bool broker_start(struct broker *broker);
/* If this link leads to a broker that was just started, its connection becomes the flusher's, and
 * the link is closed: docs/decisions/round-trips.md. By the link's owner. */
bool broker_give_link(struct producer *producer, struct link *link, struct rt_turn *turn);
/* One of the two actors has gone. */
void broker_actor_gone(struct broker *broker);

#endif
