/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of errors, seen through the functions that are made from it. */
#include <sluice/error.h>

#include "actors/config/error.h"
#include "test.h"

struct row {
    const char *name, *text;
    int number;
};
static const struct row rows[] = {
#define SLUICE_ERROR(number, name, class_name, metadata, attempt, remedy, text)                    \
    {"SLUICE_" #name, text, number},
#include <sluice/errors.def>
#undef SLUICE_ERROR
};
enum { ROWS = sizeof rows / sizeof rows[0] };

Test(errors, every_row_is_found_by_its_number) {
    for (size_t i = 0; i < ROWS; i++) {
        sluice_code code = (sluice_code)rows[i].number;
        cr_expect(sluice_code_listed(code));
        cr_expect_str_eq(sluice_code_name(code), rows[i].name);
        cr_expect_str_eq(sluice_code_text(code), rows[i].text);
    }
}

Test(errors, brokers_keep_their_numbers_and_ours_go_from_minus_1000_down) {
    for (size_t i = 0; i < ROWS; i++) {
        bool broker = strncmp(rows[i].name, "SLUICE_BROKER_", strlen("SLUICE_BROKER_")) == 0;
        bool ours = rows[i].number <= -1000 || rows[i].number == 0;
        cr_expect_neq(broker, ours, "%s", rows[i].name);
    }
    for (int number = -1; number <= 133; number++) {
        cr_expect(sluice_code_listed((sluice_code)number), "%d is a Kafka error", number);
    }
    cr_expect_eq((int)SLUICE_BROKER_UNKNOWN_SERVER_ERROR, -1);
    cr_expect_eq((int)SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER, 6);
    cr_expect_eq((int)SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER, 45);
    cr_expect_eq((int)SLUICE_BROKER_REBOOTSTRAP_REQUIRED, 129);
}

Test(errors, names_and_texts_are_distinct_and_fit_into_an_error) {
    for (size_t i = 0; i < ROWS; i++) {
        size_t size = strlen(rows[i].text);
        cr_expect(size > 0 && rows[i].text[size - 1] != '.', "%s", rows[i].name);
        cr_expect(size < 120, "%s", rows[i].name);
        for (size_t j = i + 1; j < ROWS; j++) {
            cr_expect(strcmp(rows[i].name, rows[j].name) != 0, "%s", rows[i].name);
            cr_expect(strcmp(rows[i].text, rows[j].text) != 0, "%s", rows[i].name);
        }
    }
}

Test(errors, a_number_that_is_not_listed_is_printed_with_its_number) {
    static const int numbers[] = {134, 32767, -2, -999, -1099, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sluice_code code = (sluice_code)numbers[i];
        char text[128];
        char number[16];
        (void)snprintf(number, sizeof number, "%d)", numbers[i]);
        cr_expect_not(sluice_code_listed(code));
        cr_expect_str_eq(sluice_code_text(code), "unrecognised broker error");
        cr_expect_str_eq(sluice_code_name(code), "SLUICE_BROKER_UNRECOGNISED");
        cr_expect(strstr(sluice_code_describe(code, text, sizeof text), number) != NULL, "%s",
                  text);
        cr_expect_eq((int)sluice_code_class(code), (int)SLUICE_CLASS_REFUSED);
        cr_expect_eq((int)sluice_code_attempt(code), (int)SLUICE_ATTEMPT_UNSURE);
        cr_expect_not(sluice_code_retriable(code));
    }
}

Test(errors, a_description_is_cut_to_its_buffer) {
    char text[8] = "1234567";
    cr_expect_eq(sluice_code_describe(SLUICE_FULL, text, 0), (char *)text);
    cr_expect_str_eq(text, "1234567");
    cr_expect_str_eq(sluice_code_describe(SLUICE_FULL, text, 5), "buff");
    char whole[128];
    cr_expect_str_eq(sluice_code_describe(SLUICE_BROKER_CORRUPT_MESSAGE, whole, sizeof whole),
                     "the batch reached the broker damaged: its checksum or its layout is wrong "
                     "(SLUICE_BROKER_CORRUPT_MESSAGE, 2)");
}

Test(errors, an_error_is_one_line_and_may_be_left_out) {
    sluice_error error;
    cr_expect_eq(sluice_error_set(&error, SLUICE_INVALID_VALUE, "a%cb%s\x7f", '\n', "\x1b[31m"),
                 SLUICE_INVALID_VALUE);
    cr_expect_str_eq(error.text, "a?b?[31m?");
    cr_expect_eq(error.code, SLUICE_INVALID_VALUE);
    cr_expect_eq(sluice_error_set(NULL, SLUICE_FULL, "x"), SLUICE_FULL);
    cr_expect_eq(sluice_error_code(&error, SLUICE_CLOSED), SLUICE_CLOSED);
    cr_expect_str_eq(error.text, "the producer is closed");
}

Test(errors, what_may_have_been_written_is_never_called_not_written) {
    static const sluice_code unsure[] = {
        SLUICE_BROKER_UNKNOWN_SERVER_ERROR,
        SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER,
        SLUICE_BROKER_REQUEST_TIMED_OUT,
        SLUICE_BROKER_NETWORK_EXCEPTION,
        SLUICE_BROKER_KAFKA_STORAGE_ERROR,
        SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION,
        SLUICE_BROKER_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        SLUICE_CONNECTION_LOST,
        SLUICE_REQUEST_TIMED_OUT,
        SLUICE_BAD_ANSWER,
        SLUICE_ABANDONED,
        SLUICE_NOT_ASKED,
    };
    for (size_t i = 0; i < sizeof unsure / sizeof unsure[0]; i++) {
        cr_expect_eq((int)sluice_code_attempt(unsure[i]), (int)SLUICE_ATTEMPT_UNSURE, "%s",
                     sluice_code_name(unsure[i]));
    }
    cr_expect_eq((int)sluice_code_attempt(SLUICE_BROKER_DUPLICATE_SEQUENCE_NUMBER),
                 (int)SLUICE_ATTEMPT_WRITTEN);
    cr_expect_eq((int)sluice_code_attempt(SLUICE_BROKER_NOT_ENOUGH_REPLICAS),
                 (int)SLUICE_ATTEMPT_NOT);
}

/* Where we differ from Kafka's own client on purpose: what it never meets as a producer, or treats
 * apart. */
static bool differs(int number) {
    static const int numbers[] = {
        SLUICE_BROKER_BROKER_NOT_AVAILABLE, SLUICE_BROKER_OPERATION_NOT_ATTEMPTED,
        SLUICE_BROKER_UNKNOWN_LEADER_EPOCH, SLUICE_BROKER_ELECTION_NOT_NEEDED,
        SLUICE_BROKER_NEW_LEADER_ELECTED,   SLUICE_BROKER_REBOOTSTRAP_REQUIRED,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

Test(errors, brokers_errors_are_those_of_the_official_client) {
    static const struct {
        const char *name;
        int number;
        bool retriable, refreshes;
    } expected[] = {
#define KAFKA_ERROR(number, name, retriable, refreshes)                                            \
    {"SLUICE_BROKER_" #name, number, retriable, refreshes},
#include "kafka_errors.def"
#undef KAFKA_ERROR
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        sluice_code code = (sluice_code)expected[i].number;
        cr_expect_str_eq(sluice_code_name(code), expected[i].name);
        if (!differs(expected[i].number)) {
            cr_expect_eq(sluice_code_retriable(code), expected[i].retriable, "%s",
                         expected[i].name);
            cr_expect_eq(sluice_code_refreshes_metadata(code), expected[i].refreshes, "%s",
                         expected[i].name);
        }
    }
    cr_expect_eq((int)sluice_code_class(SLUICE_BROKER_PRODUCER_FENCED), (int)SLUICE_CLASS_IDENTITY);
}
