/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See sweep.h. */
#include "actors/topic/sweep.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/fetch.h"
#include "runtime/mutant.h"

/* -- run descriptors, recycled through `spent` -- */

static struct run *run_take(struct topic_actor *self) {
    struct rt_node *node;
    if (self->free_runs == NULL) {
        while (rt_lane_unbounded_take(&self->spent, &node) == RT_TAKEN) {
            struct run *run = caa_container_of(node, struct run, node);
            run->next = self->free_runs;
            self->free_runs = run;
        }
    }
    struct run *run = self->free_runs;
    if (run != NULL) {
        self->free_runs = run->next;
        return run;
    }
    run = rt_acquire(self->producer->world, RUN_BYTES);
    if (run != NULL) {
        self->runs_made++;
    }
    return run;
}

void sweep_deinit(struct topic_actor *self) {
    struct rt_node *node;
    while (rt_lane_unbounded_take(&self->spent, &node) == RT_TAKEN) {
        struct run *run = caa_container_of(node, struct run, node);
        run->next = self->free_runs;
        self->free_runs = run;
    }
    while (self->free_runs != NULL) {
        struct run *next = self->free_runs->next;
        rt_release(self->producer->world, self->free_runs, RUN_BYTES);
        self->free_runs = next;
        self->runs_made--;
    }
    RT_ASSERT(self->runs_made == 0);
}

/* -- reading one lane -- */

static uint64_t published(struct input_chunk *chunk) {
    return atomic_load_explicit(&chunk->published, memory_order_seq_cst);
}

/* Moves past chunks that were read to their end; true when something lies before the reader. */
static bool lane_ready(struct input_lane *lane) {
    struct producer *producer = lane->producer;
    if (lane->read == NULL) {
        lane->read = atomic_load_explicit(&lane->head, memory_order_acquire);
        if (lane->read == NULL) {
            return false;
        }
    }
    while (lane->read_at >= (uint32_t)published(lane->read)) {
        struct input_chunk *next = atomic_load_explicit(&lane->read->next, memory_order_acquire);
        if (next == NULL) {
            return false;
        }
        /* the writer published its last here before it set `next` */
        if (lane->read_at < (uint32_t)published(lane->read)) {
            break;
        }
        input_chunk_release(producer, lane->read);
        lane->read = next;
        lane->read_at = 0;
        lane->read_run = 0;
    }
    return true;
}

static struct input_run *run_at(struct input_chunk *chunk, uint32_t offset) {
    return (struct input_run *)(void *)(chunk->data + offset);
}

/* The run before the reader: steps over a run head when it stands on one. */
static struct input_run *lane_run(struct input_lane *lane) {
    struct input_run *run = run_at(lane->read, lane->read_run);
    uint32_t last = (uint32_t)(published(lane->read) >> 32);
    if (lane->read_at == 0) {
        lane->read_at = (uint32_t)sizeof *run;
    } else if (lane->read_run < last && lane->read_at == run->next) {
        lane->read_run = run->next;
        lane->read_at += (uint32_t)sizeof *run;
        run = run_at(lane->read, lane->read_run);
    }
    return run;
}

/* The end of the run before the reader, as far as it was `seen` published. */
static uint32_t run_end(struct input_lane *lane, const struct input_run *run, uint64_t seen) {
    return lane->read_run < (uint32_t)(seen >> 32) ? run->next : (uint32_t)seen;
}

/* -- the order of lanes -- */

enum { NO_STAMP = 0 };

static struct input_lane *lanes_of(struct topic_actor *self) {
    return atomic_load_explicit(&self->producer->lanes, memory_order_acquire);
}

static bool is_sure(const struct input_lane *lane) {
    return lane->read_at < (uint32_t)lane->sure;
}

static void look_first(struct input_lane *lane) {
    lane->sure = lane_ready(lane) ? published(lane->read) : 0;
}

static void look_again(struct input_lane *lane) {
    if (is_sure(lane)) {
        lane->more = published(lane->read) != lane->sure ||
                     atomic_load_explicit(&lane->read->next, memory_order_acquire) != NULL;
        lane->stamp = lane_run(lane)->stamp;
    } else {
        lane->sure = 0;
        lane->stamp = lane_ready(lane) ? lane_run(lane)->stamp : NO_STAMP;
    }
}

static void look(struct topic_actor *self) {
    struct input_lane *lanes = lanes_of(self);
    for (struct input_lane *lane = lanes; lane != NULL; lane = lane->next) {
        look_first(lane);
    }
    for (struct input_lane *lane = lanes; lane != NULL; lane = lane->next) {
        look_again(lane);
    }
}

/* The lane whose next run has the lowest stamp, not above `highest`. */
static struct input_lane *lowest(struct topic_actor *self, uint64_t highest) {
    struct input_lane *best = NULL;
    for (struct input_lane *lane = lanes_of(self); lane != NULL; lane = lane->next) {
        if (lane->stamp != NO_STAMP && lane->stamp <= highest &&
            (best == NULL || (lane->stamp < best->stamp && !RT_MUTANT(stamps_ignored)))) {
            best = lane;
        }
    }
    return best;
}

/* As lowest(), and sure. */
static struct input_lane *next_in_order(struct topic_actor *self, uint64_t highest) {
    struct input_lane *lane = lowest(self, highest);
    while (lane != NULL && !is_sure(lane)) {
        look(self);
        lane = lowest(self, highest);
    }
    return lane;
}

/* Past what was handed on. When the second look showed more than the first, what comes next has
 * this stamp or a higher one, and is not sure. */
static void lane_step(struct input_lane *lane) {
    if (is_sure(lane)) {
        lane->stamp = lane_run(lane)->stamp;
    } else if (!lane->more) {
        lane->stamp = NO_STAMP;
    }
}

/* -- handing on -- */

static void run_send(struct topic_actor *self, struct topic *topic, struct run *run) {
    rt_sizes_add(&self->counted_runs, run->bytes);
    rt_lane_unbounded_push(&topic->actor.fresh, &run->node);
}

/* The run of this sweep that takes so much more of the topic; NULL when memory is short. */
static struct run *run_of(struct topic_actor *self, struct topic *topic, uint32_t bytes,
                          uint64_t opened_ns) {
    struct run *run = topic->gathered;
    if (run != NULL && run_has_room(run, bytes)) {
        return run;
    }
    struct run *fresh = run_take(self);
    if (fresh == NULL) {
        return NULL;
    }
    run_init(fresh, opened_ns);
    if (run != NULL) {
        run_send(self, topic, run);
    } else {
        topic->touched_next = self->touched;
        self->touched = topic;
    }
    topic->gathered = fresh;
    if (!topic->written) {
        topic->written = true;
        topic->written_next = self->written;
        self->written = topic;
    }
    return fresh;
}

enum { AHEAD_BYTES = 1024, AHEAD_LINES = 3 };

/* The writer's core has the lines, and where the next head lies is only known when this one is
 * here. What partition actors read next comes with it. */
static void fetch_ahead(const struct input_lane *lane, uint32_t at) {
    rt_fetch_all(lane->read->data + at + AHEAD_BYTES, AHEAD_LINES * RT_LINE_BYTES);
}

/* What is sure before the reader, and of one stamp. False when memory is short. */
static bool hand_on(struct topic_actor *self, struct input_lane *lane, uint64_t opened_ns) {
    const struct input_run *head = lane_run(lane);
    while (is_sure(lane) && head->stamp == lane->stamp) {
        uint32_t to = run_end(lane, head, lane->sure);
        fetch_ahead(lane, to);
        if (lane->read_at < to) {
            struct run *run = run_of(self, head->topic, to - lane->read_at, opened_ns);
            if (run == NULL) {
                return false;
            }
            run_add(run, lane->read, lane->read_at, to);
            lane->read_at = to;
        }
        if (to == (uint32_t)lane->sure) {
            break;
        }
        head = lane_run(lane);
    }
    return true;
}

/* Partition actors get what this sweep found. */
static void hand_over(struct topic_actor *self) {
    while (self->touched != NULL) {
        struct topic *topic = self->touched;
        self->touched = topic->touched_next;
        run_send(self, topic, topic->gathered);
        topic->gathered = NULL;
        rt_notify_pushed(&topic->actor.actor);
    }
}

static bool has_caught_up(struct input_lane *lane) {
    return lane->read_at >= (uint32_t)published(lane->read) &&
           atomic_load_explicit(&lane->read->next, memory_order_acquire) == NULL;
}

enum { HAND_ONS_MAX = 4096, SWEEP_BYTES_MAX = 1 << 19, SMALL_BYTES = 4096 };

enum sweep_result sweep(struct topic_actor *self, uint64_t opened_ns) {
    uint64_t highest = atomic_load_explicit(&self->producer->writer, memory_order_acquire) >> 16;
    enum sweep_result result = SWEEP_NOTHING;
    uint32_t swept = 0;
    look(self);
    for (uint32_t n = 0; n < HAND_ONS_MAX && swept < SWEEP_BYTES_MAX; n++) {
        struct input_lane *lane = next_in_order(self, highest);
        if (lane == NULL) {
            break;
        }
        uint64_t stamp = lane->stamp;
        uint32_t from = lane->read_at;
        if (!hand_on(self, lane, opened_ns)) {
            result = SWEEP_NO_MEMORY;
            break;
        }
        uint32_t bytes = lane->read_at - from; /* what other stamps have behind it comes later */
        swept += bytes;
        lane_step(lane);
        result = n + 1 == HAND_ONS_MAX || swept >= SWEEP_BYTES_MAX ? SWEEP_MORE : SWEEP_FOUND;
        if (stamp == highest && bytes < SMALL_BYTES && has_caught_up(lane)) {
            break; /* the writer goes on: what comes now waits for the next sweep */
        }
    }
    if (swept > 0) {
        rt_sizes_add(&self->counted_sweeps, swept);
    }
    hand_over(self);
    return result;
}
