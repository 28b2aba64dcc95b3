/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network faults, by the address that listens. */
#include <errno.h>

#include "runtime/sim_internal.h"

static void connection_heal(struct sim *sim, struct sim_connection *connection) {
    if (connection->parked) {
        connection->parked = false;
        sim_schedule(sim, &connection->handshake, sim->now_ns + sim_delay(sim));
    }
    sim_pipe_heal(sim, &connection->pipes[SIM_CLIENT]);
    sim_pipe_heal(sim, &connection->pipes[SIM_SERVER]);
}

void rt_sim_fault(struct rt_world *world, const struct rt_address *listener, enum rt_sim_fault f) {
    struct sim *sim = sim_of(world);
    struct sim_site *site = sim_site_of(sim, listener);
    sim_note(sim, SIM_NOTE_FAULT, NULL, listener->port, f, 0);
    site->fault = f;
    if (f == RT_SIM_STALL) {
        return;
    }
    /* What waited goes on, into whatever holds now. */
    for (struct sim_connection *each = site->connections; each != NULL; each = each->next) {
        connection_heal(sim, each);
    }
}

static void end_cut(struct sim_end *end) {
    if (end->open && end->error == 0) {
        end->error = -ECONNRESET;
        sim_end_mark(end);
    }
}

static void connection_cut(struct sim *sim, struct sim_connection *connection, bool deliver) {
    sim_note(sim, SIM_NOTE_CUT, NULL, connection->id, deliver, 0);
    if (connection->stage == SIM_STAGE_GREETING && deliver) {
        sim_handshake_complete(sim, connection);
    }
    sim_unschedule(sim, &connection->handshake);
    connection->parked = false;
    if (connection->stage < SIM_STAGE_OPEN) {
        connection->stage = SIM_STAGE_FAILED;
    }
    sim_pipe_cut(sim, &connection->pipes[SIM_CLIENT], deliver);
    sim_pipe_cut(sim, &connection->pipes[SIM_SERVER], false);
    end_cut(&connection->ends[SIM_CLIENT]);
    end_cut(&connection->ends[SIM_SERVER]);
}

unsigned rt_sim_cut(struct rt_world *world, const struct rt_address *listener,
                    bool deliver_pending) {
    struct sim *sim = sim_of(world);
    struct sim_site *site = sim_site_of(sim, listener);
    unsigned count = 0;
    struct sim_connection *next;
    for (struct sim_connection *each = site->connections; each != NULL; each = next) {
        next = each->next;
        if (each->stage != SIM_STAGE_FAILED) {
            connection_cut(sim, each, deliver_pending);
            sim_connection_settle(sim, each);
            count++;
        }
    }
    return count;
}
