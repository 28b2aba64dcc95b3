/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a producer has counted, for --counters. */
#include <stdlib.h>

#include "cli/cli.h"

void counters_print(sluice_producer *producer, FILE *file) {
    size_t size = 0;
    char *text = NULL;
    size_t length = sluice_producer_counters(producer, NULL, 0);
    while (length >= size) { /* it may have grown since it was measured */
        size = length + length / 8 + 1;
        char *larger = realloc(text, size);
        if (larger == NULL) {
            free(text);
            return;
        }
        text = larger;
        length = sluice_producer_counters(producer, text, size);
    }
    (void)fprintf(file, "%s\n", text);
    free(text);
}
