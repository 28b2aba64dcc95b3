/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slots of the poller: what comes late finds another generation and reaches nobody. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/threads_internal.h"
#include "test.h"

struct peer {
    struct rt_actor actor;
    struct rt_socket socket;
};

static void open_peer(struct poller *poller, struct peer *peer, uint32_t mark) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* anything that epoll takes */
    cr_assert_geq(descriptor, 0);
    atomic_init(&peer->actor.word, RT_RUN); /* so that a mark submits nothing */
    rt_socket_init(&peer->socket, &peer->actor, mark);
    cr_assert_eq(poller_add(poller, &peer->socket, descriptor), 0);
}

static void close_peer(struct poller *poller, struct peer *peer) {
    poller_remove(poller, &peer->socket);
    close(peer->socket.handle);
}

static uint64_t key_of(const struct peer *peer) {
    const struct poller_slot *slot = peer->socket.executor;
    return POLLER_KEY(slot->index, peer->socket.generation);
}

static bool is_marked(struct peer *peer) {
    return atomic_exchange(&peer->actor.word, RT_RUN) != RT_RUN;
}

Test(poller, readiness_of_a_closed_socket_does_not_reach_who_got_its_slot) {
    static struct poller poller;
    cr_assert_eq(poller_init(&poller), 0);
    struct peer first;
    struct peer second;
    for (int round = 0; round < 10; round++) {
        open_peer(&poller, &first, RT_MARK(1));
        uint64_t key = key_of(&first);
        poller_dispatch(&poller, key, EPOLLIN);
        cr_assert(is_marked(&first));
        close_peer(&poller, &first);
        poller_dispatch(&poller, key, EPOLLIN);
        cr_assert(!is_marked(&first), "closed, and the slot free");
        open_peer(&poller, &second, RT_MARK(2));
        cr_assert_eq((uint32_t)key_of(&second), (uint32_t)key, "the same slot");
        poller_dispatch(&poller, key, EPOLLIN);
        cr_assert(!is_marked(&first));
        cr_assert(!is_marked(&second), "late news of the first");
        poller_dispatch(&poller, key_of(&second), EPOLLIN);
        cr_assert(is_marked(&second));
        close_peer(&poller, &second);
    }
    poller_deinit(&poller);
}

Test(poller, each_of_a_thousand_open_sockets_has_a_slot_of_its_own) {
    enum { PEERS = 1000 };
    static struct poller poller;
    static struct peer peers[PEERS];
    cr_assert_eq(poller_init(&poller), 0);
    for (int i = 0; i < PEERS; i++) {
        open_peer(&poller, &peers[i], RT_MARK(0));
    }
    for (int i = 0; i < PEERS; i++) {
        poller_dispatch(&poller, key_of(&peers[i]), EPOLLIN);
        for (int other = 0; other < PEERS; other++) {
            cr_assert_eq(is_marked(&peers[other]), other == i);
        }
    }
    for (int i = 0; i < PEERS; i++) {
        close_peer(&poller, &peers[i]);
    }
    cr_assert_eq(atomic_load(&poller.open), 0);
    poller_deinit(&poller);
}
