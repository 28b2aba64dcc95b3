/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes one byte behind an allocation: AddressSanitizer must turn it red. */
#include "test.h"

Test(deliberate, overflow) {
    volatile size_t size = 16;
    char *bytes = malloc(size);
    cr_assert_not_null(bytes);
    volatile char *behind = bytes + size;
    *behind = 1;
    free(bytes);
}
