/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values: what is understood, what is not, and that a refusal changes nothing. */
#include <inttypes.h>

#include <sluice/sluice.h>

#include "actors/config/config.h"
#include "test.h"
#include "tests/config/option_rows.h"

static sluice_config *config;
static sluice_error error;

static void start(void) {
    config = sluice_config_new();
    memset(&error, 0, sizeof error);
}

static void finish(void) {
    sluice_config_free(config);
}

TestSuite(values, .init = start, .fini = finish);

static sluice_code set(const char *name, const char *value) {
    return sluice_config_set(config, name, value, &error);
}

Test(values, both_ends_of_every_range_are_allowed_and_nothing_beyond) {
    for (size_t i = 0; i < ROWS(built_rows); i++) {
        const struct built_row *row = &built_rows[i];
        bool number =
            strcmp(row->name, "client.id") != 0 && row->choices[0] == '\0' && row->most > 1;
        if (!number) {
            continue;
        }
        char value[32];
        (void)snprintf(value, sizeof value, "%" PRId64, row->least);
        cr_expect_eq(set(row->name, value), SLUICE_OK, "%s", error.text);
        (void)snprintf(value, sizeof value, "%" PRId64, row->most);
        cr_expect_eq(set(row->name, value), SLUICE_OK, "%s", error.text);
        (void)snprintf(value, sizeof value, "%" PRId64, row->least - 1);
        cr_expect_eq(set(row->name, value), SLUICE_INVALID_VALUE, "%s=%s", row->name, value);
        (void)snprintf(value, sizeof value, "%" PRId64, row->most + 1);
        cr_expect_eq(set(row->name, value), SLUICE_INVALID_VALUE, "%s=%s", row->name, value);
        cr_expect(strstr(error.text, row->name) == error.text, "%s", error.text);
        cr_expect(strstr(error.text, value) != NULL, "%s", error.text);
        cr_expect(strstr(error.text, "allowed: ") != NULL, "%s", error.text);
    }
}

Test(values, what_is_no_whole_number_is_refused_and_changes_nothing) {
    static const char *const values[] = {"",
                                         " ",
                                         "x",
                                         "1x",
                                         "1.5",
                                         "0x10",
                                         "--1",
                                         "+",
                                         "1e3",
                                         "1 2",
                                         "1,",
                                         "\x01 1",
                                         "9223372036854775808",
                                         "99999999999999999999"};
    for (size_t i = 0; i < ROWS(values); i++) {
        cr_expect_eq(set("batch.size", values[i]), SLUICE_INVALID_VALUE, "\"%s\"", values[i]);
        cr_expect_eq(error.code, SLUICE_INVALID_VALUE);
    }
    cr_expect_eq(config->batch_size, 262144);
    cr_expect_not(config->given[SLUICE_OPTION_batch_size]);
    cr_expect_eq(set("batch.size", " +16384\t"), SLUICE_OK);
    cr_expect_eq(config->batch_size, 16384);
    cr_expect(config->given[SLUICE_OPTION_batch_size]);
}

Test(values, linger_takes_fractions_of_a_millisecond) {
    static const struct {
        const char *text;
        int64_t us;
        const char *printed;
    } cases[] = {{"0", 0, "0"},
                 {"0.5", 500, "0.5"},
                 {".25", 250, "0.25"},
                 {"5.", 5000, "5"},
                 {"1.001", 1001, "1.001"},
                 {"100", 100000, "100"},
                 {"2147483647", 2147483647000, "2147483647"}};
    for (size_t i = 0; i < ROWS(cases); i++) {
        char printed[32];
        size_t size = sizeof printed;
        cr_assert_eq(set("linger.ms", cases[i].text), SLUICE_OK, "%s", error.text);
        cr_expect_eq(config->linger_us, cases[i].us);
        cr_assert_eq(sluice_config_get(config, "linger.ms", printed, &size, &error), SLUICE_OK);
        cr_expect_str_eq(printed, cases[i].printed);
    }
    static const char *const wrong[] = {".", "0.0005", "1.2.3", "-0.5", "1e3", "9999999999999999"};
    for (size_t i = 0; i < ROWS(wrong); i++) {
        cr_expect_eq(set("linger.ms", wrong[i]), SLUICE_INVALID_VALUE, "\"%s\"", wrong[i]);
    }
}

Test(values, a_choice_is_taken_in_upper_and_lower_case) {
    cr_expect_eq(set("acks", "ALL"), SLUICE_OK);
    cr_expect_eq(set("acks", "1"), SLUICE_OK);
    cr_expect_eq(config->acks, SLUICE_ACKS_LEADER);
    cr_expect_eq(set("acks", "2"), SLUICE_INVALID_VALUE);
    cr_expect(strstr(error.text, "allowed: all, -1, 0, 1") != NULL, "%s", error.text);
    cr_expect_eq(set("compression.gzip.level", "0"), SLUICE_INVALID_VALUE);
    cr_expect_eq(set("compression.gzip.level", "9"), SLUICE_OK);
    cr_expect_eq(config->compression_gzip_level, 9);
    cr_expect_eq(set("sluice.callback.thread", "Worker"), SLUICE_OK);
    cr_expect_eq(config->callback_thread, SLUICE_CALLBACK_WORKER);
}

Test(values, a_boolean_is_a_word_or_a_digit) {
    cr_expect_eq(set("enable.idempotence", "FALSE"), SLUICE_OK);
    cr_expect_not(config->enable_idempotence);
    cr_expect_eq(set("enable.idempotence", "1"), SLUICE_OK);
    cr_expect(config->enable_idempotence);
    cr_expect_eq(set("enable.idempotence", "yes"), SLUICE_INVALID_VALUE);
    cr_expect(strstr(error.text, "true or false") != NULL, "%s", error.text);
}

Test(values, the_client_id_has_a_limit) {
    char name[300];
    memset(name, 'c', sizeof name);
    name[256] = '\0';
    cr_expect_eq(set("client.id", name), SLUICE_INVALID_VALUE);
    cr_expect_eq(strlen(error.text) < sizeof error.text, 1);
    name[255] = '\0';
    cr_expect_eq(set("client.id", name), SLUICE_OK);
    cr_expect_str_eq(config->client_id, name);
    cr_expect_eq(set("client.id", ""), SLUICE_OK);
    cr_expect_str_eq(config->client_id, "");
}

Test(values, a_copy_is_independent) {
    cr_assert_eq(set("client.id", "one"), SLUICE_OK);
    cr_assert_eq(set("linger.ms", "7"), SLUICE_OK);
    sluice_config *copy = sluice_config_copy(config);
    cr_assert_not_null(copy);
    cr_assert_eq(set("client.id", "two"), SLUICE_OK);
    cr_expect_str_eq(copy->client_id, "one");
    cr_expect_eq(copy->linger_us, 7000);
    cr_expect(copy->given[SLUICE_OPTION_linger_us]);
    sluice_config_free(copy);
    cr_expect_str_eq(config->client_id, "two");
}

Test(values, callbacks_are_kept_with_their_contexts) {
    int context;
    sluice_config_set_report_callback(config, NULL, &context);
    sluice_config_set_log_callback(config, NULL, &context);
    sluice_config_set_event_callback(config, NULL, &context);
    cr_expect_eq(config->report_context, (void *)&context);
    cr_expect_eq(config->log_context, (void *)&context);
    cr_expect_eq(config->event_context, (void *)&context);
    sluice_config_set_report_callback(NULL, NULL, NULL);
    sluice_config_set_log_callback(NULL, NULL, NULL);
    sluice_config_set_event_callback(NULL, NULL, NULL);
    cr_expect_eq(config->event_context, (void *)&context, "no configuration is none of ours");
}
