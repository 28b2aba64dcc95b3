/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ctrl-C, counted. The handler runs on the main thread (the library's threads block all signals),
 * at any instruction, so it only counts and writes one byte to a pipe that wakes a poll().
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cli/cli.h"

static atomic_int seen;
static int pipe_ends[2] = {-1, -1};

static void count_interrupt(int number) {
    (void)number;
    int saved = errno;
    atomic_fetch_add(&seen, 1);
    ssize_t written = write(pipe_ends[1], "", 1); /* full: it is readable already */
    (void)written;
    errno = saved;
}

bool interrupts_catch(void) {
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        perror("sluice: pipe");
        return false;
    }
    struct sigaction action = {.sa_handler = count_interrupt};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return true;
}

int interrupts_seen(void) {
    return atomic_load(&seen);
}

int interrupts_descriptor(void) {
    return pipe_ends[0];
}
