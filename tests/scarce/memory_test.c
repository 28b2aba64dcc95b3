/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each allocation fails in turn, on threads: of the producer and its world, with answers lost and
 * leaders moving or batches split; of the embedded broker; of both. Which thread meets the n-th
 * differs from run to run; that every n is tried does not. tests/pipeline does it in virtual
 * time. */
#include <errno.h>

#include "scarce/trial.h"

enum { ALLOCATIONS_MAX = 4000 };

static const char *const quick[] = {"reconnect.backoff.ms",
                                    "2",
                                    "reconnect.backoff.max.ms",
                                    "20",
                                    "retry.backoff.ms",
                                    "2",
                                    "retry.backoff.max.ms",
                                    "20",
                                    NULL};
static const char *const packed[] = {
    "compression.type", "gzip", "retry.backoff.ms", "2", "retry.backoff.max.ms", "20", NULL};

/* Returns how many allocations a whole run makes. */
static uint32_t each_fails(struct trial *trial, bool spare_broker, uint32_t times) {
    char name[60];
    uint32_t nth = 0;
    trial->name = name;
    do {
        struct call_plan plan = {CALL_MEMORY, ++nth, times, ENOMEM, spare_broker};
        snprintf(name, sizeof name, "%u allocations from %u on fail", times, nth);
        trial_run(trial, &plan);
        cr_assert_lt(nth, ALLOCATIONS_MAX);
    } while (trial->calls >= nth);
    cr_expect_eq(trial->end, TRIAL_PERSISTED, "the last run is not disturbed");
    return nth - 1;
}

Test(scarce_memory, may_be_short_anywhere_in_the_producer) {
    struct trial trial = {.settings = quick};
    cr_expect_gt(each_fails(&trial, true, 1), 30);
}

Test(scarce_memory, may_be_short_anywhere_while_batches_are_packed_and_split) {
    struct trial trial = {.settings = packed, .split = true};
    cr_expect_gt(each_fails(&trial, true, 1), 30);
}

Test(scarce_memory, may_be_short_for_some_time) {
    struct trial trial = {.settings = quick, .name_lookup = true};
    (void)each_fails(&trial, true, 7);
}

Test(scarce_memory, may_be_short_anywhere_in_the_embedded_broker_too) {
    struct trial trial = {.settings = quick};
    (void)each_fails(&trial, false, 1);
}
