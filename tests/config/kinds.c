/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of every kind, also of kinds that no option which is built is of yet: the rows are the
 * test's own. */
#include <stddef.h>

#include "actors/config/option.h"
#include "test.h"

static sluice_error error;

static sluice_code parse(const struct option *option, const char *value) {
    struct option_value parsed;
    return sluice_option_parse(option, 1, "the.option", value, &parsed, &error);
}

/* Whether the last refusal ends with what is allowed. */
static bool told_allowed(const char *allowed) {
    size_t size = strlen(error.text), end_size = strlen(allowed);
    return size > end_size && strcmp(error.text + size - end_size, allowed) == 0;
}

static const enum option_kind text_kinds[] = {OPTION_TEXT, OPTION_DECIMAL, OPTION_LIST,
                                              OPTION_PASSWORD, OPTION_CLASS};

Test(kinds, of_text_have_limits_in_bytes) {
    for (size_t i = 0; i < sizeof text_kinds / sizeof text_kinds[0]; i++) {
        struct option option = {.kind = text_kinds[i], .only = "", .least = 2, .most = 4};
        cr_expect_eq(parse(&option, "ab"), SLUICE_OK);
        cr_expect_eq(parse(&option, "abcd"), SLUICE_OK);
        cr_expect_eq(parse(&option, "a"), SLUICE_INVALID_VALUE);
        cr_expect_eq(parse(&option, "abcde"), SLUICE_INVALID_VALUE);
    }
}

Test(kinds, a_password_keeps_its_blanks_and_is_not_repeated_in_a_refusal) {
    struct option option = {.kind = OPTION_PASSWORD, .only = "", .most = 6, .secret = true};
    struct option_value parsed;
    cr_assert_eq(sluice_option_parse(&option, 1, "x", " key ", &parsed, &error), SLUICE_OK);
    cr_assert_eq(parsed.text_size, 5);
    cr_assert_eq(parse(&option, "hunter22"), SLUICE_INVALID_VALUE);
    cr_assert_null(strstr(error.text, "hunter22"));
    cr_assert_not_null(strstr(error.text, "[hidden]"));
}

Test(kinds, a_secret_is_never_printed) {
    static struct sluice_config config;
    struct option option = {.kind = OPTION_PASSWORD,
                            .secret = true,
                            .offset = offsetof(struct sluice_config, client_id)};
    char text[32];
    config.client_id = (char[]){"hunter22"};
    cr_assert_eq(sluice_option_print(&option, 1, &config, text, sizeof text), 8);
    cr_assert_str_eq(text, "[hidden]");
}

Test(kinds, of_text_are_printed_as_they_are) {
    static struct sluice_config config;
    config.client_id = (char[]){"a, b"};
    for (size_t i = 0; i < sizeof text_kinds / sizeof text_kinds[0]; i++) {
        struct option option = {.kind = text_kinds[i],
                                .offset = offsetof(struct sluice_config, client_id)};
        char text[32];
        cr_expect_eq(sluice_option_print(&option, 1, &config, text, sizeof text), 4);
        cr_expect_str_eq(text, "a, b");
    }
}

/* ---- known and not built --------------------------------------------------------------------- */

/* Accepts one value, since that is how things are; others wait for a part. */
static struct option waiting(enum option_kind kind) {
    return (struct option){
        .kind = kind, .only = "5", .part = "a later part", .choices = "5 7", .least = 1, .most = 9};
}

Test(kinds, that_wait_for_a_part_tell_other_values_from_nonsense) {
    static const struct {
        enum option_kind kind;
        const char *later, *nonsense; /* NULL: any text makes sense */
    } rows[] = {
        {OPTION_INTEGER, "6", "six"},   {OPTION_BOOLEAN, "true", "perhaps"},
        {OPTION_CHOICE, "7", "8"},      {OPTION_MILLISECONDS, "6.5", NULL},
        {OPTION_TEXT, "six", NULL},     {OPTION_SERVERS, "six:6", NULL},
        {OPTION_DECIMAL, "6.5", NULL},  {OPTION_LIST, "six,seven", NULL},
        {OPTION_PASSWORD, "six", NULL}, {OPTION_CLASS, "org.six", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct option option = waiting(rows[i].kind);
        cr_expect_eq(parse(&option, "5"), SLUICE_OK);
        cr_expect_eq(parse(&option, rows[i].later), SLUICE_OPTION_NOT_BUILT, "%s", rows[i].later);
        if (rows[i].nonsense != NULL) {
            cr_expect_eq(parse(&option, rows[i].nonsense), SLUICE_INVALID_VALUE);
        }
    }
}

Test(kinds, that_wait_for_a_part_say_the_one_value_that_is_allowed) {
    struct option option = waiting(OPTION_INTEGER);
    cr_assert_eq(parse(&option, "x"), SLUICE_INVALID_VALUE);
    cr_assert(told_allowed("allowed: 5"), "%s", error.text);
    option = waiting(OPTION_CHOICE);
    cr_assert_eq(parse(&option, "x"), SLUICE_INVALID_VALUE);
    cr_assert(told_allowed("allowed: 5, 7"), "%s", error.text);
    option = waiting(OPTION_BOOLEAN);
    cr_assert_eq(parse(&option, "x"), SLUICE_INVALID_VALUE);
    cr_assert(told_allowed("allowed: true or false"), "%s", error.text);
}

Test(kinds, a_refused_list_names_what_it_takes) {
    static const enum option_kind kinds[] = {OPTION_DECIMAL, OPTION_LIST, OPTION_PASSWORD,
                                             OPTION_CLASS};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct option option = {.kind = kinds[i], .only = "few", .least = 2, .most = 4};
        cr_assert_eq(parse(&option, "x"), SLUICE_INVALID_VALUE);
        cr_assert(told_allowed("allowed: few"), "%s", error.text);
    }
}

Test(kinds, a_long_value_is_shown_in_part) {
    char value[201];
    memset(value, '7', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct option option = waiting(OPTION_TEXT);
    cr_assert_eq(parse(&option, value), SLUICE_OPTION_NOT_BUILT);
    char shown[62];
    memset(shown, '7', sizeof shown - 1);
    shown[sizeof shown - 1] = '\0';
    cr_assert_null(strstr(error.text, shown));
    cr_assert_not_null(strstr(error.text, shown + 1));
}

Test(kinds, more_choices_than_a_text_can_hold_are_named_in_part) {
    struct option option = {.kind = OPTION_CHOICE,
                            .only = "",
                            .choices = "a-choice-of-thirty-two-letters=1 b-choice-of-thirty-two-let"
                                       "ters=2 c-choice-of-thirty-two-letters=3 d-choice-of-thirty-"
                                       "two-letters=4 e-choice-of-thirty-two-letters=5 f-choice=6"};
    cr_assert_eq(parse(&option, "g"), SLUICE_INVALID_VALUE);
    cr_assert_not_null(strstr(error.text, "a-choice-of-thirty-two-letters, b-choice"));
    cr_assert_null(strstr(error.text, "f-choice"));
    cr_assert_eq(parse(&option, "E-Choice-Of-Thirty-Two-Letters"), SLUICE_OK);
}

Test(kinds, a_number_that_is_none_of_the_choices_is_printed_as_the_last) {
    static struct sluice_config config;
    struct option option = {.kind = OPTION_CHOICE,
                            .choices = "one=1 two=2",
                            .offset = offsetof(struct sluice_config, acks)};
    char text[32];
    config.acks = 7;
    cr_assert_eq(sluice_option_print(&option, 1, &config, text, sizeof text), 3);
    cr_assert_str_eq(text, "two");
}
