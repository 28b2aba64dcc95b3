/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See aggregator.h. */
#include "actors/aggregator/aggregator.h"

#include "actors/aggregator/seal.h"
#include "actors/broker.h"
#include "actors/counters/counters.h"
#include "actors/leader/writing.h"
#include "actors/producer/producer.h"
#include "protocol/codec.h"
#include "runtime/assert.h"
#include "runtime/fetch.h"
#include "runtime/mutant.h"

enum { BEHIND_WAIT_LEAST_NS = 10000000 };

static struct producer *producer_of(const struct aggregator *self) {
    return self->broker->producer;
}

static bool hurried(const struct aggregator *self) {
    return atomic_load_explicit(&producer_of(self)->hurry, memory_order_seq_cst) != 0;
}

/* -- the list of lingering partitions, soonest first -- */

static void linger_remove(struct aggregator *self, struct partition *partition) {
    if (!partition->lingering) {
        return;
    }
    struct partition *next = partition->linger_next;
    struct partition *previous = partition->linger_previous;
    *(previous != NULL ? &previous->linger_next : &self->linger_first) = next;
    *(next != NULL ? &next->linger_previous : &self->linger_last) = previous;
    partition->lingering = false;
}

/* Batches are opened in about the order in which they linger, so the place is near the end. */
static void linger_insert(struct aggregator *self, struct partition *partition, uint64_t due_ns) {
    if (partition->lingering && partition->linger_due_ns == due_ns &&
        !RT_MUTANT(linger_goes_round)) {
        return; /* who goes through the list must not meet it again and again */
    }
    linger_remove(self, partition);
    struct partition *after = self->linger_last;
    while (after != NULL && after->linger_due_ns > due_ns) {
        after = after->linger_previous;
    }
    struct partition *next = after != NULL ? after->linger_next : self->linger_first;
    partition->linger_previous = after;
    partition->linger_next = next;
    *(after != NULL ? &after->linger_next : &self->linger_first) = partition;
    *(next != NULL ? &next->linger_previous : &self->linger_last) = partition;
    partition->linger_due_ns = due_ns;
    partition->lingering = true;
}

/* -- passing on -- */

static void pass_on(struct aggregator *self, struct mail *mail) {
    rt_lane_unbounded_push(&self->broker->flusher.mail, &mail->node);
}

static void pass_batch_on(struct aggregator *self, struct batch *batch) {
    rt_count_add(&self->counted->passed, 1);
    atomic_fetch_add_explicit(&batch->partition->unsent, 1, memory_order_seq_cst);
    pass_on(self, &batch->mail);
}

static void note_held(struct partition *partition) {
    struct batch *first = partition->held.first;
    /* pairs with the leader actor, which looks at `unsent` after it */
    atomic_store_explicit(&partition->held_oldest_ns, first != NULL ? first->opened_ns : 0,
                          memory_order_release);
}

/* Each batch once: what is sealed stays so. */
static void count_closed(struct aggregator *self, const struct batch *batch, uint64_t now_ns) {
    struct aggregator_counted *counted = self->counted;
    enum batch_closed by = batch->closed_by;
    if (by == BATCH_CLOSED_BY_HOLDER && now_ns < batch->opened_ns + self->linger_ns) {
        by = BATCH_CLOSED_HURRY;
    }
    rt_count_add(&counted->closed[by], 1);
    rt_count_add(&counted->records, batch->records);
    rt_sizes_add(&counted->batch_records, batch->records);
    rt_times_add(&counted->sealed, batch->opened_ns, now_ns);
}

/* Has closed batches sealed, and passes on those at the head that are. */
static void advance(struct aggregator *self, struct partition *partition, uint64_t now_ns) {
    struct producer *producer = producer_of(self);
    for (struct batch *batch = partition->held.first; batch != NULL && batch_is_closed(batch);
         batch = batch->next) {
        if (!batch->packing && !batch->sealed) {
            count_closed(self, batch, now_ns);
            seal(producer, batch);
        }
    }
    bool passed = false;
    /* while a sealer has a batch, all but `packing` is the sealer's */
    while (partition->held.first != NULL && !partition->held.first->packing &&
           partition->held.first->sealed) {
        pass_batch_on(self, batch_list_pop(&partition->held));
        passed = true;
    }
    if (passed) {
        partition->extended = false;
        rt_notify(&self->broker->flusher.actor);
    }
    note_held(partition);
}

/* -- linger -- */

static bool take_wish_back(struct partition *partition) {
    bool taken = atomic_exchange_explicit(&partition->behind, BEHIND_NOTHING,
                                          memory_order_acq_rel) != BEHIND_NOTHING;
    if (taken) {
        partition->answer_wanted = false; /* else it is on its way */
    }
    return taken;
}

/* An older batch of the partition is unanswered, and we shall be told when it is not any more. */
static bool waits_behind(struct partition *partition) {
    if (atomic_load_explicit(&partition->lent_oldest_ns, memory_order_seq_cst) == 0) {
        return false;
    }
    if (partition->answer_wanted) {
        return true;
    }
    atomic_store_explicit(&partition->behind, BEHIND_UNANSWERED, memory_order_seq_cst);
    partition->answer_wanted = true;
    /* pairs with the flusher, which clears lent_oldest_ns before it looks at `behind` */
    if (atomic_load_explicit(&partition->lent_oldest_ns, memory_order_seq_cst) != 0) {
        return true;
    }
    take_wish_back(partition);
    return false;
}

/* Older batches wait for the gate, so that nothing would leave sooner for being closed now; and we
 * shall be told when none waits any more. Without this, what comes faster than the gate lets it out
 * would be cut into ever smaller batches, and wait ever longer. */
static bool waits_unsent(struct partition *partition) {
    if (atomic_load_explicit(&partition->unsent, memory_order_seq_cst) == 0) {
        return false;
    }
    if (!partition->answer_wanted) {
        atomic_store_explicit(&partition->behind, BEHIND_UNSENT, memory_order_seq_cst);
        partition->answer_wanted = true;
    } else {
        uint8_t wish = BEHIND_UNANSWERED; /* sooner, if that is still to come */
        atomic_compare_exchange_strong_explicit(&partition->behind, &wish, BEHIND_UNSENT,
                                                memory_order_seq_cst, memory_order_relaxed);
    }
    /* pairs with the flusher, which counts `unsent` down before it looks at `behind` */
    if (atomic_load_explicit(&partition->unsent, memory_order_seq_cst) != 0) {
        return true;
    }
    take_wish_back(partition);
    return false;
}

static struct batch *open_batch(const struct partition *partition) {
    struct batch *last = partition->held.last;
    return last != NULL && !last->packing && !last->sealed && !batch_is_closed(last) ? last : NULL;
}

/* -- room in the flusher -- */

void aggregator_adapt(struct aggregator *aggregator, uint64_t answered_ns) {
    uint64_t times = answered_ns / AGGREGATOR_ROOM_NEAR_NS;
    times = times < 1 ? 1 : times > AGGREGATOR_ROOM_TIMES_MAX ? AGGREGATOR_ROOM_TIMES_MAX : times;
    atomic_store_explicit(&aggregator->answered_ns, answered_ns, memory_order_relaxed);
    int64_t part = producer_of(aggregator)->config->buffer_memory / AGGREGATOR_ROOM_PART;
    uint32_t once = part < AGGREGATOR_ROOM_BYTES ? (uint32_t)part + 1 : AGGREGATOR_ROOM_BYTES;
    atomic_store_explicit(&aggregator->room_limit, (uint32_t)times * once, memory_order_relaxed);
}

static bool has_room(struct aggregator *self) {
    uint32_t limit = atomic_load_explicit(&self->room_limit, memory_order_relaxed);
    if (atomic_load_explicit(&self->room_used, memory_order_seq_cst) < limit) {
        return true;
    }
    atomic_store_explicit(&self->room_wanted, true, memory_order_seq_cst);
    /* pairs with aggregator_room_give, which takes off before it looks at `room_wanted` */
    return atomic_load_explicit(&self->room_used, memory_order_seq_cst) < limit;
}

void aggregator_room_give(struct aggregator *aggregator, uint32_t bytes) {
    uint32_t before =
        atomic_fetch_sub_explicit(&aggregator->room_used, bytes, memory_order_seq_cst);
    RT_ASSERT(before >= bytes);
    uint32_t limit = atomic_load_explicit(&aggregator->room_limit, memory_order_relaxed);
    if (before - bytes <= limit / 2 && !RT_MUTANT(room_is_not_told) &&
        atomic_load_explicit(&aggregator->room_wanted, memory_order_seq_cst) &&
        atomic_exchange_explicit(&aggregator->room_wanted, false, memory_order_seq_cst)) {
        rt_mark(&aggregator->actor, RT_MARK(AGGREGATOR_MARK_ROOM));
    }
}

static void close_open(struct aggregator *self, struct partition *partition, struct batch *batch,
                       uint64_t now_ns) {
    if (batch_close(batch)) {
        uint32_t bytes = batch->raw_bytes;
        batch->room = bytes < AGGREGATOR_BATCH_BYTES ? AGGREGATOR_BATCH_BYTES : bytes;
        atomic_fetch_add_explicit(&self->room_used, batch->room, memory_order_relaxed);
        advance(self, partition, now_ns);
    }
}

/* How much longer a batch waits behind unanswered ones. When more than half of those that a
 * partition may have in flight are, they are spread over a round trip: else they would all leave at
 * its beginning, and what came then would wait for its end. */
static uint64_t extension_ns(const struct aggregator *self, const struct partition *partition) {
    uint64_t wait_ns = self->linger_ns;
    wait_ns = wait_ns > BEHIND_WAIT_LEAST_NS ? wait_ns : BEHIND_WAIT_LEAST_NS;
    int64_t most = producer_of(self)->config->max_in_flight;
    if (2 * (int64_t)atomic_load_explicit(&partition->flying, memory_order_relaxed) > most) {
        uint64_t part_ns =
            atomic_load_explicit(&self->answered_ns, memory_order_relaxed) / (uint64_t)most;
        wait_ns = wait_ns > part_ns ? wait_ns : part_ns;
    }
    return wait_ns;
}

/* Closes the partition's open batch when its time has come, else sees to it that it will. */
static void linger(struct aggregator *self, struct partition *partition, uint64_t now_ns) {
    advance(self, partition, now_ns);
    struct batch *batch = open_batch(partition);
    if (batch == NULL || partition->fence_waits) {
        linger_remove(self, partition);
        return;
    }
    uint64_t due_ns = batch->opened_ns + self->linger_ns;
    if (partition->extended) {
        due_ns += extension_ns(self, partition);
    }
    bool hurry = hurried(self);
    if (!hurry && now_ns >= due_ns && !partition->extended && waits_behind(partition)) {
        partition->extended = true;
        due_ns += extension_ns(self, partition);
    }
    if ((!hurry && now_ns < due_ns) || !has_room(self)) {
        linger_insert(self, partition, due_ns);
        return;
    }
    linger_remove(self, partition);
    if (!waits_unsent(partition)) { /* else `answered` comes */
        close_open(self, partition, batch, now_ns);
    }
}

/* -- the fence -- */

static bool is_packing(const struct partition *partition) {
    for (struct batch *batch = partition->held.first; batch != NULL; batch = batch->next) {
        if (batch->packing) {
            return true;
        }
    }
    return false;
}

/* Everything of the partition goes on to the flusher, as it is, and the fence behind it. Not before
 * sealers and flusher can no longer send anything here for it. */
static void fence(struct aggregator *self, struct partition *partition) {
    linger_remove(self, partition);
    if (partition->answer_wanted) {
        take_wish_back(partition);
    }
    partition->fence_waits = partition->answer_wanted || is_packing(partition);
    if (partition->fence_waits) {
        return;
    }
    struct batch *batch;
    while (!RT_MUTANT(fence_overtakes) && (batch = batch_list_pop(&partition->held)) != NULL) {
        pass_batch_on(self, batch);
    }
    note_held(partition);
    partition->extended = false;
    pass_on(self, &partition->fence);
    rt_notify(&self->broker->flusher.actor);
}

/* -- mail -- */

static void handle(struct aggregator *self, struct mail *mail, uint64_t now_ns) {
    struct partition *partition = mail_partition(mail);
    switch (mail->kind) {
    case MAIL_BATCH:
        batch_list_push(&partition->held, batch_of(mail));
        break;
    case MAIL_FULL:
        atomic_store_explicit(&partition->full_posted, 0, memory_order_release);
        break;
    case MAIL_ANSWERED:
        partition->answer_wanted = false;
        partition->extended = false; /* its time, if it is over, is over now */
        break;
    case MAIL_FENCE:
        partition->fence_waits = true;
    }
    linger(self, partition, now_ns);
    if (partition->fence_waits) {
        fence(self, partition);
    }
}

static bool take_mail(struct aggregator *self, struct rt_turn *turn) {
    struct mail *some[MAIL_AT_ONCE];
    enum rt_take take = RT_TAKEN;
    uint32_t total = 0;
    for (uint32_t n = 0; take == RT_TAKEN && n < turn->budget; n += MAIL_AT_ONCE) {
        uint32_t count = mail_take(&self->mail, some, &take);
        total += count;
        for (uint32_t i = 0; i < count; i++) {
            struct partition *partition = mail_partition(some[i]);
            rt_fetch(&partition->writing);
            rt_fetch_all(&partition->held, sizeof *partition - offsetof(struct partition, held));
        }
        for (uint32_t i = 0; i < count; i++) {
            handle(self, some[i], rt_turn_now(turn));
        }
    }
    if (total > 1) {
        rt_sizes_add(&self->counted->mail, total);
    }
    return take != RT_EMPTY;
}

static bool take_sealed(struct aggregator *self, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&self->sealed, &node)) == RT_TAKEN) {
        struct batch *batch = batch_of(mail_of(node));
        struct partition *partition = batch->partition;
        batch->packing = false;
        linger(self, partition, rt_turn_now(turn)); /* may pass the batch on: it is gone by then */
        if (partition->fence_waits) {
            fence(self, partition);
        }
    }
    return take != RT_EMPTY;
}

/* Those whose time has come, or all, for as long as there is room. */
static void check_lingering(struct aggregator *self, uint64_t now_ns, bool all) {
    struct partition *partition = self->linger_first;
    bool room = true;
    while (partition != NULL && (all || partition->linger_due_ns <= now_ns)) {
        room = has_room(self);
        if (!room) {
            break;
        }
        struct partition *next = partition->linger_next;
        if (next != NULL) {
            rt_fetch_all(&next->held, sizeof *next - offsetof(struct partition, held));
            rt_fetch(&next->writing);
        }
        linger(self, partition, now_ns);
        partition = all ? next : self->linger_first;
    }
    struct rt_world *world = producer_of(self)->world;
    if (self->linger_first != NULL && room) {
        rt_timer_arm(world, &self->timer, self->linger_first->linger_due_ns);
    } else {
        rt_timer_cancel(world, &self->timer);
    }
}

static enum rt_verdict aggregator_run(struct rt_actor *actor, struct rt_turn *turn,
                                      uint32_t marks) {
    struct aggregator *self = caa_container_of(actor, struct aggregator, actor);
    bool more = take_sealed(self, turn);
    more = take_mail(self, turn) || more;
    bool all = (marks & RT_MARK(AGGREGATOR_MARK_FLUSH)) != 0 ||
               ((marks & RT_MARK(AGGREGATOR_MARK_ROOM)) != 0 && hurried(self));
    check_lingering(self, rt_turn_now(turn), all);
    if ((marks & RT_MARK(AGGREGATOR_MARK_END)) != 0) {
        RT_ASSERT(!more && self->linger_first == NULL);
        RT_ASSERT(atomic_load_explicit(&self->room_used, memory_order_relaxed) == 0);
        rt_mark(&self->broker->flusher.actor, RT_MARK(FLUSHER_MARK_END));
        return RT_END;
    }
    return more ? RT_AGAIN : RT_IDLE;
}

static void aggregator_gone(struct rt_actor *actor) {
    struct aggregator *self = caa_container_of(actor, struct aggregator, actor);
    broker_actor_gone(self->broker);
}

static const struct rt_actor_kind aggregator_kind = {
    .name = "aggregator", .class = RT_CLASS_ACTOR, .run = aggregator_run, .gone = aggregator_gone};

void aggregator_start(struct aggregator *aggregator, struct broker *broker) {
    aggregator->broker = broker;
    aggregator->counted = &broker->counted->aggregator;
    aggregator->linger_ns = (uint64_t)broker->producer->config->linger_us * 1000;
    rt_lane_unbounded_init(&aggregator->mail);
    rt_lane_unbounded_init(&aggregator->sealed);
    aggregator_adapt(aggregator, 0);
    rt_timer_init(&aggregator->timer, &aggregator->actor, RT_MARK(AGGREGATOR_MARK_TIMER));
    producer_actor_start(broker->producer, &aggregator->actor, &aggregator_kind);
}
