/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* docs/errors.md */
#include <ctype.h>
#include <string.h>

#include "cli/docs/pages.h"

struct row {
    const char *name, *class_name, *metadata, *attempt, *remedy, *text;
    int number;
};

static const struct row rows[] = {
#define SLUICE_ERROR(number, name, class_name, metadata, attempt, remedy, text)                    \
    {#name, #class_name, #metadata, #attempt, #remedy, text, number},
#include <sluice/errors.def>
#undef SLUICE_ERROR
};

static const char introduction[] =
    "# Errors\n"
    "\n"
    "Made from `include/sluice/errors.def` by `sluice_docs`; change it there.\n"
    "\n"
    "0 is success, a broker's errors keep Kafka's own numbers, ours go from -1000 down. A number\n"
    "that is not listed is legal and prints with its number (`sluice_code_describe`).\n"
    "\n"
    "**Class**: who has to do what about it (`sluice_code_class`).\n"
    "\n"
    "- *success*: nothing.\n"
    "- *retriable*: trying again later may succeed; the producer does so itself.\n"
    "- *refused*: this record or topic fails for good, others go on.\n"
    "- *identity*: concerns the producer's id, epoch or sequence; handled inside.\n"
    "- *caller*: the call, the record or the configuration must change.\n"
    "- *fatal*: nothing will go through until somebody changes something.\n"
    "- *internal*: a mistake in this library or in the broker: report it.\n"
    "\n"
    "**Refresh**: what is known of the cluster is out of date and asked for again.\n"
    "\n"
    "**Attempt**: what an attempt to produce that ended so tells about its batch: *written*, "
    "*not*\n"
    "(by this attempt; an earlier one may have), *unsure*, or - when it is no end of an attempt.\n"
    "A record that fails for good is reported as unknown if any attempt was unsure, and as not\n"
    "persisted otherwise.\n"
    "\n"
    "**Remedy**: what is done before the batch is tried again, beyond a pause; without one only\n"
    "retriable errors are tried again.\n"
    "\n"
    "- *few*: a few times in a row only.\n"
    "- *cut*: cut into smaller batches; a record that is too large alone fails.\n"
    "- *cut named*: the records that the answer names fail, the others go again.\n"
    "- *epoch*: once it is proven that nothing was written, a higher producer epoch.\n"
    "- *id*: a new producer id; what is unsure then is unknown.\n"
    "- *connect*: a new connection, on which versions are negotiated anew.\n";

static void lower_write(FILE *page, const char *word) {
    for (; *word != '\0'; word++) {
        (void)fputc(*word == '_' ? ' ' : tolower((unsigned char)*word), page);
    }
}

static void row_write(FILE *page, const struct row *row) {
    (void)fprintf(page, "| %d | `SLUICE_%s` | ", row->number, row->name);
    lower_write(page, row->class_name);
    (void)fprintf(page, " | %s | ", strcmp(row->metadata, "REFRESH") == 0 ? "yes" : "");
    lower_write(page, strcmp(row->attempt, "NOTHING") == 0 ? "-" : row->attempt);
    (void)fputs(" | ", page);
    lower_write(page, strcmp(row->remedy, "NONE") == 0 ? "" : row->remedy);
    (void)fprintf(page, " | %s |\n", row->text);
}

void errors_page_write(FILE *page) {
    (void)fputs(introduction, page);
    for (int ours = 1; ours >= 0; ours--) {
        (void)fprintf(page,
                      "\n## %s\n\n| number | name | class | refresh | attempt | remedy | text |\n"
                      "|---|---|---|---|---|---|---|\n",
                      ours ? "Ours" : "A broker's");
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if ((strncmp(rows[i].name, "BROKER_", strlen("BROKER_")) != 0) == (ours == 1)) {
                row_write(page, &rows[i]);
            }
        }
    }
}
