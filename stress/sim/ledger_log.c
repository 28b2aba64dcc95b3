/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the brokers' logs hold, and whether it agrees with the reports. */
#include <inttypes.h>

#include "stress/sim/ledger.h"
#include "stress/sim/ledger_internal.h"

/* A coarse clock may be so much behind. */
enum { TIMESTAMP_BEHIND_MS_MAX = 4 };

/* ---- one record in a log --------------------------------------------------------------------- */

static void check_found_again(struct ledger_reading *reading, const struct ledger_entry *entry) {
    struct ledger *ledger = reading->ledger;
    if (entry->here.partition != reading->partition) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": in partitions %d and %d of topic %u",
                     entry->id, entry->here.partition, reading->partition, reading->topic);
    } else if (!plan_allows_doubles(ledger->plan, ledger_client(ledger, entry))) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": doubled, %u times in partition %d of topic %u, first at "
                     "%" PRId64,
                     entry->id, entry->here.count, reading->partition, reading->topic,
                     entry->here.offset);
    }
}

static void check_found_order(struct ledger_reading *reading, const struct ledger_entry *entry) {
    const struct plan *plan = reading->ledger->plan;
    const struct plan_client *client = ledger_client(reading->ledger, entry);
    bool late = entry->report.outcome != SLUICE_PERSISTED && !client->idempotent && !plan->strong;
    bool again = entry->gone.count > 0 && plan_allows_doubles(plan, client);
    if (!plan_promises_order(plan, client) || late || again) {
        /* without idempotence what nobody waits for any more may come late, and a second copy may
         * be the first one in the log of a topic that was made again */
        return;
    }
    uint64_t *begun_max = &reading->begun_max[entry->client];
    if (entry->returned != 0 && *begun_max > entry->returned) {
        verdict_fail(reading->ledger->verdict,
                     "record %" PRIu64 ": out of order at offset %" PRId64
                     " of partition %d of topic %u",
                     entry->id, entry->here.offset, reading->partition, reading->topic);
    }
    *begun_max = *begun_max > entry->begun ? *begun_max : entry->begun;
}

/* Between begin and end of the call, either way around: the wall clock may have jumped back. */
static bool timestamp_fits(const struct plan *plan, const struct ledger_entry *entry,
                           int64_t timestamp_ms) {
    if (entry->own_timestamp) {
        return timestamp_ms == entry->timestamp_ms;
    }
    if (entry->returned == 0) {
        return true; /* its call still waits */
    }
    if (entry->waited && plan_has(plan, TROUBLE_CLOCK)) {
        return true; /* it may have jumped several times meanwhile */
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
    if (!ledger_belongs_into(reading->ledger, entry, reading->partition)) {
        verdict_fail(verdict, "record %" PRIu64 ": lies in partition %d, not its own", entry->id,
                     reading->partition);
    }
    if (!timestamp_fits(reading->ledger->plan, entry, record->timestamp_ms)) {
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
    if (entry->here.count++ > 0) {
        check_found_again(reading, entry);
        if (entry->report.offset == record->offset) {
            entry->here.offset = record->offset; /* any of the doubles may be the one it tells */
        }
        return;
    }
    entry->here.partition = reading->partition;
    entry->here.offset = record->offset;
    check_found_order(reading, entry);
}

void ledger_read_begin(struct ledger *ledger) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        ledger->entries[i]->here = (struct ledger_place){0};
    }
}

void ledger_topic_gone(struct ledger *ledger, unsigned topic) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        struct ledger_entry *entry = ledger->entries[i];
        if (entry->topic == topic && entry->here.count > 0) {
            unsigned before = entry->gone.count;
            entry->gone = entry->here;
            entry->gone.count += before;
            entry->here = (struct ledger_place){0};
        }
    }
}

void ledger_lost(struct ledger *ledger, const sluice_broker_record *record) {
    uint64_t id = ledger_id_of(record);
    if (id > 0 && id <= ledger->count) {
        ledger->entries[id - 1]->lost = true;
    }
}

/* ---- the balance ----------------------------------------------------------------------------- */

static bool place_told(const struct ledger_place *place, const sluice_report *report) {
    return place->count > 0 && place->partition == report->partition &&
           (report->offset < 0 || place->offset == report->offset);
}

static void check_persisted(struct ledger *ledger, const struct ledger_entry *entry) {
    const sluice_report *report = &entry->report;
    if (entry->lost && plan_allows_losses(ledger->plan, ledger_client(ledger, entry))) {
        return;
    }
    if (entry->here.count == 0 && entry->gone.count == 0) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": lost, it was persisted at offset %" PRId64
                     " of partition %d of topic %u",
                     entry->id, report->offset, report->partition, entry->topic);
    } else if (!place_told(&entry->here, report) && !place_told(&entry->gone, report) &&
               entry->gone.count <= 1) {
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": told to be at %d/%" PRId64 ", lies at %d/%" PRId64,
                     entry->id, report->partition, report->offset, entry->here.partition,
                     entry->here.offset);
    }
}

static void check_reported(struct ledger *ledger, const struct ledger_entry *entry) {
    if (entry->report.outcome == SLUICE_PERSISTED) {
        check_persisted(ledger, entry);
    }
    if (entry->report.outcome == SLUICE_NOT_PERSISTED && entry->here.count > 0) {
        const struct ledger_place *place = &entry->here;
        verdict_fail(ledger->verdict,
                     "record %" PRIu64 ": not persisted (%s, last %s), but at %" PRId64
                     " of partition %d of topic %u",
                     entry->id, sluice_code_name(entry->report.error),
                     sluice_code_name(entry->report.last_error), place->offset, place->partition,
                     entry->topic);
    }
}

static void check_refused(struct ledger *ledger, const struct ledger_entry *entry) {
    if (entry->here.count + entry->gone.count > 0) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": refused, and in the log", entry->id);
    }
}

void ledger_audit(struct ledger *ledger) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        const struct ledger_entry *entry = ledger->entries[i];
        if (entry->reports > 0) {
            check_reported(ledger, entry);
        } else if (entry->returned != 0 && !entry->accepted) {
            check_refused(ledger, entry);
        }
    }
}

static void close_entry(struct ledger *ledger, const struct ledger_entry *entry) {
    if (!entry->accepted) {
        check_refused(ledger, entry);
        return;
    }
    if (entry->reports == 0) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": accepted, never reported", entry->id);
        return;
    }
    check_reported(ledger, entry);
    bool must_arrive = entry->last_wave && ledger_client(ledger, entry)->acks != 0;
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
