/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The executor for real: a fixed pool of workers, epoll, timers, a name-lookup helper, liburcu. */
#ifndef RT_THREADS_H
#define RT_THREADS_H

#include "runtime/world.h"

struct rt_threads_options {
    unsigned workers;                              /* 0: the number of cores, at most 4 */
    void (*thread_end)(void *slot, void *context); /* an application thread with a slot ended */
    void *context;
    const char *name; /* prefix of thread names, at most 10 characters */
};

/* Starts the workers, which block all signals. NULL and *error = errno when they cannot start. */
struct rt_world *rt_threads_create(const struct rt_threads_options *options, int *error);

#endif
