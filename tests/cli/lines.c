/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of a pipe: byte for byte, in constant memory. */
#include "cli/lines.h"

#include <fcntl.h>
#include <unistd.h>

#include "test.h"

static struct lines lines;
static int ends[2];

static void start(void) {
    cr_assert(lines_open(&lines, 300000));
    cr_assert_eq(pipe(ends), 0);
    lines_start(&lines, ends[0]);
}

static void finish(void) {
    lines_close(&lines);
    (void)close(ends[0]);
    (void)close(ends[1]);
    ends[1] = -1;
}

TestSuite(cli_lines, .init = start, .fini = finish);

static void feed(const char *data, size_t size) {
    cr_assert_eq(write(ends[1], data, size), (ssize_t)size);
}

static void end_input(void) {
    (void)close(ends[1]);
    ends[1] = open("/dev/null", 0);
}

/* The next line or LINE_NONE at the end of the input. */
static enum line_result next(struct line *line) {
    enum line_result result = line_next(&lines, line);
    while (result == LINE_NONE && !lines.ended) {
        cr_assert_eq(lines_fill(&lines, -1, -1, 5000), FILL_READ);
        result = line_next(&lines, line);
    }
    return result;
}

static void expect_line(const char *data, size_t size) {
    struct line line;
    cr_assert_eq(next(&line), LINE_READ);
    cr_assert_eq(line.size, size);
    cr_expect(memcmp(line.data, data, size) == 0);
}

Test(cli_lines, every_byte_but_the_newline_goes_through) {
    feed("a\0b\xff\r\n\n\xc3\n", 9);
    end_input();
    struct line line;
    expect_line("a\0b\xff\r", 5);
    expect_line("", 0);
    expect_line("\xc3", 1);
    cr_expect_eq(next(&line), LINE_NONE);
    cr_expect_eq(next(&line), LINE_NONE);
}

Test(cli_lines, the_last_line_needs_no_newline) {
    struct line line;
    feed("one\ntwo", 7);
    end_input();
    expect_line("one", 3);
    expect_line("two", 3);
    cr_expect_eq(next(&line), LINE_NONE);
}

Test(cli_lines, no_input_has_no_lines) {
    struct line line;
    end_input();
    cr_expect_eq(next(&line), LINE_NONE);
}

Test(cli_lines, a_line_is_put_together_from_many_reads) {
    for (int i = 0; i < 100; i++) {
        feed("x", 1);
        struct line line;
        cr_assert_eq(line_next(&lines, &line), LINE_NONE);
        cr_assert_eq(lines_fill(&lines, -1, -1, 5000), FILL_READ);
    }
    feed("\n", 1);
    struct line line;
    cr_assert_eq(next(&line), LINE_READ);
    cr_expect_eq(line.size, 100u);
}

/* Feeds `size` bytes and a newline, reading as far as needed for the pipe to take them. */
static enum line_result long_line(size_t size, struct line *line) {
    char block[4096];
    enum line_result result = LINE_NONE;
    memset(block, 'x', sizeof block);
    for (size_t left = size; left > 0;) {
        size_t part = left < sizeof block ? left : sizeof block;
        feed(block, part);
        left -= part;
        cr_assert_eq(line_next(&lines, line), LINE_NONE);
        cr_assert_eq(lines_fill(&lines, -1, -1, 5000), FILL_READ);
    }
    feed("\n", 1);
    result = next(line);
    return result;
}

Test(cli_lines, the_buffer_grows_to_the_longest_line_and_no_further) {
    struct line line;
    cr_assert_eq(long_line(300000, &line), LINE_READ);
    cr_expect_eq(line.size, 300000u);
    cr_expect(lines.capacity <= 300001);
    cr_assert_eq(long_line(300001, &line), LINE_TOO_LONG);
    cr_assert_eq(long_line(3000000, &line), LINE_TOO_LONG);
    cr_expect(lines.capacity <= 300001);
    feed("after\n", 6);
    expect_line("after", 5);
}

Test(cli_lines, a_line_that_is_too_long_at_the_end_is_told_once) {
    struct line line;
    char block[4096];
    memset(block, 'y', sizeof block);
    for (int i = 0; i < 100; i++) {
        feed(block, sizeof block);
        cr_assert_eq(lines_fill(&lines, -1, -1, 5000), FILL_READ);
        cr_assert_eq(line_next(&lines, &line), LINE_NONE);
    }
    end_input();
    cr_expect_eq(next(&line), LINE_TOO_LONG);
    cr_expect_eq(next(&line), LINE_NONE);
}

Test(cli_lines, another_descriptor_ends_the_wait) {
    int other[2];
    cr_assert_eq(pipe(other), 0);
    cr_expect_eq(lines_fill(&lines, other[0], -1, 0), FILL_AGAIN);
    cr_assert_eq(write(other[1], "!", 1), 1);
    cr_expect_eq(lines_fill(&lines, other[0], -1, -1), FILL_AGAIN);
    cr_expect_eq(lines_fill(&lines, -1, other[0], -1), FILL_AGAIN);
    (void)close(other[0]);
    (void)close(other[1]);
}

Test(cli_lines, a_descriptor_that_cannot_be_read_fails) {
    lines_start(&lines, ends[1]);
    cr_expect_eq(lines_fill(&lines, -1, -1, 0), FILL_AGAIN);
    lines_start(&lines, 9999);
    cr_expect_eq(lines_fill(&lines, -1, -1, 0), FILL_FAILED);
}
