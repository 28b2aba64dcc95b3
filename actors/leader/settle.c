/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See settle.h. */
#include "actors/leader/settle.h"

#include "actors/config/error.h"
#include "actors/leader/cut.h"
#include "actors/leader/writing.h"
#include "actors/producer/producer.h"
#include "actors/retry/retry.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static struct producer *producer_of(const struct partition *partition) {
    return partition->topic->producer;
}

/* What it waited for, if it was never sent: an id or a leader that nobody could give. */
static sluice_code trouble_of(const struct partition *partition) {
    struct producer *producer = producer_of(partition);
    if (producer->config->enable_idempotence && partition->producer_id < 0) {
        struct identity *identity = &producer->identity;
        int32_t trouble = atomic_load_explicit(&identity->trouble, memory_order_relaxed);
        return (sluice_code)(trouble != SLUICE_OK
                                 ? trouble
                                 : atomic_load_explicit(&identity->awaits, memory_order_relaxed));
    }
    return metadata_obstacle(&producer->metadata);
}

/* Gives up on a batch. What was stamped leaves a gap in the sequence, or, if it is unsure, may
 * still arrive: both ask for a higher epoch before anything new is stamped. */
static void give_up(struct partition *partition, struct batch *batch, sluice_code error) {
    if (batch->stamped && RT_MUTANT(gap_closed_by_rewinding)) {
        partition->next_sequence = batch->base_sequence;
    } else if (batch->stamped && !RT_MUTANT(gap_without_bump)) {
        partition->bump_due = true;
    }
    if (batch->last_error == SLUICE_OK && batch->attempts == 0) {
        batch->last_error = trouble_of(partition);
    }
    bool unsure = batch->standing == BATCH_UNSURE;
    partition->abandoned = partition->abandoned || unsure;
    bool unknown = unsure && !RT_MUTANT(unsure_is_not_persisted);
    batch_decide(batch, unknown ? SLUICE_UNKNOWN : SLUICE_NOT_PERSISTED, error, -1);
}

static uint64_t overdue_at(const struct batch *batch) {
    const struct sluice_config *config = producer_of(batch->partition)->config;
    return batch->opened_ns + (uint64_t)config->delivery_timeout_ms * 1000000;
}

static bool is_overdue(const struct batch *batch, uint64_t now_ns) {
    return now_ns >= overdue_at(batch);
}

/* Answers in a row after which it is not tried again, of those that may come a few times only. */
enum { FEW = 3 };

/* The same batch may be tried again after what was met last. */
static bool may_retry(const struct batch *batch) {
    switch (sluice_code_remedy(batch->last_error)) {
    case SLUICE_REMEDY_FEW:
        return batch->few < FEW;
    case SLUICE_REMEDY_EPOCH:
    case SLUICE_REMEDY_ID:
    case SLUICE_REMEDY_CONNECT:
        return true;
    case SLUICE_REMEDY_NONE:
    case SLUICE_REMEDY_CUT: /* see cut_is_wanted */
    case SLUICE_REMEDY_CUT_NAMED:
        break;
    }
    sluice_class class = sluice_code_class(batch->last_error);
    return class == SLUICE_CLASS_RETRIABLE || class == SLUICE_CLASS_SUCCESS;
}

/* Why this batch must be decided now; SLUICE_OK when it need not. */
static sluice_code reason_to_give_up(const struct batch *batch, uint64_t now_ns) {
    const struct sluice_config *config = producer_of(batch->partition)->config;
    if (is_overdue(batch, now_ns)) {
        return SLUICE_DELIVERY_TIMED_OUT;
    }
    if (batch->tried && !may_retry(batch) && !cut_is_wanted(batch)) {
        return batch->last_error;
    }
    if ((int64_t)batch->attempts > config->retries) {
        return batch->last_error != SLUICE_OK ? batch->last_error : SLUICE_RETRIES_EXHAUSTED;
    }
    return SLUICE_OK;
}

/* KIP-580: exponential with jitter; none when a newer leader is known or was named (KIP-951). */
static uint64_t backoff_ns(struct partition *partition, struct batch *batch) {
    struct producer *producer = producer_of(partition);
    const struct sluice_config *config = producer->config;
    const struct snapshot_topic *entry =
        snapshot_find(metadata_now(&producer->metadata), partition->topic);
    bool known = entry != NULL && partition->index < entry->partition_count &&
                 entry->partitions[partition->index].leader_epoch > partition->leader_epoch;
    if (batch->failures == 0 && (known || partition->hinted_epoch > partition->leader_epoch)) {
        batch->failures++;
        return 0;
    }
    uint64_t wait_ns = (uint64_t)config->retry_backoff_ms * 1000000;
    uint64_t most_ns = (uint64_t)config->retry_backoff_max_ms * 1000000;
    for (uint32_t i = 0; i < batch->failures && wait_ns < most_ns; i++) {
        wait_ns *= 2;
    }
    batch->failures++;
    wait_ns = wait_ns > most_ns ? most_ns : wait_ns;
    return wait_ns * (800 + rt_random(producer->world) % 401) / 1000;
}

static void send_away(struct partition *partition, struct batch *batch, uint64_t now_ns) {
    batch->away = true;
    partition->away++;
    uint64_t retry_at_ns = now_ns + backoff_ns(partition, batch);
    uint64_t overdue_ns = overdue_at(batch);
    bool in_time = retry_at_ns < overdue_ns || RT_MUTANT(retry_outlives_delivery);
    batch->retry_at_ns = in_time ? retry_at_ns : overdue_ns;
    atomic_fetch_add_explicit(&producer_of(partition)->counters.batches_retried, 1,
                              memory_order_relaxed);
    retry_post(&producer_of(partition)->retry, batch);
}

void settle_returned(struct partition *partition, uint64_t now_ns) {
    struct batch_list back = partition->lent;
    struct batch_list kept = {NULL, NULL};
    partition->lent = (struct batch_list){NULL, NULL};
    partition->next_unsent = NULL;
    struct cut_round round = cut_round_at(now_ns);
    struct batch *batch;
    while ((batch = batch_list_pop(&back)) != NULL) {
        sluice_code reason = batch->attempts > 0 ? reason_to_give_up(batch, now_ns) : SLUICE_OK;
        if (!is_overdue(batch, now_ns) && cut_batch(&round, batch, reason == SLUICE_OK, &kept)) {
            continue;
        }
        if (partition->lost && batch->standing == BATCH_UNSURE) {
            reason = SLUICE_SEQUENCE_LOST;
        }
        if (batch->tried && sluice_code_refreshes_metadata(batch->last_error) &&
            !RT_MUTANT(broken_link_asks_nothing)) {
            metadata_refresh(&producer_of(partition)->metadata);
        }
        if (reason != SLUICE_OK) {
            give_up(partition, batch, reason);
        } else if (batch->tried && partition->purging == 0) {
            batch->tried = false;
            send_away(partition, batch, now_ns);
        } else {
            batch_list_push(&kept, batch);
        }
    }
    partition->lost = false;
    if (RT_MUTANT(fresh_before_recalled)) {
        batch_list_append(&partition->pending, &kept);
        kept = partition->pending;
    } else {
        batch_list_append(&kept, &partition->pending);
    }
    partition->pending = kept;
    if (partition->away > 0 && !RT_MUTANT(overtakes_retries)) {
        partition->state = LEADER_RETRYING;
    }
}

/* Decides those pending batches for which `reason` answers other than SLUICE_OK. True when one of
 * them is being written and could not be decided yet. */
static bool sift(struct partition *partition,
                 sluice_code (*reason)(const struct batch *batch, uint64_t now_ns),
                 uint64_t now_ns) {
    struct batch_list all = partition->pending;
    partition->pending = (struct batch_list){NULL, NULL};
    bool open = false;
    struct batch *batch;
    while ((batch = batch_list_pop(&all)) != NULL) {
        sluice_code error = reason(batch, now_ns);
        if (error != SLUICE_OK && batch_close(batch)) {
            give_up(partition, batch, error);
        } else {
            open = open || error != SLUICE_OK;
            batch_list_push(&partition->pending, batch);
        }
    }
    return open;
}

static sluice_code overdue_reason(const struct batch *batch, uint64_t now_ns) {
    return is_overdue(batch, now_ns) ? SLUICE_DELIVERY_TIMED_OUT : SLUICE_OK;
}

/* No answer of the new topic's log says anything about the old one's: not even that a later batch
 * was accepted. And the new log knows no sequence, so that some brokers take only 0. */
void settle_remade(struct partition *partition) {
    struct batch_list all = partition->pending;
    struct batch *batch;
    partition->pending = (struct batch_list){NULL, NULL};
    while ((batch = batch_list_pop(&all)) != NULL) {
        if (batch->stamped && batch->standing == BATCH_UNSURE) {
            give_up(partition, batch, SLUICE_SEQUENCE_LOST);
        } else {
            batch_list_push(&partition->pending, batch);
        }
    }
    partition->bump_due = partition->bump_due || partition->next_sequence != 0;
}

void settle_overdue(struct partition *partition, uint64_t now_ns) {
    /* in order of opening, so the first tells */
    struct batch *first = partition->pending.first;
    if (first != NULL && is_overdue(first, now_ns)) {
        sift(partition, overdue_reason, now_ns);
    }
}

static sluice_code identity_reason(const struct batch *batch, uint64_t now_ns) {
    (void)now_ns;
    struct producer *producer = producer_of(batch->partition);
    return (sluice_code)atomic_load_explicit(&producer->identity.fatal, memory_order_acquire);
}

void settle_refuse(struct partition *partition, sluice_code error) {
    RT_ASSERT(error != SLUICE_OK);
    sift(partition, identity_reason, 0);
}

static sluice_code purge_reason(const struct batch *batch, uint64_t now_ns) {
    (void)now_ns;
    struct producer *producer = producer_of(batch->partition);
    uint32_t asked = batch->standing == BATCH_UNSURE ? SLUICE_PURGE_SENT : SLUICE_PURGE_UNSENT;
    int32_t error = atomic_load_explicit(&producer->purge_error, memory_order_relaxed);
    const struct partition *partition = batch->partition;
    bool meant = (partition->purging & asked) != 0 && batch->index < partition->purge_below;
    return meant ? (sluice_code)error : SLUICE_OK;
}

bool settle_purge(struct partition *partition) {
    return sift(partition, purge_reason, 0);
}
