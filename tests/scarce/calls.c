/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scarce/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct call_plan plan; /* written while nobody calls */
static _Atomic uint32_t plan_call = CALL_NONE;
static _Atomic uint32_t seen;
static _Atomic uint32_t short_bytes;

void calls_plan(const struct call_plan *wanted) {
    plan = *wanted;
    atomic_store(&seen, 0);
    atomic_store(&plan_call, wanted->call);
}

uint32_t calls_stop(void) {
    atomic_store(&plan_call, CALL_NONE);
    return atomic_load(&seen);
}

void calls_shorten(uint32_t bytes_max) {
    atomic_store(&short_bytes, bytes_max);
}

const char *call_name(enum call call) {
    static const char *const names[CALL_COUNT] = {
        "none",       "memory",       "socket",    "connect",      "so_error",    "outcome",
        "setsockopt", "bind",         "listen",    "accept",       "getsockname", "getpeername",
        "poll",       "recv",         "sendmsg",   "epoll_create", "epoll_add",   "epoll_delete",
        "epoll_wait", "epoll_pwait2", "eventfd",   "read",         "input",       "write",
        "close",      "futex_wait",   "getrandom", "getaddrinfo",  "affinity",    "thread",
        "key",        "key_set",      "sigmask",   "open",         "pipe",        "sigaction"};
    return names[call];
}

bool calls_plan_text(const char *text) {
    char name[32];
    struct call_plan wanted = {.call = CALL_NONE};
    if (sscanf(text, "%31[^:]:%u:%d:%u", name, &wanted.nth, &wanted.error, &wanted.times) != 4) {
        return false;
    }
    for (uint32_t call = 1; call < CALL_COUNT; call++) {
        if (strcmp(name, call_name((enum call)call)) == 0) {
            wanted.call = (enum call)call;
        }
    }
    calls_plan(&wanted);
    return wanted.call != CALL_NONE;
}

static bool is_broker(void) {
    char name[16] = "";
    return pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
           strncmp(name, "slbroker", 8) == 0;
}

/* 0: go on. Else the error, which is in errno as well. */
static int failure(enum call call) {
    if (atomic_load(&plan_call) != call || (plan.spare_broker && is_broker())) {
        return 0;
    }
    uint32_t number = atomic_fetch_add(&seen, 1) + 1;
    if (number < plan.nth || number - plan.nth >= plan.times) {
        return 0;
    }
    errno = plan.error;
    return plan.error;
}

/* ---- news from epoll ------------------------------------------------------------------------- */

enum { DESCRIPTORS_MAX = 1024 };

static struct watched {
    _Atomic int epoll; /* + 1; 0: none */
    _Atomic uint32_t events;
    _Atomic uint64_t data;
} watched[DESCRIPTORS_MAX];

#define REAL(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

/* Has epoll tell of this socket anew. */
REAL(int, epoll_ctl, int epoll, int operation, int descriptor, struct epoll_event *event);
static void tell_anew(int descriptor) {
    int saved = errno;
    struct watched *entry = &watched[descriptor % DESCRIPTORS_MAX];
    int epoll = atomic_load(&entry->epoll) - 1;
    if (epoll >= 0) {
        struct epoll_event event = {.events = atomic_load(&entry->events),
                                    .data.u64 = atomic_load(&entry->data)};
        (void)__real_epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event);
    }
    errno = saved;
}

int __wrap_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    struct watched *entry = &watched[descriptor % DESCRIPTORS_MAX];
    if (failure(operation == EPOLL_CTL_ADD ? CALL_EPOLL_ADD : CALL_EPOLL_DELETE) != 0) {
        return -1;
    }
    if (operation == EPOLL_CTL_ADD) {
        atomic_store(&entry->events, event->events);
        atomic_store(&entry->data, event->data.u64);
        atomic_store(&entry->epoll, epoll + 1);
    } else {
        atomic_store(&entry->epoll, 0);
    }
    return __real_epoll_ctl(epoll, operation, descriptor, event);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

REAL(ssize_t, recv, int descriptor, void *data, size_t size, int flags) {
    if (failure(CALL_RECV) != 0) {
        if (errno == EAGAIN) {
            tell_anew(descriptor);
        }
        return -1;
    }
    uint32_t most = atomic_load(&short_bytes);
    if (most == 0 || size <= most) {
        return __real_recv(descriptor, data, size, flags);
    }
    ssize_t got = __real_recv(descriptor, data, most, flags);
    if (got == (ssize_t)most) {
        tell_anew(descriptor);
    }
    return got;
}

REAL(ssize_t, sendmsg, int descriptor, const struct msghdr *message, int flags) {
    if (failure(CALL_SENDMSG) != 0) {
        if (errno == EAGAIN) {
            tell_anew(descriptor);
        }
        return -1;
    }
    uint32_t most = atomic_load(&short_bytes);
    if (most == 0 || message->msg_iovlen == 0) {
        return __real_sendmsg(descriptor, message, flags);
    }
    struct iovec first = message->msg_iov[0];
    struct msghdr part = *message;
    first.iov_len = first.iov_len < most ? first.iov_len : most;
    part.msg_iov = &first;
    part.msg_iovlen = 1;
    return __real_sendmsg(descriptor, &part, flags);
}

REAL(ssize_t, read, int descriptor, void *data, size_t size) {
    bool counter = size == sizeof(uint64_t); /* of an eventfd */
    return failure(counter ? CALL_READ : CALL_INPUT) != 0 ? -1
                                                          : __real_read(descriptor, data, size);
}
REAL(ssize_t, write, int descriptor, const void *data, size_t size) {
    if (failure(CALL_WRITE) == 0) {
        return __real_write(descriptor, data, size);
    }
    if (errno == EAGAIN) { /* of an eventfd: it is full, and so it is up */
        (void)__real_write(descriptor, data, size);
        errno = EAGAIN;
    }
    return -1;
}
/* Linux has closed it whatever it says. */
REAL(int, close, int descriptor) {
    int result = __real_close(descriptor);
    return failure(CALL_CLOSE) != 0 ? -1 : result;
}

/* ---- sockets --------------------------------------------------------------------------------- */

#define FAILS(call, real) return failure(call) != 0 ? -1 : real

REAL(int, socket, int domain, int type, int protocol) {
    FAILS(CALL_SOCKET, __real_socket(domain, type, protocol));
}
REAL(int, connect, int descriptor, const struct sockaddr *address, socklen_t size) {
    int error = failure(CALL_CONNECT);
    if (error == EINPROGRESS || error == EINTR) { /* it goes on by itself */
        (void)__real_connect(descriptor, address, size);
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    return __real_connect(descriptor, address, size);
}
REAL(int, getsockopt, int descriptor, int level, int option, void *value, socklen_t *size) {
    if (failure(CALL_SO_ERROR) != 0) {
        return -1;
    }
    int result = __real_getsockopt(descriptor, level, option, value, size);
    int outcome = failure(CALL_OUTCOME);
    if (outcome != 0) {
        memcpy(value, &outcome, sizeof outcome);
    }
    return result;
}
REAL(int, setsockopt, int descriptor, int level, int option, const void *value, socklen_t size) {
    FAILS(CALL_SETSOCKOPT, __real_setsockopt(descriptor, level, option, value, size));
}
REAL(int, bind, int descriptor, const struct sockaddr *address, socklen_t size) {
    FAILS(CALL_BIND, __real_bind(descriptor, address, size));
}
REAL(int, listen, int descriptor, int backlog) {
    FAILS(CALL_LISTEN, __real_listen(descriptor, backlog));
}
REAL(int, accept4, int descriptor, struct sockaddr *address, socklen_t *size, int flags) {
    if (failure(CALL_ACCEPT) != 0) {
        int error = errno;
        if (error == EAGAIN) {
            tell_anew(descriptor);
        } else if (error == ECONNABORTED) { /* it has gone */
            int gone = __real_accept4(descriptor, address, size, flags);
            (void)(gone >= 0 && __real_close(gone));
        }
        errno = error;
        return -1;
    }
    return __real_accept4(descriptor, address, size, flags);
}
REAL(int, getsockname, int descriptor, struct sockaddr *address, socklen_t *size) {
    FAILS(CALL_GETSOCKNAME, __real_getsockname(descriptor, address, size));
}
REAL(int, getpeername, int descriptor, struct sockaddr *address, socklen_t *size) {
    FAILS(CALL_GETPEERNAME, __real_getpeername(descriptor, address, size));
}
REAL(int, poll, struct pollfd *asked, nfds_t count, int timeout_ms) {
    FAILS(CALL_POLL, __real_poll(asked, count, timeout_ms));
}
REAL(int, getaddrinfo, const char *node, const char *service, const struct addrinfo *hints,
     struct addrinfo **found) {
    int error = failure(CALL_GETADDRINFO);
    return error != 0 ? error : __real_getaddrinfo(node, service, hints, found);
}

/* ---- waiting --------------------------------------------------------------------------------- */

REAL(int, epoll_create1, int flags) {
    FAILS(CALL_EPOLL_CREATE, __real_epoll_create1(flags));
}
REAL(int, epoll_wait, int epoll, struct epoll_event *events, int count, int timeout_ms) {
    FAILS(CALL_EPOLL_WAIT, __real_epoll_wait(epoll, events, count, timeout_ms));
}
REAL(int, epoll_pwait2, int epoll, struct epoll_event *events, int count,
     const struct timespec *timeout, const sigset_t *mask) {
    if (failure(CALL_EPOLL_WAIT) != 0) { /* which of the two is called depends on what is due */
        return -1;
    }
    FAILS(CALL_EPOLL_PWAIT2, __real_epoll_pwait2(epoll, events, count, timeout, mask));
}
REAL(int, eventfd, unsigned value, int flags) {
    FAILS(CALL_EVENTFD, __real_eventfd(value, flags));
}
REAL(long, syscall, long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long);
    long b = va_arg(list, long);
    long c = va_arg(list, long);
    long d = va_arg(list, long);
    long e = va_arg(list, long);
    long f = va_arg(list, long);
    va_end(list);
    /* Only a wait can end early: a wake-up has no errors but our own mistakes. */
    bool waits = number == SYS_futex && (b & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    if (waits && failure(CALL_FUTEX_WAIT) != 0) {
        return -1;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

/* ---- threads and the rest -------------------------------------------------------------------- */

REAL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
     void *(*body)(void *), void *argument) {
    int error = failure(CALL_THREAD_CREATE);
    return error != 0 ? error : __real_pthread_create(thread, attributes, body, argument);
}
REAL(int, pthread_key_create, pthread_key_t *key, void (*destructor)(void *)) {
    int error = failure(CALL_KEY_CREATE);
    return error != 0 ? error : __real_pthread_key_create(key, destructor);
}
REAL(int, pthread_setspecific, pthread_key_t key, const void *value) {
    int error = failure(CALL_KEY_SET);
    return error != 0 ? error : __real_pthread_setspecific(key, value);
}
REAL(int, pthread_sigmask, int how, const sigset_t *set, sigset_t *old) {
    int error = failure(CALL_SIGMASK);
    return error != 0 ? error : __real_pthread_sigmask(how, set, old);
}
REAL(ssize_t, getrandom, void *data, size_t size, unsigned flags) {
    FAILS(CALL_GETRANDOM, __real_getrandom(data, size, flags));
}
REAL(int, sched_getaffinity, pid_t process, size_t size, cpu_set_t *cores) {
    FAILS(CALL_AFFINITY, __real_sched_getaffinity(process, size, cores));
}
REAL(int, open, const char *path, int flags, ...) {
    FAILS(CALL_OPEN, __real_open(path, flags));
}
REAL(int, pipe2, int ends[2], int flags) {
    FAILS(CALL_PIPE, __real_pipe2(ends, flags));
}
REAL(int, sigaction, int number, const struct sigaction *action, struct sigaction *old) {
    FAILS(CALL_SIGACTION, __real_sigaction(number, action, old));
}

/* ---- memory ---------------------------------------------------------------------------------- */

#define MEMORY(real) return failure(CALL_MEMORY) != 0 ? NULL : real

REAL(void *, malloc, size_t size) {
    MEMORY(__real_malloc(size));
}
REAL(void *, calloc, size_t count, size_t size) {
    MEMORY(__real_calloc(count, size));
}
REAL(void *, realloc, void *memory, size_t size) {
    MEMORY(__real_realloc(memory, size));
}
REAL(void *, aligned_alloc, size_t alignment, size_t size) {
    MEMORY(__real_aligned_alloc(alignment, size));
}
REAL(void *, mmap, void *where, size_t size, int protection, int flags, int file, off_t offset) {
    return failure(CALL_MEMORY) != 0 ? MAP_FAILED
                                     : __real_mmap(where, size, protection, flags, file, offset);
}
REAL(char *, strdup, const char *text) {
    MEMORY(__real_strdup(text));
}
REAL(char *, strndup, const char *text, size_t size) {
    MEMORY(__real_strndup(text, size));
}
