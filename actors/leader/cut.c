/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See cut.h. */
#include "actors/leader/cut.h"

#include "actors/batch/split.h"
#include "actors/config/error.h"
#include "actors/producer/producer.h"
#include "actors/topic/limit.h"
#include "runtime/mutant.h"

/* The last attempt was refused for this, and none before it may have written the batch. */
static bool was_refused_for_size(const struct batch *batch) {
    bool refused = batch->standing == BATCH_REFUSED || RT_MUTANT(unsure_is_cut);
    return batch->tried && refused && sluice_code_remedy(batch->last_error) == SLUICE_REMEDY_CUT;
}

static bool has_invalid_records(const struct batch *batch) {
    return batch->tried && batch->standing == BATCH_REFUSED && batch->named > 0 &&
           batch->named < batch->records;
}

bool cut_is_wanted(const struct batch *batch) {
    return has_invalid_records(batch) || (was_refused_for_size(batch) && batch->records > 1);
}

/* The limit is not told, only that this was over it: half of it is tried next, of one record only a
 * little less. Compression may change, so what is learned are bytes before it. */
static void learn(struct cut_round *round, const struct batch *batch) {
    uint32_t wire_bytes = batch_wire_bytes(batch);
    uint32_t bytes = batch->raw_bytes + KAFKA_BATCH_HEADER_SIZE;
    if (wire_bytes < round->refused_bytes) {
        round->refused_bytes = wire_bytes;
    }
    topic_batch_bytes_learn(batch->partition->topic, batch->records > 1 ? bytes / 2 : bytes - 1,
                            round->now_ns);
}

/* At most half, so that it ends; less when smaller ones were refused already. */
static uint32_t piece_bytes_max(const struct cut_round *round, const struct batch *batch) {
    uint32_t half = batch->raw_bytes / 2;
    uint32_t fitting = topic_batch_bytes(batch->partition->topic, round->now_ns);
    fitting = fitting > KAFKA_BATCH_HEADER_SIZE ? fitting - KAFKA_BATCH_HEADER_SIZE : 1;
    return fitting < half ? fitting : half;
}

/* Not asked for yet, or refused for what stood before it, and as large as what was refused. */
static bool would_be_refused(const struct cut_round *round, const struct batch *batch) {
    return batch->sealed && batch->standing != BATCH_UNSURE && batch->records > 1 &&
           batch_wire_bytes(batch) >= round->refused_bytes;
}

static void decide_refused(struct batch_list *refused, sluice_code error) {
    struct batch *batch;
    while ((batch = batch_list_pop(refused)) != NULL) {
        batch_decide(batch, SLUICE_NOT_PERSISTED, error, -1);
    }
}

/* The attempt that showed it is not counted for the pieces that go again: `retries` is about the
 * same bytes again. */
static void begin_anew(struct batch_list *again) {
    for (struct batch *batch = again->first; batch != NULL; batch = batch->next) {
        batch->attempts--;
    }
}

bool cut_batch(struct cut_round *round, struct batch *batch, bool goes_again,
               struct batch_list *kept) {
    struct partition *partition = batch->partition;
    if (!batch->sealed) {
        return false; /* never sent, and perhaps still being written */
    }
    bool names = has_invalid_records(batch);
    bool too_large = was_refused_for_size(batch);
    if (too_large) {
        learn(round, batch);
    }
    bool is_refused = names || too_large;
    bool would_be = (goes_again || RT_MUTANT(cut_goes_again)) && would_be_refused(round, batch);
    if (batch->records == 1 || !(is_refused || would_be)) {
        return false;
    }
    bool stamped = batch->stamped;
    sluice_code error = batch->last_error;
    struct pieces pieces;
    if (!batch_split(batch, piece_bytes_max(round, batch), &pieces)) {
        return false;
    }
    if (is_refused) {
        begin_anew(&pieces.again);
    }
    if (names && stamped) {
        partition->bump_due = true; /* fewer records than numbers: a gap */
    }
    partition->arrived += pieces.count - 1;
    atomic_fetch_add_explicit(&partition->topic->producer->counters.batches_cut, 1,
                              memory_order_relaxed); /* a statistic */
    batch_list_append(kept, &pieces.again);
    decide_refused(&pieces.refused, error);
    return true;
}
