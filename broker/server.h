/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cluster's actor and its connections. All of it belongs to that one actor.
 *
 * An actor has 30 marks, a cluster may have more connections: these share what is left of the
 * marks, and a mark makes every connection of its group ready.
 */
#ifndef BROKER_SERVER_H
#define BROKER_SERVER_H

#include <urcu/list.h>

#include "broker/cluster.h"
#include "broker/model.h"

#define BROKER_MARK_LISTEN RT_MARK(0)
#define BROKER_MARK_TIMER RT_MARK(1)
#define BROKER_MARK_CONTROL RT_MARK(2)
#define BROKER_MARK_GROUP(group) RT_MARK(3 + (group))
enum { BROKER_GROUPS = 27 };

/* A node's door. */
struct broker_site {
    struct broker_node *node;
    struct rt_address address; /* the port stays over restarts */
    struct rt_socket listener;
    bool listening;
    int error; /* 0 or -errno of the last try to listen */
    struct cds_list_head connections;
};

struct broker_cluster {
    struct rt_actor actor;
    struct rt_lane_unbounded calls;
    struct rt_timer timer;
    uint64_t timer_ns;        /* RT_FOREVER when not armed */
    uint64_t accept_again_ns; /* after descriptors ran short, else RT_FOREVER */
    struct broker_model model;
    uint64_t changes_seen;     /* of the model, by waiting connections */
    uint64_t changes_told;     /* to watchers */
    struct broker_site *sites; /* as many as the model has nodes */
    struct cds_list_head groups[BROKER_GROUPS];
    struct cds_list_head ready;   /* to be run */
    struct cds_list_head timed;   /* those with a deadline */
    struct cds_list_head waiting; /* whose request waits for a change */
    uint32_t next_group;
    struct broker_connection *spare; /* for the next accept */
    struct broker_watch watch;
    bool stopping;
    void (*gone)(void *context);
    void *gone_context;
};

/*
 * A connection handles one request at a time, as Kafka does: bytes come in, a whole request is
 * served, its answer leaves. Answers of requests that were read together leave together.
 *
 *   start <= end <= capacity; input[start .. end) is not handled yet
 *   while a request is begun and not done its bytes stay where they are
 */
struct broker_connection {
    struct cds_list_head of_group;
    struct cds_list_head of_site;
    struct cds_list_head of_ready;   /* of nothing when not ready */
    struct cds_list_head of_timed;   /* of nothing without a deadline */
    struct cds_list_head of_waiting; /* of nothing when its request does not wait */
    struct broker_cluster *cluster;
    struct broker_site *site;
    struct rt_socket socket;
    uint8_t *input;
    size_t capacity;
    size_t start;
    size_t end;
    struct broker_request request;
    struct broker_output output;
    size_t sent;           /* of the output */
    uint64_t send_at_ns;   /* the output is held back until then */
    uint64_t read_from_ns; /* throttled until then */
    uint64_t deadline_ns;  /* the next of these that matters, or RT_FOREVER */
    bool mute;             /* never answers again */
    bool ends_when_sent;
};

enum broker_run {
    BROKER_RUN_IDLE,  /* until a mark, its deadline, a change, or its node's return */
    BROKER_RUN_AGAIN, /* the budget is spent */
    BROKER_RUN_END    /* close it */
};

/* Takes `cluster->spare` or memory; NULL when it is short. */
struct broker_connection *broker_connection_create(struct broker_cluster *cluster);
/* The socket is accepted: known to its group and site, and ready. */
void broker_connection_open(struct broker_connection *connection, struct broker_site *site);
enum broker_run broker_connection_run(struct broker_connection *connection, uint64_t now_ns,
                                      uint32_t *budget);
void broker_connection_make_ready(struct broker_connection *connection);
/* Closes and frees. */
void broker_connection_close(struct broker_connection *connection);

/* Makes listeners and connections what the nodes are told to be. */
void broker_cluster_follow_nodes(struct broker_cluster *cluster);

#endif
