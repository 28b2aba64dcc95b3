/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated network: bytes, order, delays, limits and every fault. */
#include <errno.h>

#include "sim/echo.h"
#include "test.h"

enum { PORT = 9092 };
#define SECOND UINT64_C(1000000000)

static struct echo_server server;
static struct echo_client client;

/* Runs one echo of `total` bytes to the end. */
static struct rt_world *echo(const struct rt_sim_options *options, uint64_t total) {
    struct rt_world *world = rt_sim_create(options);
    echo_server_start(&server, world, PORT);
    echo_client_start(&client, world, &server.address, total);
    while (rt_wait(world, &client.done, 0, 600 * SECOND) && client.done == 0) {
    }
    return world;
}

Test(sim_network, every_byte_comes_back_in_order) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct rt_sim_options options = echo_options(seed);
        struct rt_world *world = echo(&options, 500000);
        cr_assert_eq(client.done, 1, "seed %d", (int)seed);
        cr_assert_not(client.wrong_byte);
        cr_assert_eq(client.received, 500000);
        echo_finish(world, &server, &client);
    }
}

Test(sim_network, pieces_of_one_byte_are_put_together_again) {
    struct rt_sim_options options = echo_options(3);
    options.segment_bytes_max = 1;
    struct rt_world *world = echo(&options, 2000);
    rt_sim_run_until(world, 60 * SECOND);
    cr_assert_eq(client.done, 1);
    cr_assert_not(client.wrong_byte);
    echo_finish(world, &server, &client);
}

Test(sim_network, pieces_of_any_size_are_put_together_again) {
    for (uint32_t cut = 2; cut < 3000; cut = cut * 3 + 1) {
        struct rt_sim_options options = echo_options(cut);
        options.segment_bytes_max = cut;
        options.socket_buffer_bytes = 1000;
        struct rt_world *world = echo(&options, 20000);
        cr_assert_eq(client.done, 1);
        cr_assert_not(client.wrong_byte);
        echo_finish(world, &server, &client);
    }
}

Test(sim_network, connecting_takes_a_round_trip) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct rt_sim_options options = echo_options(seed);
        struct rt_world *world = echo(&options, 1);
        cr_assert_geq(client.connected_ns, 2 * options.delay_min_ns);
        cr_assert_leq(client.connected_ns, 2 * options.delay_max_ns + 50000);
        echo_finish(world, &server, &client);
    }
}

Test(sim_network, a_reader_that_does_not_read_stops_the_writer) {
    struct rt_sim_options options = echo_options(1);
    options.socket_buffer_bytes = 5000;
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    rt_mark(&server.actor, ECHO_MARK_SILENT);
    echo_client_start(&client, world, &server.address, 100000);
    rt_sim_run_until(world, 10 * SECOND);
    cr_assert_eq(client.sent, 5000);
    cr_assert_geq(client.agains, 1);
    server.silent = false;
    rt_mark(&server.actor, ECHO_MARK_SOCKET);
    rt_sim_run_until(world, 20 * SECOND);
    cr_assert_eq(client.done, 1);
    cr_assert_not(client.wrong_byte);
    echo_finish(world, &server, &client);
}

Test(sim_network, a_link_has_a_rate) {
    struct rt_sim_options options = echo_options(1);
    options.bytes_per_second = 100000;
    struct rt_world *world = echo(&options, 500000);
    cr_assert_geq(rt_now(world), 5 * SECOND);
    cr_assert_leq(rt_now(world), 6 * SECOND);
    echo_finish(world, &server, &client);
}

Test(sim_network, nobody_listening_refuses) {
    struct rt_sim_options options = echo_options(1);
    struct rt_world *world = rt_sim_create(&options);
    struct rt_address nobody = echo_address(1);
    echo_client_start(&client, world, &nobody, 10);
    rt_sim_run_until(world, SECOND);
    cr_assert_eq(client.done, 2);
    cr_assert_eq(client.error, -ECONNREFUSED);
    echo_finish(world, NULL, &client);
}

Test(sim_network, refuse_stops_new_connections_only) {
    struct rt_sim_options options = echo_options(2);
    struct rt_world *world = echo(&options, 1000);
    static struct echo_client second;
    struct rt_address address = server.address;
    rt_sim_fault(world, &address, RT_SIM_REFUSE);
    echo_client_start(&second, world, &address, 1000);
    rt_sim_run_until(world, SECOND);
    cr_assert_eq(client.done, 1);
    cr_assert_eq(second.done, 2);
    cr_assert_eq(second.error, -ECONNREFUSED);
    rt_mark(&second.actor, ECHO_MARK_STOP);
    echo_finish(world, &server, &client);
}

Test(sim_network, a_blackhole_hangs_new_connections_until_it_is_healed) {
    struct rt_sim_options options = echo_options(3);
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    rt_sim_fault(world, &server.address, RT_SIM_BLACKHOLE);
    echo_client_start(&client, world, &server.address, 1000);
    rt_sim_run_until(world, 5 * SECOND);
    cr_assert_eq(client.done, 0);
    cr_assert_not(client.connected);
    rt_sim_fault(world, &server.address, RT_SIM_HEAL);
    rt_sim_run_until(world, 60 * SECOND);
    cr_assert_eq(client.done, 1);
    echo_finish(world, &server, &client);
}

Test(sim_network, a_blackhole_for_good_times_out) {
    struct rt_sim_options options = echo_options(3);
    struct rt_world *world = rt_sim_create(&options);
    struct rt_address nowhere = echo_address(7);
    rt_sim_fault(world, &nowhere, RT_SIM_BLACKHOLE);
    echo_client_start(&client, world, &nowhere, 1000);
    rt_sim_run_until(world, 120 * SECOND);
    cr_assert_eq(client.done, 0);
    rt_sim_run_until(world, 130 * SECOND);
    cr_assert_eq(client.error, -ETIMEDOUT);
    echo_finish(world, NULL, &client);
}

Test(sim_network, bytes_in_a_blackhole_vanish_and_the_stream_never_goes_on) {
    struct rt_sim_options options = echo_options(4);
    options.socket_buffer_bytes = 2000;
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    echo_client_start(&client, world, &server.address, 1000000);
    client.patience_ns = 30 * SECOND;
    while (client.received < 5000) {
        rt_sim_step(world);
    }
    rt_sim_fault(world, &server.address, RT_SIM_BLACKHOLE);
    rt_sim_run_until(world, 10 * SECOND);
    uint64_t received = client.received;
    cr_assert_lt(received, 20000);
    rt_sim_fault(world, &server.address, RT_SIM_HEAL);
    rt_sim_run_until(world, 31 * SECOND);
    cr_assert_eq(client.received, received);
    cr_assert_eq(client.done, 3);
    cr_assert_not(client.wrong_byte);
    echo_finish(world, &server, &client);
}

Test(sim_network, a_stall_holds_bytes_back_until_it_is_healed) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct rt_sim_options options = echo_options(seed);
        struct rt_world *world = rt_sim_create(&options);
        echo_server_start(&server, world, PORT);
        echo_client_start(&client, world, &server.address, 1000000);
        rt_sim_run_until(world, 1 + seed * 100000);
        rt_sim_fault(world, &server.address, RT_SIM_STALL);
        rt_sim_run_until(world, 10 * SECOND);
        uint64_t received = client.received;
        rt_sim_run_until(world, 100 * SECOND);
        cr_assert_eq(client.received, received);
        cr_assert_eq(client.done, 0);
        rt_sim_fault(world, &server.address, RT_SIM_HEAL);
        rt_sim_run_until(world, 200 * SECOND);
        cr_assert_eq(client.done, 1);
        cr_assert_not(client.wrong_byte);
        echo_finish(world, &server, &client);
    }
}

/* Sends 10000 bytes and cuts while they are on their way to the server. */
static void cut_under_way(uint64_t seed, bool deliver) {
    struct rt_sim_options options = echo_options(seed);
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    echo_client_start(&client, world, &server.address, 10000);
    while (client.sent < 10000) {
        rt_sim_step(world);
    }
    cr_assert_eq(server.bytes_read, 0);
    cr_assert_eq(rt_sim_cut(world, &server.address, deliver), 1);
    rt_sim_run_until(world, SECOND);
    cr_assert_eq(client.done, 2);
    cr_assert(client.error == -ECONNRESET || client.error == -EPIPE);
    cr_assert_eq(server.bytes_read, deliver ? 10000 : 0);
    cr_assert_eq(server.resets, server.accepted);
    echo_finish(world, &server, &client);
}

Test(sim_network, a_cut_loses_what_is_on_the_way) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        cut_under_way(seed, false);
    }
}

Test(sim_network, a_cut_can_deliver_the_request_and_lose_the_answer) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        cut_under_way(seed, true);
        cr_assert_eq(server.accepted, 1);
    }
}

Test(sim_network, the_end_of_the_stream_comes_after_the_bytes) {
    struct rt_sim_options options = echo_options(5);
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    echo_client_start(&client, world, &server.address, 30000);
    client.half = true;
    rt_sim_run_until(world, SECOND);
    cr_assert_eq(client.done, 1);
    cr_assert_eq(server.bytes_read, 30000);
    cr_assert_eq(server.ends + server.resets, 1); /* its echo met a closed socket */
    echo_finish(world, &server, &client);
}

Test(sim_network, closing_with_unread_bytes_resets_the_peer) {
    struct rt_sim_options options = echo_options(6);
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    rt_mark(&server.actor, ECHO_MARK_SILENT);
    echo_client_start(&client, world, &server.address, 3000);
    rt_sim_run_until(world, SECOND);
    cr_assert_eq(client.done, 0);
    rt_mark(&server.actor, ECHO_MARK_STOP);
    rt_sim_run_until(world, 2 * SECOND);
    cr_assert_eq(client.done, 2);
    cr_assert_eq(client.error, -ECONNRESET);
    echo_finish(world, NULL, &client);
}

Test(sim_network, a_listener_that_closes_resets_who_was_not_accepted) {
    struct rt_sim_options options = echo_options(7);
    struct rt_world *world = rt_sim_create(&options);
    echo_server_start(&server, world, PORT);
    server.accepted = ECHO_SIDES_MAX; /* it takes no more */
    for (unsigned i = 0; i < ECHO_SIDES_MAX; i++) {
        rt_socket_init(&server.sides[i].socket, &server.actor, ECHO_MARK_SOCKET);
    }
    echo_client_start(&client, world, &server.address, 3000);
    rt_sim_run_until(world, SECOND);
    cr_assert(client.connected);
    rt_mark(&server.actor, ECHO_MARK_STOP);
    rt_sim_run_until(world, 2 * SECOND);
    cr_assert_eq(client.error, -ECONNRESET);
    echo_finish(world, NULL, &client);
}

Test(sim_network, a_port_is_picked_when_none_is_given_and_none_is_given_twice) {
    struct rt_sim_options options = echo_options(8);
    struct rt_world *world = rt_sim_create(&options);
    static struct echo_server second;
    echo_server_start(&server, world, 0);
    echo_server_start(&second, world, 0);
    cr_assert_neq(server.address.port, 0);
    cr_assert_neq(server.address.port, second.address.port);
    rt_mark(&second.actor, ECHO_MARK_STOP);
    rt_sim_run_until(world, SECOND);
    echo_server_start(&second, world, server.address.port);
    cr_assert_eq(second.listen_result, -EADDRINUSE);
    rt_mark(&second.actor, ECHO_MARK_STOP);
    echo_finish(world, &server, NULL);
}

/* ---- anything at any time -------------------------------------------------------------------- */

static void do_anything(struct rt_world *world) {
    struct rt_address address = server.address;
    switch (rt_sim_choose(world, 6)) {
    case 0:
        rt_sim_fault(world, &address, RT_SIM_REFUSE);
        break;
    case 1:
        rt_sim_fault(world, &address, RT_SIM_BLACKHOLE);
        break;
    case 2:
        rt_sim_fault(world, &address, RT_SIM_STALL);
        break;
    case 3:
        rt_sim_cut(world, &address, rt_sim_choose(world, 2) == 0);
        break;
    default:
        rt_sim_fault(world, &address, RT_SIM_HEAL);
        break;
    }
}

Test(sim_network, whatever_happens_what_arrives_is_a_prefix_of_what_was_sent) {
    static struct echo_client clients[4];
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rt_sim_options options = echo_options(seed);
        options.segment_bytes_max = seed % 3 == 0 ? 0 : (uint32_t)(1 + seed * 7 % 2000);
        options.socket_buffer_bytes = (uint32_t)(1 + seed * 97 % 9000);
        struct rt_world *world = rt_sim_create(&options);
        echo_server_start(&server, world, PORT);
        for (int i = 0; i < 4; i++) {
            echo_client_start(&clients[i], world, &server.address, 1 + rt_sim_choose(world, 20000));
            clients[i].half = rt_sim_choose(world, 4) == 0;
            clients[i].patience_ns = 10 * SECOND;
        }
        for (int i = 0; i < 12; i++) {
            rt_sim_run_until(world, rt_now(world) + rt_sim_choose(world, 500000));
            do_anything(world);
        }
        rt_sim_fault(world, &server.address, RT_SIM_HEAL);
        rt_sim_run_until(world, rt_now(world) + 20 * SECOND);
        for (int i = 0; i < 4; i++) {
            cr_assert_neq(clients[i].done, 0, "seed %d", (int)seed);
            cr_assert_not(clients[i].wrong_byte, "seed %d", (int)seed);
            rt_mark(&clients[i].actor, ECHO_MARK_STOP);
        }
        echo_finish(world, &server, NULL);
    }
}
