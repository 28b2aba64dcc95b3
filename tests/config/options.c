/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: known, unknown, spelled otherwise, not built. */
#include <sluice/sluice.h>

#include "actors/config/option.h"
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

TestSuite(options, .init = start, .fini = finish);

static const char *got(const char *name) {
    static char value[256];
    size_t size = sizeof value;
    cr_assert_eq(sluice_config_get(config, name, value, &size, &error), SLUICE_OK, "%s: %s", name,
                 error.text);
    cr_assert_eq(size, strlen(value) + 1);
    return value;
}

Test(options, every_default_is_valid_and_reads_back_as_written) {
    for (size_t i = 0; i < ROWS(built_rows); i++) {
        const struct built_row *row = &built_rows[i];
        cr_expect_str_eq(got(row->name), row->initial, "%s", row->name);
        cr_expect_eq(sluice_config_set(config, row->name, row->initial, &error), SLUICE_OK, "%s",
                     error.text);
        cr_expect_str_eq(got(row->name), row->initial, "%s set", row->name);
    }
}

Test(options, every_option_of_kafkas_producer_is_known) {
    static const char *const names[] = {
#define KAFKA_OPTION(name) name,
#include "kafka_options.def"
#undef KAFKA_OPTION
    };
    for (size_t i = 0; i < ROWS(names); i++) {
        cr_expect(sluice_option_find(names[i]).option != NULL, "%s is not known", names[i]);
    }
}

Test(options, no_name_is_listed_twice) {
    const char *names[ROWS(built_rows) + ROWS(known_rows) + ROWS(alias_rows)];
    size_t count = 0;
    for (size_t i = 0; i < ROWS(built_rows); i++) {
        names[count++] = built_rows[i].name;
    }
    for (size_t i = 0; i < ROWS(known_rows); i++) {
        names[count++] = known_rows[i].name;
    }
    for (size_t i = 0; i < ROWS(alias_rows); i++) {
        names[count++] = alias_rows[i].alias;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            cr_expect(strcmp(names[i], names[j]) != 0, "%s is there twice", names[i]);
        }
    }
}

Test(options, an_unknown_name_is_refused_with_the_nearest_known_one) {
    static const char *const cases[][2] = {
        {"linger", "linger.ms"},
        {"lingerms", "linger.ms"},
        {"compresion.type", "compression.type"},
        {"bootstrap.server", "bootstrap.servers"},
        {"batch.sise", "batch.size"},
        {"queue.buffering.max.m", "queue.buffering.max.ms"},
        {"sasl.pasword", "sasl.password"},
        {"LINGER.MS", "linger.ms"},
        {"Batch", "batch.size"},
    };
    for (size_t i = 0; i < ROWS(cases); i++) {
        cr_expect_eq(sluice_config_set(config, cases[i][0], "1", &error), SLUICE_UNKNOWN_OPTION);
        cr_expect_eq(error.code, SLUICE_UNKNOWN_OPTION);
        size_t text = strlen(error.text);
        size_t name = strlen(cases[i][1]);
        cr_expect(text > name && strcmp(error.text + text - name, cases[i][1]) == 0,
                  "\"%s\" should be near %s: %s", cases[i][0], cases[i][1], error.text);
    }
}

Test(options, no_name_is_told_as_nearest_that_is_not_near) {
    static const char *const names[] = {"", "x", "a.b", "not.at.all", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < ROWS(names); i++) {
        cr_expect_eq(sluice_config_set(config, names[i], "1", &error), SLUICE_UNKNOWN_OPTION);
        cr_expect_null(strstr(error.text, "nearest"), "%s", error.text);
    }
}

Test(options, a_name_of_any_length_is_refused_in_one_line) {
    char name[5000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    name[3] = '\n';
    cr_expect_eq(sluice_config_set(config, name, "1", &error), SLUICE_UNKNOWN_OPTION);
    cr_expect(strchr(error.text, '\n') == NULL);
    cr_expect(strstr(error.text, "there is no option \"xxx?x") != NULL, "%s", error.text);
}

Test(options, each_spelling_of_librdkafka_sets_the_option_it_stands_for) {
    for (size_t i = 0; i < ROWS(alias_rows); i++) {
        struct option_name found = sluice_option_find(alias_rows[i].alias);
        cr_assert(found.option != NULL, "%s stands for nothing", alias_rows[i].alias);
        cr_expect_str_eq(found.option->name, alias_rows[i].name);
    }
    cr_assert_eq(sluice_config_set(config, "queue.buffering.max.ms", "0.5", &error), SLUICE_OK);
    cr_expect_str_eq(got("linger.ms"), "0.5");
    cr_expect_eq(config->linger_us, 500);
    cr_assert_eq(sluice_config_set(config, "metadata.broker.list", "a:1,b:2", &error), SLUICE_OK);
    cr_expect_str_eq(got("bootstrap.servers"), "a:1,b:2");
    cr_assert_eq(sluice_config_set(config, "compression.codec", "gzip", &error), SLUICE_OK);
    cr_expect_eq(config->compression_type, SLUICE_COMPRESSION_GZIP);
    cr_assert_eq(sluice_config_set(config, "request.required.acks", "-1", &error), SLUICE_OK);
    cr_expect_eq(config->acks, SLUICE_ACKS_ALL);
    cr_expect_str_eq(got("acks"), "all");
}

Test(options, kilobytes_of_librdkafka_become_bytes) {
    const char *name = "queue.buffering.max.kbytes";
    cr_assert_eq(sluice_config_set(config, name, "64", &error), SLUICE_OK);
    cr_expect_eq(config->buffer_memory, 64 * 1024);
    cr_expect_str_eq(got(name), "64");
    cr_expect_str_eq(got("buffer.memory"), "65536");
    cr_expect_eq(sluice_config_set(config, name, "15", &error), SLUICE_INVALID_VALUE);
    cr_expect(strstr(error.text, "queue.buffering.max.kbytes=15") != NULL, "%s", error.text);
    cr_expect(strstr(error.text, "16 to 1073741824") != NULL, "%s", error.text);
    cr_expect_eq(sluice_config_set(config, name, "9223372036854775807", &error),
                 SLUICE_INVALID_VALUE);
    cr_expect_eq(config->buffer_memory, 64 * 1024);
}

Test(options, what_is_known_and_not_built_is_refused_by_name) {
    for (size_t i = 0; i < ROWS(known_rows); i++) {
        const struct known_row *row = &known_rows[i];
        if (row->only[0] != '\0') {
            continue;
        }
        cr_expect_eq(sluice_config_set(config, row->name, row->initial, &error),
                     SLUICE_OPTION_NOT_BUILT, "%s", row->name);
        cr_expect(strstr(error.text, row->name) == error.text, "%s", error.text);
        char value[8];
        size_t size = sizeof value;
        cr_expect_eq(sluice_config_get(config, row->name, value, &size, &error),
                     SLUICE_OPTION_NOT_BUILT, "%s", row->name);
    }
}

Test(options, the_one_behaviour_there_is_may_be_asked_for) {
    for (size_t i = 0; i < ROWS(known_rows); i++) {
        const struct known_row *row = &known_rows[i];
        if (row->only[0] == '\0') {
            continue;
        }
        const char *only = strcmp(row->only, "<empty>") == 0 ? "" : row->only;
        cr_expect_eq(sluice_config_set(config, row->name, only, &error), SLUICE_OK, "%s",
                     error.text);
        cr_expect_str_eq(got(row->name), only);
    }
}

Test(options, nothing_is_sent_in_clear_that_was_meant_to_be_encrypted) {
    static const char *const values[] = {"SASL_SSL", "ssl", "SASL_PLAINTEXT"};
    for (size_t i = 0; i < ROWS(values); i++) {
        cr_expect_eq(sluice_config_set(config, "security.protocol", values[i], &error),
                     SLUICE_OPTION_NOT_BUILT);
        cr_expect(strstr(error.text, "only PLAINTEXT is") != NULL, "%s", error.text);
    }
    cr_expect_eq(sluice_config_set(config, "security.protocol", "plaintext", &error), SLUICE_OK);
    cr_expect_eq(sluice_config_set(config, "security.protocol", "TLS", &error),
                 SLUICE_INVALID_VALUE);
    cr_expect_eq(sluice_config_set(config, "ssl.endpoint.identification.algorithm", "", &error),
                 SLUICE_OPTION_NOT_BUILT);
}

Test(options, other_values_of_a_known_option_are_told_from_nonsense) {
    cr_expect_eq(sluice_config_set(config, "enable.metrics.push", "true", &error),
                 SLUICE_OPTION_NOT_BUILT);
    cr_expect_eq(sluice_config_set(config, "enable.metrics.push", "False", &error), SLUICE_OK);
    cr_expect_eq(sluice_config_set(config, "enable.metrics.push", "0", &error), SLUICE_OK);
    cr_expect_eq(sluice_config_set(config, "enable.metrics.push", "maybe", &error),
                 SLUICE_INVALID_VALUE);
    cr_expect_eq(sluice_config_set(config, "compression.type", "LZ4", &error),
                 SLUICE_OPTION_NOT_BUILT);
    cr_expect(strstr(error.text, "allowed: none, gzip") != NULL, "%s", error.text);
    cr_expect_eq(sluice_config_set(config, "compression.type", "lzma", &error),
                 SLUICE_INVALID_VALUE);
    cr_expect_eq(config->compression_type, SLUICE_COMPRESSION_NONE);
}

Test(options, no_secret_is_ever_printed) {
    for (size_t i = 0; i < ROWS(known_rows); i++) {
        if (known_rows[i].secret) {
            cr_expect_neq(sluice_config_set(config, known_rows[i].name, "hunter2", &error),
                          SLUICE_OK);
            cr_expect(strstr(error.text, "hunter2") == NULL, "%s", error.text);
        }
    }
}

Test(options, every_name_with_a_secret_in_it_is_marked_as_one) {
    static const char *const words[] = {"password", "passphrase", "client.secret",
                                        "jaas",     "key.pem",    "keystore.key"};
    for (size_t i = 0; i < ROWS(known_rows); i++) {
        for (size_t j = 0; j < ROWS(words); j++) {
            if (strstr(known_rows[i].name, words[j]) != NULL) {
                cr_expect(known_rows[i].secret, "%s", known_rows[i].name);
            }
        }
    }
    for (size_t i = 0; i < ROWS(built_rows); i++) {
        cr_expect(strstr(built_rows[i].name, "password") == NULL);
    }
}

Test(options, missing_arguments_are_refused) {
    size_t size = 0;
    char value[4];
    cr_expect_eq(sluice_config_set(NULL, "acks", "1", &error), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_config_set(config, NULL, "1", &error), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_config_set(config, "acks", NULL, NULL), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_config_get(config, "acks", value, NULL, &error), SLUICE_INVALID_ARGUMENT);
    size = sizeof value;
    cr_expect_eq(sluice_config_get(NULL, "acks", value, &size, &error), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_config_get(config, NULL, value, &size, &error), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_config_get(config, "acks", NULL, &size, &error), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_config_get(config, "no.such", value, &size, NULL), SLUICE_UNKNOWN_OPTION);
    cr_expect_null(sluice_config_copy(NULL));
    sluice_config_free(NULL);
}

Test(options, a_buffer_that_is_too_small_is_told_how_large_it_must_be) {
    char value[5] = "????";
    size_t size = 3;
    cr_expect_eq(sluice_config_get(config, "acks", value, &size, &error), SLUICE_BUFFER_TOO_SMALL);
    cr_expect_eq(size, 4u);
    cr_expect_eq(value[3], '?');
    cr_expect_eq(sluice_config_get(config, "acks", value, &size, &error), SLUICE_OK);
    cr_expect_str_eq(value, "all");
    size = 0;
    cr_expect_eq(sluice_config_get(config, "acks", NULL, &size, &error), SLUICE_BUFFER_TOO_SMALL);
    cr_expect_eq(size, 4u);
}
