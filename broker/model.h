/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the brokers of one cluster know and do: bytes in, bytes out. No socket, no clock: the time
 * is handed in. Everything here belongs to the one actor (or test) that holds the model.
 *
 * A request goes through serve, again and again until it has an end:
 *
 *   ANSWERED  `output` has one more frame; `effects` say how it leaves
 *   SILENT    nothing to send, go on with the next request
 *   MUTE      the connection never says anything again
 *   CLOSE     the connection ends; `output` got nothing
 *   HALF      the connection ends once `output`, cut short on purpose, was sent
 *   WAIT      serve again at `deadline_ns`, or when `changes` of the model changed
 *   HELD      the node is stalled or down: serve again when it is back
 */
#ifndef BROKER_MODEL_H
#define BROKER_MODEL_H

#include <sluice/broker.h>

#include "broker/fault.h"
#include "broker/inflate.h"
#include "broker/output.h"
#include "broker/topic.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "protocol/metadata.h"

enum { BROKER_NODES_MAX = 1000, BROKER_REPLICAS_DEFAULT = 3 };

struct broker_node {
    int32_t id; /* from 1 on */
    char *host; /* advertised */
    uint16_t port;
    /* what it is told to be; whoever holds the sockets looks when `nodes_changed` is set */
    bool up;
    bool stalled;
    bool stale; /* tells the leaders of before the last move */
    bool refusing;
    bool cut; /* its open connections must go */
    struct broker_horizon horizon;
    sluice_broker_counters counters;
};

struct broker_model {
    sluice_broker_options options;                  /* without the pointers; defaults filled in */
    struct kafka_api_range ranges[KAFKA_API_COUNT]; /* what is offered */
    uint32_t range_count;
    uint32_t node_count;
    struct broker_node *nodes;
    struct broker_topics topics;
    struct broker_faults faults;
    int64_t next_producer_id;
    int32_t next_leader; /* of the next topic's partition 0: index of a node */
    uint64_t appends;    /* numbers the batches */
    uint64_t changes; /* of records, leaders, topics, nodes and faults: whoever waits looks again */
    uint64_t noise;
    bool nodes_changed;
    struct broker_inflater inflater;
    /* room for one answer */
    struct kafka_metadata_broker *listed_brokers;
    int32_t *listed_replicas; /* three lists of node_count */
};

/* False when memory is short. Hosts and ports of the nodes are set by the caller later. */
bool broker_model_init(struct broker_model *model, const sluice_broker_options *options);
void broker_model_deinit(struct broker_model *model);

/* NULL when there is no such node. */
static inline struct broker_node *broker_model_node(struct broker_model *model, int32_t id) {
    return id < 1 || (uint32_t)id > model->node_count ? NULL : &model->nodes[id - 1];
}
/* Id of the `index`-th of the nodes, starting over at the end. */
static inline int32_t broker_model_ring(const struct broker_model *model, int64_t index) {
    return (int32_t)(index % (int64_t)model->node_count) + 1;
}

/* ---- topics and leaders ---------------------------------------------------------------------- */

/* Errors: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, NO_MEMORY. */
sluice_code broker_model_topic_create(struct broker_model *model, struct kafka_text name,
                                      uint32_t partition_count, struct broker_topic **topic);
sluice_code broker_model_topic_grow(struct broker_model *model, struct broker_topic *topic,
                                    uint32_t partition_count);
void broker_model_leader_move(struct broker_model *model, struct broker_partition *partition,
                              int32_t node);
/* The new leader has what was replicated and nothing else; what it knows of producers is what its
 * log says. False when memory is short: then it knows less of producers than Kafka would. */
bool broker_model_elect(struct broker_model *model, struct broker_partition *partition,
                        int32_t node);
/* To the next living replica; without one nothing changes. */
void broker_model_leader_pass(struct broker_model *model, struct broker_partition *partition);
void broker_model_kill(struct broker_model *model, struct broker_node *node);
void broker_model_restart(struct broker_model *model, struct broker_node *node,
                          sluice_broker_keep keep);

/* ---- requests -------------------------------------------------------------------------------- */

enum broker_verdict {
    BROKER_ANSWERED,
    BROKER_SILENT,
    BROKER_MUTE,
    BROKER_CLOSE,
    BROKER_HALF,
    BROKER_WAIT,
    BROKER_HELD
};

struct broker_effects {
    uint32_t delay_ms;    /* the answer leaves so much later */
    uint32_t throttle_ms; /* nothing more is read for so long */
    /* used up by serve itself */
    sluice_code error;
    bool drop, cut_before, cut_after, cut_half, stall, kill_before, kill_after;
    bool garbage, wrong_correlation, huge_frame;
};

/* The caller sets `frame` (behind the length) and `size`, and zeroes the rest for each request. */
struct broker_request {
    const uint8_t *frame;
    size_t size;
    /* set by serve */
    bool begun;
    uint64_t begun_ns;
    uint64_t deadline_ns;
    struct kafka_request_header header;
    struct kafka_reader body;
    struct broker_effects effects;
};

enum broker_verdict broker_model_serve(struct broker_model *model, struct broker_node *node,
                                       struct broker_request *request, uint64_t now_ns,
                                       struct broker_output *output);

#endif
