/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metadata actor's end of an application's fetches; see fetch.h for who writes what. */
#include "actors/metadata/state.h"

#include <string.h>

#include "actors/producer/producer.h"

void metadata_fetch_release(struct metadata_fetch *fetch) {
    /* acq_rel: the last one frees what the other has written */
    if (atomic_fetch_sub_explicit(&fetch->references, 1, memory_order_acq_rel) == 1) {
        rt_release(fetch->world, fetch->answer, fetch->answer_size);
        rt_release(fetch->world, fetch, sizeof *fetch);
    }
}

static void fetch_append(struct metadata_state *state, struct metadata_fetch *fetch) {
    fetch->next = NULL;
    if (state->fetch_first == NULL) {
        state->fetch_first = fetch;
    } else {
        state->fetch_last->next = fetch;
    }
    state->fetch_last = fetch;
}

bool fetch_collect(struct metadata *metadata) {
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&metadata->fetches, &node)) == RT_TAKEN) {
        fetch_append(metadata->state, caa_container_of(node, struct metadata_fetch, node));
    }
    return take == RT_BUSY;
}

struct metadata_fetch *fetch_take(struct metadata_state *state) {
    struct metadata_fetch *fetch;
    while ((fetch = state->fetch_first) != NULL) {
        state->fetch_first = fetch->next;
        if (atomic_load_explicit(&fetch->abandoned, memory_order_relaxed) == 0) {
            return fetch;
        }
        metadata_fetch_release(fetch);
    }
    return NULL;
}

void fetch_return(struct metadata_state *state, struct metadata_fetch *fetch) {
    if (state->fetch_first == NULL) {
        state->fetch_last = fetch;
    }
    fetch->next = state->fetch_first;
    state->fetch_first = fetch;
}

static void fetch_done(struct metadata *metadata, struct metadata_fetch *fetch) {
    /* Release: pairs with the caller's acquire; all that was written before is its own now. */
    atomic_store_explicit(&fetch->done, 1, memory_order_release);
    rt_wake(metadata->producer->world, &fetch->done);
    metadata_fetch_release(fetch);
}

void fetch_fail(struct metadata *metadata, struct metadata_fetch *fetch, sluice_code code) {
    fetch->error = code;
    fetch_done(metadata, fetch);
}

void fetch_answer(struct metadata *metadata, struct metadata_fetch *fetch, int16_t version,
                  struct kafka_reader body) {
    size_t size = kafka_reader_left(&body);
    uint8_t *answer = rt_acquire(metadata->producer->world, size);
    if (answer == NULL) {
        fetch_fail(metadata, fetch, SLUICE_NO_MEMORY);
        return;
    }
    memcpy(answer, body.at, size);
    fetch->answer = answer;
    fetch->answer_size = size;
    fetch->version = version;
    fetch->error = SLUICE_OK;
    fetch_done(metadata, fetch);
}

void fetch_end(struct metadata *metadata) {
    struct metadata_fetch *fetch;
    fetch_collect(metadata);
    while ((fetch = fetch_take(metadata->state)) != NULL) {
        fetch_fail(metadata, fetch, SLUICE_CLOSED);
    }
}
