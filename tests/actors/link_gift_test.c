/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection that goes from one link to another: when it may, and in which state it finds the
 * other. */
#include "actors/link/link.h"
#include "actors/link_peer.h"
#include "actors/producer/producer.h"
#include "protocol/metadata.h"
#include "test.h"

enum {
    SOCKET = RT_MARK(0),
    TIMER = RT_MARK(1),
    LOOKUP = RT_MARK(2),
    ACT = RT_MARK(3),
    MS = 1000000
};
enum { WAY_MS = 10 };

/* The producer's own, in place of the real ones. */
void producer_event(struct producer *producer, const sluice_event *event) {
    (void)producer, (void)event;
}
void producer_log(struct producer *producer, sluice_log_level level, const char *facility,
                  const char *format, ...) {
    (void)producer, (void)level, (void)facility, (void)format;
}

/* Two links of one actor, and what it is told to do in an activation. */
struct pair {
    struct rt_actor actor;
    struct producer producer;
    struct link from, to;
    struct link_counted from_counted, to_counted;
    struct link *sends; /* whose request this is */
    struct link_request request;
    struct rt_slice slice;
    uint8_t frame[200];
    unsigned answered, failed;
    struct link_gift *gift;
    bool accepted;
    bool gives_before_it_takes; /* what is answered */
    void (*act)(struct pair *pair, struct rt_turn *turn);
    struct peer peer;
};

static void step(struct pair *pair, struct link *link, struct rt_turn *turn) {
    struct kafka_reader answer;
    struct link_request *done;
    link_step(link, turn);
    if (pair->gives_before_it_takes && link->done.first != NULL) {
        cr_assert_eq(link->outstanding, 0);
        pair->gives_before_it_takes = false;
        pair->gift = link_give(link, turn);
    }
    while ((done = link_next(link, &answer)) != NULL) {
        cr_assert_eq(done, &pair->request);
        pair->answered += !done->failed;
        pair->failed += done->failed;
    }
}

static enum rt_verdict pair_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct pair *pair = caa_container_of(actor, struct pair, actor);
    bool ends = false;
    if ((marks & ACT) != 0 && pair->act == NULL) {
        link_close(&pair->from);
        link_close(&pair->to);
        ends = true;
    } else if ((marks & ACT) != 0) {
        pair->act(pair, turn);
    }
    step(pair, &pair->from, turn);
    step(pair, &pair->to, turn);
    return ends ? RT_END : RT_IDLE;
}

static void tell(struct pair *pair, void (*act)(struct pair *pair, struct rt_turn *turn)) {
    pair->act = act;
    rt_mark(&pair->actor, ACT);
    rt_sim_settle(pair->actor.world);
}

static void pass(struct pair *pair, uint64_t ms) {
    rt_sim_run_until(pair->actor.world, rt_now(pair->actor.world) + ms * MS);
}

static void speak(struct peer *peer, struct peer_side *side,
                  const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header) && peer->context == NULL) {
        peer_answer(side, header, 10, 'a');
    }
}

/* `from` is READY. */
static struct pair *start(void) {
    static const struct rt_actor_kind kind = {.name = "pair", .run = pair_run};
    struct rt_sim_options options = {
        .seed = 1, .delay_min_ns = WAY_MS * MS, .delay_max_ns = WAY_MS * MS, .lookup_delay_ns = MS};
    struct rt_world *world = rt_sim_create(&options);
    struct pair *pair = calloc(1, sizeof *pair);
    struct sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "unused:1", NULL), SLUICE_OK);
    pair->producer.world = world;
    pair->producer.config = sluice_config_resolve(config, NULL);
    sluice_config_free(config);
    rt_actor_start(&pair->actor, &kind, world);
    link_init(&pair->from, &pair->producer, &pair->actor, SOCKET, TIMER, LOOKUP,
              &pair->from_counted);
    link_init(&pair->to, &pair->producer, &pair->actor, SOCKET, TIMER, LOOKUP, &pair->to_counted);
    struct rt_address address = peer_address(1, 9092);
    peer_start(&pair->peer, world, &address, speak);
    link_target(&pair->from, -1, "10.0.0.1", 9092);
    link_target(&pair->to, 7, "10.0.0.1", 9092);
    link_want(&pair->from, true);
    pass(pair, 1000);
    cr_assert_eq(pair->from.state, LINK_READY);
    return pair;
}

static void finish(struct pair *pair) {
    struct rt_world *world = pair->actor.world;
    tell(pair, NULL);
    pass(pair, 1000);
    cr_expect_eq(atomic_load(&pair->producer.counters.connections_open), 0);
    peer_stop(&pair->peer, world);
    pass(pair, 1000);
    sluice_config_free(pair->producer.config);
    cr_expect_eq(atomic_load(&world->memory_used), 0);
    rt_world_destroy(world);
    free(pair);
}

/* A question on `sends`. */
static void ask(struct pair *pair, struct rt_turn *turn) {
    struct kafka_metadata_request request = {.correlation_id = link_correlation(pair->sends),
                                             .client_id = kafka_text_of("test")};
    struct kafka_writer writer = kafka_writer_of(pair->frame, sizeof pair->frame);
    kafka_metadata_request_encode(&writer, 1, &request);
    pair->slice = (struct rt_slice){pair->frame, kafka_writer_size(&writer)};
    pair->request = (struct link_request){.slices = &pair->slice,
                                          .slice_count = 1,
                                          .size = pair->slice.size,
                                          .correlation_id = request.correlation_id,
                                          .api = KAFKA_METADATA,
                                          .version = 1,
                                          .expects_answer = true,
                                          .deadline_ns = rt_turn_now(turn) + 30000ull * MS};
    link_send(pair->sends, &pair->request);
}

static void give(struct pair *pair, struct rt_turn *turn) {
    pair->gift = link_give(&pair->from, turn);
}

static void accept(struct pair *pair, struct rt_turn *turn) {
    pair->accepted = link_accept(&pair->to, turn, pair->gift);
}

static void decline(struct pair *pair, struct rt_turn *turn) {
    (void)turn;
    link_decline(&pair->to, pair->gift);
}

static void want(struct pair *pair, struct rt_turn *turn) {
    (void)turn;
    link_want(&pair->to, true);
}

/* The other link has it, and it is the same connection. */
static void expect_accepted(struct pair *pair, uint32_t negotiations) {
    cr_assert(pair->accepted);
    cr_assert_eq(pair->to.state, LINK_READY);
    cr_assert_eq(pair->from.state, LINK_IDLE);
    cr_expect_eq(atomic_load(&pair->producer.counters.connections_open), 1);
    pair->sends = &pair->to;
    tell(pair, ask);
    pass(pair, 1000);
    cr_expect_eq(pair->answered, 1);
    cr_expect_eq(pair->peer.negotiations, negotiations);
    cr_expect_eq(link_version(&pair->to, KAFKA_METADATA, 99), 13);
}

static void hand_over(struct pair *pair, uint32_t negotiations) {
    tell(pair, give);
    cr_assert_not_null(pair->gift);
    tell(pair, accept);
    expect_accepted(pair, negotiations);
}

static void expect_no_gift(struct pair *pair) {
    tell(pair, give);
    cr_expect_null(pair->gift);
}

Test(link_gift, goes_on_where_it_was) {
    struct pair *pair = start();
    hand_over(pair, 1);
    cr_expect_eq(pair->peer.accepted, 1);
    finish(pair);
}

/* Looking up, connecting, negotiating: what was begun is given up. */
Test(link_gift, takes_the_place_of_what_is_being_set_up) {
    static const enum link_state states[] = {LINK_LOOKUP, LINK_CONNECTING, LINK_NEGOTIATING};
    for (size_t i = 0; i < 3; i++) {
        struct pair *pair = start();
        tell(pair, want);
        while (pair->to.state != states[i] && rt_sim_step(pair->actor.world)) {
        }
        cr_assert_eq(pair->to.state, states[i]);
        hand_over(pair, i < 2 ? 1 : 2);
        cr_expect_eq(pair->failed, 0);
        finish(pair);
    }
}

Test(link_gift, is_none_while_an_answer_is_outstanding) {
    struct pair *pair = start();
    pair->sends = &pair->from;
    tell(pair, ask);
    expect_no_gift(pair);
    pass(pair, 1000);
    cr_expect_eq(pair->answered, 1);
    tell(pair, give);
    cr_assert_not_null(pair->gift);
    tell(pair, decline);
    pass(pair, 1000);
    cr_expect_eq(pair->peer.ended, 1, "what is declined is closed");
    finish(pair);
}

/* The answer has come, and who asked has not seen it. */
Test(link_gift, is_none_while_an_answer_waits_to_be_taken) {
    struct pair *pair = start();
    pair->sends = &pair->from;
    tell(pair, ask);
    pair->gives_before_it_takes = true;
    pass(pair, 1000);
    cr_expect_not(pair->gives_before_it_takes);
    cr_expect_null(pair->gift);
    cr_expect_eq(pair->answered, 1);
    finish(pair);
}

static void ask_silently(struct pair *pair, struct rt_turn *turn) {
    pair->sends = &pair->from;
    ask(pair, turn);
    pair->request.expects_answer = false;
}

/* As with acks=0: what comes may still be about it, and only this link knows. */
Test(link_gift, is_none_after_a_request_without_an_answer) {
    struct pair *pair = start();
    tell(pair, ask_silently);
    pass(pair, 1000);
    expect_no_gift(pair);
    finish(pair);
}

/* Of the first answer and a little: the next one begins in bytes that only this link has. */
Test(link_gift, is_none_within_an_answer) {
    struct pair *pair = start();
    struct peer_side *side = &pair->peer.sides[0];
    peer_say(side, "\0", 1);
    rt_notify(&pair->peer.actor);
    pass(pair, 1000);
    cr_assert_eq(pair->from.state, LINK_READY);
    expect_no_gift(pair);
    finish(pair);
}

static void throttle(struct pair *pair, struct rt_turn *turn) {
    link_throttle(&pair->from, rt_turn_now(turn), 500);
}

Test(link_gift, is_none_while_its_broker_asks_for_a_pause) {
    struct pair *pair = start();
    tell(pair, throttle);
    pass(pair, 490);
    expect_no_gift(pair);
    pass(pair, 20);
    hand_over(pair, 1);
    finish(pair);
}

Test(link_gift, that_broke_on_its_way_is_a_connection_that_broke) {
    struct pair *pair = start();
    tell(pair, give);
    cr_assert_eq(rt_sim_cut(pair->actor.world, &pair->peer.address, false), 1);
    pass(pair, 1000);
    tell(pair, accept);
    cr_expect(pair->accepted);
    cr_expect_eq(pair->to.state, LINK_BACKOFF);
    cr_expect_eq(pair->to.last_error, SLUICE_CONNECTION_LOST);
    finish(pair);
}

/* Then the link does without. */
Test(link_gift, is_closed_when_memory_is_short) {
    struct pair *pair = start();
    tell(pair, give);
    tell(pair, want);
    rt_sim_fail_memory(pair->actor.world, 1);
    tell(pair, accept);
    rt_sim_fail_memory(pair->actor.world, 0);
    cr_expect(!pair->accepted);
    pass(pair, 1000);
    cr_expect_eq(pair->to.state, LINK_READY);
    cr_expect_eq(pair->peer.accepted, 2);
    cr_expect_eq(pair->peer.ended, 1);
    finish(pair);
}
