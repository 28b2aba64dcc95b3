/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The leader actor: its messages and states. Lending is in leader/lend.c, what becomes of batches
 * that come back in leader/settle.c. */
#include "actors/leader/leader.h"

#include "actors/broker.h"
#include "actors/leader/lend.h"
#include "actors/leader/settle.h"
#include "actors/leader/writing.h"
#include "actors/producer/flush.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static struct producer *producer_of(const struct partition *partition) {
    return partition->topic->producer;
}

static void arm_at(struct partition *partition, uint64_t due_ns) {
    partition->timer_due_ns = due_ns;
    rt_timer_arm(producer_of(partition)->world, &partition->timer, due_ns);
}

/* For a batch that was opened then, unless the timer is for an older one already. */
static void arm_by(struct partition *partition, uint64_t opened_ns) {
    const struct sluice_config *config = producer_of(partition)->config;
    uint64_t due_ns = opened_ns + (uint64_t)config->delivery_timeout_ms * 1000000;
    if (partition->timer_due_ns == 0 ||
        (due_ns < partition->timer_due_ns && !RT_MUTANT(younger_one_is_watched))) {
        arm_at(partition, due_ns);
    }
}

static void take_batch(struct partition *partition, struct batch *batch) {
    if (batch->away) {
        batch->away = false;
        partition->away--;
        if (partition->away == 0 && partition->state == LEADER_RETRYING) {
            partition->state = LEADER_HOME;
        }
        if (RT_MUTANT(retried_as_they_come)) {
            batch_list_push(&partition->pending, batch);
        } else {
            batch_list_insert(&partition->pending, batch);
        }
        arm_by(partition, batch->opened_ns);
        return;
    }
    partition->arrived++;
    partition->arrived_below = batch->index + 1;
    arm_by(partition, batch->opened_ns);
    if (partition->state == LEADER_LENT && partition->pending.first == NULL) {
        lend_more(partition, batch);
    } else {
        batch_list_push(&partition->pending, batch);
    }
}

static bool take_arrivals(struct partition *partition, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take = RT_EMPTY;
    for (uint32_t n = 0; n < turn->budget; n++) {
        take = rt_lane_unbounded_take(&partition->arrivals, &node);
        if (take != RT_TAKEN) {
            break;
        }
        take_batch(partition, batch_of(mail_of(node)));
    }
    return take != RT_EMPTY;
}

static bool take_returns(struct partition *partition, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&partition->returns, &node)) == RT_TAKEN) {
        if (node == &partition->back) {
            lend_end(partition);
            settle_returned(partition, rt_turn_now(turn));
            if (partition->pending.first != NULL) {
                arm_by(partition, partition->pending.first->opened_ns);
            }
        } else if (partition->state == LEADER_LENT) {
            lend_recall(partition);
        }
    }
    return take != RT_EMPTY;
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns) {
    return a_ns == 0 ? b_ns : b_ns == 0 || a_ns < b_ns ? a_ns : b_ns;
}

/* When the oldest undecided batch was opened; 0 when that is not known just now, because it is in a
 * lane. Those that are away or on their way home are looked at when they arrive. Between leader and
 * aggregator are only younger ones than elsewhere, but between aggregator and flusher are older
 * ones than what is held: then `unsent` is not 0, and `lent_oldest_ns` is. */
static uint64_t oldest(const struct partition *partition) {
    /* The order matters: what is no longer held has been counted in `unsent`, and what is no longer
     * counted has been in `lent_oldest_ns`. */
    uint64_t held_ns = atomic_load_explicit(&partition->held_oldest_ns, memory_order_acquire);
    uint32_t unsent = atomic_load_explicit(&partition->unsent, memory_order_acquire);
    uint64_t lent_ns = atomic_load_explicit(&partition->lent_oldest_ns, memory_order_acquire);
    if (lent_ns == 0 && unsent != 0 && !RT_MUTANT(overlooked_between)) {
        return 0;
    }
    uint64_t here_ns = partition->pending.first != NULL ? partition->pending.first->opened_ns : 0;
    return earlier(here_ns, earlier(lent_ns, held_ns));
}

enum { LOOK_AGAIN_NS = 1000000 };

static void check_timer(struct partition *partition, uint64_t now_ns) {
    struct producer *producer = producer_of(partition);
    if (partition->timer_due_ns == 0 || now_ns < partition->timer_due_ns) {
        return;
    }
    partition->timer_due_ns = 0;
    if (atomic_load_explicit(&partition->decided, memory_order_acquire) == partition->arrived &&
        !RT_MUTANT(keeps_looking)) {
        return;
    }
    uint64_t limit_ns = (uint64_t)producer->config->delivery_timeout_ms * 1000000;
    uint64_t oldest_ns = oldest(partition);
    bool overdue = oldest_ns != 0 && now_ns >= oldest_ns + limit_ns;
    if (overdue && partition->state == LEADER_LENT) {
        lend_recall(partition);
    } else if (overdue && partition->state == LEADER_RECALLING && !RT_MUTANT(waits_for_others)) {
        rt_mark(&partition->broker->flusher.actor, RT_MARK(FLUSHER_MARK_EXPIRE));
    }
    settle_overdue(partition, now_ns);
    oldest_ns = oldest(partition);
    if (oldest_ns == 0 || now_ns >= oldest_ns + limit_ns) {
        arm_at(partition, now_ns + LOOK_AGAIN_NS);
    } else {
        arm_by(partition, oldest_ns);
    }
}

/* A batch was closed by its writer: the aggregator should look. Never behind a fence: who gets the
 * batches next looks at each by itself. */
static void pass_full(struct partition *partition) {
    if (partition->state == LEADER_LENT &&
        atomic_exchange_explicit(&partition->full_posted, 1, memory_order_acq_rel) == 0) {
        struct aggregator *aggregator = &partition->broker->aggregator;
        rt_lane_unbounded_push(&aggregator->mail, &partition->full.node);
        rt_notify_pushed(&aggregator->actor);
    }
}

/* Gives up on what has arrived so far. What is only waiting comes home when what was sent has been
 * answered; if that is given up as well, it comes at once. */
static void purge(struct partition *partition, uint32_t what) {
    partition->purging |= (uint8_t)what;
    partition->purge_below = partition->arrived_below;
    writing_end_batch(partition);
    if (partition->away > 0) {
        rt_mark(&producer_of(partition)->retry.actor, RT_MARK(RETRY_MARK_PURGE));
    }
    bool is_lent = partition->state == LEADER_LENT || partition->state == LEADER_RECALLING;
    if (is_lent && (what & SLUICE_PURGE_SENT) != 0) {
        lend_recall_hard(partition);
    } else if (partition->state == LEADER_LENT) {
        lend_recall(partition);
    }
}

static void handle_marks(struct partition *partition, uint32_t marks) {
    uint32_t woken = RT_MARK(LEADER_MARK_METADATA) | RT_MARK(LEADER_MARK_IDENTITY);
    if ((marks & woken) != 0) {
        if (partition->state == LEADER_NO_LEADER || partition->state == LEADER_NEEDS_ID) {
            partition->state = LEADER_HOME;
        } else if (partition->state == LEADER_LENT && lend_is_stale(partition)) {
            lend_recall(partition);
        }
    }
    if ((marks & RT_MARK(LEADER_MARK_FULL)) != 0) {
        pass_full(partition);
    }
    uint32_t what = purge_of_marks(LEADER_MARK_PURGE_UNSENT, marks);
    if (what != 0) {
        purge(partition, what);
    }
    if ((marks & RT_MARK(LEADER_MARK_CLOSE)) != 0) {
        partition->closing = true;
        if (partition->state == LEADER_LENT) {
            lend_recall(partition);
        }
    }
}

static bool is_home(const struct partition *partition) {
    return partition->state != LEADER_LENT && partition->state != LEADER_RECALLING;
}

static enum rt_verdict leader_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct partition *partition = caa_container_of(actor, struct partition, leader);
    bool more = take_returns(partition, turn);
    more = take_arrivals(partition, turn) || more;
    handle_marks(partition, marks);
    uint32_t what = purge_of_marks(LEADER_MARK_PURGE_UNSENT, marks);
    if (what != 0 && more) { /* for what has not been taken yet */
        rt_mark(actor, purge_marks(LEADER_MARK_PURGE_UNSENT, what));
    }
    if (partition->purging != 0 && is_home(partition) && partition->away == 0 && !more &&
        !settle_purge(partition)) {
        partition->purging = 0;
    }
    check_timer(partition, rt_turn_now(turn));
    if (partition->state == LEADER_HOME &&
        (partition->purging == 0 || RT_MUTANT(lends_while_purging))) {
        lend(partition, rt_turn_now(turn));
    }
    if (partition->closing && is_home(partition) && !more) {
        RT_ASSERT(partition->pending.first == NULL && partition->away == 0);
        rt_timer_cancel(producer_of(partition)->world, &partition->timer);
        partition->state = LEADER_ENDED;
        return RT_END;
    }
    return more ? RT_AGAIN : RT_IDLE;
}

static void leader_gone(struct rt_actor *actor) {
    struct partition *partition = caa_container_of(actor, struct partition, leader);
    producer_actor_gone(producer_of(partition));
}

static const struct rt_actor_kind leader_kind = {
    .name = "leader", .class = RT_CLASS_ACTOR, .run = leader_run, .gone = leader_gone};

struct partition *leader_create(struct topic *topic, int32_t index) {
    struct producer *producer = topic->producer;
    struct partition *partition = rt_acquire(producer->world, sizeof *partition);
    if (partition == NULL) {
        return NULL;
    }
    *partition = (struct partition){
        .topic = topic,
        .index = index,
        .producer_id = -1,
        .leader_epoch = -1,
        .hinted_epoch = -1,
        .fence = {.kind = MAIL_FENCE},
        .full = {.kind = MAIL_FULL},
        .answered = {.kind = MAIL_ANSWERED},
    };
    rt_lane_unbounded_init(&partition->arrivals);
    rt_lane_unbounded_init(&partition->returns);
    rt_timer_init(&partition->timer, &partition->leader, RT_MARK(LEADER_MARK_TIMER));
    if (index >= 0) {
        producer_actor_start(producer, &partition->leader, &leader_kind);
    }
    return partition;
}
