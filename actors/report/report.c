/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See report.h. */
#include "actors/report/report.h"

#include "actors/batch/batch.h"
#include "actors/leader/partition.h"
#include "actors/input/append.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

/* -- news -- */

uint32_t news_register(struct producer *producer) {
    struct news *news = &producer->news;
    /* The word first: who clears the flag that we set changes the word after that. */
    uint32_t seen = atomic_load_explicit(&news->word, memory_order_seq_cst);
    atomic_store_explicit(&news->listening, 1, memory_order_seq_cst);
    /* pairs with the fence in news_tell: it finds the flag, or our caller finds what it tells of */
    atomic_thread_fence(memory_order_seq_cst);
    return seen;
}

bool news_wait(struct producer *producer, uint32_t seen, uint64_t deadline_ns) {
    return rt_wait(producer->world, &producer->news.word, seen, deadline_ns);
}

/* Behind a fence. */
static void tell(struct producer *producer) {
    struct news *news = &producer->news;
    if (atomic_load_explicit(&news->listening, memory_order_seq_cst) != 0 &&
        atomic_exchange_explicit(&news->listening, 0, memory_order_seq_cst) != 0) {
        atomic_fetch_add_explicit(&news->word, 1, memory_order_seq_cst);
        rt_wake(producer->world, &news->word);
    }
}

void news_tell(struct producer *producer) {
    atomic_thread_fence(memory_order_seq_cst);
    tell(producer);
}

/* -- who waits for reports alone -- */

/* `listeners`: how many there are, and whether one was called. Who is called will look again, for
 * all that is told before he stops listening. In one word, so that nobody is called who is gone. */
enum { LISTENER_CALLED = 1, LISTENER_ONE = 2 };

uint32_t report_listen(struct producer *producer) {
    struct report_queue *queue = &producer->reports;
    uint32_t seen = atomic_load_explicit(&queue->call, memory_order_seq_cst);
    /* pairs with the fence in report_tell: it finds us, or our caller finds what it tells of */
    atomic_fetch_add_explicit(&queue->listeners, LISTENER_ONE, memory_order_seq_cst);
    return seen;
}

bool report_await(struct producer *producer, uint32_t seen, uint64_t deadline_ns) {
    return rt_wait(producer->world, &producer->reports.call, seen, deadline_ns);
}

void report_stop_listening(struct producer *producer, bool looks_again) {
    _Atomic uint32_t *word = &producer->reports.listeners;
    uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);
    uint32_t left;
    do {
        left = seen - LISTENER_ONE;
        RT_UNLESS_MUTANT(called_for_ever, left &= ~(uint32_t)LISTENER_CALLED);
        /* seq_cst: who found one called relies on the look that follows */
    } while (!atomic_compare_exchange_weak_explicit(word, &seen, left, memory_order_seq_cst,
                                                    memory_order_relaxed));
    if (!looks_again && (seen & LISTENER_CALLED) != 0 &&
        atomic_load_explicit(&producer->reports.waiting, memory_order_seq_cst) != 0) {
        report_tell(producer); /* another has to look for us */
    }
}

/* Calls one who listens, if there is one and none was called. */
static void call_listener(struct producer *producer) {
    struct report_queue *queue = &producer->reports;
    uint32_t seen = atomic_load_explicit(&queue->listeners, memory_order_seq_cst);
    while (seen >= LISTENER_ONE && (seen & LISTENER_CALLED) == 0) {
        if (atomic_compare_exchange_weak_explicit(&queue->listeners, &seen, seen | LISTENER_CALLED,
                                                  memory_order_seq_cst, memory_order_seq_cst)) {
            atomic_fetch_add_explicit(&queue->call, 1, memory_order_seq_cst);
            rt_wake_one(producer->world, &queue->call);
            break;
        }
    }
}

void report_tell(struct producer *producer) {
    atomic_thread_fence(memory_order_seq_cst);
    call_listener(producer);
    tell(producer);
}

void report_end(struct producer *producer) {
    atomic_fetch_add_explicit(&producer->reports.call, 1, memory_order_seq_cst);
    rt_wake(producer->world, &producer->reports.call);
    news_tell(producer);
}

/* -- one record -- */

static uint32_t milliseconds(uint64_t from_ns, uint64_t to_ns) {
    return to_ns > from_ns ? (uint32_t)((to_ns - from_ns) / 1000000) : 0;
}

/* All that the reports of a batch have in common. */
static sluice_report report_of(const struct batch *batch) {
    uint64_t sent_ns = batch->first_sent_ns != 0 ? batch->first_sent_ns : batch->decided_ns;
    return (sluice_report){.topic = (sluice_topic *)batch->partition->topic,
                           .offset = -1,
                           .partition = batch->partition->index,
                           .outcome = batch->outcome,
                           .error = batch->error,
                           .last_error = batch->last_error,
                           .attempts = batch->attempts,
                           .waited_ms = milliseconds(batch->opened_ns, sent_ns),
                           .in_flight_ms = milliseconds(sent_ns, batch->decided_ns)};
}

static void report_fill(sluice_report *report, const struct batch *batch, uint32_t index,
                        const struct slot *slot) {
    report->opaque = slot->opaque;
    report->timestamp_ms = batch->log_append_time_ms >= 0
                               ? batch->log_append_time_ms
                               : (int64_t)(slot->timestamp_and_flags >> SLOT_FLAG_BITS);
    if (batch->base_offset >= 0) {
        report->offset = batch->base_offset + index;
    }
}

/* -- callers that wait for one record -- */

/* True when every report of the batch went to such a caller. */
static bool deliver_sync(struct producer *producer, struct batch *batch) {
    struct slot_cursor cursor = {NULL, 0};
    sluice_report report = report_of(batch);
    bool all = true;
    for (uint32_t i = 0; i < batch->records; i++) {
        struct slot *slot = batch_slot_next(batch, i, &cursor);
        if ((slot->timestamp_and_flags & SLOT_SYNC) == 0) {
            all = false;
            continue;
        }
        struct sync_waiter *waiter = slot->opaque;
        slot->opaque = waiter->opaque;
        report_fill(&report, batch, i, slot);
        waiter->report = report;
        uint32_t state = SYNC_WAITING;
        /* acq_rel: the caller reads the report after it has seen SYNC_DONE */
        if (!atomic_compare_exchange_strong_explicit(&waiter->state, &state, SYNC_DONE,
                                                     memory_order_acq_rel, memory_order_acquire)) {
            slot->timestamp_and_flags &=
                ~(uint64_t)SLOT_SYNC; /* nobody waits: an ordinary report */
            rt_release(producer->world, waiter, sizeof *waiter);
            all = false;
        }
    }
    return all;
}

void report_post(struct producer *producer, struct batch *batch) {
    struct report_queue *queue = &producer->reports;
    if (batch->has_sync && deliver_sync(producer, batch)) {
        batch_reported(batch); /* nothing is left for a reader */
        news_tell(producer);
        return;
    }
    atomic_fetch_add_explicit(&queue->waiting, batch->records, memory_order_relaxed);
    rt_lane_unbounded_push(&queue->decided, &batch->mail.node);
    if (queue->actor_started) {
        rt_notify_pushed(&queue->actor);
    }
    if (atomic_load_explicit(&queue->descriptor_used, memory_order_relaxed) != 0) {
        rt_signal_set(producer->world, true);
    }
    report_tell(producer);
}

/* -- the reader -- */

static bool next_batch(struct report_queue *queue) {
    struct rt_node *node;
    if (queue->current == NULL) {
        if (rt_lane_unbounded_take(&queue->decided, &node) != RT_TAKEN) {
            return false;
        }
        queue->current = batch_of(mail_of(node));
    }
    return true;
}

/* Reports of `slots`, as many as there is room for. Those that a caller of sluice_produce_sync got
 * are passed over. Returns how many slots were looked at. */
static uint32_t hand_over_slots(struct batch *batch, const struct slot *slots, uint32_t slot_count,
                                sluice_report *reports, size_t capacity, size_t *count) {
    const sluice_report common = report_of(batch);
    int64_t step = batch->base_offset >= 0 ? 1 : 0;
    int64_t offset = batch->base_offset >= 0 ? batch->base_offset + batch->reported : -1;
    bool appended = batch->log_append_time_ms >= 0;
    size_t made = *count;
    uint32_t at = 0;
    for (; at < slot_count && made < capacity; at++, offset += step) {
        uint64_t word = slots[at].timestamp_and_flags;
        if (__builtin_expect((word & SLOT_SYNC) != 0, 0)) {
            continue;
        }
        /* field by field into its place: a copy of what was just stored would wait for the store */
        sluice_report *report = &reports[made++];
        *report = common;
        report->opaque = slots[at].opaque;
        report->offset = offset;
        report->timestamp_ms =
            appended ? batch->log_append_time_ms : (int64_t)(word >> SLOT_FLAG_BITS);
    }
    *count = made;
    return at;
}

/* Hands over records of the current batch. */
static size_t hand_over(struct report_queue *queue, sluice_report *reports, size_t capacity) {
    struct batch *batch = queue->current;
    struct slot_cursor cursor = {batch->report_block, batch->report_slot};
    size_t count = 0;
    uint32_t passed = batch->reported;
    while (count < capacity && batch->reported < batch->records) {
        uint32_t slot_count;
        const struct slot *slots = batch_slots_from(batch, batch->reported, &cursor, &slot_count);
        uint32_t done = hand_over_slots(batch, slots, slot_count, reports, capacity, &count);
        cursor.at += done;
        batch->reported += done;
        count -= RT_MUTANT(last_reports_lost) && batch->reported >= 12 && count > 0;
    }
    batch->report_block = cursor.block;
    batch->report_slot = cursor.at;
    atomic_fetch_sub_explicit(&queue->waiting, batch->reported - passed, memory_order_relaxed);
    if (batch->reported == batch->records) {
        queue->current = NULL;
        batch_reported(batch);
    }
    return count;
}

static bool reader_enter(struct report_queue *queue) {
    uint32_t nobody = 0;
    /* seq_cst: who is turned away comes before the reader's last look (report_take) */
    return atomic_compare_exchange_strong_explicit(&queue->reading, &nobody, 1,
                                                   memory_order_seq_cst, memory_order_seq_cst);
}

/* True when there is more to read; then another reader may have found the turn taken. */
static bool reader_leave(struct producer *producer) {
    struct report_queue *queue = &producer->reports;
    atomic_store_explicit(&queue->reading, 0, memory_order_seq_cst);
    bool more = atomic_load_explicit(&queue->waiting, memory_order_seq_cst) != 0;
    if (more) {
        report_tell(producer);
    }
    return more;
}

static size_t take(struct report_queue *queue, sluice_report *reports, size_t capacity) {
    size_t count = 0;
    while (count < capacity && next_batch(queue)) {
        count += hand_over(queue, reports + count, capacity - count);
    }
    return count;
}

size_t report_take(struct producer *producer, sluice_report *reports, size_t capacity) {
    struct report_queue *queue = &producer->reports;
    if (!reader_enter(queue)) {
        return 0;
    }
    if (atomic_load_explicit(&queue->descriptor_used, memory_order_relaxed) != 0) {
        rt_signal_set(producer->world, false);
    }
    size_t count = take(queue, reports, capacity);
    if (reader_leave(producer) &&
        atomic_load_explicit(&queue->descriptor_used, memory_order_relaxed) != 0) {
        rt_signal_set(producer->world, true);
    }
    return count;
}

enum { SERVE_AT_ONCE = 64 };

/* The mark by which calls inside the callback are told. A thread that finds no memory for a lane
 * marks the queue instead; one at a time does, the others leave what is there to it. */
static bool callback_begin(struct producer *producer, struct input_lane *lane) {
    if (lane != NULL) {
        lane->in_callback++;
        return true;
    }
    void *nobody = NULL;
    void *slot = rt_thread_slot(producer->world);
    return slot != NULL &&
           atomic_compare_exchange_strong_explicit(&producer->reports.serving, &nobody, slot,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

static void callback_end(struct producer *producer, struct input_lane *lane) {
    if (lane != NULL) {
        lane->in_callback--;
        return;
    }
    atomic_store_explicit(&producer->reports.serving, NULL, memory_order_release);
    report_tell(producer); /* somebody may have been turned away */
}

size_t report_serve(struct producer *producer) {
    const struct sluice_config *config = producer->config;
    struct input_lane *lane = input_lane_of(producer);
    sluice_report reports[SERVE_AT_ONCE];
    size_t total = 0;
    size_t count;
    if (!callback_begin(producer, lane)) {
        return 0;
    }
    while ((count = report_take(producer, reports, SERVE_AT_ONCE)) > 0) {
        config->report_callback(reports, count, config->report_context);
        total += count;
    }
    callback_end(producer, lane);
    return total;
}

/* -- the report actor: callbacks on a worker, by option -- */

static enum rt_verdict report_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct report_queue *queue = caa_container_of(actor, struct report_queue, actor);
    struct producer *producer = caa_container_of(queue, struct producer, reports);
    rt_user_code(turn->world, true);
    report_serve(producer);
    rt_user_code(turn->world, false);
    if ((marks & RT_MARK(REPORT_MARK_CLOSE)) != 0) {
        return RT_END;
    }
    return atomic_load_explicit(&queue->waiting, memory_order_relaxed) != 0 ? RT_AGAIN : RT_IDLE;
}

static void report_gone(struct rt_actor *actor) {
    struct report_queue *queue = caa_container_of(actor, struct report_queue, actor);
    producer_actor_gone(caa_container_of(queue, struct producer, reports));
}

static const struct rt_actor_kind report_kind = {
    .name = "report", .class = RT_CLASS_ACTOR, .run = report_run, .gone = report_gone};

void report_open(struct producer *producer) {
    const struct sluice_config *config = producer->config;
    rt_lane_unbounded_init(&producer->reports.decided);
    if (config->report_callback != NULL && config->callback_thread == SLUICE_CALLBACK_WORKER) {
        producer->reports.actor_started = true;
        producer_actor_start(producer, &producer->reports.actor, &report_kind);
    }
}

void report_close(struct producer *producer) {
    if (producer->reports.actor_started) {
        rt_mark(&producer->reports.actor, RT_MARK(REPORT_MARK_CLOSE));
    }
}

void report_deinit(struct producer *producer) {
    sluice_report reports[SERVE_AT_ONCE];
    while (take(&producer->reports, reports, SERVE_AT_ONCE) > 0) {
    }
    RT_ASSERT(atomic_load_explicit(&producer->reports.waiting, memory_order_relaxed) == 0);
}
