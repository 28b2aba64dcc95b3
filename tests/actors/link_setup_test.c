/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a link becomes READY, and what it says when it does not. */
#include "actors/link_owner.h"
#include "actors/link_peer.h"
#include "test.h"

static void speak(struct peer *peer, struct peer_side *side,
                  const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 10, 'a');
    }
}

static void be_mute(struct peer *peer, struct peer_side *side,
                    const struct kafka_request_header *header, struct kafka_reader body) {
    (void)peer, (void)side, (void)header, (void)body;
}

static void hang_up(struct peer *peer, struct peer_side *side,
                    const struct kafka_request_header *header, struct kafka_reader body) {
    (void)peer, (void)header, (void)body;
    peer_hang_up(side);
}

Test(link_setup, a_literal_address_becomes_ready_and_tells_it_once) {
    struct owner *owner = owner_start(1, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 100);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(owner->connected, 1);
    cr_assert_eq(atomic_load(&owner->producer.counters.connections_open), 1);
    cr_assert_eq(owner->link.last_error, SLUICE_OK);
    cr_assert_eq(peer.negotiations, 1);
    cr_assert_eq(peer.versions_asked[0], 4);
    cr_assert_eq(link_version(&owner->link, KAFKA_METADATA, 99), 13);
    cr_assert_eq(link_version(&owner->link, KAFKA_METADATA, 5), 5);
    cr_assert_eq(link_version(&owner->link, KAFKA_PRODUCE, 1), -1, "3 is our oldest");
    cr_assert_eq(link_version(&owner->link, 77, 5), -1);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, a_refused_connection_is_named_and_tried_again_later_each_time) {
    struct owner *owner = owner_start(2, NULL);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 40);
    cr_assert_eq(owner->first_error, SLUICE_CONNECTION_REFUSED);
    cr_assert_str_eq(owner->first_text, "10.0.0.1:9092: connection refused (errno 111)");
    cr_assert_eq(owner->link.state, LINK_BACKOFF);
    cr_assert_eq(owner->link.attempt, 1);
    owner_run(owner, 10000);
    cr_assert_geq(owner->link.attempt, 12, "50, 100, 200, 400, 800, then 1000 ms");
    cr_assert_leq(owner->link.attempt, 16);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner_run(owner, 1300);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(owner->link.attempt, 0, "a success forgets the failures");
    peer_stop(&peer, owner->world);
    owner_run(owner, 10);
    cr_assert_eq(owner->link.attempt, 1);
    owner_end(owner);
}

Test(link_setup, pauses_double_up_to_their_maximum_with_a_fifth_of_jitter) {
    const char *options[] = {"reconnect.backoff.ms", "100", "reconnect.backoff.max.ms", "700",
                             NULL};
    struct owner *owner = owner_start(3, options);
    static const uint64_t expected_ms[] = {100, 200, 400, 700, 700, 700};
    uint64_t before = 0;
    bool jitter = false;
    owner_connect(owner, "10.0.0.1", 9092);
    for (uint32_t i = 0; i < 6; i++) {
        while (owner->link.attempt == i) {
            cr_assert(rt_sim_step(owner->world));
        }
        uint64_t failed_at = rt_now(owner->world);
        uint64_t pause = owner->link.retry_at_ns - failed_at;
        cr_assert_geq(pause, expected_ms[i] * OWNER_MS * 8 / 10);
        cr_assert_leq(pause, expected_ms[i] * OWNER_MS * 12 / 10);
        jitter = jitter || pause != expected_ms[i] * OWNER_MS;
        cr_assert_geq(failed_at, before, "not before the pause was over");
        before = owner->link.retry_at_ns;
    }
    cr_assert(jitter);
    owner_end(owner);
}

Test(link_setup, without_a_pause_it_is_tried_again_after_a_millisecond) {
    const char *options[] = {"reconnect.backoff.ms", "0", NULL};
    struct owner *owner = owner_start(4, options);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 1000);
    cr_assert_geq(owner->link.attempt, 300);
    cr_assert_leq(owner->link.attempt, 1000);
    owner_end(owner);
}

Test(link_setup, a_name_without_address_is_said_to_be_one) {
    struct owner *owner = owner_start(4, NULL);
    owner_connect(owner, "nowhere.example", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->first_error, SLUICE_NAME_NOT_FOUND);
    cr_assert(strstr(owner->first_text, "nowhere.example:9092: the name has no address") != NULL);
    owner_end(owner);
}

Test(link_setup, every_address_of_a_name_is_tried_in_turn) {
    struct owner *owner = owner_start(5, NULL);
    struct rt_address addresses[3] = {peer_address(1, 0), peer_address(2, 0), peer_address(3, 0)};
    struct rt_address good = peer_address(3, 9092);
    struct rt_address closes = peer_address(2, 9092);
    struct peer peer;
    struct peer second;
    rt_sim_name(owner->world, "kafka.example", addresses, 3);
    peer_start(&peer, owner->world, &good, speak);
    peer_start(&second, owner->world, &closes, hang_up);
    owner_connect(owner, "kafka.example", 9092);
    owner_run(owner, 40);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(second.accepted, 1);
    cr_assert_eq(owner->link.addresses.addresses[owner->link.address_index].ip[3], 3);
    cr_assert_eq(owner->first_error, SLUICE_OK, "not worth a word as long as one works");
    peer_stop(&peer, owner->world);
    peer_stop(&second, owner->world);
    owner_end(owner);
}

Test(link_setup, a_peer_that_accepts_and_says_nothing_times_out) {
    const char *options[] = {"socket.connection.setup.timeout.ms", "1000",
                             "socket.connection.setup.timeout.max.ms", "1500", NULL};
    struct owner *owner = owner_start(6, options);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, be_mute);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 990);
    cr_assert_eq(owner->link.state, LINK_NEGOTIATING);
    owner_run(owner, 20);
    cr_assert_eq(owner->link.state, LINK_BACKOFF);
    cr_assert_eq(owner->first_error, SLUICE_CONNECTION_TIMED_OUT);
    cr_assert_str_eq(owner->first_text, "10.0.0.1:9092: connected, but the first request was not "
                                        "answered in time");
    owner_run(owner, 80);
    cr_assert_eq(owner->link.state, LINK_NEGOTIATING);
    owner_run(owner, 1300);
    cr_assert_eq(owner->link.state, LINK_NEGOTIATING, "it has 1500 ms this time");
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, an_address_that_swallows_packets_times_out_and_the_next_one_is_tried) {
    const char *options[] = {"socket.connection.setup.timeout.ms", "1000", NULL};
    struct owner *owner = owner_start(7, options);
    struct rt_address addresses[2] = {peer_address(1, 0), peer_address(2, 0)};
    struct rt_address hole = peer_address(1, 9092);
    struct rt_address good = peer_address(2, 9092);
    struct peer peer;
    rt_sim_name(owner->world, "kafka.example", addresses, 2);
    rt_sim_fault(owner->world, &hole, RT_SIM_BLACKHOLE);
    peer_start(&peer, owner->world, &good, speak);
    owner_connect(owner, "kafka.example", 9092);
    owner_run(owner, 990);
    cr_assert_eq(owner->link.state, LINK_CONNECTING);
    owner_run(owner, 40);
    cr_assert_eq(owner->link.state, LINK_READY);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, a_peer_that_closes_before_it_said_anything_is_described_so) {
    struct owner *owner = owner_start(8, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, hang_up);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->first_error, SLUICE_CONNECTION_LOST);
    cr_assert_str_eq(owner->first_text,
                     "10.0.0.1:9092: the broker closed the connection before it said anything");
    cr_assert_eq(owner->connected, 0);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

static void negotiate_with(int16_t known, uint32_t asked_count, int16_t asked_last) {
    struct owner *owner = owner_start(9, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    peer.versions_known = known;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(peer.accepted, 1, "on the same connection");
    cr_assert_eq(peer.negotiations, asked_count);
    cr_assert_eq(peer.versions_asked[asked_count - 1], asked_last);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, brokers_that_know_an_older_ApiVersions_are_asked_again_in_theirs) {
    negotiate_with(4, 1, 4);
    negotiate_with(3, 2, 3);
    negotiate_with(0, 2, 0);
}

static void know_nothing(struct peer *peer, struct peer_side *side,
                         const struct kafka_request_header *header, struct kafka_reader body) {
    uint8_t answer[] = {0, 0, 0, 10, 0, 0, 0, 0, 0, 35, 0, 0, 0, 0};
    (void)body;
    answer[7] = (uint8_t)header->correlation_id;
    peer->versions_asked[peer->negotiations++ % 8] = header->api_version;
    peer_say(side, answer, sizeof answer);
}

Test(link_setup, a_broker_that_lists_no_versions_is_asked_with_0_and_given_up_if_that_fails_too) {
    struct owner *owner = owner_start(10, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, know_nothing);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(peer.negotiations, 2);
    cr_assert_eq(peer.versions_asked[1], 0);
    cr_assert_eq(owner->first_error, SLUICE_UNSUPPORTED_BROKER);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, a_link_that_is_not_wanted_any_more_gives_up_and_rests) {
    struct owner *owner = owner_start(11, NULL);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 300);
    owner_unwant(owner);
    uint32_t before = owner->activations;
    owner_run(owner, 60000);
    cr_assert_eq(owner->activations, before, "nothing wakes it");
    link_want(&owner->link, true);
    owner_run(owner, 100);
    cr_assert_gt(owner->activations, before);
    owner_end(owner);
}

/* Whether it is looking its name up, connecting, or asking for versions. */
Test(link_setup, a_link_that_is_not_wanted_any_more_rests_from_every_state_of_its_setup) {
    for (uint64_t us = 100; us < 2500; us += 100) {
        struct owner *owner = owner_start(11, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, be_mute);
        owner_connect(owner, "10.0.0.1", 9092);
        rt_sim_run_until(owner->world, rt_now(owner->world) + us * 1000);
        cr_assert_neq(owner->link.state, LINK_BACKOFF);
        owner_unwant(owner);
        cr_assert_eq(owner->link.state, LINK_IDLE);
        owner_run(owner, 1);
        uint32_t before = owner->activations;
        owner_run(owner, 60000);
        cr_assert_eq(owner->activations, before, "nothing wakes it");
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}

Test(link_setup, a_ready_link_that_is_not_wanted_any_more_still_answers) {
    struct owner *owner = owner_start(11, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    owner_unwant(owner);
    cr_assert_eq(owner->link.state, LINK_READY);
    owner_send(owner, 2);
    owner_run(owner, 20);
    cr_assert_eq(owner->done, 2);
    cr_assert_not(owner->requests[1].failed);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, a_lookup_that_takes_too_long_is_given_up) {
    const char *options[] = {"socket.connection.setup.timeout.ms", "1000", NULL};
    struct rt_sim_options sim = {.seed = 1, .lookup_delay_ns = UINT64_C(60000) * OWNER_MS};
    struct owner *owner = owner_start_in(rt_sim_create(&sim), options);
    owner_connect(owner, "kafka.example", 9092);
    owner_run(owner, 1100);
    cr_assert_eq(owner->first_error, SLUICE_CONNECTION_TIMED_OUT);
    cr_assert_not_null(strstr(owner->first_text, "lookup took too long"));
    owner_end(owner);
}

Test(link_setup, an_address_that_cannot_be_connected_to_is_given_up_at_once) {
    struct owner *owner = owner_start(1, NULL);
    owner_connect(owner, "10.0.0.1", 0);
    owner_run(owner, 5);
    cr_assert_eq(owner->first_error, SLUICE_CONNECTION_FAILED);
    cr_assert_not_null(strstr(owner->first_text, "connection failed"));
    owner_end(owner);
}

/* The system gives up after about two minutes. */
Test(link_setup, what_the_system_gives_up_is_a_time_out_too) {
    const char *options[] = {"socket.connection.setup.timeout.ms", "300000",
                             "socket.connection.setup.timeout.max.ms", "300000", NULL};
    struct owner *owner = owner_start(1, options);
    struct rt_address address = peer_address(1, 9092);
    rt_sim_fault(owner->world, &address, RT_SIM_BLACKHOLE);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 130000);
    cr_assert_eq(owner->first_error, SLUICE_CONNECTION_TIMED_OUT);
    cr_assert_not_null(strstr(owner->first_text, "errno"));
    owner_end(owner);
}

Test(link_setup, an_idle_connection_is_closed_and_comes_back_when_wanted) {
    const char *options[] = {"connections.max.idle.ms", "5000", NULL};
    struct owner *owner = owner_start(12, options);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 3000);
    owner_send(owner, 1);
    owner_run(owner, 4000);
    cr_assert_eq(owner->link.state, LINK_READY, "the request began the time anew");
    owner_run(owner, 1100);
    cr_assert_eq(owner->link.state, LINK_IDLE);
    cr_assert_eq(owner->disconnected, 1);
    cr_assert_eq(peer.ended, 1);
    uint32_t before = owner->activations;
    owner_run(owner, 60000);
    cr_assert_eq(owner->activations, before, "and nothing wakes it");
    link_want(&owner->link, true);
    owner_send(owner, 1);
    owner_run(owner, 20);
    cr_assert_eq(owner->done, 2);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_setup, no_memory_at_any_point_delays_but_never_breaks_it) {
    uint64_t acquisitions = 10;
    for (uint64_t nth = 1; nth <= acquisitions; nth++) {
        struct owner *owner = owner_start(13, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, speak);
        owner_connect(owner, "10.0.0.1", 9092);
        owner_send(owner, 3);
        rt_sim_fail_memory(owner->world, nth);
        owner_run(owner, 200);
        cr_assert_eq(owner->link.state, LINK_READY, "failure %d", (int)nth);
        cr_assert_eq(owner->done, 3);
        cr_assert(!owner->requests[2].failed);
        rt_sim_fail_memory(owner->world, 0);
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}
