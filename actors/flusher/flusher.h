/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flusher actor of a broker connection: holds the tickets of the partitions lent to this
 * broker, packs one batch of each ready partition into a request, stamps, writes, reads, decides.
 *
 * Takes:  lane `mail`: BATCH and FENCE from the aggregator
 *         marks: SOCKET, TIMER, LOOKUP (its link), DUE (delivery timeouts, throttling), PURGE, END,
 *         RETIRE (the connection leads to a cluster that is not ours any more), EXPIRE, GIFT (a
 *         connection of metadata or identity that leads here)
 * Sends:  STOP and BACK to leader actors, ANSWERED to the aggregator, hints to metadata
 * Owns:   the link, requests in flight, the tickets lent to it
 *
 * A partition lent here:   sending ─► stopping ─► back
 *   sending   stamps and sends as the gate allows
 *   stopping  after the first failure: sends nothing more, waits for answers to what is in flight
 *             (or not even for those: purge, delivery timeout), and for the fence
 *   back      everything undecided and unsent returns to the leader actor, with the ticket
 */
#ifndef ACTORS_FLUSHER_FLUSHER_H
#define ACTORS_FLUSHER_FLUSHER_H

#include "actors/link/link.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct broker;
struct flusher_counted;
struct partition;
struct request;

enum {
    FLUSHER_MARK_SOCKET = 0,
    FLUSHER_MARK_TIMER,
    FLUSHER_MARK_LOOKUP,
    FLUSHER_MARK_DUE,
    FLUSHER_MARK_PURGE,
    FLUSHER_MARK_END,
    FLUSHER_MARK_RETIRE,
    FLUSHER_MARK_EXPIRE,
    FLUSHER_MARK_GIFT
};

struct flusher {
    struct rt_actor actor;
    struct broker *broker;
    struct rt_lane_unbounded mail;
    struct link link;
    _Atomic(struct link_gift *) gift; /* one at most in its life. Release; pairs with our acquire */
    struct rt_timer due;
    struct partition *attached; /* all partitions lent here */
    struct partition *ready_first, *ready_last;
    struct request *in_flight_first, *in_flight_last;
    uint32_t in_flight;    /* requests */
    struct request *spare; /* set aside: one request can always be built */
    uint32_t in_flight_bytes;
    uint64_t sent_ns;         /* when the last request was made */
    uint64_t answered_ns;     /* how long requests take, smoothed; 0: not known */
    uint32_t room_given;      /* bytes that the aggregator has not been told of */
    uint64_t now_ns;          /* of this activation */
    uint32_t seen_attempt;    /* of the link, to notice each failure */
    uint32_t seen_generation; /* of the link, to notice each new connection */
    struct flusher_counted *counted;
    bool reconnect; /* the broker no longer speaks what was negotiated */
};

/* False when memory is short. */
bool flusher_prepare(struct flusher *flusher, struct broker *broker);
void flusher_start(struct flusher *flusher);
/* Frees what prepare set aside. */
void flusher_free(struct flusher *flusher);

#endif
