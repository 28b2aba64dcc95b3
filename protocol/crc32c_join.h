/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joining sums without special instructions, for tests; a shift is only good for its own join. */
#ifndef KAFKA_CRC32C_JOIN_H
#define KAFKA_CRC32C_JOIN_H

#include <stddef.h>
#include <stdint.h>

uint32_t kafka_crc32c_shift_plain(size_t size);
uint32_t kafka_crc32c_join_plain(uint32_t crc_a, uint32_t crc_b, uint32_t shift_b);

#endif
