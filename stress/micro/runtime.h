/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Microbenchmarks of the runtime by itself: what each prepares, lets run, and counts. caf.cpp does
 * the same through CAF, name by name.
 */
#ifndef STRESS_MICRO_RUNTIME_H
#define STRESS_MICRO_RUNTIME_H

#include <stdint.h>
#include <stdlib.h>

#include "runtime/lane.h"
#include "runtime/world.h"

/* Runs one benchmark in a fresh world; answers how many messages (or hops, or actors) it took. */
typedef uint64_t bench_run(struct rt_world *world, uint64_t messages);

bench_run bench_fan_in;
bench_run bench_fan_in_once;
bench_run bench_fan_in_rings;
bench_run bench_runs;
bench_run bench_threads_to_actor;
bench_run bench_ping_pong;
bench_run bench_pipeline;
bench_run bench_pipeline_once;
bench_run bench_pipeline_rings;
bench_run bench_crowd;
bench_run bench_start_end;
bench_run bench_idle;

/* All is prepared: the clocks count from here until bench_await returns, or until bench_stop. */
void bench_start(struct rt_world *world);
void bench_stop(struct rt_world *world);
/* Actors call it when the benchmark is over; bench_await returns then. */
void bench_done(struct rt_world *world);
void bench_await(struct rt_world *world);
/* Waits until all actors of the world have gone. */
void bench_await_gone(struct rt_world *world);
/* Zeroed; ends the program when there is none. */
void *bench_memory(size_t size);

#endif
