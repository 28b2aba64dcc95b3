/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds values in a JSON text, for tests and the simulator. Strict: what is not JSON as RFC 8259
 * has it is refused as a whole. */
#ifndef TESTS_PIPELINE_JSON_PATH_H
#define TESTS_PIPELINE_JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text is one JSON value and nothing else. */
bool json_is_valid(const char *text);
/* The first character of a value, by names and places in arrays: "brokers.0.node". NULL when there
 * is none. The text must be valid. */
const char *json_find(const char *text, const char *path);
/* A whole number there; `*found`, which may be NULL, tells whether there is one. */
uint64_t json_number_at(const char *text, const char *path, bool *found);

#endif
