/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection to one broker address, as a part of the actor that owns it: name lookup, connect,
 * version negotiation, framed requests out, answers in, deadlines, back-off. No actor of its own.
 *
 *   IDLE ─► LOOKUP ─► CONNECTING ─► NEGOTIATING ─► READY
 *    ▲ ▲      │           │             │           │ │
 *    │ └──────┼───────────┴─────────────┴───────────┼─┘ closed, not wanted any more, or idle
 *    │        ▼                                     │
 *    └───  BACKOFF ◄────────────────────────────────┘   failure: error kept, requests failed
 *
 * Before READY a failure goes on with the name's next address; BACKOFF comes when all have failed.
 *
 * Everything here runs inside the owner's activations. The owner gives the link three marks of its
 * own and calls link_step() whenever one of them is raised or it queued something, and after that
 * takes what is done with link_next() until that answers NULL.
 */
#ifndef ACTORS_LINK_LINK_H
#define ACTORS_LINK_LINK_H

#include <sluice/error.h>

#include "protocol/api.h"
#include "runtime/world.h"

struct link_counted;
struct producer;

enum {
    LINK_HOST_BYTES_MAX = 256,
    LINK_TEXT_BYTES_MAX = 256,
    LINK_ANSWER_BYTES_MAX = 64 * 1024 * 1024 /* a frame that claims more ends the connection */
};

enum link_state {
    LINK_IDLE, /* not wanted, or closed */
    LINK_LOOKUP,
    LINK_CONNECTING,
    LINK_NEGOTIATING,
    LINK_READY,
    LINK_BACKOFF /* failed; tries again by itself when the back-off ends and it is wanted */
};

/* One request on its way; owned by the caller, kept until link_next gives it back.
 *   queued ─► writing ─► written ─► answered            (expects_answer)
 *   queued ─► writing ─► answered with an empty body    (not expects_answer: when written)
 *   any ─► failed */
struct link_request {
    struct link_request *next;
    const struct rt_slice *slices; /* whole frame, length prefix included; kept by the caller */
    uint32_t slice_count;
    uint64_t size;          /* bytes of the whole frame */
    int32_t correlation_id; /* as put in the frame: link_correlation() */
    int16_t api;
    int16_t version;
    bool expects_answer;
    uint64_t deadline_ns; /* answer due; passing it fails the link (request timed out) */
    /* the link's; set by link_send */
    uint64_t bytes_written;
    uint64_t first_write_ns;       /* 0: no byte left yet */
    uint32_t slice_at;             /* the first slice that is not completely written ... */
    size_t slice_written;          /* ... and how much of it is */
    size_t answer_at, answer_size; /* the answer's body within `input` */
    bool failed;
    sluice_code error; /* when failed */
};

struct link_requests {
    struct link_request *first, *last;
};

/* A READY connection on its way from one link to another; of nothing that was sent on it an answer
 * is missing. */
struct link_gift {
    struct rt_parted socket;
    struct kafka_peer peer;
    int16_t api_versions_max;
    int32_t next_correlation;
};

struct link {
    struct producer *producer;
    struct rt_actor *actor;
    struct link_counted *counted;
    uint32_t mark_socket, mark_timer, mark_lookup; /* bits */
    enum link_state state;
    bool wanted;
    int32_t node; /* broker id, -1 for a bootstrap address */
    uint16_t port;
    char host[LINK_HOST_BYTES_MAX];

    /* -- setting up -- */
    struct rt_socket socket;
    struct rt_timer timer; /* one for set-up, back-off, the oldest deadline, idleness */
    struct rt_lookup *lookup;
    struct rt_lookup_answer addresses;
    uint32_t address_index;
    uint32_t attempt;     /* failures in a row, for the back-off */
    uint32_t patience_ms; /* for set-up, when the owner can turn to another broker; 0: config's */
    uint64_t retry_at_ns;
    uint64_t setup_deadline_ns;
    uint32_t generation; /* connections made so far; answers to older ones never come */
    struct link_request negotiation;
    struct rt_slice negotiation_slice;
    size_t negotiation_bytes; /* acquired for it */

    /* -- what the broker speaks -- */
    struct kafka_peer peer;
    int16_t api_versions_max; /* of ApiVersions itself; -1: not told */

    /* -- requests -- */
    struct link_requests queue; /* not completely written, in order */
    struct link_requests sent;  /* written, waiting for the answer, in order */
    struct link_requests done;  /* answered or failed, for link_next */
    uint32_t outstanding;       /* in queue and sent */
    int32_t next_correlation;
    int32_t first_correlation;  /* of this connection */
    int32_t silent_correlation; /* the last request written that expects no answer ... */
    bool silent_sent;           /* ... if there was one on this connection */
    uint64_t idle_since_ns;
    uint64_t throttled_until_ns; /* the broker at this address asks for nothing before it */

    /* -- answers:  input_parsed <= input_used <= input_size -- */
    uint8_t *input;
    size_t input_size, input_used;
    size_t input_parsed;       /* whole frames, matched to their requests */
    uint64_t input_starved_ns; /* no memory for more: look again then; 0: none is lacking */
    bool heard;                /* bytes came on this connection */

    sluice_code last_error; /* of the last failure; SLUICE_OK after a success */
    char last_text[LINK_TEXT_BYTES_MAX];
};

/* The marks are bits: RT_MARK(n). What the link counts goes to `counted`, which outlives it. */
void link_init(struct link *link, struct producer *producer, struct rt_actor *actor,
               uint32_t mark_socket, uint32_t mark_timer, uint32_t mark_lookup,
               struct link_counted *counted);
/* Closes at once, fails what is outstanding (SLUICE_CLOSED; take it with link_next), releases
 * buffers. The link may be targeted and opened again. */
void link_close(struct link *link);
/* The address to connect to; only while IDLE. Another address than before has no back-off. */
void link_target(struct link *link, int32_t node, const char *host, uint16_t port);
/* Wanted: connects and reconnects by itself, with reconnect.backoff.ms growing to its maximum with
 * jitter; raises `mark_socket`, so that link_step follows. Not wanted: a connection that is not
 * READY is given up, one that is stays until it fails, is idle or is closed.
 * After connections.max.idle.ms without requests a READY connection is closed and no longer wanted:
 * say link_want(true) whenever there is something to send. */
void link_want(struct link *link, bool wanted);

/* Moves everything on: call in each activation in which one of its marks came or requests were
 * queued. Reads and writes until RT_IO_AGAIN. Never blocks. */
void link_step(struct link *link, struct rt_turn *turn);

/* The version to use: the highest both speak under `max`, -1 when there is none. READY only. */
int16_t link_version(const struct link *link, int16_t api, int16_t max);
int32_t link_correlation(struct link *link);
/* Queues a request; READY only. Written by the next link_step. */
void link_send(struct link *link, struct link_request *request);
/* What its owner waits for while nothing has failed: SLUICE_NO_BROKER for a connection,
 * SLUICE_NO_ANSWER on one; else SLUICE_OK. */
sluice_code link_awaits(const struct link *link);
/* Requests queued or sent and not done. */
uint32_t link_outstanding(const struct link *link);

/* The next request that is done, in the order of sending (one that expects no answer may overtake
 * those that do): answered (`*answer` then covers the body behind the response header, valid until
 * the next link_next or link_step) or failed. NULL: none.
 * When a connection breaks, every outstanding request comes out failed: `first_write_ns != 0` says
 * that a byte of it may have left. */
struct link_request *link_next(struct link *link, struct kafka_reader *answer);

/* Takes the connection from the link, which is closed then. NULL, and nothing is changed, unless it
 * is READY, nothing is outstanding and its broker asks for no pause; when memory is short, too. */
struct link_gift *link_give(struct link *link, struct rt_turn *turn);
/* Goes on with the connection instead of what the link was setting up; it has had none so far.
 * False: it could not be had, and the link is IDLE. Either way the gift is gone. */
bool link_accept(struct link *link, struct rt_turn *turn, struct link_gift *gift);
/* Closes the connection of a gift that nobody wants. */
void link_decline(struct link *link, struct link_gift *gift);

/* An answer carried a throttle time: the owner sends nothing before `throttled_until_ns`. Not
 * positive: nothing is asked for. */
void link_throttle(struct link *link, uint64_t now_ns, int64_t throttle_ms);

/* What the broker said is of no use to the owner. Ends the connection with `code`; `what` goes into
 * last_text. Everything outstanding fails. An answer may be taken after its connection has failed
 * by itself, by what came behind it: then this only tells the better reason. */
void link_refuse(struct link *link, struct rt_turn *turn, sluice_code code, const char *what);

#endif
