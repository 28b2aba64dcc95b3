/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every test body includes, and nothing else of a test framework.
 *
 * Normally this is Criterion: each test in a process of its own. Under a sanitizer it is a plain
 * runner in one process (tests/plain/), because Debian's Criterion 2.4.1 aborts under TSan and
 * passes a test that leaks under ASan. The names are the same: Test, TestSuite with .init, .fini,
 * .timeout (seconds), .disabled, .signal, .exit_code; cr_assert… ends the test, cr_expect… not.
 *
 * The assertions are our own in both flavours: each operand is evaluated once, and a failure prints
 * both values, the place, and how to run the test alone. The last arguments may be a format literal
 * and its arguments. Passing assertions touch nothing shared, so any thread may use them; a failing
 * cr_assert outside of the test's own thread ends the process.
 */
#ifndef SLUICE_TEST_H
#define SLUICE_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SLUICE_TEST_PLAIN
#include "plain/plain.h"
#else
#include "plain/criterion_names.h"
#endif

/* ---- what a failure says --------------------------------------------------------------------- */

struct test_place {
    const char *file;
    int line;
    const char *expression;
};

/* Ends a child process that a test has forked, without what belongs to the test's own process. */
__attribute__((noreturn)) void test_leave_child(int status);

/* A value of any scalar type, ready to print. */
struct test_value {
    enum { TEST_SIGNED, TEST_UNSIGNED, TEST_FLOATING, TEST_TRUTH, TEST_POINTER } kind;
    union {
        long long as_signed;
        unsigned long long as_unsigned;
        double as_floating;
        uintptr_t as_pointer;
    };
};

static inline struct test_value test_of_signed(long long value) {
    return (struct test_value){.kind = TEST_SIGNED, .as_signed = value};
}
static inline struct test_value test_of_unsigned(unsigned long long value) {
    return (struct test_value){.kind = TEST_UNSIGNED, .as_unsigned = value};
}
static inline struct test_value test_of_floating(double value) {
    return (struct test_value){.kind = TEST_FLOATING, .as_floating = value};
}
static inline struct test_value test_of_truth(bool value) {
    return (struct test_value){.kind = TEST_TRUTH, .as_unsigned = value};
}
static inline struct test_value test_of_pointer(uintptr_t value) {
    return (struct test_value){.kind = TEST_POINTER, .as_pointer = value};
}

/* clang-format off */
/* What is none of these is a pointer, or a bit-field, whose width gcc keeps in its type. */
#define TEST_VALUE_(value)                                                                         \
    _Generic((value), bool: test_of_truth, float: test_of_floating, double: test_of_floating,      \
        char: test_of_signed, signed char: test_of_signed, short: test_of_signed,                  \
        int: test_of_signed, long: test_of_signed, long long: test_of_signed,                      \
        unsigned char: test_of_unsigned, unsigned short: test_of_unsigned,                         \
        unsigned int: test_of_unsigned, unsigned long: test_of_unsigned,                           \
        unsigned long long: test_of_unsigned, default: test_of_pointer)                            \
    (_Generic((value), bool: (value), float: (value), double: (value), char: (value),              \
        signed char: (value), short: (value), int: (value), long: (value), long long: (value),     \
        unsigned char: (value), unsigned short: (value), unsigned int: (value),                    \
        unsigned long: (value), unsigned long long: (value), default: (uintptr_t)(value)))
/* clang-format on */

/* Each prints one failure; TEST_STOP_ or TEST_GO_ON_ decides what follows. */
__attribute__((cold, format(printf, 2, 3))) void test_failed(const struct test_place *place,
                                                             const char *format, ...);
__attribute__((cold, format(printf, 4, 5))) void test_failed_values(const struct test_place *place,
                                                                    struct test_value seen,
                                                                    struct test_value expected,
                                                                    const char *format, ...);
__attribute__((cold, format(printf, 4, 5))) void test_failed_strings(const struct test_place *place,
                                                                     const char *seen,
                                                                     const char *expected,
                                                                     const char *format, ...);
__attribute__((cold, format(printf, 5, 6))) void
test_failed_bytes(const struct test_place *place, const void *seen, const void *expected,
                  size_t size, const char *format, ...);
/* True when both are strings and equal. */
bool test_strings_equal(const char *left, const char *right);

#define TEST_STOP_ test_stop()
#define TEST_GO_ON_ test_go_on()
#define TEST_PLACE_(text) (&(struct test_place){__FILE__, __LINE__, text})

/* ---- assertions ------------------------------------------------------------------------------ */

#define TEST_THAT_(then, condition, text, ...)                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_failed(TEST_PLACE_(text), " " __VA_ARGS__);                                       \
            then;                                                                                  \
        }                                                                                          \
    } while (0)

/* The comma drops qualifiers, arrays and bit-fields before the type is taken. Signedness is the
 * test author's business here, as it is in Criterion. */
/* clang-format off */
#define TEST_COMPARE_(then, seen, operation, expected, ...)                                        \
    do {                                                                                           \
        __auto_type test_seen_ = ((void)0, (seen));                                                \
        __auto_type test_expected_ = ((void)0, (expected));                                        \
        _Pragma("GCC diagnostic push")                                                             \
        _Pragma("GCC diagnostic ignored \"-Wsign-compare\"")                                       \
        bool test_holds_ = test_seen_ operation test_expected_;                                    \
        _Pragma("GCC diagnostic pop")                                                              \
        if (!test_holds_) {                                                                        \
            test_failed_values(TEST_PLACE_(#seen " " #operation " " #expected),                    \
                               TEST_VALUE_(test_seen_), TEST_VALUE_(test_expected_),               \
                               " " __VA_ARGS__);                                                   \
            then;                                                                                  \
        }                                                                                          \
    } while (0)
/* clang-format on */

#define TEST_STRING_(then, seen, operation, expected, ...)                                         \
    do {                                                                                           \
        const char *test_seen_ = (seen), *test_expected_ = (expected);                             \
        if (test_strings_equal(test_seen_, test_expected_) operation false) {                      \
            test_failed_strings(TEST_PLACE_(#seen ", " #expected), test_seen_, test_expected_,     \
                                " " __VA_ARGS__);                                                  \
            then;                                                                                  \
        }                                                                                          \
    } while (0)

#define TEST_BYTES_(then, seen, operation, expected, size, ...)                                    \
    do {                                                                                           \
        const void *test_seen_ = (seen), *test_expected_ = (expected);                             \
        size_t test_size_ = (size_t)(size);                                                        \
        if ((test_size_ == 0 || memcmp(test_seen_, test_expected_, test_size_) == 0)               \
                operation false) {                                                                 \
            test_failed_bytes(TEST_PLACE_(#seen ", " #expected ", " #size), test_seen_,            \
                              test_expected_, test_size_, " " __VA_ARGS__);                        \
            then;                                                                                  \
        }                                                                                          \
    } while (0)

#define TEST_NEAR_(then, seen, expected, epsilon, ...)                                             \
    do {                                                                                           \
        double test_seen_ = (double)(seen), test_expected_ = (double)(expected);                   \
        if (!(test_seen_ - test_expected_ <= (epsilon) &&                                          \
              test_expected_ - test_seen_ <= (epsilon))) {                                         \
            test_failed_values(TEST_PLACE_(#seen " is near " #expected),                           \
                               test_of_floating(test_seen_), test_of_floating(test_expected_),     \
                               " " __VA_ARGS__);                                                   \
            then;                                                                                  \
        }                                                                                          \
    } while (0)

/* clang-format off */
#define cr_assert(c, ...) TEST_THAT_(TEST_STOP_, c, #c, __VA_ARGS__)
#define cr_expect(c, ...) TEST_THAT_(TEST_GO_ON_, c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) TEST_THAT_(TEST_STOP_, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_not(c, ...) TEST_THAT_(TEST_GO_ON_, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_fail(...) TEST_THAT_(TEST_STOP_, false, "must not get here", __VA_ARGS__)
#define cr_expect_fail(...) TEST_THAT_(TEST_GO_ON_, false, "must not get here", __VA_ARGS__)
#define cr_fail(...) cr_expect_fail(__VA_ARGS__)
#define cr_fatal(...) cr_assert_fail(__VA_ARGS__)

#define cr_assert_eq(a, b, ...) TEST_COMPARE_(TEST_STOP_, a, ==, b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...) TEST_COMPARE_(TEST_GO_ON_, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) TEST_COMPARE_(TEST_STOP_, a, !=, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) TEST_COMPARE_(TEST_GO_ON_, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) TEST_COMPARE_(TEST_STOP_, a, <, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) TEST_COMPARE_(TEST_GO_ON_, a, <, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) TEST_COMPARE_(TEST_STOP_, a, <=, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) TEST_COMPARE_(TEST_GO_ON_, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) TEST_COMPARE_(TEST_STOP_, a, >, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) TEST_COMPARE_(TEST_GO_ON_, a, >, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) TEST_COMPARE_(TEST_STOP_, a, >=, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) TEST_COMPARE_(TEST_GO_ON_, a, >=, b, __VA_ARGS__)

#define cr_assert_null(p, ...) TEST_COMPARE_(TEST_STOP_, p, ==, NULL, __VA_ARGS__)
#define cr_expect_null(p, ...) TEST_COMPARE_(TEST_GO_ON_, p, ==, NULL, __VA_ARGS__)
#define cr_assert_not_null(p, ...) TEST_COMPARE_(TEST_STOP_, p, !=, NULL, __VA_ARGS__)
#define cr_expect_not_null(p, ...) TEST_COMPARE_(TEST_GO_ON_, p, !=, NULL, __VA_ARGS__)

#define cr_assert_str_eq(a, b, ...) TEST_STRING_(TEST_STOP_, a, ==, b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) TEST_STRING_(TEST_GO_ON_, a, ==, b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) TEST_STRING_(TEST_STOP_, a, !=, b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) TEST_STRING_(TEST_GO_ON_, a, !=, b, __VA_ARGS__)
#define cr_assert_str_empty(a, ...) TEST_STRING_(TEST_STOP_, a, ==, "", __VA_ARGS__)
#define cr_expect_str_empty(a, ...) TEST_STRING_(TEST_GO_ON_, a, ==, "", __VA_ARGS__)
#define cr_assert_str_not_empty(a, ...) TEST_STRING_(TEST_STOP_, a, !=, "", __VA_ARGS__)
#define cr_expect_str_not_empty(a, ...) TEST_STRING_(TEST_GO_ON_, a, !=, "", __VA_ARGS__)

#define cr_assert_arr_eq(a, b, n, ...) TEST_BYTES_(TEST_STOP_, a, ==, b, n, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) TEST_BYTES_(TEST_GO_ON_, a, ==, b, n, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...) TEST_BYTES_(TEST_STOP_, a, !=, b, n, __VA_ARGS__)
#define cr_expect_arr_neq(a, b, n, ...) TEST_BYTES_(TEST_GO_ON_, a, !=, b, n, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) TEST_NEAR_(TEST_STOP_, a, b, e, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) TEST_NEAR_(TEST_GO_ON_, a, b, e, __VA_ARGS__)

#define cr_skip_test(...) test_skip(" " __VA_ARGS__)
#define cr_skip(...) test_skip(" " __VA_ARGS__)
/* clang-format on */

#endif
