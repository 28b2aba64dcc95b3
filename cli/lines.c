/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CAPACITY_FIRST = 256 * 1024 };

bool lines_open(struct lines *lines, size_t line_bytes_max) {
    *lines = (struct lines){.descriptor = -1, .line_bytes_max = line_bytes_max, .ended = true};
    lines->capacity = CAPACITY_FIRST;
    lines->buffer = malloc(lines->capacity);
    return lines->buffer != NULL;
}

void lines_close(struct lines *lines) {
    free(lines->buffer);
    lines->buffer = NULL;
}

void lines_start(struct lines *lines, int descriptor) {
    lines->descriptor = descriptor;
    lines->start = lines->scanned = lines->end = 0;
    lines->skipping = lines->ended = false;
}

/* Hands out what lies before `end_of_line`, `separators` bytes of which end the line. */
static enum line_result line_take(struct lines *lines, size_t end_of_line, size_t separators,
                                  struct line *line) {
    *line = (struct line){lines->buffer + lines->start, end_of_line - lines->start};
    lines->start = lines->scanned = end_of_line + separators;
    bool skipped = lines->skipping || line->size > lines->line_bytes_max;
    lines->skipping = false;
    return skipped ? LINE_TOO_LONG : LINE_READ;
}

enum line_result line_next(struct lines *lines, struct line *line) {
    const char *newline = memchr(lines->buffer + lines->scanned, '\n', lines->end - lines->scanned);
    if (newline != NULL) {
        return line_take(lines, (size_t)(newline - lines->buffer), 1, line);
    }
    lines->scanned = lines->end;
    if (lines->end - lines->start > lines->line_bytes_max) {
        lines->skipping = true;
    }
    if (lines->skipping) {
        lines->start = lines->end; /* what was read of it is not needed */
    }
    if (lines->ended && (lines->end > lines->start || lines->skipping)) {
        return line_take(lines, lines->end, 0, line);
    }
    return LINE_NONE;
}

/* Makes room behind `end`; false when memory is short. What waits is part of one line, and no
 * longer than line_bytes_max. */
static bool lines_room(struct lines *lines) {
    size_t waiting = lines->end - lines->start;
    if (waiting == lines->capacity) {
        size_t wanted = lines->capacity * 2;
        wanted = wanted > lines->line_bytes_max ? lines->line_bytes_max + 1 : wanted;
        char *larger = realloc(lines->buffer, wanted);
        if (larger == NULL) {
            return false;
        }
        lines->buffer = larger;
        lines->capacity = wanted;
    } else if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, waiting);
    }
    lines->scanned -= lines->start;
    lines->end = waiting;
    lines->start = 0;
    return true;
}

enum fill_result lines_fill(struct lines *lines, int other, int another, int timeout_ms) {
    struct pollfd ready[] = {{.fd = lines->descriptor, .events = POLLIN},
                             {.fd = other, .events = POLLIN},
                             {.fd = another, .events = POLLIN}};
    int count = poll(ready, sizeof ready / sizeof ready[0], timeout_ms);
    if (count <= 0 || ready[0].revents == 0) {
        return count < 0 && errno != EINTR ? FILL_FAILED : FILL_AGAIN;
    }
    if (!lines_room(lines)) {
        errno = ENOMEM;
        return FILL_FAILED;
    }
    ssize_t size =
        read(lines->descriptor, lines->buffer + lines->end, lines->capacity - lines->end);
    if (size < 0) {
        return errno == EINTR || errno == EAGAIN ? FILL_AGAIN : FILL_FAILED;
    }
    lines->end += (size_t)size;
    lines->ended = size == 0;
    return FILL_READ;
}
