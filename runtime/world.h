/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The environment table: the only way from our code to clock, timers, randomness, sockets, names,
 * memory, reclamation, and the waiting of application threads.
 *
 * Two executors fill it: threads (runtime/threads.h) and one seeded thread with virtual time and a
 * simulated network (runtime/sim.h). Actors cannot tell them apart.
 *
 * Deadlines are absolute, in ns of rt_now(). RT_FOREVER never comes.
 */
#ifndef RT_WORLD_H
#define RT_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/actor.h"

#define RT_FOREVER UINT64_MAX

/* ---- timers: one coalescing mark each ------------------------------------------------------- */

/* Embedded in the actor that owns it; arm and cancel only inside that actor's activation. Fires
 * once as rt_mark(actor, mark), never before its deadline. A cancelled timer may still have its
 * mark on the way: check the clock, not the mark. Moving a deadline later costs one store. Once
 * armed, a timer's memory stays until its actor's `gone`. */
struct rt_timer {
    struct rt_actor *actor;
    uint32_t mark;
    _Atomic uint32_t state;        /* executor's */
    uint32_t place;                /* executor's */
    _Atomic uint64_t deadline_ns;  /* wanted; RT_FOREVER when not armed */
    _Atomic uint64_t scheduled_ns; /* executor's: where it sits */
    struct rt_timer *next, *previous;
    struct rt_timer *sibling; /* executor's: the next one in actor->timers */
    union {
        struct rt_timer *inbox_next; /* threads: way from an activation to the wheel */
        void *event;                 /* simulator */
    };
};

/* ---- sockets --------------------------------------------------------------------------------- */

struct rt_address {
    uint8_t ip[16]; /* IPv4 in the first four bytes */
    uint16_t port;  /* host order */
    uint8_t family; /* 4 or 6 */
};

struct rt_slice {
    const void *data;
    size_t size;
};

enum {
    RT_IO_AGAIN = -1000000 /* not now: the mark comes when it is worth another try */
    /* other negative results are -errno; 0 from a read is the end of the stream */
};

/* Embedded in its actor (or owned by it). All calls inside that actor's activation. Readiness
 * arrives as `mark`, edge-triggered: read or write until RT_IO_AGAIN. After close no mark of this
 * opening arrives late as a new one (generations). */
struct rt_socket {
    struct rt_actor *actor;
    uint32_t mark;
    int32_t handle;      /* executor's; -1 when closed */
    uint32_t generation; /* executor's */
    void *executor;      /* executor's */
};

/* An open socket on its way from one actor to another: nobody is told of it meanwhile. */
struct rt_parted {
    int32_t handle; /* executor's */
    void *executor; /* executor's */
};

/* ---- names ----------------------------------------------------------------------------------- */

enum { RT_LOOKUP_ADDRESSES_MAX = 16 };

struct rt_lookup; /* the executor's; see rt_lookup_start */

struct rt_lookup_answer {
    int error;    /* 0, or a getaddrinfo code */
    int shortage; /* beside an error: errno when no descriptor could be had, else 0 */
    uint32_t count;
    struct rt_address addresses[RT_LOOKUP_ADDRESSES_MAX];
};

/* ---- reclamation ----------------------------------------------------------------------------- */

/* Embedded in what is to be freed when no activation that runs now can still see it. */
struct rt_retired {
    void *reserved[4];
    void (*free)(struct rt_retired *retired);
    struct rt_world *world;
};

/* ---- what the executor counts ---------------------------------------------------------------- */

struct rt_counts {
    uint64_t activations;
    uint64_t parked_ns; /* of all workers together: asleep, because nothing was to be done */
};

/* ---- the table ------------------------------------------------------------------------------- */

struct rt_world_ops {
    uint64_t (*now_ns)(struct rt_world *world);
    int64_t (*wall_ms)(struct rt_world *world); /* coarse: at most 4 ms old */
    uint64_t (*random)(struct rt_world *world);

    void *(*memory_acquire)(struct rt_world *world, size_t size); /* 16-aligned; NULL when short */
    void (*memory_release)(struct rt_world *world, void *memory, size_t size);
    /* RT_SPAN_BYTES-aligned; NULL when short. `soon`: all of it will be written to. */
    void *(*span_acquire)(struct rt_world *world, size_t size, bool soon);
    void (*span_release)(struct rt_world *world, void *memory, size_t size);
    /* Of a pool's blocks, which are cut from spans. NULL: nobody asks. */
    bool (*block_take)(struct rt_world *world, size_t size); /* false: this one is not to be had */
    void (*block_give)(struct rt_world *world, void *block,
                       size_t size); /* NULL: it came to nothing */

    void (*submit)(struct rt_world *world, struct rt_actor *actor);
    void (*timer_arm)(struct rt_world *world, struct rt_timer *timer, uint64_t deadline_ns);
    void (*timer_cancel)(struct rt_world *world, struct rt_timer *timer);

    int (*socket_connect)(struct rt_world *world, struct rt_socket *socket,
                          const struct rt_address *address);
    int (*socket_connected)(struct rt_world *world, struct rt_socket *socket);
    int (*socket_listen)(struct rt_world *world, struct rt_socket *socket,
                         struct rt_address *address);
    int (*socket_accept)(struct rt_world *world, struct rt_socket *listener,
                         struct rt_socket *socket);
    int64_t (*socket_read)(struct rt_world *world, struct rt_socket *socket, void *data,
                           size_t size);
    int64_t (*socket_write)(struct rt_world *world, struct rt_socket *socket,
                            const struct rt_slice *slices, size_t count);
    void (*socket_close)(struct rt_world *world, struct rt_socket *socket);
    struct rt_parted (*socket_part)(struct rt_world *world, struct rt_socket *socket);
    int (*socket_join)(struct rt_world *world, struct rt_socket *socket, struct rt_parted parted);

    struct rt_lookup *(*lookup_start)(struct rt_world *world, struct rt_actor *actor, uint32_t mark,
                                      const char *host, uint16_t port);
    bool (*lookup_finish)(struct rt_world *world, struct rt_lookup *lookup,
                          struct rt_lookup_answer *answer);
    void (*lookup_abandon)(struct rt_world *world, struct rt_lookup *lookup);

    void (*retire)(struct rt_world *world, struct rt_retired *retired);

    bool (*wait)(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen,
                 uint64_t deadline_ns);
    void (*wake)(struct rt_world *world, _Atomic uint32_t *word, uint32_t most);
    void **(*thread_slot)(struct rt_world *world);
    void (*thread_slots_clear)(struct rt_world *world); /* NULL: slots outlive nobody */

    int (*signal_descriptor)(struct rt_world *world);
    void (*signal_set)(struct rt_world *world, bool raised);

    void (*user_code)(struct rt_world *world, bool inside);
    void (*fence_everywhere)(struct rt_world *world); /* only with cheap_fences */
    void (*count)(struct rt_world *world, struct rt_counts *counts);
    void (*destroy)(struct rt_world *world);
};

enum { RT_WORLD_APART_BYTES = 128, RT_SPAN_BYTES = 1 << 20 };

struct rt_world {
    /* -- constant; read by each call of an application -- */
    const struct rt_world_ops *ops;
    uint64_t slots_serial;    /* of rt_thread_slot_last; 0: the table is asked */
    uint32_t fork_generation; /* of this process when the world began */
    unsigned workers;
    bool cheap_fences;                   /* see rt_fence_here */
    uint8_t apart[RT_WORLD_APART_BYTES]; /* so that what workers write lies on other lines */

    /* -- counted by anybody -- */
    _Atomic uint64_t actors_started;
    _Atomic uint64_t actors_gone;
    _Atomic uint64_t wakeups; /* times a worker went from asleep to awake */
    _Atomic uint64_t
        memory_used; /* bytes now held through memory_acquire and, here where block_take
                                     is NULL, span_acquire, there block_take */
};

/* How often this process is the child of a fork: written only in a child that has one thread. */
extern _Atomic uint32_t rt_fork_generation;

/* The slot that this thread asked for last, so that a thread with one world asks nobody. A serial
 * that matches is this living world's: its slots are freed with it, this thread's when it ends. */
struct rt_thread_slot_last {
    uint64_t serial; /* 0: none yet */
    void **slot;
};
extern _Thread_local struct rt_thread_slot_last rt_thread_slot_last
    __attribute__((tls_model("initial-exec")));

/* Monotonic time. In an activation prefer rt_turn_now. */
static inline uint64_t rt_now(struct rt_world *world) {
    return world->ops->now_ns(world);
}
/* The time of an activation, one for all of it: that of the first call. It is after the claim, so
 * who finds the mark of a timer finds that its time has come, too. Who looks at what comes from
 * outside, and then whether it came in time, calls this before the look. */
static inline uint64_t rt_turn_now(struct rt_turn *turn) {
    if (turn->now_ns == RT_FOREVER) {
        turn->now_ns = rt_now(turn->world);
    }
    return turn->now_ns;
}
static inline int64_t rt_wall_ms(struct rt_world *world) {
    return world->ops->wall_ms(world);
}
static inline uint64_t rt_random(struct rt_world *world) {
    return world->ops->random(world);
}

static inline void *rt_acquire(struct rt_world *world, size_t size) {
    return world->ops->memory_acquire(world, size);
}
/* `size` is what was acquired. NULL is allowed. */
static inline void rt_release(struct rt_world *world, void *memory, size_t size) {
    if (memory != NULL) {
        world->ops->memory_release(world, memory, size);
    }
}

/* Once in the life of its actor. */
static inline void rt_timer_init(struct rt_timer *timer, struct rt_actor *actor, uint32_t mark) {
    *timer = (struct rt_timer){.actor = actor, .mark = mark, .deadline_ns = RT_FOREVER};
}
static inline void rt_timer_arm(struct rt_world *world, struct rt_timer *timer,
                                uint64_t deadline_ns) {
    world->ops->timer_arm(world, timer, deadline_ns);
}
static inline void rt_timer_cancel(struct rt_world *world, struct rt_timer *timer) {
    world->ops->timer_cancel(world, timer);
}

static inline void rt_socket_init(struct rt_socket *socket, struct rt_actor *actor, uint32_t mark) {
    *socket = (struct rt_socket){.actor = actor, .mark = mark, .handle = -1};
}
/* 0: begun, the mark tells when to ask rt_socket_connected. -errno: could not begin. TCP_NODELAY
 * is set, the kernel sizes the buffers. */
static inline int rt_socket_connect(struct rt_world *world, struct rt_socket *socket,
                                    const struct rt_address *address) {
    return world->ops->socket_connect(world, socket, address);
}
/* 0: connected. RT_IO_AGAIN: not yet. -errno: refused; close it. */
static inline int rt_socket_connected(struct rt_world *world, struct rt_socket *socket) {
    return world->ops->socket_connected(world, socket);
}
/* Listens on `address`; port 0 picks a free one and stores it. */
static inline int rt_socket_listen(struct rt_world *world, struct rt_socket *socket,
                                   struct rt_address *address) {
    return world->ops->socket_listen(world, socket, address);
}
/* `socket` is initialised by the caller (rt_socket_init) and belongs to the caller's choice of
 * actor. 0, RT_IO_AGAIN or -errno. */
static inline int rt_socket_accept(struct rt_world *world, struct rt_socket *listener,
                                   struct rt_socket *socket) {
    return world->ops->socket_accept(world, listener, socket);
}
/* Bytes read (> 0), 0 at the end of the stream, RT_IO_AGAIN or -errno. */
static inline int64_t rt_socket_read(struct rt_world *world, struct rt_socket *socket, void *data,
                                     size_t size) {
    return world->ops->socket_read(world, socket, data, size);
}
/* Gathered write: bytes taken (maybe fewer than asked), RT_IO_AGAIN or -errno. No SIGPIPE. */
static inline int64_t rt_socket_write(struct rt_world *world, struct rt_socket *socket,
                                      const struct rt_slice *slices, size_t count) {
    return world->ops->socket_write(world, socket, slices, count);
}
/* Closing a closed socket is allowed. */
static inline void rt_socket_close(struct rt_world *world, struct rt_socket *socket) {
    world->ops->socket_close(world, socket);
}
/* Takes a connected socket from its owner, who has it closed then. It must be joined, if only to be
 * closed. */
static inline struct rt_parted rt_socket_part(struct rt_world *world, struct rt_socket *socket) {
    return world->ops->socket_part(world, socket);
}
/* Gives it to a closed socket; `mark` comes, for whatever has happened meanwhile. 0, or -errno: it
 * is closed. */
static inline int rt_socket_join(struct rt_world *world, struct rt_socket *socket,
                                 struct rt_parted parted) {
    return world->ops->socket_join(world, socket, parted);
}

/* Looks up `host` (a name or a literal address, copied) on a helper; `mark` tells when it is done.
 * NULL when memory is short. Then exactly one of finish (true) or abandon. */
static inline struct rt_lookup *rt_lookup_start(struct rt_world *world, struct rt_actor *actor,
                                                uint32_t mark, const char *host, uint16_t port) {
    return world->ops->lookup_start(world, actor, mark, host, port);
}
/* False while it is not done; true: `answer` is filled and the lookup is gone. */
static inline bool rt_lookup_finish(struct rt_world *world, struct rt_lookup *lookup,
                                    struct rt_lookup_answer *answer) {
    return world->ops->lookup_finish(world, lookup, answer);
}
/* Gives it up: no mark will come after this returns that was not on its way before. */
static inline void rt_lookup_abandon(struct rt_world *world, struct rt_lookup *lookup) {
    world->ops->lookup_abandon(world, lookup);
}

/* Calls retired->free(retired) when each activation that runs now has ended. Set `free` first. */
static inline void rt_retire(struct rt_world *world, struct rt_retired *retired) {
    retired->world = world;
    world->ops->retire(world, retired);
}

/* For application threads only. Waits while *word == seen; false when the deadline came first.
 * May return true early: look again. Woken by rt_wake of the same world only. */
static inline bool rt_wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen,
                           uint64_t deadline_ns) {
    return world->ops->wait(world, word, seen, deadline_ns);
}
/* Wakes all who wait on the word. Change the word first. A system call when anybody waits for
 * anything: keep it off hot paths. */
static inline void rt_wake(struct rt_world *world, _Atomic uint32_t *word) {
    world->ops->wake(world, word, INT32_MAX);
}
/* The same for one of them, any. */
static inline void rt_wake_one(struct rt_world *world, _Atomic uint32_t *word) {
    world->ops->wake(world, word, 1);
}
/* One pointer per application thread and world, NULL at first. When the thread ends,
 * the callback given to the executor is called with the value; it may not ask for a slot itself.
 * The answer is NULL when memory is short. */
static inline void **rt_thread_slot(struct rt_world *world) {
    const struct rt_thread_slot_last *last = &rt_thread_slot_last;
    return world->slots_serial != 0 && last->serial == world->slots_serial
               ? last->slot
               : world->ops->thread_slot(world);
}

/* Forgets what all slots of this world hold: no thread that ends from now on hands it to the
 * executor's callback. False when this executor does not end threads by itself. */
static inline bool rt_thread_slots_clear(struct rt_world *world) {
    if (world->ops->thread_slots_clear == NULL) {
        return false;
    }
    world->ops->thread_slots_clear(world);
    return true;
}

/* An eventfd-like descriptor, -1 when there is none. */
static inline int rt_signal_descriptor(struct rt_world *world) {
    return world->ops->signal_descriptor(world);
}
/* Any thread. After lowering it look again at what it stands for: a raise may have come between. */
static inline void rt_signal_set(struct rt_world *world, bool raised) {
    world->ops->signal_set(world, raised);
}

/* Brackets a call of user code on a worker: the worker is offline for reclamation meanwhile, so no
 * snapshot pointer may be held across it. */
static inline void rt_user_code(struct rt_world *world, bool inside) {
    world->ops->user_code(world, inside);
}
/* True in a child after fork(): nothing here works any more. */
static inline bool rt_forked(struct rt_world *world) {
    return atomic_load_explicit(&rt_fork_generation, memory_order_relaxed) !=
           world->fork_generation;
}
/* Two halves of a fence between threads that each write a word and then look at the other's. The
 * hot side fences *here*, which costs nothing where the kernel can fence *everywhere* for the cold
 * side (membarrier(2)); elsewhere both are full fences. */
static inline void rt_fence_here(const struct rt_world *world) {
    if (world->cheap_fences) {
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_thread_fence(memory_order_seq_cst);
    }
}
/* A system call: for what happens seldom. */
static inline void rt_fence_everywhere(struct rt_world *world) {
    atomic_thread_fence(memory_order_seq_cst);
    if (world->cheap_fences) {
        world->ops->fence_everywhere(world);
    }
}
/* Any thread, never waits. */
static inline struct rt_counts rt_counts_now(struct rt_world *world) {
    struct rt_counts counts;
    world->ops->count(world, &counts);
    return counts;
}
/* Stops the executor. Asserts that every actor has gone; frees the world. Not from a worker. */
static inline void rt_world_destroy(struct rt_world *world) {
    world->ops->destroy(world);
}

#endif
