/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The threaded executor: its table, how it starts, how it stops. */
#include "runtime/threads.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/assert.h"
#include "runtime/threads_internal.h"

enum { WORKERS_DEFAULT_MAX = 4 };

static void destroy(struct rt_world *world);

static const struct rt_world_ops threads_ops = {
    .now_ns = system_now_ns,
    .wall_ms = system_wall_ms,
    .random = system_random,
    .memory_acquire = system_acquire,
    .memory_release = system_release,
    .span_acquire = system_span_acquire,
    .span_release = system_span_release,
    .submit = worker_submit,
    .timer_arm = timers_arm,
    .timer_cancel = timers_cancel,
    .socket_connect = sockets_connect,
    .socket_connected = sockets_connected,
    .socket_listen = sockets_listen,
    .socket_accept = sockets_accept,
    .socket_read = sockets_read,
    .socket_write = sockets_write,
    .socket_close = sockets_close,
    .socket_part = sockets_part,
    .socket_join = sockets_join,
    .lookup_start = lookups_start,
    .lookup_finish = lookups_finish,
    .lookup_abandon = lookups_abandon,
    .retire = reclaim_retire,
    .wait = system_wait,
    .wake = system_wake,
    .thread_slot = thread_slots_own,
    .thread_slots_clear = thread_slots_clear,
    .signal_descriptor = system_signal_descriptor,
    .signal_set = system_signal_set,
    .user_code = worker_user_code,
    .fence_everywhere = system_fence_everywhere,
    .count = worker_count,
    .destroy = destroy,
};

static void *zeroed(size_t size) {
    size_t rounded = (size + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    void *memory = aligned_alloc(CACHE_LINE_BYTES, rounded);
    if (memory != NULL) {
        memset(memory, 0, rounded);
    }
    return memory;
}

static unsigned default_workers(void) {
    cpu_set_t cores;
    unsigned count = 1;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) {
        count = (unsigned)CPU_COUNT(&cores);
    }
    return count < WORKERS_DEFAULT_MAX ? count : WORKERS_DEFAULT_MAX;
}

/* Everything that has no thread yet. 0 or errno. */
static int set_up(struct threads *threads, const struct rt_threads_options *options) {
    threads->world.ops = &threads_ops;
    unsigned workers = options->workers != 0 ? options->workers : default_workers();
    workers = workers < WORKERS_MAX ? workers : WORKERS_MAX;
    (void)snprintf(threads->name, sizeof threads->name, "%.10s",
                   options->name != NULL ? options->name : "rt");
    threads->world.fork_generation = system_fork_generation();
    threads->wall_clock = system_wall_clock();
    threads->world.cheap_fences = system_can_fence_everywhere();
    atomic_init(&threads->random, system_seed());
    atomic_init(&threads->signal.descriptor, -1);
    runq_shared_init(&threads->actors);
    runq_shared_init(&threads->jobs);
    timers_init(&threads->timers, system_now_ns(&threads->world));
    threads->lookups = lookups_create(threads->name);
    threads->slots = thread_slots_create(&threads->world, options);
    threads->workers = zeroed(workers * sizeof *threads->workers);
    if (threads->lookups == NULL || threads->slots == NULL || threads->workers == NULL) {
        return ENOMEM;
    }
    for (unsigned i = 0; i < workers; i++) {
        threads->workers[i].threads = threads;
        threads->workers[i].index = i;
        runq_ring_init(&threads->workers[i].ring);
    }
    threads->world.workers = workers;
    return poller_init(&threads->poller);
}

/* What set_up made, as far as it came. */
static void tear_down(struct threads *threads) {
    int descriptor = atomic_load(&threads->signal.descriptor);
    if (descriptor >= 0) {
        close(descriptor);
    }
    poller_deinit(&threads->poller);
    lookups_destroy(threads->lookups);
    thread_slots_destroy(threads->slots);
    free(threads->workers);
    free(threads);
}

static void stop_workers(struct threads *threads, unsigned count) {
    atomic_store(&threads->stopping, true);
    park_wake_all(threads);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads->workers[i].thread, NULL);
    }
}

/* 0 or errno; then no thread is left. */
static int start(struct threads *threads) {
    int error = reclaim_start(threads);
    if (error != 0) {
        return error;
    }
    for (unsigned i = 0; i < threads->world.workers; i++) {
        struct worker *worker = &threads->workers[i];
        char suffix[4];
        (void)snprintf(suffix, sizeof suffix, "w%u", i % WORKERS_MAX);
        error = system_thread_start(&worker->thread, worker_main, worker, threads->name, suffix);
        if (error != 0) {
            stop_workers(threads, i);
            reclaim_stop(threads);
            return error;
        }
    }
    return 0;
}

struct rt_world *rt_threads_create(const struct rt_threads_options *options, int *error) {
    struct threads *threads = zeroed(sizeof *threads);
    if (threads == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    threads->poller.epoll = -1;
    threads->poller.wake = -1;
    *error = set_up(threads, options);
    bool begins = system_world_begins();
    if (*error == 0) {
        *error = begins ? start(threads) : ECHILD;
    }
    if (*error != 0) {
        system_world_ended();
    }
    if (*error != 0) {
        tear_down(threads);
        return NULL;
    }
    return &threads->world;
}

/* Workers first run what is queued, and go on while what ended is being finished. */
static void destroy(struct rt_world *world) {
    struct threads *threads = threads_of(world);
    RT_ASSERT(!rt_forked(world));
    stop_workers(threads, world->workers);
    reclaim_stop(threads);
    system_world_ended();
    RT_ASSERT(atomic_load(&world->actors_started) == atomic_load(&world->actors_gone));
    tear_down(threads);
}
