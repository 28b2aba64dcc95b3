/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order between threads: the writing side of actors/input/append.h in two threads, the reading
 * side of actors/topic/sweep.c in a third. Each writer notes how many records of the other were
 * produced when it began one; those have to come before it.
 */
#include <string.h>

#include "actors/input/append.h"
#include "actors/topic/sweep.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum { WRITERS = 2, RECORDS = 2, CHUNK_BYTES = 1024, RUNS = 2 * WRITERS * RECORDS };
enum { FOLLOWED, INTERLEAVED };

bool rt_mutant_stamps_ignored;

static struct {
    struct producer producer;
    struct topic topic;
    struct input_lane lanes[WRITERS];
    _Alignas(16) uint8_t chunks[WRITERS][CHUNK_BYTES];
    _Alignas(16) uint8_t runs[RUNS][RUN_BYTES];
    _Atomic unsigned produced[WRITERS];
    unsigned others_before[WRITERS][RECORDS]; /* of the other writer, when this one was begun */
    unsigned handed_on[WRITERS];
} state;

/* ---- what lane.c would do -------------------------------------------------------------------- */

struct input_entry *input_room_made(struct input_lane *lane, struct topic *topic, uint32_t size) {
    (void)size; /* there is room for all */
    input_stamp(lane);
    if (lane->topic != topic) {
        input_run_begin(lane, topic);
    }
    return (struct input_entry *)(void *)(lane->tail->data + lane->tail_used);
}

void input_chunk_release(struct producer *producer, struct input_chunk *chunk) {
    (void)producer;
    explore_fail("chunk %p was read to its end", (void *)chunk);
}

/* ---- the world ------------------------------------------------------------------------------- */

static void lane_set_up(unsigned writer) {
    struct input_chunk *chunk = (struct input_chunk *)(void *)state.chunks[writer];
    memset(chunk, 0, CHUNK_BYTES);
    struct input_lane *lane = &state.lanes[writer];
    memset(lane, 0, sizeof *lane);
    lane->producer = &state.producer;
    lane->id = (uint16_t)(writer + 1);
    lane->writer = lane->id; /* which no stamp was taken under */
    lane->tail = chunk;
    atomic_init(&lane->head, chunk);
    lane->next = writer == 0 ? NULL : &state.lanes[writer - 1];
    atomic_init(&state.produced[writer], 0);
    state.handed_on[writer] = 0;
}

static void set_up(void) {
    memset(&state.producer, 0, sizeof state.producer);
    memset(&state.topic, 0, sizeof state.topic);
    state.producer.world = &rig_reset()->world;
    for (unsigned i = 0; i < WRITERS; i++) {
        lane_set_up(i);
    }
    atomic_init(&state.producer.lanes, &state.lanes[WRITERS - 1]);
    struct topic_actor *topics = &state.producer.topic_actor;
    topics->producer = &state.producer;
    rt_lane_unbounded_init(&topics->spent);
    for (unsigned i = 0; i < RUNS; i++) {
        struct run *run = (struct run *)(void *)state.runs[i];
        run->next = topics->free_runs;
        topics->free_runs = run;
    }
    rt_lane_unbounded_init(&state.topic.actor.fresh);
    atomic_init(&state.topic.actor.actor.word, RT_NOTIFIED); /* and is never run */
    rt_mutant_stamps_ignored = explore_variant("stamps-ignored");
}

/* ---- the writers ----------------------------------------------------------------------------- */

static void write_all(void) {
    unsigned self = explore_self();
    struct input_lane *lane = &state.lanes[self];
    uint32_t size = input_entry_size(0);
    for (unsigned i = 0; i < RECORDS; i++) {
        state.others_before[self][i] = atomic_load(&state.produced[!self]);
        if (explore_variant("told-before-published")) {
            atomic_store(&state.produced[self], i + 1);
        }
        struct input_entry *entry = input_room(lane, &state.topic, size);
        *entry = (struct input_entry){.size = size, .partition = (int32_t)self};
        input_publish(lane, size);
        atomic_store(&state.produced[self], i + 1);
    }
}

/* ---- the reader ------------------------------------------------------------------------------ */

static void check_entry(const struct input_entry *entry) {
    unsigned writer = (unsigned)entry->partition;
    unsigned index = state.handed_on[writer]++;
    EXPLORE_CHECK(index < RECORDS, "writer %u has more records than it wrote", writer);
    unsigned before = state.others_before[writer][index];
    EXPLORE_CHECK(state.handed_on[!writer] >= before,
                  "record %u of writer %u came before %u that were produced before it", index,
                  writer, before - state.handed_on[!writer]);
    if (before > 0) {
        explore_reached(FOLLOWED);
    }
    if (index + 1 < RECORDS && state.handed_on[!writer] % RECORDS != 0) {
        explore_reached(INTERLEAVED);
    }
}

static void check_piece(const struct run_piece *piece) {
    const struct input_entry *entry;
    for (uint32_t at = piece->from; at < piece->to; at += entry->size) {
        entry = (const struct input_entry *)(void *)(piece->chunk->data + at);
        check_entry(entry);
    }
}

static void take_runs(void) {
    struct rt_node *node;
    while (rt_lane_unbounded_take(&state.topic.actor.fresh, &node) == RT_TAKEN) {
        struct run *run = caa_container_of(node, struct run, node);
        for (uint32_t i = 0; i < run->piece_count; i++) {
            check_piece(&run->pieces[i]);
        }
    }
}

/* As a sweep that hands on what a lane has when it comes to it. */
static void sweep_once(struct input_lane *lane) {
    struct input_chunk *chunk = (struct input_chunk *)(void *)state.chunks[lane - state.lanes];
    uint64_t published = atomic_load(&chunk->published);
    while (lane->read_at < (uint32_t)published) {
        const struct input_run *run = (const void *)(chunk->data + lane->read_run);
        if (lane->read_at == lane->read_run) {
            lane->read_at += (uint32_t)sizeof *run;
        }
        bool last = lane->read_run == published >> 32;
        check_piece(
            &(struct run_piece){chunk, lane->read_at, last ? (uint32_t)published : run->next});
        lane->read_at = last ? (uint32_t)published : run->next;
        lane->read_run = last ? lane->read_run : run->next;
    }
}

static void read_all(void) {
    while (state.handed_on[0] + state.handed_on[1] < WRITERS * RECORDS) {
        if (explore_variant("looks-once")) {
            sweep_once(&state.lanes[1]);
            sweep_once(&state.lanes[0]);
        } else if (sweep(&state.producer.topic_actor, 0) == SWEEP_NOTHING) {
            explore_pause();
        }
        take_runs();
    }
}

static void settled(void) {
    for (unsigned i = 0; i < WRITERS; i++) {
        EXPLORE_CHECK(state.handed_on[i] == RECORDS, "writer %u: %u records were handed on", i,
                      state.handed_on[i]);
    }
}

const struct explore_scenario order_scenario = {
    .name = "order",
    .says = "a record comes behind all that were produced before it began, by any thread",
    .threads = {{"writer 1", write_all, false},
                {"writer 2", write_all, false},
                {"reader", read_all, false}},
    .variants = {{"looks-once", NULL},
                 {"stamps-ignored", NULL},
                 {"told-before-published", NULL},
                 {"stamp-torn", "input_stamp"}},
    .marks = {[FOLLOWED] = "a record that has to follow another writer's",
              [INTERLEAVED] = "a record of one writer between two of the other"},
    .bound = 2,
    .drawn = 100000,
    .set_up = set_up,
    .settled = settled,
};
