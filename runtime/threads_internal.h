/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the threaded executor share: its parts, each owned by one file.
 *
 *   threads.c          create and destroy, the table
 *   threads_worker.c   the loop: take an actor, activate it, look around
 *   threads_runq.c     where queued actors wait
 *   threads_park.c     who sleeps, who is woken
 *   threads_poller.c   epoll and the slots that stand for open sockets
 *   threads_socket.c   the socket operations
 *   threads_wheel.c    the timer wheel, one thread at a time
 *   threads_timer.c    the way of a timer into the wheel and out
 *   threads_reclaim.c  the helper that waits for grace periods
 *   threads_lookup.c   the helper that looks names up
 *   threads_slot.c     a pointer per application thread
 *   threads_system.c   clock, memory, randomness, futex, signal descriptor, fork
 */
#ifndef RT_THREADS_INTERNAL_H
#define RT_THREADS_INTERNAL_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/threads.h"
#include "runtime/count.h"
#include "runtime/world.h"

enum {
    CACHE_LINE_BYTES = 64,
    WORKERS_MAX = 32,
    RUNQ_RING_SLOTS = 256,
    TURN_BUDGET_MESSAGES = 64,
    POLL_INTERVAL_NS = 100000 /* how long a busy worker goes without a look at epoll and timers */
};

struct threads;

/* ---- threads_runq.c -------------------------------------------------------------------------- */

/* A worker's own queue: the owner pushes, the owner and thieves take, first in first out. */
struct runq_ring {
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t head; /* moved by compare-and-swap only */
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail; /* the owner's; its release publishes slots */
    _Atomic(struct rt_actor *) slots[RUNQ_RING_SLOTS];
};

/* Anybody pushes, one at a time takes (who gets `taking`); actors are linked by queue_next, so it
 * cannot overflow. Empty when the stub is first and last. */
struct runq_shared {
    alignas(CACHE_LINE_BYTES) _Atomic(struct rt_actor *) tail;
    alignas(CACHE_LINE_BYTES) _Atomic uint32_t taking;
    struct rt_actor stub;
};

void runq_ring_init(struct runq_ring *ring);
/* False when full. */
bool runq_ring_push(struct runq_ring *ring, struct rt_actor *actor);
struct rt_actor *runq_ring_pop(struct runq_ring *ring);
/* Moves half of the victim's queue to the end of the own one, which is empty. */
bool runq_ring_steal(struct runq_ring *own, struct runq_ring *victim);
uint64_t runq_ring_count(const struct runq_ring *ring);

void runq_shared_init(struct runq_shared *queue);
void runq_shared_push(struct runq_shared *queue, struct rt_actor *actor);
bool runq_shared_empty(struct runq_shared *queue);
/* The first actor; NULL when empty, or another worker is taking, or a push is half-way. */
struct rt_actor *runq_shared_pop(struct runq_shared *queue);
/* Moves up to `most` actors into the ring. */
void runq_shared_refill(struct runq_shared *queue, struct runq_ring *ring, uint64_t most);

/* ---- threads_worker.c ------------------------------------------------------------------------ */

struct worker {
    /* Its own. */
    struct threads *threads;
    struct runq_ring ring;
    pthread_t thread;
    uint32_t index;
    uint32_t tick;              /* activations */
    uint32_t outside_countdown; /* activations until it looks at what waits outside */
    bool searching;             /* counted in `idle` as searching */
    bool away;                  /* counted in `idle` as away: a long slice, or user code */
    bool slept;                 /* since its last activation */
    uint64_t awake_since_ns;
    uint64_t now_ns;                        /* of the last look at the clock */
    uint32_t unseen;                        /* activations since then */
    uint64_t parked_since_ns;               /* 0: it is not, or that time was counted */
    struct rt_count activations, parked_ns; /* anybody reads */
    /* Who wakes it. */
    alignas(CACHE_LINE_BYTES) _Atomic uint32_t sleep; /* enum sleep_state; the futex */
};

void *worker_main(void *argument);
void worker_submit(struct rt_world *world, struct rt_actor *actor);
void worker_user_code(struct rt_world *world, bool inside);
/* By any thread. */
void worker_count(struct rt_world *world, struct rt_counts *counts);
/* While this worker runs something, another actor or job waits that it can see. */
bool worker_leaves_work(struct worker *worker);
/* Something to run is in sight, or a timer to look at. */
bool worker_sees_work(struct worker *worker);

/* ---- threads_park.c -------------------------------------------------------------------------- */

/* The word `idle`: bit per parked worker, number of searching ones, number of those away. */
#define IDLE_PARKED(index) (UINT64_C(1) << (index))
#define IDLE_PARKED_ALL UINT64_C(0xffffffff)
#define IDLE_SEARCHING (UINT64_C(1) << 32)
#define IDLE_SEARCHING_ALL (UINT64_C(0xffff) << 32)
#define IDLE_AWAY (UINT64_C(1) << 48)

enum sleep_state {
    SLEEP_AWAKE,
    SLEEP_FUTEX,   /* asleep on its word */
    SLEEP_EPOLL,   /* asleep in epoll, holding the poller's token */
    SLEEP_NOTIFIED /* to be awake: somebody took its parked bit */
};

/* Sleeps until there may be something to do. */
void park(struct worker *worker);
/* The worker found something to run. */
void park_found_work(struct worker *worker);
/* After a push from outside a worker: wakes one when no one is awake to find it. */
void park_submitted_outside(struct threads *threads);
/* Wakes one more worker, if one is parked and none is searching. */
void park_wake_another(struct threads *threads);
/* The worker begins or ends something long: submitters do not count on it meanwhile. */
void park_step_away(struct worker *worker, bool away);
void park_wake_all(struct threads *threads);

/* ---- threads_poller.c ------------------------------------------------------------------------ */

enum { POLLER_CHUNKS = 16, POLLER_CHUNK_SLOTS = 64 };

/* Stands for one open socket; reused, with a new generation each time. */
struct poller_slot {
    _Atomic uint32_t generation; /* odd while open */
    uint32_t index;
    _Atomic uint32_t next_free; /* index + 1 */
    _Atomic uint32_t mark;
    _Atomic(struct rt_actor *) actor;
    _Atomic bool readable; /* a read may find something: saves the system call that finds nothing */
    _Atomic bool hung_up;  /* it may find the end, too */
};

struct poller {
    int epoll;
    int wake;                                         /* eventfd, edge-triggered, never read */
    alignas(CACHE_LINE_BYTES) _Atomic uint32_t token; /* 1 + index of the worker that polls */
    _Atomic uint64_t last_ns;                         /* of the last poll */
    _Atomic uint64_t sleep_until_ns;                  /* 0 when nobody sleeps in epoll */
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t free;  /* tag << 32 | index + 1 of a free slot */
    _Atomic uint32_t slots;                           /* made so far */
    _Atomic uint32_t open;
    _Atomic(struct poller_slot *) chunks[POLLER_CHUNKS]; /* chunk n has 64 << n slots */
};

/* What epoll hands back for a socket. */
#define POLLER_KEY(index, generation) ((uint64_t)(generation) << 32 | (index))

int poller_init(struct poller *poller); /* 0 or errno */
void poller_deinit(struct poller *poller);
/* 0, or -errno. Binds the descriptor to the socket's actor and mark. */
int poller_add(struct poller *poller, struct rt_socket *socket, int descriptor);
void poller_remove(struct poller *poller, struct rt_socket *socket);
bool poller_try_token(struct worker *worker);
void poller_drop_token(struct worker *worker);
/* Holding the token. Waits for at most `timeout_ns` and raises the marks of what is ready. */
void poller_wait(struct worker *worker, uint64_t timeout_ns);
void poller_interrupt(struct poller *poller);
/* Raises the mark of the socket that a key names, if that is still the same opening. */
void poller_dispatch(struct poller *poller, uint64_t key, uint32_t events);

/* ---- threads_wheel.c, threads_timer.c -------------------------------------------------------- */

enum { WHEEL_LEVELS = 8, WHEEL_SLOTS = 64 };

struct wheel {
    uint64_t elapsed; /* ticks */
    uint64_t occupied[WHEEL_LEVELS];
    struct rt_timer *first[WHEEL_LEVELS][WHEEL_SLOTS];
    uint64_t least[WHEEL_LEVELS][WHEEL_SLOTS]; /* no timer in the slot is due before this tick */
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);
/* Puts the timer where its deadline says, or fires it, or drops it when it is not armed. */
void wheel_place(struct wheel *wheel, struct rt_timer *timer, uint64_t now_ns);
void wheel_remove(struct wheel *wheel, struct rt_timer *timer);
/* Fires what is due. */
void wheel_advance(struct wheel *wheel, uint64_t now_ns);
/* When to look again: the next deadline, RT_FOREVER when there is none. */
uint64_t wheel_next_ns(struct wheel *wheel, uint64_t now_ns);

struct timers {
    alignas(CACHE_LINE_BYTES) _Atomic uint32_t lock; /* try only; guards the wheel */
    _Atomic uint64_t next_ns;                        /* when the wheel wants to be looked at */
    alignas(CACHE_LINE_BYTES) _Atomic(struct rt_timer *) inbox; /* armed earlier than they sit */
    _Atomic(struct rt_actor *) ended; /* actors whose timers are to be let go of */
    struct wheel wheel;
};

void timers_init(struct timers *timers, uint64_t now_ns);
void timers_arm(struct rt_world *world, struct rt_timer *timer, uint64_t deadline_ns);
void timers_cancel(struct rt_world *world, struct rt_timer *timer);
/* There is something for timers_run. */
bool timers_pending(struct timers *timers, uint64_t now_ns);
/* Takes in what was armed, fires what is due. False when another worker is at it, which then looks
 * again after it is through. */
bool timers_run(struct threads *threads, uint64_t now_ns);
/* The actor has ended: takes its timers out of the wheel, then hands it to reclaim_actor. */
void timers_let_go(struct threads *threads, struct rt_actor *actor);

/* ---- threads_reclaim.c ----------------------------------------------------------------------- */

struct reclaim {
    pthread_t thread;
    alignas(CACHE_LINE_BYTES) _Atomic(struct rt_actor *) ended;
    _Atomic(struct rt_retired *) retired;
    _Atomic uint32_t asleep;  /* the futex; 1: the helper sleeps */
    _Atomic uint64_t pending; /* handed over and not finished */
    _Atomic bool stopping;
};

int reclaim_start(struct threads *threads); /* 0 or errno */
/* Finishes everything first. */
void reclaim_stop(struct threads *threads);
/* An actor that ended, without timers: finished after a grace period. */
void reclaim_actor(struct threads *threads, struct rt_actor *actor);
void reclaim_retire(struct rt_world *world, struct rt_retired *retired);
void reclaim_quiescent(struct threads *threads);
void reclaim_online(struct threads *threads);
void reclaim_offline(struct threads *threads);

/* ---- threads_lookup.c ------------------------------------------------------------------------ */

struct lookups; /* outlives the world while a lookup hangs */

struct lookups *lookups_create(const char *name);
void lookups_destroy(struct lookups *lookups);
struct rt_lookup *lookups_start(struct rt_world *world, struct rt_actor *actor, uint32_t mark,
                                const char *host, uint16_t port);
bool lookups_finish(struct rt_world *world, struct rt_lookup *lookup,
                    struct rt_lookup_answer *answer);
void lookups_abandon(struct rt_world *world, struct rt_lookup *lookup);

/* ---- threads_slot.c -------------------------------------------------------------------------- */

struct thread_slots;

struct thread_slots *thread_slots_create(struct rt_world *world,
                                         const struct rt_threads_options *options);
void thread_slots_destroy(struct thread_slots *slots);
void **thread_slots_own(struct rt_world *world);
void thread_slots_clear(struct rt_world *world);

/* ---- threads_socket.c ------------------------------------------------------------------------ */

int sockets_connect(struct rt_world *world, struct rt_socket *socket,
                    const struct rt_address *address);
int sockets_connected(struct rt_world *world, struct rt_socket *socket);
int sockets_listen(struct rt_world *world, struct rt_socket *socket, struct rt_address *address);
int sockets_accept(struct rt_world *world, struct rt_socket *listener, struct rt_socket *socket);
int64_t sockets_read(struct rt_world *world, struct rt_socket *socket, void *data, size_t size);
int64_t sockets_write(struct rt_world *world, struct rt_socket *socket,
                      const struct rt_slice *slices, size_t count);
void sockets_close(struct rt_world *world, struct rt_socket *socket);
struct rt_parted sockets_part(struct rt_world *world, struct rt_socket *socket);
int sockets_join(struct rt_world *world, struct rt_socket *socket, struct rt_parted parted);

/* ---- threads_system.c ------------------------------------------------------------------------ */

/* Set on, and cleared by, the descriptor that an application sleeps on. */
struct signal_line {
    _Atomic int descriptor; /* -1 until first asked for */
    _Atomic bool raised;
};

uint64_t system_now_ns(struct rt_world *world);
int64_t system_wall_ms(struct rt_world *world);
uint64_t system_random(struct rt_world *world);
uint64_t system_seed(void);
void *system_acquire(struct rt_world *world, size_t size);
void system_release(struct rt_world *world, void *memory, size_t size);
void *system_span_acquire(struct rt_world *world, size_t size, bool soon);
void system_span_release(struct rt_world *world, void *memory, size_t size);
bool system_wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen,
                 uint64_t deadline_ns);
void system_wake(struct rt_world *world, _Atomic uint32_t *word, uint32_t most);
/* Until *word differs from `seen`, or early. */
void system_sleep(_Atomic uint32_t *word, uint32_t seen);
void system_wake_one(_Atomic uint32_t *word);
/* Adds one to an eventfd. */
void system_raise(int descriptor);
int system_signal_descriptor(struct rt_world *world);
void system_signal_set(struct rt_world *world, bool raised);
uint32_t system_fork_generation(void);
int system_wall_clock(void); /* the clockid_t that system_wall_ms reads */
/* Of this process, in however many libraries this code is. An application may see the name. */
struct worlds {
    _Atomic uint32_t living;
    _Atomic bool orphaned; /* forked while its parent had any: liburcu still knows the parent's
                              workers, and would wait for them for ever */
};
extern struct worlds sluice_worlds;
/* Counts the worlds of this process, between the first use of reclamation and its last. False in a
 * child that was forked while there was one: none can begin. */
bool system_world_begins(void);
void system_world_ended(void);
/* Asks the kernel to be ready for system_fence_everywhere. False: it cannot. */
bool system_can_fence_everywhere(void);
void system_fence_everywhere(struct rt_world *world);
/* Starts a thread that blocks all signals, named `name`-`suffix`. 0 or errno. */
int system_thread_start(pthread_t *thread, void *(*body)(void *), void *argument, const char *name,
                        const char *suffix);

/* ---- threads.c ------------------------------------------------------------------------------- */

enum { NAME_BYTES = 16 }; /* what Linux keeps of a thread's name */

struct threads {
    struct rt_world world; /* first: the table's functions are handed this */
    char name[NAME_BYTES];
    struct lookups *lookups;
    struct thread_slots *slots;
    struct signal_line signal;
    int wall_clock; /* a clockid_t */
    _Atomic bool stopping;

    alignas(CACHE_LINE_BYTES) _Atomic uint64_t idle; /* see threads_park.c */
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t random;
    alignas(CACHE_LINE_BYTES) _Atomic uint32_t waiting; /* application threads, on any word */

    struct runq_shared actors; /* submitted from outside, and what a ring had no room for */
    struct runq_shared jobs;
    struct poller poller;
    struct timers timers;
    struct reclaim reclaim;
    struct worker *workers;
};

static inline struct threads *threads_of(struct rt_world *world) {
    return (struct threads *)(void *)world;
}

#endif
