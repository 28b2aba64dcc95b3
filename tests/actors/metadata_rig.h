/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A simulated world with the embedded broker, and of the producer only the metadata and identity
 * actors. Topics and partitions are recorders that count their marks.
 */
#ifndef TESTS_ACTORS_METADATA_RIG_H
#define TESTS_ACTORS_METADATA_RIG_H

#include "actors/broker.h"
#include "actors/leader/leader.h"
#include "actors/producer/producer.h"
#include "broker/cluster.h"
#include "runtime/sim.h"

enum { RIG_TOPICS_MAX = 8, RIG_PARTITIONS_MAX = 8, RIG_MS = 1000000, RIG_EVENTS_MAX = 64 };

struct rig_topic {
    struct topic topic;
    uint32_t marks; /* PARTITION_MARK_METADATA */
    bool gone;
};

struct rig_partition {
    struct partition partition;
    uint32_t metadata_marks, identity_marks;
    uint64_t marked_ns;
    bool gone;
};

struct rig {
    struct rt_world *world;
    struct broker_cluster *cluster;
    uint32_t broker_count;
    struct producer producer;
    bool with_identity;
    struct rig_topic topics[RIG_TOPICS_MAX];
    uint32_t topic_count;
    struct rig_partition partitions[RIG_PARTITIONS_MAX];
    uint32_t partition_count;
    uint32_t events[8]; /* by sluice_event_kind */
    sluice_code last_event_error;
    char last_event_text[320];
};

/* `options`: of the brokers, NULL for three with auto-made topics of 4 partitions. `settings`:
 * name, value, ..., NULL; may be NULL. Node n listens at 10.0.0.n:9092 and is b<n>.example. */
struct rig *rig_start(uint64_t seed, const sluice_broker_options *options,
                      const char *const *settings);
void rig_run(struct rig *rig, uint64_t ms);
/* Makes a topic and wants it. */
struct rig_topic *rig_topic(struct rig *rig, const char *name);
struct rig_partition *rig_partition(struct rig *rig, struct rig_topic *topic, int32_t index);
const struct snapshot *rig_snapshot(struct rig *rig);
/* NULL when it is not known. */
const struct snapshot_topic *rig_entry(struct rig *rig, const struct rig_topic *topic);
int32_t rig_leader(struct rig *rig, const struct rig_topic *topic, int32_t index);
uint64_t rig_requests(struct rig *rig, int16_t api);
uint64_t rig_fault(struct rig *rig, sluice_broker_action action, int16_t api, uint32_t count);
void rig_hint(struct rig *rig, struct rig_topic *topic, int32_t index, int32_t leader,
              int32_t epoch, const char *host, uint16_t port);
struct rt_address rig_address(int32_t node);
/* Ends everything and checks that nothing was left behind. */
void rig_end(struct rig *rig);

#endif
