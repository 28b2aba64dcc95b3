/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses where no broker is, or something that only looks like one. */
#include "pipeline/rig.h"

#include "actors/link_peer.h"

static const char *const hasty[] = {"delivery.timeout.ms",
                                    "3000",
                                    "request.timeout.ms",
                                    "1000",
                                    "socket.connection.setup.timeout.ms",
                                    "1000",
                                    "socket.connection.setup.timeout.max.ms",
                                    "1000",
                                    "reconnect.backoff.ms",
                                    "400",
                                    NULL};

/* As above, and the records' time is over before a connection is given up. */
static const char *const hastier[] = {"delivery.timeout.ms", "3000", "request.timeout.ms", "1000",
                                      NULL};

static struct rig *start_with(const char *bootstrap, const char *const *settings) {
    struct rig_setup setup = {.seed = 3, .settings = settings, .bootstrap = bootstrap};
    struct rig *rig = rig_world(&setup);
    rig_open(rig, &setup);
    return rig;
}

static struct rig *start(const char *bootstrap) {
    return start_with(bootstrap, hasty);
}

/* Each question gets one clear error by its deadline, and each record its outcome. */
static void expect_clear_errors(struct rig *rig, sluice_code expected) {
    uint64_t began_ns = rt_now(rig->world);
    rig_produce_some(rig, RIG_ANY, 3);
    sluice_error error = {0};
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 500, &error), -1);
    cr_expect_neq(error.code, SLUICE_OK);
    cr_expect_null(sluice_cluster_fetch(rig->producer, NULL, 500, &error));
    cr_expect_neq(error.code, SLUICE_OK);
    cr_expect_gt(strlen(error.text), 5);
    cr_expect_leq(rt_now(rig->world) - began_ns, 1050 * RIG_MS);
    cr_assert(rig_await(rig, 3, 3100 - (rt_now(rig->world) - began_ns) / RIG_MS));
    cr_expect_geq(rt_now(rig->world) - began_ns, 2990 * RIG_MS);
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_DELIVERY_TIMED_OUT);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(rig->records[i].report.last_error, expected, "%s",
                     sluice_code_name(rig->records[i].report.last_error));
    }
    rig_produce(rig, RIG_ANY);
    cr_expect_eq(sluice_flush(rig->producer, 100), SLUICE_TIMED_OUT);
    cr_expect_eq(sluice_producer_close(rig->producer, 100), SLUICE_TIMED_OUT);
    cr_expect_eq(rig_poll(rig), 1);
    rig_expect_quiet(rig);
}

Test(hostile, nobody_listens) {
    struct rig *rig = start("10.0.0.1:9092");
    expect_clear_errors(rig, SLUICE_CONNECTION_REFUSED);
    rig_free(rig);
}

Test(hostile, the_name_does_not_resolve) {
    struct rig *rig = start("no.such.name:9092");
    expect_clear_errors(rig, SLUICE_NAME_NOT_FOUND);
    rig_free(rig);
}

Test(hostile, packets_vanish) {
    struct rig *rig = start("10.0.0.1:9092");
    struct rt_address nowhere = rig_address(1);
    rt_sim_fault(rig->world, &nowhere, RT_SIM_BLACKHOLE);
    expect_clear_errors(rig, SLUICE_CONNECTION_TIMED_OUT);
    rig_free(rig);
}

Test(hostile, packets_vanish_for_longer_than_the_records_wait) {
    struct rig *rig = start_with("10.0.0.1:9092", hastier);
    struct rt_address nowhere = rig_address(1);
    rt_sim_fault(rig->world, &nowhere, RT_SIM_BLACKHOLE);
    expect_clear_errors(rig, SLUICE_NO_BROKER);
    rig_free(rig);
}

static void greet_http(struct peer *peer, struct peer_side *side) {
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    (void)peer;
    peer_say(side, text, sizeof text - 1);
    peer_hang_up(side);
}

static void greet_tls(struct peer *peer, struct peer_side *side) {
    (void)peer;
    peer_say(side, "\x15\x03\x01\x00\x02\x02\x46", 7);
    peer_hang_up(side);
}

static void greet_garbage(struct peer *peer, struct peer_side *side) {
    char noise[4000];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (char)(i * 2654435761u >> 13);
    }
    memcpy(noise, "\0\0\x0f\x9c", 4); /* as long as it is */
    (void)peer;
    peer_say(side, noise, sizeof noise);
}

static void greet_huge(struct peer *peer, struct peer_side *side) {
    (void)peer;
    peer_say(side, "\x7f\xff\xff\xff\0\0\0\0", 8);
}

static void greet_negative(struct peer *peer, struct peer_side *side) {
    (void)peer;
    peer_say(side, "\xff\xff\xff\xff", 4);
}

static void greet_half(struct peer *peer, struct peer_side *side) {
    (void)peer;
    peer_say(side, "\0\0\1\0\0\0\0\0\0\0", 10);
    peer_hang_up(side);
}

static void meet_with(const char *const *settings, void (*greet)(struct peer *, struct peer_side *),
                      peer_script script, sluice_code expected) {
    struct rig *rig = start_with("10.0.0.1:9092", settings);
    struct peer *peer = calloc(1, sizeof *peer);
    struct rt_address address = rig_address(1);
    peer_start(peer, rig->world, &address, script);
    peer->greet = greet;
    expect_clear_errors(rig, expected);
    peer_stop(peer, rig->world);
    rig_free(rig);
    free(peer);
}

static void meet(void (*greet)(struct peer *, struct peer_side *), peer_script script,
                 sluice_code expected) {
    meet_with(hasty, greet, script, expected);
}

Test(hostile, an_http_server) {
    meet(greet_http, NULL, SLUICE_LOOKS_LIKE_HTTP);
}

Test(hostile, a_tls_server) {
    meet(greet_tls, NULL, SLUICE_LOOKS_LIKE_TLS);
}

Test(hostile, silence) {
    meet(NULL, NULL, SLUICE_CONNECTION_TIMED_OUT);
}

Test(hostile, silence_for_longer_than_the_records_wait) {
    meet_with(hastier, NULL, NULL, SLUICE_NO_ANSWER);
}

Test(hostile, silence_is_named_when_the_time_for_the_partition_count_is_up) {
    struct rig *rig = start("10.0.0.1:9092");
    struct rt_address nowhere = rig_address(1);
    rt_sim_fault(rig->world, &nowhere, RT_SIM_BLACKHOLE);
    sluice_error error = {0};
    cr_expect_eq(sluice_topic_partition_count(rig->topic, 500, &error), -1);
    cr_expect_eq(error.code, SLUICE_TIMED_OUT);
    cr_expect_not_null(strstr(error.text, sluice_code_text(SLUICE_NO_BROKER)), "%s", error.text);
    rig_free(rig);
}

Test(hostile, silence_after_the_metadata_for_longer_than_the_records_wait) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 1, .settings = hastier, .brokers = {.broker_count = 1}});
    uint64_t dropped = rig_fault(rig, SLUICE_FAULT_DROP, 18, 1, 0);
    rig_produce_some(rig, 0, 3);
    cr_expect(rig_await(rig, 3, 3100));
    cr_expect_gt(rig_hits(rig, dropped), 0);
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_DELIVERY_TIMED_OUT);
    cr_expect_eq(rig->records[0].report.last_error, SLUICE_NO_ANSWER, "%s",
                 sluice_code_name(rig->records[0].report.last_error));
    rig_end(rig);
}

Test(hostile, silence_of_the_leader_for_longer_than_the_records_wait) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 1, .settings = hastier, .brokers = {.broker_count = 1}});
    rig_run(rig, 500); /* metadata and the producer id are there */
    struct rt_address leader = rig_address(1);
    rt_sim_fault(rig->world, &leader, RT_SIM_BLACKHOLE);
    rig_produce_some(rig, 0, 3);
    cr_expect(rig_await(rig, 3, 3100));
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_DELIVERY_TIMED_OUT);
    cr_expect_eq(rig->records[0].report.last_error, SLUICE_NO_BROKER, "%s",
                 sluice_code_name(rig->records[0].report.last_error));
    rig_free(rig);
}

Test(hostile, garbage) {
    meet(greet_garbage, NULL, SLUICE_BAD_ANSWER);
}

Test(hostile, a_frame_of_two_gigabytes) {
    meet(greet_huge, NULL, SLUICE_FRAME_TOO_LARGE);
}

Test(hostile, a_frame_of_negative_length) {
    meet(greet_negative, NULL, SLUICE_BAD_ANSWER);
}

Test(hostile, half_an_answer) {
    meet(greet_half, NULL, SLUICE_CONNECTION_LOST);
}

/* ---- peers that know the first words --------------------------------------------------------- */

static void garbage_for_metadata(struct peer *peer, struct peer_side *side,
                                 const struct kafka_request_header *header,
                                 struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 60, 0xee);
    }
}

/* Both arrive together, so the connection has failed before the answer is looked at. */
static void garbage_for_metadata_and_behind_it(struct peer *peer, struct peer_side *side,
                                               const struct kafka_request_header *header,
                                               struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 60, 0xee);
        peer_say(side, "\xff\xff\xff\xff", 4);
    }
}

static void silence_for_metadata(struct peer *peer, struct peer_side *side,
                                 const struct kafka_request_header *header,
                                 struct kafka_reader body) {
    (void)body;
    peer_negotiate(peer, side, header);
}

static void hang_up_for_metadata(struct peer *peer, struct peer_side *side,
                                 const struct kafka_request_header *header,
                                 struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_hang_up(side);
    }
}

Test(hostile, metadata_that_is_garbage) {
    meet(NULL, garbage_for_metadata, SLUICE_BAD_ANSWER);
}

Test(hostile, metadata_that_is_garbage_with_garbage_behind_it) {
    meet(NULL, garbage_for_metadata_and_behind_it, SLUICE_BAD_ANSWER);
}

Test(hostile, metadata_that_never_comes) {
    meet(NULL, silence_for_metadata, SLUICE_REQUEST_TIMED_OUT);
}

Test(hostile, a_broker_that_hangs_up) {
    meet(NULL, hang_up_for_metadata, SLUICE_CONNECTION_LOST);
}

/* ---- brokers that go mad later --------------------------------------------------------------- */

static void goes_mad(sluice_broker_action action, int16_t api) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3, .partitions = 2, .settings = hasty, .brokers = {.broker_count = 2}});
    uint64_t fault = rig_fault(rig, action, api, 0, 0);
    rig_produce_some(rig, 0, 3);
    rig_produce_some(rig, 1, 3);
    cr_expect(rig_await(rig, 6, 4100));
    cr_expect_gt(rig_hits(rig, fault), 0);
    rig_run(rig, 2000); /* requests that still read the batches are given up */
    for (int i = 0; i < 6; i++) {
        cr_expect_neq(rig->records[i].report.outcome, SLUICE_PERSISTED);
        cr_expect_eq(rig->records[i].report.outcome,
                     rig->records[i].report.attempts > 0 ? SLUICE_UNKNOWN : SLUICE_NOT_PERSISTED);
    }
    rig_end(rig);
}

Test(hostile, brokers_that_answer_nothing_but_nonsense) {
    static const sluice_broker_action actions[] = {
        SLUICE_FAULT_DROP,    SLUICE_FAULT_CUT_BEFORE,        SLUICE_FAULT_CUT_HALF,
        SLUICE_FAULT_GARBAGE, SLUICE_FAULT_WRONG_CORRELATION, SLUICE_FAULT_HUGE_FRAME,
        SLUICE_FAULT_STALL};
    static const int16_t apis[] = {0, 3, 18, 22};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        for (size_t n = 0; n < sizeof apis / sizeof apis[0]; n++) {
            goes_mad(actions[i], apis[n]);
        }
    }
}
