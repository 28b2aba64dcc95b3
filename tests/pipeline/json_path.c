/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/pipeline/json_path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Each returns what stands behind it, NULL when it is not there. */
static const char *skip_value(const char *at);

static const char *skip_word(const char *at, const char *word) {
    size_t size = strlen(word);
    return strncmp(at, word, size) == 0 ? at + size : NULL;
}

static const char *skip_escape(const char *at) {
    if (*at != 'u') {
        return *at != '\0' && strchr("\"\\/bfnrt", *at) != NULL ? at + 1 : NULL;
    }
    for (int i = 1; i <= 4; i++) {
        if (!isxdigit((unsigned char)at[i])) {
            return NULL;
        }
    }
    return at + 5;
}

static const char *skip_string(const char *at) {
    if (*at++ != '"') {
        return NULL;
    }
    while (at != NULL && *at != '"') {
        if ((unsigned char)*at < ' ') {
            return NULL;
        }
        at = *at == '\\' ? skip_escape(at + 1) : at + 1;
    }
    return at == NULL ? NULL : at + 1;
}

static const char *skip_digits(const char *at) {
    if (!isdigit((unsigned char)*at)) {
        return NULL;
    }
    while (isdigit((unsigned char)*at)) {
        at++;
    }
    return at;
}

static const char *skip_number(const char *at) {
    at += *at == '-';
    at = *at == '0' ? at + 1 : skip_digits(at);
    return at != NULL && *at == '.' ? skip_digits(at + 1) : at;
}

/* Objects and arrays: `end` says which. */
static const char *skip_all(const char *at, char end) {
    if (*at == end) {
        return at + 1;
    }
    for (;;) {
        if (end == '}') {
            at = skip_string(at);
            if (at == NULL || *at++ != ':') {
                return NULL;
            }
        }
        at = skip_value(at);
        if (at == NULL || *at == end) {
            return at == NULL ? NULL : at + 1;
        }
        if (*at++ != ',') {
            return NULL;
        }
    }
}

static const char *skip_value(const char *at) {
    switch (*at) {
    case '{':
        return skip_all(at + 1, '}');
    case '[':
        return skip_all(at + 1, ']');
    case '"':
        return skip_string(at);
    case 't':
        return skip_word(at, "true");
    case 'f':
        return skip_word(at, "false");
    default:
        return skip_number(at);
    }
}

bool json_is_valid(const char *text) {
    const char *end = skip_value(text);
    return end != NULL && *end == '\0';
}

/* The member of that name, or element of that number, of what begins here. */
static const char *child(const char *at, const char *name, size_t size) {
    char kind = *at++;
    if (kind != '{' && kind != '[') {
        return NULL;
    }
    for (long left = kind == '[' ? strtol(name, NULL, 10) : 0; *at != '}' && *at != ']'; left--) {
        bool found = kind == '[' && left == 0;
        if (kind == '{') {
            const char *end = skip_string(at);
            found = (size_t)(end - at) == size + 2 && strncmp(at + 1, name, size) == 0;
            at = end + 1;
        }
        if (found) {
            return at;
        }
        at = skip_value(at);
        at += *at == ',';
    }
    return NULL;
}

const char *json_find(const char *text, const char *path) {
    const char *at = text;
    while (at != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        at = child(at, path, size);
        path += size + (path[size] == '.');
    }
    return at;
}

uint64_t json_number_at(const char *text, const char *path, bool *found) {
    const char *at = json_find(text, path);
    bool is_number = at != NULL && isdigit((unsigned char)*at);
    if (found != NULL) {
        *found = is_number;
    }
    return is_number ? strtoull(at, NULL, 10) : 0;
}
