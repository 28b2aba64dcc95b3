/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The partition actor of a topic: chooses the partition of fresh records and writes them into that
 * partition's open batch. Batches that come back from retry pass through to their leader actor.
 *
 * Takes:  lane `fresh`: runs of records from the topic actor, and flush tokens behind them
 *         lane `retried`: batches from the topic actor
 *         marks: METADATA (the snapshot's entry of this topic changed), PURGE, CLOSE, TIMER
 * Sends:  new batches to leader actors; FULL when a batch was closed
 * Owns:   the table of partitions, the partitioner's state, the writing side of open batches
 *
 * States: WAITING (no metadata yet: runs are parked) ─► RUNNING ─► CLOSING
 */
#ifndef ACTORS_PARTITION_PARTITION_ACTOR_H
#define ACTORS_PARTITION_PARTITION_ACTOR_H

#include <sluice/sluice.h>

#include "actors/input/input.h"
#include "actors/leader/partition.h"
#include "actors/partition/run.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct topic;

/* Where records without key go: one partition until sluice.sticky.bytes were written to it, then
 * another, drawn at random (KIP-794). */
struct sticky {
    int32_t partition;
    int64_t bytes_left; /* with none left another is drawn; at first none are */
};

enum choosing {
    CHOOSING_BY_KEY, /* a key's hash, or the sticky one */
    CHOOSING_STICKY, /* partitioner.ignore.keys */
    CHOOSING_CUSTOM  /* the caller's partitioner */
};

struct partition_actor {
    struct rt_actor actor;
    struct topic *topic;
    struct rt_lane_unbounded fresh;         /* struct run.node */
    struct rt_lane_unbounded retried;       /* struct batch.node */
    struct rt_timer timer;                  /* parked records' delivery timeout, or memory again */
    struct run *parked_first, *parked_last; /* before metadata or memory came; own copies */
    struct run *unparked;        /* the first of them that was not copied yet; NULL: all were */
    struct run *before_unparked; /* the one before that in the list; NULL: it is the first */
    struct run *gathering;       /* the last one copied: those right behind it may join it */
    struct share_member parked_share; /* of those that wait for metadata */
    int64_t parked_charge;
    struct partition **partitions; /* by index; NULL until first used */
    int32_t table_size;            /* never less than before */
    int32_t partition_count;       /* the topic's, as this actor knows it; at most table_size */
    struct kafka_uuid topic_id;    /* the count shrinks only with another id: a topic made anew */
    struct partition *nowhere;     /* index -1: records that fail before a partition is chosen */
    struct sticky sticky;
    enum choosing choosing;
    sluice_partitioner partitioner;
    void *partitioner_context;
    bool purging; /* until everything that came before the purge has been refused */
    bool short_of_memory;
};

enum {
    PARTITION_MARK_METADATA = 0,
    PARTITION_MARK_TIMER,
    PARTITION_MARK_PURGE_UNSENT, /* and the next: see producer/flush.h */
    PARTITION_MARK_PURGE_SENT,
    PARTITION_MARK_CLOSE
};

void partition_actor_start(struct partition_actor *actor, struct topic *topic,
                           const sluice_topic_options *options);
/* The partition for a keyed, explicit, custom or keyless record; -1 with *error when refused. */
int32_t partition_choose_slowly(struct partition_actor *actor, const struct input_entry *entry,
                                sluice_code *error);
/* Where the Java client's own partitioner puts a key with this hash. */
static inline int32_t partition_of_hash(uint32_t key_hash, int32_t count) {
    return (int32_t)((key_hash & 0x7fffffffu) % (uint32_t)count);
}
static inline int32_t partition_choose(struct partition_actor *actor,
                                       const struct input_entry *entry, sluice_code *error) {
    if (actor->choosing == CHOOSING_BY_KEY && (entry->flags & INPUT_PARTITION) == 0) {
        if ((entry->flags & INPUT_KEYED) != 0) {
            return partition_of_hash(entry->key_hash, actor->partition_count);
        }
        if (actor->sticky.bytes_left > 0) {
            actor->sticky.bytes_left -= entry->body_size;
            return actor->sticky.partition;
        }
    }
    return partition_choose_slowly(actor, entry, error);
}
/* Before a run is written: draws another partition when the sticky one's broker takes no more. */
void partition_sticky_look(struct partition_actor *actor);
/* The partition itself, made when it is first needed. NULL when memory is short. */
struct partition *partition_get(struct partition_actor *actor, int32_t index);
/* Frees tables and partitions; every actor has gone. */
void partition_actor_free(struct partition_actor *actor);

#endif
