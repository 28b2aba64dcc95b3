/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The book of records: what was produced, what the reports said, what the brokers' logs hold. It
 * knows nothing of the producer but its public header, and judges by these rules:
 *
 *   - each accepted record has exactly one report, a refused one has none and is in no log
 *   - persisted: in the log, at the offset that was told, with the bytes that were given (or it was
 *     there when its topic was deleted; or an election lost it, where the plan allows that)
 *   - not persisted: not in the log (that it was in the log of a topic that is deleted is no lie)
 *   - nothing is in a log twice (where the plan promises that)
 *   - in a log, and in the reports of what was persisted, records of a partition are in the order
 *     of their calls
 *   - a keyed record is where Java's partitioner puts it, for a count of partitions the topic had
 *
 * Order is that of one client's calls. The rules are applied to what was reported so far whenever
 * the logs are read in the middle of a trial, too.
 */
#ifndef STRESS_SIM_LEDGER_H
#define STRESS_SIM_LEDGER_H

#include <sluice/broker.h>
#include <sluice/sluice.h>

#include "stress/sim/plan.h"
#include "stress/sim/verdict.h"

enum { LEDGER_HEADERS_MAX = 3, LEDGER_KEY_SIZE_MAX = 16, LEDGER_SHARED_KEYS = 8 };

enum ledger_key { LEDGER_KEY_NONE, LEDGER_KEY_SHARED, LEDGER_KEY_UNIQUE, LEDGER_KEY_EMPTY };
enum ledger_value { LEDGER_VALUE_SIZED, LEDGER_VALUE_NULL, LEDGER_VALUE_EMPTY };

/* How often a record was found, and where first. */
struct ledger_place {
    unsigned count;
    int32_t partition;
    int64_t offset;
};

struct ledger_entry {
    /* what was asked for */
    uint64_t id;
    unsigned client;
    unsigned topic;
    int32_t partition_wanted; /* -1: any */
    enum ledger_key key;
    enum ledger_value value;
    uint32_t value_size;
    unsigned header_count;
    bool own_timestamp;
    int64_t timestamp_ms;     /* its own, or the wall clock when the call began */
    int64_t timestamp_end_ms; /* the wall clock when the call returned */
    bool waited;              /* the call may have taken a while */
    bool sync;                /* its report went to the call itself */
    bool last_wave;           /* produced after all trouble had ended */
    /* when: the call began before `begun`, had returned before `returned` */
    uint64_t begun, returned;
    uint64_t accepted_ns;
    bool accepted;
    /* what the report said */
    unsigned reports;
    uint64_t reported_ns;
    sluice_report report;
    /* what the logs hold */
    struct ledger_place here; /* when they were read last */
    struct ledger_place gone; /* in topics that were deleted, when they were */
    bool lost;                /* with a leader that had not replicated it */
};

struct ledger {
    const struct plan *plan;
    struct verdict *verdict;
    struct ledger_entry **entries; /* by id - 1; their addresses stay */
    uint64_t count, capacity;
    uint64_t ticks; /* of begun and returned */
    uint64_t accepted, reported, refused;
    uint64_t outcomes[4];
    /* how many partitions each topic has by now; it had plan->partition_counts first */
    uint32_t partition_counts[PLAN_TOPICS_MAX];
    /* order of reports: the latest `begun` of what was reported, by client, topic and partition */
    uint64_t reported_begun[PLAN_CLIENTS_MAX][PLAN_TOPICS_MAX][PLAN_PARTITIONS_END];
};

void ledger_init(struct ledger *ledger, const struct plan *plan, struct verdict *verdict);
void ledger_deinit(struct ledger *ledger);

struct ledger_entry *ledger_add(struct ledger *ledger, unsigned client);
static inline const struct plan_client *ledger_client(const struct ledger *ledger,
                                                      const struct ledger_entry *entry) {
    return &ledger->plan->clients[entry->client];
}

/* A record for the producer, made from the entry alone. Memory of the caller. */
struct ledger_record {
    sluice_record record;
    uint8_t key[LEDGER_KEY_SIZE_MAX];
    sluice_header headers[LEDGER_HEADERS_MAX];
    uint8_t header_value[32];
    uint8_t *value; /* malloc'ed */
};
void ledger_record_make(struct ledger_record *record, struct ledger_entry *entry);
void ledger_record_free(struct ledger_record *record);

void ledger_begin(struct ledger *ledger, struct ledger_entry *entry);
void ledger_return(struct ledger *ledger, struct ledger_entry *entry, bool accepted,
                   uint64_t now_ns);

void ledger_report(struct ledger *ledger, const sluice_report *report, unsigned topic,
                   uint64_t now_ns);

/* Reading the logs: begin, every record of every partition in order, then either audit (of what was
 * reported so far) or close (when all was). */
void ledger_read_begin(struct ledger *ledger);
/* Every record of one partition, in order. */
struct ledger_reading {
    struct ledger *ledger;
    unsigned topic;
    int32_t partition;
    int64_t next_offset;
    uint64_t begun_max[PLAN_CLIENTS_MAX]; /* of the records that were seen before */
};
void ledger_found(struct ledger_reading *reading, const sluice_broker_record *record);
/* A topic was read and is deleted now. */
void ledger_topic_gone(struct ledger *ledger, unsigned topic);
/* A record that a new leader does not have. */
void ledger_lost(struct ledger *ledger, const sluice_broker_record *record);
void ledger_audit(struct ledger *ledger);
/* When all reports and all logs were seen. */
void ledger_close(struct ledger *ledger);

#endif
