/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system as the runtime's sources see it here: the build names these functions for syscall,
 * write, epoll_wait and so on. A sleeping thread is one that the explorer does not choose. Time
 * stands still, and nobody's deadline comes.
 *
 * In the place of threads_reclaim.c: no scenario ends actors, so there is nothing to reclaim.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "runtime/threads_internal.h"
#include "stress/explore/explore.h"
#include "stress/explore/kernel.h"

enum { SECONDS_ALWAYS = 1000 };

/* The eventfd of the poller, and epoll, which reports each raise once. */
static struct { bool raised; } event;

/* The eventfd of the application: no other is made by eventfd. */
enum { LINE = 7 };
static struct { bool raised; } line;

void kernel_reset(void) {
    event.raised = false;
    line.raised = false;
}

static long sleep_or_wake(_Atomic uint32_t *word, int operation, uint32_t value) {
    EXPLORE_STEP((operation & FUTEX_CMD_MASK) == FUTEX_WAKE ? "futex wake" : "futex wait");
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAKE) {
        explore_wake(word, value);
        return 0;
    }
    if (*(const volatile uint32_t *)(const volatile void *)word != value) {
        errno = EAGAIN;
        return -1;
    }
    explore_block(word);
    return 0;
}

long explore_syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long result = 0;
    if (number == SYS_futex) {
        _Atomic uint32_t *word = va_arg(arguments, _Atomic uint32_t *);
        int operation = va_arg(arguments, int);
        result = sleep_or_wake(word, operation, va_arg(arguments, uint32_t));
    } else {
        EXPLORE_CHECK(number == SYS_membarrier, "a system call that is not known here");
        EXPLORE_STEP("membarrier");
    }
    va_end(arguments);
    return result;
}

ssize_t explore_write(int descriptor, const void *data, size_t size) {
    (void)data;
    EXPLORE_STEP(descriptor == LINE ? "raise the descriptor" : "raise the eventfd");
    if (descriptor == LINE) {
        line.raised = true;
        explore_wake(&line, EXPLORE_THREADS_MAX);
        return (ssize_t)size;
    }
    event.raised = true;
    explore_wake(&event, 1);
    return (ssize_t)size;
}

int explore_eventfd(unsigned count, int flags) {
    (void)count;
    (void)flags;
    EXPLORE_STEP("eventfd");
    return LINE;
}

ssize_t explore_read(int descriptor, void *data, size_t size) {
    (void)data;
    EXPLORE_CHECK(descriptor == LINE, "read of a descriptor that is not known here");
    EXPLORE_STEP("read the descriptor");
    if (!line.raised) {
        errno = EAGAIN;
        return -1;
    }
    line.raised = false;
    return (ssize_t)size;
}

void kernel_await(int descriptor) {
    EXPLORE_CHECK(descriptor == LINE, "a wait for a descriptor that is not known here");
    EXPLORE_STEP("poll the descriptor");
    while (!line.raised) {
        explore_block(&line);
    }
}

int explore_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms) {
    (void)epoll;
    (void)most;
    EXPLORE_STEP("epoll_wait");
    while (!event.raised) {
        if (timeout_ms == 0) {
            return 0;
        }
        explore_block(&event);
    }
    event.raised = false;
    events[0] = (struct epoll_event){.events = EPOLLIN, .data.u64 = UINT64_MAX};
    return 1;
}

int explore_clock_gettime(clockid_t clock, struct timespec *time) {
    (void)clock;
    *time = (struct timespec){.tv_sec = SECONDS_ALWAYS};
    return 0;
}

int explore_sched_yield(void) {
    explore_pause();
    return 0;
}

/* ---- liburcu's readers, and reclaiming ------------------------------------------------------- */

void urcu_qsbr_register_thread(void) {
}

void urcu_qsbr_unregister_thread(void) {
}

void reclaim_actor(struct threads *threads, struct rt_actor *actor) {
    (void)threads;
    explore_fail("actor %u ended", actor->id);
}

void reclaim_quiescent(struct threads *threads) {
    (void)threads;
}

void reclaim_online(struct threads *threads) {
    (void)threads;
}

void reclaim_offline(struct threads *threads) {
    (void)threads;
}
