/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/crc32c.h"
#include "protocol/crc32c_join.h"
#include "test.h"

#include <limits.h>
#include <sys/mman.h>

#include "tests/protocol/vectors.h"

/* RFC 3720, B.4, and the customary check value. */
Test(crc32c, matches_the_published_values) {
    uint8_t zeros[32] = {0}, ones[32], rising[32];
    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < sizeof rising; i++) {
        rising[i] = i;
    }
    cr_assert_eq(kafka_crc32c(0, "123456789", 9), 0xE3069283u);
    cr_assert_eq(kafka_crc32c(0, zeros, sizeof zeros), 0x8A9136AAu);
    cr_assert_eq(kafka_crc32c(0, ones, sizeof ones), 0x62A8AB43u);
    cr_assert_eq(kafka_crc32c(0, rising, sizeof rising), 0x46DD794Eu);
    cr_assert_eq(kafka_crc32c(0, NULL, 0), 0);
}

static uint32_t bit_by_bit(const uint8_t *data, size_t size) {
    uint32_t state = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            state = (state >> 1) ^ ((state & 1) ? 0x82F63B78u : 0);
        }
    }
    return ~state;
}

Test(crc32c, goes_on_over_slices_and_joins_sums_of_any_size) {
    enum { SIZE = 5000 };
    uint8_t *data = malloc(SIZE);
    vector_pattern(data, 5, SIZE);
    uint32_t whole = bit_by_bit(data, SIZE);
    for (size_t cut = 0; cut <= SIZE; cut += 41) {
        uint32_t first = kafka_crc32c(0, data, cut);
        uint32_t second = kafka_crc32c(0, data + cut, SIZE - cut);
        cr_assert_eq(kafka_crc32c(first, data + cut, SIZE - cut), whole);
        cr_assert_eq(kafka_crc32c_join(first, second, kafka_crc32c_shift(SIZE - cut)), whole);
        cr_assert_eq(kafka_crc32c_join_plain(first, second, kafka_crc32c_shift_plain(SIZE - cut)),
                     whole);
    }
    free(data);
}

/* Shifts add up, also where the table of powers comes around. */
Test(crc32c, shifts_of_huge_sizes_agree_with_their_parts) {
    const size_t sizes[] = {1, 7, 4096, 123456789, (size_t)1 << 31, ((size_t)1 << 40) + 17};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t half = kafka_crc32c_shift(sizes[i]);
        cr_assert_eq(kafka_crc32c_join(half, 0, half), kafka_crc32c_shift(2 * sizes[i]));
        half = kafka_crc32c_shift_plain(sizes[i]);
        cr_assert_eq(kafka_crc32c_join_plain(half, 0, half),
                     kafka_crc32c_shift_plain(2 * sizes[i]));
    }
}

/* ISA-L counts in int. */
Test(crc32c, sums_more_than_two_gigabytes_at_once) {
    const size_t size = (size_t)INT_MAX + 4099;
    void *zeros = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq(zeros, MAP_FAILED);
    uint32_t first = kafka_crc32c(0, zeros, size / 2);
    uint32_t second = kafka_crc32c(0, zeros, size - size / 2);
    uint32_t joined = kafka_crc32c_join(first, second, kafka_crc32c_shift(size - size / 2));
    cr_assert_eq(kafka_crc32c(0, zeros, size), joined);
    munmap(zeros, size);
}
