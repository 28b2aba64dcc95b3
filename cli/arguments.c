/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading of arguments, and the one line that tells what is wrong with them. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

int usage_error(const char *command, const char *what, ...) {
    va_list values;
    va_start(values, what);
    (void)fprintf(stderr, "sluice %s: ", command);
    (void)vfprintf(stderr, what, values);
    (void)fprintf(stderr, " (see sluice %s --help)\n", command);
    va_end(values);
    return EXIT_USAGE;
}

/* How many options a word, which begins with "--", may be short for. */
static int meanings(const struct option *options, const char *word, size_t size) {
    int count = 0;
    for (; options->name != NULL; options++) {
        count += strncmp(options->name, word + 2, size - 2) == 0;
    }
    return count;
}

int usage_error_option(char **arguments, const struct option *options, int option) {
    const char *last = arguments[optind - 1];
    int size = (int)strcspn(last, "=");
    bool is_long = strncmp(last, "--", 2) == 0;
    if (option == ':') {
        return usage_error(arguments[0], "%s needs a value", last);
    }
    if (!is_long) {
        return usage_error(arguments[0], "there is no option -%c", optopt);
    }
    if (optopt != 0) {
        return usage_error(arguments[0], "%.*s takes no value: %s", size, last, last);
    }
    if (meanings(options, last, (size_t)size) > 1) {
        return usage_error(arguments[0], "%.*s is short for more than one option", size, last);
    }
    return usage_error(arguments[0], "there is no option %.*s", size, last);
}

bool number_read(const char *text, int64_t least, int64_t most, int64_t *number) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *number = value;
    return errno == 0 && end != text && *end == '\0' && value >= least && value <= most;
}

/* Whether an error is about what was asked for, or about the world. */
static int status_of(sluice_code code) {
    return sluice_code_class(code) == SLUICE_CLASS_CALLER ? EXIT_USAGE : EXIT_FAILED;
}

static int no_memory(const char *command) {
    (void)fprintf(stderr, "sluice %s: %s\n", command, sluice_code_text(SLUICE_NO_MEMORY));
    return EXIT_FAILED;
}

/* What bootstrap.servers is now, to be freed. NULL when memory is short. */
static char *servers_of(const sluice_config *config) {
    size_t size = 0;
    (void)!sluice_config_get(config, "bootstrap.servers", NULL, &size, NULL);
    char *servers = malloc(size);
    if (servers != NULL &&
        sluice_config_get(config, "bootstrap.servers", servers, &size, NULL) != SLUICE_OK) {
        servers[0] = '\0';
    }
    return servers;
}

static int servers_compare(const char *command, const char *before, const char *after) {
    if (before[0] == '\0' || strcmp(before, after) == 0) {
        return EXIT_DONE;
    }
    return usage_error(command, "bootstrap.servers is given twice, by -b or -X: first %s, then %s",
                       before, after);
}

int config_option(sluice_config *config, const char *command, const char *name, const char *value) {
    sluice_error error;
    char *before = servers_of(config);
    sluice_code code = before == NULL ? SLUICE_NO_MEMORY : SLUICE_OK;
    if (code == SLUICE_OK && sluice_config_set(config, name, value, &error) != SLUICE_OK) {
        (void)fprintf(stderr, "sluice %s: %s\n", command, error.text);
        free(before);
        return status_of(error.code);
    }
    char *after = servers_of(config);
    int status = before == NULL || after == NULL ? no_memory(command)
                                                 : servers_compare(command, before, after);
    free(before);
    free(after);
    return status;
}

int config_assignment(sluice_config *config, const char *command, const char *assignment) {
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) {
        return usage_error(command, "-X %s is not option=value", assignment);
    }
    char *name = strndup(assignment, (size_t)(equals - assignment));
    if (name == NULL) {
        return no_memory(command);
    }
    int status = config_option(config, command, name, equals + 1);
    free(name);
    return status;
}

sluice_producer *producer_start(const sluice_config *config, const char *command, int *status) {
    sluice_error error = {SLUICE_OK, ""};
    sluice_producer *producer = sluice_producer_open(config, &error);
    if (producer == NULL) {
        (void)fprintf(stderr, "sluice %s: %s\n", command, error.text);
        *status = status_of(error.code);
    }
    return producer;
}

sluice_topic *topic_start(sluice_producer *producer, const char *command, const char *name,
                          int *status) {
    sluice_error error = {SLUICE_OK, ""};
    sluice_topic *topic = sluice_topic_open(producer, name, NULL, &error);
    if (topic == NULL) {
        (void)fprintf(stderr, "sluice %s: topic \"%s\": %s\n", command, name, error.text);
        *status = status_of(error.code);
    }
    return topic;
}
