/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clock, memory, randomness, sleeping on a word, the signal descriptor, fork, threads. */
#include "runtime/threads_internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/assert.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { NS_PER_S = 1000000000, NS_PER_MS = 1000000, MS_PER_S = 1000 };

/* ---- clock, memory, randomness --------------------------------------------------------------- */

uint64_t system_now_ns(struct rt_world *world) {
    (void)world;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

enum { WALL_OLD_NS_MAX = 4000000 };

/* The coarse clock stands still between two ticks of the kernel, 1 to 10 ms. */
int system_wall_clock(void) {
    struct timespec tick;
    bool is_fine = clock_getres(CLOCK_REALTIME_COARSE, &tick) == 0 && tick.tv_sec == 0 &&
                   tick.tv_nsec <= WALL_OLD_NS_MAX;
    return is_fine ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME;
}

int64_t system_wall_ms(struct rt_world *world) {
    struct timespec now;
    (void)clock_gettime(threads_of(world)->wall_clock, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

void *system_acquire(struct rt_world *world, size_t size) {
    _Static_assert(_Alignof(max_align_t) >= 16, "malloc aligns to 16");
    void *memory = malloc(size);
    if (memory != NULL) {
        atomic_fetch_add_explicit(&world->memory_used, size, memory_order_relaxed);
    }
    return memory;
}

void system_release(struct rt_world *world, void *memory, size_t size) {
    free(memory);
    uint64_t before = atomic_fetch_sub_explicit(&world->memory_used, size, memory_order_relaxed);
    RT_ASSERT(before >= size);
}

/* More is mapped than is asked for, so that an aligned part is in it. What is written to soon is
 * populated at once, where the kernel can (5.14): a page fault costs more than a page. */
void *system_span_acquire(struct rt_world *world, size_t size, bool soon) {
    size_t most = size + RT_SPAN_BYTES;
    char *mapped = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    size_t before = (RT_SPAN_BYTES - (uintptr_t)mapped % RT_SPAN_BYTES) % RT_SPAN_BYTES;
    if (before > 0) {
        (void)munmap(mapped, before);
    }
    (void)munmap(mapped + before + size, most - before - size);
    if (soon) {
        (void)madvise(mapped + before, size, MADV_POPULATE_WRITE);
    }
    atomic_fetch_add_explicit(&world->memory_used, size, memory_order_relaxed);
    return mapped + before;
}

void system_span_release(struct rt_world *world, void *memory, size_t size) {
    (void)munmap(memory, size);
    uint64_t before = atomic_fetch_sub_explicit(&world->memory_used, size, memory_order_relaxed);
    RT_ASSERT(before >= size);
}

uint64_t system_seed(void) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        seed = system_now_ns(NULL) ^ (uint64_t)getpid() << 32; /* early at boot */
    }
    return seed;
}

/* SplitMix64 (Steele, Lea, Flood 2014): the state is a counter, so threads share it by one add. */
uint64_t system_random(struct rt_world *world) {
    uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z =
        atomic_fetch_add_explicit(&threads_of(world)->random, step, memory_order_relaxed) + step;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- sleeping on a word ---------------------------------------------------------------------- */

static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *deadline) {
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, deadline, NULL,
                   FUTEX_BITSET_MATCH_ANY);
}

bool system_wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen,
                 uint64_t deadline_ns) {
    struct threads *threads = threads_of(world);
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_S),
        .tv_nsec = (long)(deadline_ns % NS_PER_S),
    };
    /* The bitset form takes an absolute time of CLOCK_MONOTONIC. */
    atomic_fetch_add(&threads->waiting, 1); /* before the kernel looks at *word; pairs: wake */
    long result =
        futex(word, FUTEX_WAIT_BITSET, seen, deadline_ns == RT_FOREVER ? NULL : &deadline);
    bool in_time = result == 0 || errno != ETIMEDOUT;
    atomic_fetch_sub_explicit(&threads->waiting, 1, memory_order_relaxed);
    return in_time;
}

/* The caller has changed *word, in any order it likes: the fence puts that before the look. Who is
 * not seen waiting has yet to look at *word, and finds it changed. */
void system_wake(struct rt_world *world, _Atomic uint32_t *word, uint32_t most) {
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&threads_of(world)->waiting, memory_order_relaxed) != 0) {
        (void)futex(word, FUTEX_WAKE, most, NULL);
    }
}

void system_sleep(_Atomic uint32_t *word, uint32_t seen) {
    (void)futex(word, FUTEX_WAIT_BITSET, seen, NULL);
}

void system_wake_one(_Atomic uint32_t *word) {
    (void)futex(word, FUTEX_WAKE, 1, NULL);
}

/* ---- fences ---------------------------------------------------------------------------------- */

static long membarrier(int command) {
    return syscall(SYS_membarrier, command, 0, 0);
}

bool system_can_fence_everywhere(void) {
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

/* Registered, it does not fail. */
void system_fence_everywhere(struct rt_world *world) {
    (void)world;
    long result = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    RT_ASSERT(result == 0);
}

/* ---- the signal descriptor ------------------------------------------------------------------- */

void system_raise(int descriptor) {
    uint64_t one = 1;
    ssize_t written;
    do {
        written = write(descriptor, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    RT_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN); /* full: it is up */
}

int system_signal_descriptor(struct rt_world *world) {
    struct signal_line *line = &threads_of(world)->signal;
    int descriptor = atomic_load(&line->descriptor);
    if (descriptor >= 0) {
        return descriptor;
    }
    int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made < 0) {
        return -1;
    }
    if (!atomic_compare_exchange_strong(&line->descriptor, &descriptor, made)) {
        close(made);
        return descriptor; /* another thread was faster */
    }
    if (atomic_load(&line->raised)) { /* while there was none; once too often does no harm */
        system_raise(made);
    }
    return made;
}

static void raise_line(struct signal_line *line) {
    if (!atomic_exchange(&line->raised, true)) {
        int descriptor = atomic_load(&line->descriptor);
        if (descriptor >= 0) {
            system_raise(descriptor);
        }
    }
}

/* Takes it down before the flag: who raises in between leaves it to us to look again, as the caller
 * does after clearing. The other way round a raise could be lost for good. */
static void clear_line(struct signal_line *line) {
    uint64_t count;
    int descriptor = atomic_load(&line->descriptor);
    ssize_t got = -1;
    do {
        got = descriptor < 0 ? 0 : read(descriptor, &count, sizeof count);
    } while (got < 0 && errno == EINTR);
    RT_ASSERT(got >= 0 || errno == EAGAIN);
    atomic_store(&line->raised, false);
}

void system_signal_set(struct rt_world *world, bool raised) {
    struct signal_line *line = &threads_of(world)->signal;
    if (raised) {
        raise_line(line);
    } else {
        clear_line(line);
    }
}

/* ---- fork ------------------------------------------------------------------------------------ */

_Atomic uint32_t rt_fork_generation; /* process-wide by nature */
/* Each library that has this code has a copy, but all share liburcu, which knows the threads of
 * each: so this is one for all. The linker takes the first definition that it finds. */
__attribute__((weak, visibility("default"))) struct worlds sluice_worlds;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void in_child(void) {
    atomic_fetch_add_explicit(&rt_fork_generation, 1, memory_order_relaxed);
    if (atomic_load_explicit(&sluice_worlds.living, memory_order_relaxed) != 0) {
        atomic_store_explicit(&sluice_worlds.orphaned, true, memory_order_relaxed);
    }
}

static void watch_forks(void) {
    (void)pthread_atfork(NULL, NULL, in_child);
}

uint32_t system_fork_generation(void) {
    (void)pthread_once(&fork_once, watch_forks);
    return atomic_load_explicit(&rt_fork_generation, memory_order_relaxed);
}

bool system_world_begins(void) {
    atomic_fetch_add_explicit(&sluice_worlds.living, 1, memory_order_relaxed);
    return !atomic_load_explicit(&sluice_worlds.orphaned, memory_order_relaxed);
}

void system_world_ended(void) {
    atomic_fetch_sub_explicit(&sluice_worlds.living, 1, memory_order_relaxed);
}

/* ---- threads --------------------------------------------------------------------------------- */

int system_thread_start(pthread_t *thread, void *(*body)(void *), void *argument, const char *name,
                        const char *suffix) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
    if (error != 0) {
        return error;
    }
    error = pthread_create(thread, NULL, body, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        char full[NAME_BYTES];
        (void)snprintf(full, sizeof full, "%.10s-%.4s", name, suffix);
        (void)pthread_setname_np(*thread, full);
    }
    return error;
}
