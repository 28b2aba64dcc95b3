/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sluice_config: making, copying, setting and reading. One thread at a time; no globals.
 *
 * Invariant: every text field is non-NULL and owned by the configuration.
 */
#include "actors/config/config.h"

#include <string.h>

#include "actors/config/option.h"

static void *field_of(struct sluice_config *config, const struct option *option) {
    return (char *)config + option->offset;
}

static bool is_text(const struct option *option) {
    return option->kind == OPTION_TEXT || option->kind == OPTION_SERVERS;
}

static char *text_copy(const char *text, size_t size) {
    char *copy = sluice_config_memory_acquire(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

/* Stores a value that was understood; false when memory is short, and then nothing changed. */
static bool field_store(struct sluice_config *config, const struct option *option,
                        const struct option_value *value) {
    void *field = field_of(config, option);
    if (is_text(option)) {
        char *copy = text_copy(value->text, value->text_size);
        if (copy == NULL) {
            return false;
        }
        sluice_config_memory_release(*(char **)field);
        *(char **)field = copy;
    } else if (option->kind == OPTION_BOOLEAN) {
        *(bool *)field = value->number != 0;
    } else if (option->kind == OPTION_CHOICE) {
        *(int32_t *)field = (int32_t)value->number;
    } else {
        *(int64_t *)field = value->number;
    }
    return true;
}

sluice_config *sluice_config_new(void) {
    struct sluice_config *config = sluice_config_memory_acquire(sizeof *config);
    if (config == NULL) {
        return NULL;
    }
    for (unsigned index = 0; index < SLUICE_OPTION_COUNT; index++) {
        const struct option *option = sluice_option_at((enum sluice_option)index);
        struct option_value value;
        if (sluice_option_parse(option, 1, option->name, option->initial, &value, NULL) !=
                SLUICE_OK ||
            !field_store(config, option, &value)) {
            sluice_config_free(config);
            return NULL;
        }
    }
    return config;
}

sluice_config *sluice_config_copy(const sluice_config *config) {
    struct sluice_config *copy = config == NULL ? NULL : sluice_config_memory_acquire(sizeof *copy);
    bool complete = copy != NULL;
    if (!complete) {
        return NULL;
    }
    *copy = *config;
    for (unsigned index = 0; index < SLUICE_OPTION_COUNT; index++) {
        const struct option *option = sluice_option_at((enum sluice_option)index);
        if (is_text(option)) { /* after a failure the rest is NULL, not the original's */
            char **text = field_of(copy, option);
            *text = complete ? text_copy(*text, strlen(*text)) : NULL;
            complete = *text != NULL;
        }
    }
    if (!complete) {
        sluice_config_free(copy);
        return NULL;
    }
    return copy;
}

void sluice_config_free(sluice_config *config) {
    if (config == NULL) {
        return;
    }
    for (unsigned index = 0; index < SLUICE_OPTION_COUNT; index++) {
        const struct option *option = sluice_option_at((enum sluice_option)index);
        if (is_text(option)) {
            sluice_config_memory_release(*(char **)field_of(config, option));
        }
    }
    sluice_config_memory_release(config);
}

/* Finds an option by name, or says which one may have been meant. */
static sluice_code find(const char *name, struct option_name *found, sluice_error *error) {
    *found = sluice_option_find(name);
    if (found->option != NULL) {
        return SLUICE_OK;
    }
    const char *nearest = sluice_option_nearest(name);
    return sluice_error_set(error, SLUICE_UNKNOWN_OPTION, "there is no option \"%.100s\"%s%s", name,
                            nearest == NULL ? "" : "; the nearest known name is ",
                            nearest == NULL ? "" : nearest);
}

sluice_code sluice_config_set(sluice_config *config, const char *name, const char *value,
                              sluice_error *error) {
    struct option_name found;
    struct option_value parsed;
    if (config == NULL || name == NULL || value == NULL) {
        return sluice_error_set(error, SLUICE_INVALID_ARGUMENT,
                                "a configuration, a name and a value are needed");
    }
    sluice_code code = find(name, &found, error);
    if (code == SLUICE_OK) {
        code = sluice_option_parse(found.option, found.factor, name, value, &parsed, error);
    }
    if (code != SLUICE_OK || found.option->part != NULL) {
        return code;
    }
    if (!field_store(config, found.option, &parsed)) {
        return sluice_error_code(error, SLUICE_NO_MEMORY);
    }
    config->given[found.option->index] = true;
    return SLUICE_OK;
}

sluice_code sluice_config_get(const sluice_config *config, const char *name, char *value,
                              size_t *size, sluice_error *error) {
    struct option_name found;
    if (config == NULL || name == NULL || size == NULL || (value == NULL && *size > 0)) {
        return sluice_error_set(error, SLUICE_INVALID_ARGUMENT,
                                "a configuration, a name and a buffer with its size are needed");
    }
    sluice_code code = find(name, &found, error);
    if (code != SLUICE_OK) {
        return code;
    }
    if (found.option->part != NULL && found.option->only[0] == '\0') {
        return sluice_error_set(error, SLUICE_OPTION_NOT_BUILT,
                                "%s is known and not built yet (%s)", name, found.option->part);
    }
    size_t room = *size;
    *size = sluice_option_print(found.option, found.factor, config, value, room) + 1;
    if (*size > room) {
        return sluice_error_set(error, SLUICE_BUFFER_TOO_SMALL, "%s needs %zu bytes", name, *size);
    }
    return SLUICE_OK;
}

void sluice_config_set_report_callback(sluice_config *config, sluice_report_callback callback,
                                       void *context) {
    if (config != NULL) {
        config->report_callback = callback;
        config->report_context = context;
    }
}

void sluice_config_set_log_callback(sluice_config *config, sluice_log_callback callback,
                                    void *context) {
    if (config != NULL) {
        config->log_callback = callback;
        config->log_context = context;
    }
}

void sluice_config_set_event_callback(sluice_config *config, sluice_event_callback callback,
                                      void *context) {
    if (config != NULL) {
        config->event_callback = callback;
        config->event_context = context;
    }
}
