/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/assert.h"

#include <stdio.h>
#include <stdlib.h>

void rt_assert_failed(const char *expression, const char *file, int line, const char *function) {
    fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, function, expression);
    fflush(stderr);
    abort();
}
