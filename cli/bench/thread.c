/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The threads that produce. Each produces its own range of records; reports are read by whoever is
 * there, so a tally counts its thread's accepted records and the reports that it happened to read.
 * Only the sum of all tallies is exact.
 */
#include "cli/bench/bench.h"

enum {
    SAMPLE_EVERY = 64, /* records: a clock read for each would be measured as well */
    POLL_EVERY = 1024, /* records */
    FULL_WAIT_MS = 100
};

static void record_make(const struct bench *bench, uint64_t index, uint64_t *key,
                        sluice_record *record) {
    *record = (sluice_record){.value = bench->value, .value_size = (size_t)bench->record_bytes};
    if (bench->keyed) {
        *key = index * 0x9e3779b97f4a7c15u; /* odd: all different */
        *key ^= *key >> 32;
        record->key = key;
        record->key_size = BENCH_KEY_BYTES;
    }
}

static void reports_read(struct bench_thread *thread, int64_t timeout_ms) {
    sluice_report reports[REPORTS_AT_ONCE];
    size_t count = REPORTS_AT_ONCE;
    while (count == REPORTS_AT_ONCE) {
        count = sluice_poll(thread->bench->producer, reports, REPORTS_AT_ONCE, timeout_ms);
        timeout_ms = 0;
        uint64_t now_ns = count > 0 ? clock_ns() : 0;
        for (size_t i = 0; i < count; i++) {
            tally_report(&thread->tally, &reports[i]);
            if (reports[i].opaque != NULL) {
                samples_add(&thread->samples, now_ns - (uintptr_t)reports[i].opaque);
            }
        }
    }
}

/* One after the other. */
static sluice_topic *topic_next(struct bench_thread *thread) {
    sluice_topic *topic = thread->bench->topics[thread->topic];
    thread->topic++;
    if (thread->topic == thread->bench->topic_count) {
        thread->topic = 0;
    }
    return topic;
}

static void produce_one(struct bench_thread *thread, uint64_t index) {
    const struct bench *bench = thread->bench;
    sluice_topic *topic = topic_next(thread);
    uint64_t key;
    sluice_record record;
    record_make(bench, index, &key, &record);
    if (index % SAMPLE_EVERY == 0) {
        record.opaque = (void *)(uintptr_t)clock_ns();
    }
    sluice_code code = sluice_produce(topic, &record);
    while (tally_passes(&thread->tally, code)) {
        reports_read(thread, FULL_WAIT_MS);
        code = sluice_produce(topic, &record);
    }
    if (code == SLUICE_OK) {
        thread->tally.accepted++;
    } else {
        tally_refused(&thread->tally, code);
    }
}

static void produce_one_and_wait(struct bench_thread *thread, uint64_t index) {
    const struct bench *bench = thread->bench;
    sluice_topic *topic = topic_next(thread);
    uint64_t key;
    sluice_record record;
    sluice_report report;
    record_make(bench, index, &key, &record);
    uint64_t started_ns = clock_ns();
    sluice_code code = sluice_produce_sync(topic, &record, -1, &report);
    samples_add(&thread->samples, clock_ns() - started_ns);
    if (code == SLUICE_OK) {
        thread->tally.accepted++;
        tally_report(&thread->tally, &report);
    } else {
        tally_refused(&thread->tally, code);
    }
}

void *bench_thread_run(void *argument) {
    struct bench_thread *thread = argument;
    for (uint64_t index = thread->first; index < thread->end && interrupts_seen() == 0; index++) {
        if (thread->bench->latency) {
            produce_one_and_wait(thread, index);
            continue;
        }
        produce_one(thread, index);
        if (index % POLL_EVERY == 0) {
            reports_read(thread, 0);
        }
    }
    while (!thread->bench->latency &&
           sluice_flush(thread->bench->producer, FULL_WAIT_MS) == SLUICE_TIMED_OUT &&
           interrupts_seen() < 2) {
        reports_read(thread, 0);
    }
    reports_read(thread, 0);
    return NULL;
}
