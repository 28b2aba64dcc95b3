/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two actors for the simulator's tests: a server that echoes every connection, and a client that
 * sends a known pattern, checks what comes back, and counts.
 */
#ifndef TESTS_SIM_ECHO_H
#define TESTS_SIM_ECHO_H

#include "runtime/assert.h"
#include "runtime/sim.h"

enum {
    ECHO_SIDES_MAX = 8,
    ECHO_BUFFER_SIZE = 16 * 1024,
    ECHO_MARK_SOCKET = RT_MARK(0),
    ECHO_MARK_LISTENER = RT_MARK(1),
    ECHO_MARK_STOP = RT_MARK(2),
    ECHO_MARK_TIMER = RT_MARK(3),
    ECHO_MARK_SILENT = RT_MARK(4) /* server: read no more */
};

struct echo_side {
    struct rt_socket socket;
    uint8_t buffer[ECHO_BUFFER_SIZE];
    size_t first, count; /* what is to be written */
    bool ended;
};

struct echo_server {
    struct rt_actor actor;
    struct rt_address address;
    struct rt_socket listener;
    struct echo_side sides[ECHO_SIDES_MAX];
    unsigned accepted;
    unsigned resets, ends;
    uint64_t bytes_read;
    int listen_result;
    bool silent;
    bool gone;
};

struct echo_client {
    struct rt_actor actor;
    struct rt_address address;
    struct rt_socket socket;
    struct rt_timer timer;
    uint64_t patience_ns; /* gives up after this, 0: never */
    uint64_t total;       /* bytes to send */
    uint64_t sent, received;
    uint64_t connected_ns;
    uint64_t agains; /* writes that answered RT_IO_AGAIN */
    bool connected;
    bool half; /* closes after it has sent everything, without reading */
    int error; /* how it ended: 0, or -errno */
    bool wrong_byte;
    _Atomic uint32_t done; /* 1: all echoed; 2: failed; 3: ran out of patience */
    bool gone;
};

void echo_server_start(struct echo_server *server, struct rt_world *world, uint16_t port);
void echo_client_start(struct echo_client *client, struct rt_world *world,
                       const struct rt_address *address, uint64_t total);
/* Lets both end and destroys the world. Either may be NULL. */
void echo_finish(struct rt_world *world, struct echo_server *server, struct echo_client *client);

struct rt_address echo_address(uint16_t port);
struct rt_sim_options echo_options(uint64_t seed);

#endif
