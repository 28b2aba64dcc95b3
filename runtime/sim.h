/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated executor: one thread, virtual time, a simulated network, all choices from one seed.
 *
 * The same actors and the same lanes run here; only this file decides what runs next, how long
 * things take and what fails. The same seed and the same calls give the same trace, byte for byte.
 */
#ifndef RT_SIM_H
#define RT_SIM_H

#include <stdio.h>

#include "runtime/world.h"

struct rt_sim_options {
    uint64_t seed;
    int64_t wall_start_ms; /* wall clock at virtual time 0 */
    uint64_t delay_min_ns; /* one way, per segment */
    uint64_t delay_max_ns;
    uint32_t segment_bytes_max; /* reads and writes are cut into pieces of 1..this; 0: no cut */
    uint32_t
        socket_buffer_bytes;   /* what a write can put on the way before RT_IO_AGAIN; 0: 64 KiB */
    uint64_t bytes_per_second; /* link rate, 0: no limit */
    uint32_t budget_max;       /* activations get 1..this messages; 0: 64 */
    uint64_t lookup_delay_ns;
    void (*thread_end)(void *slot, void *context);
    void *context;
};

struct rt_world *rt_sim_create(const struct rt_sim_options *options);

/* Runs one event: an activation, or the step to the next timer or packet. False: nothing at all is
 * left to happen. */
bool rt_sim_step(struct rt_world *world);
/* Runs until virtual time `deadline_ns`, or until nothing is left; time ends at the deadline. */
void rt_sim_run_until(struct rt_world *world, uint64_t deadline_ns);
/* Runs activations that are due now, without letting time pass on to the next timer or packet. */
void rt_sim_settle(struct rt_world *world);

/* Runs `callback` as an event of its own at a virtual time: scripted application threads, faults.
 * It has a stack of its own, so it may wait (rt_wait) while the world and others go on. */
void rt_sim_at(struct rt_world *world, uint64_t when_ns, void (*callback)(void *), void *context);
/* Whose slot rt_thread_slot() answers: simulated application thread 0..63. */
void rt_sim_thread(struct rt_world *world, unsigned thread);
void rt_sim_thread_end(struct rt_world *world, unsigned thread);

/* Names: all unknown names fail; literals always work. A name has up to 16 addresses. */
void rt_sim_name(struct rt_world *world, const char *host, const struct rt_address *addresses,
                 uint32_t count);

/* Network faults, by the address that listens. Each takes effect at once. */
enum rt_sim_fault {
    RT_SIM_HEAL,      /* none of the below */
    RT_SIM_REFUSE,    /* new connections are refused */
    RT_SIM_BLACKHOLE, /* new connections hang; bytes in both directions vanish (connections stay) */
    RT_SIM_STALL      /* bytes wait, in both directions, until healed */
};
void rt_sim_fault(struct rt_world *world, const struct rt_address *listener, enum rt_sim_fault f);
/* Resets every open connection to this listener: what is on the way is lost, both ends see
 * -ECONNRESET. `deliver_pending` first hands over what was already on the way to the listener's
 * side: the request arrives, the answer does not. Returns how many were cut. */
unsigned rt_sim_cut(struct rt_world *world, const struct rt_address *listener,
                    bool deliver_pending);

/* Called whenever bytes (or the end of a connection) have arrived at one of its ends: the steps of
 * a run, for plans that fail something at each of them. It may plan (rt_sim_at), and nothing else.
 */
void rt_sim_on_arrival(struct rt_world *world, void (*callback)(void *), void *context);

/* The n-th memory_acquire from now fails (1 = the next); 0 turns it off. */
void rt_sim_fail_memory(struct rt_world *world, uint64_t nth);
uint64_t rt_sim_memory_count(struct rt_world *world);
/* Actors of this kind (by name, kept) always get memory, and are not counted: test doubles that
 * live in the same world as what is tested. */
void rt_sim_spare_memory(struct rt_world *world, const char *kind);
/* Jumps the wall clock. */
void rt_sim_wall_jump(struct rt_world *world, int64_t by_ms);

/* Trace: a line an event when `out` is not NULL, and a running hash always. */
void rt_sim_trace(struct rt_world *world, FILE *out);
uint64_t rt_sim_trace_hash(struct rt_world *world);
uint64_t rt_sim_events(struct rt_world *world);
/* A seeded draw in [0, n) that is part of the trace: for workloads and fault plans. */
uint64_t rt_sim_choose(struct rt_world *world, uint64_t n);

#endif
