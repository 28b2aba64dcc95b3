/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How an application waits for reports: actors/report/report.c and sluice_poll of
 * actors/producer/reading.c, over the futex and the descriptor of kernel.c. Two actors decide
 * batches; two threads wait in sluice_poll, of which one is woken at a time, and one goes its way
 * with the first report that it has. In the scenario `descriptor` one thread looks once, and one
 * waits for the descriptor.
 */
#include <string.h>

#include "actors/config/config.h"
#include "actors/leader/partition.h"
#include "actors/producer/producer.h"
#include "runtime/threads_internal.h"
#include "stress/explore/explore.h"
#include "stress/explore/kernel.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum { BATCHES = 3, RECORDS_MAX = 2, ONCE_MAX = 2 };
static const uint32_t records_of[BATCHES] = {2, 1, 1}; /* the last one is the second decider's */
enum { SLEPT, TURNED_AWAY };

/* Of these sources, and of no scenario. */
bool rt_mutant_last_reports_lost, rt_mutant_waits_without_end, rt_mutant_callbacks_may_wait,
    rt_mutant_called_for_ever;

static struct {
    struct rt_world_ops ops;
    struct sluice_config config;
    struct producer producer;
    struct partition partition;
    struct batch batches[BATCHES];
    struct slot slots[BATCHES][RECORDS_MAX];
    unsigned told[BATCHES][RECORDS_MAX], freed[BATCHES];
    void *slot; /* nobody here has an input lane */
} state;

/* ---- what report.c finds elsewhere in the product -------------------------------------------- */

const struct slot *batch_slots_from(struct batch *batch, uint32_t index, struct slot_cursor *cursor,
                                    uint32_t *count) {
    (void)cursor;
    *count = batch->records - index;
    return &state.slots[batch - state.batches][index];
}

void batch_reported(struct batch *batch) {
    state.freed[batch - state.batches]++;
}

struct slot *batch_slot_next(struct batch *batch, uint32_t index, struct slot_cursor *cursor) {
    (void)cursor;
    explore_fail("record %u of batch %d is nobody's who waits for it", index,
                 (int)(batch - state.batches));
}

struct input_lane *input_lane_find(struct producer *producer, void **slot) {
    (void)producer;
    (void)slot;
    return NULL;
}

void producer_actor_start(struct producer *producer, struct rt_actor *actor,
                          const struct rt_actor_kind *kind) {
    (void)producer;
    (void)actor;
    explore_fail("%s was started", kind->name);
}

void producer_actor_gone(struct producer *producer) {
    (void)producer;
    explore_fail("an actor has gone");
}

/* ---- the world ------------------------------------------------------------------------------- */

static bool wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen,
                 uint64_t deadline_ns) {
    explore_reached(SLEPT);
    if (atomic_load(&state.producer.reports.reading) != 0) {
        explore_reached(TURNED_AWAY);
    }
    return system_wait(world, word, seen, deadline_ns);
}

static void **thread_slot(struct rt_world *world) {
    (void)world;
    return &state.slot;
}

/* Never set here, so that the table is asked. */
_Thread_local struct rt_thread_slot_last rt_thread_slot_last;

/* As clear_line, but the flag goes first. */
static void signal_set(struct rt_world *world, bool raised) {
    struct signal_line *line = &threads_of(world)->signal;
    if (raised || !explore_variant("flag-first")) {
        system_signal_set(world, raised);
        return;
    }
    uint64_t count;
    atomic_store(&line->raised, false);
    if (atomic_load(&line->descriptor) >= 0) {
        (void)explore_read(atomic_load(&line->descriptor), &count, sizeof count);
    }
}

static void set_up(void) {
    struct threads *threads = rig_reset();
    struct producer *producer = &state.producer;
    state.ops = *threads->world.ops;
    state.ops.wait = wait;
    state.ops.thread_slot = thread_slot;
    state.ops.signal_set = signal_set;
    state.ops.signal_descriptor = system_signal_descriptor;
    threads->world.ops = &state.ops;
    atomic_init(&threads->signal.descriptor, -1);
    producer->world = &threads->world;
    producer->config = &state.config;
    memset(&producer->reports, 0, sizeof producer->reports);
    memset(&producer->news, 0, sizeof producer->news);
    report_open(producer);
    memset(state.batches, 0, sizeof state.batches);
    memset(state.told, 0, sizeof state.told);
    memset(state.freed, 0, sizeof state.freed);
    for (unsigned i = 0; i < BATCHES; i++) {
        state.batches[i].partition = &state.partition;
        state.batches[i].records = records_of[i];
        for (unsigned record = 0; record < RECORDS_MAX; record++) {
            state.slots[i][record].opaque = &state.told[i][record];
        }
    }
}

/* ---- who decides ----------------------------------------------------------------------------- */

/* As report_post, but it tells before there is anything. */
static void post_late(struct batch *batch) {
    struct report_queue *queue = &state.producer.reports;
    report_tell(&state.producer);
    atomic_fetch_add(&queue->waiting, batch->records);
    rt_lane_unbounded_push(&queue->decided, &batch->mail.node);
}

static void post(unsigned index) {
    if (explore_variant("tell-first")) {
        post_late(&state.batches[index]);
    } else {
        report_post(&state.producer, &state.batches[index]);
    }
}

static void decide_first(void) {
    post(0);
    post(1);
}

static void decide_last(void) {
    post(BATCHES - 1);
}

/* ---- who reads ------------------------------------------------------------------------------- */

static sluice_producer *handle(void) {
    return (sluice_producer *)(void *)&state.producer;
}

static void take_in(const sluice_report *reports, size_t count) {
    for (size_t i = 0; i < count; i++) {
        unsigned *told = reports[i].opaque;
        ++*told;
        EXPLORE_CHECK(*told == 1, "a record is reported again");
    }
}

static void read_once(void) {
    sluice_report reports[ONCE_MAX];
    take_in(reports, sluice_poll(handle(), reports, ONCE_MAX, 0));
    if (atomic_load(&state.producer.reports.reading) != 0) {
        explore_reached(TURNED_AWAY);
    }
}

/* As sluice_poll, but it looks before it registers. */
static size_t poll_carelessly(sluice_report *report) {
    size_t count = report_take(&state.producer, report, 1);
    if (count == 0) {
        uint32_t seen = report_listen(&state.producer);
        (void)report_await(&state.producer, seen, RT_FOREVER);
        report_stop_listening(&state.producer, true);
        count = report_take(&state.producer, report, 1);
    }
    return count;
}

static size_t read_one(void) {
    sluice_report report;
    size_t count = explore_variant("look-first") ? poll_carelessly(&report)
                                                 : sluice_poll(handle(), &report, 1, -1);
    take_in(&report, count);
    return count;
}

static void wait_for_one(void) {
    while (read_one() == 0) {
    }
}

static void read_all(void) {
    for (;;) {
        (void)read_one();
    }
}

/* As sluice_descriptor, but it looks before it says that somebody uses it. */
static int open_carelessly(void) {
    struct threads *threads = threads_of(rig_world());
    int descriptor = system_signal_descriptor(&threads->world);
    if (atomic_load(&state.producer.reports.waiting) != 0) {
        rt_signal_set(&threads->world, true);
    }
    atomic_store(&state.producer.reports.descriptor_used, 1);
    return descriptor;
}

static void read_when_readable(void) {
    int descriptor =
        explore_variant("look-first") ? open_carelessly() : sluice_descriptor(handle());
    for (;;) {
        kernel_await(descriptor);
        explore_reached(SLEPT);
        sluice_report report;
        size_t count = sluice_poll(handle(), &report, 1, 0);
        take_in(&report, count);
        if (count == 0) {
            explore_pause(); /* the other reads, or the descriptor was up for nothing */
        }
    }
}

/* ---- all sleep ------------------------------------------------------------------------------- */

static void settled(void) {
    struct report_queue *queue = &state.producer.reports;
    EXPLORE_CHECK(atomic_load(&queue->reading) == 0, "somebody still reads");
    EXPLORE_CHECK(atomic_load(&queue->waiting) == 0, "%u reports are there, and nobody looks",
                  (unsigned)atomic_load(&queue->waiting));
    for (unsigned i = 0; i < BATCHES; i++) {
        EXPLORE_CHECK(state.freed[i] == 1, "batch %u was freed %u times", i, state.freed[i]);
        for (unsigned record = 0; record < records_of[i]; record++) {
            EXPLORE_CHECK(state.told[i][record] == 1, "record %u of batch %u is not reported",
                          record, i);
        }
    }
}

const struct explore_scenario reports_scenario = {
    .name = "reports",
    .says = "each report is read once, and nobody sleeps while some are there",
    .threads = {{"decider 1", decide_first, false},
                {"decider 2", decide_last, false},
                {"one", wait_for_one, true},
                {"reader", read_all, true}},
    .variants = {{"look-first", NULL},
                 {"tell-first", NULL},
                 {"enter-torn", "reader_enter"},
                 {"listen-torn", "report_listen"},
                 {"stop-torn", "report_stop_listening"},
                 {"call-torn", "call_listener"},
                 {"post-torn", "report_post"},
                 {"hand-over-torn", "hand_over"}},
    .marks = {[SLEPT] = "a wait", [TURNED_AWAY] = "a reader that finds another one"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up,
    .settled = settled,
};

const struct explore_scenario descriptor_scenario = {
    .name = "descriptor",
    .says = "so, and the descriptor is readable while some are there",
    .threads = {{"decider 1", decide_first, false},
                {"decider 2", decide_last, false},
                {"once", read_once, false},
                {"reader", read_when_readable, true}},
    .variants = {{"look-first", NULL},
                 {"tell-first", NULL},
                 {"flag-first", NULL},
                 {"enter-torn", "reader_enter"},
                 {"raise-torn", "raise_line"}},
    .marks = {[SLEPT] = "a descriptor that is readable",
              [TURNED_AWAY] = "a reader that finds another one"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up,
    .settled = settled,
};
