/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON that counters are written as, and what is computed of buckets. */
#include "test.h"

#include "actors/counters/figures.h"
#include "actors/counters/json.h"

enum { ROOM = 512 };

static const char *text_of(const char *text) {
    static char out[ROOM];
    struct json json = json_begin(out, sizeof out);
    json_text(&json, NULL, text);
    cr_assert_lt(json_end(&json), sizeof out);
    return out;
}

Test(json, values_stand_with_their_names_and_commas_between) {
    char out[ROOM];
    struct json json = json_begin(out, sizeof out);
    json_object(&json, NULL);
    json_number(&json, "a", 0);
    json_number(&json, "b", UINT64_MAX);
    json_integer(&json, "c", INT64_MIN);
    json_integer(&json, "d", 7);
    json_array(&json, "e");
    json_array(&json, NULL);
    json_number(&json, NULL, 1);
    json_number(&json, NULL, 2);
    json_array_end(&json);
    json_truth(&json, NULL, 1);
    json_truth(&json, NULL, 0);
    json_array_end(&json);
    json_object(&json, "f");
    json_object_end(&json);
    json_object_end(&json);
    cr_expect_eq(json_end(&json), strlen(out));
    cr_expect_str_eq(out, "{\"a\":0,\"b\":18446744073709551615,\"c\":-9223372036854775808,\"d\":7,"
                          "\"e\":[[1,2],true,false],\"f\":{}}");
}

Test(json, means_have_two_decimals_whatever_the_locale) {
    static const struct {
        uint64_t sum, count;
        const char *text;
    } means[] = {{0, 0, "0.00"},
                 {5, 0, "0.00"},
                 {7, 2, "3.50"},
                 {2, 3, "0.66"},
                 {10001, 10000, "1.00"},
                 {UINT64_MAX, 1, "18446744073709551615.00"},
                 {UINT64_MAX - 1, UINT64_MAX, "0.99"}};
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        char out[ROOM];
        struct json json = json_begin(out, sizeof out);
        json_mean(&json, NULL, means[i].sum, means[i].count);
        json_end(&json);
        cr_expect_str_eq(out, means[i].text);
    }
}

Test(json, what_may_not_stand_in_a_text_is_escaped) {
    cr_expect_str_eq(text_of(""), "\"\"");
    cr_expect_str_eq(text_of("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    cr_expect_str_eq(text_of("\x01\n\x1f\x7f"), "\"\\u0001\\u000a\\u001f\x7f\"");
}

Test(json, utf8_stays_and_what_is_none_is_replaced) {
    cr_expect_str_eq(text_of("Zähler €\U0001f642"), "\"Zähler €\U0001f642\"");
    static const char *const wrong[] = {
        "\x80",         "\xc3",         "\xc0\xaf", "\xe2\x82",         "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf0\x9f\x99", "\xff",     "\xf0\x80\x80\x80", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char expected[ROOM] = "\"";
        for (size_t at = 0; at < strlen(wrong[i]); at++) {
            strcat(expected, "\\ufffd");
        }
        strcat(expected, "\"");
        cr_expect_str_eq(text_of(wrong[i]), expected);
    }
    cr_expect_str_eq(text_of("\xc3q"), "\"\\ufffdq\"");
}

Test(json, a_text_that_does_not_fit_is_cut_and_its_length_told) {
    for (size_t size = 0; size < 20; size++) {
        char out[24];
        memset(out, '#', sizeof out);
        struct json json = json_begin(out, size);
        json_text(&json, NULL, "twelve bytes");
        cr_expect_eq(json_end(&json), 14);
        size_t written = size == 0 ? 0 : size - 1 < 14 ? size - 1 : 14;
        cr_expect_eq(memcmp(out, "\"twelve bytes\"", written), 0);
        cr_expect(size == 0 || out[written] == '\0');
        cr_expect_eq(out[size > 15 ? 15 : size], '#');
    }
    struct json json = json_begin(NULL, 100);
    json_number(&json, NULL, 100);
    cr_expect_eq(json_end(&json), 3);
}

/* ---- percentiles ----------------------------------------------------------------------------- */

Test(figures, percentiles_are_bounds_of_buckets_and_at_most_the_longest) {
    struct times_read times = {.count = 0};
    cr_expect_eq(figures_percentile_ns(&times, 500), 0);
    times = (struct times_read){.count = 1000, .longest_ns = 1000000};
    times.buckets[0] = 499;
    times.buckets[1] = 1;
    times.buckets[2] = 499;
    times.buckets[40] = 1;
    cr_expect_eq(figures_percentile_ns(&times, 500), rt_times_below(1));
    cr_expect_eq(figures_percentile_ns(&times, 501), rt_times_below(2));
    cr_expect_eq(figures_percentile_ns(&times, 999), rt_times_below(2));
    cr_expect_eq(figures_percentile_ns(&times, 1000), 1000000);
    times = (struct times_read){.count = 1, .longest_ns = 3, .buckets = {1}};
    cr_expect_eq(figures_percentile_ns(&times, 500), 3);
}

/* ---- rows of the table of errors ------------------------------------------------------------- */

Test(errors, each_code_has_a_row_with_its_name) {
    for (int32_t code = -2000; code < 1000; code++) {
        uint32_t row = sluice_code_row((sluice_code)code);
        cr_assert_lt(row, ERROR_ROWS);
        cr_expect_str_eq(sluice_code_row_name(row), sluice_code_name((sluice_code)code));
        cr_expect_eq(row == ERROR_ROW_UNLISTED, !sluice_code_listed((sluice_code)code));
    }
}
