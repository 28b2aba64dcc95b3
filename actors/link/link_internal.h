/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of a link share: link.c (states), link_setup.c (getting READY), link_io.c (bytes),
 * link_fail.c. All of it inside the owner's activation. */
#ifndef ACTORS_LINK_LINK_INTERNAL_H
#define ACTORS_LINK_LINK_INTERNAL_H

#include <sluice/sluice.h>

#include "actors/counters/counters.h"
#include "actors/link/link.h"

enum {
    LINK_INPUT_BYTES_FIRST = 4096,      /* receive buffer of a fresh connection */
    LINK_INPUT_BYTES_KEPT = 64 * 1024,  /* larger ones go back once they are empty */
    LINK_READ_BYTES_PER_STEP = 1 << 20, /* then others get their turn */
    LINK_GATHER_SLICES = 128,           /* in one write */
    LINK_MEMORY_RETRY_MS = 10
};

static inline uint64_t link_ns(int64_t ms) {
    return (uint64_t)ms * 1000000u;
}

void link_requests_push(struct link_requests *list, struct link_request *request);
struct link_request *link_requests_pop(struct link_requests *list);

struct rt_world *link_world(const struct link *link);

/* ---- link_fail.c ----------------------------------------------------------------------------- */

/* The one way by which anything fails: keeps the error, closes the socket, fails the requests, and
 * goes on with the next address or to BACKOFF. `format` comes behind "host:port: ". */
__attribute__((format(printf, 4, 5))) void link_fail(struct link *link, struct rt_turn *turn,
                                                     sluice_code code, const char *format, ...);
/* Keeps what went wrong for the owner to see; link_fail does so too. */
__attribute__((format(printf, 3, 4))) void link_note(struct link *link, sluice_code code,
                                                     const char *format, ...);
/* As a failure of this link. */
void link_count_failure(struct link *link, sluice_code code);
/* To BACKOFF with the error that was noted: no address is left, or what was READY broke. */
void link_give_up(struct link *link, struct rt_turn *turn);
/* Fails what is queued or sent. */
void link_outstanding_fail(struct link *link, sluice_code code);
/* Takes the socket, the lookup and the set-up's request away; requests of the owner stay. */
void link_disconnect(struct link *link);
void link_event(struct link *link, sluice_event_kind kind);

/* ---- link.c ---------------------------------------------------------------------------------- */

/* The handshake is done: READY, counted and told. */
void link_ready_enter(struct link *link, struct rt_turn *turn);

/* ---- link_setup.c ---------------------------------------------------------------------------- */

/* Each moves on from its state and returns whether the state has changed to a further one. */
bool link_lookup_begin(struct link *link, struct rt_turn *turn);
bool link_lookup_end(struct link *link, struct rt_turn *turn);
bool link_connect_end(struct link *link, struct rt_turn *turn);
/* Connects to addresses[address_index] or one behind it. False: there is none left that begins. */
bool link_connect_begin(struct link *link, struct rt_turn *turn);
/* The answer to ApiVersions; `body` begins behind the response header. */
void link_negotiated(struct link *link, struct rt_turn *turn, struct kafka_reader body);
void link_negotiation_release(struct link *link);
/* When to try again after `attempt` failures in a row. */
uint64_t link_backoff_ns(struct link *link);

/* ---- link_io.c ------------------------------------------------------------------------------- */

/* A buffer for answers. False when memory is short. */
bool link_input_open(struct link *link);
/* Gives the buffer back unless answers in it wait for link_next. */
void link_input_close(struct link *link);
/* Forgets answers that were taken. */
void link_input_recycle(struct link *link);
void link_read(struct link *link, struct rt_turn *turn);
void link_write(struct link *link, struct rt_turn *turn);

#endif
