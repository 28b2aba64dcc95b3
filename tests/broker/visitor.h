/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An actor that connects to a broker, sends bytes and keeps what comes back. */
#ifndef TESTS_BROKER_VISITOR_H
#define TESTS_BROKER_VISITOR_H

#include "runtime/world.h"

struct visitor {
    struct rt_actor actor;
    struct rt_socket socket;
    struct rt_address address;
    bool asked; /* to connect */
    bool connected;
    bool ended; /* by the other side, or refused */
    int error;  /* -errno, 0 for an orderly end */
    bool leaving;
    bool gone;
    uint8_t out[1 << 16]; /* sent .. out_size is to be written */
    size_t out_size;
    size_t sent;
    uint8_t in[1 << 16];
    size_t in_size;
    uint64_t in_ns; /* when the last bytes came */
};

/* Starts it; it connects at once. */
void visitor_start(struct visitor *visitor, struct rt_world *world,
                   const struct rt_address *address);
/* Between steps. */
void visitor_send(struct visitor *visitor, const void *data, size_t size);
void visitor_leave(struct visitor *visitor);
/* Whole frames received. */
unsigned visitor_frames(const struct visitor *visitor);

#endif
