/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metadata actor's request under way: how it is made, and what its answer changes. */
#include "actors/metadata/state.h"

#include "actors/link/backoff.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

/* ---- asking ---------------------------------------------------------------------------------- */

void request_release(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    rt_release(metadata->producer->world, (void *)state->slice.data, state->frame_bytes);
    state->slice = (struct rt_slice){0};
    state->frame_bytes = 0;
}

static bool out_of_memory(struct metadata_state *state, struct rt_turn *turn) {
    ask_starve(state, turn);
    return false;
}

static bool request_send(struct metadata *metadata, struct rt_turn *turn,
                         struct kafka_metadata_request *ask) {
    struct metadata_state *state = metadata->state;
    const struct sluice_config *config = metadata->producer->config;
    int16_t version = link_version(&state->link, KAFKA_METADATA, INT16_MAX);
    ask->correlation_id = link_correlation(&state->link);
    ask->client_id = kafka_text_of(config->client_id);
    size_t bytes = kafka_metadata_request_bound(ask);
    uint8_t *frame = rt_acquire(metadata->producer->world, bytes);
    if (frame == NULL) {
        return out_of_memory(state, turn);
    }
    struct kafka_writer writer = kafka_writer_of(frame, bytes);
    kafka_metadata_request_encode(&writer, version, ask);
    RT_ASSERT(!writer.failed);
    state->slice = (struct rt_slice){frame, kafka_writer_size(&writer)};
    state->frame_bytes = bytes;
    state->request = (struct link_request){.slices = &state->slice,
                                           .slice_count = 1,
                                           .size = state->slice.size,
                                           .correlation_id = ask->correlation_id,
                                           .api = KAFKA_METADATA,
                                           .version = version,
                                           .expects_answer = true,
                                           .deadline_ns = rt_turn_now(turn) +
                                                          metadata_ns(config->request_timeout_ms)};
    state->asking = true;
    link_send(&state->link, &state->request);
    return true;
}

/* For an application. False: it could not be sent now. */
bool request_send_fetch(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct metadata_fetch *fetch = fetch_take(state);
    if (fetch == NULL) {
        return true; /* nobody waits for it any more: look again */
    }
    struct kafka_metadata_request_topic topic = {.name = {fetch->topic, fetch->topic_size}};
    struct kafka_metadata_request ask = {.every_topic = fetch->every,
                                         .topics = &topic,
                                         .topic_count = 1,
                                         .allow_auto_topic_creation = false};
    state->asking_for = fetch;
    if (!request_send(metadata, turn, &ask)) {
        state->asking_for = NULL;
        fetch_return(state, fetch);
        return false;
    }
    return true;
}

/* Names all topics that are due. */
static uint32_t topics_name(struct metadata_state *state, struct rt_turn *turn,
                            struct kafka_metadata_request_topic *names) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->topic_count; i++) {
        struct metadata_topic *topic = &state->topics[i];
        topic->asked = ask_topic_due(state, topic, rt_turn_now(turn));
        if (topic->asked) {
            names[count++] = (struct kafka_metadata_request_topic){
                .name = {topic->topic->name, topic->topic->name_size}};
        }
    }
    return count;
}

bool request_send_own(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct rt_world *world = metadata->producer->world;
    size_t bytes = state->topic_count * sizeof(struct kafka_metadata_request_topic);
    struct kafka_metadata_request_topic *names = rt_acquire(world, bytes);
    if (names == NULL) {
        return out_of_memory(state, turn);
    }
    state->asked_all = state->anew ||
                       (state->refresh_wanted && rt_turn_now(turn) >= state->soon_ns) ||
                       rt_turn_now(turn) >= state->stale_ns;
    struct kafka_metadata_request ask = {.topics = names,
                                         .topic_count = topics_name(state, turn, names),
                                         .allow_auto_topic_creation =
                                             metadata->producer->config->allow_auto_create_topics};
    RT_ASSERT(ask.topic_count > 0);
    bool sent = request_send(metadata, turn, &ask);
    rt_release(world, names, bytes);
    if (sent && state->asked_all) {
        state->refresh_wanted = false; /* who asks from now on asks for a later answer */
    }
    return sent;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void broker_answered(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    addresses_restart(&state->addresses, metadata->producer);
    state->addresses.bootstrap_only = false;
    atomic_store_explicit(&metadata->trouble, SLUICE_OK, memory_order_relaxed);
    state->failing_ns = 0;
    state->down_told = false;
    state->down_rounds = 0;
    state->reconnect_ns = 0;
}

/* What was asked for and not learned is asked for again after the pause. */
static void own_undo(struct metadata_state *state) {
    state->refresh_wanted = state->refresh_wanted || state->asked_all;
    for (uint32_t i = 0; i < state->topic_count; i++) {
        if (state->topics[i].asked) {
            topics_mood(state, &state->topics[i], TOPIC_SOON);
        }
    }
}

static void own_learned(struct metadata_state *state, const struct sluice_config *config,
                        uint64_t now_ns) {
    if (state->asked_all || state->stale_ns == RT_FOREVER) {
        state->stale_ns = now_ns + metadata_ns(config->metadata_max_age_ms);
    }
    if (now_ns >= state->refused_ns) {
        state->refused_ns = now_ns + metadata_ns(METADATA_REFUSED_MS);
    }
    for (uint32_t i = 0; i < state->topic_count; i++) {
        state->topics[i].news = state->topics[i].news || state->topics[i].asked;
    }
}

static void own_answered(struct metadata *metadata, struct rt_turn *turn,
                         struct kafka_metadata_response *answer) {
    struct metadata_state *state = metadata->state;
    const struct sluice_config *config = metadata->producer->config;
    enum learned learned = answer_learn(metadata, answer);
    state->quiet_answers = learned == LEARNED_CHANGES ? 0 : state->quiet_answers + 1;
    state->soon_ns =
        rt_turn_now(turn) + backoff_ns(metadata->producer->world, config->retry_backoff_ms,
                                       config->retry_backoff_max_ms, state->quiet_answers);
    if (learned == LEARNED_NO_BROKERS || learned == LEARNED_NO_MEMORY) {
        own_undo(state);
        link_close(&state->link); /* another broker may know more */
    } else {
        state->anew = false;
        own_learned(state, config, rt_turn_now(turn));
        metadata_wake(metadata);
    }
}

/* Nothing was learned from this broker. */
static void request_undo(struct metadata_state *state, struct metadata_fetch *fetch) {
    if (fetch != NULL) {
        fetch_return(state, fetch);
    } else {
        state->refresh_wanted = state->refresh_wanted || state->asked_all;
    }
}

static void answer_take(struct metadata *metadata, struct rt_turn *turn,
                        struct metadata_fetch *fetch, struct kafka_reader body) {
    struct metadata_state *state = metadata->state;
    struct kafka_metadata_response answer;
    struct kafka_reader reader = body;
    if (!kafka_metadata_response_open(&answer, &reader, state->request.version)) {
        request_undo(state, fetch);
        link_refuse(&state->link, turn, SLUICE_BAD_ANSWER,
                    "the answer to Metadata could not be read");
        return;
    }
    link_throttle(&state->link, rt_turn_now(turn), answer.throttle_time_ms);
    if (answer.error_code == SLUICE_BROKER_REBOOTSTRAP_REQUIRED) {
        request_undo(state, fetch);
        link_refuse(&state->link, turn, SLUICE_BROKER_REBOOTSTRAP_REQUIRED,
                    "the broker asks to begin again with bootstrap.servers");
        ask_anew(metadata, turn, state->link.last_text);
    } else if (fetch != NULL) {
        broker_answered(metadata);
        fetch_answer(metadata, fetch, state->request.version, body);
    } else {
        broker_answered(metadata);
        own_answered(metadata, turn, &answer);
    }
}

void request_take_answers(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct kafka_reader body;
    struct link_request *request;
    while ((request = link_next(&state->link, &body)) != NULL) {
        struct metadata_fetch *fetch = state->asking_for;
        RT_ASSERT(request == &state->request && state->asking);
        state->asking = false;
        state->asking_for = NULL;
        request_release(metadata);
        if (request->failed) {
            request_undo(state, fetch);
        } else {
            answer_take(metadata, turn, fetch, body);
        }
    }
}
