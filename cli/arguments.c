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

int usage_error_option(char **arguments, int option) {
    const char *last = arguments[optind - 1];
    if (option == ':') {
        return usage_error(arguments[0], "%s needs a value", last);
    }
    if (optopt != 0 && strncmp(last, "--", 2) != 0) {
        return usage_error(arguments[0], "there is no option -%c", optopt);
    }
    return usage_error(arguments[0], "there is no option %s, or it takes no value", last);
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

int config_option(sluice_config *config, const char *command, const char *name, const char *value) {
    sluice_error error;
    if (sluice_config_set(config, name, value, &error) != SLUICE_OK) {
        (void)fprintf(stderr, "sluice %s: %s\n", command, error.text);
        return status_of(error.code);
    }
    return EXIT_DONE;
}

int config_assignment(sluice_config *config, const char *command, const char *assignment) {
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) {
        return usage_error(command, "-X %s is not option=value", assignment);
    }
    char *name = strndup(assignment, (size_t)(equals - assignment));
    if (name == NULL) {
        (void)fprintf(stderr, "sluice %s: %s\n", command, sluice_code_text(SLUICE_NO_MEMORY));
        return EXIT_FAILED;
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
