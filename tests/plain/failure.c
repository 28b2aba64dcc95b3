/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts a failure into words, for either runner below. */
#include "plain/failure.h"

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "test.h"

enum { TEXT_BYTES = 2048, WINDOW_BYTES = 16 };

struct text {
    char bytes[TEXT_BYTES];
    size_t used;
};

__attribute__((format(printf, 2, 0))) static void
text_add_list(struct text *text, const char *format, va_list arguments) {
    size_t room = sizeof text->bytes - text->used;
    int written = vsnprintf(text->bytes + text->used, room, format, arguments);
    if (written > 0) {
        text->used += (size_t)written < room ? (size_t)written : room - 1;
    }
}

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
                                                           ...) {
    va_list arguments;
    va_start(arguments, format);
    text_add_list(text, format, arguments);
    va_end(arguments);
}

static void text_add_value(struct text *text, const char *title, struct test_value value) {
    text_add(text, "\n  %-9s ", title);
    switch (value.kind) {
    case TEST_SIGNED:
        text_add(text, "%lld", value.as_signed);
        break;
    case TEST_UNSIGNED:
        text_add(text, "%llu (0x%llx)", value.as_unsigned, value.as_unsigned);
        break;
    case TEST_FLOATING:
        text_add(text, "%.17g", value.as_floating);
        break;
    case TEST_TRUTH:
        text_add(text, "%s", value.as_unsigned != 0 ? "true" : "false");
        break;
    case TEST_POINTER:
        text_add(text, "0x%" PRIxPTR, value.as_pointer);
        break;
    }
}

static void text_add_string(struct text *text, const char *title, const char *string) {
    if (string == NULL) {
        text_add(text, "\n  %-9s NULL", title);
    } else {
        text_add(text, "\n  %-9s \"%.600s\"", title, string);
    }
}

static void text_add_window(struct text *text, const char *title, const unsigned char *bytes,
                            size_t from, size_t size) {
    text_add(text, "\n  %-9s", title);
    for (size_t at = from; at < size && at < from + WINDOW_BYTES; at++) {
        text_add(text, " %02x", bytes[at]);
    }
}

static void text_begin(struct text *text, const struct test_place *place) {
    text->used = 0;
    text_add(text, "failed: %s", place->expression);
}

/* The macros put a space before the caller's format, so that an empty one is no warning. */
__attribute__((format(printf, 3, 0))) static void
text_end(struct text *text, const struct test_place *place, const char *format, va_list arguments) {
    if (format[1] != '\0') {
        text_add(text, "\n  said     ");
        text_add_list(text, format, arguments);
    }
    failure_report(place->file, place->line, text->bytes);
}

void failure_say_alone(char *text, size_t size, const char *suite, const char *name) {
    char program[512];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length < 0 ? 0 : length] = '\0';
    snprintf(text, size, "  alone     %s --filter %s/%s", program, suite, name);
}

bool test_strings_equal(const char *left, const char *right) {
    return left != NULL && right != NULL && strcmp(left, right) == 0;
}

void test_failed(const struct test_place *place, const char *format, ...) {
    struct text text;
    text_begin(&text, place);
    va_list arguments;
    va_start(arguments, format);
    text_end(&text, place, format, arguments);
    va_end(arguments);
}

void test_failed_values(const struct test_place *place, struct test_value seen,
                        struct test_value expected, const char *format, ...) {
    struct text text;
    text_begin(&text, place);
    text_add_value(&text, "expected", expected);
    text_add_value(&text, "seen", seen);
    va_list arguments;
    va_start(arguments, format);
    text_end(&text, place, format, arguments);
    va_end(arguments);
}

void test_failed_strings(const struct test_place *place, const char *seen, const char *expected,
                         const char *format, ...) {
    struct text text;
    text_begin(&text, place);
    text_add_string(&text, "expected", expected);
    text_add_string(&text, "seen", seen);
    va_list arguments;
    va_start(arguments, format);
    text_end(&text, place, format, arguments);
    va_end(arguments);
}

void test_failed_bytes(const struct test_place *place, const void *seen, const void *expected,
                       size_t size, const char *format, ...) {
    const unsigned char *left = seen, *right = expected;
    size_t differs = 0;
    while (differs < size && left[differs] == right[differs]) {
        differs++;
    }
    size_t from = differs == size || differs < WINDOW_BYTES / 2 ? 0 : differs - WINDOW_BYTES / 2;
    struct text text;
    text_begin(&text, place);
    text_add(&text,
             differs == size ? "\n  all %zu bytes are equal; from byte %zu:"
                             : "\n  first difference at byte %zu; from byte %zu:",
             differs, from);
    text_add_window(&text, "expected", right, from, size);
    text_add_window(&text, "seen", left, from, size);
    va_list arguments;
    va_start(arguments, format);
    text_end(&text, place, format, arguments);
    va_end(arguments);
}
