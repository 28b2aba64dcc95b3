/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* docs/options.md */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cli/docs/pages.h"

struct built {
    const char *name, *kind, *initial, *choices, *text;
    int64_t least, most;
};
static const struct built options_built[] = {
#define SLUICE_OPTION(field, name, kind, initial, least, most, choices, text)                      \
    {name, #kind, initial, choices, text, least, most},
#include <sluice/options.def>
};

struct known {
    const char *name, *kind, *initial, *choices, *only, *part;
    bool secret;
};
static const struct known options_known[] = {
#define SLUICE_OPTION_KNOWN(name, kind, initial, choices, secret, only, part)                      \
    {name, #kind, initial, choices, only, part, secret},
#include <sluice/options.def>
};

struct alias {
    const char *alias, *name;
    int64_t factor;
};
static const struct alias aliases[] = {
#define SLUICE_OPTION_ALIAS(alias, name, factor) {alias, name, factor},
#include <sluice/options.def>
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char introduction[] =
    "# Options\n"
    "\n"
    "Made from `include/sluice/options.def` by `sluice_docs`; change it there.\n"
    "\n"
    "Set with `sluice_config_set(config, name, value, &error)` or `-X name=value` of the command.\n"
    "Names are Kafka's, and librdkafka's spellings are accepted. A name that is not known is\n"
    "refused with the nearest known one, if one is near, a value that is not allowed with what is\n"
    "allowed, and an option that is known and not built yet as just that: nothing is ignored.\n"
    "\n"
    "Upper and lower case are the same in words (`acks=ALL`), booleans are also taken as `1` and "
    "`0`,\nand blanks around a value do not belong to it.\n";

static const char contradictions[] =
    "\n## Contradictions\n"
    "\n"
    "`sluice_config_check` and `sluice_producer_open` refuse:\n"
    "\n"
    "- no `bootstrap.servers`;\n"
    "- `enable.idempotence=true`, given, with `acks` other than all or with `retries=0`. When it\n"
    "  was not given, those two switch idempotence off;\n"
    "- more than five requests in flight with idempotence, given or not;\n"
    "- `delivery.timeout.ms`, given, below `linger.ms` + `request.timeout.ms`. When it was not\n"
    "  given, it is raised to their sum;\n"
    "- `batch.size` or `max.request.size`, given, above `buffer.memory`. When they were not "
    "given,\n"
    "  they are lowered to it;\n"
    "- a back-off or set-up timeout above its own maximum, both given. When one was not given, it\n"
    "  follows the other.\n";

static const char *kind_word(const char *kind) {
    static const char *const words[][2] = {
        {"INTEGER", "integer"}, {"MILLISECONDS", "milliseconds"},
        {"BOOLEAN", "boolean"}, {"CHOICE", "choice"},
        {"TEXT", "text"},       {"SERVERS", "list"},
        {"DECIMAL", "decimal"}, {"LIST", "list"},
        {"PASSWORD", "secret"}, {"CLASS", "class"},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i][0], kind) == 0) {
            return words[i][1];
        }
    }
    return kind;
}

/* Words without the numbers behind them; a word with ! at the end is not built. */
static void choices_write(FILE *page, const char *choices) {
    while (*choices != '\0') {
        size_t size = strcspn(choices, " ");
        size_t word_size = strcspn(choices, " =!");
        (void)fprintf(page, "`%.*s`%s", (int)word_size, choices,
                      choices[word_size] == '!' ? " (not built yet)" : "");
        choices += size;
        if (*choices == ' ') {
            (void)fputs(", ", page);
            choices++;
        }
    }
}

static void allowed_write(FILE *page, const struct built *option) {
    if (option->choices[0] != '\0') {
        choices_write(page, option->choices);
    } else if (strcmp(option->kind, "BOOLEAN") == 0) {
        (void)fputs("`true`, `false`", page);
    } else if (strcmp(option->kind, "SERVERS") != 0) {
        (void)fprintf(page, "%" PRId64 " to %" PRId64 "%s", option->least, option->most,
                      strcmp(option->kind, "TEXT") == 0 ? " bytes" : "");
    }
}

static void code_write(FILE *page, const char *text) {
    if (text[0] != '\0') {
        (void)fprintf(page, "`%s`", text);
    }
}

static void built_write(FILE *page) {
    (void)fputs("\n## Built\n\n| name | type | default | allowed | meaning |\n"
                "|---|---|---|---|---|\n",
                page);
    for (size_t i = 0; i < COUNT(options_built); i++) {
        const struct built *option = &options_built[i];
        (void)fprintf(page, "| `%s` | %s | ", option->name, kind_word(option->kind));
        code_write(page, option->initial);
        (void)fputs(" | ", page);
        allowed_write(page, option);
        (void)fprintf(page, " | %s |\n", option->text);
    }
}

static void aliases_write(FILE *page) {
    (void)fputs("\n## librdkafka's spellings\n\n| spelling | option |\n|---|---|\n", page);
    for (size_t i = 0; i < COUNT(aliases); i++) {
        (void)fprintf(page, "| `%s` | `%s`", aliases[i].alias, aliases[i].name);
        if (aliases[i].factor != 1) {
            (void)fprintf(page, ", times %" PRId64, aliases[i].factor);
        }
        (void)fputs(" |\n", page);
    }
}

static void known_values_write(FILE *page, const struct known *option) {
    const char *dots = strstr(option->choices, "..");
    if (dots != NULL) {
        (void)fprintf(page, "%.*s %s", (int)(dots - option->choices), option->choices,
                      dots[2] == '\0' ? "and more" : "to ");
        (void)fputs(dots + 2, page);
    } else {
        choices_write(page, option->choices);
    }
}

static void known_write(FILE *page) {
    (void)fputs("\n## Known, not built yet\n"
                "\n"
                "*Accepted* lists the values that describe what Sluice does anyway. The default is "
                "that of Kafka or\nlibrdkafka. Values of secrets are never printed.\n"
                "\n| name | type | default | values | accepted | waits for |\n"
                "|---|---|---|---|---|---|\n",
                page);
    for (size_t i = 0; i < COUNT(options_known); i++) {
        const struct known *option = &options_known[i];
        (void)fprintf(page, "| `%s` | %s | ", option->name,
                      option->secret ? "secret" : kind_word(option->kind));
        code_write(page, option->initial);
        (void)fputs(" | ", page);
        known_values_write(page, option);
        (void)fputs(" | ", page);
        if (strcmp(option->only, "<empty>") == 0) {
            (void)fputs("empty", page);
        } else {
            code_write(page, option->only);
        }
        (void)fprintf(page, " | %s |\n", option->part);
    }
}

void options_page_write(FILE *page) {
    (void)fputs(introduction, page);
    built_write(page);
    (void)fputs(contradictions, page);
    aliases_write(page);
    known_write(page);
}
