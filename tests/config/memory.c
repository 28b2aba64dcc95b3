/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each allocation fails in turn: the call says so, nothing leaks, nothing is half done. This file
 * stands in for actors/config/memory.c. */
#include <sluice/sluice.h>

#include "actors/config/option.h"
#include "test.h"

static long left = -1; /* allocations that succeed; negative: all */
static long held;      /* allocated and not released */

void *sluice_config_memory_acquire(size_t size) {
    if (left == 0) {
        return NULL;
    }
    left -= left > 0 ? 1 : 0;
    held++;
    return calloc(1, size);
}

void sluice_config_memory_release(void *memory) {
    held -= memory != NULL ? 1 : 0;
    free(memory);
}

enum { ALLOCATIONS_OF_NEW = 3 }; /* the configuration and its two texts */

Test(memory, a_new_configuration_is_whole_or_none) {
    for (long i = 0; i < ALLOCATIONS_OF_NEW; i++) {
        left = i;
        cr_expect_null(sluice_config_new(), "with %ld allocations", i);
        cr_expect_eq(held, 0l);
    }
    left = ALLOCATIONS_OF_NEW;
    sluice_config *config = sluice_config_new();
    cr_expect_not_null(config);
    sluice_config_free(config);
    cr_expect_eq(held, 0l);
}

Test(memory, a_copy_is_whole_or_none) {
    left = -1;
    sluice_config *config = sluice_config_new();
    sluice_error error;
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "a:1", &error), SLUICE_OK);
    for (long i = 0; i < ALLOCATIONS_OF_NEW; i++) {
        left = i;
        cr_expect_null(sluice_config_copy(config));
        left = i;
        cr_expect_null(sluice_config_resolve(config, &error));
        cr_expect_eq(error.code, SLUICE_NO_MEMORY);
        cr_expect_eq(held, (long)ALLOCATIONS_OF_NEW);
    }
    sluice_config_free(config);
    cr_expect_eq(held, 0l);
}

Test(memory, a_text_that_cannot_be_stored_leaves_the_old_one) {
    left = -1;
    sluice_config *config = sluice_config_new();
    sluice_error error;
    left = 0;
    cr_expect_eq(sluice_config_set(config, "client.id", "other", &error), SLUICE_NO_MEMORY);
    cr_expect_str_eq(config->client_id, "sluice");
    cr_expect_not(config->given[SLUICE_OPTION_client_id]);
    sluice_config_free(config);
    cr_expect_eq(held, 0l);
}
