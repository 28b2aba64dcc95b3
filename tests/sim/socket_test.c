/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What simulated sockets answer, call by call; what an actor must not leave behind. */
#include <errno.h>
#include <signal.h>

#include "runtime/sim.h"
#include "test.h"

#define SECOND UINT64_C(1000000000)
enum { PORT = 9092, FIRST_FREE_PORT = 49152 };
enum { MARK_ACT = RT_MARK(0), MARK_STOP = RT_MARK(1), MARK_SOCKET = RT_MARK(2) };

/* Does what it is told, inside an activation. */
struct probe {
    struct rt_actor actor;
    struct rt_socket socket, accepted, listener;
    struct rt_address address; /* to connect to, to listen at */
    void (*act)(struct probe *probe, struct rt_world *world);
    int64_t answer;
};

static enum rt_verdict probe_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct probe *probe = (struct probe *)actor;
    if ((marks & MARK_ACT) != 0) {
        probe->act(probe, turn->world);
    }
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

static const struct rt_actor_kind probe_kind = {.name = "probe", .run = probe_run};

static struct rt_address local_address(uint16_t port) {
    return (struct rt_address){.ip = {127, 0, 0, 1}, .port = port, .family = 4};
}

static void probe_start(struct probe *probe, struct rt_world *world) {
    memset(probe, 0, sizeof(*probe));
    rt_actor_start(&probe->actor, &probe_kind, world);
    rt_socket_init(&probe->socket, &probe->actor, MARK_SOCKET);
    rt_socket_init(&probe->accepted, &probe->actor, MARK_SOCKET);
    rt_socket_init(&probe->listener, &probe->actor, MARK_SOCKET);
    probe->address = local_address(PORT);
}

static struct rt_world *start(struct probe *probe) {
    struct rt_sim_options options = {.seed = 1, .delay_min_ns = 20000, .delay_max_ns = 20000};
    struct rt_world *world = rt_sim_create(&options);
    probe_start(probe, world);
    return world;
}

static int64_t tell(struct probe *probe, void (*act)(struct probe *, struct rt_world *)) {
    probe->act = act;
    rt_mark(&probe->actor, MARK_ACT);
    rt_sim_settle(probe->actor.world);
    return probe->answer;
}

static void connect_out(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_connect(world, &probe->socket, &probe->address);
}

static void listen_here(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_listen(world, &probe->listener, &probe->address);
}

static void accept_one(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_accept(world, &probe->listener, &probe->accepted);
}

static void ask_connected(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_connected(world, &probe->socket);
}

static void write_three(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_write(world, &probe->socket, &(struct rt_slice){"abc", 3}, 1);
}

static void write_nothing(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_write(world, &probe->socket, &(struct rt_slice){"", 0}, 1);
}

static void close_socket(struct probe *probe, struct rt_world *world) {
    rt_socket_close(world, &probe->socket);
}

static void close_accepted(struct probe *probe, struct rt_world *world) {
    rt_socket_close(world, &probe->accepted);
}

static void answer_three(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_write(world, &probe->accepted, &(struct rt_slice){"abc", 3}, 1);
}

static void close_listener(struct probe *probe, struct rt_world *world) {
    rt_socket_close(world, &probe->listener);
}

static void close_all(struct probe *probe, struct rt_world *world) {
    rt_socket_close(world, &probe->socket);
    rt_socket_close(world, &probe->accepted);
    rt_socket_close(world, &probe->listener);
}

static void pass(struct probe *probe, uint64_t ns) {
    struct rt_world *world = probe->actor.world;
    rt_sim_run_until(world, rt_now(world) + ns);
}

static void finish(struct probe *probe) {
    tell(probe, close_all);
    rt_mark(&probe->actor, MARK_STOP);
    pass(probe, SECOND);
    rt_world_destroy(probe->actor.world);
}

/* ---- addresses ------------------------------------------------------------------------------- */

Test(sim_socket, that_connects_to_no_address_is_refused_at_once) {
    struct probe probe;
    start(&probe);
    probe.address.port = 0;
    cr_assert_eq(tell(&probe, connect_out), -EINVAL);
    probe.address = local_address(PORT);
    probe.address.family = 5;
    cr_assert_eq(tell(&probe, connect_out), -EINVAL);
    cr_assert_eq(probe.socket.handle, -1);
    finish(&probe);
}

Test(sim_socket, of_one_family_does_not_meet_the_other_at_the_same_port) {
    struct probe probe;
    start(&probe);
    cr_assert_eq(tell(&probe, listen_here), 0);
    probe.address = (struct rt_address){.ip = {127, 0, 0, 1}, .port = PORT, .family = 6};
    cr_assert_eq(tell(&probe, connect_out), 0);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, ask_connected), -ECONNREFUSED);
    tell(&probe, close_all);
    cr_assert_eq(tell(&probe, listen_here), 0);
    cr_assert_eq(tell(&probe, connect_out), 0);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, ask_connected), 0);
    finish(&probe);
}

Test(sim_socket, that_listens_everywhere_serves_every_address_of_its_port) {
    struct probe probe;
    start(&probe);
    probe.address = (struct rt_address){.port = PORT, .family = 4};
    cr_assert_eq(tell(&probe, listen_here), 0);
    probe.address = local_address(PORT);
    cr_assert_eq(tell(&probe, connect_out), 0);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, ask_connected), 0);
    cr_assert_eq(tell(&probe, accept_one), 0);
    tell(&probe, close_all);
    /* Once it is gone, its address is known and nobody listens there. */
    cr_assert_eq(tell(&probe, connect_out), 0);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, ask_connected), -ECONNREFUSED);
    finish(&probe);
}

Test(sim_socket, that_picks_a_port_passes_over_those_in_use_and_takes_what_was_only_asked_for) {
    struct probe probe, holder;
    struct rt_world *world = start(&probe);
    probe_start(&holder, world);
    holder.address.port = FIRST_FREE_PORT;
    cr_assert_eq(tell(&holder, listen_here), 0);
    probe.address.port = FIRST_FREE_PORT + 1;
    cr_assert_eq(tell(&probe, connect_out), 0);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, ask_connected), -ECONNREFUSED);
    probe.address.port = 0;
    cr_assert_eq(tell(&probe, listen_here), 0);
    cr_assert_eq(probe.address.port, FIRST_FREE_PORT + 1);
    tell(&holder, close_all);
    rt_mark(&holder.actor, MARK_STOP);
    finish(&probe);
}

/* ---- calls in every state -------------------------------------------------------------------- */

Test(sim_socket, takes_bytes_only_once_it_is_connected) {
    struct probe probe;
    start(&probe);
    tell(&probe, listen_here);
    tell(&probe, connect_out);
    cr_assert_eq(tell(&probe, write_three), RT_IO_AGAIN);
    cr_assert_eq(tell(&probe, ask_connected), RT_IO_AGAIN);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, write_nothing), 0);
    cr_assert_eq(tell(&probe, write_three), 3);
    finish(&probe);
}

Test(sim_socket, that_was_refused_goes_on_saying_so) {
    struct probe probe;
    struct rt_world *world = start(&probe);
    tell(&probe, connect_out);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, write_three), -ECONNREFUSED);
    cr_assert_eq(rt_sim_cut(world, &probe.address, false), 0, "there is nothing to cut");
    cr_assert_eq(tell(&probe, ask_connected), -ECONNREFUSED);
    finish(&probe);
}

Test(sim_socket, bytes_to_a_closed_peer_reset_the_writer_once) {
    struct probe probe;
    start(&probe);
    tell(&probe, listen_here);
    tell(&probe, connect_out);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, accept_one), 0);
    tell(&probe, close_accepted);
    cr_assert_eq(tell(&probe, write_three), 3);
    pass(&probe, 30000); /* there; the reset is on its way back */
    cr_assert_eq(tell(&probe, write_three), 3);
    pass(&probe, SECOND);
    int64_t answer = tell(&probe, write_three);
    cr_assert(answer == -ECONNRESET || answer == -EPIPE, "%lld", (long long)answer);
    finish(&probe);
}

Test(sim_socket, a_reset_of_who_has_closed_disturbs_nobody) {
    struct probe probe;
    start(&probe);
    tell(&probe, listen_here);
    tell(&probe, connect_out);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&probe, accept_one), 0);
    tell(&probe, close_socket);
    cr_assert_eq(tell(&probe, answer_three), 3);
    tell(&probe, close_accepted);
    pass(&probe, SECOND);
    finish(&probe);
}

/* Its greeting vanishes, and its first bytes greet instead; there is no listener any more. */
static void greet_nobody(bool closes) {
    struct probe probe;
    struct rt_world *world = start(&probe);
    tell(&probe, listen_here);
    tell(&probe, connect_out);
    pass(&probe, 45000); /* there and back again */
    cr_assert_eq(tell(&probe, ask_connected), 0);
    rt_sim_fault(world, &probe.address, RT_SIM_BLACKHOLE);
    pass(&probe, 30000);
    rt_sim_fault(world, &probe.address, RT_SIM_HEAL);
    cr_assert_eq(tell(&probe, write_three), 3);
    tell(&probe, close_listener);
    if (closes) {
        tell(&probe, close_socket);
    }
    pass(&probe, SECOND);
    if (!closes) {
        cr_assert_eq(tell(&probe, ask_connected), -ECONNRESET);
    }
    finish(&probe);
}

Test(sim_socket, whose_listener_is_gone_when_its_first_bytes_come_is_reset) {
    greet_nobody(false);
}

Test(sim_socket, that_is_gone_when_its_first_bytes_come_disturbs_nobody) {
    greet_nobody(true);
}

/* ---- from one owner to another --------------------------------------------------------------- */

static struct rt_parted parted;

static void part(struct probe *probe, struct rt_world *world) {
    parted = rt_socket_part(world, &probe->socket);
    probe->answer = probe->socket.handle;
}

static void join(struct probe *probe, struct rt_world *world) {
    probe->answer = rt_socket_join(world, &probe->socket, parted);
}

static void read_some(struct probe *probe, struct rt_world *world) {
    char bytes[10];
    probe->answer = rt_socket_read(world, &probe->socket, bytes, sizeof bytes);
}

/* A connection of `probe` that is of nobody now; `other` may have it. */
static void part_it(struct probe *probe, struct probe *other) {
    struct rt_world *world = start(probe);
    probe_start(other, world);
    tell(probe, listen_here);
    tell(probe, connect_out);
    pass(probe, SECOND);
    cr_assert_eq(tell(probe, accept_one), 0);
    cr_assert_eq(tell(probe, read_some), RT_IO_AGAIN);
    cr_assert_eq(tell(probe, part), -1);
}

static void finish_both(struct probe *probe, struct probe *other) {
    tell(other, close_all);
    rt_mark(&other->actor, MARK_STOP);
    finish(probe);
}

Test(sim_socket, that_was_parted_keeps_what_comes_for_who_joins_it) {
    struct probe probe, other;
    part_it(&probe, &other);
    cr_assert_eq(tell(&probe, answer_three), 3);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&other, join), 0);
    cr_assert_eq(tell(&other, read_some), 3);
    cr_assert_eq(tell(&other, write_three), 3);
    finish_both(&probe, &other);
}

Test(sim_socket, that_ended_while_it_was_parted_says_so) {
    struct probe probe, other;
    part_it(&probe, &other);
    tell(&probe, close_accepted);
    pass(&probe, SECOND);
    cr_assert_eq(tell(&other, join), 0);
    cr_assert_eq(tell(&other, read_some), 0);
    finish_both(&probe, &other);
}

Test(sim_socket, that_was_cut_while_it_was_parted_says_so) {
    struct probe probe, other;
    part_it(&probe, &other);
    cr_assert_eq(rt_sim_cut(probe.actor.world, &probe.address, false), 1);
    cr_assert_eq(tell(&other, join), 0);
    cr_assert_eq(tell(&other, read_some), -ECONNRESET);
    finish_both(&probe, &other);
}

/* ---- what an actor must not leave behind ----------------------------------------------------- */

Test(sim_socket, of_an_actor_that_ended_is_found, .signal = SIGABRT) {
    struct probe probe;
    start(&probe);
    tell(&probe, listen_here);
    tell(&probe, connect_out);
    struct probe other;
    probe_start(&other, probe.actor.world);
    rt_mark(&other.actor, MARK_STOP);
    pass(&other, SECOND);
    cr_assert_eq(atomic_load(&other.actor.world->actors_gone), 1, "who has none may end");
    tell(&probe, accept_one);
    rt_mark(&probe.actor, MARK_STOP);
    pass(&probe, SECOND);
}

Test(sim_socket, that_only_connects_is_found_too, .signal = SIGABRT) {
    struct probe probe;
    start(&probe);
    tell(&probe, listen_here);
    tell(&probe, connect_out);
    tell(&probe, close_listener);
    rt_mark(&probe.actor, MARK_STOP);
    pass(&probe, SECOND);
}

static void look_up(struct probe *probe, struct rt_world *world) {
    cr_assert_not_null(rt_lookup_start(world, &probe->actor, MARK_SOCKET, "127.0.0.1", PORT));
}

Test(sim_socket, a_lookup_of_an_actor_that_ended_is_found, .signal = SIGABRT) {
    struct probe probe;
    start(&probe);
    tell(&probe, look_up);
    rt_mark(&probe.actor, MARK_STOP);
    pass(&probe, SECOND);
}
