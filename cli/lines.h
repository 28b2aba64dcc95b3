/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of a descriptor, in constant memory: a buffer as large as the longest line that is allowed.
 *
 *   loop: line_next() until LINE_NONE, then lines_fill()
 *
 * Lines are what stands between newlines, byte for byte; the last one needs no newline. A line
 * stays where it is in the buffer until the next lines_fill.
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
    char *buffer;
    size_t capacity;
    size_t start, scanned, end; /* of what was not handed out: start <= scanned <= end */
    size_t line_bytes_max;      /* longer lines are skipped */
    int descriptor;
    bool skipping; /* inside a line that is too long */
    bool ended;    /* no more input */
};

struct line {
    const char *data;
    size_t size;
};

enum line_result {
    LINE_READ,
    LINE_TOO_LONG, /* one was skipped */
    LINE_NONE      /* fill first; at the end of the input: that was all */
};

enum fill_result {
    FILL_READ,  /* look for lines; also after the end of the input */
    FILL_AGAIN, /* nothing was read: the time was up or another descriptor is readable */
    FILL_FAILED /* errno says why */
};

/* False when memory is short. */
bool lines_open(struct lines *lines, size_t line_bytes_max);
void lines_close(struct lines *lines);
/* From now on this descriptor, from its current position. */
void lines_start(struct lines *lines, int descriptor);

enum line_result line_next(struct lines *lines, struct line *line);
/* Waits up to `timeout_ms` for input, or until one of two other descriptors (-1: none) is
 * readable. */
enum fill_result lines_fill(struct lines *lines, int other, int another, int timeout_ms);

#endif
