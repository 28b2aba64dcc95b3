/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sums are polynomials over GF(2), lowest power in the highest bit, as the checksum has them. */
#include "protocol/crc32c.h"

#include <isa-l/crc.h>
#include <limits.h>

static const uint32_t polynomial = 0x82F63B78; /* without its highest power */
static const uint32_t one = 0x80000000;        /* x to the 0 */

uint32_t kafka_crc32c(uint32_t crc, const void *data, size_t size) {
    /* ISA-L leaves both inversions to the caller, counts in int, and does not write. */
    unsigned char *at = (unsigned char *)(uintptr_t)data;
    uint32_t state = ~crc;
    while (size > 0) {
        int part = size > INT_MAX ? INT_MAX : (int)size;
        state = crc32_iscsi(at, part, state);
        at += part;
        size -= (size_t)part;
    }
    return ~state;
}

static uint32_t multiply(uint32_t left, uint32_t right) {
    uint32_t product = 0;
    for (uint32_t bit = one; bit != 0; bit >>= 1) {
        product ^= right & (0 - (uint32_t)((left & bit) != 0));
        right = (right >> 1) ^ (polynomial & (0 - (right & 1)));
    }
    return product;
}

/* x to the power of 8 * 2^i. They come around: squared once more, the last is the first. */
static const uint32_t byte_powers[31] = {
    0x00800000, 0x00008000, 0x82F63B78, 0x6EA2D55C, 0x18B8EA18, 0x510AC59A, 0xB82BE955, 0xB8FDB1E7,
    0x88E56F72, 0x74C360A4, 0xE4172B16, 0x0D65762A, 0x35D73A62, 0x28461564, 0xBF455269, 0xE2EA32DC,
    0xFE7740E6, 0xF946610B, 0x3C204F8F, 0x538586E3, 0x59726915, 0x734D5309, 0xBC1AC763, 0x7D0722CC,
    0xD289CABE, 0xE94CA9BC, 0x05B74F3F, 0xA51E1F42, 0x40000000, 0x20000000, 0x08000000,
};

uint32_t kafka_crc32c_shift(size_t size) {
    uint32_t shift = one;
    for (unsigned i = 0; size > 0; size >>= 1, i = (i + 1) % 31) {
        if (size & 1) {
            shift = multiply(shift, byte_powers[i]);
        }
    }
    return shift;
}

uint32_t kafka_crc32c_join(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b) {
    return multiply(shift_b, crc_a) ^ crc_b;
}
