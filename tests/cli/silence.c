/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "cli/bench/silence.h"

#define SECOND UINT64_C(1000000000)

Test(silence, is_broken_after_2_s_and_then_every_10_s) {
    struct silence silence;
    silence_begin(&silence, 100 * SECOND);
    cr_expect_not(silence_due(&silence, 100 * SECOND));
    cr_expect_not(silence_due(&silence, 102 * SECOND - 1));
    cr_expect(silence_due(&silence, 102 * SECOND));
    cr_expect_eq(silence_seconds(&silence, 102 * SECOND), 2);
    cr_expect_not(silence_due(&silence, 102 * SECOND));
    cr_expect_not(silence_due(&silence, 112 * SECOND - 1));
    cr_expect(silence_due(&silence, 112 * SECOND));
    cr_expect_eq(silence_seconds(&silence, 112 * SECOND), 12);
}
