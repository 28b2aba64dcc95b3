/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the fuzz targets share. A target is one function that takes bytes and may do anything but
 * crash, leak, hang, or contradict what it compares with. libFuzzer calls it in the preset `fuzz`;
 * elsewhere replay.c calls it with the files of its corpus.
 */
#ifndef STRESS_FUZZ_FUZZ_H
#define STRESS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a list of choices: each takes bytes off the front, and is zero when none is left. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input) {
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}
/* `size` bytes, at most 8, first byte highest. */
static inline uint64_t fuzz_number(struct fuzz_input *input, unsigned size) {
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++) {
        number = number << 8 | fuzz_byte(input);
    }
    return number;
}
/* At most `size` bytes, in memory of just that size, which is the caller's to free: a sanitizer
 * sees one byte too far. */
static inline uint8_t *fuzz_take(struct fuzz_input *input, size_t size, size_t *taken) {
    *taken = size < input->left ? size : input->left;
    uint8_t *copy = malloc(*taken == 0 ? 1 : *taken);
    RT_ASSERT(copy != NULL);
    memcpy(copy, input->at, *taken);
    input->at += *taken;
    input->left -= *taken;
    return copy;
}

#endif
