/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The topic actor. See topic.h for its role.
 *
 * When is it woken? An application thread notifies it for the first record after a quiet time, and
 * whenever INPUT_NOTIFY_BYTES wait in a lane. In between the actor is `gathering`: it sweeps by
 * itself when its timer fires, so that records come in long runs. The thread that notifies raises
 * the flag; the actor clears it before its last look, with a fence between on both sides: either
 * the writer sees it cleared and notifies, or the look sees what was written. The writer's fence
 * costs nothing where the kernel fences for it (rt_fence_everywhere). Without linger nothing is
 * gathered, the flag is never raised, and every record notifies.
 */
#include "actors/topic/topic.h"

#include "actors/producer/flush.h"
#include "actors/producer/producer.h"
#include "actors/topic/sweep.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static uint64_t gather_ns_of(const struct sluice_config *config) {
    uint64_t part = (uint64_t)config->linger_us * 1000 / 8;
    return part > 1000000 ? 1000000 : part;
}

static void look_again(struct topic_actor *self, uint64_t when_ns) {
    self->looks_at_ns = when_ns;
    rt_timer_arm(self->producer->world, &self->gather, when_ns);
}

enum { NO_MEMORY_WAIT_NS = 1000000 };

/* Nothing came for a while: from now on writers have to notify. What they wrote without it is
 * found by one more look. */
static enum sweep_result gather_end(struct topic_actor *self, uint64_t now_ns) {
    self->looks_at_ns = 0;
    if (atomic_load_explicit(&self->gathering, memory_order_relaxed) == 0) {
        return SWEEP_NOTHING;
    }
    atomic_store_explicit(&self->gathering, 0, memory_order_relaxed);
    rt_fence_everywhere(self->producer->world); /* pairs with input_notify */
    return sweep(self, now_ns);
}

static enum sweep_result gather(struct topic_actor *self, struct rt_turn *turn) {
    uint64_t wait_ns = self->gather_ns;
    uint64_t looks_at_ns = self->looks_at_ns;
    uint64_t now_ns = rt_turn_now(turn); /* before the sweep: what that misses is younger */
    enum sweep_result result = sweep(self, looks_at_ns != 0 ? self->swept_ns : now_ns);
    self->swept_ns = now_ns;
    if (result == SWEEP_NO_MEMORY) {
        look_again(self, now_ns + NO_MEMORY_WAIT_NS);
        return result;
    }
    if (result == SWEEP_NOTHING && now_ns >= looks_at_ns) {
        looks_at_ns = 0;
        result = gather_end(self, now_ns);
    }
    if (wait_ns != 0 && result != SWEEP_NOTHING) {
        atomic_store_explicit(&self->gathering, 1, memory_order_relaxed);
        look_again(self, now_ns + wait_ns);
    } else if (looks_at_ns != 0) {
        look_again(self, looks_at_ns);
    }
    return result;
}

/* Batches whose time to try again has come go on to their partition actor. */
static bool pass_retried(struct topic_actor *self, struct rt_turn *turn) {
    struct rt_node *node;
    enum rt_take take = RT_EMPTY;
    for (uint32_t n = 0; n < turn->budget; n++) {
        take = rt_lane_unbounded_take(&self->retried, &node);
        if (take != RT_TAKEN) {
            break;
        }
        struct batch *batch = batch_of(mail_of(node));
        struct partition_actor *next = &batch->partition->topic->actor;
        rt_lane_unbounded_push(&next->retried, &batch->mail.node);
        rt_notify_pushed(&next->actor);
    }
    return take != RT_EMPTY;
}

static struct topic *topics_of(struct topic_actor *self) {
    return atomic_load_explicit(&self->topics, memory_order_acquire);
}

static void mark_partition_actors(struct topic_actor *self, uint32_t mark) {
    for (struct topic *topic = topics_of(self); topic != NULL; topic = topic->next) {
        rt_mark(&topic->actor.actor, mark);
    }
}

/* A flush: what was produced before the tickets up to `wanted` were taken has been swept; a token
 * follows it through the partition actor of each topic that it was for. The others have passed the
 * token of an earlier flush, and nothing came behind it. */
static void flush_begin(struct topic_actor *self, uint32_t wanted) {
    if (self->flush_serving || wanted == self->flush_served) {
        return;
    }
    self->flush_serving = true;
    self->flush_wanted = wanted;
    uint32_t tokens = 1;
    for (struct topic *topic = self->written; topic != NULL; topic = topic->written_next) {
        tokens++;
    }
    atomic_store_explicit(&self->tokens, tokens, memory_order_release);
    while (self->written != NULL) {
        struct topic *topic = self->written;
        self->written = topic->written_next;
        topic->written = false;
        topic->token = (struct run){.kind = RUN_TOKEN};
        rt_lane_unbounded_push(&topic->actor.fresh, &topic->token.node);
        rt_notify_pushed(&topic->actor.actor);
    }
    topic_token_passed(self);
}

void topic_token_passed(struct topic_actor *self) {
    if (atomic_fetch_sub_explicit(&self->tokens, 1, memory_order_acq_rel) == 1) {
        rt_mark(&self->actor, RT_MARK(TOPIC_MARK_TOKENS));
    }
}

static void flush_end(struct topic_actor *self) {
    struct producer *producer = self->producer;
    if (!self->flush_serving || atomic_load_explicit(&self->tokens, memory_order_acquire) != 0) {
        return;
    }
    self->flush_served = self->flush_wanted;
    self->flush_serving = false;
    flush_passed(producer, self->flush_served);
    rt_mark(&producer->metadata.actor, RT_MARK(METADATA_MARK_FLUSH));
}

static enum rt_verdict topic_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct topic_actor *self = caa_container_of(actor, struct topic_actor, actor);
    /* acquire, and before the sweep: it finds all that was produced before these tickets */
    uint32_t wanted = atomic_load_explicit(&self->producer->flush_wanted, memory_order_acquire);
    bool more = pass_retried(self, turn);
    enum sweep_result swept = gather(self, turn);
    more = more || swept == SWEEP_MORE;
    if ((marks & RT_MARK(TOPIC_MARK_TOKENS)) != 0) {
        flush_end(self);
    }
    if ((swept != SWEEP_MORE && swept != SWEEP_NO_MEMORY) || RT_MUTANT(flush_passes_short_sweep)) {
        flush_begin(self, wanted);
    }
    uint32_t purge = purge_of_marks(TOPIC_MARK_PURGE_UNSENT, marks);
    if (purge != 0 && swept == SWEEP_MORE) {
        rt_mark(actor, purge_marks(TOPIC_MARK_PURGE_UNSENT, purge));
    } else if (purge != 0) {
        mark_partition_actors(self, purge_marks(PARTITION_MARK_PURGE_UNSENT, purge));
    }
    if ((marks & RT_MARK(TOPIC_MARK_CLOSE)) != 0) {
        mark_partition_actors(self, RT_MARK(PARTITION_MARK_CLOSE));
        rt_timer_cancel(self->producer->world, &self->gather);
        return RT_END;
    }
    return more ? RT_AGAIN : RT_IDLE;
}

static void topic_gone(struct rt_actor *actor) {
    struct topic_actor *self = caa_container_of(actor, struct topic_actor, actor);
    producer_actor_gone(self->producer);
}

static const struct rt_actor_kind topic_kind = {
    .name = "topic", .class = RT_CLASS_ACTOR, .run = topic_run, .gone = topic_gone};

void topic_actor_start(struct topic_actor *self, struct producer *producer) {
    self->producer = producer;
    self->gather_ns = gather_ns_of(producer->config);
    rt_lane_unbounded_init(&self->retried);
    rt_lane_unbounded_init(&self->spent);
    rt_timer_init(&self->gather, &self->actor, RT_MARK(TOPIC_MARK_GATHER));
    producer_actor_start(producer, &self->actor, &topic_kind);
}
