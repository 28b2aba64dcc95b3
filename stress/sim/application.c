/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The application: threads that produce in bursts by every call there is, and one that polls. Each
 * is a script of events in virtual time; the book is kept around every call.
 */
#include "stress/sim/trial.h"

#include <stdlib.h>
#include <string.h>

enum { REPORTS_AT_ONCE = 64, MANY_MAX = 16, MAIN_THREAD = 60, MS = 1000000 };

const char *application_topic_name(unsigned topic) {
    static const char *const names[PLAN_TOPICS_MAX] = {"orders", "payments", "clicks", "a.b_c-d"};
    return names[topic];
}

bool application_is_ghost(const struct trial *trial, unsigned topic) {
    return trial->plan->ghost_topic && topic + 1 == trial->plan->topic_count;
}

static uint64_t choose(struct trial *trial, uint64_t n) {
    return rt_sim_choose(trial->world, n);
}
static bool chance(struct trial *trial, unsigned percent) {
    return choose(trial, 100) < percent;
}

/* ---- records --------------------------------------------------------------------------------- */

static void draw_key_and_value(struct trial *trial, struct ledger_entry *entry) {
    const struct plan *plan = trial->plan;
    if (chance(trial, plan->keyed_percent)) {
        entry->key = (enum ledger_key)(LEDGER_KEY_SHARED + choose(trial, 3));
    }
    entry->value_size = 8 + (uint32_t)choose(trial, plan->value_size_max);
    if (chance(trial, plan->odd_percent)) {
        entry->value = (enum ledger_value)(LEDGER_VALUE_NULL + choose(trial, 2));
        entry->key = LEDGER_KEY_UNIQUE; /* its id must be somewhere */
    }
}

static struct ledger_entry *draw_record(struct trial *trial, unsigned topic) {
    const struct plan *plan = trial->plan;
    struct ledger_entry *entry = ledger_add(&trial->ledger);
    entry->topic = topic;
    if (chance(trial, plan->explicit_percent)) {
        entry->partition_wanted = (int32_t)choose(trial, plan->partition_counts[topic]);
    }
    draw_key_and_value(trial, entry);
    entry->header_count = chance(trial, plan->odd_percent) ? (unsigned)choose(trial, 4) : 0;
    entry->own_timestamp = chance(trial, plan->odd_percent);
    entry->timestamp_ms =
        entry->own_timestamp ? (int64_t)choose(trial, UINT64_C(1) << 40) : rt_wall_ms(trial->world);
    return entry;
}

static void begin(struct trial *trial, struct ledger_entry *entry) {
    bool peaceful = trial->peaceful || !plan_has(trial->plan, TROUBLE_MEMORY);
    if (!peaceful && chance(trial, 5)) {
        rt_sim_fail_memory(trial->world, 1 + choose(trial, 3));
    }
    ledger_begin(&trial->ledger, entry);
}

static void end(struct trial *trial, struct ledger_entry *entry, sluice_code code) {
    entry->timestamp_end_ms = rt_wall_ms(trial->world);
    trial_say(trial, "record %d to %s/%d: %s", (int)entry->id, application_topic_name(entry->topic),
              entry->partition_wanted, sluice_code_name(code));
    trial->calls_full += code == SLUICE_FULL;
    bool known = code == SLUICE_OK || code == SLUICE_FULL || code == SLUICE_PARTITION_FULL ||
                 code == SLUICE_REPORTS_WAITING || code == SLUICE_RECORD_TOO_LARGE ||
                 code == SLUICE_TIMED_OUT || (code == SLUICE_CLOSED && trial->stopping) ||
                 (code == SLUICE_NO_MEMORY && plan_has(trial->plan, TROUBLE_MEMORY));
    if (!known) {
        verdict_fail(&trial->verdict, "record %d was refused: %s", (int)entry->id,
                     sluice_code_name(code));
    }
    ledger_return(&trial->ledger, entry, code == SLUICE_OK, rt_now(trial->world));
}

/* ---- ways to produce ------------------------------------------------------------------------- */

static void produce_plain(struct trial *trial, struct ledger_entry *entry) {
    struct ledger_record made;
    ledger_record_make(&made, entry);
    begin(trial, entry);
    end(trial, entry, sluice_produce(trial->topics[entry->topic], &made.record));
    ledger_record_free(&made);
}

/* Up to `most_ms`, or without limit: a wake that is missing shows then. */
static int64_t draw_timeout_ms(struct trial *trial, uint64_t most_ms) {
    return chance(trial, 30) ? -1 : (int64_t)choose(trial, most_ms);
}

static void produce_waiting(struct trial *trial, struct ledger_entry *entry) {
    struct ledger_record made;
    ledger_record_make(&made, entry);
    ledger_begin(&trial->ledger, entry);
    int64_t timeout_ms = draw_timeout_ms(trial, 200);
    end(trial, entry, sluice_produce_wait(trial->topics[entry->topic], &made.record, timeout_ms));
    ledger_record_free(&made);
}

static void produce_sync(struct trial *trial, struct ledger_entry *entry) {
    struct ledger_record made;
    ledger_record_make(&made, entry);
    entry->sync = true;
    ledger_begin(&trial->ledger, entry);
    sluice_report report;
    sluice_code code = sluice_produce_sync(trial->topics[entry->topic], &made.record,
                                           draw_timeout_ms(trial, 2000), &report);
    if (code == SLUICE_OK) {
        application_report(trial, &report, 1);
    }
    end(trial, entry, code == SLUICE_TIMED_OUT ? SLUICE_OK : code);
    ledger_record_free(&made);
}

static void produce_in_place(struct trial *trial, struct ledger_entry *entry) {
    struct ledger_record made;
    ledger_record_make(&made, entry);
    size_t size = made.record.value_size;
    sluice_reservation *reservation = NULL;
    void *value = NULL;
    begin(trial, entry);
    sluice_code code = sluice_reserve(trial->topics[entry->topic], &made.record,
                                      size + choose(trial, 100), &reservation, &value);
    if (code == SLUICE_OK && chance(trial, 10)) {
        sluice_abort(reservation);
        code = SLUICE_TIMED_OUT; /* as good as any refusal */
    } else if (code == SLUICE_OK) {
        memcpy(value, made.value, size);
        code = sluice_commit(reservation, size);
    }
    end(trial, entry, code);
    ledger_record_free(&made);
}

static void produce_array(struct trial *trial, unsigned topic, unsigned count) {
    struct ledger_entry *entries[MANY_MAX];
    struct ledger_record made[MANY_MAX];
    sluice_record records[MANY_MAX] = {0};
    for (unsigned i = 0; i < count; i++) {
        entries[i] = draw_record(trial, topic);
        ledger_record_make(&made[i], entries[i]);
        records[i] = made[i].record;
    }
    sluice_code code = SLUICE_OK;
    size_t accepted = sluice_produce_many(trial->topics[topic], records, count, &code);
    for (unsigned i = 0; i < count; i++) {
        ledger_begin(&trial->ledger, entries[i]); /* after the one before it in the array */
        end(trial, entries[i], i < accepted ? SLUICE_OK : i == accepted ? code : SLUICE_FULL);
        ledger_record_free(&made[i]);
    }
}

static void produce_burst(struct trial *trial) {
    const struct plan *plan = trial->plan;
    unsigned topic = (unsigned)choose(trial, plan->topic_count);
    unsigned count = 1 + (unsigned)choose(trial, plan->burst_max);
    count = count < trial->records_left ? count : trial->records_left;
    trial->records_left -= count;
    if (chance(trial, 20) && count <= MANY_MAX) {
        produce_array(trial, topic, count);
        return;
    }
    for (unsigned i = 0; i < count && trial->producer != NULL; i++) {
        struct ledger_entry *entry = draw_record(trial, topic);
        unsigned way = (unsigned)choose(trial, 100);
        if (plan->waits && way < 10) {
            produce_waiting(trial, entry);
        } else if (plan->waits && way < 12) {
            produce_sync(trial, entry);
        } else if (way >= 80 && entry->value == LEDGER_VALUE_SIZED) {
            produce_in_place(trial, entry);
        } else {
            produce_plain(trial, entry);
        }
    }
}

void application_echo(struct trial *trial) {
    trial->records_left--;
    produce_plain(trial, draw_record(trial, (unsigned)choose(trial, trial->plan->topic_count)));
}

/* ---- threads --------------------------------------------------------------------------------- */

static void thread_end(struct trial_thread *thread) {
    if (!thread->ended) {
        thread->ended = true;
        rt_sim_thread_end(thread->trial->world, thread->number);
    }
}

static void do_something_else(struct trial *trial) {
    if (trial->plan->purges && chance(trial, 10)) {
        sluice_purge(trial->producer,
                     SLUICE_PURGE_UNSENT | (chance(trial, 50) ? SLUICE_PURGE_SENT : 0));
    }
    if (trial->plan->waits && chance(trial, 5)) {
        sluice_code code = sluice_flush(trial->producer, draw_timeout_ms(trial, 500));
        if (code != SLUICE_OK && code != SLUICE_TIMED_OUT) {
            verdict_fail(&trial->verdict, "flush answered %s", sluice_code_name(code));
        }
    }
    if (chance(trial, 5)) { /* opening a name again gives the same handle once more */
        unsigned topic = (unsigned)choose(trial, trial->plan->topic_count);
        sluice_topic *again =
            sluice_topic_open(trial->producer, application_topic_name(topic), NULL, NULL);
        if (again != NULL && again != trial->topics[topic]) { /* NULL once it is closed */
            verdict_fail(&trial->verdict, "topic %u has two handles", topic);
        }
        sluice_topic_close(again);
    }
}

static void thread_turn(void *context) {
    struct trial_thread *thread = context;
    struct trial *trial = thread->trial;
    rt_sim_thread(trial->world, thread->number);
    if (thread->ended || trial->stopping || trial->records_left == 0) {
        thread_end(thread);
        return;
    }
    trial->threads_inside++;
    produce_burst(trial);
    if (!trial->stopping) {
        do_something_else(trial);
    }
    trial->threads_inside--;
    uint64_t think_ns = 1 + choose(trial, 2 * trial->plan->think_ns + 1);
    rt_sim_at(trial->world, rt_now(trial->world) + think_ns, thread_turn, thread);
}

static unsigned topic_of(const struct trial *trial, const sluice_topic *handle) {
    unsigned topic = 0;
    while (topic < trial->plan->topic_count && trial->topics[topic] != handle) {
        topic++;
    }
    return topic;
}

void application_report(struct trial *trial, const sluice_report *reports, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct ledger_entry *entry = reports[i].opaque;
        trial_say(trial, "record %d: outcome %d in %s/%d at %d, %s, last %s, %u attempts",
                  (int)entry->id, (int)reports[i].outcome, application_topic_name(entry->topic),
                  reports[i].partition, (int)reports[i].offset, sluice_code_name(reports[i].error),
                  sluice_code_name(reports[i].last_error), reports[i].attempts);
        ledger_report(&trial->ledger, &reports[i], topic_of(trial, reports[i].topic),
                      rt_now(trial->world));
    }
}

void application_poll(struct trial *trial) {
    if (trial->plan->by_callback) {
        while (sluice_poll_callback(trial->producer, 0) > 0) {
        }
        return;
    }
    sluice_report reports[REPORTS_AT_ONCE];
    size_t count;
    do {
        size_t capacity = 1 + choose(trial, REPORTS_AT_ONCE);
        count = sluice_poll(trial->producer, reports, capacity, 0);
        application_report(trial, reports, count);
    } while (count > 0);
}

static void poller_turn(void *context) {
    struct trial_thread *thread = context;
    struct trial *trial = thread->trial;
    rt_sim_thread(trial->world, thread->number);
    if (thread->ended) {
        return;
    }
    application_poll(trial);
    uint64_t pause_ns = 1 + choose(trial, trial->plan->poll_every_ns);
    rt_sim_at(trial->world, rt_now(trial->world) + pause_ns, poller_turn, thread);
}

void application_start(struct trial *trial) {
    trial->records_left = trial->plan->records;
    for (unsigned i = 0; i < trial->plan->threads; i++) {
        trial->threads[i] = (struct trial_thread){.trial = trial, .number = i + 1};
        rt_sim_at(trial->world, rt_now(trial->world) + choose(trial, MS), thread_turn,
                  &trial->threads[i]);
    }
    trial->poller = (struct trial_thread){.trial = trial, .number = PLAN_THREADS_MAX + 1};
    rt_sim_at(trial->world, rt_now(trial->world) + MS, poller_turn, &trial->poller);
    rt_sim_thread(trial->world, MAIN_THREAD);
}

void application_end_threads(struct trial *trial, bool now) {
    for (unsigned i = 0; now && i < trial->plan->threads; i++) {
        thread_end(&trial->threads[i]);
    }
    for (unsigned i = 0; i < trial->plan->threads; i++) {
        trial->threads[i].ended = true;
    }
    trial->poller.ended = true;
}

/* ---- the last wave --------------------------------------------------------------------------- */

static void produce_last(struct trial *trial, unsigned topic, int32_t partition, bool must_arrive) {
    struct ledger_entry *entry = ledger_add(&trial->ledger);
    struct ledger_record made;
    entry->topic = topic;
    entry->partition_wanted = partition;
    entry->value_size = 20;
    entry->last_wave = must_arrive;
    entry->timestamp_ms = rt_wall_ms(trial->world);
    ledger_record_make(&made, entry);
    ledger_begin(&trial->ledger, entry);
    sluice_code code = sluice_produce_wait(trial->topics[topic], &made.record, 30000);
    ledger_record_free(&made);
    end(trial, entry, code);
    if (code != SLUICE_OK && must_arrive) {
        verdict_fail(&trial->verdict, "no room for record %d although all is well: %s",
                     (int)entry->id, sluice_code_name(code));
    }
}

void application_last_wave(struct trial *trial, unsigned count, bool must_arrive) {
    for (unsigned topic = 0; topic < trial->plan->topic_count; topic++) {
        uint32_t partitions = trial->plan->partition_counts[topic];
        for (uint32_t i = 0; i < partitions * count && !application_is_ghost(trial, topic); i++) {
            produce_last(trial, topic, (int32_t)(i % partitions), must_arrive);
        }
    }
}
