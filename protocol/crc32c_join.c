/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining sums: once for each batch, when it is sealed, and once when it is stamped.
 *
 * Sums are polynomials over GF(2), lowest power in the highest bit, as the checksum has them. The
 * sum of A followed by n bytes of B is that of A times x^(8n), the shift, plus that of B. x^(8n) is
 * a product of x^(8 * 2^i), one for each bit of n.
 */
#include "protocol/crc32c_join.h"

#include <stdbool.h>

#include "protocol/crc32c.h"

static const uint32_t polynomial = 0x82F63B78; /* without its highest power */
static const uint32_t one = 0x80000000;        /* x to the 0 */

/* x to the power of 8 * 2^i. They come around: squared once more, the last is the first. */
enum { POWERS = 31 };
static const uint32_t powers[POWERS] = {
    0x00800000, 0x00008000, 0x82F63B78, 0x6EA2D55C, 0x18B8EA18, 0x510AC59A, 0xB82BE955, 0xB8FDB1E7,
    0x88E56F72, 0x74C360A4, 0xE4172B16, 0x0D65762A, 0x35D73A62, 0x28461564, 0xBF455269, 0xE2EA32DC,
    0xFE7740E6, 0xF946610B, 0x3C204F8F, 0x538586E3, 0x59726915, 0x734D5309, 0xBC1AC763, 0x7D0722CC,
    0xD289CABE, 0xE94CA9BC, 0x05B74F3F, 0xA51E1F42, 0x40000000, 0x20000000, 0x08000000,
};

static uint32_t multiply(uint32_t left, uint32_t right) {
    uint32_t product = 0;
    for (uint32_t bit = one; bit != 0; bit >>= 1) {
        product ^= right & (0 - (uint32_t)((left & bit) != 0));
        right = (right >> 1) ^ (polynomial & (0 - (right & 1)));
    }
    return product;
}

uint32_t kafka_crc32c_shift_plain(size_t size) {
    uint32_t shift = one;
    for (unsigned i = 0; size > 0; size >>= 1, i = (i + 1) % POWERS) {
        if (size & 1) {
            shift = multiply(shift, powers[i]);
        }
    }
    return shift;
}

uint32_t kafka_crc32c_join_plain(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b) {
    return multiply(shift_b, crc_a) ^ crc_b;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,sse4.2")))

/* A carry-less product, reduced by the checksum instruction, which multiplies by x^32 as well. So
 * shifts of this kind lack an x^32: the first factor and each power does. */
static const uint32_t short_one = 0xD610D67E; /* x to the -32 */
static const uint32_t short_powers[POWERS] = {
    0xDD36FBFC, 0xBEF0965E, 0x80000000, 0x82F63B78, 0xA66805EB, 0x5D27E147, 0x4F256EFC, 0x069DB049,
    0x5CF015C3, 0x6EBF1D86, 0x0B803B7D, 0xD07B8BE2, 0xC38A7543, 0x2A543193, 0x0EE201E6, 0xAF85BAAD,
    0x62809D1B, 0xD4E35816, 0xCF5531AC, 0xB6B0B548, 0x7B578A73, 0x5B7FF1C3, 0xD97D9A55, 0x23C58698,
    0xA8900A0A, 0x3D908177, 0xC7BAED8F, 0xD15D7D3F, 0x6B086B3F, 0xB7720EE7, 0xEE51A57D,
};

TARGET static inline uint32_t multiply_fast(uint32_t left, uint32_t right) {
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)left), _mm_cvtsi32_si128((int)right), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product) << 1);
}

TARGET static uint32_t shift_fast(size_t size) {
    uint32_t shift = short_one;
    for (unsigned i = 0; size > 0; size >>= 1, i = (i + 1) % POWERS) {
        if (size & 1) {
            shift = multiply_fast(shift, short_powers[i]);
        }
    }
    return shift;
}

TARGET static uint32_t join_fast(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b) {
    return multiply_fast(shift_b, crc_a) ^ crc_b;
}

static bool is_fast(void) {
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2");
}

uint32_t kafka_crc32c_shift(size_t size) {
    return is_fast() ? shift_fast(size) : kafka_crc32c_shift_plain(size);
}

uint32_t kafka_crc32c_join(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b) {
    return is_fast() ? join_fast(crc_a, crc_b, shift_b)
                     : kafka_crc32c_join_plain(crc_a, crc_b, shift_b);
}

#else

uint32_t kafka_crc32c_shift(size_t size) {
    return kafka_crc32c_shift_plain(size);
}

uint32_t kafka_crc32c_join(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b) {
    return kafka_crc32c_join_plain(crc_a, crc_b, shift_b);
}

#endif
