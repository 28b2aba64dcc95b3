/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom the metadata actor asks, and when. One request at a time (request.c), on one link that stays
 * open between them.
 *
 * An address that fails, or whose broker is of no use, is left for the next one at once; when all
 * have failed in a row the application is told once (ALL_BROKERS_DOWN), and the next round begins
 * after reconnect.backoff.ms, doubled by each such round.
 */
#include "actors/metadata/state.h"

#include <stdio.h>

#include "actors/link/backoff.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

enum { MEMORY_PAUSE_MS = 100 };

static uint64_t earlier(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

static uint64_t later(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

/* After a calm time pauses begin small again. */
static void calm_notice(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    const struct sluice_config *config = metadata->producer->config;
    if (rt_turn_now(turn) > state->soon_ns + metadata_ns(config->retry_backoff_max_ms)) {
        state->quiet_answers = 0;
    }
}

void ask_refresh(struct metadata *metadata, struct rt_turn *turn) {
    calm_notice(metadata, turn);
    metadata->state->refresh_wanted = true;
}

void ask_topic(struct metadata *metadata, struct rt_turn *turn, struct metadata_topic *topic) {
    calm_notice(metadata, turn);
    if (topic->mood == TOPIC_SETTLED) {
        topics_mood(metadata->state, topic, TOPIC_SOON);
    }
}

/* ---- when ------------------------------------------------------------------------------------ */

/* When a request of our own is due; RT_FOREVER: none is. */
static uint64_t own_due(const struct metadata_state *state) {
    uint64_t due = RT_FOREVER;
    if (state->topic_count == 0) {
        return RT_FOREVER;
    }
    if (state->moods[TOPIC_NEW] > 0) {
        return 0;
    }
    if (state->refresh_wanted || state->moods[TOPIC_SOON] > 0) {
        due = state->soon_ns;
    }
    if (state->moods[TOPIC_REFUSED] > 0) {
        due = earlier(due, state->refused_ns);
    }
    return earlier(due, state->stale_ns);
}

static uint64_t any_due(const struct metadata_state *state) {
    uint64_t due = state->fetch_first != NULL ? 0 : own_due(state);
    due = later(due, state->link.throttled_until_ns);
    return later(due, later(state->reconnect_ns, state->memory_ns));
}

bool ask_topic_due(const struct metadata_state *state, const struct metadata_topic *topic,
                   uint64_t now_ns) {
    return topic->topic != NULL && (state->asked_all || topic->mood == TOPIC_NEW ||
                                    (topic->mood == TOPIC_SOON && now_ns >= state->soon_ns) ||
                                    (topic->mood == TOPIC_REFUSED && now_ns >= state->refused_ns));
}

void ask_starve(struct metadata_state *state, struct rt_turn *turn) {
    state->memory_ns = rt_turn_now(turn) + metadata_ns(MEMORY_PAUSE_MS);
}

/* ---- whom ------------------------------------------------------------------------------------ */

/* Each address has failed in a row. Who fetches is told now; what the pipeline needs is asked for
 * again. */
static void all_down(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    const struct sluice_config *config = metadata->producer->config;
    struct metadata_fetch *fetch;
    while (state->link.last_error != SLUICE_OK && (fetch = fetch_take(state)) != NULL) {
        fetch_fail(metadata, fetch, state->link.last_error);
    }
    addresses_restart(&state->addresses, metadata->producer);
    state->addresses.bootstrap_only = false;
    state->reconnect_ns =
        rt_turn_now(turn) + backoff_ns(metadata->producer->world, config->reconnect_backoff_ms,
                                       config->reconnect_backoff_max_ms, state->down_rounds);
    state->down_rounds++;
    if (!state->down_told) {
        char text[LINK_TEXT_BYTES_MAX + 64];
        state->down_told = true;
        snprintf(text, sizeof text, "no broker could be reached; the last was %s",
                 state->link.last_text);
        producer_event(metadata->producer, &(sluice_event){.kind = SLUICE_EVENT_ALL_BROKERS_DOWN,
                                                           .error = state->link.last_error,
                                                           .broker = -1,
                                                           .text = text});
    }
}

void ask_anew(struct metadata *metadata, struct rt_turn *turn, const char *why) {
    struct metadata_state *state = metadata->state;
    struct producer *producer = metadata->producer;
    const struct sluice_config *config = producer->config;
    if (config->recovery_strategy != SLUICE_RECOVERY_REBOOTSTRAP) {
        return;
    }
    addresses_restart(&state->addresses, producer);
    state->addresses.bootstrap_only = true;
    if (state->anew) { /* and again: not in a hot circle */
        state->reconnect_ns =
            rt_turn_now(turn) + backoff_ns(producer->world, config->reconnect_backoff_ms,
                                           config->reconnect_backoff_max_ms, state->down_rounds++);
        return;
    }
    state->anew = true;
    state->refresh_wanted = true;
    state->soon_ns = rt_turn_now(turn);
    atomic_fetch_add_explicit(&producer->counters.rebootstraps, 1, memory_order_relaxed);
    producer_log(producer, SLUICE_LOG_WARNING, "metadata", "back to bootstrap.servers: %s", why);
    producer_event(producer, &(sluice_event){.kind = SLUICE_EVENT_REBOOTSTRAP,
                                             .error = state->link.last_error,
                                             .broker = -1,
                                             .text = why});
}

/* Nobody has told anything for too long. */
static void failing_check(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    int64_t trigger_ms = metadata->producer->config->rebootstrap_trigger_ms;
    if (!state->anew && state->snapshot != NULL && state->failing_ns != 0 &&
        rt_turn_now(turn) - state->failing_ns >= metadata_ns(trigger_ms)) {
        ask_anew(metadata, turn, "no broker told of the cluster for too long");
    }
}

/* Begins to connect to the next address, or ends the round. */
static void address_turn(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct address address;
    failing_check(metadata, turn);
    if (state->addresses.taken == 0) {
        addresses_restart(&state->addresses, metadata->producer);
    }
    if (!addresses_next(&state->addresses, metadata->producer, &address)) {
        all_down(metadata, turn);
        return;
    }
    link_target(&state->link, address.node, address.host, address.port);
    state->link.patience_ms =
        addresses_patience_ms(&state->addresses, metadata->producer, state->down_rounds);
    link_want(&state->link, true);
}

/* The link has failed, or its broker is of no use. That is trouble if somebody needs it now. */
static void address_leave(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    if (state->link.last_error != SLUICE_OK && rt_turn_now(turn) >= any_due(state)) {
        atomic_store_explicit(&metadata->trouble, state->link.last_error, memory_order_relaxed);
        state->failing_ns = state->failing_ns != 0 ? state->failing_ns : rt_turn_now(turn);
    }
    link_close(&state->link);
}

/* Another one to the same address is made at once: a topic that is opened later should not wait for
 * it. */
void ask_give_link(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    if (!state->asking && !state->anew &&
        broker_give_link(metadata->producer, &state->link, turn)) {
        link_want(&state->link, true);
    }
}

static bool broker_is_of_use(struct metadata_state *state, struct rt_turn *turn) {
    if (link_version(&state->link, KAFKA_METADATA, INT16_MAX) >= 0) {
        return true;
    }
    link_refuse(&state->link, turn, SLUICE_UNSUPPORTED_BROKER,
                "it speaks no version of Metadata that we speak");
    return false;
}

/* ---- moving on ------------------------------------------------------------------------------- */

/* True when the link should be stepped again. */
static bool move_on(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct link *link = &state->link;
    if (link->state == LINK_BACKOFF) {
        address_leave(metadata, turn);
    }
    if (state->asking || rt_turn_now(turn) < any_due(state)) {
        return false;
    }
    if (link->state == LINK_READY && !broker_is_of_use(state, turn)) {
        address_leave(metadata, turn);
    }
    if (link->state == LINK_IDLE && !link->wanted) {
        address_turn(metadata, turn);
        return link->wanted;
    }
    if (link->state != LINK_READY) {
        return false;
    }
    return state->fetch_first != NULL ? request_send_fetch(metadata, turn)
                                      : request_send_own(metadata, turn);
}

void ask_step(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    do {
        link_step(&state->link, turn);
        request_take_answers(metadata, turn);
    } while (move_on(metadata, turn));
    bool known = state->snapshot != NULL && state->failing_ns == 0;
    atomic_store_explicit(&metadata->awaits, known ? SLUICE_OK : link_awaits(&state->link),
                          memory_order_relaxed);
    uint64_t due = state->asking ? RT_FOREVER : any_due(state);
    due = due <= rt_turn_now(turn) ? RT_FOREVER : due; /* the link is on it */
    if (state->starved) {
        due = earlier(due, state->memory_ns);
    }
    if (due == atomic_load_explicit(&state->timer.deadline_ns, memory_order_relaxed)) {
        return;
    }
    if (due == RT_FOREVER) {
        rt_timer_cancel(metadata->producer->world, &state->timer);
    } else {
        rt_timer_arm(metadata->producer->world, &state->timer, due);
    }
}

void ask_end(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    struct kafka_reader body;
    link_close(&state->link);
    while (link_next(&state->link, &body) != NULL) {
    }
    if (state->asking) {
        request_release(metadata);
        state->asking = false;
    }
    if (state->asking_for != NULL) {
        fetch_return(state, state->asking_for);
        state->asking_for = NULL;
    }
    rt_timer_cancel(metadata->producer->world, &state->timer);
}
