/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same seed and the same calls give the same trace, byte for byte. */
#include "sim/echo.h"
#include "test.h"

#define SECOND UINT64_C(1000000000)

struct trace {
    char *text;
    size_t size;
    uint64_t hash;
    uint64_t events;
};

/* Three clients, cuts and stalls at drawn times. */
static struct trace run(uint64_t seed) {
    static struct echo_server server;
    static struct echo_client clients[3];
    struct trace trace = {0};
    FILE *out = open_memstream(&trace.text, &trace.size);
    struct rt_sim_options options = echo_options(seed);
    options.segment_bytes_max = 1400;
    struct rt_world *world = rt_sim_create(&options);
    rt_sim_trace(world, out);
    echo_server_start(&server, world, 9092);
    for (int i = 0; i < 3; i++) {
        echo_client_start(&clients[i], world, &server.address, 20000);
    }
    rt_sim_run_until(world, 200000 + rt_sim_choose(world, 1000000));
    rt_sim_fault(world, &server.address, RT_SIM_STALL);
    rt_sim_run_until(world, SECOND);
    rt_sim_fault(world, &server.address, RT_SIM_HEAL);
    rt_sim_run_until(world, SECOND + 300000);
    rt_sim_cut(world, &server.address, rt_sim_choose(world, 2) == 0);
    rt_sim_run_until(world, 2 * SECOND);
    rt_mark(&clients[0].actor, ECHO_MARK_STOP);
    rt_mark(&clients[1].actor, ECHO_MARK_STOP);
    rt_mark(&clients[2].actor, ECHO_MARK_STOP);
    rt_mark(&server.actor, ECHO_MARK_STOP);
    rt_sim_run_until(world, 3 * SECOND);
    trace.hash = rt_sim_trace_hash(world);
    trace.events = rt_sim_events(world);
    rt_world_destroy(world);
    fclose(out);
    return trace;
}

Test(sim_trace, is_equal_for_equal_seeds) {
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct trace first = run(seed), second = run(seed);
        cr_assert_gt(first.size, 1000);
        cr_assert_eq(first.size, second.size, "seed %d", (int)seed);
        cr_assert_arr_eq(first.text, second.text, first.size);
        cr_assert_eq(first.hash, second.hash);
        cr_assert_eq(first.events, second.events);
        free(first.text);
        free(second.text);
    }
}

Test(sim_trace, differs_between_seeds) {
    struct trace first = run(1);
    for (uint64_t seed = 2; seed < 10; seed++) {
        struct trace other = run(seed);
        cr_assert_neq(first.hash, other.hash);
        free(other.text);
    }
    free(first.text);
}

Test(sim_trace, tells_who_ran_and_when) {
    struct trace trace = run(1);
    cr_assert_not_null(strstr(trace.text, "0.000000000 run echo-server#0"));
    cr_assert_not_null(strstr(trace.text, " gone echo-client#"));
    free(trace.text);
}
