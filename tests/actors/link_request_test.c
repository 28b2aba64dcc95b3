/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests on their way out: gathered, cut, in order, and what is known after a break. */
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

static void swallow(struct peer *peer, struct peer_side *side,
                    const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    peer_negotiate(peer, side, header);
}

Test(link_request, many_requests_go_out_in_order_whatever_the_socket_takes_at_once) {
    for (uint64_t seed = 50; seed < 60; seed++) {
        struct owner *owner = owner_start(seed, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, speak);
        owner->request_bytes = seed * 400;
        owner_connect(owner, "10.0.0.1", 9092);
        owner_send(owner, 30);
        owner_run(owner, 5000);
        cr_assert_eq(owner->done, 30);
        cr_assert_eq(peer.requests, 31);
        for (int i = 0; i < 30; i++) {
            cr_assert(!owner->requests[i].failed);
            cr_assert_eq(owner->requests[i].answer_size, 10);
            cr_assert_eq(owner->requests[i].link.bytes_written, owner->requests[i].frame_size);
        }
        cr_assert_eq(owner->first_error, SLUICE_OK);
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
}

Test(link_request, correlation_ids_begin_again_at_zero_after_the_highest) {
    struct owner *owner = owner_start(1, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner->link.next_correlation = INT32_MAX - 2;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 6);
    owner_run(owner, 500);
    cr_assert_eq(owner->done, 6);
    cr_assert_not(owner->requests[5].failed);
    cr_assert_eq(owner->link.next_correlation, 4);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_request, a_request_without_answer_is_done_when_it_is_written) {
    struct owner *owner = owner_start(61, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, swallow);
    owner->silent = true;
    owner->request_bytes = 30000;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 5);
    owner_run(owner, 1000);
    cr_assert_eq(owner->done, 5);
    cr_assert_eq(peer.requests, 6);
    cr_assert(!owner->requests[4].failed);
    cr_assert_eq(link_outstanding(&owner->link), 0);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_request, a_broker_that_answers_what_asked_for_no_answer_is_read_over) {
    struct owner *owner = owner_start(62, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner_connect(owner, "10.0.0.1", 9092);
    owner->silent = true;
    owner_send(owner, 3);
    owner_run(owner, 100);
    owner->silent = false;
    owner_send(owner, 2);
    owner_run(owner, 100);
    cr_assert_eq(owner->done, 5);
    cr_assert_eq(owner->requests[4].answer_size, 10);
    cr_assert_eq(owner->first_error, SLUICE_OK, "seen: %s", owner->first_text);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_request, when_it_breaks_each_request_says_whether_a_byte_may_have_left) {
    struct owner *owner = owner_start(63, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, swallow);
    owner->request_bytes = 60000;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    rt_sim_fault(owner->world, &address, RT_SIM_STALL);
    owner_send(owner, 4);
    owner_run(owner, 100);
    cr_assert_eq(owner->done, 0);
    cr_assert_eq(link_outstanding(&owner->link), 4);
    rt_sim_cut(owner->world, &address, false);
    owner_run(owner, 20);
    cr_assert_eq(owner->done, 4);
    cr_assert_neq(owner->requests[0].link.first_write_ns, 0, "it is on the way");
    cr_assert_lt(owner->requests[0].link.bytes_written, owner->requests[0].frame_size);
    cr_assert_eq(owner->requests[1].link.first_write_ns, 0, "it never left");
    cr_assert_eq(owner->requests[3].link.first_write_ns, 0);
    cr_assert_eq(owner->requests[3].error, SLUICE_CONNECTION_LOST);
    rt_sim_fault(owner->world, &address, RT_SIM_HEAL);
    owner_run(owner, 200);
    cr_assert_eq(owner->link.state, LINK_READY);
    cr_assert_eq(owner->link.generation, 2);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_request, a_connection_that_is_found_dead_takes_no_byte_of_what_was_queued_since) {
    struct owner *owner = owner_start(64, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, swallow);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    rt_sim_cut(owner->world, &address, false);
    owner_send(owner, 2);
    owner_run(owner, 5);
    cr_assert_eq(owner->disconnected, 1);
    cr_assert_leq(owner->done, 2);
    for (uint32_t i = 0; i < owner->done; i++) {
        cr_assert_eq(owner->requests[i].link.first_write_ns, 0);
    }
    owner_run(owner, 1000);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

static void answer_and_hang_up(struct peer *peer, struct peer_side *side,
                               const struct kafka_request_header *header,
                               struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 10, 'a');
        peer_hang_up(side);
    }
}

Test(link_request, what_is_queued_behind_an_end_that_has_arrived_never_leaves) {
    struct owner *owner = owner_start(68, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, answer_and_hang_up);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 1);
    while (peer.requests < 2) {
        cr_assert(rt_sim_step(owner->world));
    }
    owner->asleep = true;
    owner->hasty = true;
    owner_run(owner, 10);
    cr_assert_eq(owner->link.state, LINK_READY, "it did not look");
    owner->asleep = false;
    owner_send(owner, 1);
    rt_sim_settle(owner->world);
    cr_assert_eq(owner->done, 2);
    cr_assert(!owner->requests[0].failed, "the answer came before the end");
    cr_assert(owner->requests[1].failed);
    cr_assert_eq(owner->requests[1].link.first_write_ns, 0, "so nobody is unsure about it");
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_request, a_socket_that_takes_nothing_times_out_as_well) {
    const char *options[] = {"request.timeout.ms", "2000", NULL};
    struct owner *owner = owner_start(65, options);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, speak);
    owner->request_bytes = 100000;
    owner->timeout_ms = 2000;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_run(owner, 20);
    rt_sim_fault(owner->world, &address, RT_SIM_STALL);
    owner_send(owner, 2);
    owner_run(owner, 1990);
    cr_assert_eq(owner->done, 0);
    owner_run(owner, 20);
    cr_assert_eq(owner->done, 2);
    cr_assert_eq(owner->requests[0].error, SLUICE_REQUEST_TIMED_OUT);
    cr_assert_eq(owner->requests[1].link.first_write_ns, 0);
    rt_sim_fault(owner->world, &address, RT_SIM_HEAL);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

static void slow_answer(struct peer *peer, struct peer_side *side,
                        const struct kafka_request_header *header, struct kafka_reader body) {
    (void)body;
    if (!peer_negotiate(peer, side, header)) {
        peer_answer(side, header, 3000000 / PEER_BYTES_MAX * 100000, 's');
    }
}

Test(link_request, closing_fails_what_is_outstanding_and_the_link_can_be_used_again) {
    struct owner *owner = owner_start(66, NULL);
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, swallow);
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 3);
    owner_run(owner, 20);
    cr_assert_eq(link_outstanding(&owner->link), 3);
    owner_close(owner);
    cr_assert_eq(owner->done, 3);
    cr_assert_eq(owner->requests[2].error, SLUICE_CLOSED);
    cr_assert_eq(owner->link.input_size, 0, "buffers went back");
    peer.script = slow_answer;
    owner_connect(owner, "10.0.0.1", 9092);
    owner_send(owner, 1);
    owner_run(owner, 2000);
    cr_assert_eq(owner->done, 4);
    cr_assert(!owner->requests[3].failed);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_request, the_same_seed_gives_the_same_trace) {
    uint64_t hashes[2];
    for (int i = 0; i < 2; i++) {
        struct owner *owner = owner_start(67, NULL);
        struct rt_address address = peer_address(1, 9092);
        struct peer peer;
        peer_start(&peer, owner->world, &address, speak);
        owner_connect(owner, "10.0.0.1", 9092);
        owner_send(owner, 10);
        owner_run(owner, 500);
        rt_sim_cut(owner->world, &address, true);
        owner_run(owner, 500);
        hashes[i] = rt_sim_trace_hash(owner->world);
        peer_stop(&peer, owner->world);
        owner_end(owner);
    }
    cr_assert_eq(hashes[0], hashes[1]);
}
