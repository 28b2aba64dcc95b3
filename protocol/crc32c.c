/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checksum itself. How sums are joined is in crc32c_join.c. */
#include "protocol/crc32c.h"

#include <isa-l/crc.h>
#include <limits.h>

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
