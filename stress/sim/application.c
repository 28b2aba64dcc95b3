/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The application of one client: threads that produce in bursts by every call there is, and poll
 * sometimes, and one that only polls. Each is a script of events in virtual time; the book is kept
 * around every call.
 *
 * Threads hand work to each other: a burst that relays goes on as another thread after each call
 * that returned, so that the order of calls across threads is known, and checked.
 */
#include "stress/sim/trial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTS_AT_ONCE = 64, MANY_MAX = 16, MS = 1000000 };

static uint64_t choose(struct trial_thread *thread, uint64_t n) {
    return plan_choose(&thread->random, n);
}
static bool chance(struct trial_thread *thread, unsigned percent) {
    return plan_percent(&thread->random, percent);
}

/* ---- records --------------------------------------------------------------------------------- */

static void draw_key_and_value(struct trial_thread *thread, struct ledger_entry *entry) {
    const struct plan_client *plan = thread->client->plan;
    if (chance(thread, plan->keyed_percent)) {
        entry->key = (enum ledger_key)(LEDGER_KEY_SHARED + choose(thread, 3));
    }
    entry->value_size = 8 + (uint32_t)choose(thread, plan->value_size_max);
    if (chance(thread, plan->odd_percent)) {
        entry->value = (enum ledger_value)(LEDGER_VALUE_NULL + choose(thread, 2));
        entry->key = LEDGER_KEY_UNIQUE; /* its id must be somewhere */
    }
}

static struct ledger_entry *draw_record(struct trial_thread *thread, unsigned topic) {
    struct client *client = thread->client;
    struct trial *trial = client->trial;
    const struct plan_client *plan = client->plan;
    struct ledger_entry *entry = ledger_add(&trial->ledger, client->index);
    entry->topic = topic;
    if (chance(thread, plan->explicit_percent)) {
        entry->partition_wanted = (int32_t)choose(thread, trial->ledger.partition_counts[topic]);
    }
    draw_key_and_value(thread, entry);
    entry->header_count = chance(thread, plan->odd_percent) ? (unsigned)choose(thread, 4) : 0;
    entry->own_timestamp = chance(thread, plan->odd_percent);
    entry->timestamp_ms = entry->own_timestamp ? (int64_t)choose(thread, UINT64_C(1) << 40)
                                               : rt_wall_ms(trial->world);
    return entry;
}

static void begin(struct trial_thread *thread, struct ledger_entry *entry) {
    struct trial *trial = thread->client->trial;
    bool peaceful = trial->peaceful || !plan_has(trial->plan, TROUBLE_MEMORY);
    if (!peaceful && chance(thread, 5)) {
        rt_sim_fail_memory(trial->world, 1 + choose(thread, 3));
    }
    ledger_begin(&trial->ledger, entry);
}

static void end(struct client *client, struct ledger_entry *entry, sluice_code code) {
    struct trial *trial = client->trial;
    entry->timestamp_end_ms = rt_wall_ms(trial->world);
    trial_say(trial, "record %d of client %u to %s/%d: %s", (int)entry->id, client->index,
              brokers_topic_name(entry->topic), entry->partition_wanted, sluice_code_name(code));
    client->full += code == SLUICE_FULL;
    bool known = code == SLUICE_OK || code == SLUICE_FULL || code == SLUICE_PARTITION_FULL ||
                 code == SLUICE_REPORTS_WAITING || code == SLUICE_RECORD_TOO_LARGE ||
                 (code == SLUICE_CLOSED && client->stopping) ||
                 (code == SLUICE_NO_MEMORY && plan_has(trial->plan, TROUBLE_MEMORY));
    if (!known) {
        verdict_fail(&trial->verdict, "record %d was refused: %s", (int)entry->id,
                     sluice_code_name(code));
    }
    ledger_return(&trial->ledger, entry, code == SLUICE_OK, rt_now(trial->world));
}

/* ---- ways to produce ------------------------------------------------------------------------- */

static void produce_plain(struct trial_thread *thread, struct ledger_entry *entry) {
    struct client *client = thread->client;
    struct ledger_record made;
    ledger_record_make(&made, entry);
    begin(thread, entry);
    end(client, entry, sluice_produce(client->topics[entry->topic], &made.record));
    ledger_record_free(&made);
}

/* Up to `most_ms`, or without limit: a wake that is missing shows then. */
static int64_t draw_timeout_ms(struct trial_thread *thread, uint64_t most_ms) {
    return chance(thread, 30) ? -1 : (int64_t)choose(thread, most_ms);
}

/* A call that waits does so until its deadline, and not longer. */
static void check_wait(struct trial *trial, const char *call, uint64_t began_ns,
                       int64_t timeout_ms) {
    enum { LATE_MS_MAX = 5 };
    uint64_t took_ms = (rt_now(trial->world) - began_ns) / MS;
    if (timeout_ms >= 0 && took_ms > (uint64_t)timeout_ms + LATE_MS_MAX) {
        verdict_fail(&trial->verdict, "%s took %d of %d ms", call, (int)took_ms, (int)timeout_ms);
    }
}

static void produce_waiting(struct trial_thread *thread, struct ledger_entry *entry) {
    struct client *client = thread->client;
    struct ledger_record made;
    ledger_record_make(&made, entry);
    entry->waited = true;
    ledger_begin(&client->trial->ledger, entry);
    int64_t timeout_ms = draw_timeout_ms(thread, 200);
    uint64_t began_ns = rt_now(client->trial->world);
    end(client, entry, sluice_produce_wait(client->topics[entry->topic], &made.record, timeout_ms));
    check_wait(client->trial, "produce_wait", began_ns, timeout_ms);
    ledger_record_free(&made);
}

static void produce_sync(struct trial_thread *thread, struct ledger_entry *entry) {
    struct client *client = thread->client;
    struct ledger_record made;
    ledger_record_make(&made, entry);
    entry->sync = true;
    entry->waited = true;
    ledger_begin(&client->trial->ledger, entry);
    sluice_report report;
    int64_t timeout_ms = draw_timeout_ms(thread, 2000);
    uint64_t began_ns = rt_now(client->trial->world);
    sluice_code code =
        sluice_produce_sync(client->topics[entry->topic], &made.record, timeout_ms, &report);
    check_wait(client->trial, "produce_sync", began_ns, timeout_ms);
    if (code == SLUICE_OK) {
        application_report(client, &report, 1);
    }
    end(client, entry, code == SLUICE_TIMED_OUT ? SLUICE_OK : code);
    ledger_record_free(&made);
}

static void produce_in_place(struct trial_thread *thread, struct ledger_entry *entry) {
    struct client *client = thread->client;
    struct ledger_record made;
    ledger_record_make(&made, entry);
    size_t size = made.record.value_size;
    sluice_reservation *reservation = NULL;
    void *value = NULL;
    begin(thread, entry);
    sluice_code code = sluice_reserve(client->topics[entry->topic], &made.record,
                                      size + choose(thread, 100), &reservation, &value);
    if (code == SLUICE_OK && chance(thread, 10)) {
        sluice_abort(reservation);
        code = SLUICE_PARTITION_FULL; /* as good as any refusal */
    } else if (code == SLUICE_OK) {
        memcpy(value, made.value, size);
        code = sluice_commit(reservation, size);
    }
    end(client, entry, code);
    ledger_record_free(&made);
}

static void produce_array(struct trial_thread *thread, unsigned topic, unsigned count) {
    struct client *client = thread->client;
    struct ledger_entry *entries[MANY_MAX];
    struct ledger_record made[MANY_MAX];
    sluice_record records[MANY_MAX] = {0};
    for (unsigned i = 0; i < count; i++) {
        entries[i] = draw_record(thread, topic);
        ledger_record_make(&made[i], entries[i]);
        records[i] = made[i].record;
    }
    sluice_code code = SLUICE_OK;
    size_t accepted = sluice_produce_many(client->topics[topic], records, count, &code);
    for (unsigned i = 0; i < count; i++) {
        ledger_begin(&client->trial->ledger, entries[i]); /* after the one before in the array */
        end(client, entries[i], i < accepted ? SLUICE_OK : i == accepted ? code : SLUICE_FULL);
        ledger_record_free(&made[i]);
    }
}

static void produce_one(struct trial_thread *thread, struct ledger_entry *entry) {
    const struct plan_client *plan = thread->client->plan;
    unsigned way = (unsigned)choose(thread, 100);
    if (plan->waits && way < 10) {
        produce_waiting(thread, entry);
    } else if (plan->waits && way < 12) {
        produce_sync(thread, entry);
    } else if (way >= 80 && entry->value == LEDGER_VALUE_SIZED) {
        produce_in_place(thread, entry);
    } else {
        produce_plain(thread, entry);
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

static void thread_end(struct trial_thread *thread) {
    if (!thread->ended) {
        thread->ended = true;
        rt_sim_thread_end(thread->client->trial->world, thread->number);
    }
}

/* Another thread that is in no call, or the same. */
static struct trial_thread *hand_over(struct trial_thread *thread, struct trial_thread *now) {
    struct client *client = thread->client;
    struct trial_thread *next = &client->threads[choose(thread, client->plan->threads)];
    if (!client->plan->relays || next == now || next->inside || next->ended) {
        return now;
    }
    now->inside = now == thread; /* whose burst it is stays in it */
    next->inside = true;
    rt_sim_thread(client->trial->world, next->number);
    return next;
}

static void produce_burst(struct trial_thread *thread) {
    struct client *client = thread->client;
    unsigned topic = (unsigned)choose(thread, client->trial->plan->topic_count);
    unsigned count = 1 + (unsigned)choose(thread, client->plan->burst_max);
    count = count < client->records_left ? count : client->records_left;
    client->records_left -= count;
    if (chance(thread, 20) && count <= MANY_MAX) {
        produce_array(thread, topic, count);
        return;
    }
    struct trial_thread *now = thread;
    for (unsigned i = 0; i < count && client->producer != NULL; i++) {
        now = hand_over(thread, now);
        produce_one(thread, draw_record(thread, topic));
    }
    if (now != thread) {
        now->inside = false;
        rt_sim_thread(client->trial->world, thread->number);
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

static unsigned topic_of(const struct client *client, const sluice_topic *handle) {
    unsigned topic = 0;
    while (topic < client->trial->plan->topic_count && client->topics[topic] != handle) {
        topic++;
    }
    return topic;
}

void application_report(struct client *client, const sluice_report *reports, size_t count) {
    struct trial *trial = client->trial;
    for (size_t i = 0; i < count; i++) {
        const struct ledger_entry *entry = reports[i].opaque;
        trial_say(trial, "record %d: outcome %d in %s/%d at %d, %s, last %s, %u attempts",
                  (int)entry->id, (int)reports[i].outcome, brokers_topic_name(entry->topic),
                  reports[i].partition, (int)reports[i].offset, sluice_code_name(reports[i].error),
                  sluice_code_name(reports[i].last_error), reports[i].attempts);
        if (entry->client != client->index) {
            verdict_fail(&trial->verdict, "record %d: reported to client %u", (int)entry->id,
                         client->index);
        }
        ledger_report(&trial->ledger, &reports[i], topic_of(client, reports[i].topic),
                      rt_now(trial->world));
    }
}

/* ---- what else threads do -------------------------------------------------------------------- */

void application_echo(struct client *client) {
    client->records_left--;
    unsigned topic = (unsigned)choose(&client->poller, client->trial->plan->topic_count);
    produce_plain(&client->poller, draw_record(&client->poller, topic));
}

/* What was accepted before the flush began is decided; its reports may still wait to be read. */
static void check_flushed(struct client *client, uint64_t began) {
    const struct ledger *ledger = &client->trial->ledger;
    uint64_t untold = 0;
    for (uint64_t i = 0; i < ledger->count; i++) {
        const struct ledger_entry *entry = ledger->entries[i];
        bool before = entry->accepted && entry->returned <= began;
        untold += entry->client == client->index && before && entry->reports == 0 && !entry->sync;
    }
    sluice_status status;
    sluice_producer_status(client->producer, &status);
    if (untold > status.reports_waiting) {
        verdict_fail(&client->trial->verdict,
                     "client %u: flush returned, %" PRIu64 " records before it are undecided",
                     client->index, untold - status.reports_waiting);
    }
}

static void flush_a_while(struct trial_thread *thread) {
    struct trial *trial = thread->client->trial;
    int64_t timeout_ms = draw_timeout_ms(thread, 500);
    uint64_t began_ns = rt_now(trial->world);
    uint64_t began = trial->ledger.ticks;
    sluice_code code = sluice_flush(thread->client->producer, timeout_ms);
    check_wait(trial, "flush", began_ns, timeout_ms);
    if (code == SLUICE_OK) {
        check_flushed(thread->client, began);
    }
    if (code != SLUICE_OK && code != SLUICE_TIMED_OUT) {
        verdict_fail(&trial->verdict, "flush answered %s", sluice_code_name(code));
    }
}

/* Beside the thread that polls all the time; who is woken for a report is one of them. */
static void poll_a_while(struct trial_thread *thread) {
    struct client *client = thread->client;
    int64_t timeout_ms = draw_timeout_ms(thread, 500);
    uint64_t began_ns = rt_now(client->trial->world);
    if (client->plan->by_callback) {
        (void)sluice_poll_callback(client->producer, timeout_ms);
    } else {
        sluice_report reports[4];
        size_t capacity = 1 + choose(thread, 4);
        application_report(client, reports,
                           sluice_poll(client->producer, reports, capacity, timeout_ms));
    }
    check_wait(client->trial, "poll", began_ns, timeout_ms);
}

static void do_something_else(struct trial_thread *thread) {
    struct client *client = thread->client;
    if (client->plan->purges && chance(thread, 10)) {
        sluice_purge(client->producer,
                     SLUICE_PURGE_UNSENT | (chance(thread, 50) ? SLUICE_PURGE_SENT : 0));
    }
    if (client->plan->waits && chance(thread, 5)) {
        flush_a_while(thread);
    }
    if (client->plan->waits && !client->plan->callback_on_worker && chance(thread, 10)) {
        poll_a_while(thread);
    }
    if (chance(thread, 5)) { /* opening a name again gives the same handle once more */
        unsigned topic = (unsigned)choose(thread, client->trial->plan->topic_count);
        sluice_topic *again =
            sluice_topic_open(client->producer, brokers_topic_name(topic), NULL, NULL);
        if (again != NULL && again != client->topics[topic]) { /* NULL once it is closed */
            verdict_fail(&client->trial->verdict, "topic %u has two handles", topic);
        }
        sluice_topic_close(again);
    }
}

static void thread_turn(void *context) {
    struct trial_thread *thread = context;
    struct client *client = thread->client;
    struct trial *trial = client->trial;
    if (!thread->inside) { /* else it is in another's burst */
        rt_sim_thread(trial->world, thread->number);
        if (thread->ended || client->stopping || client->records_left == 0) {
            thread_end(thread);
            return;
        }
        thread->inside = true;
        client->threads_inside++;
        produce_burst(thread);
        if (!client->stopping) {
            do_something_else(thread);
        }
        client->threads_inside--;
        thread->inside = false;
        client_sample(client);
    }
    uint64_t think_ns = 1 + choose(thread, 2 * client->plan->think_ns + 1);
    rt_sim_at(trial->world, rt_now(trial->world) + think_ns, thread_turn, thread);
}

/* ---- the thread that polls ------------------------------------------------------------------- */

void application_poll(struct client *client, struct sim_random *random) {
    if (client->plan->by_callback) {
        while (sluice_poll_callback(client->producer, 0) > 0) {
        }
        return;
    }
    sluice_report reports[REPORTS_AT_ONCE];
    size_t count;
    do {
        size_t capacity = 1 + plan_choose(random, REPORTS_AT_ONCE);
        count = sluice_poll(client->producer, reports, capacity, 0);
        application_report(client, reports, count);
    } while (count > 0);
}

/* Waits until there are reports, for ever if need be: a wake that is missing shows then. */
static void poller_wait(struct trial_thread *thread) {
    struct client *client = thread->client;
    if (client->plan->by_callback) {
        (void)sluice_poll_callback(client->producer, -1);
        return;
    }
    sluice_report reports[REPORTS_AT_ONCE];
    size_t capacity = 1 + choose(thread, REPORTS_AT_ONCE);
    application_report(client, reports, sluice_poll(client->producer, reports, capacity, -1));
}

static void poller_turn(void *context) {
    struct trial_thread *thread = context;
    struct client *client = thread->client;
    struct trial *trial = client->trial;
    rt_sim_thread(trial->world, thread->number);
    if (thread->ended) {
        return;
    }
    uint64_t pause_ns;
    if (client->plan->poll_every_ns > 0 || client->plan->callback_on_worker) {
        application_poll(client, &thread->random);
        pause_ns = 1 + choose(thread, client->plan->poll_every_ns + 1);
    } else {
        client->threads_inside++;
        poller_wait(thread);
        client->threads_inside--;
        pause_ns = 1;
    }
    client_sample(client);
    if (!client->closed) {
        rt_sim_at(trial->world, rt_now(trial->world) + pause_ns, poller_turn, thread);
    }
}

/* ---- starting and ending --------------------------------------------------------------------- */

static void closer_turn(void *context) {
    struct trial_thread *thread = context;
    struct client *client = thread->client;
    rt_sim_thread(client->trial->world, thread->number);
    client->stopping = true;
    client_close(client, client->plan->close_ms);
}

static void thread_start(struct client *client, struct trial_thread *thread, unsigned place,
                         uint64_t after_ns, void (*turn)(void *)) {
    unsigned number = client->index * 10 + place;
    *thread = (struct trial_thread){.client = client, .number = number + 1};
    sim_random_seed(&thread->random, client->trial->plan->seed, PLAN_STREAM_THREAD + number);
    if (turn != NULL) {
        rt_sim_at(client->trial->world, rt_now(client->trial->world) + after_ns, turn, thread);
    }
}

void application_start(struct client *client) {
    const struct plan_client *plan = client->plan;
    struct sim_random random;
    sim_random_seed(&random, client->trial->plan->seed, PLAN_STREAM_THREAD + 100 + client->index);
    client->records_left = plan->records;
    for (unsigned i = 0; i < plan->threads; i++) {
        thread_start(client, &client->threads[i], i, plan_choose(&random, MS), thread_turn);
    }
    thread_start(client, &client->poller, PLAN_THREADS_MAX, MS,
                 plan->callback_on_worker ? NULL : poller_turn);
    thread_start(client, &client->closer, PLAN_THREADS_MAX + 1, plan->closes_at_ns,
                 plan->abrupt ? closer_turn : NULL);
}

void application_end_threads(struct client *client, bool now) {
    for (unsigned i = 0; now && i < client->plan->threads; i++) {
        thread_end(&client->threads[i]);
    }
    for (unsigned i = 0; i < client->plan->threads; i++) {
        client->threads[i].ended = true;
    }
    client->poller.ended = true;
}

/* ---- the last wave --------------------------------------------------------------------------- */

static void produce_last(struct client *client, unsigned topic, int32_t partition,
                         bool must_arrive) {
    struct trial *trial = client->trial;
    struct ledger_entry *entry = ledger_add(&trial->ledger, client->index);
    struct ledger_record made;
    entry->topic = topic;
    entry->partition_wanted = partition;
    entry->value_size = 20;
    entry->last_wave = must_arrive;
    entry->timestamp_ms = rt_wall_ms(trial->world);
    ledger_record_make(&made, entry);
    ledger_begin(&trial->ledger, entry);
    sluice_code code = sluice_produce_wait(client->topics[topic], &made.record, 30000);
    ledger_record_free(&made);
    end(client, entry, code);
    if (code != SLUICE_OK && must_arrive) {
        verdict_fail(&trial->verdict, "no room for record %d although all is well: %s",
                     (int)entry->id, sluice_code_name(code));
    }
}

void application_last_wave(struct client *client, unsigned count, bool must_arrive) {
    struct trial *trial = client->trial;
    for (unsigned topic = 0; topic < trial->plan->topic_count; topic++) {
        uint32_t partitions = trial->ledger.partition_counts[topic];
        for (uint32_t i = 0; i < partitions * count && !brokers_topic_is_ghost(trial, topic); i++) {
            produce_last(client, topic, (int32_t)(i % partitions), must_arrive);
        }
    }
}
