/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers that do anything at all, drawn from the seed: every request still comes out exactly once,
 * in order, every byte of memory comes back, and once the peer behaves the link works. */
#include "actors/link_owner.h"
#include "actors/link_peer.h"
#include "test.h"

enum { SEEDS = 300, WAVES = 12 };

struct storm {
    struct rt_world *world;
    bool calm;
};

static void say_noise(struct peer_side *side, struct rt_world *world) {
    uint8_t noise[200];
    size_t size = 1 + rt_sim_choose(world, sizeof noise);
    for (size_t i = 0; i < size; i++) {
        noise[i] = (uint8_t)rt_sim_choose(world, 256);
    }
    if (rt_sim_choose(world, 2) == 0 && size > 4) {
        noise[0] = noise[1] = noise[2] = 0; /* a length that can be */
    }
    peer_say(side, noise, size);
}

static void be_wild(struct peer *peer, struct peer_side *side,
                    const struct kafka_request_header *header, struct kafka_reader body) {
    struct storm *storm = peer->context;
    struct kafka_request_header other = *header;
    (void)body;
    uint64_t choice = storm->calm ? 99 : rt_sim_choose(storm->world, 30);
    switch (choice) {
    case 0:
        say_noise(side, storm->world);
        return;
    case 1:
        other.correlation_id += (int32_t)rt_sim_choose(storm->world, 3);
        break;
    case 2:
        peer_hang_up(side);
        return;
    case 3:
        say_noise(side, storm->world);
        peer_hang_up(side);
        return;
    case 4:
        return; /* silence */
    case 5:
        peer_hang_up(side);
        break; /* an answer, then the end */
    case 6:
        if (header->api_key == KAFKA_API_VERSIONS) {
            other.api_version = (int16_t)rt_sim_choose(storm->world, 5);
        }
        break;
    default:
        break;
    }
    if (!peer_negotiate(peer, side, &other)) {
        peer_answer(side, &other, rt_sim_choose(storm->world, 10000), 'w');
    }
}

static void wave(struct owner *owner, const struct rt_address *address) {
    struct rt_world *world = owner->world;
    owner->request_bytes = rt_sim_choose(world, 30000);
    owner->silent = rt_sim_choose(world, 4) == 0;
    owner->to_send = 0;
    owner_send(owner, (uint32_t)rt_sim_choose(world, 5));
    if (rt_sim_choose(world, 8) == 0) {
        rt_sim_fail_memory(world, 1 + rt_sim_choose(world, 5));
    }
    owner_run(owner, rt_sim_choose(world, 500));
    switch (rt_sim_choose(world, 12)) {
    case 0:
        rt_sim_cut(world, address, rt_sim_choose(world, 2) == 0);
        break;
    case 1:
        rt_sim_fault(world, address, (enum rt_sim_fault)rt_sim_choose(world, 4));
        break;
    case 2:
        owner_close(owner);
        link_want(&owner->link, true);
        break;
    default:
        rt_sim_fault(world, address, RT_SIM_HEAL);
        break;
    }
}

static void weather(uint64_t seed) {
    const char *options[] = {"request.timeout.ms",
                             "2000",
                             "socket.connection.setup.timeout.ms",
                             "500",
                             "connections.max.idle.ms",
                             "3000",
                             NULL};
    struct owner *owner = owner_start(seed, options);
    struct storm storm = {.world = owner->world};
    struct rt_address address = peer_address(1, 9092);
    struct peer peer;
    peer_start(&peer, owner->world, &address, be_wild);
    peer.context = &storm;
    owner->timeout_ms = 2000;
    owner_connect(owner, "10.0.0.1", 9092);
    for (int i = 0; i < WAVES; i++) {
        wave(owner, &address);
    }
    storm.calm = true;
    rt_sim_fail_memory(owner->world, 0);
    rt_sim_fault(owner->world, &address, RT_SIM_HEAL);
    owner->to_send = 0;
    owner->silent = false;
    owner_run(owner, 40000);
    owner->link.wanted ? (void)0 : link_want(&owner->link, true);
    owner_send(owner, 2);
    owner_run(owner, 40000);
    cr_assert_geq(owner->sent, 2, "seed %d", (int)seed);
    cr_assert_eq(owner->done, owner->sent, "seed %d", (int)seed);
    cr_assert(!owner->requests[owner->sent - 1].failed, "seed %d: %s", (int)seed,
              owner->link.last_text);
    peer_stop(&peer, owner->world);
    owner_end(owner);
}

Test(link_storm, whatever_the_peer_does_requests_come_out_once_and_in_order) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        weather(seed);
    }
}
