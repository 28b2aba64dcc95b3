/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration exists before there is a producer, and so before there is a world to ask for
 * memory. This file alone takes it from the C library. */
#include <stdlib.h>

#include "actors/config/option.h"

void *sluice_config_memory_acquire(size_t size) {
    return calloc(1, size);
}

void sluice_config_memory_release(void *memory) {
    free(memory);
}
