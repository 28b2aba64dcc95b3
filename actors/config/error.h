/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The columns of sluice/errors.def that only the producer itself needs, and making of errors. */
#ifndef ACTORS_CONFIG_ERROR_H
#define ACTORS_CONFIG_ERROR_H

#include <stdbool.h>

#include <sluice/error.h>

/* What an attempt to produce that ended with a code tells about its batch. It speaks of that one
 * attempt: a batch that was unsure before stays so unless it is WRITTEN. */
enum sluice_attempt {
    SLUICE_ATTEMPT_WRITTEN,
    SLUICE_ATTEMPT_NOT,     /* this attempt did not write it */
    SLUICE_ATTEMPT_UNSURE,  /* it may have */
    SLUICE_ATTEMPT_NOTHING, /* the code is no end of an attempt */
};

/* What is done before a batch is tried again: the column `remedy`. */
enum sluice_remedy {
    SLUICE_REMEDY_NONE,
    SLUICE_REMEDY_FEW,
    SLUICE_REMEDY_CUT,
    SLUICE_REMEDY_CUT_NAMED,
    SLUICE_REMEDY_EPOCH,
    SLUICE_REMEDY_ID,
    SLUICE_REMEDY_CONNECT,
};

/* Numbers that are not listed: UNSURE, no remedy, and the metadata is kept. */
enum sluice_attempt sluice_code_attempt(sluice_code code);
enum sluice_remedy sluice_code_remedy(sluice_code code);
bool sluice_code_refreshes_metadata(sluice_code code);
/* False for numbers that are not in the table. */
bool sluice_code_listed(sluice_code code);

/* Where a code stands in the table; all that are not in it have one row together, the last. */
enum {
#define SLUICE_ERROR(number, name, class_name, metadata, attempt, remedy, text) ERROR_ROW_##name,
#include <sluice/errors.def>
#undef SLUICE_ERROR
    ERROR_ROW_UNLISTED,
    ERROR_ROWS
};
uint32_t sluice_code_row(sluice_code code);
const char *sluice_code_row_name(uint32_t row);

/* Fills `error`, which may be NULL, and returns `code`. One line; cut when it is too long. */
sluice_code sluice_error_set(sluice_error *error, sluice_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As above with the code's own text. */
sluice_code sluice_error_code(sluice_error *error, sluice_code code);

#endif
