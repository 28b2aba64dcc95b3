/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated world: created, destroyed, and its table. See sim_internal.h for the parts. */
#include <stdlib.h>

#include "runtime/sim_internal.h"

static uint64_t sim_now_ns(struct rt_world *world) {
    return sim_of(world)->now_ns;
}

static int64_t sim_wall_ms(struct rt_world *world) {
    const struct sim *sim = sim_of(world);
    return sim->options.wall_start_ms + (int64_t)(sim->now_ns / 1000000u) + sim->wall_jumped_ms;
}

static uint64_t sim_random(struct rt_world *world) {
    struct sim *sim = sim_of(world);
    uint64_t value = sim_random_next(&sim->actors);
    sim_note(sim, SIM_NOTE_RANDOM, sim->running, value, 0, 0);
    return value;
}

static int sim_signal_descriptor(struct rt_world *world) {
    (void)world;
    return -1;
}

static void sim_signal_set(struct rt_world *world, bool raised) {
    (void)world;
    (void)raised;
}

static void sim_user_code(struct rt_world *world, bool inside) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running != NULL); /* on a worker */
    RT_ASSERT(sim->user_code != inside);
    sim->user_code = inside;
}

static void free_events(struct sim *sim) {
    while (sim->queue.count > 0) { /* of calls, timers and late submits that never came */
        struct sim_event *event = sim->queue.entries[0].event;
        sim_queue_remove(&sim->queue, event);
        sim_event_release(sim, event);
    }
    while (sim->free_events != NULL) {
        struct sim_event *event = sim->free_events;
        sim->free_events = event->next_free;
        free(event);
    }
}

static void sim_destroy(struct rt_world *world) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == NULL && sim->stack == NULL);
    if (sim->waiters != NULL) {
        fprintf(stderr, "deadlock: an application thread waits at the end of the world\n");
        sim_print_state(sim);
    }
    RT_ASSERT(sim->waiters == NULL);
    sim_finish_grace(sim);
    if (atomic_load(&world->actors_started) != atomic_load(&world->actors_gone)) {
        sim_print_state(sim);
    }
    RT_ASSERT(atomic_load(&world->actors_started) == atomic_load(&world->actors_gone));
    sim_net_deinit(sim);
    sim_stacks_deinit(sim);
    sim_names_deinit(sim);
    sim_memory_deinit(sim);
    free_events(sim);
    sim_queue_deinit(&sim->queue);
    free(sim->ready.list);
    free(sim->ready_jobs.list);
    free(sim->known.list);
    free(sim);
}

static const struct rt_world_ops sim_ops = {
    .now_ns = sim_now_ns,
    .wall_ms = sim_wall_ms,
    .random = sim_random,
    .memory_acquire = sim_memory_acquire,
    .memory_release = sim_memory_release,
    .span_acquire = sim_span_acquire,
    .span_release = sim_span_release,
    .block_take = sim_block_take,
    .block_give = sim_block_give,
    .submit = sim_submit,
    .timer_arm = sim_timer_arm,
    .timer_cancel = sim_timer_cancel,
    .socket_connect = sim_socket_connect,
    .socket_connected = sim_socket_connected,
    .socket_listen = sim_socket_listen,
    .socket_accept = sim_socket_accept,
    .socket_read = sim_socket_read,
    .socket_write = sim_socket_write,
    .socket_close = sim_socket_close,
    .socket_part = sim_socket_part,
    .socket_join = sim_socket_join,
    .lookup_start = sim_lookup_start,
    .lookup_finish = sim_lookup_finish,
    .lookup_abandon = sim_lookup_abandon,
    .retire = sim_retire,
    .wait = sim_wait,
    .wake = sim_wake,
    .thread_slot = sim_thread_slot,
    .signal_descriptor = sim_signal_descriptor,
    .signal_set = sim_signal_set,
    .user_code = sim_user_code,
    .count = sim_count,
    .destroy = sim_destroy,
};

enum { STREAM_CHANCE = 1, STREAM_WORKLOAD = 2, STREAM_ACTORS = 3 };

struct rt_world *rt_sim_create(const struct rt_sim_options *options) {
    RT_ASSERT(options->delay_min_ns <= options->delay_max_ns);
    struct sim *sim = sim_allocate(sizeof(*sim));
    sim->world.ops = &sim_ops;
    sim->world.workers = SIM_WORKERS;
    sim->world.fork_generation = atomic_load_explicit(&rt_fork_generation, memory_order_relaxed);
    sim->options = *options;
    if (sim->options.socket_buffer_bytes == 0) {
        sim->options.socket_buffer_bytes = 64 * 1024;
    }
    if (sim->options.budget_max == 0) {
        sim->options.budget_max = 64;
    }
    sim_random_seed(&sim->chance, options->seed, STREAM_CHANCE);
    sim_random_seed(&sim->workload, options->seed, STREAM_WORKLOAD);
    sim_random_seed(&sim->actors, options->seed, STREAM_ACTORS);
    return &sim->world;
}

void rt_sim_wall_jump(struct rt_world *world, int64_t by_ms) {
    struct sim *sim = sim_of(world);
    sim_note(sim, SIM_NOTE_WALL, NULL, (uint64_t)by_ms, 0, 0);
    sim->wall_jumped_ms += by_ms;
}

uint64_t rt_sim_choose(struct rt_world *world, uint64_t n) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(n > 0);
    uint64_t value = sim_random_below(&sim->workload, n);
    sim_note(sim, SIM_NOTE_CHOOSE, NULL, value, n, 0);
    return value;
}
