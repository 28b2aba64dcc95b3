/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See lend.h. The rules on ids and epochs: docs/decisions/ticket.md. */
#include "actors/leader/lend.h"

#include "actors/broker.h"
#include "actors/leader/settle.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

/* From here on a new producer id is asked for: an epoch has 15 bits, and a bump must never fail. */
enum { EPOCH_RENEW = 32000 };

static struct producer *producer_of(const struct partition *partition) {
    return partition->topic->producer;
}

static bool has_unsure(const struct partition *partition) {
    for (struct batch *batch = partition->pending.first; batch != NULL; batch = batch->next) {
        if (batch->stamped && batch->standing == BATCH_UNSURE) {
            return true;
        }
    }
    return false;
}

static bool has_stamped(const struct partition *partition) {
    for (struct batch *batch = partition->pending.first; batch != NULL; batch = batch->next) {
        if (batch->stamped) {
            return true;
        }
    }
    return false;
}

static void wait_for_identity(struct partition *partition) {
    partition->state = LEADER_NEEDS_ID;
    identity_wait(&producer_of(partition)->identity, partition);
}

static void begin_epoch(struct partition *partition, int64_t producer_id, int16_t epoch) {
    for (struct batch *batch = partition->pending.first; batch != NULL; batch = batch->next) {
        if (batch->stamped && !RT_MUTANT(bump_keeps_stamps)) {
            batch_unstamp(batch);
        }
    }
    bool higher = partition->producer_id == producer_id;
    partition->unfenced = higher && (partition->unfenced || partition->abandoned);
    partition->producer_id = producer_id;
    partition->producer_epoch = epoch;
    RT_UNLESS_MUTANT(bump_keeps_sequence, partition->next_sequence = 0);
    partition->bump_due = false;
    partition->abandoned = false;
    partition->id_lost = false;
}

/* Another id, once there is one. */
static bool has_other_id(struct partition *partition, int64_t id) {
    if (id == partition->producer_id) {
        identity_renew(&producer_of(partition)->identity, id);
        return false;
    }
    begin_epoch(partition, id, 0);
    return true;
}

/* A higher epoch fences what was abandoned under a lower one, once the first batch under it was
 * accepted. A new id fences nothing, so it is taken only when nothing is stamped, no bump is due
 * and nothing is left to fence. */
static bool has_identity(struct partition *partition) {
    struct identity *identity = &producer_of(partition)->identity;
    int64_t id = atomic_load_explicit(&identity->producer_id, memory_order_acquire);
    if (partition->producer_id < 0) {
        if (id < 0) {
            return false;
        }
        begin_epoch(partition, id, 0);
        return true;
    }
    if (partition->id_lost) {
        return has_other_id(partition, id);
    }
    if (partition->producer_epoch >= EPOCH_RENEW && !RT_MUTANT(epoch_runs_over)) {
        if (id == partition->producer_id) {
            identity_renew(identity, id);
        } else if (!partition->bump_due && !has_stamped(partition) &&
                   (!partition->unfenced || RT_MUTANT(new_id_fences))) {
            begin_epoch(partition, id, 0);
            return true;
        }
    }
    if (!partition->bump_due || (has_unsure(partition) && !RT_MUTANT(bump_before_settled))) {
        return true;
    }
    if (partition->producer_epoch < INT16_MAX || RT_MUTANT(epoch_runs_over)) {
        begin_epoch(partition, partition->producer_id, (int16_t)(partition->producer_epoch + 1));
        return true;
    }
    return has_other_id(partition, id);
}

bool lend_is_worn(const struct partition *partition) {
    struct identity *identity = &producer_of(partition)->identity;
    return partition->producer_epoch >= EPOCH_RENEW && !RT_MUTANT(worn_ticket_stays) &&
           atomic_load_explicit(&identity->producer_id, memory_order_acquire) !=
               partition->producer_id;
}

static const struct snapshot_topic *entry_of(const struct partition *partition) {
    return snapshot_find(metadata_now(&producer_of(partition)->metadata), partition->topic);
}

static const struct snapshot_partition *place_of(const struct snapshot_topic *entry,
                                                 const struct partition *partition) {
    bool known = entry != NULL && partition->index < entry->partition_count;
    return known ? &entry->partitions[partition->index] : NULL;
}

bool lend_is_stale(const struct partition *partition) {
    const struct snapshot_topic *entry = entry_of(partition);
    const struct snapshot_partition *place = place_of(entry, partition);
    return place != NULL && place->leader != NULL &&
           (place->leader != partition->broker || place->leader_epoch > partition->leader_epoch ||
            !kafka_uuid_equal(entry->id, partition->topic_id));
}

/* Not so for brokers that tell no ids. */
static bool is_remade(const struct partition *partition) {
    const struct snapshot_topic *entry = entry_of(partition);
    return entry != NULL && !kafka_uuid_is_zero(partition->topic_id) &&
           !kafka_uuid_is_zero(entry->id) && !kafka_uuid_equal(entry->id, partition->topic_id);
}

static void post(struct partition *partition, struct mail *mail) {
    rt_lane_unbounded_push(&partition->broker->aggregator.mail, &mail->node);
}

static void lend_to(struct partition *partition, const struct snapshot_topic *entry,
                    const struct snapshot_partition *place) {
    broker_hold(place->leader);
    if (!broker_start(place->leader)) {
        broker_release(place->leader);
        rt_mark(&partition->leader, RT_MARK(LEADER_MARK_METADATA));
        return;
    }
    partition->broker = place->leader;
    partition->leader_epoch = place->leader_epoch;
    partition->hinted_epoch = -1;
    partition->topic_id = entry->id;
    RT_UNLESS_MUTANT(proof_outlives_leader, partition->proven = false);
    partition->state = LEADER_LENT;
    struct batch *batch;
    while ((batch = batch_list_pop(&partition->pending)) != NULL) {
        RT_IF_MUTANT(unsure_stays_behind, batch->standing = BATCH_UNTRIED);
        post(partition, &batch->mail);
    }
    rt_notify(&partition->broker->aggregator.actor);
}

/* A leader, and not an older one than an answer named, unless that does not come. */
static bool has_leader(struct partition *partition, const struct snapshot_partition *place) {
    if (place == NULL || place->leader == NULL) {
        return false;
    }
    if (place->leader_epoch >= partition->hinted_epoch || partition->hint_looks == 0) {
        return true;
    }
    partition->hint_looks--;
    return false;
}

void lend(struct partition *partition, uint64_t now_ns) {
    struct producer *producer = producer_of(partition);
    if (partition->away > 0 && !RT_MUTANT(overtakes_retries)) {
        partition->state = LEADER_RETRYING;
        return;
    }
    if (partition->pending.first == NULL) {
        return;
    }
    settle_overdue(partition, now_ns);
    if (producer->config->enable_idempotence && is_remade(partition)) {
        settle_remade(partition);
    }
    if (producer->config->enable_idempotence && !has_identity(partition)) {
        uint32_t fatal = atomic_load_explicit(&producer->identity.fatal, memory_order_acquire);
        if (fatal != 0) {
            settle_refuse(partition, (sluice_code)fatal);
        } else {
            wait_for_identity(partition);
        }
        return;
    }
    const struct snapshot_topic *entry = entry_of(partition);
    const struct snapshot_partition *place = place_of(entry, partition);
    if (partition->pending.first == NULL) {
        return;
    }
    if (has_leader(partition, place)) {
        lend_to(partition, entry, place);
        return;
    }
    RT_IF_MUTANT(no_leader_is_final, settle_overdue(partition, RT_FOREVER));
    RT_IF_MUTANT(sequence_lost_with_leader, partition->next_sequence = 0);
    partition->state = LEADER_NO_LEADER;
    metadata_wait(&producer->metadata, partition);
    metadata_refresh(&producer->metadata);
}

void lend_more(struct partition *partition, struct batch *batch) {
    post(partition, &batch->mail);
    rt_notify(&partition->broker->aggregator.actor);
}

void lend_recall(struct partition *partition) {
    RT_ASSERT(partition->state == LEADER_LENT);
    partition->state = LEADER_RECALLING;
    post(partition, &partition->fence);
    rt_notify(&partition->broker->aggregator.actor);
}

void lend_recall_hard(struct partition *partition) {
    atomic_store_explicit(&partition->hard, true, memory_order_release);
    rt_mark(&partition->broker->flusher.actor, RT_MARK(FLUSHER_MARK_PURGE));
    if (partition->state == LEADER_LENT) {
        lend_recall(partition);
    }
}

void lend_end(struct partition *partition) {
    RT_ASSERT(partition->state == LEADER_RECALLING && partition->in_flight == 0);
    partition->state = LEADER_HOME;
    partition->stopping = false;
    partition->fenced = false;
    partition->stop_posted = false;
    atomic_store_explicit(&partition->hard, false, memory_order_relaxed);
    broker_release(partition->broker);
    partition->broker = NULL;
}
