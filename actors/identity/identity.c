/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The identity actor. Any broker can give a producer id that has no transactional id, so it asks
 * whom the metadata actor would ask too, on a link of its own. Afterwards that is kept for a while:
 * if it leads to a broker that is started meanwhile, it goes on as the connection for its records
 * (docs/decisions/round-trips.md).
 *
 * Failures: a broker that cannot be reached or makes no sense is left for the next one; an answer
 * that may change (coordinator loading, ...) is asked for again after retry.backoff.ms, growing;
 * any other one is `fatal`, for good: the program has to change something first.
 */
#include "actors/identity/identity.h"

#include "actors/broker.h"
#include "actors/leader/partition.h"
#include "actors/link/backoff.h"
#include "actors/metadata/addresses.h"
#include "actors/producer/producer.h"
#include "protocol/init_producer_id.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

enum { MEMORY_PAUSE_MS = 100, KEEP_LINK_MS = 10000 };

struct identity_state {
    struct link link;
    struct rt_timer timer;
    struct addresses addresses;
    bool wanted;            /* ASKING */
    bool asking;            /* the request is on its way */
    uint64_t due_ns;        /* nothing before it */
    uint32_t down_rounds;   /* every address failed, in a row */
    uint32_t refusals;      /* answers in a row that may change */
    uint64_t keep_until_ns; /* the link, when nothing is asked for */
    uint64_t rebootstraps;  /* so many there had been when the link's address was chosen */
    struct partition *held; /* waiting leaders, by identity_next */
    struct link_request request;
    struct rt_slice slice;
    size_t frame_bytes;
};

/* ---- doors, for others ----------------------------------------------------------------------- */

void identity_wait(struct identity *identity, struct partition *partition) {
    /* Acquire: pairs with the store in waiters_wake, so that the node is free again. */
    if (!atomic_exchange_explicit(&partition->waits_for_identity, true, memory_order_acq_rel)) {
        rt_lane_unbounded_push(&identity->waiting, &partition->identity_node);
        rt_notify_pushed(&identity->actor);
    }
}

void identity_renew(struct identity *identity, int64_t known) {
    if (atomic_exchange_explicit(&identity->exhausted, known, memory_order_acq_rel) != known) {
        rt_mark(&identity->actor, RT_MARK(IDENTITY_MARK_RENEW));
    }
}

void identity_begin(struct identity *identity) {
    rt_mark(&identity->actor, RT_MARK(IDENTITY_MARK_RENEW));
}

void identity_give_link(struct identity *identity) {
    rt_mark(&identity->actor, RT_MARK(IDENTITY_MARK_GIVE_LINK));
}

void identity_close(struct identity *identity) {
    rt_mark(&identity->actor, RT_MARK(IDENTITY_MARK_CLOSE));
}

/* ---- waiting leaders ------------------------------------------------------------------------- */

/* There is nothing to ask for: an id that has epochs left, or none can be had. */
static bool settled(struct identity *identity) {
    int64_t id = atomic_load_explicit(&identity->producer_id, memory_order_relaxed);
    int64_t exhausted = atomic_load_explicit(&identity->exhausted, memory_order_acquire);
    return (id >= 0 && id != exhausted) ||
           atomic_load_explicit(&identity->fatal, memory_order_relaxed) != 0;
}

static bool waiting_collect(struct identity *identity) {
    struct identity_state *state = identity->state;
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&identity->waiting, &node)) == RT_TAKEN) {
        struct partition *partition = caa_container_of(node, struct partition, identity_node);
        partition->identity_next = state->held;
        state->held = partition;
    }
    return take == RT_BUSY;
}

static void waiters_wake(struct identity_state *state) {
    while (state->held != NULL) {
        struct partition *partition = state->held;
        state->held = partition->identity_next;
        /* Release: the node is the leader actor's again; pairs with identity_wait's exchange. */
        atomic_store_explicit(&partition->waits_for_identity, false, memory_order_release);
        rt_mark(&partition->leader, RT_MARK(LEADER_MARK_IDENTITY));
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void frame_release(struct identity *identity) {
    struct identity_state *state = identity->state;
    rt_release(identity->producer->world, (void *)state->slice.data, state->frame_bytes);
    state->slice = (struct rt_slice){0};
    state->frame_bytes = 0;
    state->asking = false;
}

static void fail_for_good(struct identity *identity, sluice_code code) {
    /* Release: pairs with the leaders' acquire. */
    atomic_store_explicit(&identity->fatal, (uint32_t)code, memory_order_release);
    producer_log(identity->producer, SLUICE_LOG_ERROR, "identity", "no producer id can be had: %s",
                 sluice_code_text(code));
}

/* False: memory is short, later. */
static bool request_send(struct identity *identity, struct rt_turn *turn, int16_t version) {
    struct identity_state *state = identity->state;
    const struct sluice_config *config = identity->producer->config;
    struct kafka_init_producer_id_request ask = {.correlation_id = link_correlation(&state->link),
                                                 .client_id = kafka_text_of(config->client_id),
                                                 .transactional_id = KAFKA_TEXT_NULL,
                                                 .transaction_timeout_ms = INT32_MAX,
                                                 .producer_id = -1,
                                                 .producer_epoch = -1};
    size_t bytes = kafka_init_producer_id_request_bound(&ask);
    uint8_t *frame = rt_acquire(identity->producer->world, bytes);
    if (frame == NULL) {
        state->due_ns = rt_turn_now(turn) + MEMORY_PAUSE_MS * 1000000ull;
        return false;
    }
    struct kafka_writer writer = kafka_writer_of(frame, bytes);
    kafka_init_producer_id_request_encode(&writer, version, &ask);
    RT_ASSERT(!writer.failed);
    state->slice = (struct rt_slice){frame, kafka_writer_size(&writer)};
    state->frame_bytes = bytes;
    state->request = (struct link_request){
        .slices = &state->slice,
        .slice_count = 1,
        .size = state->slice.size,
        .correlation_id = ask.correlation_id,
        .api = KAFKA_INIT_PRODUCER_ID,
        .version = version,
        .expects_answer = true,
        .deadline_ns = rt_turn_now(turn) + (uint64_t)config->request_timeout_ms * 1000000u};
    state->asking = true;
    link_send(&state->link, &state->request);
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool passes_by_itself(sluice_code code) {
    return sluice_code_retriable(code) || code == SLUICE_BROKER_UNKNOWN_SERVER_ERROR;
}

static void answer_take(struct identity *identity, struct rt_turn *turn, struct kafka_reader body) {
    struct identity_state *state = identity->state;
    const struct sluice_config *config = identity->producer->config;
    struct kafka_init_producer_id_response answer;
    bool readable = kafka_init_producer_id_response_decode(&body, state->request.version, &answer);
    sluice_code code = readable ? (sluice_code)answer.error_code : SLUICE_BAD_ANSWER;
    int64_t exhausted = atomic_load_explicit(&identity->exhausted, memory_order_acquire);
    if (!readable || (code == SLUICE_OK && (answer.producer_id < 0 || answer.producer_epoch != 0 ||
                                            answer.producer_id == exhausted))) {
        link_refuse(&state->link, turn, SLUICE_BAD_ANSWER,
                    "the answer to InitProducerId makes no sense");
        return;
    }
    state->down_rounds = 0;
    atomic_store_explicit(&identity->trouble, code, memory_order_relaxed);
    addresses_restart(&state->addresses, identity->producer);
    link_throttle(&state->link, rt_turn_now(turn), answer.throttle_time_ms);
    if (code == SLUICE_OK) {
        state->refusals = 0;
        /* Release: pairs with the leaders' acquire. */
        atomic_store_explicit(&identity->producer_id, answer.producer_id, memory_order_release);
    } else if (passes_by_itself(code)) {
        state->due_ns =
            rt_turn_now(turn) + backoff_ns(identity->producer->world, config->retry_backoff_ms,
                                           config->retry_backoff_max_ms, state->refusals++);
    } else {
        fail_for_good(identity, code);
    }
}

static void answers_take(struct identity *identity, struct rt_turn *turn) {
    struct identity_state *state = identity->state;
    struct kafka_reader body;
    struct link_request *request;
    while ((request = link_next(&state->link, &body)) != NULL) {
        RT_ASSERT(request == &state->request && state->asking);
        frame_release(identity);
        if (!request->failed) {
            answer_take(identity, turn, body);
        }
    }
}

/* ---- moving on ------------------------------------------------------------------------------- */

static uint64_t rebootstraps(const struct identity *identity) {
    return atomic_load_explicit(&identity->producer->counters.rebootstraps, memory_order_relaxed);
}

static void address_turn(struct identity *identity, struct rt_turn *turn) {
    struct identity_state *state = identity->state;
    const struct sluice_config *config = identity->producer->config;
    struct address address;
    state->rebootstraps = rebootstraps(identity);
    if (state->addresses.taken == 0) {
        addresses_restart(&state->addresses, identity->producer);
    }
    if (addresses_next(&state->addresses, identity->producer, &address)) {
        link_target(&state->link, address.node, address.host, address.port);
        state->link.patience_ms =
            addresses_patience_ms(&state->addresses, identity->producer, state->down_rounds);
        link_want(&state->link, true);
        return;
    }
    state->addresses.taken = 0;
    state->due_ns =
        rt_turn_now(turn) + backoff_ns(identity->producer->world, config->reconnect_backoff_ms,
                                       config->reconnect_backoff_max_ms, state->down_rounds++);
}

static uint64_t due(const struct identity_state *state) {
    uint64_t throttled_ns = state->link.throttled_until_ns;
    return state->due_ns > throttled_ns ? state->due_ns : throttled_ns;
}

/* True when the link should be stepped again. */
static bool move_on(struct identity *identity, struct rt_turn *turn) {
    struct identity_state *state = identity->state;
    struct link *link = &state->link;
    if (link->state == LINK_BACKOFF) {
        atomic_store_explicit(&identity->trouble, link->last_error, memory_order_relaxed);
        link_close(link);
    }
    if (state->asking || rt_turn_now(turn) < due(state)) {
        return false;
    }
    if (link->state == LINK_IDLE && !link->wanted) {
        address_turn(identity, turn);
        return link->wanted;
    }
    if (link->state != LINK_READY) {
        return false;
    }
    int16_t version = link_version(link, KAFKA_INIT_PRODUCER_ID, INT16_MAX);
    if (version < 0) {
        fail_for_good(identity, SLUICE_UNSUPPORTED_BROKER);
        return false;
    }
    return request_send(identity, turn, version);
}

/* Nothing is asked for. What is known as gone, too old, or of no use is closed. */
static void keep(struct identity *identity, struct rt_turn *turn) {
    struct identity_state *state = identity->state;
    struct link *link = &state->link;
    link_step(link, turn);
    bool of_use = link->state == LINK_READY && rt_turn_now(turn) < state->keep_until_ns &&
                  (state->rebootstraps == rebootstraps(identity) || RT_MUTANT(gift_of_the_old)) &&
                  atomic_load_explicit(&identity->fatal, memory_order_relaxed) == 0;
    if (of_use && !broker_give_link(identity->producer, link, turn)) {
        rt_timer_arm(identity->producer->world, &state->timer, state->keep_until_ns);
        return;
    }
    link_close(link);
    answers_take(identity, turn);
    rt_timer_cancel(identity->producer->world, &state->timer);
}

static void ask(struct identity *identity, struct rt_turn *turn) {
    struct identity_state *state = identity->state;
    do {
        link_step(&state->link, turn);
        answers_take(identity, turn);
    } while (!settled(identity) && move_on(identity, turn));
    atomic_store_explicit(&identity->awaits, link_awaits(&state->link), memory_order_relaxed);
    if (settled(identity)) {
        link_want(&state->link, false);
        state->keep_until_ns = rt_turn_now(turn) + KEEP_LINK_MS * 1000000ull;
        keep(identity, turn);
    } else if (!state->asking && rt_turn_now(turn) < due(state)) {
        rt_timer_arm(identity->producer->world, &state->timer, due(state));
    }
}

static void end(struct identity *identity) {
    struct identity_state *state = identity->state;
    struct kafka_reader body;
    link_close(&state->link);
    while (link_next(&state->link, &body) != NULL) {
        frame_release(identity);
    }
    rt_timer_cancel(identity->producer->world, &state->timer);
}

static enum rt_verdict identity_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct identity *identity = caa_container_of(actor, struct identity, actor);
    struct identity_state *state = identity->state;
    if ((marks & RT_MARK(IDENTITY_MARK_CLOSE)) != 0) {
        end(identity);
        return RT_END;
    }
    bool more = waiting_collect(identity);
    bool renew = (marks & RT_MARK(IDENTITY_MARK_RENEW)) != 0;
    state->wanted = (state->wanted || renew || state->held != NULL) && !settled(identity);
    if (state->wanted) {
        ask(identity, turn);
        state->wanted = !settled(identity);
    } else if (state->link.state != LINK_IDLE) {
        keep(identity, turn);
    }
    if (settled(identity)) {
        waiters_wake(state);
    }
    return more ? RT_AGAIN : RT_IDLE;
}

/* Partitions that still wait are of leader actors that have ended. */
static void identity_gone(struct rt_actor *actor) {
    struct identity *identity = caa_container_of(actor, struct identity, actor);
    struct producer *producer = identity->producer;
    rt_release(producer->world, identity->state, sizeof *identity->state);
    identity->state = NULL;
    producer_actor_gone(producer);
}

static const struct rt_actor_kind identity_kind = {
    .name = "identity", .class = RT_CLASS_ACTOR, .run = identity_run, .gone = identity_gone};

bool identity_start(struct identity *identity, struct producer *producer) {
    struct identity_state *state = rt_acquire(producer->world, sizeof *state);
    if (state == NULL) {
        return false;
    }
    *state = (struct identity_state){0};
    *identity =
        (struct identity){.producer = producer, .producer_id = -1, .exhausted = -1, .state = state};
    rt_lane_unbounded_init(&identity->waiting);
    rt_timer_init(&state->timer, &identity->actor, RT_MARK(IDENTITY_MARK_RETRY_TIMER));
    link_init(&state->link, producer, &identity->actor, RT_MARK(IDENTITY_MARK_SOCKET),
              RT_MARK(IDENTITY_MARK_TIMER), RT_MARK(IDENTITY_MARK_LOOKUP),
              &producer->counted_links[COUNTED_LINK_IDENTITY]);
    producer_actor_start(producer, &identity->actor, &identity_kind);
    return true;
}
