/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The book finds each kind of broken promise. A checker that finds nothing is worth nothing. */
#include "stress/sim/ledger.h"
#include "test.h"

enum { RECORDS = 6 };

struct book {
    struct plan plan;
    struct verdict verdict;
    struct ledger ledger;
    struct ledger_entry *entries[RECORDS];
};

/* Six records, accepted one after the other, for partition 0 of topic 0. */
static void book_open(struct book *book) {
    memset(book, 0, sizeof(*book));
    book->plan.topic_count = 2;
    book->plan.partition_counts[0] = book->plan.partition_counts[1] = 3;
    book->plan.clients[0].acks = -1;
    book->plan.clients[0].idempotent = true;
    book->plan.clients[0].retries = 100;
    book->plan.clients[0].delivery_timeout_ms = 1000;
    ledger_init(&book->ledger, &book->plan, &book->verdict);
    for (int i = 0; i < RECORDS; i++) {
        struct ledger_entry *entry = ledger_add(&book->ledger, 0);
        entry->partition_wanted = 0;
        entry->value_size = 100;
        entry->header_count = (unsigned)i % 4;
        ledger_begin(&book->ledger, entry);
        ledger_return(&book->ledger, entry, true, 0);
        book->entries[i] = entry;
    }
}

static void report_at(struct book *book, int i, sluice_outcome outcome, int64_t offset) {
    sluice_report report = {.opaque = book->entries[i],
                            .outcome = outcome,
                            .error =
                                outcome == SLUICE_PERSISTED ? SLUICE_OK : SLUICE_RETRIES_EXHAUSTED,
                            .offset = offset,
                            .attempts = 1};
    ledger_report(&book->ledger, &report, 0, 0);
}

static void report(struct book *book, int i, sluice_outcome outcome) {
    report_at(book, i, outcome, outcome == SLUICE_PERSISTED ? i : -1);
}

static void report_all(struct book *book) {
    for (int i = 0; i < RECORDS; i++) {
        report(book, i, SLUICE_PERSISTED);
    }
}

/* Puts the entry's record at the next offset of what is read; `spoil` changes its bytes. */
static void found(struct ledger_reading *reading, struct ledger_entry *entry, bool spoil) {
    struct ledger_record made;
    sluice_broker_header headers[LEDGER_HEADERS_MAX];
    ledger_record_make(&made, entry);
    for (unsigned i = 0; i < entry->header_count; i++) {
        headers[i] = (sluice_broker_header){made.headers[i].name, strlen(made.headers[i].name),
                                            made.headers[i].value, made.headers[i].value_size};
    }
    if (spoil) {
        made.value[50] ^= 1;
    }
    sluice_broker_record record = {.offset = reading->next_offset,
                                   .key = made.record.key,
                                   .key_size = made.record.key_size,
                                   .value = made.record.value,
                                   .value_size = made.record.value_size,
                                   .headers = headers,
                                   .header_count = entry->header_count};
    ledger_found(reading, &record);
    ledger_record_free(&made);
}

static void read_in_order(struct book *book, const int *order, int count) {
    struct ledger_reading reading = {.ledger = &book->ledger};
    for (int i = 0; i < count; i++) {
        found(&reading, book->entries[order[i]], false);
    }
}

/* Closes the book; how many promises were broken. */
static unsigned book_close(struct book *book, const char *expected) {
    ledger_close(&book->ledger);
    unsigned failures = book->verdict.failures;
    if (expected != NULL) {
        cr_assert_gt(failures, 0, "nothing was found, where '%s' was expected", expected);
        bool said = false;
        for (unsigned i = 0; i < failures && i < VERDICT_LINES_MAX; i++) {
            said = said || strstr(book->verdict.lines[i], expected) != NULL;
        }
        cr_assert(said, "found '%s', where '%s' was expected", book->verdict.lines[0], expected);
    }
    ledger_deinit(&book->ledger);
    return failures;
}

static const int in_order[RECORDS] = {0, 1, 2, 3, 4, 5};

Test(sim_ledger, finds_nothing_where_all_is_well) {
    struct book book;
    book_open(&book);
    report_all(&book);
    read_in_order(&book, in_order, RECORDS);
    unsigned failures = book_close(&book, NULL);
    cr_assert_eq(failures, 0, "%s", book.verdict.lines[0]);
}

Test(sim_ledger, finds_a_record_that_was_lost) {
    struct book book;
    book_open(&book);
    report_all(&book);
    read_in_order(&book, in_order, RECORDS - 1);
    cr_assert_eq(book_close(&book, "lost"), 1);
}

Test(sim_ledger, finds_a_record_that_was_doubled) {
    struct book book;
    book_open(&book);
    report_all(&book);
    const int order[] = {0, 1, 2, 3, 4, 5, 3};
    read_in_order(&book, order, 7);
    cr_assert_eq(book_close(&book, "doubled"), 1);
}

Test(sim_ledger, finds_records_out_of_order) {
    struct book book;
    book_open(&book);
    for (int i = 0; i < RECORDS; i++) {
        report(&book, i, SLUICE_UNKNOWN);
    }
    const int order[] = {0, 1, 3, 2, 4, 5};
    read_in_order(&book, order, RECORDS);
    cr_assert_eq(book_close(&book, "out of order"), 1);
}

/* All but the last were read, then the topic was made again, and the last is the first there. */
static unsigned read_again(bool idempotent, const int *order, int count, const char *expected) {
    struct book book;
    book_open(&book);
    book.plan.clients[0].idempotent = idempotent;
    for (int i = 0; i < RECORDS - 1; i++) {
        report(&book, i, SLUICE_PERSISTED);
    }
    report_at(&book, RECORDS - 1, SLUICE_PERSISTED, 0);
    read_in_order(&book, in_order, RECORDS - 1);
    ledger_topic_gone(&book.ledger, 0);
    read_in_order(&book, order, count);
    return book_close(&book, expected);
}

Test(sim_ledger, lets_a_double_come_late_into_a_topic_made_again) {
    static const int late[] = {5, 1};
    cr_assert_eq(read_again(false, late, 2, NULL), 0);
    cr_assert_gt(read_again(true, late, 2, "record 2: out of order"), 0);
}

Test(sim_ledger, finds_reports_out_of_order) {
    struct book book;
    book_open(&book);
    const int order[] = {0, 2, 1, 3, 4, 5};
    for (int i = 0; i < RECORDS; i++) {
        report(&book, order[i], SLUICE_PERSISTED);
    }
    read_in_order(&book, in_order, RECORDS);
    cr_assert_eq(book_close(&book, "reported after a later one"), 1);
}

Test(sim_ledger, finds_a_record_that_was_called_not_persisted_and_is_there) {
    struct book book;
    book_open(&book);
    for (int i = 0; i < RECORDS; i++) {
        report(&book, i, i == 5 ? SLUICE_NOT_PERSISTED : SLUICE_PERSISTED);
    }
    read_in_order(&book, in_order, RECORDS);
    cr_assert_eq(book_close(&book, "not persisted"), 1);
}

Test(sim_ledger, finds_a_record_that_was_never_reported) {
    struct book book;
    book_open(&book);
    for (int i = 1; i < RECORDS; i++) {
        report(&book, i, SLUICE_UNKNOWN);
    }
    cr_assert_eq(book_close(&book, "never reported"), 2);
}

Test(sim_ledger, finds_a_record_that_was_out_of_time_too_early) {
    struct book book;
    book_open(&book);
    for (int i = 1; i < RECORDS; i++) {
        report(&book, i, SLUICE_PERSISTED);
    }
    sluice_report early = {.opaque = book.entries[0],
                           .outcome = SLUICE_UNKNOWN,
                           .error = SLUICE_DELIVERY_TIMED_OUT,
                           .offset = -1,
                           .attempts = 1,
                           .waited_ms = 1};
    ledger_report(&book.ledger, &early, 0, 0);
    read_in_order(&book, in_order, RECORDS);
    cr_assert_eq(book_close(&book, "out of time after 1"), 1);
}

Test(sim_ledger, finds_a_record_that_was_reported_twice) {
    struct book book;
    book_open(&book);
    report_all(&book);
    report(&book, 5, SLUICE_PERSISTED);
    read_in_order(&book, in_order, RECORDS);
    book_close(&book, "reported 2 times");
}

Test(sim_ledger, finds_bytes_that_changed_and_offsets_that_lie) {
    struct book book;
    book_open(&book);
    report_all(&book);
    struct ledger_reading reading = {.ledger = &book.ledger};
    for (int i = 0; i < RECORDS; i++) {
        found(&reading, book.entries[i], i == 2);
    }
    cr_assert_eq(book_close(&book, "its bytes changed"), 1);

    book_open(&book);
    report_all(&book);
    reading = (struct ledger_reading){.ledger = &book.ledger};
    struct ledger_entry *more = ledger_add(&book.ledger, 0);
    more->value_size = 10;
    ledger_begin(&book.ledger, more);
    ledger_return(&book.ledger, more, false, 0);
    found(&reading, book.entries[0], false);
    found(&reading, more, false); /* refused, and there all the same: everything moves by one */
    for (int i = 1; i < RECORDS; i++) {
        found(&reading, book.entries[i], false);
    }
    book_close(&book, "told to be at");
}

Test(sim_ledger, finds_a_keyed_record_in_the_wrong_partition) {
    struct book book;
    book_open(&book);
    struct ledger_entry *entry = ledger_add(&book.ledger, 0);
    entry->key = LEDGER_KEY_EMPTY; /* murmur2 of nothing is 275646681, which 3 divides */
    entry->value_size = 10;
    ledger_begin(&book.ledger, entry);
    ledger_return(&book.ledger, entry, true, 0);
    sluice_report right = {
        .opaque = entry, .outcome = SLUICE_NOT_PERSISTED, .error = SLUICE_PURGED, .partition = 0};
    ledger_report(&book.ledger, &right, 0, 0);
    cr_assert_eq(book.verdict.failures, 0, "%s", book.verdict.lines[0]);
    entry->reports = 0;
    right.partition = 1;
    ledger_report(&book.ledger, &right, 0, 0);
    book_close(&book, "not its own");
}
