/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test.h's doors, opened to Criterion. */
#include "plain/failure.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "test.h"

void failure_report(const char *file, int line, const char *text) {
    char alone[1024], whole[4096];
    failure_say_alone(alone, sizeof alone, criterion_current_suite->name,
                      criterion_current_test->name);
    snprintf(whole, sizeof whole, "%s\n%s", text, alone);
    struct criterion_assert_stats stats = {
        .passed = false,
        .file = file,
        .line = (unsigned)line,
        .message = whole,
    };
    criterion_send_assert(&stats);
}

void test_stop(void) {
    criterion_abort_test();
    abort();
}

void test_go_on(void) {
    criterion_continue_test();
}

void test_skip(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    criterion_skip_test("%s", text + 1);
    abort();
}

#ifndef SLUICE_COVERAGE
void test_leave_child(int status) {
    _exit(status);
}
#else
int __llvm_profile_write_file(void);

/* What was counted is written at exit; a test that must abort has run something, too. */
static void write_counts(int number) {
    (void)number;
    (void)__llvm_profile_write_file();
}

void test_leave_child(int status) {
    (void)__llvm_profile_write_file();
    _exit(status);
}

__attribute__((constructor)) static void write_counts_before_abort(void) {
    struct sigaction action = {.sa_handler = write_counts, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGABRT, &action, NULL);
}
#endif
