/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every error that a broker can answer a batch with: what becomes of the batch, of what follows, of
 * the producer's epoch and id, and of the metadata. Each code is answered to a first attempt, to a
 * later attempt of a batch that was written, and to a later attempt of one that was not.
 *
 * The table here is written by hand from Kafka's protocol and append path. It is not made from
 * sluice/errors.def, so that the one tells when the other is wrong. Codes that it does not list
 * are expected to fail the batch at once, as not written.
 */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3 };

enum effect {
    FAILS,   /* at once, with this code */
    RETRIED, /* the same bytes again */
    EPOCH,   /* again, under a higher epoch */
    NEW_ID,  /* again, under another producer id */
    WRITTEN, /* success, without an offset */
    END_EFFECT
};

struct expected {
    int16_t code;
    enum effect effect;
    bool unsure;    /* this attempt may have written it */
    bool refreshed; /* the cluster is asked for */
};

static const struct expected table[] = {
    {-1, FAILS, true, false},   /* UNKNOWN_SERVER_ERROR */
    {2, RETRIED, false, false}, /* CORRUPT_MESSAGE: a few times */
    {3, RETRIED, true, true},   /* UNKNOWN_TOPIC_OR_PARTITION */
    {5, RETRIED, false, true},  /* LEADER_NOT_AVAILABLE */
    {6, RETRIED, true, true},   /* NOT_LEADER_OR_FOLLOWER */
    {7, RETRIED, true, false},  /* REQUEST_TIMED_OUT */
    {8, RETRIED, false, true},  /* BROKER_NOT_AVAILABLE */
    {9, RETRIED, false, true},  /* REPLICA_NOT_AVAILABLE */
    {10, FAILS, false, false},  /* MESSAGE_TOO_LARGE, of one record */
    {13, RETRIED, true, true},  /* NETWORK_EXCEPTION */
    {14, RETRIED, false, false},
    {15, RETRIED, false, false},
    {16, RETRIED, false, false},
    {17, FAILS, false, false},   /* INVALID_TOPIC_EXCEPTION */
    {18, FAILS, false, false},   /* RECORD_LIST_TOO_LARGE, of one record */
    {19, RETRIED, false, false}, /* NOT_ENOUGH_REPLICAS */
    {20, RETRIED, true, false},  /* NOT_ENOUGH_REPLICAS_AFTER_APPEND */
    {21, FAILS, false, false},   /* INVALID_REQUIRED_ACKS */
    {29, FAILS, false, false},   /* TOPIC_AUTHORIZATION_FAILED */
    {31, FAILS, false, false},   /* CLUSTER_AUTHORIZATION_FAILED */
    {32, FAILS, false, false},   /* INVALID_TIMESTAMP, no record named */
    {35, RETRIED, false,
     true}, /* UNSUPPORTED_VERSION: by a new connection, asking as after a loss */
    {41, RETRIED, false, false}, /* NOT_CONTROLLER */
    {42, FAILS, false, false},   /* INVALID_REQUEST */
    {43, FAILS, false, false},   /* UNSUPPORTED_FOR_MESSAGE_FORMAT */
    {44, FAILS, false, false},   /* POLICY_VIOLATION */
    {45, EPOCH, false, false},   /* OUT_OF_ORDER_SEQUENCE_NUMBER */
    {46, WRITTEN, false, false}, /* DUPLICATE_SEQUENCE_NUMBER */
    {47, NEW_ID, false, false},  /* INVALID_PRODUCER_EPOCH */
    {48, FAILS, false, false},   /* INVALID_TXN_STATE */
    {49, NEW_ID, false, false},  /* INVALID_PRODUCER_ID_MAPPING */
    {51, RETRIED, false, false}, /* CONCURRENT_TRANSACTIONS */
    {53, FAILS, false, false},   /* TRANSACTIONAL_ID_AUTHORIZATION_FAILED */
    {55, RETRIED, false, false}, /* OPERATION_NOT_ATTEMPTED */
    {56, RETRIED, true, true},   /* KAFKA_STORAGE_ERROR */
    {59, EPOCH, false, false},   /* UNKNOWN_PRODUCER_ID */
    {70, RETRIED, false, false},
    {71, RETRIED, false, false},
    {72, RETRIED, false, true}, /* LISTENER_NOT_FOUND */
    {74, RETRIED, false, true}, /* FENCED_LEADER_EPOCH */
    {75, RETRIED, false, true}, /* UNKNOWN_LEADER_EPOCH */
    {76, FAILS, false, false},  /* UNSUPPORTED_COMPRESSION_TYPE */
    {78, RETRIED, false, false},
    {80, RETRIED, false, true},
    {83, RETRIED, false, true},
    {84, FAILS, false, true},
    {87, FAILS, false, false}, /* INVALID_RECORD, no record named */
    {88, RETRIED, false, false},
    {89, RETRIED, false, false}, /* THROTTLING_QUOTA_EXCEEDED */
    {90, NEW_ID, false, false},  /* PRODUCER_FENCED */
    {100, RETRIED, false, true}, /* UNKNOWN_TOPIC_ID */
    {103, RETRIED, false, true}, /* INCONSISTENT_TOPIC_ID */
    {106, RETRIED, false, false},
    {108, FAILS, false, true},
    {120, FAILS, false, false}, /* TRANSACTION_ABORTABLE */
    {122, RETRIED, false, false},
    {123, RETRIED, false, false},
    {129, RETRIED, false, true}, /* REBOOTSTRAP_REQUIRED */
    {133, RETRIED, false, false},
    /* numbers that nobody knows */
    {134, FAILS, true, false},
    {999, FAILS, true, false},
    {INT16_MAX, FAILS, true, false},
    {-7, FAILS, true, false},
    {INT16_MIN, FAILS, true, false},
};
enum { ROWS = sizeof table / sizeof table[0], LISTED_FIRST = 1, LISTED_LAST = 133 };

static struct expected expected_of(int16_t code) {
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].code == code) {
            return table[i];
        }
    }
    return (struct expected){code, FAILS, false, false};
}

static void for_every_code(void (*check)(const struct expected *expected)) {
    for (int16_t code = LISTED_FIRST; code <= LISTED_LAST; code++) {
        struct expected expected = expected_of(code);
        check(&expected);
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].code < LISTED_FIRST || table[i].code > LISTED_LAST) {
            check(&table[i]);
        }
    }
}

static const char *const settings[] = {"linger.ms", "0", "batch.size", "0", NULL};

/* One record is persisted and everything is quiet. */
static struct rig *start(void) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 7, .partitions = 1, .brokers = {.broker_count = 1}, .settings = settings});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_run(rig, 5000);
    return rig;
}

/* What the next record shows of epoch and id, and that the partition goes on. */
static void expect_identity(struct rig *rig, int16_t code, int64_t id_before, bool same_id,
                            int16_t epoch) {
    rig_produce(rig, 0);
    rig_flush(rig);
    const struct partition *partition = rig_partition(rig, 0);
    const struct rig_record *last = &rig->records[rig->count - 1];
    cr_expect_eq(last->report.outcome, SLUICE_PERSISTED, "after %d: %s", code,
                 sluice_code_name(last->report.error));
    cr_expect_eq(last->report.attempts, 1, "after %d", code);
    cr_expect_eq(partition->producer_id == id_before, same_id, "after %d", code);
    cr_expect_eq(partition->producer_epoch, epoch, "after %d", code);
}

/* ---- a first attempt ------------------------------------------------------------------------ */

static void first_attempt(const struct expected *expected) {
    struct rig *rig = start();
    int64_t id = rig_partition(rig, 0)->producer_id;
    uint64_t asked = rig_counters(rig).requests[METADATA];
    /* once by a broker that may only be confused by what is in flight; again, alone, it counts */
    uint32_t count = expected->effect == EPOCH ? 2 : 1;
    uint64_t fault = rig_refuse(rig, expected->code, 0, count);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 5000), "a batch that is answered %d hangs", expected->code);
    rig_run(rig, 500);
    cr_expect_eq(rig_hits(rig, fault), count);
    const sluice_report *report = &rig->records[1].report;
    bool goes_on = expected->effect != FAILS;
    sluice_outcome failed = expected->unsure ? SLUICE_UNKNOWN : SLUICE_NOT_PERSISTED;
    cr_expect_eq(report->outcome, goes_on ? SLUICE_PERSISTED : failed, "%d", expected->code);
    cr_expect_eq((int)report->error, goes_on ? 0 : expected->code);
    cr_expect_eq(report->attempts, goes_on && expected->effect != WRITTEN ? 1 + count : 1, "%d",
                 expected->code);
    if (expected->effect != WRITTEN) {
        cr_expect_eq((int)report->last_error, expected->code);
    } else {
        rig->records[1].report.outcome = SLUICE_UNKNOWN; /* the broker has lied */
        rig->records[1].report.error = SLUICE_BAD_ANSWER;
        cr_expect_eq(report->offset, -1);
    }
    cr_expect_eq(rig_counters(rig).requests[METADATA] > asked, expected->refreshed, "%d",
                 expected->code);
    if (expected->effect == WRITTEN) {
        rig_free(rig);
        return;
    }
    expect_identity(rig, expected->code, id, expected->effect != NEW_ID,
                    expected->effect == FAILS || expected->effect == EPOCH);
    rig_end(rig);
}

Test(answers, to_a_first_attempt) {
    for_every_code(first_attempt);
}

/* ---- a later attempt of a batch that was written --------------------------------------------- */

/* The code speaks of the later attempt only: never "not persisted", and never written twice. */
static void later_attempt_of_a_written_one(const struct expected *expected) {
    struct rig *rig = start();
    int64_t id = rig_partition(rig, 0)->producer_id;
    rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, 0, 1);
    uint64_t fault = rig_refuse(rig, expected->code, 1, 1);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 5000), "a batch that is answered %d hangs", expected->code);
    cr_expect_eq(rig_hits(rig, fault), 1);
    const sluice_report *report = &rig->records[1].report;
    switch (expected->effect) {
    case FAILS:
        cr_expect_eq(report->outcome, SLUICE_UNKNOWN, "%d", expected->code);
        cr_expect_eq((int)report->error, expected->code);
        cr_expect_eq(report->attempts, 2);
        break;
    case RETRIED:
        cr_expect_eq(report->outcome, SLUICE_PERSISTED, "%d", expected->code);
        cr_expect_eq(report->offset, 1); /* told by the third attempt */
        cr_expect_eq(report->attempts, 3);
        break;
    case WRITTEN:
        cr_expect_eq(report->outcome, SLUICE_PERSISTED, "%d", expected->code);
        cr_expect_eq(report->offset, -1);
        break;
    case NEW_ID:
        cr_expect_eq(report->outcome, SLUICE_UNKNOWN, "%d", expected->code);
        cr_expect_eq(report->error, SLUICE_SEQUENCE_LOST, "%d", expected->code);
        break;
    case EPOCH:
    case END_EFFECT:
        cr_assert_fail("not here");
    }
    expect_identity(rig, expected->code, id, expected->effect != NEW_ID, expected->effect == FAILS);
    cr_expect_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), 3, "%d", expected->code);
    rig_end(rig);
}

static void unless_it_is_a_proof(const struct expected *expected) {
    if (expected->effect != EPOCH) { /* no broker says so of the youngest batch that it has */
        later_attempt_of_a_written_one(expected);
    }
}

Test(answers, to_a_later_attempt_of_a_batch_that_was_written) {
    for_every_code(unless_it_is_a_proof);
}

/* ---- a later attempt of a batch that was not written ----------------------------------------- */

static void later_attempt_of_one_that_was_not(const struct expected *expected) {
    struct rig *rig = start();
    int64_t id = rig_partition(rig, 0)->producer_id;
    rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, 0, 1);
    uint64_t fault = rig_refuse(rig, expected->code, 0, 1);
    rig_produce(rig, 0);
    cr_assert(rig_await(rig, 2, 5000), "a batch that is answered %d hangs", expected->code);
    cr_expect_eq(rig_hits(rig, fault), 1);
    const sluice_report *report = &rig->records[1].report;
    bool settled = expected->effect == RETRIED || expected->effect == EPOCH;
    if (expected->effect == WRITTEN) {
        rig_free(rig); /* the broker has lied */
        return;
    }
    cr_expect_eq(report->outcome, settled ? SLUICE_PERSISTED : SLUICE_UNKNOWN, "%d",
                 expected->code);
    cr_expect_eq(report->attempts, settled ? 3 : 2, "%d", expected->code);
    expect_identity(rig, expected->code, id, expected->effect != NEW_ID,
                    expected->effect == FAILS || expected->effect == EPOCH);
    cr_expect_eq(broker_cluster_high_watermark(rig->cluster, "orders", 0), settled ? 3 : 2, "%d",
                 expected->code);
    rig_end(rig);
}

Test(answers, to_a_later_attempt_of_a_batch_that_was_not_written) {
    for_every_code(later_attempt_of_one_that_was_not);
}

/* ---- several at once ------------------------------------------------------------------------- */

/* The first of five batches in flight is answered so; those behind it lose nothing. */
static void first_of_five(const struct expected *expected) {
    if (expected->effect == WRITTEN) {
        return;
    }
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 7,
                                                    .partitions = 1,
                                                    .brokers = {.broker_count = 1},
                                                    .delay_ns = 5 * RIG_MS,
                                                    .settings = settings});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig_refuse(rig, expected->code, 0, 1);
    rig_produce_some(rig, 0, 5);
    cr_assert(rig_await(rig, 6, 10000), "%d", expected->code);
    for (uint32_t i = 1; i < 6; i++) {
        bool failed = i == 1 && expected->effect == FAILS;
        cr_expect_eq(rig->records[i].report.outcome,
                     !failed            ? SLUICE_PERSISTED
                     : expected->unsure ? SLUICE_UNKNOWN
                                        : SLUICE_NOT_PERSISTED,
                     "%d: %u", expected->code, i);
    }
    rig_end(rig);
}

Test(answers, to_the_first_of_five_batches_in_flight) {
    for_every_code(first_of_five);
}

/* ---- more than once -------------------------------------------------------------------------- */

Test(answers, that_a_batch_is_damaged_are_believed_after_the_third) {
    struct rig *rig = start();
    uint64_t fault = rig_refuse(rig, 2, 0, 0);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig_hits(rig, fault), 3);
    cr_expect_eq(rig->records[1].report.outcome, SLUICE_NOT_PERSISTED);
    cr_expect_eq(rig->records[1].report.error, SLUICE_BROKER_CORRUPT_MESSAGE);
    broker_cluster_fault_remove_all(rig->cluster);
    rig_refuse(rig, 2, 0, 2); /* in a row: with another error between, it counts anew */
    rig_refuse(rig, 19, 2, 1);
    rig_refuse(rig, 2, 3, 2);
    rig_produce(rig, 0);
    rig_flush(rig);
    cr_expect_eq(rig->records[2].report.outcome, SLUICE_PERSISTED);
    rig_end(rig);
}

/* Whatever is answered for ever, each record has its outcome at its time. */
static void for_ever(const struct expected *expected) {
    static const char *const hasty[] = {
        "linger.ms", "0", "delivery.timeout.ms", "2000", "request.timeout.ms", "1000", NULL};
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 7, .partitions = 1, .brokers = {.broker_count = 1}, .settings = hasty});
    rig_refuse(rig, expected->code, 0, 0);
    for (int i = 0; i < 5; i++) {
        rig_produce(rig, 0);
        rig_run(rig, 300);
    }
    cr_expect(rig_await(rig, 5, 2000 - 300 + 100), "%d: %u of 5 in time", expected->code,
              rig->reported);
    for (uint32_t i = 0; i < rig->reported; i++) {
        const sluice_report *report = &rig->records[i].report;
        cr_expect_eq(report->outcome == SLUICE_PERSISTED, expected->effect == WRITTEN, "%d",
                     expected->code);
        cr_expect(report->error == SLUICE_OK || report->error == SLUICE_DELIVERY_TIMED_OUT ||
                      (int)report->error == expected->code,
                  "%d: %s", expected->code, sluice_code_name(report->error));
        cr_expect_leq(report->waited_ms + report->in_flight_ms, 2100);
    }
    rig_free(rig);
}

Test(answers, that_never_change) {
    for_every_code(for_ever);
}
