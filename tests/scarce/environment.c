/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan of a whole program: SCARCE_PLAN says what fails (calls_plan_text), and the number of
 * calls of that kind is written to the file SCARCE_COUNT when the program ends. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "scarce/calls.h"

__attribute__((constructor)) static void plan_begin(void) {
    const char *text = getenv("SCARCE_PLAN");
    if (text != NULL && !calls_plan_text(text)) {
        (void)fprintf(stderr, "SCARCE_PLAN=%s is not understood\n", text);
        _exit(99);
    }
}

__attribute__((destructor)) static void plan_end(void) {
    const char *path = getenv("SCARCE_COUNT");
    uint32_t count = calls_stop();
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) {
        (void)fprintf(file, "%u\n", count);
        (void)fclose(file);
    }
}
