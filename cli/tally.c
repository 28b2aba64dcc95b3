/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting what became of records. One thread at a time for each tally. */
#include <inttypes.h>

#include "cli/cli.h"

static void tally_error(struct tally *tally, sluice_code error, sluice_code last_error,
                        uint64_t count) {
    for (uint32_t i = 0; i < tally->error_count; i++) {
        if (tally->errors[i].error == error && tally->errors[i].last_error == last_error) {
            tally->errors[i].count += count;
            return;
        }
    }
    if (tally->error_count < TALLY_ERRORS_MAX) {
        uint32_t at = tally->error_count++;
        tally->errors[at].error = error;
        tally->errors[at].last_error = last_error;
        tally->errors[at].count = count;
    }
}

void tally_report(struct tally *tally, const sluice_report *report) {
    switch (report->outcome) {
    case SLUICE_PERSISTED:
        tally->persisted++;
        return;
    case SLUICE_NOT_PERSISTED:
        tally->not_persisted++;
        break;
    case SLUICE_UNKNOWN:
        tally->unknown++;
        tally->not_asked += report->error == SLUICE_NOT_ASKED;
        break;
    }
    if (report->error != SLUICE_NOT_ASKED) {
        tally_error(tally, report->error, report->last_error, 1);
    }
}

void tally_refused(struct tally *tally, sluice_code error) {
    tally->accepted++;
    tally->not_persisted++;
    tally_error(tally, error, SLUICE_OK, 1);
}

void tally_poll(struct tally *tally, sluice_producer *producer, int64_t timeout_ms) {
    sluice_report reports[REPORTS_AT_ONCE];
    size_t count = REPORTS_AT_ONCE;
    while (count == REPORTS_AT_ONCE) {
        count = sluice_poll(producer, reports, REPORTS_AT_ONCE, timeout_ms);
        timeout_ms = 0;
        for (size_t i = 0; i < count; i++) {
            tally_report(tally, &reports[i]);
        }
    }
}

uint64_t tally_open(const struct tally *tally) {
    return tally->accepted - tally->persisted - tally->not_persisted - tally->unknown;
}

void tally_add(struct tally *sum, const struct tally *other) {
    sum->accepted += other->accepted;
    sum->persisted += other->persisted;
    sum->not_persisted += other->not_persisted;
    sum->unknown += other->unknown;
    sum->not_asked += other->not_asked;
    for (uint32_t i = 0; i < other->error_count; i++) {
        tally_error(sum, other->errors[i].error, other->errors[i].last_error,
                    other->errors[i].count);
    }
}

bool tally_passes(const struct tally *tally, sluice_code code) {
    return code == SLUICE_FULL || code == SLUICE_PARTITION_FULL || code == SLUICE_REPORTS_WAITING ||
           (code == SLUICE_NO_MEMORY && tally_open(tally) > 0);
}

void tally_errors_print(const struct tally *tally, FILE *file) {
    char text[256];
    for (uint32_t i = 0; i < tally->error_count; i++) {
        sluice_code error = tally->errors[i].error;
        sluice_code last_error = tally->errors[i].last_error;
        (void)fprintf(file, "%" PRIu64 " record%s: %s", tally->errors[i].count,
                      plural(tally->errors[i].count),
                      sluice_code_describe(error, text, sizeof text));
        if (last_error != SLUICE_OK && last_error != error) {
            (void)fprintf(file, "; last: %s", sluice_code_describe(last_error, text, sizeof text));
        }
        (void)fputc('\n', file);
    }
}

bool tally_good(const struct tally *tally) {
    return tally->not_persisted == 0 && tally->unknown == tally->not_asked &&
           tally_open(tally) == 0;
}
