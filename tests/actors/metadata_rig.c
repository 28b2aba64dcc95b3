/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actors/metadata_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assert.h"

enum { RIG_MARK_END = 29 - 1 };

static void event_take(const sluice_event *event, void *context) {
    struct rig *rig = context;
    rig->events[event->kind]++;
    rig->last_event_error = event->error;
    snprintf(rig->last_event_text, sizeof rig->last_event_text, "%s", event->text);
}

struct rt_address rig_address(int32_t node) {
    return (struct rt_address){.ip = {10, 0, 0, (uint8_t)node}, .port = 9092, .family = 4};
}

static void cluster_start(struct rig *rig, const sluice_broker_options *options) {
    static const sluice_broker_options usual = {.broker_count = 3, .partition_count = 4};
    struct broker_listen listen[16] = {0};
    static char hosts[16][24];
    options = options == NULL ? &usual : options;
    rig->broker_count = options->broker_count;
    for (uint32_t i = 0; i < rig->broker_count; i++) {
        listen[i].address = rig_address((int32_t)i + 1);
        snprintf(hosts[i], sizeof hosts[i], "b%u.example", i + 1);
        listen[i].host = hosts[i];
        rt_sim_name(rig->world, hosts[i], &listen[i].address, 1);
    }
    rig->cluster = broker_cluster_create(rig->world, options, listen);
    RT_ASSERT(rig->cluster != NULL);
    rt_sim_settle(rig->world);
}

static struct sluice_config *config_make(struct rig *rig, const char *const *settings) {
    struct sluice_config *config = sluice_config_new();
    RT_ASSERT(sluice_config_set(config, "bootstrap.servers", "10.0.0.1:9092", NULL) == SLUICE_OK);
    for (; settings != NULL && settings[0] != NULL; settings += 2) {
        RT_ASSERT(sluice_config_set(config, settings[0], settings[1], NULL) == SLUICE_OK);
    }
    sluice_config_set_event_callback(config, event_take, rig);
    struct sluice_config *resolved = sluice_config_resolve(config, NULL);
    sluice_config_free(config);
    RT_ASSERT(resolved != NULL);
    return resolved;
}

struct rig *rig_start(uint64_t seed, const sluice_broker_options *options,
                      const char *const *settings) {
    struct rt_sim_options sim = {.seed = seed,
                                 .wall_start_ms = 1700000000000,
                                 .delay_min_ns = 20000,
                                 .delay_max_ns = 200000,
                                 .segment_bytes_max = 300,
                                 .lookup_delay_ns = 1000000};
    struct rig *rig = calloc(1, sizeof *rig);
    rig->world = rt_sim_create(&sim);
    cluster_start(rig, options);
    rig->producer.world = rig->world;
    rig->producer.config = config_make(rig, settings);
    RT_ASSERT(metadata_start(&rig->producer.metadata, &rig->producer));
    return rig;
}

void rig_run(struct rig *rig, uint64_t ms) {
    rt_sim_run_until(rig->world, rt_now(rig->world) + ms * RIG_MS);
}

/* ---- recorders ------------------------------------------------------------------------------- */

static enum rt_verdict topic_act(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct rig_topic *topic = caa_container_of(actor, struct rig_topic, topic.actor.actor);
    (void)turn;
    topic->marks += (marks & RT_MARK(PARTITION_MARK_METADATA)) != 0;
    return (marks & RT_MARK(RIG_MARK_END)) != 0 ? RT_END : RT_IDLE;
}

static void topic_gone(struct rt_actor *actor) {
    caa_container_of(actor, struct rig_topic, topic.actor.actor)->gone = true;
}

struct rig_topic *rig_topic(struct rig *rig, const char *name) {
    static const struct rt_actor_kind kind = {
        .name = "topic", .run = topic_act, .gone = topic_gone};
    struct rig_topic *topic = &rig->topics[rig->topic_count];
    topic->topic.producer = &rig->producer;
    topic->topic.index = rig->topic_count++;
    topic->topic.name_size = (uint16_t)strlen(name);
    strcpy(topic->topic.name, name);
    rt_actor_start(&topic->topic.actor.actor, &kind, rig->world);
    metadata_want_topic(&rig->producer.metadata, &topic->topic);
    return topic;
}

static enum rt_verdict leader_act(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct rig_partition *partition =
        caa_container_of(actor, struct rig_partition, partition.leader);
    partition->metadata_marks += (marks & RT_MARK(LEADER_MARK_METADATA)) != 0;
    partition->identity_marks += (marks & RT_MARK(LEADER_MARK_IDENTITY)) != 0;
    partition->marked_ns = rt_turn_now(turn);
    return (marks & RT_MARK(RIG_MARK_END)) != 0 ? RT_END : RT_IDLE;
}

static void leader_gone(struct rt_actor *actor) {
    caa_container_of(actor, struct rig_partition, partition.leader)->gone = true;
}

struct rig_partition *rig_partition(struct rig *rig, struct rig_topic *topic, int32_t index) {
    static const struct rt_actor_kind kind = {
        .name = "leader", .run = leader_act, .gone = leader_gone};
    struct rig_partition *partition = &rig->partitions[rig->partition_count++];
    partition->partition.topic = &topic->topic;
    partition->partition.index = index;
    rt_actor_start(&partition->partition.leader, &kind, rig->world);
    return partition;
}

/* ---- looking --------------------------------------------------------------------------------- */

const struct snapshot *rig_snapshot(struct rig *rig) {
    return metadata_now(&rig->producer.metadata);
}

const struct snapshot_topic *rig_entry(struct rig *rig, const struct rig_topic *topic) {
    return snapshot_find(rig_snapshot(rig), &topic->topic);
}

int32_t rig_leader(struct rig *rig, const struct rig_topic *topic, int32_t index) {
    const struct snapshot_topic *entry = rig_entry(rig, topic);
    RT_ASSERT(entry != NULL && index < entry->partition_count);
    return entry->partitions[index].leader == NULL ? -1 : entry->partitions[index].leader->node;
}

uint64_t rig_requests(struct rig *rig, int16_t api) {
    sluice_broker_counters counters;
    broker_cluster_count_all(rig->cluster, SLUICE_BROKER_ANY, &counters);
    return counters.requests[api];
}

uint64_t rig_fault(struct rig *rig, sluice_broker_action action, int16_t api, uint32_t count) {
    sluice_broker_fault fault = sluice_broker_fault_any(action);
    fault.api_key = api;
    fault.count = count;
    return broker_cluster_fault_add(rig->cluster, &fault);
}

void rig_hint(struct rig *rig, struct rig_topic *topic, int32_t index, int32_t leader,
              int32_t epoch, const char *host, uint16_t port) {
    struct metadata_hint *hint = rt_acquire(rig->world, sizeof *hint);
    const struct snapshot *known = rig_snapshot(rig);
    const struct snapshot_topic *entry = known != NULL ? snapshot_find(known, &topic->topic) : NULL;
    *hint = (struct metadata_hint){.topic = &topic->topic,
                                   .id = entry != NULL ? entry->id : (struct kafka_uuid){{0}},
                                   .index = index,
                                   .leader = leader,
                                   .leader_epoch = epoch,
                                   .port = port};
    strcpy(hint->host, host);
    metadata_post_hint(&rig->producer.metadata, hint);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void all_gone(void *context) {
    *(bool *)context = true;
}

void rig_end(struct rig *rig) {
    struct rt_world *world = rig->world;
    bool cluster_gone = false;
    const struct snapshot *last = rig_snapshot(rig);
    for (uint32_t i = 0; last != NULL && i < last->broker_count; i++) {
        RT_ASSERT(atomic_load(&last->brokers[i]->holds) == 1);
    }
    if (rig->with_identity) {
        identity_close(&rig->producer.identity);
    }
    metadata_close(&rig->producer.metadata);
    for (uint32_t i = 0; i < rig->topic_count; i++) {
        rt_mark(&rig->topics[i].topic.actor.actor, RT_MARK(RIG_MARK_END));
    }
    for (uint32_t i = 0; i < rig->partition_count; i++) {
        rt_mark(&rig->partitions[i].partition.leader, RT_MARK(RIG_MARK_END));
    }
    broker_cluster_stop(rig->cluster, all_gone, &cluster_gone);
    rig_run(rig, 1000);
    RT_ASSERT(cluster_gone && rig_snapshot(rig) == NULL);
    RT_ASSERT(atomic_load(&rig->producer.actors_left) == 0);
    RT_ASSERT(atomic_load(&rig->producer.counters.connections_open) == 0);
    counters_free(&rig->producer);
    RT_ASSERT(atomic_load(&world->memory_used) == 0);
    sluice_config_free(rig->producer.config);
    rt_world_destroy(world);
    free(rig);
}
