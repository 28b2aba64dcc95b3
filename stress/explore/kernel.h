/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system calls of the runtime, as the explorer answers them. */
#ifndef STRESS_EXPLORE_KERNEL_H
#define STRESS_EXPLORE_KERNEL_H

#include <sys/epoll.h>
#include <sys/types.h>
#include <time.h>

long explore_syscall(long number, ...);
ssize_t explore_write(int descriptor, const void *data, size_t size);
ssize_t explore_read(int descriptor, void *data, size_t size);
int explore_eventfd(unsigned count, int flags);
int explore_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms);
int explore_clock_gettime(clockid_t clock, struct timespec *time);
int explore_sched_yield(void);
/* An application waits until the descriptor is readable. */
void kernel_await(int descriptor);

#endif
