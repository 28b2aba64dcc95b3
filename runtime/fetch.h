/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking for memory before it is needed. What another core wrote last takes as long to come as two
 * hundred instructions; asked for one after the other, as lists are walked, all those waits add up.
 * Asked for some steps ahead they pass together. Any address will do: nothing is read or written.
 */
#ifndef RT_FETCH_H
#define RT_FETCH_H

#include <stddef.h>
#include <stdint.h>

enum { RT_LINE_BYTES = 64, RT_AHEAD_BYTES = 1024 };

static inline void rt_fetch(const void *what) {
    __builtin_prefetch(what);
}
/* All lines of it. */
static inline void rt_fetch_all(const void *what, size_t bytes) {
    uintptr_t at = (uintptr_t)what & ~(uintptr_t)(RT_LINE_BYTES - 1);
    for (; at < (uintptr_t)what + bytes; at += RT_LINE_BYTES) {
        __builtin_prefetch((const void *)at);
    }
}
/* What is read from beginning to end: two lines some way ahead of `at`. */
static inline void rt_fetch_ahead(const uint8_t *at, const uint8_t *end) {
    if (at + RT_AHEAD_BYTES < end) {
        __builtin_prefetch(at + RT_AHEAD_BYTES);
        __builtin_prefetch(at + RT_AHEAD_BYTES + RT_LINE_BYTES);
    }
}

#endif
