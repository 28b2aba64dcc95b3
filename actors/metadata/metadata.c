/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata actor: its lanes and marks, its start and its end. What it asks for is decided in
 * ask.c; what it learns becomes a snapshot in answer.c and hint.c.
 *
 * It ends in parts: the actor itself, and each snapshot that activations could still see. The last
 * one frees the state and counts the actor out of the producer.
 */
#include "actors/metadata/state.h"

#include "actors/leader/partition.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

enum { ENTERING_PAUSE_MS = 1 };

/* ---- doors, for others ----------------------------------------------------------------------- */

void metadata_want_topic(struct metadata *metadata, struct topic *topic) {
    rt_lane_unbounded_push(&metadata->topics, &topic->metadata_node);
    rt_notify(&metadata->actor);
}

void metadata_refresh(struct metadata *metadata) {
    rt_mark(&metadata->actor, RT_MARK(METADATA_MARK_REFRESH));
}

void metadata_wait(struct metadata *metadata, struct partition *partition) {
    /* Acquire: pairs with the store in waiter_wake, so that the node is free again. */
    if (!atomic_exchange_explicit(&partition->waits_for_metadata, true, memory_order_acq_rel)) {
        rt_lane_unbounded_push(&metadata->waiting, &partition->wait_node);
        rt_notify(&metadata->actor);
    }
}

void metadata_post_hint(struct metadata *metadata, struct metadata_hint *hint) {
    rt_lane_unbounded_push(&metadata->hints, &hint->node);
    rt_notify(&metadata->actor);
}

void metadata_give_link(struct metadata *metadata) {
    rt_mark(&metadata->actor, RT_MARK(METADATA_MARK_GIVE_LINK));
}

void metadata_close(struct metadata *metadata) {
    rt_mark(&metadata->actor, RT_MARK(METADATA_MARK_CLOSE));
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* False: the lane was seen empty. */
static bool topics_collect(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    struct rt_node *node;
    enum rt_take take;
    state->starved = false;
    while ((take = rt_lane_unbounded_take(&metadata->topics, &node)) == RT_TAKEN) {
        struct topic *topic = caa_container_of(node, struct topic, metadata_node);
        if (!topics_add(metadata, topic)) {
            rt_lane_unbounded_push(&metadata->topics, node);
            state->starved = true;
            ask_starve(state, turn);
            return false;
        }
    }
    return take == RT_BUSY;
}

/* A topic is told of before anybody waits for it, and topics are collected behind this. */
static bool waiting_collect(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&metadata->waiting, &node)) == RT_TAKEN) {
        struct partition *partition = caa_container_of(node, struct partition, wait_node);
        partition->wait_next = state->held_new;
        state->held_new = partition;
    }
    return take == RT_BUSY;
}

static void waiting_ask(struct metadata *metadata, struct rt_turn *turn) {
    struct metadata_state *state = metadata->state;
    while (state->held_new != NULL) {
        struct partition *partition = state->held_new;
        uint32_t index = partition->topic->index;
        state->held_new = partition->wait_next;
        partition->wait_next = state->held;
        state->held = partition;
        if (index < state->topic_count && state->topics[index].topic != NULL) {
            ask_topic(metadata, turn, &state->topics[index]);
        }
    }
}

static void waiter_wake(struct partition *partition) {
    /* Release: the node is the leader actor's again; pairs with the exchange in metadata_wait. */
    atomic_store_explicit(&partition->waits_for_metadata, false, memory_order_release);
    rt_mark(&partition->leader, RT_MARK(LEADER_MARK_METADATA));
}

void metadata_wake(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    struct partition **place = &state->held;
    while (*place != NULL) {
        struct partition *partition = *place;
        uint32_t index = partition->topic->index;
        if (index < state->topic_count && state->topics[index].news) {
            *place = partition->wait_next;
            waiter_wake(partition);
        } else {
            place = &partition->wait_next;
        }
    }
    for (uint32_t i = 0; i < state->topic_count; i++) {
        state->topics[i].news = false;
    }
}

/* ---- the actor ------------------------------------------------------------------------------- */

static void flush_pass(struct metadata *metadata) {
    const struct snapshot *snapshot = metadata->state->snapshot;
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->broker_count; i++) {
        struct broker *broker = snapshot->brokers[i];
        /* Acquire: pairs with broker_start; the aggregator is there. */
        if (atomic_load_explicit(&broker->started, memory_order_acquire) == BROKER_STARTED) {
            rt_mark(&broker->aggregator.actor, RT_MARK(AGGREGATOR_MARK_FLUSH));
        }
    }
}

/* Fetches that application threads are just posting are waited for: a few instructions only. */
static enum rt_verdict end(struct metadata *metadata, struct rt_turn *turn) {
    /* Sequentially consistent with `entering` in cluster.c: one sees the other. */
    atomic_store(&metadata->closing, 1);
    if (atomic_load(&metadata->entering) > 0) {
        rt_timer_arm(turn->world, &metadata->state->timer,
                     rt_turn_now(turn) + metadata_ns(ENTERING_PAUSE_MS));
        return RT_IDLE;
    }
    ask_end(metadata);
    fetch_end(metadata);
    snapshot_withdraw(metadata);
    return RT_END;
}

static enum rt_verdict metadata_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct metadata *metadata = caa_container_of(actor, struct metadata, actor);
    if ((marks & RT_MARK(METADATA_MARK_CLOSE)) != 0 || atomic_load(&metadata->closing) != 0) {
        return end(metadata, turn);
    }
    bool more = waiting_collect(metadata);
    more = topics_collect(metadata, turn) || more;
    more = fetch_collect(metadata) || more;
    waiting_ask(metadata, turn);
    if ((marks & RT_MARK(METADATA_MARK_REFRESH)) != 0) {
        ask_refresh(metadata, turn);
    }
    if ((marks & RT_MARK(METADATA_MARK_FLUSH)) != 0) {
        flush_pass(metadata);
    }
    if ((marks & RT_MARK(METADATA_MARK_GIVE_LINK)) != 0) {
        ask_give_link(metadata, turn);
    }
    hints_learn(metadata, turn);
    ask_step(metadata, turn);
    rt_pool_review(metadata->producer->pool); /* an idle producer is woken for nothing else */
    return more ? RT_AGAIN : RT_IDLE;
}

void metadata_part_gone(struct metadata *metadata) {
    struct metadata_state *state = metadata->state;
    struct producer *producer = metadata->producer;
    if (atomic_fetch_sub_explicit(&state->parts, 1, memory_order_acq_rel) == 1) {
        topics_free(metadata);
        rt_release(producer->world, state, sizeof *state);
        metadata->state = NULL;
        producer_actor_gone(producer);
    }
}

/* Partitions that wait are of leader actors that have ended; hints are late. */
static void metadata_gone(struct rt_actor *actor) {
    struct metadata *metadata = caa_container_of(actor, struct metadata, actor);
    struct rt_node *node;
    while (rt_lane_unbounded_take(&metadata->hints, &node) == RT_TAKEN) {
        rt_release(metadata->producer->world, caa_container_of(node, struct metadata_hint, node),
                   sizeof(struct metadata_hint));
    }
    metadata_part_gone(metadata);
}

static const struct rt_actor_kind metadata_kind = {
    .name = "metadata", .class = RT_CLASS_ACTOR, .run = metadata_run, .gone = metadata_gone};

bool metadata_start(struct metadata *metadata, struct producer *producer) {
    struct metadata_state *state = rt_acquire(producer->world, sizeof *state);
    if (state == NULL) {
        return false;
    }
    *state = (struct metadata_state){.parts = 1, .stale_ns = RT_FOREVER};
    *metadata = (struct metadata){.producer = producer, .state = state};
    rt_lane_unbounded_init(&metadata->topics);
    rt_lane_unbounded_init(&metadata->waiting);
    rt_lane_unbounded_init(&metadata->fetches);
    rt_lane_unbounded_init(&metadata->hints);
    rt_timer_init(&state->timer, &metadata->actor, RT_MARK(METADATA_MARK_REFRESH_TIMER));
    link_init(&state->link, producer, &metadata->actor, RT_MARK(METADATA_MARK_SOCKET),
              RT_MARK(METADATA_MARK_TIMER), RT_MARK(METADATA_MARK_LOOKUP),
              &producer->counted_links[COUNTED_LINK_METADATA]);
    producer_actor_start(producer, &metadata->actor, &metadata_kind);
    return true;
}
