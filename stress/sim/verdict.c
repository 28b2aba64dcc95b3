/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/sim/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_fail(struct verdict *verdict, const char *format, ...) {
    if (verdict->failures < VERDICT_LINES_MAX) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(verdict->lines[verdict->failures], VERDICT_LINE_SIZE, format, arguments);
        va_end(arguments);
    }
    verdict->failures++;
}

void verdict_print(const struct verdict *verdict) {
    for (unsigned i = 0; i < verdict->failures && i < VERDICT_LINES_MAX; i++) {
        fprintf(stderr, "  %s\n", verdict->lines[i]);
    }
    if (verdict->failures > VERDICT_LINES_MAX) {
        fprintf(stderr, "  and %u more\n", verdict->failures - VERDICT_LINES_MAX);
    }
}
