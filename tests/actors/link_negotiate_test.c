/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which versions a broker says that it speaks: nonsense, contradictions, and no memory to ask. */
#include "actors/link_owner.h"
#include "actors/link_peer.h"
#include "protocol/api_versions.h"
#include "test.h"

static void speak(struct peer *peer, struct peer_side *side,
                  const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 10, 'a');
    }
}

/* One API, whose tagged fields claim more bytes than there are. */
static void say_broken_ranges(struct peer *peer, struct peer_side *side,
                              const struct kafka_request_header *header, struct kafka_reader body) {
    (void)peer, (void)body;
    uint8_t answer[] = {0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 9, 1, 0, 90, 0, 0};
    answer[7] = (uint8_t)header->correlation_id;
    peer_say(side, answer, sizeof answer);
}

Test(link_negotiate, ranges_that_cannot_be_read_are_a_bad_answer) {
    struct owner *owner = owner_start(1, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, say_broken_ranges);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->first_error, SLUICE_BAD_ANSWER, "%s", owner->first_text);
    cr_assert_not_null(strstr(owner->first_text, "ApiVersions could not be read"));
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

/* Does not know the version that was asked for, and lists a higher one. */
static void contradict(struct peer *peer, struct peer_side *side,
                       const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (header->api_key != KAFKA_API_VERSIONS || header->api_version == 0) {
        speak(peer, side, header, body);
        return;
    }
    uint8_t frame[64];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_api_range range = {KAFKA_API_VERSIONS, 0, 9};
    peer->versions_asked[peer->negotiations++ % 8] = header->api_version;
    kafka_api_versions_response_encode(&writer, 0, header->correlation_id,
                                       KAFKA_ERROR_UNSUPPORTED_VERSION, &range, 1, 0);
    peer_say(side, frame, kafka_writer_size(&writer));
}

Test(link_negotiate, a_broker_that_contradicts_itself_is_asked_in_the_oldest_version) {
    struct owner *owner = owner_start(1, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, contradict);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(peer.negotiations, 2);
    cr_assert_eq(peer.versions_asked[1], 0);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_negotiate, without_memory_to_ask_again_it_is_tried_later) {
    for (uint64_t nth = 1; nth <= 6; nth++) {
        struct owner *owner = owner_start(13, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, speak);
        peer.versions_known = 3;
        owner_connect(owner, "10.0.0.1", 9092);
        rt_sim_fail_memory(owner->world, nth);
        owner_run(owner, 300);
        rt_sim_fail_memory(owner->world, 0);
        cr_assert_eq(owner->link.state, LINK_READY, "failure %d", (int)nth);
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}

static void list_new_versions(struct peer *peer, struct peer_side *side,
                              const struct kafka_request_header *header, struct kafka_reader body) {
    (void)peer, (void)body;
    uint8_t frame[64];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_api_range range = {KAFKA_METADATA, 8, 9};
    kafka_api_versions_response_encode(&writer, header->api_version, header->correlation_id, 0,
                                       &range, 1, 0);
    peer_say(side, frame, kafka_writer_size(&writer));
}

Test(link_negotiate, a_version_that_the_broker_has_given_up_is_not_spoken) {
    struct owner *owner = owner_start(1, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, list_new_versions);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(link_version(&owner->link, KAFKA_METADATA, 99), 9);
    cr_assert_eq(link_version(&owner->link, KAFKA_METADATA, 8), 8);
    cr_assert_eq(link_version(&owner->link, KAFKA_METADATA, 7), -1);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

/* Negotiating with the first address, with the buffer that was made for it. */
static void say_half(struct peer *peer, struct peer_side *side,
                     const struct kafka_request_header *header, struct kafka_reader body) {
    (void)peer, (void)header, (void)body;
    peer_say(side, "\0\0\1", 3);
    peer_hang_up(side);
}

Test(link_negotiate, what_one_address_has_begun_to_say_is_not_taken_for_another_s) {
    struct owner *owner = owner_start(5, NULL);
    struct rt_address addresses[2] = {peer_address(1, 0), peer_address(2, 0)};
    struct rt_address first = peer_address(1, 9092), second = peer_address(2, 9092);
    struct peer half, good;
    rt_sim_name(owner->world, "kafka.example", addresses, 2);
    peer_start(&half, owner->world, &first, say_half);
    peer_start(&good, owner->world, &second, speak);
    owner_connect(owner, "kafka.example", 9092);
    owner_send(owner, 1);
    owner_run(owner, 40);
    cr_assert_eq(half.accepted, 1);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(owner->done, 1);
    cr_assert_not(owner->requests[0].failed);
    peer_stop(&half, owner->world);
    peer_stop(&good, owner->world);
    owner_end(owner);
}
