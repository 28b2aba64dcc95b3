/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes back from the other side, true or not: each ends in one clear error. */
#include "actors/link_owner.h"
#include "actors/link_peer.h"
#include "test.h"

/* What a peer says instead of an answer. */
struct saying {
    const void *bytes;
    size_t size;
    bool hang_up;
};

static void negotiate_then_say(struct peer *peer, struct peer_side *side,
                               const struct kafka_request_header *header,
                               struct kafka_reader body) {
    struct saying *saying = peer->context;
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_say(side, saying->bytes, saying->size);
        side->close_when_sent = saying->hang_up;
    }
}

static void say(struct peer *peer, struct peer_side *side,
                const struct kafka_request_header *header, struct kafka_reader body) {
    struct saying *saying = peer->context;
    (void)header, (void)body;
    peer_say(side, saying->bytes, saying->size);
    side->close_when_sent = saying->hang_up;
}

static void expect_error(struct saying saying, bool negotiated, sluice_code error,
                         const char *words) {
    const char *options[] = {"socket.connection.setup.timeout.ms", "1000", "request.timeout.ms",
                             "1000", NULL};
    struct owner *owner = owner_start(20, options);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, negotiated ? negotiate_then_say : say);
    peer.context = &saying;
    owner->timeout_ms = 1000;
    owner_connect(owner, "10.0.0.1", 9092);
    /* One only to a peer that hangs up: the other would find it gone. */
    uint32_t count = !negotiated ? 0 : saying.hang_up ? 1 : 2;
    owner_send(owner, count);
    owner_run(owner, 1030);
    cr_assert_eq(owner->first_error, error, "seen: %s", owner->first_text);
    cr_assert(strstr(owner->first_text, words) != NULL, "seen: %s", owner->first_text);
    cr_assert(strstr(owner->first_text, "10.0.0.1:9092: ") == owner->first_text);
    cr_assert_eq(owner->done, count);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(owner->requests[i].failed);
        cr_assert_eq(owner->requests[i].error, error);
        cr_assert_neq(owner->requests[i].link.first_write_ns, 0);
    }
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

#define SAYING(text, hang_up) ((struct saying){text, sizeof(text) - 1, hang_up})

Test(link_answer, an_http_server_is_recognised) {
    expect_error(SAYING("HTTP/1.1 400 Bad Request\r\n\r\n", true), false, SLUICE_LOOKS_LIKE_HTTP,
                 "HTTP");
    expect_error(SAYING("HTTP/1.1 400 Bad Request\r\n\r\n", true), true, SLUICE_LOOKS_LIKE_HTTP,
                 "HTTP");
}

Test(link_answer, tls_is_recognised) {
    expect_error(SAYING("\x15\x03\x03\x00\x02\x02\x46", true), false, SLUICE_LOOKS_LIKE_TLS,
                 "an alert");
    expect_error(SAYING("\x16\x03\x01\x02\x00\x01\x00", false), true, SLUICE_LOOKS_LIKE_TLS,
                 "a handshake");
}

Test(link_answer, a_frame_length_of_2_gigabytes_costs_nothing_and_ends_the_connection) {
    expect_error(SAYING("\x7f\xff\xff\xff....", false), false, SLUICE_FRAME_TOO_LARGE,
                 "7f ff ff ff");
    expect_error(SAYING("\x7f\xff\xff\xff....", false), true, SLUICE_FRAME_TOO_LARGE,
                 "7f ff ff ff");
    expect_error(SAYING("\x04\x00\x00\x01....", false), true, SLUICE_FRAME_TOO_LARGE,
                 "04 00 00 01");
}

Test(link_answer, lengths_that_cannot_be_are_bad_answers) {
    expect_error(SAYING("\xff\xff\xff\xff....", false), true, SLUICE_BAD_ANSWER, "ff ff ff ff");
    expect_error(SAYING("\x00\x00\x00\x00....", false), true, SLUICE_BAD_ANSWER, "00 00 00 00");
    expect_error(SAYING("\x00\x00\x00\x03....", false), true, SLUICE_BAD_ANSWER, "00 00 00 03");
}

Test(link_answer, garbage_of_a_possible_length_is_a_bad_answer) {
    expect_error(SAYING("\x00\x00\x00\x08garbage!", false), false, SLUICE_BAD_ANSWER,
                 "correlation id");
    expect_error(SAYING("\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00", false), false,
                 SLUICE_BAD_ANSWER, "ApiVersions");
    expect_error(SAYING("SSH-2.0-OpenSSH_9.2p1\r\n", false), false, SLUICE_FRAME_TOO_LARGE,
                 "53 53 48 2d");
}

Test(link_answer, an_answer_cut_short_is_a_lost_connection) {
    expect_error(SAYING("\x00\x00\x00\x20\x00\x00", true), true, SLUICE_CONNECTION_LOST,
                 "within an answer");
    expect_error(SAYING("\x00\x00", true), false, SLUICE_CONNECTION_LOST, "within an answer");
    expect_error(SAYING("", true), true, SLUICE_CONNECTION_LOST, "closed the connection");
}

static void answer_without_header_fields(struct peer *peer, struct peer_side *side,
                                         const struct kafka_request_header *header,
                                         struct kafka_reader body) {
    uint8_t answer[] = {0, 0, 0, 4, 0, 0, 0, (uint8_t)header->correlation_id};
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_say(side, answer, sizeof answer);
    }
}

Test(link_answer, an_answer_that_is_shorter_than_its_header_is_bad) {
    struct owner *owner = owner_start(22, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, answer_without_header_fields);
    owner->version = 12;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 1);
    owner_run(owner, 20);
    cr_assert_eq(owner->first_error, SLUICE_BAD_ANSWER, "%s", owner->first_text);
    cr_assert_not_null(strstr(owner->first_text, "header could not be read"));
    cr_assert(owner->requests[0].failed);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_answer, silence_after_the_handshake_is_a_request_that_timed_out) {
    expect_error(SAYING("", false), true, SLUICE_REQUEST_TIMED_OUT, "request.timeout.ms (1000)");
}

Test(link_answer, half_an_answer_and_then_silence_times_out) {
    expect_error(SAYING("\x00\x00\x10\x00\x00\x00", false), true, SLUICE_REQUEST_TIMED_OUT,
                 "request.timeout.ms");
    expect_error(SAYING("\x00\x00\x10\x00\x00\x00", false), false, SLUICE_CONNECTION_TIMED_OUT,
                 "not answered in time");
}

static void answer_wrongly(struct peer *peer, struct peer_side *side,
                           const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        struct kafka_request_header other = *header;
        other.correlation_id += 5;
        peer_answer(side, &other, 10, 'a');
    }
}

Test(link_answer, an_answer_to_another_request_ends_the_connection) {
    struct owner *owner = owner_start(21, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, answer_wrongly);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 3);
    owner_run(owner, 20);
    cr_assert_eq(owner->done, 3);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(owner->requests[i].error, SLUICE_BAD_ANSWER);
    }
    cr_assert(strstr(owner->first_text, "correlation id 6 where 1 was due") != NULL, "seen: %s",
              owner->first_text);
    cr_assert_eq(owner->disconnected, 1);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

static void chatter(struct peer *peer, struct peer_side *side) {
    (void)peer;
    peer_say(side, "\x00\x00\x00\x04\x00\x00\x00\x09", 8);
}

Test(link_answer, a_peer_that_speaks_first_is_not_listened_to) {
    struct owner *owner = owner_start(22, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, negotiate_then_say);
    peer.greet = chatter;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->first_error, SLUICE_BAD_ANSWER);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

/* Answers of growing sizes, up to some that need the buffer to grow. */
static void answer_large(struct peer *peer, struct peer_side *side,
                         const struct kafka_request_header *header, struct kafka_reader body) {
    static const size_t sizes[] = {0, 1, 5000, 3, 200000, 17, 4000, 90000};
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        uint32_t at = (side->requests - 2) % 8;
        peer_answer(side, header, sizes[at], (uint8_t)('a' + at));
    }
}

Test(link_answer, answers_of_all_sizes_arrive_whole_and_memory_goes_back) {
    for (uint64_t seed = 30; seed < 40; seed++) {
        struct owner *owner = owner_start(seed, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, answer_large);
        owner_connect(owner, "10.0.0.1", 9092);
        owner_send(owner, 8);
        owner_run(owner, 2000);
        cr_assert_eq(owner->done, 8);
        cr_assert_eq(owner->requests[0].answer_size, 0);
        cr_assert_eq(owner->requests[2].answer_size, 5000);
        cr_assert_eq(owner->requests[4].answer_size, 200000);
        cr_assert_eq(owner->requests[4].answer_first, 'e');
        cr_assert_eq(owner->requests[7].answer_size, 90000);
        owner_send(owner, 1);
        owner_run(owner, 20);
        cr_assert_leq(owner->link.input_size, 4096, "a large buffer is not kept");
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}

Test(link_answer, without_memory_for_a_large_answer_it_waits_in_the_socket) {
    struct owner *owner = owner_start(41, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, answer_large);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    owner_send(owner, 5);
    rt_sim_fail_memory(owner->world, 2);
    owner_run(owner, 2000);
    cr_assert_eq(owner->done, 5);
    cr_assert_eq(owner->requests[4].answer_size, 200000);
    cr_assert_eq(owner->disconnected, 0);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_answer, without_memory_for_a_small_buffer_the_large_one_is_kept) {
    for (uint64_t nth = 1; nth <= 12; nth++) {
        struct owner *owner = owner_start(43, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, answer_large);
        owner_connect(owner, "10.0.0.1", 9092);
        owner_run(owner, 20);
        rt_sim_fail_memory(owner->world, nth);
        owner_send(owner, 5);
        owner_run(owner, 2000);
        owner_send(owner, 2);
        owner_run(owner, 2000);
        cr_assert_eq(owner->done, 7);
        cr_assert_eq(owner->requests[4].answer_size, 200000);
        cr_assert_eq(owner->disconnected, 0);
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}

static void answer_megabytes(struct peer *peer, struct peer_side *side,
                             const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 5 << 20, 'm');
    }
}

Test(link_answer, megabytes_that_are_there_at_once_are_read_in_several_turns) {
    struct rt_sim_options sim = {.seed = 44,
                                 .delay_min_ns = 20000,
                                 .delay_max_ns = 20000,
                                 .lookup_delay_ns = 1000,
                                 .socket_buffer_bytes = 16 << 20};
    struct owner *owner = owner_start_in(rt_sim_create(&sim), NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, answer_megabytes);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 5);
    uint32_t before = owner->activations;
    owner_send(owner, 1);
    owner_run(owner, 5);
    cr_assert_eq(owner->done, 1);
    cr_assert_eq(owner->requests[0].answer_size, 5 << 20);
    cr_assert_geq(owner->activations - before, 5);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

/* Looking for memory again is no reason to wait longer than the request may take. */
Test(link_answer, without_memory_the_deadline_still_holds) {
    struct rt_sim_options sim = {
        .seed = 42, .delay_min_ns = 20000, .delay_max_ns = 20000, .lookup_delay_ns = 1000};
    struct owner *owner = owner_start_in(rt_sim_create(&sim), NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, answer_large);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 5);
    owner->timeout_ms = 5;
    owner_send(owner, 3);
    for (int i = 0; i < 1000 && owner->disconnected == 0; i++) {
        rt_sim_fail_memory(owner->world, 1);
        rt_sim_run_until(owner->world, rt_now(owner->world) + 10000);
    }
    rt_sim_fail_memory(owner->world, 0);
    cr_assert_eq(owner->first_error, SLUICE_REQUEST_TIMED_OUT, "%s", owner->first_text);
    owner_run(owner, 20);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

static void answer_9000(struct peer *peer, struct peer_side *side,
                        const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 9000, 'n');
    }
}

Test(link_answer, without_memory_it_looks_again_even_if_nothing_more_comes) {
    struct rt_sim_options sim = {
        .seed = 42, .delay_min_ns = 20000, .delay_max_ns = 20000, .lookup_delay_ns = 1000};
    for (uint64_t nth = 1; nth <= 2; nth++) {
        struct owner *owner = owner_start_in(rt_sim_create(&sim), NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, answer_9000);
        owner_connect(owner, "10.0.0.1", 9092);
        owner_run(owner, 5);
        rt_sim_fail_memory(owner->world, nth);
        owner_send(owner, 1);
        owner_run(owner, 5);
        cr_assert_eq(owner->done, 0, "all has arrived, and there is no room for it");
        owner_run(owner, 20);
        cr_assert_eq(owner->done, 1);
        cr_assert_eq(owner->requests[0].answer_size, 9000);
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}
