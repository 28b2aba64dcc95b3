/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epoll, edge-triggered, and the slots that stand for open sockets.
 *
 * What epoll keeps of a socket is its slot's index and generation. A slot is never freed, only used
 * again with another generation, so what comes late finds a generation that differs and is dropped.
 * The actor that a slot names stays in memory meanwhile: the poller is a reader (liburcu) here.
 *
 * | who may call                  | from where                                        |
 * | poller_add, poller_remove     | an activation of the socket's actor               |
 * | poller_wait                   | the worker that holds the token                   |
 * | poller_interrupt              | anybody                                           |
 *
 * | atomic            | pairs with                                                          |
 * | slot.readable     | set before the mark, cleared by exchange before the read: whatever  |
 * |                   | the read does not find sets it again                                |
 * | slot.generation   | odd: open. Release store by the owner after actor and mark; the     |
 * |                   | poller loads it before and after it reads them (acquire)            |
 * | poller.free       | compare-and-swap with a tag, so a slot that came back is noticed    |
 * | poller.chunks     | release by compare-and-swap, acquire load                           |
 * | poller.token      | acquire exchange, release store: one poller after the other         |
 */
#include "runtime/threads_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/assert.h"

enum { EVENTS_MAX = 64 };

#define WAKE_KEY UINT64_MAX

int poller_init(struct poller *poller) {
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = WAKE_KEY};
    if (poller->epoll < 0 || poller->wake < 0 ||
        epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->wake, &event) != 0) {
        int error = errno;
        poller_deinit(poller);
        return error;
    }
    return 0;
}

void poller_deinit(struct poller *poller) {
    RT_ASSERT(atomic_load(&poller->open) == 0);
    if (poller->wake >= 0) {
        close(poller->wake);
    }
    if (poller->epoll >= 0) {
        close(poller->epoll);
    }
    for (unsigned i = 0; i < POLLER_CHUNKS; i++) {
        free(atomic_load(&poller->chunks[i]));
    }
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* Chunk n holds the indexes from 64 * (2^n - 1) on. */
static unsigned chunk_of(uint32_t index, uint32_t *offset) {
    unsigned chunk = 31u - (unsigned)__builtin_clz(index / POLLER_CHUNK_SLOTS + 1);
    *offset = index - POLLER_CHUNK_SLOTS * ((UINT32_C(1) << chunk) - 1);
    return chunk;
}

static struct poller_slot *slot_at(struct poller *poller, uint32_t index) {
    uint32_t offset;
    unsigned chunk = chunk_of(index, &offset);
    return atomic_load_explicit(&poller->chunks[chunk], memory_order_acquire) + offset;
}

static void put_free(struct poller *poller, struct poller_slot *slot) {
    uint64_t seen = atomic_load_explicit(&poller->free, memory_order_relaxed);
    uint64_t next;
    do {
        atomic_store_explicit(&slot->next_free, (uint32_t)seen, memory_order_relaxed);
        next = (((seen >> 32) + 1) << 32) | (slot->index + 1);
    } while (!atomic_compare_exchange_weak_explicit(&poller->free, &seen, next,
                                                    memory_order_release, memory_order_relaxed));
}

static struct poller_slot *get_free(struct poller *poller) {
    uint64_t seen = atomic_load_explicit(&poller->free, memory_order_acquire);
    while ((uint32_t)seen != 0) {
        struct poller_slot *slot = slot_at(poller, (uint32_t)seen - 1);
        uint64_t next = (((seen >> 32) + 1) << 32) |
                        atomic_load_explicit(&slot->next_free, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&poller->free, &seen, next, memory_order_acquire,
                                                  memory_order_acquire)) {
            return slot;
        }
    }
    return NULL;
}

/* Makes sure that the chunk exists. */
static bool grow(struct poller *poller, unsigned chunk) {
    if (atomic_load_explicit(&poller->chunks[chunk], memory_order_acquire) != NULL) {
        return true;
    }
    size_t count = (size_t)POLLER_CHUNK_SLOTS << chunk;
    struct poller_slot *slots = calloc(count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    struct poller_slot *none = NULL;
    if (!atomic_compare_exchange_strong_explicit(&poller->chunks[chunk], &none, slots,
                                                 memory_order_release, memory_order_relaxed)) {
        free(slots); /* somebody else was faster */
    }
    return true;
}

static struct poller_slot *new_slot(struct poller *poller) {
    uint32_t index = atomic_load_explicit(&poller->slots, memory_order_relaxed);
    do {
        uint32_t offset;
        unsigned chunk = chunk_of(index, &offset);
        if (chunk >= POLLER_CHUNKS || !grow(poller, chunk)) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&poller->slots, &index, index + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    struct poller_slot *slot = slot_at(poller, index);
    slot->index = index;
    return slot;
}

/* ---- sockets --------------------------------------------------------------------------------- */

static void open_slot(struct poller_slot *slot, struct rt_socket *socket) {
    atomic_store_explicit(&slot->actor, socket->actor, memory_order_relaxed);
    atomic_store_explicit(&slot->mark, socket->mark, memory_order_relaxed);
    atomic_store_explicit(&slot->readable, true, memory_order_relaxed);
    atomic_store_explicit(&slot->hung_up, false, memory_order_relaxed);
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;
    RT_ASSERT(generation % 2 == 1);
    atomic_store_explicit(&slot->generation, generation, memory_order_release);
    socket->generation = generation;
    socket->executor = slot;
}

static void close_slot(struct poller *poller, struct poller_slot *slot) {
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;
    RT_ASSERT(generation % 2 == 0);
    atomic_store_explicit(&slot->generation, generation, memory_order_seq_cst);
    put_free(poller, slot);
}

int poller_add(struct poller *poller, struct rt_socket *socket, int descriptor) {
    struct poller_slot *slot = get_free(poller);
    if (slot == NULL) {
        slot = new_slot(poller);
    }
    if (slot == NULL) {
        return -ENOMEM;
    }
    open_slot(slot, socket);
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = POLLER_KEY(slot->index, socket->generation),
    };
    if (epoll_ctl(poller->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        int error = errno;
        close_slot(poller, slot);
        socket->executor = NULL;
        return -error;
    }
    socket->handle = descriptor;
    atomic_fetch_add_explicit(&poller->open, 1, memory_order_relaxed);
    return 0;
}

void poller_remove(struct poller *poller, struct rt_socket *socket) {
    struct poller_slot *slot = socket->executor;
    RT_ASSERT(atomic_load_explicit(&slot->generation, memory_order_relaxed) == socket->generation);
    close_slot(poller, slot);
    /* By hand: closing alone leaves it in epoll while a forked child has the descriptor, too. */
    (void)epoll_ctl(poller->epoll, EPOLL_CTL_DEL, socket->handle, NULL);
    socket->executor = NULL;
    atomic_fetch_sub_explicit(&poller->open, 1, memory_order_relaxed);
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool poller_try_token(struct worker *worker) {
    uint32_t nobody = 0;
    return atomic_compare_exchange_strong(&worker->threads->poller.token, &nobody,
                                          worker->index + 1);
}

void poller_drop_token(struct worker *worker) {
    atomic_store(&worker->threads->poller.token, 0);
}

void poller_interrupt(struct poller *poller) {
    system_raise(poller->wake); /* cannot fill up: 2^64 - 2 wake-ups */
}

void poller_dispatch(struct poller *poller, uint64_t key, uint32_t events) {
    if (key == WAKE_KEY) {
        return;
    }
    struct poller_slot *slot = slot_at(poller, (uint32_t)key);
    uint32_t generation = (uint32_t)(key >> 32);
    if (atomic_load_explicit(&slot->generation, memory_order_acquire) != generation) {
        return;
    }
    struct rt_actor *actor = atomic_load_explicit(&slot->actor, memory_order_acquire);
    uint32_t mark = atomic_load_explicit(&slot->mark, memory_order_acquire);
    if (atomic_load_explicit(&slot->generation, memory_order_relaxed) != generation) {
        return;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        atomic_store(&slot->hung_up, true);
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        atomic_store(&slot->readable, true); /* before the mark; pairs: sockets_read */
    }
    rt_mark(actor, mark);
}

static int wait_events(struct poller *poller, struct epoll_event *events, uint64_t timeout_ns) {
    if (timeout_ns == 0 || timeout_ns == RT_FOREVER) {
        return epoll_wait(poller->epoll, events, EVENTS_MAX, timeout_ns == 0 ? 0 : -1);
    }
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000),
        .tv_nsec = (long)(timeout_ns % 1000000000),
    };
    int count = epoll_pwait2(poller->epoll, events, EVENTS_MAX, &timeout, NULL);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        /* Before Linux 5.11, or in a sandbox that is older: whole milliseconds, not early. */
        uint64_t timeout_ms = timeout_ns / 1000000 + 1;
        count = epoll_wait(poller->epoll, events, EVENTS_MAX,
                           timeout_ms > 1000000 ? 1000000 : (int)timeout_ms);
    }
    return count;
}

void poller_wait(struct worker *worker, uint64_t timeout_ns) {
    struct poller *poller = &worker->threads->poller;
    struct epoll_event events[EVENTS_MAX];
    if (timeout_ns != 0) {
        reclaim_offline(worker->threads);
    }
    int count = wait_events(poller, events, timeout_ns);
    if (timeout_ns != 0) {
        reclaim_online(worker->threads);
    }
    RT_ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        poller_dispatch(poller, events[i].data.u64, events[i].events);
    }
}
