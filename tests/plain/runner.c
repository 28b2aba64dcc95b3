/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plain runner: all tests of a program in one process, so that the leak checker sees at exit
 * what any of them left behind, and the race checker sees threads and nothing else.
 *
 *   PROGRAM [--filter SUITE/NAME] [--list]      the filter may be a shell pattern
 *
 * Exit status: 0 when nothing failed, 1 when something did, 2 for wrong usage; a sanitizer has its
 * own.
 */
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plain/failure.h"
#include "test.h"

/* A sanitizer makes tests slower; what a test allows itself is meant without one. */
enum { SLOWNESS = 10 };

enum verdict { PASSED, FAILED, SKIPPED };

static struct {
    struct plain_test *tests, **tests_end;
    struct plain_suite *suites;
    const struct plain_test *current;
    pthread_t main_thread;
    sigjmp_buf way_out;
    atomic_bool failed;
    bool skipped;
} runner = {.tests_end = &runner.tests};

void plain_add_test(struct plain_test *test) {
    *runner.tests_end = test;
    runner.tests_end = &test->next;
}

void plain_add_suite(struct plain_suite *suite) {
    suite->next = runner.suites;
    runner.suites = suite;
}

void failure_report(const char *file, int line, const char *text) {
    atomic_store(&runner.failed, true);
    char alone[1024];
    failure_say_alone(alone, sizeof alone, runner.current->suite, runner.current->name);
    fprintf(stderr, "%s:%d: %s\n%s\n", file, line, text, alone);
}

/* Another thread cannot leave the test's stack for it: the rest of the run would be a lie. */
void test_stop(void) {
    if (!pthread_equal(pthread_self(), runner.main_thread)) {
        fprintf(stderr, "FAIL %s/%s, on a thread of its own: the run ends here\n",
                runner.current->suite, runner.current->name);
        _exit(1);
    }
    siglongjmp(runner.way_out, 1);
}

void test_go_on(void) {
}

void test_skip(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "skip %s/%s:", runner.current->suite, runner.current->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    runner.skipped = true;
    siglongjmp(runner.way_out, 1);
}

void test_leave_child(int status) {
    _exit(status);
}

static void on_alarm(int number) {
    (void)number;
    static const char text[] = "\nFAIL: the test ran out of its time\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(1);
}

static const struct plain_options *suite_options(const char *name) {
    static const struct plain_options none;
    for (const struct plain_suite *suite = runner.suites; suite != NULL; suite = suite->next) {
        if (strcmp(suite->name, name) == 0) {
            return &suite->options;
        }
    }
    return &none;
}

/* What the test does not say, its suite may. */
static struct plain_options test_options(const struct plain_test *test) {
    const struct plain_options *suite = suite_options(test->suite);
    struct plain_options options = test->options;
    options.init = options.init != NULL ? options.init : suite->init;
    options.fini = options.fini != NULL ? options.fini : suite->fini;
    options.timeout = options.timeout > 0 ? options.timeout : suite->timeout;
    options.signal = options.signal != 0 ? options.signal : suite->signal;
    options.exit_code = options.exit_code != 0 ? options.exit_code : suite->exit_code;
    options.disabled = options.disabled || suite->disabled;
    return options;
}

static void run_body(const struct plain_test *test, const struct plain_options *options) {
    if (sigsetjmp(runner.way_out, 0) == 0) {
        if (options->init != NULL) {
            options->init();
        }
        test->body();
    }
    if (sigsetjmp(runner.way_out, 0) == 0 && options->fini != NULL) {
        options->fini();
    }
}

/* A test that must die does so in a child; .signal is for SIGABRT and such as the sanitizers leave
 * alone. */
static void run_in_child(const struct plain_test *test, const struct plain_options *options) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        run_body(test, options);
        _exit(atomic_load(&runner.failed) ? 1 : 0);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    bool died = WIFSIGNALED(status);
    bool as_told = options->signal != 0 ? died && WTERMSIG(status) == options->signal
                                        : !died && WEXITSTATUS(status) == options->exit_code;
    if (child < 0 || !as_told) {
        struct test_place place = {__FILE__, __LINE__, "the test ends as it says"};
        test_failed(&place, " expected signal %d, exit %d; seen wait status 0x%x", options->signal,
                    options->exit_code, (unsigned)status);
    }
}

static enum verdict run_test(const struct plain_test *test) {
    struct plain_options options = test_options(test);
    runner.current = test;
    runner.skipped = options.disabled;
    atomic_store(&runner.failed, false);
    if (!options.disabled) {
        alarm(options.timeout > 0 ? (unsigned)(options.timeout * SLOWNESS) + 1 : 0);
        if (options.signal != 0 || options.exit_code != 0) {
            run_in_child(test, &options);
        } else {
            run_body(test, &options);
        }
        alarm(0);
    }
    if (atomic_load(&runner.failed)) {
        fprintf(stderr, "FAIL %s/%s\n", test->suite, test->name);
        return FAILED;
    }
    return runner.skipped ? SKIPPED : PASSED;
}

static bool test_chosen(const struct plain_test *test, const char *filter) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", test->suite, test->name);
    return filter == NULL || fnmatch(filter, whole, 0) == 0;
}

static int run_all(const char *filter) {
    unsigned counts[3] = {0};
    for (const struct plain_test *test = runner.tests; test != NULL; test = test->next) {
        if (test_chosen(test, filter)) {
            counts[run_test(test)]++;
        }
    }
    fprintf(stderr, "%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED],
            counts[SKIPPED]);
    if (counts[PASSED] + counts[FAILED] + counts[SKIPPED] == 0) {
        fprintf(stderr, "no test is called %s\n", filter != NULL ? filter : "anything");
        return 1;
    }
    return counts[FAILED] == 0 ? 0 : 1;
}

static int list_all(void) {
    for (const struct plain_test *test = runner.tests; test != NULL; test = test->next) {
        printf("%s/%s\n", test->suite, test->name);
    }
    return 0;
}

int main(int count, char **arguments) {
    const char *filter = NULL;
    for (int at = 1; at < count; at++) {
        if (strcmp(arguments[at], "--list") == 0) {
            return list_all();
        }
        if (strcmp(arguments[at], "--filter") == 0 && at + 1 < count) {
            filter = arguments[++at];
        } else if (strncmp(arguments[at], "--filter=", 9) == 0) {
            filter = arguments[at] + 9;
        } else {
            fprintf(stderr, "usage: %s [--filter SUITE/NAME] [--list]\n", arguments[0]);
            return 2;
        }
    }
    runner.main_thread = pthread_self();
    signal(SIGALRM, on_alarm);
    return run_all(filter);
}
