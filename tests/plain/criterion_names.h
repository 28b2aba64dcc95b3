/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Criterion below test.h: its Test and TestSuite, and our assertions on top of its events. */
#ifndef SLUICE_TEST_CRITERION_NAMES_H
#define SLUICE_TEST_CRITERION_NAMES_H

/* Its own assertions would be evaluated differently and print no values. */
#include <criterion/criterion.h>

#undef cr_assert
#undef cr_expect
#undef cr_assert_not
#undef cr_expect_not
#undef cr_assert_fail
#undef cr_expect_fail
#undef cr_fail
#undef cr_fatal
#undef cr_skip
#undef cr_skip_test
#undef cr_assert_eq
#undef cr_expect_eq
#undef cr_assert_neq
#undef cr_expect_neq
#undef cr_assert_lt
#undef cr_expect_lt
#undef cr_assert_leq
#undef cr_expect_leq
#undef cr_assert_gt
#undef cr_expect_gt
#undef cr_assert_geq
#undef cr_expect_geq
#undef cr_assert_null
#undef cr_expect_null
#undef cr_assert_not_null
#undef cr_expect_not_null
#undef cr_assert_str_eq
#undef cr_expect_str_eq
#undef cr_assert_str_neq
#undef cr_expect_str_neq
#undef cr_assert_str_empty
#undef cr_expect_str_empty
#undef cr_assert_str_not_empty
#undef cr_expect_str_not_empty
#undef cr_assert_arr_eq
#undef cr_expect_arr_eq
#undef cr_assert_arr_neq
#undef cr_expect_arr_neq
#undef cr_assert_float_eq
#undef cr_expect_float_eq

__attribute__((noreturn)) void test_stop(void);
void test_go_on(void);
__attribute__((noreturn, format(printf, 1, 2))) void test_skip(const char *format, ...);

#endif
