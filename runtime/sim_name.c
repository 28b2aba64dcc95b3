/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Simulated name lookup: a table of names, literal addresses, and a delay. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_internal.h"

struct sim_name {
    char *host;
    uint32_t count;
    struct rt_address addresses[RT_LOOKUP_ADDRESSES_MAX];
    struct sim_name *next;
};

struct sim_lookup {
    struct sim_event event;
    struct sim *sim;
    struct rt_actor *actor;
    uint32_t mark;
    uint32_t id;
    bool done;
    uint16_t port;
    struct rt_lookup_answer answer;
    struct sim_lookup *next, *previous;
    size_t size; /* of this, host included */
    char host[];
};

static struct sim_name *name_find(struct sim *sim, const char *host) {
    struct sim_name *name = sim->names;
    while (name != NULL && strcmp(name->host, host) != 0) {
        name = name->next;
    }
    return name;
}

void rt_sim_name(struct rt_world *world, const char *host, const struct rt_address *addresses,
                 uint32_t count) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(count <= RT_LOOKUP_ADDRESSES_MAX);
    struct sim_name *name = name_find(sim, host);
    if (name == NULL) {
        name = sim_allocate(sizeof(*name));
        name->host = sim_allocate(strlen(host) + 1);
        strcpy(name->host, host);
        name->next = sim->names;
        sim->names = name;
    }
    name->count = count;
    if (count > 0) {
        memcpy(name->addresses, addresses, count * sizeof(*addresses));
    }
}

void sim_names_deinit(struct sim *sim) {
    RT_ASSERT(sim->lookups == NULL); /* their actors are gone */
    while (sim->names != NULL) {
        struct sim_name *name = sim->names;
        sim->names = name->next;
        free(name->host);
        free(name);
    }
}

static bool literal_parse(const char *host, struct rt_address *address) {
    *address = (struct rt_address){0};
    if (inet_pton(AF_INET, host, address->ip) == 1) {
        address->family = 4;
        return true;
    }
    if (inet_pton(AF_INET6, host, address->ip) == 1) {
        address->family = 6;
        return true;
    }
    return false;
}

static void look_up(struct sim_lookup *lookup) {
    struct rt_lookup_answer *answer = &lookup->answer;
    const struct sim_name *name = name_find(lookup->sim, lookup->host);
    if (literal_parse(lookup->host, &answer->addresses[0])) {
        answer->count = 1;
    } else if (name != NULL && name->count > 0) {
        answer->count = name->count;
        memcpy(answer->addresses, name->addresses, name->count * sizeof(*name->addresses));
    } else {
        answer->error = EAI_NONAME;
    }
    for (uint32_t i = 0; i < answer->count; i++) {
        answer->addresses[i].port = lookup->port;
    }
}

void sim_lookup_event(struct sim *sim, void *subject) {
    struct sim_lookup *lookup = subject;
    look_up(lookup);
    lookup->done = true;
    sim_note(sim, SIM_NOTE_LOOKED_UP, lookup->actor, lookup->id, (uint64_t)lookup->answer.error,
             lookup->answer.count);
    rt_mark(lookup->actor, lookup->mark);
}

struct rt_lookup *sim_lookup_start(struct rt_world *world, struct rt_actor *actor, uint32_t mark,
                                   const char *host, uint16_t port) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == actor);
    size_t size = sizeof(struct sim_lookup) + strlen(host) + 1;
    struct sim_lookup *lookup = rt_acquire(world, size);
    if (lookup == NULL) {
        return NULL;
    }
    *lookup = (struct sim_lookup){.sim = sim,
                                  .actor = actor,
                                  .mark = mark,
                                  .port = port,
                                  .id = ++sim->lookups_made,
                                  .size = size,
                                  .next = sim->lookups};
    strcpy(lookup->host, host);
    sim_event_init(&lookup->event, SIM_EVENT_LOOKUP, lookup);
    if (sim->lookups != NULL) {
        sim->lookups->previous = lookup;
    }
    sim->lookups = lookup;
    sim_note(sim, SIM_NOTE_LOOKUP, actor, lookup->id, 0, 0);
    sim_schedule(sim, &lookup->event, sim->now_ns + sim->options.lookup_delay_ns);
    return (struct rt_lookup *)lookup;
}

static void lookup_free(struct sim *sim, struct sim_lookup *lookup) {
    RT_ASSERT(sim->running == lookup->actor);
    sim_unschedule(sim, &lookup->event);
    if (lookup->previous != NULL) {
        lookup->previous->next = lookup->next;
    } else {
        sim->lookups = lookup->next;
    }
    if (lookup->next != NULL) {
        lookup->next->previous = lookup->previous;
    }
    rt_release(&sim->world, lookup, lookup->size);
}

bool sim_lookup_finish(struct rt_world *world, struct rt_lookup *opaque,
                       struct rt_lookup_answer *answer) {
    struct sim_lookup *lookup = (struct sim_lookup *)opaque;
    if (!lookup->done) {
        return false;
    }
    *answer = lookup->answer;
    lookup_free(sim_of(world), lookup);
    return true;
}

void sim_lookup_abandon(struct rt_world *world, struct rt_lookup *opaque) {
    lookup_free(sim_of(world), (struct sim_lookup *)opaque);
}

bool sim_actor_has_lookup(struct sim *sim, const struct rt_actor *actor) {
    for (const struct sim_lookup *each = sim->lookups; each != NULL; each = each->next) {
        if (each->actor == actor) {
            return true;
        }
    }
    return false;
}
