/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plain runner's side of test.h: tests announce themselves before main and run in one process,
 * one after the other, on the main thread. A test with .signal or .exit_code runs in a child.
 */
#ifndef SLUICE_TEST_PLAIN_H
#define SLUICE_TEST_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

struct plain_options {
    const char *description;
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* seconds, before the slowness of a sanitizer is allowed for */
    int signal;     /* the test must die of it */
    int exit_code;  /* the test must leave with it */
    bool disabled;
    int last; /* lets an empty list of options be an initializer */
};

struct plain_test {
    const char *suite;
    const char *name;
    void (*body)(void);
    struct plain_options options;
    struct plain_test *next;
};

struct plain_suite {
    const char *name;
    struct plain_options options;
    struct plain_suite *next;
};

void plain_add_test(struct plain_test *test);
void plain_add_suite(struct plain_suite *suite);

#define Test(...) PLAIN_TEST_(__VA_ARGS__, .last = 0)
#define PLAIN_TEST_(suite_, name_, ...)                                                            \
    static void suite_##_##name_##_body(void);                                                     \
    static struct plain_test suite_##_##name_##_test = {                                           \
        .suite = #suite_,                                                                          \
        .name = #name_,                                                                            \
        .body = suite_##_##name_##_body,                                                           \
        .options = {__VA_ARGS__},                                                                  \
    };                                                                                             \
    __attribute__((constructor)) static void suite_##_##name_##_announce(void) {                   \
        plain_add_test(&suite_##_##name_##_test);                                                  \
    }                                                                                              \
    static void suite_##_##name_##_body(void)

#define TestSuite(...) PLAIN_SUITE_(__VA_ARGS__, .last = 0)
#define PLAIN_SUITE_(name_, ...)                                                                   \
    static struct plain_suite name_##_suite = {.name = #name_, .options = {__VA_ARGS__}};          \
    __attribute__((constructor)) static void name_##_suite_announce(void) {                        \
        plain_add_suite(&name_##_suite);                                                           \
    }                                                                                              \
    _Static_assert(sizeof name_##_suite != 0, "takes the semicolon")

__attribute__((noreturn)) void test_stop(void);
void test_go_on(void);
__attribute__((noreturn, format(printf, 1, 2))) void test_skip(const char *format, ...);

#endif
