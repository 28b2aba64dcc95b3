/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See ticket.h. */
#include "actors/flusher/ticket.h"

#include "actors/broker.h"
#include "actors/config/error.h"
#include "actors/flusher/request.h"
#include "actors/leader/lend.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static struct producer *producer_of(const struct flusher *self) {
    return self->broker->producer;
}

static bool is_idempotent(const struct flusher *self) {
    return producer_of(self)->config->enable_idempotence;
}

static uint32_t now_s(const struct flusher *self) {
    return (uint32_t)(self->now_ns / 1000000000);
}

/* -- attaching -- */

static void attach(struct flusher *self, struct partition *partition) {
    partition->attached = true;
    partition->attached_previous = NULL;
    partition->attached_next = self->attached;
    if (self->attached != NULL) {
        self->attached->attached_previous = partition;
    }
    self->attached = partition;
}

static void detach(struct flusher *self, struct partition *partition) {
    struct partition *next = partition->attached_next;
    struct partition *previous = partition->attached_previous;
    *(previous != NULL ? &previous->attached_next : &self->attached) = next;
    if (next != NULL) {
        next->attached_previous = previous;
    }
    partition->attached = false;
}

/* Tells the aggregator that what it waits for, which is `least` or more, has come. */
static void answer_wish(struct flusher *self, struct partition *partition, uint32_t least) {
    if (atomic_load_explicit(&partition->behind, memory_order_seq_cst) >= least &&
        atomic_exchange_explicit(&partition->behind, BEHIND_NOTHING, memory_order_acq_rel) !=
            BEHIND_NOTHING) {
        rt_lane_unbounded_push(&self->broker->aggregator.mail, &partition->answered.node);
        rt_notify_pushed(&self->broker->aggregator.actor);
    }
}

/* Publishes how old the oldest batch here is, and tells the aggregator when there is none. */
static void note_lent(struct flusher *self, struct partition *partition) {
    struct batch *first = partition->lent.first;
    atomic_store_explicit(&partition->lent_oldest_ns, first != NULL ? first->opened_ns : 0,
                          memory_order_seq_cst);
    /* pairs with the aggregator, which sets `behind` before it looks at lent_oldest_ns again */
    if (first == NULL) {
        answer_wish(self, partition, BEHIND_UNANSWERED);
    }
}

void ticket_add(struct flusher *self, struct partition *partition, struct batch *batch) {
    if (!partition->attached) {
        attach(self, partition);
    }
    bool first = partition->lent.first == NULL;
    batch_list_push(&partition->lent, batch);
    if (partition->next_unsent == NULL) {
        partition->next_unsent = batch;
    }
    if (first) {
        note_lent(self, partition);
    }
    ticket_make_ready(self, partition);
}

/* -- the gate -- */

/* Brokers forget a producer that was silent for long, and then take any sequence: after such a time
 * the first batch goes alone again. Much less than any producer.id.expiration.ms that makes sense,
 * and more than what would cost anything. */
enum { PROVEN_S = 10 };

/* One batch until the first success since the ticket was lent, on this connection; then as many as
 * brokers can put in order, counted from the oldest undecided one. */
static bool gate_is_open(const struct flusher *self, const struct partition *partition) {
    const struct sluice_config *config = producer_of(self)->config;
    if (partition->in_flight == 0) {
        return true;
    }
    if (config->enable_idempotence) {
        return (partition->proven || RT_MUTANT(gate_without_proof)) &&
               (int64_t)partition->in_flight < config->max_in_flight;
    }
    return (config->given[SLUICE_OPTION_max_in_flight] || RT_MUTANT(two_without_idempotence)) &&
           (int64_t)partition->in_flight < config->max_in_flight;
}

static bool may_send(const struct flusher *self, const struct partition *partition) {
    const struct batch *batch = partition->next_unsent;
    bool stopping = partition->stopping && !RT_MUTANT(stopped_sends_on);
    if (batch == NULL || stopping || !batch->sealed) {
        return false;
    }
    if (partition->bump_due && !batch->stamped) {
        return false; /* only what is stamped may be settled before the new epoch */
    }
    return gate_is_open(self, partition);
}

void ticket_make_ready(struct flusher *self, struct partition *partition) {
    if ((partition->ready && !RT_MUTANT(ready_twice)) || !may_send(self, partition)) {
        return;
    }
    partition->ready = true;
    partition->ready_next = NULL;
    if (self->ready_last == NULL) {
        self->ready_first = partition;
    } else {
        self->ready_last->ready_next = partition;
    }
    self->ready_last = partition;
}

struct partition *ticket_next_ready(struct flusher *self) {
    for (;;) {
        struct partition *partition = self->ready_first;
        if (partition == NULL) {
            return NULL;
        }
        self->ready_first = partition->ready_next;
        if (self->ready_first == NULL) {
            self->ready_last = NULL;
        }
        partition->ready = false;
        if (may_send(self, partition)) {
            return partition;
        }
    }
}

/* -- in flight -- */

static void count_flying(struct partition *partition, uint32_t in_flight) {
    partition->in_flight = in_flight;
    atomic_store_explicit(&partition->flying, (uint8_t)(in_flight < 255 ? in_flight : 255),
                          memory_order_relaxed);
}

struct batch *ticket_hand_over(struct flusher *self, struct partition *partition) {
    struct batch *batch = partition->next_unsent;
    RT_ASSERT(may_send(self, partition));
    if (is_idempotent(self) && !batch->stamped) {
        batch_stamp(batch, partition->producer_id, partition->producer_epoch,
                    partition->next_sequence);
        partition->next_sequence =
            kafka_sequence_add(partition->next_sequence, (int32_t)batch->records);
    }
    if (partition->in_flight == 0 && now_s(self) - partition->proven_s > PROVEN_S) {
        partition->proven = false;
    }
    self->room_given += batch->room;
    batch->room = 0;
    batch->attempts++;
    batch->tried = true;
    batch->in_flight = true;
    count_flying(partition, partition->in_flight + 1);
    partition->next_unsent = batch->next;
    /* pairs with the aggregator, which sets `behind` before it looks at `unsent` again */
    if (atomic_fetch_sub_explicit(&partition->unsent, 1, memory_order_seq_cst) == 1) {
        answer_wish(self, partition, BEHIND_UNSENT);
    }
    return batch;
}

void ticket_give_room(struct flusher *self) {
    if (self->room_given > 0) {
        aggregator_room_give(&self->broker->aggregator, self->room_given);
        self->room_given = 0;
    }
}

/* -- stopping and going back -- */

/* A batch that was never sent and whose time is over: what it waited for here. */
static void note_wait(const struct flusher *self, struct batch *batch) {
    uint64_t limit_ns = (uint64_t)producer_of(self)->config->delivery_timeout_ms * 1000000;
    if (batch->last_error == SLUICE_OK && self->now_ns >= batch->opened_ns + limit_ns) {
        batch->last_error = link_awaits(&self->link);
    }
}

static void go_back(struct flusher *self, struct partition *partition) {
    RT_ASSERT(!partition->ready && partition->in_flight == 0);
    for (struct batch *batch = partition->next_unsent; batch != NULL; batch = batch->next) {
        rt_count_add(&self->counted->returned, 1);
        note_wait(self, batch);
        RT_UNLESS_MUTANT(room_goes_back_unseen, self->room_given += batch->room);
        batch->room = 0;
    }
    ticket_give_room(self);
    if (partition->attached) {
        detach(self, partition);
    }
    atomic_store_explicit(&partition->lent_oldest_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&partition->unsent, 0, memory_order_relaxed);
    rt_lane_unbounded_push(&partition->returns, &partition->back);
    rt_notify_pushed(&partition->leader);
}

static void ready_remove(struct flusher *self, struct partition *partition) {
    struct partition **at = &self->ready_first;
    struct partition *previous = NULL;
    if (!partition->ready) {
        return;
    }
    while (*at != partition) {
        previous = *at;
        at = &previous->ready_next;
    }
    *at = partition->ready_next;
    if (self->ready_last == partition) {
        self->ready_last = previous;
    }
    partition->ready = false;
}

void ticket_settle(struct flusher *self, struct partition *partition) {
    if (!partition->stopping) {
        RT_UNLESS_MUTANT(answer_opens_nothing, ticket_make_ready(self, partition));
    } else if (!(RT_MUTANT(global_drain) && self->in_flight > 1) &&
               (partition->fenced || RT_MUTANT(back_without_fence)) &&
               (partition->in_flight == 0 || RT_MUTANT(back_before_answers))) {
        go_back(self, partition);
    }
}

void ticket_stop(struct flusher *self, struct partition *partition) {
    if (!partition->stopping) {
        partition->stopping = true;
        ready_remove(self, partition);
    }
    if (!partition->fenced && !partition->stop_posted) {
        partition->stop_posted = true;
        rt_lane_unbounded_push(&partition->returns, &partition->stop);
        rt_notify_pushed(&partition->leader);
    }
}

void ticket_stop_hard(struct flusher *self, struct partition *partition) {
    ticket_stop(self, partition);
    struct batch *batch = partition->lent.first;
    for (; batch != partition->next_unsent; batch = batch->next) {
        if (batch->in_flight) {
            batch->in_flight = false;
            batch->standing = RT_MUTANT(out_of_time_is_refused) ? BATCH_REFUSED : BATCH_UNSURE;
            request_forget(self, batch);
        }
    }
    count_flying(partition, 0);
    ticket_settle(self, partition);
}

void ticket_fence(struct flusher *self, struct partition *partition) {
    partition->fenced = true;
    if (atomic_load_explicit(&partition->hard, memory_order_acquire)) {
        ticket_stop_hard(self, partition);
    } else {
        ticket_stop(self, partition);
        ticket_settle(self, partition);
    }
}

/* A round of refusals that was begun on the old connection is begun again: if the broker has lost
 * all that it knew, it takes any batch, and that proves nothing about those before. */
void ticket_reconnected(struct flusher *self, struct partition *partition) {
    bool in_round = partition->in_flight == 0 && partition->lent.first != partition->next_unsent;
    partition->proven = partition->proven && RT_MUTANT(proof_outlives_connection);
    if (is_idempotent(self) && in_round && !RT_MUTANT(round_outlives_connection)) {
        ticket_stop(self, partition);
        ticket_settle(self, partition);
    }
}

/* -- answers -- */

static void landed(struct batch *batch) {
    RT_ASSERT(batch->in_flight && batch->partition->in_flight > 0);
    batch->in_flight = false;
    count_flying(batch->partition, batch->partition->in_flight - 1);
}

/* Counted before whoever waits for it can know. */
static void persisted(struct flusher *self, struct batch *batch, int64_t base_offset) {
    batch->in_flight = false;
    rt_times_add(&self->counted->acknowledged, batch->opened_ns, self->now_ns);
    batch_decide_at(batch, SLUICE_PERSISTED, SLUICE_OK, base_offset, self->now_ns);
}

static void lent_remove(struct partition *partition, struct batch *batch) {
    struct batch *previous = NULL;
    for (struct batch *at = partition->lent.first; at != batch; at = at->next) {
        previous = at;
    }
    *(previous != NULL ? &previous->next : &partition->lent.first) = batch->next;
    if (partition->lent.last == batch) {
        partition->lent.last = previous;
    }
    if (partition->next_unsent == batch) {
        partition->next_unsent = batch->next;
    }
}

/* All that may be settled under this epoch is, and the next one is due: home, to begin it. */
static void stop_for_epoch(struct flusher *self, struct partition *partition) {
    if (partition->bump_due && partition->in_flight == 0 &&
        (partition->next_unsent == NULL || !partition->next_unsent->stamped)) {
        ticket_stop(self, partition);
    }
}

/* Its time is over; what was stamped asks for a new epoch, as in leader/settle.c. */
static void out_of_time(struct partition *partition, struct batch *batch) {
    bool unsure = batch->standing == BATCH_UNSURE && !RT_MUTANT(out_of_time_is_refused);
    lent_remove(partition, batch);
    partition->bump_due = partition->bump_due || batch->stamped;
    partition->abandoned = partition->abandoned || unsure;
    batch_decide(batch, unsure ? SLUICE_UNKNOWN : SLUICE_NOT_PERSISTED, SLUICE_DELIVERY_TIMED_OUT,
                 -1);
}

void ticket_abandon(struct flusher *self, struct batch *batch) {
    struct partition *partition = batch->partition;
    landed(batch);
    request_forget(self, batch);
    batch->standing = BATCH_UNSURE;
    batch->last_error = batch->last_error != SLUICE_OK ? batch->last_error : SLUICE_NO_ANSWER;
    out_of_time(partition, batch);
    note_lent(self, partition);
    stop_for_epoch(self, partition);
    ticket_settle(self, partition);
}

void ticket_expire(struct flusher *self, struct partition *partition) {
    uint64_t limit_ns = (uint64_t)producer_of(self)->config->delivery_timeout_ms * 1000000;
    struct batch *batch = partition->lent.first;
    while (partition->stopping && batch != partition->next_unsent) {
        struct batch *next = batch->next;
        if (!batch->in_flight && self->now_ns >= batch->opened_ns + limit_ns) {
            out_of_time(partition, batch);
        }
        batch = next;
    }
    note_lent(self, partition);
}

/* Brokers append in order of sequence: a later success proves the earlier ones. Not so in a log
 * that was begun anew, because its topic was made again: that takes any batch as the first, a late
 * copy of one behind these, too. It shows by the topic's id, and soon by an offset that leaves no
 * room for these; where brokers tell no ids it may not show at all. */
static void settle_earlier(struct flusher *self, struct partition *partition, struct batch *earlier,
                           bool is_anew) {
    RT_ASSERT(earlier->stamped && !earlier->in_flight);
    lent_remove(partition, earlier);
    if (earlier->standing == BATCH_REFUSED) {
        batch_decide(earlier, SLUICE_NOT_PERSISTED, earlier->last_error, -1);
    } else if (is_anew) {
        batch_decide(earlier, SLUICE_UNKNOWN, SLUICE_SEQUENCE_LOST, -1);
    } else {
        persisted(self, earlier, -1);
    }
}

/* Of batches before this one that may have been written. */
static uint32_t records_before(const struct partition *partition, const struct batch *batch) {
    uint32_t records = 0;
    for (const struct batch *at = partition->lent.first; at != batch; at = at->next) {
        records += at->standing != BATCH_REFUSED ? at->records : 0;
    }
    return records;
}

void ticket_succeeded(struct flusher *self, struct batch *batch, int64_t base_offset,
                      int64_t log_append_time_ms) {
    struct partition *partition = batch->partition;
    landed(batch);
    partition->proven = true;
    partition->proven_s = now_s(self);
    partition->unfenced = false;
    batch->log_append_time_ms = log_append_time_ms;
    /* in the same log those before it would lie in between */
    uint32_t offset_least = partition->end_offset;
    RT_UNLESS_MUTANT(offset_without_room, offset_least += records_before(partition, batch));
    bool given_before = base_offset >= 0 && partition->end_offset != 0 &&
                        (int32_t)((uint32_t)base_offset - offset_least) < 0;
    bool is_anew = (given_before && !RT_MUTANT(offset_given_again)) ||
                   (kafka_uuid_is_zero(partition->topic_id) && !RT_MUTANT(proof_without_id));
    /* What is left (GUARANTEES.md): a broker that takes names, and does not tell the new id yet */
    while (is_idempotent(self) && partition->lent.first != batch &&
           !RT_MUTANT(success_proves_itself)) {
        settle_earlier(self, partition, partition->lent.first, is_anew);
    }
    if (base_offset >= 0) {
        partition->end_offset = (uint32_t)base_offset + batch->records;
    }
    lent_remove(partition, batch);
    persisted(self, batch, base_offset);
    note_lent(self, partition);
    stop_for_epoch(self, partition);
    if (lend_is_worn(partition)) {
        ticket_stop(self, partition);
    }
    ticket_settle(self, partition);
}

/* The youngest stamped batch has been refused. If every one was, under this one leader epoch, none
 * of them was ever written, and they may be stamped anew. Not so when an unsure batch of this epoch
 * was given up: the gap that it left may be what they are refused for, whether they were written or
 * not. Then nothing can settle the unsure ones any more, and they are unknown. */
static void close_round(struct flusher *self, struct partition *partition) {
    bool all = true;
    for (struct batch *batch = partition->lent.first; batch != NULL; batch = batch->next) {
        if (batch->stamped) {
            bool refused =
                batch->out_of_order && batch->refused_leader_epoch == partition->leader_epoch;
            all = (all && (refused || batch->standing == BATCH_REFUSED)) ||
                  RT_MUTANT(one_refusal_for_all);
        }
    }
    bool proof = all && (!partition->abandoned || RT_MUTANT(proof_with_a_gap));
    for (struct batch *batch = partition->lent.first; proof && batch != NULL; batch = batch->next) {
        if (batch->stamped) {
            batch->standing = BATCH_REFUSED;
        }
    }
    if (all) {
        partition->bump_due = true;
        partition->lost = !proof;
    }
    ticket_stop(self, partition);
}

static bool has_unsure(const struct partition *partition) {
    bool unsure = false;
    for (struct batch *batch = partition->lent.first; batch != NULL; batch = batch->next) {
        unsure = unsure || (batch->stamped && batch->standing != BATCH_REFUSED);
    }
    return unsure;
}

/* Refused by its sequence: proves nothing yet about a batch that is unsure. */
static void out_of_order(struct flusher *self, struct batch *batch) {
    struct partition *partition = batch->partition;
    batch->out_of_order = true;
    batch->refused_leader_epoch = partition->leader_epoch;
    if (batch->standing == BATCH_UNTRIED || RT_MUTANT(refusal_settles_unsure)) {
        batch->standing = BATCH_REFUSED;
    }
    if (partition->stopping || partition->proven) {
        ticket_stop(self, partition);
    } else if (partition->next_unsent == NULL || !partition->next_unsent->stamped ||
               !has_unsure(partition) || RT_MUTANT(one_refusal_for_all)) {
        close_round(self, partition);
    }
}

/* The broker knows a higher epoch of this id, or refuses the id as such: somebody else has it, and
 * what he wrote stands in the place of what the broker knew of us. So nothing can be settled any
 * more, and no epoch of this id is ours. What may still arrive late is refused as this one was. */
static void lose_id(struct flusher *self, struct batch *batch) {
    struct partition *partition = batch->partition;
    if (batch->standing == BATCH_UNTRIED) {
        batch->standing = BATCH_REFUSED;
    }
    partition->id_lost = !RT_MUTANT(id_kept);
    partition->lost = true;
    ticket_stop(self, partition);
}

/* Tells of that attempt only, unless it is the first. */
static void failed(struct flusher *self, struct batch *batch, enum sluice_attempt attempt) {
    batch->out_of_order = false;
    if (attempt != SLUICE_ATTEMPT_NOT) {
        batch->standing = BATCH_UNSURE;
    } else if (batch->standing == BATCH_UNTRIED || RT_MUTANT(later_refusal_settles)) {
        batch->standing = BATCH_REFUSED;
    }
    ticket_stop(self, batch->partition);
}

void ticket_failed(struct flusher *self, struct batch *batch, sluice_code error) {
    struct partition *partition = batch->partition;
    enum sluice_attempt attempt = sluice_code_attempt(error);
    error_count(producer_of(self)->errors.attempts, error, 1);
    if ((RT_MUTANT(lost_answer_is_refusal) && error == SLUICE_CONNECTION_LOST) ||
        (RT_MUTANT(time_out_is_refusal) && error == SLUICE_BROKER_REQUEST_TIMED_OUT)) {
        attempt = SLUICE_ATTEMPT_NOT;
    }
    if (attempt == SLUICE_ATTEMPT_WRITTEN ||
        (RT_MUTANT(unsure_is_persisted) && attempt == SLUICE_ATTEMPT_UNSURE)) {
        ticket_succeeded(self, batch, -1, -1);
        return;
    }
    enum sluice_remedy remedy = sluice_code_remedy(error);
    landed(batch);
    batch->last_error = error;
    batch->few = remedy == SLUICE_REMEDY_FEW ? batch->few + 1 : 0;
    if (is_idempotent(self) && remedy == SLUICE_REMEDY_EPOCH) {
        out_of_order(self, batch);
    } else if (is_idempotent(self) && remedy == SLUICE_REMEDY_ID) {
        lose_id(self, batch);
    } else {
        failed(self, batch, attempt);
    }
    ticket_settle(self, partition);
}

void ticket_unasked(struct flusher *self, struct batch *batch) {
    struct partition *partition = batch->partition;
    landed(batch);
    lent_remove(partition, batch);
    batch_decide(batch, SLUICE_UNKNOWN, SLUICE_NOT_ASKED, -1);
    note_lent(self, partition);
    ticket_settle(self, partition);
}

void ticket_not_sent(struct flusher *self, struct batch *batch) {
    landed(batch);
    batch->attempts--;
    batch->tried = false;
    ticket_stop(self, batch->partition);
    ticket_settle(self, batch->partition);
}
