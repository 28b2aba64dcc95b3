/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors are values. One table, sluice/errors.def, makes the codes, their names and texts and the
 * page docs/errors.md.
 *
 * All functions here: any thread, no blocking, nothing to free.
 */
#ifndef SLUICE_ERROR_H
#define SLUICE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0 is success, a broker's errors have Kafka's own numbers, ours go from -1000 down. A number that
 * is not listed, such as a newer broker's, is legal too: the type holds any int32_t. */
typedef enum sluice_code {
#define SLUICE_ERROR(number, name, class_name, metadata, attempt, remedy, text)                    \
    SLUICE_##name = (number),
#include <sluice/errors.def>
#undef SLUICE_ERROR
    SLUICE_CODE_LOWEST = INT32_MIN,
    SLUICE_CODE_HIGHEST = INT32_MAX
} sluice_code;

/* An error with what was wrong in words: one line, NUL-terminated, cut if it is longer. */
typedef struct sluice_error {
    sluice_code code;
    char text[256];
} sluice_error;

/* Who has to do what about an error. */
typedef enum sluice_class {
    SLUICE_CLASS_SUCCESS = 0,   /* nothing: no error, or one that means success */
    SLUICE_CLASS_RETRIABLE = 1, /* trying again later may succeed; the producer does so itself */
    SLUICE_CLASS_REFUSED = 2,   /* this record or topic fails for good, others go on */
    SLUICE_CLASS_IDENTITY = 3,  /* concerns the producer's id, epoch or sequence; handled inside */
    SLUICE_CLASS_CALLER = 4,    /* the call, the record or the configuration must change */
    SLUICE_CLASS_FATAL = 5,     /* nothing will go through until somebody changes something */
    SLUICE_CLASS_INTERNAL = 6   /* a mistake in this library or in the broker: report it */
} sluice_class;

/* The code's name in this header, "SLUICE_FULL", or "SLUICE_BROKER_UNRECOGNISED" for a number that
 * is not listed. Static storage. */
SLUICE_API const char *sluice_code_name(sluice_code code);
/* A sentence about the code, or "unrecognised broker error". Static storage. */
SLUICE_API const char *sluice_code_text(sluice_code code);
/* Numbers that are not listed are SLUICE_CLASS_REFUSED. */
SLUICE_API sluice_class sluice_code_class(sluice_code code);
SLUICE_API bool sluice_code_retriable(sluice_code code);
/* Writes "text (name, number)" into `buffer`, NUL-terminated and cut to `size`; returns `buffer`.
 * Works for every number. */
SLUICE_API char *sluice_code_describe(sluice_code code, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
#endif
