/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options as text. Input: lines of name=value. A line that begins with a byte of 128 or more says
 * by its second byte which of all known names it is about, and goes on with the value.
 *
 * Checked: what was set reads back, and can be set again as it reads, with the same result; a value
 * that was refused changes nothing and is told in one line; resolve says yes to what check says yes
 * to, and what it gives passes check again; a list of servers that was accepted can be read.
 */
#include "actors/config/option.h"
#include "stress/fuzz/fuzz.h"
#include "tests/config/option_rows.h"

static sluice_error error;

static const char *name_at(size_t index) {
    index %= ROWS(built_rows) + ROWS(known_rows) + ROWS(alias_rows);
    if (index < ROWS(built_rows)) {
        return built_rows[index].name;
    }
    index -= ROWS(built_rows);
    return index < ROWS(known_rows) ? known_rows[index].name
                                    : alias_rows[index - ROWS(known_rows)].alias;
}

static void check_told(sluice_code code) {
    RT_ASSERT(error.code == code);
    RT_ASSERT(memchr(error.text, '\0', sizeof error.text) != NULL);
    RT_ASSERT(error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
}

/* The value as text, the caller's to free; NULL when the option has none. */
static char *value_of(const sluice_config *config, const char *name) {
    size_t size = 0;
    sluice_code code = sluice_config_get(config, name, NULL, &size, &error);
    if (code != SLUICE_BUFFER_TOO_SMALL) {
        check_told(code);
        return NULL;
    }
    char *value = malloc(size);
    RT_ASSERT(value != NULL && size > 0);
    size_t needed = size;
    RT_ASSERT(sluice_config_get(config, name, value, &needed, &error) == SLUICE_OK);
    RT_ASSERT(needed == size && strlen(value) + 1 == size);
    return value;
}

static bool equal(const char *left, const char *right) {
    return (left == NULL) == (right == NULL) && (left == NULL || strcmp(left, right) == 0);
}

static void option_set(sluice_config *config, const char *name, const char *value) {
    char *before = value_of(config, name);
    sluice_code code = sluice_config_set(config, name, value, &error);
    if (code != SLUICE_OK) {
        check_told(code);
    }
    char *after = value_of(config, name);
    RT_ASSERT(code == SLUICE_OK || equal(before, after));
    if (code == SLUICE_OK && after != NULL && strcmp(after, "[hidden]") != 0) {
        RT_ASSERT(sluice_config_set(config, name, after, &error) == SLUICE_OK);
        char *again = value_of(config, name);
        RT_ASSERT(equal(after, again));
        free(again);
    }
    free(before);
    free(after);
}

static void servers_check(const char *list) {
    struct sluice_server server;
    uint32_t count = 0;
    sluice_code code;
    uint32_t expected = sluice_servers_count(list);
    while ((code = sluice_servers_next(&list, &server, &error)) == SLUICE_OK) {
        RT_ASSERT(server.port > 0 && server.host[0] != '\0');
        RT_ASSERT(memchr(server.host, '\0', sizeof server.host) != NULL);
        count++;
    }
    RT_ASSERT(code == SLUICE_MISSING_OPTION && count == expected);
}

static void whole_check(sluice_config *config) {
    sluice_code code = sluice_config_check(config, &error);
    if (code != SLUICE_OK) {
        check_told(code);
    }
    struct sluice_config *resolved = sluice_config_resolve(config, &error);
    RT_ASSERT((resolved != NULL) == (code == SLUICE_OK));
    if (resolved != NULL) {
        RT_ASSERT(sluice_config_check(resolved, &error) == SLUICE_OK);
        servers_check(resolved->bootstrap_servers);
        sluice_config *copy = sluice_config_copy(resolved);
        RT_ASSERT(copy != NULL && sluice_config_check(copy, &error) == SLUICE_OK);
        sluice_config_free(copy);
        sluice_config_free(resolved);
    }
}

/* `unknown`: whether a name that does not exist was tried before. Looking for the nearest known
 * name takes long, so once is enough. */
static void line_take(sluice_config *config, const char *line, bool *unknown) {
    const char *equals = strchr(line, '=');
    bool chosen = (uint8_t)line[0] >= 128 && line[1] != '\0';
    if (!chosen && equals == NULL) {
        return;
    }
    /* In memory of just their sizes. */
    char *name =
        chosen ? strdup(name_at((uint8_t)line[1])) : strndup(line, (size_t)(equals - line));
    char *value = strdup(chosen ? line + 2 : equals + 1);
    if (sluice_option_find(name).option != NULL) {
        option_set(config, name, value);
    } else if (!*unknown) {
        RT_ASSERT(sluice_config_set(config, name, value, &error) == SLUICE_UNKNOWN_OPTION);
        check_told(SLUICE_UNKNOWN_OPTION);
        *unknown = true;
    }
    free(name);
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sluice_config *config = sluice_config_new();
    char *text = malloc(size + 1);
    bool unknown = false;
    RT_ASSERT(config != NULL && text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char *end = text + size;
    for (char *line = text; line < end;) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end == NULL ? end : line_end;
        *line_end = '\0';
        line_take(config, line, &unknown);
        line = line_end + 1;
    }
    whole_check(config);
    sluice_config_free(config);
    free(text);
    return 0;
}
