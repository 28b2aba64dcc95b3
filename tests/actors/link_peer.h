/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scripted peer on a simulated socket: it says what a test tells it to, right or wrong. */
#ifndef TESTS_ACTORS_LINK_PEER_H
#define TESTS_ACTORS_LINK_PEER_H

#include "protocol/api.h"
#include "runtime/sim.h"
#include "runtime/world.h"

enum { PEER_SIDES_MAX = 32, PEER_BYTES_MAX = 1 << 20 };

struct peer;

struct peer_side {
    struct rt_socket socket;
    uint8_t *input;
    size_t input_size, input_capacity;
    uint8_t *output;
    size_t output_at, output_size, output_capacity;
    bool close_when_sent;
    uint32_t requests;
};

/* What to do with one request; `body` begins behind its header. */
typedef void (*peer_script)(struct peer *peer, struct peer_side *side,
                            const struct kafka_request_header *header, struct kafka_reader body);

struct peer {
    struct rt_actor actor;
    struct rt_socket listener;
    struct rt_address address;
    struct peer_side sides[PEER_SIDES_MAX];
    uint32_t accepted;
    uint64_t accepted_ns[PEER_SIDES_MAX];
    uint32_t requests;
    uint32_t ended; /* connections that the other side closed */
    void (*greet)(struct peer *peer, struct peer_side *side); /* once it is accepted; may be NULL */
    peer_script script;
    int16_t versions_known;    /* of ApiVersions, for peer_negotiate */
    int16_t versions_asked[8]; /* the versions of ApiVersions that were asked for */
    uint32_t negotiations;
    void *context;
    bool gone;
};

struct rt_address peer_address(uint8_t last, uint16_t port);
void peer_start(struct peer *peer, struct rt_world *world, const struct rt_address *address,
                peer_script script);
void peer_stop(struct peer *peer, struct rt_world *world);
void peer_say(struct peer_side *side, const void *data, size_t size);
void peer_hang_up(struct peer_side *side);
/* Answers ApiVersions with all that this library speaks, as a broker that knows it up to
 * `versions_known`. True when it was one. */
bool peer_negotiate(struct peer *peer, struct peer_side *side,
                    const struct kafka_request_header *header);
/* A whole answer with a body of `size` bytes of `fill`. */
void peer_answer(struct peer_side *side, const struct kafka_request_header *header, size_t size,
                 uint8_t fill);

#endif
