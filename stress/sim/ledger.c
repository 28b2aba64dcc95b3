/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/sim/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stress/sim/ledger_internal.h"

/* What delivery.timeout.ms may be late, in virtual time; a report's times are rounded. */
enum { DECIDED_LATE_MS_MAX = 100, ROUNDED_MS_MAX = 2, MS = 1000000 };

void ledger_init(struct ledger *ledger, const struct plan *plan, struct verdict *verdict) {
    *ledger = (struct ledger){.plan = plan, .verdict = verdict};
    for (unsigned i = 0; i < PLAN_TOPICS_MAX; i++) {
        ledger->partition_counts[i] = plan->partition_counts[i];
    }
}

void ledger_deinit(struct ledger *ledger) {
    for (uint64_t i = 0; i < ledger->count; i++) {
        free(ledger->entries[i]);
    }
    free(ledger->entries);
}

struct ledger_entry *ledger_add(struct ledger *ledger, unsigned client) {
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity == 0 ? 256 : ledger->capacity * 2;
        ledger->entries =
            realloc(ledger->entries, ledger->capacity * sizeof(struct ledger_entry *));
    }
    struct ledger_entry *entry = calloc(1, sizeof(*entry));
    ledger->entries[ledger->count++] = entry;
    entry->id = ledger->count;
    entry->client = client;
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
    const struct plan_client *client = ledger_client(ledger, entry);
    if (report->attempts > (uint64_t)client->retries + 1) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": %u attempts with %u retries", entry->id,
                     report->attempts, client->retries);
    }
    if (client->acks == 0 && report->outcome == SLUICE_PERSISTED) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": persisted with acks=0", entry->id);
    }
}

static void check_time(struct ledger *ledger, const struct ledger_entry *entry) {
    const struct plan_client *client = ledger_client(ledger, entry);
    uint64_t age_ms = (uint64_t)entry->report.waited_ms + entry->report.in_flight_ms;
    uint64_t allowed_ms = (uint64_t)client->delivery_timeout_ms + DECIDED_LATE_MS_MAX;
    if (age_ms > allowed_ms) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": decided after %" PRIu64 " of %u ms",
                     entry->id, age_ms, client->delivery_timeout_ms);
    }
    if (entry->report.error == SLUICE_DELIVERY_TIMED_OUT &&
        age_ms + ROUNDED_MS_MAX < client->delivery_timeout_ms) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": out of time after %" PRIu64 " of %u ms",
                     entry->id, age_ms, client->delivery_timeout_ms);
    }
    uint64_t seen_ms = entry->returned == 0 ? 0 : (entry->reported_ns - entry->accepted_ns) / MS;
    allowed_ms += client->poll_every_ns / MS;
    if (seen_ms > allowed_ms) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": reported after %" PRIu64 " of %u ms",
                     entry->id, seen_ms, client->delivery_timeout_ms);
    }
}

static void check_partition(struct ledger *ledger, struct ledger_entry *entry) {
    const sluice_report *report = &entry->report;
    uint32_t count = ledger->partition_counts[entry->topic];
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
    if (!ledger_belongs_into(ledger, entry, report->partition)) {
        verdict_fail(ledger->verdict, "record %" PRIu64 ": reported in partition %d, not its own",
                     entry->id, report->partition);
    }
    bool early = entry->sync || report->outcome != SLUICE_PERSISTED;
    if (early || !plan_promises_order(ledger->plan, ledger_client(ledger, entry))) {
        return; /* told at once; or given up on before an older one is decided */
    }
    uint64_t *begun_max = &ledger->reported_begun[entry->client][entry->topic][report->partition];
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
