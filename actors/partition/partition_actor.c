/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The partition actor: its table of partitions, its lanes, and what it does when. The writing of
 * records is in partition/write.c. */
#include "actors/partition/partition_actor.h"

#include "actors/input/input.h"
#include "actors/leader/leader.h"
#include "actors/partition/write.h"
#include "actors/producer/flush.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

struct partition *partition_get(struct partition_actor *actor, int32_t index) {
    RT_ASSERT(index >= -1 && index < actor->table_size);
    struct partition **place = index < 0 ? &actor->nowhere : &actor->partitions[index];
    if (*place == NULL) {
        *place = leader_create(actor->topic, index);
        if (*place != NULL && index >= 0) {
            share_enter(actor->topic->producer, &(*place)->share,
                        share_map_get(actor->topic, index));
        }
    }
    return *place;
}

static bool table_grow(struct partition_actor *self, int32_t size) {
    struct rt_world *world = self->topic->producer->world;
    if (!share_map_grow(self->topic, size)) {
        return false;
    }
    size_t bytes = (size_t)size * sizeof *self->partitions;
    struct partition **table = rt_acquire(world, bytes);
    if (table == NULL) {
        return false;
    }
    memset(table, 0, bytes);
    size_t known = (size_t)self->table_size * sizeof *table;
    if (known > 0) {
        memcpy(table, self->partitions, known);
    }
    rt_release(world, self->partitions, known);
    self->partitions = table;
    self->table_size = size;
    return true;
}

/* Each partition belongs to the share of its leading broker. */
static void learn_shares(struct partition_actor *self, const struct snapshot_topic *entry) {
    struct producer *producer = self->topic->producer;
    for (int32_t i = 0; i < entry->partition_count; i++) {
        uint16_t group = share_group_of(entry->partitions[i].leader);
        share_map_set(self->topic, i, group);
        if (self->partitions[i] != NULL) {
            share_move(producer, &self->partitions[i]->share, group);
        }
    }
    share_maps_changed(producer);
}

/* The snapshot's entry of this topic has changed. */
static void learn(struct partition_actor *self) {
    struct topic *topic = self->topic;
    struct producer *producer = topic->producer;
    const struct snapshot_topic *entry = snapshot_find(metadata_now(&producer->metadata), topic);
    if (entry == NULL) {
        return;
    }
    if (entry->partition_count > self->table_size && !table_grow(self, entry->partition_count)) {
        self->short_of_memory = true;
        return;
    }
    bool is_new = !kafka_uuid_equal(entry->id, self->topic_id);
    if (entry->partition_count > self->partition_count ||
        (is_new && entry->partition_count > 0 && !RT_MUTANT(old_topic_stays))) {
        self->partition_count = entry->partition_count;
        self->sticky.bytes_left = 0;
        self->topic_id = entry->id;
    }
    learn_shares(self, entry);
    int32_t count = self->partition_count > 0 ? self->partition_count : -1;
    atomic_store_explicit(&topic->error, count > 0 ? SLUICE_OK : entry->error,
                          memory_order_relaxed);
    atomic_store_explicit(&topic->partition_count, count, memory_order_release);
    atomic_fetch_add_explicit(&topic->changed, 1, memory_order_release);
    rt_wake(producer->world, &topic->changed);
}

static void each_partition(struct partition_actor *self, uint32_t mark) {
    for (int32_t i = 0; i < self->table_size; i++) {
        if (self->partitions[i] != NULL) {
            rt_mark(&self->partitions[i]->leader, mark);
        }
    }
}

static bool pass_retried(struct partition_actor *self, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take = RT_EMPTY;
    for (uint32_t n = 0; n < turn->budget; n++) {
        take = rt_lane_unbounded_take(&self->retried, &node);
        if (take != RT_TAKEN) {
            break;
        }
        struct batch *batch = batch_of(mail_of(node));
        rt_lane_unbounded_push(&batch->partition->arrivals, &batch->mail.node);
        rt_notify_pushed(&batch->partition->leader);
    }
    return take != RT_EMPTY;
}

/* Takes runs off the lane, in front of nothing: they are worked through in order. */
static bool take_fresh(struct partition_actor *self, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take = RT_EMPTY;
    uint32_t n = 0;
    for (; n < turn->budget; n++) {
        take = rt_lane_unbounded_take(&self->fresh, &node);
        if (take != RT_TAKEN) {
            break;
        }
        struct run *run = caa_container_of(node, struct run, node);
        run->next = NULL;
        if (self->parked_last == NULL) {
            self->parked_first = run;
        } else {
            self->parked_last->next = run;
        }
        self->parked_last = run;
        self->unparked = self->unparked != NULL ? self->unparked : run;
    }
    if (n > 1) {
        rt_sizes_add(&self->topic->producer->counted_workers[turn->worker].runs, n);
    }
    return take != RT_EMPTY;
}

static void arm(struct partition_actor *self, struct rt_turn *turn) {
    struct producer *producer = self->topic->producer;
    uint64_t due_ns = RT_FOREVER;
    for (struct run *run = self->parked_first; run != NULL; run = run->next) {
        if (run->kind == RUN_RECORDS) {
            due_ns = run->opened_ns + write_delivery_ns(producer);
            break;
        }
    }
    if (self->short_of_memory) {
        due_ns = rt_turn_now(turn) + WRITE_NO_MEMORY_WAIT_NS;
    }
    if (due_ns != RT_FOREVER) {
        rt_timer_arm(producer->world, &self->timer, due_ns);
    } else {
        rt_timer_cancel(producer->world, &self->timer);
    }
}

/* Records that have no partition yet were never sent. */
static void refuse_purged(struct partition_actor *self) {
    struct producer *producer = self->topic->producer;
    int32_t error = atomic_load_explicit(&producer->purge_error, memory_order_relaxed);
    write_refuse_all(self, (sluice_code)error);
}

static enum rt_verdict partition_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct partition_actor *self = caa_container_of(actor, struct partition_actor, actor);
    if ((marks & RT_MARK(PARTITION_MARK_METADATA)) != 0 || self->short_of_memory) {
        self->short_of_memory = false;
        learn(self);
        each_partition(self, RT_MARK(LEADER_MARK_METADATA));
    }
    bool more = pass_retried(self, turn);
    more = take_fresh(self, turn) || more;
    uint32_t purge = purge_of_marks(PARTITION_MARK_PURGE_UNSENT, marks);
    if (purge != 0) {
        self->purging = self->purging || (purge & SLUICE_PURGE_UNSENT) != 0;
        each_partition(self, purge_marks(LEADER_MARK_PURGE_UNSENT, purge));
    }
    if (self->purging) {
        refuse_purged(self);
        self->purging = more || self->short_of_memory;
    }
    if (self->parked_first != NULL) {
        write_runs(self, turn);
    }
    arm(self, turn);
    if ((marks & RT_MARK(PARTITION_MARK_CLOSE)) != 0) {
        RT_ASSERT(self->parked_first == NULL);
        rt_timer_cancel(self->topic->producer->world, &self->timer);
        each_partition(self, RT_MARK(LEADER_MARK_CLOSE));
        return RT_END;
    }
    return more ? RT_AGAIN : RT_IDLE;
}

static void partition_gone(struct rt_actor *actor) {
    struct partition_actor *self = caa_container_of(actor, struct partition_actor, actor);
    producer_actor_gone(self->topic->producer);
}

static const struct rt_actor_kind partition_kind = {
    .name = "partition", .class = RT_CLASS_ACTOR, .run = partition_run, .gone = partition_gone};

void partition_actor_start(struct partition_actor *actor, struct topic *topic,
                           const sluice_topic_options *options) {
    *actor = (struct partition_actor){.topic = topic};
    if (topic->producer->config->partitioner_ignore_keys) {
        actor->choosing = CHOOSING_STICKY;
    }
    if (options != NULL) {
        actor->partitioner = options->partitioner;
        actor->choosing = options->partitioner != NULL ? CHOOSING_CUSTOM : actor->choosing;
        actor->partitioner_context = options->partitioner_context;
    }
    rt_lane_unbounded_init(&actor->fresh);
    rt_lane_unbounded_init(&actor->retried);
    rt_timer_init(&actor->timer, &actor->actor, RT_MARK(PARTITION_MARK_TIMER));
    producer_actor_start(topic->producer, &actor->actor, &partition_kind);
}

void partition_actor_free(struct partition_actor *actor) {
    struct rt_world *world = actor->topic->producer->world;
    for (int32_t i = 0; i < actor->table_size; i++) {
        rt_release(world, actor->partitions[i], sizeof(struct partition));
    }
    share_map_free(actor->topic);
    rt_release(world, actor->partitions, (size_t)actor->table_size * sizeof *actor->partitions);
    rt_release(world, actor->nowhere, sizeof(struct partition));
}
