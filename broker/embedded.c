/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/embedded.h"

#include <errno.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/server.h"
#include "runtime/threads.h"

enum { ENDPOINT_TEXT_SIZE_MAX = 80 };

static void error_set(sluice_error *error, sluice_code code, const char *what, const char *why) {
    if (error != NULL) {
        error->code = code;
        (void)snprintf(error->text, sizeof error->text, "%s: %s", what, why);
    }
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static void task_run(struct broker_cluster *cluster, struct broker_call *call) {
    struct broker_task *task = caa_container_of(call, struct broker_task, call);
    struct sluice_broker *broker = task->broker;
    task->run(cluster, task);
    if (cluster->model.nodes_changed) {
        broker_cluster_follow_nodes(cluster); /* the caller may count on it */
    }
    atomic_store_explicit(&task->done, true, memory_order_release);
    /* From here on the task may be gone. */
    atomic_fetch_add_explicit(&broker->answered, 1, memory_order_release);
    rt_wake(broker->world, &broker->answered);
}

/* A forked child has no worker that would ever run a task. */
static sluice_code refusal_of(const struct sluice_broker *broker) {
    if (broker == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    return rt_forked(broker->world) ? SLUICE_FORKED : SLUICE_OK;
}

void broker_task_run(struct sluice_broker *broker, struct broker_task *task,
                     void (*run)(struct broker_cluster *cluster, struct broker_task *task)) {
    sluice_code refusal = refusal_of(broker);
    if (refusal != SLUICE_OK) {
        task->code = refusal; /* all else says that there is nothing */
        return;
    }
    task->call.run = task_run;
    task->broker = broker;
    task->run = run;
    atomic_init(&task->done, false);
    broker_cluster_post(broker->cluster, &task->call);
    for (;;) {
        uint32_t seen = atomic_load_explicit(&broker->answered, memory_order_acquire);
        if (atomic_load_explicit(&task->done, memory_order_acquire)) {
            return;
        }
        (void)rt_wait(broker->world, &broker->answered, seen, RT_FOREVER);
    }
}

bool broker_task_wait(struct sluice_broker *broker, struct broker_task *task,
                      void (*run)(struct broker_cluster *cluster, struct broker_task *task),
                      int64_t timeout_ms) {
    if (refusal_of(broker) != SLUICE_OK) {
        return false;
    }
    struct broker_watch *watch = broker_cluster_watch(broker->cluster);
    uint64_t now_ns = rt_now(broker->world);
    uint64_t deadline_ns = timeout_ms < 0 || timeout_ms > INT64_MAX / 2000000
                               ? RT_FOREVER
                               : now_ns + (uint64_t)timeout_ms * 1000000;
    bool in_time = true;
    /* Pairs with the acquire load in the actor, through the task that is posted below. */
    atomic_fetch_add_explicit(&watch->watchers, 1, memory_order_release);
    for (;;) {
        uint32_t seen = atomic_load_explicit(&watch->changed, memory_order_acquire);
        task->flag = false;
        broker_task_run(broker, task, run);
        if (task->flag || !in_time) {
            break;
        }
        in_time = rt_wait(broker->world, &watch->changed, seen, deadline_ns) &&
                  rt_now(broker->world) < deadline_ns;
    }
    atomic_fetch_sub_explicit(&watch->watchers, 1, memory_order_relaxed);
    return task->flag;
}

/* ---- starting -------------------------------------------------------------------------------- */

static bool address_parse(const char *text, struct rt_address *address) {
    *address = (struct rt_address){.family = 4};
    if (inet_pton(AF_INET, text, address->ip) == 1) {
        return true;
    }
    address->family = 6;
    return inet_pton(AF_INET6, text, address->ip) == 1;
}

static bool options_check(const sluice_broker_options *options, struct rt_address *address,
                          sluice_error *error) {
    const char *text = options->address == NULL ? "127.0.0.1" : options->address;
    const char *wrong = NULL;
    const char *why = "too many";
    if (options->broker_count > BROKER_NODES_MAX) {
        wrong = "broker_count";
    } else if (options->partition_count > BROKER_PARTITIONS_MAX) {
        wrong = "partition_count";
    } else if (options->port != 0 && options->port + options->broker_count > UINT16_MAX + 1u) {
        wrong = "port";
        why = "the last broker's would be above 65535";
    } else if (options->request_bytes_max > INT32_MAX) {
        wrong = "request_bytes_max";
        why = "above 2^31 - 1";
    } else if (!address_parse(text, address)) {
        wrong = "address";
        why = "neither IPv4 nor IPv6";
    }
    if (wrong != NULL) {
        error_set(error, SLUICE_INVALID_ARGUMENT, wrong, why);
    }
    return wrong == NULL;
}

static struct broker_cluster *cluster_start(struct rt_world *world,
                                            const sluice_broker_options *options,
                                            uint32_t node_count, struct rt_address address) {
    struct broker_listen *listen = calloc(node_count, sizeof *listen);
    if (listen == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        listen[i].address = address;
        listen[i].address.port = options->port == 0 ? 0 : (uint16_t)(options->port + i);
    }
    struct broker_cluster *cluster = broker_cluster_create(world, options, listen);
    free(listen);
    return cluster;
}

/* Every node has tried to listen before the actor takes its first task. */
static void look_at_ports(struct broker_cluster *cluster, struct broker_task *task) {
    for (uint32_t i = 0; i < task->broker->node_count; i++) {
        int32_t node = (int32_t)i + 1;
        task->broker->ports[i] = broker_cluster_port(cluster, node);
        if (broker_cluster_listen_error(cluster, node) != 0) {
            task->result = broker_cluster_listen_error(cluster, node);
            task->node = node;
        }
    }
}

static bool bootstrap_write(struct sluice_broker *broker, const char *host) {
    size_t size = (size_t)broker->node_count * ENDPOINT_TEXT_SIZE_MAX + 1;
    size_t used = 0;
    const char *form = strchr(host, ':') != NULL ? "%s[%s]:%u" : "%s%s:%u";
    broker->bootstrap = malloc(size);
    for (uint32_t i = 0; broker->bootstrap != NULL && i < broker->node_count; i++) {
        int written = snprintf(broker->bootstrap + used, size - used, form, i == 0 ? "" : ",", host,
                               (unsigned)broker->ports[i]);
        used += (size_t)written;
    }
    return broker->bootstrap != NULL;
}

static bool broker_start(struct sluice_broker *broker, const sluice_broker_options *options,
                         sluice_error *error) {
    struct rt_address address;
    int system_error = 0;
    if (!options_check(options, &address, error)) {
        return false;
    }
    broker->node_count = options->broker_count == 0 ? 1 : options->broker_count;
    broker->ports = calloc(broker->node_count, sizeof *broker->ports);
    broker->world = rt_threads_create(
        &(struct rt_threads_options){.workers = 1, .name = "slbroker"}, &system_error);
    if (broker->world == NULL) {
        bool forked = system_error == ECHILD;
        error_set(error, forked ? SLUICE_FORKED : SLUICE_NO_RESOURCES, "no worker thread",
                  forked ? "this process was forked while a broker or a producer was open"
                         : strerror(system_error));
        return false;
    }
    if (broker->ports != NULL) {
        broker->cluster = cluster_start(broker->world, options, broker->node_count, address);
    }
    if (broker->cluster == NULL) {
        error_set(error, SLUICE_NO_MEMORY, "embedded broker", "memory is short");
        return false;
    }
    struct broker_task task = {.result = 0};
    broker_task_run(broker, &task, look_at_ports);
    if (task.result != 0) {
        char what[64];
        (void)snprintf(what, sizeof what, "node %d cannot listen on port %u", (int)task.node,
                       options->port == 0 ? 0 : options->port + (unsigned)task.node - 1);
        error_set(error, SLUICE_NO_RESOURCES, what, strerror((int)-task.result));
        return false;
    }
    if (!bootstrap_write(broker, options->address == NULL ? "127.0.0.1" : options->address)) {
        error_set(error, SLUICE_NO_MEMORY, "embedded broker", "memory is short");
        return false;
    }
    return true;
}

sluice_broker *sluice_broker_create(const sluice_broker_options *options, sluice_error *error) {
    static const sluice_broker_options nothing;
    struct sluice_broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL) {
        error_set(error, SLUICE_NO_MEMORY, "embedded broker", "memory is short");
        return NULL;
    }
    if (!broker_start(broker, options == NULL ? &nothing : options, error)) {
        sluice_broker_destroy(broker);
        return NULL;
    }
    return broker;
}

static void stop_cluster(struct broker_cluster *cluster, struct broker_task *task) {
    (void)task;
    broker_cluster_stop(cluster, NULL, NULL);
}

void sluice_broker_destroy(sluice_broker *broker) {
    if (broker == NULL || (broker->world != NULL && rt_forked(broker->world))) {
        return; /* in a forked child nothing is ours to free */
    }
    if (broker->cluster != NULL) {
        struct broker_task task = {.result = 0};
        broker_task_run(broker, &task, stop_cluster);
    }
    if (broker->world != NULL) {
        rt_world_destroy(broker->world);
    }
    free(broker->ports);
    free(broker->bootstrap);
    free(broker);
}

const char *sluice_broker_bootstrap(const sluice_broker *broker) {
    return broker == NULL ? NULL : broker->bootstrap;
}

uint32_t sluice_broker_count(const sluice_broker *broker) {
    return broker == NULL ? 0 : broker->node_count;
}

uint16_t sluice_broker_port(const sluice_broker *broker, int32_t node) {
    return node < 1 || (uint32_t)node > sluice_broker_count(broker) ? 0 : broker->ports[node - 1];
}
