/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An inline function that two files have a copy of: each of them takes another branch. */
#ifndef SLUICE_TEST_COVERAGE_SAMPLE_H
#define SLUICE_TEST_COVERAGE_SAMPLE_H

static inline int sample_is_even(int number) {
    return number % 2 == 0 ? 1 : 0;
}

int sample_is_odd(int number);

#endif
