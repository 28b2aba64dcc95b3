/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of the system that fail on command. A program that is linked with the options of this
 * folder's CMakeLists.txt (the linker's --wrap) reaches each of them through calls.c; the product
 * is the one that is shipped.
 *
 * A call that says EAGAIN although the socket is ready, or takes less than it could, is followed by
 * news of that socket from epoll, as it would be if it had been so.
 */
#ifndef TESTS_SCARCE_CALLS_H
#define TESTS_SCARCE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

enum call {
    CALL_NONE,
    CALL_MEMORY, /* malloc, calloc, realloc, aligned_alloc, mmap, strdup, strndup */
    CALL_SOCKET,
    CALL_CONNECT,
    CALL_SO_ERROR, /* getsockopt itself */
    CALL_OUTCOME,  /* of a connect: what SO_ERROR says */
    CALL_SETSOCKOPT,
    CALL_BIND,
    CALL_LISTEN,
    CALL_ACCEPT,
    CALL_GETSOCKNAME,
    CALL_GETPEERNAME,
    CALL_POLL,
    CALL_RECV,
    CALL_SENDMSG,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_ADD,
    CALL_EPOLL_DELETE,
    CALL_EPOLL_WAIT,
    CALL_EPOLL_PWAIT2,
    CALL_EVENTFD,
    CALL_READ,  /* of an eventfd */
    CALL_INPUT, /* of anything else */
    CALL_WRITE,
    CALL_CLOSE,
    CALL_FUTEX_WAIT,
    CALL_GETRANDOM,
    CALL_GETADDRINFO,
    CALL_AFFINITY,
    CALL_THREAD_CREATE,
    CALL_KEY_CREATE,
    CALL_KEY_SET,
    CALL_SIGMASK,
    CALL_OPEN,
    CALL_PIPE,
    CALL_SIGACTION,
    CALL_COUNT
};

/* From now on: the `nth` call (1: the next) and `times - 1` more fail with `error`, an errno or
 * what the call returns as one. CALL_NONE: nothing fails. */
struct call_plan {
    enum call call;
    uint32_t nth, times;
    int error;
    bool spare_broker; /* calls on the embedded broker's thread neither fail nor count */
};
void calls_plan(const struct call_plan *plan);
/* Calls of the planned kind since then. Nothing fails any more. */
uint32_t calls_stop(void);
/* Every recv and sendmsg moves at most so many bytes; 0: as many as it likes. */
void calls_shorten(uint32_t bytes_max);
/* "read:3:5:1": call, nth, errno, times. False when it is not understood. */
bool calls_plan_text(const char *text);
const char *call_name(enum call call);

#endif
