/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of sluice/options.def as data, and finding one by name. */
#include "actors/config/option.h"

#include <string.h>

#include "actors/config/ascii.h"

static const struct option options_built[] = {
#define SLUICE_OPTION(field_, name_, kind_, initial_, least_, most_, choices_, text_)              \
    {                                                                                              \
        .name = (name_),                                                                           \
        .initial = (initial_),                                                                     \
        .choices = (choices_),                                                                     \
        .only = "",                                                                                \
        .least = (least_),                                                                         \
        .most = (most_),                                                                           \
        .offset = offsetof(struct sluice_config, field_),                                          \
        .kind = OPTION_##kind_,                                                                    \
        .index = SLUICE_OPTION_##field_,                                                           \
    },
#include <sluice/options.def>
};

static const struct option options_known[] = {
#define SLUICE_OPTION_KNOWN(name_, kind_, initial_, choices_, secret_, only_, part_)               \
    {                                                                                              \
        .name = (name_),                                                                           \
        .initial = (initial_),                                                                     \
        .choices = (choices_),                                                                     \
        .only = (only_),                                                                           \
        .part = (part_),                                                                           \
        .kind = OPTION_##kind_,                                                                    \
        .secret = (secret_),                                                                       \
    },
#include <sluice/options.def>
};

static const struct {
    const char *alias;
    const char *name;
    int64_t factor;
} aliases[] = {
#define SLUICE_OPTION_ALIAS(alias, name, factor) {(alias), (name), (factor)},
#include <sluice/options.def>
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct option *find_in(const struct option *options, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static const struct option *find_named(const char *name) {
    const struct option *option = find_in(options_built, COUNT(options_built), name);
    return option != NULL ? option : find_in(options_known, COUNT(options_known), name);
}

struct option_name sluice_option_find(const char *name) {
    for (size_t i = 0; i < COUNT(aliases); i++) {
        if (strcmp(aliases[i].alias, name) == 0) {
            return (struct option_name){find_named(aliases[i].name), aliases[i].factor};
        }
    }
    return (struct option_name){find_named(name), 1};
}

const struct option *sluice_option_at(enum sluice_option index) {
    return &options_built[index];
}

/* ---- the nearest name ------------------------------------------------------------------------ */

enum { NAME_BYTES_MAX = 64 }; /* longer names are compared by their first bytes */

static unsigned least_of(unsigned a, unsigned b, unsigned c) {
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Insertions, deletions and replacements of one byte that turn one name into the other
 * (Levenshtein), whatever their case. */
static unsigned edit_distance(struct span left, struct span right) {
    unsigned row[NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= right.size; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= left.size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= right.size; j++) {
            unsigned replaced =
                diagonal + (ascii_lower(left.data[i - 1]) != ascii_lower(right.data[j - 1]));
            diagonal = row[j];
            row[j] = least_of(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[right.size];
}

struct nearest {
    struct span wanted;
    const char *name;
    unsigned distance;
};

static struct span name_span(const char *name) {
    return (struct span){name, strnlen(name, NAME_BYTES_MAX)};
}

/* A name that shares less than half of the longer one is not near. */
static void consider(struct nearest *nearest, const char *name) {
    struct span candidate = name_span(name);
    size_t longer = candidate.size > nearest->wanted.size ? candidate.size : nearest->wanted.size;
    unsigned distance = edit_distance(candidate, nearest->wanted);
    if (distance < nearest->distance && distance <= longer / 2) {
        nearest->name = name;
        nearest->distance = distance;
    }
}

const char *sluice_option_nearest(const char *name) {
    struct nearest nearest = {name_span(name), NULL, NAME_BYTES_MAX};
    for (size_t i = 0; i < COUNT(options_built); i++) {
        consider(&nearest, options_built[i].name);
    }
    for (size_t i = 0; i < COUNT(aliases); i++) {
        consider(&nearest, aliases[i].alias);
    }
    for (size_t i = 0; i < COUNT(options_known); i++) {
        consider(&nearest, options_known[i].name);
    }
    return nearest.name;
}
