/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * micro_runtime NAME WORKERS [DIVISOR]: one benchmark once, in a fresh world. Prints a JSON object:
 * ns of CPU (user and system, the whole process) and of wall time per message, and wake-ups; or
 * bytes. Without arguments: the names.
 */
#include "runtime.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/threads.h"

enum { NS_PER_S = 1000000000, NS_PER_US = 1000 };

static const struct benchmark {
    const char *name;
    bench_run *run;
    uint64_t messages;
} benchmarks[] = {
    {"fan-in", bench_fan_in, 4000000},
    {"fan-in-once", bench_fan_in_once, 4000000},
    {"fan-in-rings", bench_fan_in_rings, 8000000},
    {"ping-pong", bench_ping_pong, 4000000},
    {"pipeline", bench_pipeline, 2000000},
    {"pipeline-once", bench_pipeline_once, 2000000},
    {"pipeline-rings", bench_pipeline_rings, 4000000},
    {"crowd", bench_crowd, 4000000},
    {"start-end", bench_start_end, 1000000},
    {"idle", bench_idle, 200000},
    {"runs", bench_runs, 64000000},
    {"threads", bench_threads_to_actor, 2000000},
};

static _Atomic uint32_t done;
static uint64_t started_cpu_ns, started_ns, spent_cpu_ns, spent_ns;

static uint64_t cpu_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void bench_start(struct rt_world *world) {
    started_ns = rt_now(world);
    started_cpu_ns = cpu_ns();
}

void bench_stop(struct rt_world *world) {
    spent_cpu_ns = cpu_ns() - started_cpu_ns;
    spent_ns = rt_now(world) - started_ns;
}

void bench_done(struct rt_world *world) {
    atomic_store(&done, 1);
    rt_wake(world, &done);
}

void bench_await(struct rt_world *world) {
    while (atomic_load(&done) == 0) {
        (void)rt_wait(world, &done, 0, RT_FOREVER);
    }
    bench_stop(world);
}

void bench_await_gone(struct rt_world *world) {
    _Atomic uint32_t never = 0;
    while (atomic_load(&world->actors_gone) != atomic_load(&world->actors_started)) {
        (void)rt_wait(world, &never, 0, rt_now(world) + 100 * NS_PER_US);
    }
}

void *bench_memory(size_t size) {
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    memset(memory, 0, size);
    return memory;
}

static void measure(const struct benchmark *benchmark, unsigned workers, uint64_t divisor) {
    int error = 0;
    struct rt_threads_options options = {.workers = workers, .name = "micro"};
    struct rt_world *world = rt_threads_create(&options, &error);
    if (world == NULL) {
        fprintf(stderr, "no world: %s\n", strerror(error));
        exit(1);
    }
    if (benchmark->run == bench_idle) {
        printf("{\"bytes\": %llu}\n",
               (unsigned long long)bench_idle(world, benchmark->messages / divisor));
    } else {
        double count = (double)benchmark->run(world, benchmark->messages / divisor);
        printf("{\"cpu_ns\": %.3f, \"wall_ns\": %.3f, \"wakeups\": %llu}\n",
               (double)spent_cpu_ns / count, (double)spent_ns / count,
               (unsigned long long)atomic_load(&world->wakeups));
    }
    rt_world_destroy(world);
}

int main(int count, char **words) {
    for (size_t i = 0; i < sizeof benchmarks / sizeof *benchmarks; i++) {
        if (count < 3) {
            puts(benchmarks[i].name);
        } else if (strcmp(benchmarks[i].name, words[1]) == 0) {
            measure(&benchmarks[i], (unsigned)strtoul(words[2], NULL, 10),
                    count < 4 ? 1 : strtoul(words[3], NULL, 10));
            return 0;
        }
    }
    return count < 3 ? 0 : 2;
}
