/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The switches behind RT_MUTANT, in the preset `mutants` only. SLUICE_MUTANT names the one that is
 * on; SLUICE_MUTANT=list prints the table, for run.py. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANT(name, source, breaks, seen_by)                                                      \
    extern bool rt_mutant_##name;                                                                  \
    bool rt_mutant_##name;
#include "stress/mutants/mutants.def"
#undef MUTANT

static const struct {
    const char *name, *source, *breaks, *seen_by;
    bool *on;
} table[] = {
#define MUTANT(name, source, breaks, seen_by) {#name, source, breaks, seen_by, &rt_mutant_##name},
#include "stress/mutants/mutants.def"
#undef MUTANT
};

__attribute__((constructor)) static void mutants_choose(void) {
    const char *wanted = getenv("SLUICE_MUTANT");
    if (wanted == NULL || wanted[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(wanted, "list") == 0) {
            printf("%s\t%s\t%s\t%s\n", table[i].name, table[i].source, table[i].breaks,
                   table[i].seen_by);
        } else if (strcmp(wanted, table[i].name) == 0) {
            *table[i].on = true;
            return;
        }
    }
    bool listed = strcmp(wanted, "list") == 0;
    if (!listed) {
        fprintf(stderr, "no mutant is called %s\n", wanted);
    }
    fflush(stdout);
    _Exit(listed ? 0 : 2);
}
