/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the simulated executor share. Everything here belongs to the one thread that
 * runs the world.
 *
 *   sim.c         the world: create, destroy, the table
 *   sim_run.c     what runs next: activations, events, reclamation
 *   sim_timer.c   timers
 *   sim_queue.c   events in order of time
 *   sim_wait.c    application threads: slots, waits, wakes, scripted calls
 *   sim_stack.c   stacks for scripted calls, so that they can wait
 *   sim_site.c    addresses and who listens there
 *   sim_net.c     sockets: connect, accept, close
 *   sim_pipe.c    the bytes of one direction of a connection
 *   sim_fault.c   network faults
 *   sim_name.c    name lookup
 *   sim_memory.c  counted memory that can run short
 *   sim_trace.c   the trace and its hash
 */
#ifndef RT_SIM_INTERNAL_H
#define RT_SIM_INTERNAL_H

#include "runtime/assert.h"
#include "runtime/sim.h"
#include "runtime/sim_random.h"
#include "runtime/sim_trace.h"

/* ---- events ---------------------------------------------------------------------------------- */

enum sim_event_kind {
    SIM_EVENT_TIMER,     /* subject: struct rt_timer */
    SIM_EVENT_ARRIVAL,   /* subject: struct sim_pipe; its oldest segment arrives */
    SIM_EVENT_ROOM,      /* subject: struct sim_pipe; its writer learns that there is room */
    SIM_EVENT_HANDSHAKE, /* subject: struct sim_connection */
    SIM_EVENT_LOOKUP,    /* subject: struct sim_lookup */
    SIM_EVENT_CALL,      /* subject: the caller's context; `callback` is called */
    SIM_EVENT_RESUME,    /* subject: struct sim_waiter; the scripted call goes on */
    SIM_EVENT_LATE,      /* subject: struct rt_actor; submitted, reaches its queue only now */
    SIM_EVENT_RETIRED,   /* subject: struct rt_retired */
    SIM_EVENT_GONE       /* subject: struct rt_actor that ended */
};

#define SIM_NOWHERE UINT32_MAX

struct sim_event {
    enum sim_event_kind kind;
    uint32_t place; /* in the queue, or SIM_NOWHERE */
    void *subject;
    void (*callback)(void *context);
    struct sim_event *next_free;
};

/* Ordered by time, ties by a drawn rank: every order of what happens at the same moment can be. */
struct sim_queue_entry {
    uint64_t when_ns;
    uint64_t rank;
    struct sim_event *event;
};

struct sim_queue {
    struct sim_queue_entry *entries; /* a heap of four children each */
    uint32_t count;
    uint32_t capacity;
};

void sim_queue_deinit(struct sim_queue *queue);
void sim_queue_insert(struct sim_queue *queue, struct sim_event *event, uint64_t when_ns,
                      uint64_t rank);
void sim_queue_remove(struct sim_queue *queue, struct sim_event *event);

/* ---- network --------------------------------------------------------------------------------- */

struct sim_connection;
struct sim_listener;

/* An address that was listened on, connected to or given a fault. Lives as long as the world. */
struct sim_site {
    struct rt_address address;
    enum rt_sim_fault fault;
    struct sim_listener *listener;      /* NULL: nobody listens */
    struct sim_connection *connections; /* newest first */
    struct sim_site *next;
};

enum sim_socket_kind { SIM_SOCKET_LISTENER, SIM_SOCKET_END };

/* What rt_socket.executor points to; first member of both kinds. */
struct sim_socket {
    enum sim_socket_kind kind;
    struct rt_socket *owner; /* NULL: not accepted yet, between two owners, or closed */
    int32_t handle;
};

struct sim_listener {
    struct sim_socket base;
    struct sim_site *site;
    struct sim_connection *backlog_first, *backlog_last;
};

struct sim_end {
    struct sim_socket base;
    struct sim_connection *connection;
    unsigned side; /* SIM_CLIENT or SIM_SERVER; it writes to connection->pipes[side] */
    bool open;
    bool wants_read;  /* saw RT_IO_AGAIN: the next arrival raises the mark for sure */
    bool wants_write; /* saw RT_IO_AGAIN: room raises the mark */
    int error;        /* 0 or -errno, for good */
};

enum sim_segment_kind { SIM_SEGMENT_BYTES, SIM_SEGMENT_END, SIM_SEGMENT_RESET };

struct sim_segment {
    uint64_t arrives_ns;
    uint32_t size;
    enum sim_segment_kind kind;
};

/* One direction. The bytes lie in a ring: first what arrived and was not read, then what is on the
 * way:  arrived + on_way <= socket_buffer_bytes,  on_way = sum of the segments' sizes  */
struct sim_pipe {
    struct sim_connection *connection;
    struct sim_event arrival, room;
    uint8_t *bytes;
    size_t capacity; /* a power of two */
    size_t head;
    size_t arrived;
    size_t on_way;
    struct sim_segment *segments; /* a ring as well */
    uint32_t segment_capacity, segment_head, segment_count;
    uint64_t last_arrival_ns;
    uint64_t link_free_ns;
    bool lost;   /* bytes vanished: nothing arrives here any more, whatever is healed */
    bool parked; /* stalled, until healed */
    bool ended;  /* the end of the stream arrived */
};

enum { SIM_CLIENT = 0, SIM_SERVER = 1 };

enum sim_stage {
    SIM_STAGE_ASKING,    /* the request to connect is on its way to the listener */
    SIM_STAGE_ANSWERING, /* the consent is on its way back */
    SIM_STAGE_REFUSING,  /* the refusal is on its way back */
    SIM_STAGE_GREETING,  /* the client is connected, the listener will know soon */
    SIM_STAGE_OPEN,      /* both know; accepted or in the backlog */
    SIM_STAGE_FAILED     /* never connected */
};

struct sim_connection {
    uint32_t id;
    enum sim_stage stage;
    unsigned asked; /* times the request to connect was sent again */
    bool parked;    /* the handshake is stalled */
    struct sim_site *site;
    struct sim_event handshake;
    struct sim_end ends[2];
    struct sim_pipe pipes[2];               /* by the side that writes */
    struct sim_connection *next, *previous; /* of the site */
    struct sim_connection *backlog_next;
};

/* ---- the world ------------------------------------------------------------------------------- */

enum {
    SIM_THREADS_MAX = 64,
    SIM_WORKERS = 4, /* workers there seem to be */
    SIM_FIRST_FREE_PORT = 49152,
    SIM_FREE_PORTS = 65536 - SIM_FIRST_FREE_PORT
};

struct sim_actors { /* an array out of which any one is picked */
    struct rt_actor **list;
    uint32_t count, capacity;
};

struct sim_waiter; /* sim_wait.c */
struct sim_stack;  /* sim_stack.c */
struct sim_block;  /* sim_memory.c */
struct sim_name;   /* sim_name.c */
struct sim_lookup; /* sim_name.c */

struct sim {
    struct rt_world world;
    struct rt_sim_options options;

    /* time and chance */
    uint64_t now_ns;
    int64_t wall_jumped_ms;
    struct sim_random chance;   /* what the executor draws */
    struct sim_random workload; /* what rt_sim_choose draws */
    struct sim_random actors;   /* what rt_random draws */

    /* what runs */
    struct rt_actor *running; /* the actor whose activation this is, or NULL */
    bool busy;                /* since time last jumped, somebody was submitted */
    bool settling;            /* submits are never late */
    bool user_code;           /* inside the user's code */
    uint32_t activations_since_job;
    uint64_t activations;
    uint64_t parked_ns; /* that passed while nothing was to be done */
    struct sim_actors ready, ready_jobs;
    struct sim_actors known; /* by id: who was submitted and is not gone */
    struct sim_queue queue;
    uint64_t sequence;
    struct sim_event *free_events;
    uint64_t events;

    /* network */
    struct sim_site *sites;
    uint32_t connections_made;
    uint32_t connections;
    int32_t handles;
    uint32_t ports_picked;
    void (*arrived)(void *context); /* or NULL */
    void *arrived_context;

    /* names */
    struct sim_name *names;
    uint32_t lookups_made;
    struct sim_lookup *lookups;

    /* application threads */
    unsigned thread;
    void *slots[SIM_THREADS_MAX];
    struct sim_waiter *waiters;
    struct sim_stack *stack; /* of the scripted call that runs, NULL: the test's own flow */
    struct sim_stack *free_stacks;

    /* memory */
    struct sim_block *blocks;
    uint64_t memory_acquired; /* calls so far */
    uint64_t memory_fails_at; /* this call, 0: none */
    uint64_t span_bytes;      /* held through span_acquire */
    const char *spared_kind;  /* its actors are not counted */

    /* trace */
    FILE *trace;
    uint64_t hash;
};

static inline struct sim *sim_of(struct rt_world *world) {
    return (struct sim *)world;
}

static inline uint64_t sim_draw(struct sim *sim, uint64_t n) {
    return n <= 1 ? 0 : sim_random_below(&sim->chance, n);
}
/* True once in n. */
static inline bool sim_once_in(struct sim *sim, uint64_t n) {
    return sim_draw(sim, n) == 0;
}

/* Memory of the executor itself; it never runs short. */
void *sim_allocate(size_t size);
void *sim_grow(void *memory, size_t size);

/* Puts an event on the queue; it must not be there. */
void sim_schedule(struct sim *sim, struct sim_event *event, uint64_t when_ns);
void sim_unschedule(struct sim *sim, struct sim_event *event); /* allowed when it is not queued */
static inline bool sim_scheduled(const struct sim_event *event) {
    return event->place != SIM_NOWHERE;
}
static inline void sim_event_init(struct sim_event *event, enum sim_event_kind kind,
                                  void *subject) {
    *event = (struct sim_event){.kind = kind, .place = SIM_NOWHERE, .subject = subject};
}
struct sim_event *sim_event_acquire(struct sim *sim, enum sim_event_kind kind, void *subject);
void sim_event_release(struct sim *sim, struct sim_event *event);

void sim_submit(struct rt_world *world, struct rt_actor *actor);
void sim_count(struct rt_world *world, struct rt_counts *counts);
void sim_timer_arm(struct rt_world *world, struct rt_timer *timer, uint64_t deadline_ns);
void sim_timer_cancel(struct rt_world *world, struct rt_timer *timer);
void sim_timer_event(struct sim *sim, struct rt_timer *timer);
/* The actor ended: none of its timers fires any more. */
void sim_timers_detach(struct sim *sim, const struct rt_actor *actor);
void sim_retire(struct rt_world *world, struct rt_retired *retired);
/* Calls what waits for its grace period, gone callbacks included, until nothing does. */
void sim_finish_grace(struct sim *sim);
/* One event at or before the deadline; false when there is none. */
bool sim_step_before(struct sim *sim, uint64_t deadline_ns);
/* Nothing happens until then. */
void sim_time_pass(struct sim *sim, uint64_t deadline_ns);

int sim_socket_connect(struct rt_world *world, struct rt_socket *socket,
                       const struct rt_address *address);
int sim_socket_connected(struct rt_world *world, struct rt_socket *socket);
int sim_socket_listen(struct rt_world *world, struct rt_socket *socket, struct rt_address *address);
int sim_socket_accept(struct rt_world *world, struct rt_socket *listener, struct rt_socket *socket);
void sim_socket_close(struct rt_world *world, struct rt_socket *socket);
struct rt_parted sim_socket_part(struct rt_world *world, struct rt_socket *socket);
int sim_socket_join(struct rt_world *world, struct rt_socket *socket, struct rt_parted parted);
void sim_handshake_event(struct sim *sim, struct sim_connection *connection);
void sim_handshake_complete(struct sim *sim, struct sim_connection *connection);
struct sim_site *sim_site_of(struct sim *sim, const struct rt_address *address);
/* Who listens there, on exactly this address or on every address of the family; or NULL. */
struct sim_listener *sim_listener_at(struct sim *sim, const struct sim_site *site);
/* Ties an open socket and its owner together, for this one opening. */
void sim_socket_own(struct sim *sim, struct sim_socket *base, struct rt_socket *socket);
/* Raises the socket's mark if the end has an owner. */
void sim_end_mark(struct sim_end *end);
uint64_t sim_delay(struct sim *sim);
/* Frees the connection when neither end is open. */
void sim_connection_settle(struct sim *sim, struct sim_connection *connection);
void sim_net_deinit(struct sim *sim);
bool sim_actor_has_socket(struct sim *sim, const struct rt_actor *actor);

int64_t sim_socket_read(struct rt_world *world, struct rt_socket *socket, void *data, size_t size);
int64_t sim_socket_write(struct rt_world *world, struct rt_socket *socket,
                         const struct rt_slice *slices, size_t count);
void sim_pipe_init(struct sim_pipe *pipe, struct sim_connection *connection);
void sim_pipe_deinit(struct sim *sim, struct sim_pipe *pipe);
void sim_pipe_arrival_event(struct sim *sim, struct sim_pipe *pipe);
void sim_pipe_room_event(struct sim *sim, struct sim_pipe *pipe);
/* Appends the end of the stream or a reset behind what is on the way. */
void sim_pipe_close(struct sim *sim, struct sim_pipe *pipe, enum sim_segment_kind kind);
/* The reader is gone: what arrived is dropped, what arrives is answered by a reset. */
void sim_pipe_forget_arrived(struct sim_pipe *pipe);
/* Loses what is on the way; `deliver` first hands it to the reader. */
void sim_pipe_cut(struct sim *sim, struct sim_pipe *pipe, bool deliver);
void sim_pipe_heal(struct sim *sim, struct sim_pipe *pipe);

struct rt_lookup *sim_lookup_start(struct rt_world *world, struct rt_actor *actor, uint32_t mark,
                                   const char *host, uint16_t port);
bool sim_lookup_finish(struct rt_world *world, struct rt_lookup *lookup,
                       struct rt_lookup_answer *answer);
void sim_lookup_abandon(struct rt_world *world, struct rt_lookup *lookup);
void sim_lookup_event(struct sim *sim, void *lookup);
bool sim_actor_has_lookup(struct sim *sim, const struct rt_actor *actor);
void sim_names_deinit(struct sim *sim);

bool sim_wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns);
void sim_wake(struct rt_world *world, _Atomic uint32_t *word, uint32_t most);
void **sim_thread_slot(struct rt_world *world);
/* Seed, time and every actor that was ever submitted, to standard error. */
void sim_print_state(const struct sim *sim);
void sim_call_event(struct sim *sim, void (*callback)(void *), void *context);
void sim_resume_event(struct sim *sim, void *waiter);

/* Runs the call on a stack of its own until it ends or pauses. */
void sim_stack_call(struct sim *sim, void (*callback)(void *), void *context);
/* Leaves the running stack to who entered it; comes back when it is entered again. */
void sim_stack_pause(struct sim *sim);
void sim_stack_enter(struct sim *sim, struct sim_stack *stack);
void sim_stacks_deinit(struct sim *sim);

void *sim_memory_acquire(struct rt_world *world, size_t size);
void sim_memory_release(struct rt_world *world, void *memory, size_t size);
void *sim_span_acquire(struct rt_world *world, size_t size, bool soon);
void sim_span_release(struct rt_world *world, void *memory, size_t size);
bool sim_block_take(struct rt_world *world, size_t size);
void sim_block_give(struct rt_world *world, void *block, size_t size);
/* Asserts that everything came back, and names what did not. */
void sim_memory_deinit(struct sim *sim);

#endif
