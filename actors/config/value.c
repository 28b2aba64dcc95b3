/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of options: understanding them, saying what is allowed, and printing them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/config/ascii.h"
#include "actors/config/option.h"

enum { ALLOWED_BYTES_MAX = 128, SHOWN_BYTES_MAX = 60 };

static struct span span_of(const char *text) {
    return (struct span){text, strlen(text)};
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* [+-]digits[.digits]: a whole number of thousandths, or of ones when `point` is false. */
static bool number_parse(struct span text, bool point, int64_t *number) {
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    size_t digits = 0;
    int64_t value = 0;
    int decimals = -1; /* digits behind the point; -1 before it */
    for (; at < text.size; at++) {
        if (point && decimals < 0 && text.data[at] == '.') {
            decimals = 0;
            continue;
        }
        if (!ascii_digit(text.data[at]) || decimals == 3 ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.data[at] - '0', &value)) {
            return false;
        }
        decimals += decimals >= 0 ? 1 : 0;
        digits++;
    }
    for (int i = decimals < 0 ? 0 : decimals; point && i < 3; i++) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    *number = negative ? -value : value;
    return digits > 0;
}

static bool integer_parse(struct span text, int64_t factor, int64_t *number) {
    return number_parse(text, false, number) && !__builtin_mul_overflow(*number, factor, number);
}

static bool boolean_parse(struct span text, int64_t *number) {
    bool yes = span_equal(text, span_of("true")) || span_equal(text, span_of("1"));
    bool no = span_equal(text, span_of("false")) || span_equal(text, span_of("0"));
    *number = yes;
    return yes || no;
}

/* ---- choices --------------------------------------------------------------------------------- */

/* One word of an option's choices, taken apart. */
struct choice {
    struct span word;
    int64_t number;
    bool built;
};

static bool choice_next(struct span *rest, struct choice *choice) {
    struct span item;
    if (!span_next(rest, ' ', &item)) {
        return false;
    }
    const char *equals = memchr(item.data, '=', item.size);
    choice->built = item.data[item.size - 1] != '!';
    choice->number = 0;
    choice->word = (struct span){item.data, item.size - (choice->built ? 0 : 1)};
    if (equals != NULL) {
        size_t word_size = (size_t)(equals - item.data);
        choice->word.size = word_size;
        (void)number_parse((struct span){equals + 1, item.size - word_size - 1}, false,
                           &choice->number);
    }
    return true;
}

static bool choice_find(const char *choices, struct span text, struct choice *choice) {
    struct span rest = span_of(choices);
    while (choice_next(&rest, choice)) {
        if (span_equal(choice->word, text)) {
            return true;
        }
    }
    return false;
}

/* ---- what is allowed ------------------------------------------------------------------------- */

static void allowed_choices(const struct option *option, char *text, size_t size) {
    struct span rest = span_of(option->choices);
    struct choice choice;
    size_t used = 0;
    text[0] = '\0';
    while (choice_next(&rest, &choice) && used < size) {
        if (choice.built) {
            used += (size_t)snprintf(text + used, size - used, "%s%.*s", used > 0 ? ", " : "",
                                     (int)choice.word.size, choice.word.data);
        }
    }
}

/* Writes what the option allows, for people. */
static void allowed(const struct option *option, int64_t factor, char *text, size_t size) {
    switch (option->kind) {
    case OPTION_CHOICE:
        allowed_choices(option, text, size);
        return;
    case OPTION_BOOLEAN:
        (void)snprintf(text, size, "true or false");
        return;
    case OPTION_TEXT:
        (void)snprintf(text, size, "%" PRId64 " to %" PRId64 " bytes", option->least, option->most);
        return;
    case OPTION_INTEGER:
    case OPTION_MILLISECONDS:
        if (option->part != NULL) {
            (void)snprintf(text, size, "%s", option->only);
            return;
        }
        (void)snprintf(text, size, "%" PRId64 " to %" PRId64 "%s",
                       (option->least + (option->least > 0 ? factor - 1 : 0)) / factor,
                       option->most / factor,
                       option->kind == OPTION_MILLISECONDS ? ", in steps of 0.001" : "");
        return;
    case OPTION_SERVERS:
    case OPTION_DECIMAL:
    case OPTION_LIST:
    case OPTION_PASSWORD:
    case OPTION_CLASS:
        (void)snprintf(text, size, "%s", option->only);
        return;
    }
}

static sluice_code invalid(const struct option *option, int64_t factor, const char *name,
                           struct span value, sluice_error *error) {
    char text[ALLOWED_BYTES_MAX];
    if (option->secret) {
        value = span_of("[hidden]");
    }
    allowed(option, factor, text, sizeof text);
    return sluice_error_set(error, SLUICE_INVALID_VALUE, "%s=%.*s is not valid; allowed: %s", name,
                            (int)(value.size < SHOWN_BYTES_MAX ? value.size : SHOWN_BYTES_MAX),
                            value.data, text);
}

/* ---- values of options that are not built ---------------------------------------------------- */

static bool only_allows(const struct option *option, struct span value) {
    struct span rest = span_of(option->only);
    struct span word;
    while (span_next(&rest, '|', &word)) {
        if (span_equal(word, span_of("<empty>")) ? value.size == 0 : span_equal(word, value)) {
            return true;
        }
    }
    return false;
}

/* Whether a value that is not accepted would at least be one of the option's. */
static bool plausible(const struct option *option, struct span value) {
    struct choice choice;
    int64_t number;
    switch (option->kind) {
    case OPTION_INTEGER:
        return integer_parse(value, 1, &number);
    case OPTION_BOOLEAN:
        return boolean_parse(value, &number);
    case OPTION_CHOICE:
        return choice_find(option->choices, value, &choice);
    case OPTION_MILLISECONDS:
    case OPTION_TEXT:
    case OPTION_SERVERS:
    case OPTION_DECIMAL:
    case OPTION_LIST:
    case OPTION_PASSWORD:
    case OPTION_CLASS:
        return true;
    }
    return true;
}

static sluice_code parse_known(const struct option *option, const char *name, struct span value,
                               sluice_error *error) {
    int64_t truth;
    bool normal = option->kind == OPTION_BOOLEAN && boolean_parse(value, &truth);
    struct span spelled = normal ? span_of(truth ? "true" : "false") : value;
    if (only_allows(option, spelled)) {
        return SLUICE_OK;
    }
    if (option->only[0] == '\0') {
        return sluice_error_set(error, SLUICE_OPTION_NOT_BUILT,
                                "%s is known and not built yet (%s)", name, option->part);
    }
    if (!plausible(option, value)) {
        return invalid(option, 1, name, value, error);
    }
    return sluice_error_set(error, SLUICE_OPTION_NOT_BUILT,
                            "%s=%.*s is known and not built yet (%s); only %s is", name,
                            (int)(value.size < SHOWN_BYTES_MAX ? value.size : SHOWN_BYTES_MAX),
                            value.data, option->part, option->only);
}

/* ---- values of options that are built -------------------------------------------------------- */

static sluice_code parse_choice(const struct option *option, const char *name, struct span value,
                                struct option_value *parsed, sluice_error *error) {
    struct choice choice;
    if (!choice_find(option->choices, value, &choice)) {
        return invalid(option, 1, name, value, error);
    }
    if (!choice.built) {
        char text[ALLOWED_BYTES_MAX];
        allowed_choices(option, text, sizeof text);
        return sluice_error_set(error, SLUICE_OPTION_NOT_BUILT,
                                "%s=%.*s is known and not built yet; allowed: %s", name,
                                (int)choice.word.size, choice.word.data, text);
    }
    parsed->number = choice.number;
    return SLUICE_OK;
}

static sluice_code parse_servers(struct span value, struct option_value *parsed,
                                 sluice_error *error) {
    const char *list = value.data;
    struct sluice_server server;
    sluice_code code = SLUICE_OK;
    while (code == SLUICE_OK) {
        code = sluice_servers_next(&list, &server, error);
    }
    if (code != SLUICE_MISSING_OPTION) {
        return code;
    }
    parsed->text = value.data;
    parsed->text_size = value.size;
    return SLUICE_OK;
}

/* Numbers in the field's unit, and whether they are in the option's range. */
static bool parse_number(const struct option *option, int64_t factor, struct span value,
                         int64_t *number) {
    if (option->kind == OPTION_MILLISECONDS) {
        return number_parse(value, true, number) && *number >= option->least * 1000 &&
               *number <= option->most * 1000;
    }
    return integer_parse(value, factor, number) && *number >= option->least &&
           *number <= option->most;
}

sluice_code sluice_option_parse(const struct option *option, int64_t factor, const char *name,
                                const char *value, struct option_value *parsed,
                                sluice_error *error) {
    struct span text = option->kind == OPTION_PASSWORD ? span_of(value) : span_trim(span_of(value));
    bool valid = true;
    *parsed = (struct option_value){0, text.data, text.size};
    if (option->part != NULL) {
        return parse_known(option, name, text, error);
    }
    switch (option->kind) {
    case OPTION_CHOICE:
        return parse_choice(option, name, text, parsed, error);
    case OPTION_SERVERS:
        return parse_servers(text, parsed, error);
    case OPTION_BOOLEAN:
        valid = boolean_parse(text, &parsed->number);
        break;
    case OPTION_INTEGER:
    case OPTION_MILLISECONDS:
        valid = parse_number(option, factor, text, &parsed->number);
        break;
    case OPTION_TEXT:
    case OPTION_DECIMAL:
    case OPTION_LIST:
    case OPTION_PASSWORD:
    case OPTION_CLASS:
        valid = (int64_t)text.size >= option->least && (int64_t)text.size <= option->most;
        break;
    }
    return valid ? SLUICE_OK : invalid(option, factor, name, text, error);
}

/* ---- printing -------------------------------------------------------------------------------- */

static size_t print_choice(const struct option *option, int64_t number, char *buffer, size_t size) {
    struct span rest = span_of(option->choices);
    struct choice choice = {.number = number - 1};
    while (choice.number != number && choice_next(&rest, &choice)) {
    }
    return (size_t)snprintf(buffer, size, "%.*s", (int)choice.word.size, choice.word.data);
}

/* Thousandths without trailing zeros. */
static size_t print_milliseconds(int64_t us, char *buffer, size_t size) {
    char text[32];
    int used = snprintf(text, sizeof text, "%" PRId64 ".%03" PRId64, us / 1000, us % 1000);
    while (text[used - 1] == '0') {
        text[--used] = '\0';
    }
    text[used - 1] = text[used - 1] == '.' ? '\0' : text[used - 1];
    return (size_t)snprintf(buffer, size, "%s", text);
}

size_t sluice_option_print(const struct option *option, int64_t factor,
                           const struct sluice_config *config, char *buffer, size_t size) {
    const void *field = (const char *)config + option->offset;
    if (option->part != NULL) { /* the first value that is accepted is how it is */
        struct span only = span_of(option->only);
        struct span first = {option->only, 0};
        (void)span_next(&only, '|', &first);
        first.size = span_equal(first, span_of("<empty>")) ? 0 : first.size;
        return (size_t)snprintf(buffer, size, "%.*s", (int)first.size, first.data);
    }
    if (option->secret) {
        return (size_t)snprintf(buffer, size, "[hidden]");
    }
    switch (option->kind) {
    case OPTION_INTEGER:
        return (size_t)snprintf(buffer, size, "%" PRId64, *(const int64_t *)field / factor);
    case OPTION_MILLISECONDS:
        return print_milliseconds(*(const int64_t *)field, buffer, size);
    case OPTION_BOOLEAN:
        return (size_t)snprintf(buffer, size, "%s", *(const bool *)field ? "true" : "false");
    case OPTION_CHOICE:
        return print_choice(option, *(const int32_t *)field, buffer, size);
    case OPTION_TEXT:
    case OPTION_SERVERS:
    case OPTION_DECIMAL:
    case OPTION_LIST:
    case OPTION_PASSWORD:
    case OPTION_CLASS:
        break;
    }
    return (size_t)snprintf(buffer, size, "%s", *(char *const *)field);
}
