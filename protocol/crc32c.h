/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRC-32C (Castagnoli) at memory speed, over slices, and over pieces whose sums are known. */
#ifndef KAFKA_CRC32C_H
#define KAFKA_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, which is 0 at the start; no further inversion is needed.
 * kafka_crc32c(0, "123456789", 9) is 0xE3069283. */
uint32_t kafka_crc32c(uint32_t crc, const void *data, size_t size);

/* The sum of A followed by B from the sums of both, without their bytes:
 *     kafka_crc32c_join(crc_a, crc_b, kafka_crc32c_shift(size_b))
 * The shift depends on the size only and can be kept. */
uint32_t kafka_crc32c_shift(size_t size);
uint32_t kafka_crc32c_join(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b);

#endif
