/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/sim/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stress/sim/ledger_internal.h"

/* A coarse clock may be so much behind; a batch may be out on its longest retry.backoff.max.ms. */
enum { TIMESTAMP_BEHIND_MS_MAX = 4, DECIDED_LATE_MS_MAX = 1500, MS = 1000000 };

void ledger_init(struct ledger *ledger, const struct plan *plan, struct verdict *verdict) {
    *ledger = (struct ledger){.plan = plan, .verdict = verdict};
}

void ledger_deinit(struct ledger *ledger) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        free(ledger->entries[i]);
    }
    free(ledger->entries);
}

struct ledger_entry *ledger_add(struct ledger *ledger) {
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity == 0 ? 256 : ledger->capacity * 2;
        ledger->entries =
            realloc(ledger->entries, ledger->capacity * sizeof(struct ledger_entry *));
    }
    struct ledger_entry *entry = calloc(1, sizeof(*entry));
    ledger->entries[ledger->count++] = entry;
    entry->id = ledger->count;
    entry->partition_wanted = -1;
    return entry;
}

void ledger_begin(struct ledger *ledger, struct ledger_entry *entry) {
    entry->begun = ++ledger->ticks;
}

void ledger_return(struct ledger *ledger, struct ledger_entry *entry, bool accepted,
                   uint64_t now_ns) {
    entry->returned = ++ledger->ticks;
    entry->accepted = accepted;
    entry->accepted_ns = now_ns;
    ledger->accepted += accepted;
    ledger->refused += !accepted;
    if (!accepted && entry->reports > 0) {
        verdict_fail(ledger->verdict, "record %" PRIu64 " was refused and reported", entry->id);
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

static void check_outcome(struct ledger *ledger, const struct ledger_entry *entry) {
    const sluice_report *report = &entry->report;
    const char *error = sluice_code_name(report->error);
    if (report->outcome < SLUICE_PERSISTED || report->outcome > SLUICE_UNKNOWN) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": no such outcome as %d", entry->id,
                     (int)report->outcome);
        return;
    }
    ledger->outcomes[report->outcome]++;
    if ((report->outcome == SLUICE_PERSISTED) != (report->error == SLUICE_OK)) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": outcome %d with %s", entry->id,
                     (int)report->outcome, error);
    }
    if (report->outcome != SLUICE_NOT_PERSISTED && report->attempts == 0) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": outcome %d without an attempt",
                     entry->id, (int)report->outcome);
    }
    if (report->attempts > (uint64_t)ledger->plan->retries + 1) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": %u attempts with %u retries", entry->id,
                     report->attempts, ledger->plan->retries);
    }
    if (ledger->plan->acks == 0 && report->outcome == SLUICE_PERSISTED) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": persisted with acks=0", entry->id);
    }
}

static void check_time(struct ledger *ledger, const struct ledger_entry *entry) {
    uint64_t age_ms = (uint64_t)entry->report.waited_ms + entry->report.in_flight_ms;
    uint64_t allowed_ms = (uint64_t)ledger->plan->delivery_timeout_ms + DECIDED_LATE_MS_MAX;
    if (age_ms > allowed_ms) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": decided after %" PRIu64 " of %u ms",
                     entry->id, age_ms, ledger->plan->delivery_timeout_ms);
    }
    uint64_t seen_ms = entry->returned == 0 ? 0 : (entry->reported_ns - entry->accepted_ns) / MS;
    allowed_ms += 2 * ledger->plan->poll_every_ns / MS;
    if (seen_ms > allowed_ms) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": reported after %" PRIu64 " of %u ms",
                     entry->id, seen_ms, ledger->plan->delivery_timeout_ms);
    }
}

static void check_partition(struct ledger *ledger, struct ledger_entry *entry) {
    const sluice_report *report = &entry->report;
    uint32_t count = ledger->plan->partition_counts[entry->topic];
    if (report->partition == -1 && report->outcome == SLUICE_NOT_PERSISTED) {
        return;
    }
    if (report->partition < 0 || report->partition >= (int32_t)count) {
        if (report->partition != entry->partition_wanted) {
            verdict_fail(ledger->verdict, "record %" PRIu64 ": reported in partition %d of %u",
                         entry->id, report->partition, count);
        }
        return;
    }
    int32_t expected = ledger_partition_of(ledger->plan, entry);
    if (expected != -1 && report->partition != expected) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": in partition %d, belongs into %d",
                     entry->id, report->partition, expected);
    }
    bool early = entry->sync || report->outcome != SLUICE_PERSISTED;
    if (early || !plan_promises_order(ledger->plan)) {
        return; /* told at once; or given up on before an older one is decided */
    }
    uint64_t *begun_max = &ledger->reported_begun[entry->topic][report->partition];
    if (entry->returned != 0 && *begun_max > entry->returned) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": reported after a later one of partition %d of topic %u",
                     entry->id, report->partition, entry->topic);
    }
    *begun_max = *begun_max > entry->begun ? *begun_max : entry->begun;
}

void ledger_report(struct ledger *ledger, const sluice_report *report, unsigned topic,
                   uint64_t now_ns) {
    struct ledger_entry *entry = report->opaque;
    if (entry->id == 0 || entry->id > ledger->count || ledger->entries[entry->id - 1] != entry) {
        verdict_fail(ledger->verdict, "a report with an opaque pointer that is none of ours");
        return;
    }
    ledger->reported++;
    if (++entry->reports > 1) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": reported %u times", entry->id,
                     entry->reports);
        return;
    }
    if (entry->returned != 0 && !entry->accepted) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": refused, and reported", entry->id);
    }
    entry->report = *report;
    entry->reported_ns = now_ns;
    if (topic != entry->topic) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": reported with topic %u, not %u",
                     entry->id, topic, entry->topic);
    }
    check_outcome(ledger, entry);
    check_time(ledger, entry);
    check_partition(ledger, entry);
}

/* ---- logs ------------------------------------------------------------------------------------ */

static void check_found_again(struct ledger_reading *reading, const struct ledger_entry *entry) {
    if (entry->found_partition != reading->partition) {
        verdict_fail(reading->ledger->verdict,
                     "record %" PRIu64 ": in partitions %d and %d of topic %u", entry->id,
                     entry->found_partition, reading->partition, reading->topic);
    } else if (!plan_allows_doubles(reading->ledger->plan)) {
        verdict_fail(reading->ledger->verdict,
                     "record %" PRIu64 ": doubled, %u times in partition %d of topic %u, first at "
                     "%" PRId64,
                     entry->id, entry->found, reading->partition, reading->topic,
                     entry->found_offset);
    }
}

static void check_found_order(struct ledger_reading *reading, const struct ledger_entry *entry) {
    const struct plan *plan = reading->ledger->plan;
    bool late = entry->report.outcome != SLUICE_PERSISTED && !plan->idempotent;
    if (!plan_promises_order(plan) || late) {
        return; /* without idempotence what nobody waits for any more may come late */
    }
    if (reading->begun_max > entry->returned) {
        verdict_fail(reading->ledger->verdict,
                     "record %" PRIu64 ": out of order at offset %" PRId64
                     " of partition %d of topic %u",
                     entry->id, entry->found_offset, reading->partition, reading->topic);
    }
    reading->begun_max = reading->begun_max > entry->begun ? reading->begun_max : entry->begun;
}

/* Between begin and end of the call, either way around: the wall clock may have jumped back. */
static bool timestamp_fits(const struct ledger_entry *entry, int64_t timestamp_ms) {
    if (entry->own_timestamp) {
        return timestamp_ms == entry->timestamp_ms;
    }
    int64_t a = entry->timestamp_ms, b = entry->timestamp_end_ms;
    return timestamp_ms >= (a < b ? a : b) - TIMESTAMP_BEHIND_MS_MAX &&
           timestamp_ms <= (a > b ? a : b);
}

static void check_found_content(struct ledger_reading *reading, struct ledger_entry *entry,
                                const sluice_broker_record *record) {
    struct verdict *verdict = reading->ledger->verdict;
    if (!ledger_same_bytes(entry, record)) {
        verdict_fail(verdict, "record %" PRIu64 ": its bytes changed on the way", entry->id);
    }
    if (entry->topic != reading->topic) {
        verdict_fail(verdict, "record %" PRIu64 ": in topic %u, not %u", entry->id, reading->topic,
                     entry->topic);
        return;
    }
    int32_t expected = ledger_partition_of(reading->ledger->plan, entry);
    if (expected != -1 && expected != reading->partition) {
        verdict_fail(verdict, "record %" PRIu64 ": lies in partition %d, belongs into %d",
                     entry->id, reading->partition, expected);
    }
    if (!timestamp_fits(entry, record->timestamp_ms)) {
        verdict_fail(verdict, "record %" PRIu64 ": timestamp %" PRId64 ", not %" PRId64, entry->id,
                     record->timestamp_ms, entry->timestamp_ms);
    }
}

void ledger_found(struct ledger_reading *reading, const sluice_broker_record *record) {
    struct ledger *ledger = reading->ledger;
    if (record->offset != reading->next_offset) {
        verdict_fail(ledger->verdict, "the log has offset %" PRId64 " after %" PRId64,
                     record->offset, reading->next_offset - 1);
    }
    reading->next_offset = record->offset + 1;
    uint64_t id = ledger_id_of(record);
    if (id == 0 || id > ledger->count) {
        verdict_fail(ledger->verdict, "partition %d of topic %u holds a record of nobody's",
                     reading->partition, reading->topic);
        return;
    }
    struct ledger_entry *entry = ledger->entries[id - 1];
    check_found_content(reading, entry, record);
    if (entry->found++ > 0) {
        check_found_again(reading, entry);
        if (entry->report.offset == record->offset) {
            entry->found_offset = record->offset; /* any of the doubles may be the one it tells */
        }
        return;
    }
    entry->found_partition = reading->partition;
    entry->found_offset = record->offset;
    check_found_order(reading, entry);
}

/* ---- the balance ----------------------------------------------------------------------------- */

static void check_persisted(struct ledger *ledger, const struct ledger_entry *entry) {
    const sluice_report *report = &entry->report;
    if (entry->found == 0) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": lost, it was persisted at offset %" PRId64
                     " of partition %d of topic %u",
                     entry->id, report->offset, report->partition, entry->topic);
    } else if (entry->found_partition != report->partition ||
               (report->offset >= 0 && entry->found_offset != report->offset)) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": told to be at %d/%" PRId64 ", lies at %d/%" PRId64,
                     entry->id, report->partition, report->offset, entry->found_partition,
                     entry->found_offset);
    }
}

static void close_entry(struct ledger *ledger, const struct ledger_entry *entry) {
    if (!entry->accepted) {
        if (entry->found > 0) {
            verdict_fail(ledger->verdict, "record %" PRIu64 ": refused, and in the log", entry->id);
        }
        return;
    }
    if (entry->reports == 0) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": accepted, never reported", entry->id);
        return;
    }
    if (entry->report.outcome == SLUICE_PERSISTED) {
        check_persisted(ledger, entry);
    }
    if (entry->report.outcome == SLUICE_NOT_PERSISTED && entry->found > 0) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": not persisted (%s, last %s), but at %" PRId64
                     " of partition %d of topic %u",
                     entry->id, sluice_code_name(entry->report.error),
                     sluice_code_name(entry->report.last_error), entry->found_offset,
                     entry->found_partition, entry->topic);
    }
    bool must_arrive = entry->last_wave && ledger->plan->acks != 0;
    if (must_arrive && entry->report.outcome != SLUICE_PERSISTED) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": not delivered although all is well: outcome %d, %s, "
                     "last %s, topic %u",
                     entry->id, (int)entry->report.outcome, sluice_code_name(entry->report.error),
                     sluice_code_name(entry->report.last_error), entry->topic);
    }
}

void ledger_close(struct ledger *ledger) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        close_entry(ledger, ledger->entries[i]);
    }
    if (ledger->accepted != ledger->reported) {
        verdict_fail(ledger->verdict, "%" PRIu64 " accepted, %" PRIu64 " reported",
                     ledger->accepted, ledger->reported);
    }
}
