/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The word of the open batch, actors/leader/writing.h: the writer in four stretches, the holder who
 * closes each batch that has arrived, and a flush that ends whatever is open.
 */
#include "actors/leader/writing.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum { STRETCHES = 4, FULL_AT = 2 /* stretches in a batch; then the writer closes it */ };
enum { CLOSED_OUTSIDE, ASKED_INSIDE, FOUND_CLOSED };

bool rt_mutant_bytes_after_length;

static struct {
    struct partition partition;
    struct batch batches[STRETCHES];
    _Atomic unsigned made;            /* batches that have arrived at the holder */
    _Atomic unsigned told[STRETCHES]; /* how often the writer said that it is closed */
    _Atomic bool through;             /* the writer is */
    bool sealed[STRETCHES];
    uint32_t records_sealed[STRETCHES];
} state;

static unsigned index_of(const struct batch *batch) {
    return (unsigned)(batch - state.batches);
}

static void set_up(void) {
    (void)rig_reset();
    rt_mutant_bytes_after_length = explore_variant("bytes-after-length");
    atomic_init(&state.partition.writing, 0);
    atomic_init(&state.made, 0);
    atomic_init(&state.through, false);
    for (unsigned i = 0; i < STRETCHES; i++) {
        state.batches[i].partition = &state.partition;
        state.batches[i].records = 0;
        atomic_init(&state.told[i], 0);
        state.sealed[i] = false;
    }
}

/* ---- the writer ------------------------------------------------------------------------------ */

static void write_record(struct batch *batch) {
    EXPLORE_STEP("write a record");
    EXPLORE_CHECK(!state.sealed[index_of(batch)], "written to batch %u after it was closed",
                  index_of(batch));
    batch->records++;
}

static struct batch *begin(void) {
    struct batch *batch = writing_begin(&state.partition);
    if (batch == NULL) {
        unsigned made = atomic_load(&state.made);
        batch = &state.batches[made];
        writing_begin_new(&state.partition, batch);
        write_record(batch);
        atomic_store(&state.made, made + 1);
    }
    return batch;
}

static void tell(const struct batch *batch) {
    atomic_fetch_add(&state.told[index_of(batch)], 1);
}

static void write_stretches(void) {
    for (unsigned i = 0; i < STRETCHES; i++) {
        struct batch *batch = begin();
        write_record(batch);
        if (batch->records > FULL_AT) {
            writing_close(&state.partition);
            tell(batch);
        } else if (!writing_end(&state.partition, batch)) {
            tell(batch);
        }
    }
    atomic_store(&state.through, true);
}

/* ---- the holder ------------------------------------------------------------------------------ */

static void seal(struct batch *batch) {
    EXPLORE_CHECK(batch_is_closed(batch), "batch %u is sealed and open", index_of(batch));
    state.sealed[index_of(batch)] = true;
    state.records_sealed[index_of(batch)] = batch->records;
}

static void close_one(struct batch *batch) {
    if (batch_is_closed(batch)) {
        explore_reached(FOUND_CLOSED);
    } else if (batch_close(batch)) {
        explore_reached(CLOSED_OUTSIDE);
    } else {
        explore_reached(ASKED_INSIDE);
        if (!explore_variant("asked-is-closed")) {
            while (atomic_load(&state.told[index_of(batch)]) == 0) {
                explore_pause();
            }
        } else {
            state.sealed[index_of(batch)] = true;
            return;
        }
    }
    seal(batch);
}

static void close_all(void) {
    for (unsigned closed = 0;;) {
        bool last = atomic_load(&state.through);
        unsigned made = atomic_load(&state.made);
        for (; closed < made; closed++) {
            close_one(&state.batches[closed]);
        }
        if (last) {
            return;
        }
        explore_pause();
    }
}

static void flush(void) {
    writing_end_batch(&state.partition);
}

static void settled(void) {
    unsigned made = atomic_load(&state.made);
    EXPLORE_CHECK(atomic_load(&state.partition.writing) == 0, "a batch is still open");
    for (unsigned i = 0; i < made; i++) {
        EXPLORE_CHECK(state.sealed[i], "batch %u was not sealed", i);
        EXPLORE_CHECK(state.batches[i].records == state.records_sealed[i],
                      "batch %u has %u records, sealed were %u", i, state.batches[i].records,
                      state.records_sealed[i]);
        EXPLORE_CHECK(atomic_load(&state.told[i]) <= 1, "batch %u was told twice", i);
    }
}

const struct explore_scenario writing_scenario = {
    .name = "writing",
    .says = "nobody writes to a closed batch; a batch that was asked to close is told of once",
    .threads = {{"writer", write_stretches, false},
                {"holder", close_all, false},
                {"flush", flush, false}},
    .variants = {{"asked-is-closed", NULL},
                 {"bytes-after-length", NULL},
                 {"begin-torn", "writing_begin"},
                 {"end-torn", "writing_end"},
                 {"close-torn", "batch_close"},
                 {"end-of-batch-torn", "writing_end_batch"}},
    .marks = {[CLOSED_OUTSIDE] = "a batch closed while the writer is elsewhere",
              [ASKED_INSIDE] = "a batch asked to close while the writer is inside",
              [FOUND_CLOSED] = "a batch that the writer or the flush closed"},
    .bound = 3,
    .drawn = 20000,
    .set_up = set_up,
    .settled = settled,
};
