/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of names and values, whatever the program's locale is. Private to config/. */
#ifndef ACTORS_CONFIG_ASCII_H
#define ACTORS_CONFIG_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline bool ascii_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}
static inline bool ascii_digit(char byte) {
    return byte >= '0' && byte <= '9';
}
static inline char ascii_lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}
static inline bool ascii_letter(char byte) {
    char lower = ascii_lower(byte);
    return lower >= 'a' && lower <= 'z';
}

/* Bytes within a longer text; not NUL-terminated. */
struct span {
    const char *data;
    size_t size;
};

static inline struct span span_trim(struct span span) {
    while (span.size > 0 && ascii_space(span.data[0])) {
        span.data++;
        span.size--;
    }
    while (span.size > 0 && ascii_space(span.data[span.size - 1])) {
        span.size--;
    }
    return span;
}

/* Upper and lower case are the same. */
static inline bool span_equal(struct span left, struct span right) {
    bool equal = left.size == right.size;
    for (size_t i = 0; equal && i < left.size; i++) {
        equal = ascii_lower(left.data[i]) == ascii_lower(right.data[i]);
    }
    return equal;
}

/* The next word up to `separator`, taken off `rest`; false at the end. */
static inline bool span_next(struct span *rest, char separator, struct span *word) {
    if (rest->size == 0) {
        return false;
    }
    size_t size = 0;
    while (size < rest->size && rest->data[size] != separator) {
        size++;
    }
    *word = (struct span){rest->data, size};
    size += size < rest->size ? 1 : 0;
    *rest = (struct span){rest->data + size, rest->size - size};
    return true;
}

#endif
