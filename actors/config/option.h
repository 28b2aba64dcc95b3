/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of options as data, and what one value of an option can be. Private to config/. */
#ifndef ACTORS_CONFIG_OPTION_H
#define ACTORS_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/config/config.h"

enum option_kind {
    OPTION_INTEGER,
    OPTION_MILLISECONDS,
    OPTION_BOOLEAN,
    OPTION_CHOICE,
    OPTION_TEXT,
    OPTION_SERVERS,
    OPTION_DECIMAL,
    OPTION_LIST,
    OPTION_PASSWORD,
    OPTION_CLASS,
};

struct option {
    const char *name;
    const char *initial;
    const char *choices;
    const char *only; /* not built: the values that are accepted */
    const char *part; /* not built: what it waits for; NULL when it is built */
    int64_t least, most;
    size_t offset; /* built: of the field in struct sluice_config */
    enum option_kind kind;
    enum sluice_option index; /* built */
    bool secret;
};

/* A name as given: the option it means, and what its values are multiplied with. */
struct option_name {
    const struct option *option; /* NULL: there is none */
    int64_t factor;
};
struct option_name sluice_option_find(const char *name);
/* The known name, of an option or another spelling, that takes the fewest edits; case is none. NULL
 * when none is near. */
const char *sluice_option_nearest(const char *name);
const struct option *sluice_option_at(enum sluice_option index);

/* A value that was understood. `text` points into the value given. */
struct option_value {
    int64_t number;
    const char *text;
    size_t text_size;
};

/* Understands `value` as one of `option`, and says in `error` why not. Works for every option:
 * what is not built is SLUICE_OPTION_NOT_BUILT unless it is what Sluice does anyway. */
sluice_code sluice_option_parse(const struct option *option, int64_t factor, const char *name,
                                const char *value, struct option_value *parsed,
                                sluice_error *error);
/* Writes the option's value as a program would set it; returns the bytes needed, without NUL. */
size_t sluice_option_print(const struct option *option, int64_t factor,
                           const struct sluice_config *config, char *buffer, size_t size);

/* The only memory of the configuration, which lives outside of any producer and its world. Zeroed;
 * NULL when it is short. */
void *sluice_config_memory_acquire(size_t size);
void sluice_config_memory_release(void *memory);

#endif
