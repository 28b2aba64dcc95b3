/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The actor that serves the model.
 *
 * States: running, then stopping (set by broker_cluster_stop), then gone.
 * Takes: calls (control, never full), readiness of sockets, its timer. Sends nothing.
 * Owns: the model, one listener for each node, all connections, one timer.
 *
 * An activation follows what nodes are told to be, runs calls, accepts, then runs ready connections
 * until none is left or the budget is spent. Whoever waits for a change (a Fetch, a watcher) looks
 * again at its end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/server.h"
#include "runtime/assert.h"

#define ACCEPT_AGAIN_NS UINT64_C(100000000)

/* ---- nodes, listeners, accepting ------------------------------------------------------------- */

static void site_listen(struct broker_cluster *cluster, struct broker_site *site) {
    rt_socket_init(&site->listener, &cluster->actor, BROKER_MARK_LISTEN);
    site->error = rt_socket_listen(cluster->actor.world, &site->listener, &site->address);
    site->listening = site->error == 0;
    site->node->port = site->address.port;
    cluster->model.changes++;
}

static void site_close_connections(struct broker_site *site) {
    struct broker_connection *connection, *next;
    cds_list_for_each_entry_safe(connection, next, &site->connections, of_site) {
        broker_connection_close(connection);
    }
}

/* False when it should be tried again later. */
static bool site_accept(struct broker_cluster *cluster, struct broker_site *site) {
    while (site->listening && !site->node->stalled) {
        struct broker_connection *connection = broker_connection_create(cluster);
        if (connection == NULL) {
            return false;
        }
        int result = rt_socket_accept(cluster->actor.world, &site->listener, &connection->socket);
        if (result == 0) {
            broker_connection_open(connection, site);
            continue;
        }
        cluster->spare = connection;
        if (result != -ECONNABORTED && result != -EINTR) {
            return result == RT_IO_AGAIN;
        }
    }
    return true;
}

static void cluster_accept(struct broker_cluster *cluster, uint64_t now_ns) {
    cluster->accept_again_ns = RT_FOREVER;
    for (uint32_t i = 0; i < cluster->model.node_count; i++) {
        if (!site_accept(cluster, &cluster->sites[i])) {
            cluster->accept_again_ns = now_ns + ACCEPT_AGAIN_NS;
        }
    }
}

static void site_follow(struct broker_cluster *cluster, struct broker_site *site) {
    struct broker_node *node = site->node;
    if (node->cut) {
        node->cut = false;
        site_close_connections(site);
    }
    bool wanted = node->up && !node->refusing && !cluster->stopping;
    if (site->listening && !wanted) {
        rt_socket_close(cluster->actor.world, &site->listener);
        site->listening = false;
    } else if (!site->listening && wanted) {
        site_listen(cluster, site);
    }
    struct broker_connection *connection;
    if (!node->stalled) {
        cds_list_for_each_entry(connection, &site->connections, of_site) {
            broker_connection_make_ready(connection);
        }
    }
}

void broker_cluster_follow_nodes(struct broker_cluster *cluster) {
    cluster->model.nodes_changed = false;
    for (uint32_t i = 0; i < cluster->model.node_count; i++) {
        site_follow(cluster, &cluster->sites[i]);
    }
    /* A node that was stalled has connections waiting at its door. */
    cluster_accept(cluster, rt_now(cluster->actor.world));
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* False when one is half-way in. */
static bool cluster_take_calls(struct broker_cluster *cluster) {
    for (;;) {
        struct rt_node *node;
        if (cluster->model.nodes_changed) {
            broker_cluster_follow_nodes(cluster);
        }
        switch (rt_lane_unbounded_take(&cluster->calls, &node)) {
        case RT_EMPTY:
            return true;
        case RT_BUSY:
            return false;
        case RT_TAKEN: {
            struct broker_call *call = caa_container_of(node, struct broker_call, node);
            call->run(cluster, call);
            break;
        }
        }
    }
}

void broker_cluster_post(struct broker_cluster *cluster, struct broker_call *call) {
    rt_lane_unbounded_push(&cluster->calls, &call->node);
    rt_notify(&cluster->actor);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void cluster_ready_marked(struct broker_cluster *cluster, uint32_t marks) {
    struct broker_connection *connection;
    for (uint32_t group = 0; group < BROKER_GROUPS; group++) {
        if ((marks & BROKER_MARK_GROUP(group)) != 0) {
            cds_list_for_each_entry(connection, &cluster->groups[group], of_group) {
                broker_connection_make_ready(connection);
            }
        }
    }
}

static void cluster_ready_due(struct broker_cluster *cluster, uint64_t now_ns) {
    struct broker_connection *connection;
    cds_list_for_each_entry(connection, &cluster->timed, of_timed) {
        if (connection->deadline_ns <= now_ns) {
            broker_connection_make_ready(connection);
        }
    }
    if (cluster->accept_again_ns <= now_ns) {
        cluster_accept(cluster, now_ns);
    }
}

/* Requests that wait are served again when something changed. */
static void cluster_ready_waiting(struct broker_cluster *cluster) {
    struct broker_connection *connection;
    if (cluster->changes_seen != cluster->model.changes) {
        cluster->changes_seen = cluster->model.changes;
        cds_list_for_each_entry(connection, &cluster->waiting, of_waiting) {
            broker_connection_make_ready(connection);
        }
    }
}

/* True when all were run to a stop. */
static bool cluster_run_ready(struct broker_cluster *cluster, uint64_t now_ns, uint32_t budget) {
    for (;;) {
        cluster_ready_waiting(cluster);
        if (cds_list_empty(&cluster->ready) || budget == 0) {
            return cds_list_empty(&cluster->ready);
        }
        struct broker_connection *connection =
            cds_list_first_entry(&cluster->ready, struct broker_connection, of_ready);
        cds_list_del_init(&connection->of_ready);
        switch (broker_connection_run(connection, now_ns, &budget)) {
        case BROKER_RUN_IDLE:
            break;
        case BROKER_RUN_END:
            broker_connection_close(connection);
            break;
        case BROKER_RUN_AGAIN:
            broker_connection_make_ready(connection);
            break;
        }
        if (cluster->model.nodes_changed) {
            broker_cluster_follow_nodes(cluster);
        }
    }
}

/* ---- the actor ------------------------------------------------------------------------------- */

static void cluster_set_timer(struct broker_cluster *cluster) {
    uint64_t deadline_ns = cluster->accept_again_ns;
    struct broker_connection *connection;
    cds_list_for_each_entry(connection, &cluster->timed, of_timed) {
        if (connection->deadline_ns < deadline_ns) {
            deadline_ns = connection->deadline_ns;
        }
    }
    if (deadline_ns == cluster->timer_ns) {
        return;
    }
    cluster->timer_ns = deadline_ns;
    if (deadline_ns == RT_FOREVER) {
        rt_timer_cancel(cluster->actor.world, &cluster->timer);
    } else {
        rt_timer_arm(cluster->actor.world, &cluster->timer, deadline_ns);
    }
}

/* A watcher raises `watchers` before it posts the call that looks, and the actor takes that call
 * before it comes here: whatever changes after the look is told. */
static void cluster_tell_watchers(struct broker_cluster *cluster) {
    if (cluster->changes_told == cluster->model.changes ||
        atomic_load_explicit(&cluster->watch.watchers, memory_order_acquire) == 0) {
        return;
    }
    cluster->changes_told = cluster->model.changes;
    atomic_fetch_add_explicit(&cluster->watch.changed, 1, memory_order_release);
    rt_wake(cluster->actor.world, &cluster->watch.changed);
}

static enum rt_verdict cluster_end(struct broker_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->model.node_count; i++) {
        cluster->model.nodes[i].cut = true;
        site_follow(cluster, &cluster->sites[i]);
    }
    rt_timer_cancel(cluster->actor.world, &cluster->timer);
    return RT_END;
}

static enum rt_verdict cluster_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct broker_cluster *cluster = caa_container_of(actor, struct broker_cluster, actor);
    bool calls_taken = cluster_take_calls(cluster);
    if (cluster->stopping) {
        return cluster_end(cluster);
    }
    if ((marks & BROKER_MARK_LISTEN) != 0) {
        cluster_accept(cluster, rt_turn_now(turn));
    }
    if ((marks & BROKER_MARK_TIMER) != 0) {
        cluster->timer_ns = RT_FOREVER;
        cluster_ready_due(cluster, rt_turn_now(turn));
    }
    cluster_ready_marked(cluster, marks);
    bool ready_run = cluster_run_ready(cluster, rt_turn_now(turn), turn->budget);
    cluster_set_timer(cluster);
    cluster_tell_watchers(cluster);
    return calls_taken && ready_run ? RT_IDLE : RT_AGAIN;
}

static void cluster_free(struct broker_cluster *cluster) {
    broker_model_deinit(&cluster->model);
    free(cluster->spare);
    free(cluster->sites);
    free(cluster);
}

static void cluster_gone(struct rt_actor *actor) {
    struct broker_cluster *cluster = caa_container_of(actor, struct broker_cluster, actor);
    void (*gone)(void *context) = cluster->gone;
    void *context = cluster->gone_context;
    cluster_free(cluster);
    if (gone != NULL) {
        gone(context);
    }
}

static const struct rt_actor_kind cluster_kind = {
    .name = "broker", .class = RT_CLASS_ACTOR, .run = cluster_run, .gone = cluster_gone};

/* ---- starting and ending --------------------------------------------------------------------- */

static char *address_text(const struct rt_address *address) {
    char text[64];
    const uint8_t *ip = address->ip;
    if (address->family == 4) {
        snprintf(text, sizeof text, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    } else {
        size_t used = 0;
        for (size_t i = 0; i < 16; i += 2) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%x", i == 0 ? "" : ":",
                                     ip[i] << 8 | ip[i + 1]);
        }
    }
    return strdup(text);
}

static bool sites_init(struct broker_cluster *cluster, const struct broker_listen *listen) {
    cluster->sites = calloc(cluster->model.node_count, sizeof *cluster->sites);
    if (cluster->sites == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < cluster->model.node_count; i++) {
        struct broker_site *site = &cluster->sites[i];
        site->node = &cluster->model.nodes[i];
        site->address = listen[i].address;
        site->node->port = site->address.port;
        site->node->host =
            listen[i].host != NULL ? strdup(listen[i].host) : address_text(&site->address);
        CDS_INIT_LIST_HEAD(&site->connections);
        if (site->node->host == NULL) {
            return false;
        }
    }
    return true;
}

struct broker_cluster *broker_cluster_create(struct rt_world *world,
                                             const sluice_broker_options *options,
                                             const struct broker_listen *listen) {
    struct broker_cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL || !broker_model_init(&cluster->model, options)) {
        free(cluster);
        return NULL;
    }
    if (!sites_init(cluster, listen)) {
        cluster_free(cluster);
        return NULL;
    }
    rt_lane_unbounded_init(&cluster->calls);
    rt_timer_init(&cluster->timer, &cluster->actor, BROKER_MARK_TIMER);
    cluster->timer_ns = cluster->accept_again_ns = RT_FOREVER;
    CDS_INIT_LIST_HEAD(&cluster->ready);
    CDS_INIT_LIST_HEAD(&cluster->timed);
    CDS_INIT_LIST_HEAD(&cluster->waiting);
    for (uint32_t i = 0; i < BROKER_GROUPS; i++) {
        CDS_INIT_LIST_HEAD(&cluster->groups[i]);
    }
    rt_actor_start(&cluster->actor, &cluster_kind, world);
    rt_mark(&cluster->actor, BROKER_MARK_CONTROL);
    return cluster;
}

void broker_cluster_stop(struct broker_cluster *cluster, void (*gone)(void *context),
                         void *context) {
    RT_ASSERT(!cluster->stopping);
    cluster->stopping = true;
    cluster->gone = gone;
    cluster->gone_context = context;
    rt_mark(&cluster->actor, BROKER_MARK_CONTROL);
}

struct broker_watch *broker_cluster_watch(struct broker_cluster *cluster) {
    return &cluster->watch;
}
