/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of options as the tests see them: straight from sluice/options.def. */
#ifndef TESTS_CONFIG_OPTION_ROWS_H
#define TESTS_CONFIG_OPTION_ROWS_H

#include <stdbool.h>
#include <stdint.h>

struct built_row {
    const char *name, *initial, *choices;
    int64_t least, most;
};
static const struct built_row built_rows[] __attribute__((unused)) = {
#define SLUICE_OPTION(field, name, kind, initial, least, most, choices, text)                      \
    {name, initial, choices, least, most},
#include <sluice/options.def>
};

struct known_row {
    const char *name, *initial, *only;
    bool secret;
};
static const struct known_row known_rows[] __attribute__((unused)) = {
#define SLUICE_OPTION_KNOWN(name, kind, initial, choices, secret, only, part)                      \
    {name, initial, only, secret},
#include <sluice/options.def>
};

struct alias_row {
    const char *alias, *name;
    int64_t factor;
};
static const struct alias_row alias_rows[] __attribute__((unused)) = {
#define SLUICE_OPTION_ALIAS(alias, name, factor) {alias, name, factor},
#include <sluice/options.def>
};

#define ROWS(array) (sizeof(array) / sizeof(array)[0])

#endif
