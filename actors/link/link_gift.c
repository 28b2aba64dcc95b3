/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a connection goes from one link to another: docs/decisions/round-trips.md. */
#include "actors/link/link_internal.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static bool is_quiet(const struct link *link, uint64_t now_ns) {
    return link->state == LINK_READY && link->outstanding == 0 && link->done.first == NULL &&
           link->input_used == link->input_parsed && !link->silent_sent &&
           (now_ns >= link->throttled_until_ns || RT_MUTANT(gift_forgets_pause));
}

struct link_gift *link_give(struct link *link, struct rt_turn *turn) {
    struct rt_world *world = link_world(link);
    bool quiet = is_quiet(link, rt_turn_now(turn));
    struct link_gift *gift = quiet ? rt_acquire(world, sizeof *gift) : NULL;
    if (gift != NULL) {
        *gift = (struct link_gift){.socket = rt_socket_part(world, &link->socket),
                                   .peer = link->peer,
                                   .api_versions_max = link->api_versions_max,
                                   .next_correlation = link->next_correlation};
        link_close(link);
    }
    return gift;
}

bool link_accept(struct link *link, struct rt_turn *turn, struct link_gift *gift) {
    struct rt_world *world = link_world(link);
    struct link_gift given = *gift;
    RT_ASSERT(link->state != LINK_READY && link->state != LINK_BACKOFF && link->generation == 0);
    rt_release(world, gift, sizeof *gift);
    link_disconnect(link);
    link_outstanding_fail(link, SLUICE_CLOSED); /* the question for versions, if there was one */
    link->state = LINK_IDLE;
    if (rt_socket_join(world, &link->socket, given.socket) != 0) {
        return false;
    }
    if (!link_input_open(link)) {
        rt_socket_close(world, &link->socket);
        return false;
    }
    link->input_used = 0;
    link->input_parsed = 0;
    link->heard = true;
    link->silent_sent = false;
    link->peer = given.peer;
    link->api_versions_max = given.api_versions_max;
    link->next_correlation = given.next_correlation;
    link->first_correlation = given.next_correlation;
    link_ready_enter(link, turn);
    return true;
}

void link_decline(struct link *link, struct link_gift *gift) {
    struct rt_world *world = link_world(link);
    struct rt_socket socket;
    rt_socket_init(&socket, link->actor, link->mark_socket);
    if (rt_socket_join(world, &socket, gift->socket) == 0) {
        rt_socket_close(world, &socket);
    }
    rt_release(world, gift, sizeof *gift);
}
