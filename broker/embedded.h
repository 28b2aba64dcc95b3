/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public broker: a cluster on a worker thread of its own. Other threads reach it only by tasks,
 * which run inside the cluster's actor, one after the other.
 *
 * | atomic          | pairs with                                                              |
 * | task.done       | release by the actor after the task, acquire by the caller              |
 * | broker.answered | counts tasks done: what callers wait on, because a task is gone as soon |
 * |                 | as its caller sees it done                                              |
 */
#ifndef BROKER_EMBEDDED_H
#define BROKER_EMBEDDED_H

#include "broker/cluster.h"

struct sluice_broker {
    struct rt_world *world;
    struct broker_cluster *cluster;
    uint32_t node_count;
    uint16_t *ports;
    char *bootstrap;
    _Atomic uint32_t answered;
};

/* A task and everything that it may need or answer. */
struct broker_task {
    struct broker_call call;
    struct sluice_broker *broker;
    void (*run)(struct broker_cluster *cluster, struct broker_task *task);
    _Atomic bool done;
    /* asked */
    const char *topic;
    const sluice_broker_fault *fault;
    sluice_broker_counters *counters;
    int64_t offset;
    uint64_t id;
    int32_t partition;
    int32_t node;
    uint32_t number;
    bool flag;
    /* answered */
    sluice_code code;
    int64_t result;
    uint64_t hits;
    void *taken;
};

/* Runs the task inside the actor and returns when it is done. Without a broker, and in a forked
 * child, it does not run: `code` says why. */
void broker_task_run(struct sluice_broker *broker, struct broker_task *task,
                     void (*run)(struct broker_cluster *cluster, struct broker_task *task));
/* Runs the task again and again, each time that something changed, until it sets `flag`. False when
 * the time ran out first. */
bool broker_task_wait(struct sluice_broker *broker, struct broker_task *task,
                      void (*run)(struct broker_cluster *cluster, struct broker_task *task),
                      int64_t timeout_ms);

#endif
