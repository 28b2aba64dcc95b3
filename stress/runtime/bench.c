/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* runtime_bench [NAME ...]: each benchmark with one and with two workers, median of five runs. */
#include "bench.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/threads.h"

enum { ROUNDS = 5, NS_PER_S = 1000000000, NS_PER_US = 1000 };

static const struct benchmark {
    const char *name;
    const char *unit;
    bench_run *run;
    uint64_t messages;
} benchmarks[] = {
    {"fan-in-spsc", "message, 4 actors to 1", bench_fan_in_spsc, 8000000},
    {"fan-in-unbounded", "message, 4 actors to 1", bench_fan_in_unbounded, 4000000},
    {"fan-in-runs", "message in runs of 64, 4 actors to 1", bench_fan_in_runs, 64000000},
    {"ping-pong", "hop", bench_ping_pong, 4000000},
    {"pipeline", "message, all 4 hops", bench_pipeline, 2000000},
    {"crowd", "message, 100,000 actors, random receivers", bench_crowd, 4000000},
    {"start-end", "actor started and ended", bench_start_end, 1000000},
    {"threads", "message, 4 application threads to 1", bench_threads_to_actor, 4000000},
};

static _Atomic uint32_t done;

void bench_done(struct rt_world *world) {
    atomic_store(&done, 1);
    rt_wake(world, &done);
}

void bench_await(struct rt_world *world) {
    while (atomic_load(&done) == 0) {
        (void)rt_wait(world, &done, 0, RT_FOREVER);
    }
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

static uint64_t cpu_ns(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    uint64_t us = (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S + us * NS_PER_US;
}

struct figures {
    double cpu_ns;
    double wall_ns;
    double wakeups;
};

static struct figures one_round(const struct benchmark *benchmark, unsigned workers) {
    int error = 0;
    struct rt_threads_options options = {.workers = workers, .name = "bench"};
    struct rt_world *world = rt_threads_create(&options, &error);
    if (world == NULL) {
        fprintf(stderr, "no world: %s\n", strerror(error));
        exit(1);
    }
    atomic_store(&done, 0);
    uint64_t cpu_before_ns = cpu_ns();
    uint64_t before_ns = rt_now(world);
    double count = (double)benchmark->run(world, benchmark->messages);
    struct figures figures = {
        .cpu_ns = (double)(cpu_ns() - cpu_before_ns) / count,
        .wall_ns = (double)(rt_now(world) - before_ns) / count,
        .wakeups = (double)atomic_load(&world->wakeups),
    };
    rt_world_destroy(world);
    return figures;
}

static int by_cpu(const void *left, const void *right) {
    double difference =
        ((const struct figures *)left)->cpu_ns - ((const struct figures *)right)->cpu_ns;
    return (difference > 0) - (difference < 0);
}

static void measure(const struct benchmark *benchmark) {
    for (unsigned workers = 2; workers >= 1; workers--) {
        struct figures rounds[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            rounds[i] = one_round(benchmark, workers);
        }
        qsort(rounds, ROUNDS, sizeof *rounds, by_cpu);
        struct figures *median = &rounds[ROUNDS / 2];
        printf("%-17s %u worker%s  cpu %7.1f ns (%.1f to %.1f)  wall %7.1f ns  wake-ups %7.0f"
               "  per %s\n",
               benchmark->name, workers, workers == 1 ? " " : "s", median->cpu_ns, rounds[0].cpu_ns,
               rounds[ROUNDS - 1].cpu_ns, median->wall_ns, median->wakeups, benchmark->unit);
        fflush(stdout);
    }
}

static bool is_wanted(const char *name, int count, char **names) {
    bool wanted = count <= 1;
    for (int i = 1; i < count; i++) {
        wanted = wanted || strcmp(names[i], name) == 0;
    }
    return wanted;
}

int main(int count, char **names) {
    printf("an actor and a lane: %zu bytes\n",
           sizeof(struct rt_actor) + sizeof(struct rt_lane_unbounded));
    for (size_t i = 0; i < sizeof benchmarks / sizeof *benchmarks; i++) {
        if (is_wanted(benchmarks[i].name, count, names)) {
            measure(&benchmarks[i]);
        }
    }
    return 0;
}
