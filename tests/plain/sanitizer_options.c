/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of the sanitizers, in the program itself, so that a test run by hand is as strict as one
 * run by ctest. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void) {
    return "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1";
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1:halt_on_error=1";
}

const char *__tsan_default_options(void) {
    return "halt_on_error=1:second_deadlock_stack=1:history_size=4";
}
