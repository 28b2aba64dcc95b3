/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A JSON text, written front to back into memory of the caller: as much as there is room for, and
 * how much there would be. No number depends on a locale. */
#ifndef ACTORS_COUNTERS_JSON_H
#define ACTORS_COUNTERS_JSON_H

#include <stddef.h>
#include <stdint.h>

struct json {
    char *out;
    size_t size;
    size_t length; /* of the whole text so far, whether it fitted or not */
    char last;     /* character of it; '\0' before the first */
};

struct json json_begin(char *out, size_t size);
/* Ends the text with a NUL, cut if need be; returns its whole length. */
size_t json_end(struct json *json);

/* `name` is NULL in arrays, and for the outermost object. */
void json_object(struct json *json, const char *name);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *name);
void json_array_end(struct json *json);
void json_number(struct json *json, const char *name, uint64_t number);
void json_integer(struct json *json, const char *name, int64_t number);
/* sum / count with two decimals, rounded down; 0 of nothing. */
void json_mean(struct json *json, const char *name, uint64_t sum, uint64_t count);
void json_truth(struct json *json, const char *name, int truth);
/* Any bytes up to a NUL: those that are not UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *name, const char *text);

#endif
