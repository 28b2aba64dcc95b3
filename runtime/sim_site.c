/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The addresses of the simulated network, and who listens there. */
#include <errno.h>
#include <string.h>

#include "runtime/sim_internal.h"

static bool address_equal(const struct rt_address *a, const struct rt_address *b) {
    size_t size = a->family == 6 ? 16 : 4;
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, size) == 0;
}

static struct sim_site *site_find(struct sim *sim, const struct rt_address *address) {
    for (struct sim_site *site = sim->sites; site != NULL; site = site->next) {
        if (address_equal(&site->address, address)) {
            return site;
        }
    }
    return NULL;
}

struct sim_site *sim_site_of(struct sim *sim, const struct rt_address *address) {
    struct sim_site *site = site_find(sim, address);
    if (site == NULL) {
        site = sim_allocate(sizeof(*site));
        site->address = *address;
        site->next = sim->sites;
        sim->sites = site;
    }
    return site;
}

struct sim_listener *sim_listener_at(struct sim *sim, const struct sim_site *site) {
    if (site->listener != NULL) {
        return site->listener;
    }
    struct rt_address any = {.port = site->address.port, .family = site->address.family};
    struct sim_site *wide = site_find(sim, &any);
    return wide == NULL ? NULL : wide->listener;
}

void sim_socket_own(struct sim *sim, struct sim_socket *base, struct rt_socket *socket) {
    RT_ASSERT(socket->handle == -1); /* initialised, or closed */
    base->owner = socket;
    base->handle = sim->handles++;
    socket->handle = base->handle;
    socket->generation++;
    socket->executor = base;
}

int sim_socket_listen(struct rt_world *world, struct rt_socket *socket,
                      struct rt_address *address) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == socket->actor);
    while (address->port == 0) {
        struct rt_address picked = *address;
        picked.port = (uint16_t)(SIM_FIRST_FREE_PORT + sim->ports_picked++ % SIM_FREE_PORTS);
        struct sim_site *taken = site_find(sim, &picked);
        if (taken == NULL || taken->listener == NULL) {
            *address = picked;
        }
    }
    struct sim_site *site = sim_site_of(sim, address);
    if (site->listener != NULL) {
        return -EADDRINUSE;
    }
    struct sim_listener *listener = sim_allocate(sizeof(*listener));
    listener->base.kind = SIM_SOCKET_LISTENER;
    listener->site = site;
    site->listener = listener;
    sim_socket_own(sim, &listener->base, socket);
    sim_note(sim, SIM_NOTE_LISTEN, socket->actor, address->port, 0, 0);
    return 0;
}
