/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "stress/perf/payload.h"
#include "tests/test.h"

static struct perf_payload payload_of(bool json, size_t least, size_t most) {
    struct perf_arguments arguments = {
        .json = json, .value_size_min = least, .value_size_max = most};
    struct perf_payload payload;
    perf_payload_create(&payload, &arguments);
    return payload;
}

static unsigned quotes(const struct perf_value *value) {
    unsigned count = 0;
    for (size_t i = 0; i < value->size; i++)
        count += value->bytes[i] == '"';
    return count;
}

Test(perf_payload, json_lines_are_whole_and_of_the_size_that_was_asked_for) {
    struct perf_payload payload = payload_of(true, 100, 2048);
    size_t shortest = SIZE_MAX, longest = 0;
    for (uint64_t i = 0; i <= payload.mask; i++) {
        const struct perf_value *value = perf_payload_value(&payload, i);
        cr_assert(value->bytes[0] == '{' && memcmp(value->bytes + value->size - 2, "\"}", 2) == 0);
        cr_assert_eq(quotes(value) % 2, 0u);
        shortest = value->size < shortest ? value->size : shortest;
        longest = value->size > longest ? value->size : longest;
    }
    cr_assert(shortest >= 100 && shortest < 110 && longest <= 2048 && longest > 2000);
    perf_payload_destroy(&payload);
}

Test(perf_payload, every_program_gets_the_same) {
    struct perf_payload one = payload_of(true, 100, 300), other = payload_of(true, 100, 300);
    for (uint64_t i = 0; i <= one.mask; i++) {
        const struct perf_value *a = perf_payload_value(&one, i);
        const struct perf_value *b = perf_payload_value(&other, i);
        cr_assert(a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0);
    }
    perf_payload_destroy(&one);
    perf_payload_destroy(&other);
}

Test(perf_payload, all_values_are_the_alphabet_otherwise) {
    struct perf_payload payload = payload_of(false, 30, 30);
    const struct perf_value *value = perf_payload_value(&payload, 12345);
    cr_assert_eq(value->size, 30u);
    cr_assert_eq(memcmp(value->bytes, "abcdefghijklmnopqrstuvwxyzabcd", 30), 0);
    perf_payload_destroy(&payload);
}
