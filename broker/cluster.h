/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cluster of embedded brokers in a given world: the simulator's, or one of threads.
 *
 * One actor owns the model (what the brokers know), the listeners, the connections and a timer.
 * Everything below means what its namesake in <sluice/broker.h> says.
 *
 * | who may call         | from where                                                        |
 * | create, post         | anybody                                                           |
 * | everything else      | inside a call run by broker_cluster_post, or, in the simulator,   |
 * |                      | between two steps: never while the actor runs                     |
 *
 * In the simulator sockets follow at the actor's next activation: run rt_sim_settle (or any step)
 * after create, kill, restart, refuse, cut and stop.
 */
#ifndef BROKER_CLUSTER_H
#define BROKER_CLUSTER_H

#include <sluice/broker.h>

#include "runtime/lane.h"
#include "runtime/world.h"

struct broker_cluster;

/* Where a node listens, and how it calls itself to clients. */
struct broker_listen {
    struct rt_address address; /* port 0: a free one */
    const char *host;          /* advertised, copied; NULL: the address as text */
};

/* Starts the actor. One `listen` for each of options->broker_count nodes (0 is 1); options->port
 * and options->address are not looked at. NULL when memory is short. The cluster ends with stop. */
struct broker_cluster *broker_cluster_create(struct rt_world *world,
                                             const sluice_broker_options *options,
                                             const struct broker_listen *listen);
/* Ends the actor: connections and listeners are closed, then everything is freed, and `gone` (may
 * be NULL) is called, at the actor's next activations. The cluster may not be used any more. */
void broker_cluster_stop(struct broker_cluster *cluster, void (*gone)(void *context),
                         void *context);

/* Runs `call` inside the actor, in the order of posting. The memory is the caller's until `run` was
 * called, and `run` may give it away. */
struct broker_call {
    struct rt_node node;
    void (*run)(struct broker_cluster *cluster, struct broker_call *call);
};
void broker_cluster_post(struct broker_cluster *cluster, struct broker_call *call);
/* A word that changes after every activation that changed something, once somebody watches:
 * `watchers` is raised before it is read and waited on. */
struct broker_watch {
    _Atomic uint32_t changed;
    _Atomic uint32_t watchers;
};
struct broker_watch *broker_cluster_watch(struct broker_cluster *cluster);

/* 0 until it listens. */
uint16_t broker_cluster_port(const struct broker_cluster *cluster, int32_t node);
/* 0, or the -errno of the last try to listen. */
int broker_cluster_listen_error(const struct broker_cluster *cluster, int32_t node);

sluice_code broker_cluster_topic_create(struct broker_cluster *cluster, const char *topic,
                                        uint32_t partition_count);
sluice_code broker_cluster_topic_delete(struct broker_cluster *cluster, const char *topic);
sluice_code broker_cluster_topic_grow(struct broker_cluster *cluster, const char *topic,
                                      uint32_t partition_count);
sluice_code broker_cluster_topic_limit(struct broker_cluster *cluster, const char *topic,
                                       uint32_t message_bytes_max);
sluice_code broker_cluster_topic_keys(struct broker_cluster *cluster, const char *topic,
                                      bool required);
uint32_t broker_cluster_partition_count(struct broker_cluster *cluster, const char *topic);

int64_t broker_cluster_read(struct broker_cluster *cluster, const char *topic, int32_t partition,
                            int64_t offset, sluice_broker_record_callback callback, void *context);
int64_t broker_cluster_high_watermark(struct broker_cluster *cluster, const char *topic,
                                      int32_t partition);
/* The sum over the partitions, or the one. */
int64_t broker_cluster_records(struct broker_cluster *cluster, const char *topic,
                               int32_t partition);

int32_t broker_cluster_leader(struct broker_cluster *cluster, const char *topic, int32_t partition);
int32_t broker_cluster_leader_epoch(struct broker_cluster *cluster, const char *topic,
                                    int32_t partition);
sluice_code broker_cluster_leader_move(struct broker_cluster *cluster, const char *topic,
                                       int32_t partition, int32_t node);
/* Where the records begin that an election may lose: those of acks 0 and 1 behind the last batch
 * of acks=all, and of acks=all what was answered with an error or not at all. -1: there is no such
 * partition. */
int64_t broker_cluster_replicated(struct broker_cluster *cluster, const char *topic,
                                  int32_t partition);
/* Moves the leadership to a node that lacks those records. */
sluice_code broker_cluster_elect(struct broker_cluster *cluster, const char *topic,
                                 int32_t partition, int32_t node);
/* The node tells the leaders of before each partition's last move, until it is told otherwise. */
sluice_code broker_cluster_stale(struct broker_cluster *cluster, int32_t node, bool stale);
sluice_code broker_cluster_kill(struct broker_cluster *cluster, int32_t node);
sluice_code broker_cluster_restart(struct broker_cluster *cluster, int32_t node,
                                   sluice_broker_keep keep);
sluice_code broker_cluster_stall(struct broker_cluster *cluster, int32_t node, bool stall);
sluice_code broker_cluster_refuse(struct broker_cluster *cluster, int32_t node, bool refuse);
sluice_code broker_cluster_cut(struct broker_cluster *cluster, int32_t node);

uint64_t broker_cluster_fault_add(struct broker_cluster *cluster, const sluice_broker_fault *fault);
bool broker_cluster_fault_remove(struct broker_cluster *cluster, uint64_t fault);
void broker_cluster_fault_remove_all(struct broker_cluster *cluster);
/* False when there is no such fault. */
bool broker_cluster_fault_hits(struct broker_cluster *cluster, uint64_t fault, uint64_t *hits);

void broker_cluster_count_all(struct broker_cluster *cluster, int32_t node,
                              sluice_broker_counters *counters);

#endif
