/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bench/samples.h"

#include "test.h"

Test(samples, a_percentile_is_the_nearest_rank) {
    struct samples samples;
    cr_assert(samples_open(&samples, 1000));
    for (uint64_t i = 1000; i > 0; i--) {
        samples_add(&samples, i * 1000);
    }
    samples_sort(&samples);
    cr_expect_float_eq(samples_percentile_us(&samples, 0.5), 500.0, 0.001);
    cr_expect_float_eq(samples_percentile_us(&samples, 0.99), 990.0, 0.001);
    cr_expect_float_eq(samples_percentile_us(&samples, 0.999), 999.0, 0.001);
    cr_expect_float_eq(samples_percentile_us(&samples, 1), 1000.0, 0.001);
    samples_close(&samples);
}

Test(samples, few_samples_and_none_have_percentiles_too) {
    struct samples samples;
    cr_assert(samples_open(&samples, 4));
    cr_expect_float_eq(samples_percentile_us(&samples, 0.5), 0.0, 0.001);
    samples_add(&samples, 7000);
    cr_expect_float_eq(samples_percentile_us(&samples, 0.001), 7.0, 0.001);
    cr_expect_float_eq(samples_percentile_us(&samples, 0.999), 7.0, 0.001);
    samples_close(&samples);
}

Test(samples, what_does_not_fit_is_dropped) {
    struct samples few;
    struct samples many;
    cr_assert(samples_open(&few, 2) && samples_open(&many, 3));
    for (uint64_t i = 0; i < 5; i++) {
        samples_add(&many, i);
    }
    cr_expect_eq(many.count, 3u);
    samples_add_all(&few, &many);
    cr_expect_eq(few.count, 2u);
    samples_close(&few);
    samples_close(&many);
}
