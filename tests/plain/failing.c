/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fails on purpose: what a failure says is a promise of test.h, in both flavours. */
#include <signal.h>

#include "test.h"

static int prepared;

static void prepare(void) {
    prepared = 7;
}

TestSuite(failing, .init = prepare);

Test(failing, tells_both_values) {
    cr_expect_eq(prepared, 8u, "of round %d", 3);
}

Test(failing, shows_both_strings) {
    cr_assert_str_eq("seen text", "expected text");
    abort();
}

Test(failing, finds_the_first_byte_that_differs) {
    cr_assert_arr_eq("abcdef", "abcDef", 6);
}

Test(failing, must_abort_and_does_not, .signal = SIGABRT) {
}

Test(passing, aborts_as_it_must, .signal = SIGABRT) {
    abort();
}

Test(passing, compares_any_two_integers) {
    int negative = -1;
    size_t size = 4;
    struct {
        unsigned bits : 3;
    } field = {5};
    cr_assert_lt(negative, 0);
    cr_assert_eq(size, 4);
    cr_assert_eq(field.bits, 5);
}

Test(passing, is_skipped_and_says_why) {
    cr_skip("because of %s", "this");
}
