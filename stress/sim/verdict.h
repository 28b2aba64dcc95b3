/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a trial found: the first broken promises, in words. */
#ifndef STRESS_SIM_VERDICT_H
#define STRESS_SIM_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum { VERDICT_LINES_MAX = 12, VERDICT_LINE_SIZE = 240 };

struct verdict {
    unsigned failures;
    char lines[VERDICT_LINES_MAX][VERDICT_LINE_SIZE];
};

__attribute__((format(printf, 2, 3))) void verdict_fail(struct verdict *verdict, const char *format,
                                                        ...);
void verdict_print(const struct verdict *verdict);

#endif
