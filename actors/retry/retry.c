/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See retry.h. */
#include "actors/retry/retry.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"

void retry_post(struct retry *retry, struct batch *batch) {
    rt_lane_unbounded_push(&retry->failed, &batch->mail.node);
    rt_notify_pushed(&retry->actor);
}

static void pass_on(struct retry *self, struct batch *batch) {
    struct topic_actor *topics = &self->producer->topic_actor;
    rt_lane_unbounded_push(&topics->retried, &batch->mail.node);
    rt_notify_pushed(&topics->actor);
}

static bool take_failed(struct retry *self, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take = RT_EMPTY;
    for (uint32_t n = 0; n < turn->budget; n++) {
        take = rt_lane_unbounded_take(&self->failed, &node);
        if (take != RT_TAKEN) {
            break;
        }
        struct batch *batch = batch_of(mail_of(node));
        if (batch->retry_at_ns <= rt_turn_now(turn)) {
            pass_on(self, batch);
            continue;
        }
        uint64_t bucket = batch->retry_at_ns / RETRY_BUCKET_NS;
        if (self->waiting == 0) {
            self->swept = rt_turn_now(turn) / RETRY_BUCKET_NS;
        }
        batch_list_push(&self->buckets[bucket % RETRY_BUCKETS], batch);
        self->waiting++;
    }
    return take != RT_EMPTY;
}

/* Passes on what is due in one bucket; the rest is due a whole round of buckets later. */
static void sweep_bucket(struct retry *self, struct batch_list *bucket, uint64_t now_ns) {
    struct batch_list all = *bucket;
    *bucket = (struct batch_list){NULL, NULL};
    struct batch *batch;
    while ((batch = batch_list_pop(&all)) != NULL) {
        if (batch->retry_at_ns <= now_ns) {
            self->waiting--;
            pass_on(self, batch);
        } else {
            batch_list_push(bucket, batch);
        }
    }
}

static void sweep_due(struct retry *self, uint64_t now_ns) {
    uint64_t last = now_ns / RETRY_BUCKET_NS;
    uint64_t first = last - self->swept >= RETRY_BUCKETS ? last - RETRY_BUCKETS + 1 : self->swept;
    for (uint64_t bucket = first; self->waiting > 0 && bucket <= last; bucket++) {
        sweep_bucket(self, &self->buckets[bucket % RETRY_BUCKETS], now_ns);
    }
    self->swept = last;
}

static void arm(struct retry *self) {
    struct rt_world *world = self->producer->world;
    uint64_t due_ns = RT_FOREVER;
    for (uint64_t i = 0; self->waiting > 0 && i < RETRY_BUCKETS; i++) {
        if (due_ns <= (self->swept + i) * RETRY_BUCKET_NS) {
            break; /* what lies further on is due later */
        }
        struct batch *batch = self->buckets[(self->swept + i) % RETRY_BUCKETS].first;
        for (; batch != NULL; batch = batch->next) {
            due_ns = batch->retry_at_ns < due_ns ? batch->retry_at_ns : due_ns;
        }
    }
    if (due_ns == RT_FOREVER) {
        rt_timer_cancel(world, &self->timer);
    } else {
        rt_timer_arm(world, &self->timer, due_ns);
    }
}

static enum rt_verdict retry_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct retry *self = caa_container_of(actor, struct retry, actor);
    bool more = take_failed(self, turn);
    if ((marks & RT_MARK(RETRY_MARK_PURGE)) != 0) {
        for (uint32_t i = 0; i < RETRY_BUCKETS; i++) {
            sweep_bucket(self, &self->buckets[i], RT_FOREVER);
        }
    }
    sweep_due(self, rt_turn_now(turn));
    arm(self);
    if ((marks & RT_MARK(RETRY_MARK_CLOSE)) != 0) {
        RT_ASSERT(self->waiting == 0);
        rt_timer_cancel(self->producer->world, &self->timer);
        return RT_END;
    }
    return more ? RT_AGAIN : RT_IDLE;
}

static void retry_gone(struct rt_actor *actor) {
    struct retry *self = caa_container_of(actor, struct retry, actor);
    producer_actor_gone(self->producer);
}

static const struct rt_actor_kind retry_kind = {
    .name = "retry", .class = RT_CLASS_ACTOR, .run = retry_run, .gone = retry_gone};

void retry_start(struct retry *retry, struct producer *producer) {
    retry->producer = producer;
    rt_lane_unbounded_init(&retry->failed);
    rt_timer_init(&retry->timer, &retry->actor, RT_MARK(RETRY_MARK_TIMER));
    producer_actor_start(producer, &retry->actor, &retry_kind);
}
