/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An actor that owns one link and writes down what comes of it. */
#ifndef TESTS_ACTORS_LINK_OWNER_H
#define TESTS_ACTORS_LINK_OWNER_H

#include "actors/link/link.h"
#include "actors/producer/producer.h"
#include "runtime/sim.h"

enum { OWNER_REQUESTS_MAX = 64, OWNER_MS = 1000000 };

struct owner_request {
    struct link_request link;
    struct rt_slice slices[3];
    uint8_t *frame;
    size_t frame_size;
    bool done, failed;
    sluice_code error;
    size_t answer_size;
    uint8_t answer_first;
    uint64_t done_ns;
};

struct owner {
    struct rt_actor actor;
    struct rt_world *world;
    struct producer producer;
    struct link link;
    struct link_counted counted;
    struct owner_request requests[OWNER_REQUESTS_MAX];
    uint32_t sent, done;
    uint32_t to_send;     /* as soon as the link is READY */
    size_t request_bytes; /* padding of each */
    bool silent;          /* they expect no answer */
    int16_t version;      /* of the requests; 0: 1 */
    int32_t shift;        /* added to the correlation id in the frame */
    uint64_t timeout_ms;
    sluice_code first_error; /* of a failed connection */
    char first_text[LINK_TEXT_BYTES_MAX];
    uint32_t connected, disconnected;
    uint32_t activations;
    bool end, gone;
    bool asleep;        /* its activations do nothing */
    bool hasty;         /* queues requests before it has looked at the socket */
    bool unwant, close; /* to be done at the next activation */
};

/* A simulated world, a producer of its own, and the owner; `options` may be NULL (name, value, ...,
 * NULL). */
struct owner *owner_start(uint64_t seed, const char *const *options);
struct owner *owner_start_in(struct rt_world *world, const char *const *options);
void owner_connect(struct owner *owner, const char *host, uint16_t port);
/* Runs for so long. */
void owner_run(struct owner *owner, uint64_t ms);
/* Sends `count` requests once READY. */
void owner_send(struct owner *owner, uint32_t count);
/* link_want(false) and link_close, inside an activation. */
void owner_unwant(struct owner *owner);
void owner_close(struct owner *owner);
/* Closes, ends, and checks that all memory came back. Destroys the world. */
void owner_end(struct owner *owner);

#endif
