/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of sluice/errors.def as data. From number to row it is a switch: the compiler makes the
 * index, and two rows with one number do not compile. */
#include "actors/config/error.h"

#include <stdarg.h>
#include <stdio.h>

enum { METADATA_KEEP = 0, METADATA_REFRESH = 1 };

static const struct error_row {
    const char *name, *text;
    sluice_class class;
    enum sluice_attempt attempt;
    enum sluice_remedy remedy;
    bool refreshes_metadata;
} rows[ERROR_ROWS] = {
#define SLUICE_ERROR(number, name_, class_, metadata_, attempt_, remedy_, text_)                   \
    [ERROR_ROW_##name_] = {                                                                        \
        .name = "SLUICE_" #name_,                                                                  \
        .text = (text_),                                                                           \
        .class = SLUICE_CLASS_##class_,                                                            \
        .attempt = SLUICE_ATTEMPT_##attempt_,                                                      \
        .remedy = SLUICE_REMEDY_##remedy_,                                                         \
        .refreshes_metadata = METADATA_##metadata_,                                                \
    },
#include <sluice/errors.def>
#undef SLUICE_ERROR
    [ERROR_ROW_UNLISTED] =
        {
            .name = "SLUICE_BROKER_UNRECOGNISED",
            .text = "unrecognised broker error",
            .class = SLUICE_CLASS_REFUSED,
            .attempt = SLUICE_ATTEMPT_UNSURE,
            .remedy = SLUICE_REMEDY_NONE,
        },
};

/* The switch looks at the number, not at the enum, since any number is legal. */
uint32_t sluice_code_row(sluice_code code) {
    switch ((int32_t)code) {
#define SLUICE_ERROR(number, name, class_name, metadata, attempt, remedy, text)                    \
    case number:                                                                                   \
        return ERROR_ROW_##name;
#include <sluice/errors.def>
#undef SLUICE_ERROR
    default:
        return ERROR_ROW_UNLISTED;
    }
}

const char *sluice_code_row_name(uint32_t row) {
    return rows[row].name;
}

const char *sluice_code_name(sluice_code code) {
    return rows[sluice_code_row(code)].name;
}

const char *sluice_code_text(sluice_code code) {
    return rows[sluice_code_row(code)].text;
}

sluice_class sluice_code_class(sluice_code code) {
    return rows[sluice_code_row(code)].class;
}

enum sluice_attempt sluice_code_attempt(sluice_code code) {
    return rows[sluice_code_row(code)].attempt;
}

enum sluice_remedy sluice_code_remedy(sluice_code code) {
    return rows[sluice_code_row(code)].remedy;
}

bool sluice_code_refreshes_metadata(sluice_code code) {
    return rows[sluice_code_row(code)].refreshes_metadata;
}

bool sluice_code_listed(sluice_code code) {
    return sluice_code_row(code) != ERROR_ROW_UNLISTED;
}

bool sluice_code_retriable(sluice_code code) {
    return sluice_code_class(code) == SLUICE_CLASS_RETRIABLE;
}

char *sluice_code_describe(sluice_code code, char *buffer, size_t size) {
    if (size > 0) {
        (void)snprintf(buffer, size, "%s (%s, %d)", sluice_code_text(code), sluice_code_name(code),
                       (int)code);
    }
    return buffer;
}

/* Names and values of others may be part of the text: it stays one line. */
static void one_line(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

sluice_code sluice_error_set(sluice_error *error, sluice_code code, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
        one_line(error->text);
        error->code = code;
    }
    return code;
}

sluice_code sluice_error_code(sluice_error *error, sluice_code code) {
    return sluice_error_set(error, code, "%s", sluice_code_text(code));
}
