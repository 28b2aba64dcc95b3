/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the lines of tests/vectors. Each vector's bytes have an allocation of just their size, so
 * that a sanitizer sees a read beyond them. */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct vector {
    char name[80];
    uint8_t *data;
    size_t size;
};

/* The vector of that name; its absence fails the test. */
__attribute__((format(printf, 2, 3))) struct vector vector_load(const char *file,
                                                                const char *format, ...);
void vector_free(struct vector *vector);

/* Opens a file of tests/vectors for line by line use. */
FILE *vectors_open(const char *file);
/* The next vector, which the caller frees; false at the end. */
bool vectors_next(FILE *file, struct vector *vector);
/* Allocates the bytes that `hex` says, at most `digits` of it. */
uint8_t *vector_from_hex(const char *hex, size_t digits);

/* The pattern that keys and values follow. */
void vector_pattern(uint8_t *out, int seed, size_t size);

#endif
