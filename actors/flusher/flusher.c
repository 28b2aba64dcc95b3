/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See flusher.h. Requests are built in request.c, answers read in answer.c, and the rules of order
 * are in ticket.c. */
#include "actors/flusher/flusher.h"

#include "actors/broker.h"
#include "actors/flusher/request.h"
#include "actors/flusher/ticket.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static struct producer *producer_of(const struct flusher *self) {
    return self->broker->producer;
}

static bool take_mail(struct flusher *self, struct rt_turn *turn) {
    struct mail *some[MAIL_AT_ONCE];
    enum rt_take take = RT_TAKEN;
    uint32_t total = 0;
    for (uint32_t n = 0; take == RT_TAKEN && n < turn->budget; n += MAIL_AT_ONCE) {
        uint32_t count = mail_take(&self->mail, some, &take);
        total += count;
        for (uint32_t i = 0; i < count; i++) {
            ticket_fetch(mail_partition(some[i]));
        }
        for (uint32_t i = 0; i < count; i++) {
            if (some[i]->kind == MAIL_BATCH) {
                ticket_add(self, mail_partition(some[i]), batch_of(some[i]));
            } else {
                RT_ASSERT(some[i]->kind == MAIL_FENCE);
                ticket_fence(self, mail_partition(some[i]));
            }
        }
    }
    if (total > 1) {
        rt_sizes_add(&self->counted->mail, total);
    }
    return take != RT_EMPTY;
}

static void take_answers(struct flusher *self, uint64_t now_ns) {
    struct kafka_reader body;
    struct link_request *done;
    while ((done = link_next(&self->link, &body)) != NULL) {
        answer_request(self, (struct request *)(void *)done, &body, now_ns);
    }
}

enum { SPACED_NS = 5000000, SPACED_REQUESTS_MAX = 40, SPACED_BYTES_MAX = 16 << 20 };

/* Five requests that are not answered fill the way to a broker nearby. One that is far away would
 * leave records waiting: unless the number was given, more may follow, each a while after the one
 * before. What a partition may have in flight is another matter (ticket.c). */
static bool is_spaced(const struct flusher *self) {
    const struct sluice_config *config = producer_of(self)->config;
    return !config->given[SLUICE_OPTION_max_in_flight] && self->in_flight < SPACED_REQUESTS_MAX &&
           self->in_flight_bytes < SPACED_BYTES_MAX;
}

static bool may_send(const struct flusher *self, uint64_t now_ns) {
    return (int64_t)self->in_flight < producer_of(self)->config->max_in_flight ||
           (is_spaced(self) && now_ns >= self->sent_ns + SPACED_NS);
}

/* Sends what the requests in flight allow. True when something was sent. */
static bool send_some(struct flusher *self, struct rt_turn *turn) {
    bool sent = false;
    while (self->link.state == LINK_READY && may_send(self, rt_turn_now(turn)) &&
           request_send(self, rt_turn_now(turn))) {
        sent = true;
    }
    return sent;
}

/* With acks=0 a request is done once it is written, and the next may follow at once. */
static void send_ready(struct flusher *self, struct rt_turn *turn) {
    while (rt_turn_now(turn) >= self->link.throttled_until_ns && send_some(self, turn)) {
        link_step(&self->link, turn);
        take_answers(self, rt_turn_now(turn));
    }
}

/* Batches in flight whose delivery timeout is over are not waited for any more. */
static void stop_overdue(struct flusher *self, uint64_t now_ns) {
    uint64_t limit_ns = (uint64_t)producer_of(self)->config->delivery_timeout_ms * 1000000;
    struct request *request = self->in_flight_first;
    for (; request != NULL; request = request->next) {
        if (now_ns < request->overdue_ns) {
            continue;
        }
        request->overdue_ns = RT_FOREVER;
        uint32_t index = 0;
        struct request_entry *entry;
        while ((entry = request_next_open(request, &index)) != NULL) {
            uint64_t due_ns = entry->batch->opened_ns + limit_ns;
            if (now_ns >= due_ns) {
                if (RT_MUTANT(handed_over_twice)) {
                    ticket_stop_hard(self, entry->batch->partition);
                } else {
                    ticket_abandon(self, entry->batch);
                }
            } else if (due_ns < request->overdue_ns) {
                request->overdue_ns = due_ns;
            }
        }
    }
}

static void arm(struct flusher *self, uint64_t now_ns) {
    uint64_t until_ns = self->link.throttled_until_ns;
    uint64_t due_ns = until_ns > now_ns ? until_ns : RT_FOREVER;
    for (struct request *request = self->in_flight_first; request != NULL;
         request = request->next) {
        due_ns = request->overdue_ns < due_ns ? request->overdue_ns : due_ns;
    }
    uint64_t next_ns = self->sent_ns + SPACED_NS;
    if (self->ready_first != NULL && next_ns > now_ns && next_ns < due_ns && is_spaced(self)) {
        due_ns = next_ns;
    }
    if (due_ns == RT_FOREVER) {
        rt_timer_cancel(producer_of(self)->world, &self->due);
    } else {
        rt_timer_arm(producer_of(self)->world, &self->due, due_ns);
    }
}

/* Leader actors asked for their tickets without waiting for answers. */
static void stop_hard_recalled(struct flusher *self) {
    struct partition *partition = self->attached;
    while (partition != NULL) {
        struct partition *next = partition->attached_next;
        if (atomic_load_explicit(&partition->hard, memory_order_acquire)) {
            ticket_stop_hard(self, partition);
        }
        partition = next;
    }
}

/* A leader actor found something overdue that waits here for answers to others. */
static void expire_stopped(struct flusher *self) {
    for (struct partition *partition = self->attached; partition != NULL;
         partition = partition->attached_next) {
        ticket_expire(self, partition);
    }
}

/* Batches that wait for the connection are told what is the matter with it. */
static void tell_trouble(struct flusher *self) {
    for (struct partition *partition = self->attached; partition != NULL;
         partition = partition->attached_next) {
        struct batch *batch = partition->lent.first;
        for (; batch != NULL; batch = batch->next) {
            if (!batch->tried) { /* else an answer has said, or the failed request will */
                batch->last_error = self->link.last_error;
            }
        }
    }
}

/* A broker that cannot be reached may have lost its partitions to another. */
static void watch_link(struct flusher *self) {
    if (self->link.state == LINK_BACKOFF && self->link.attempt != self->seen_attempt) {
        tell_trouble(self);
        RT_UNLESS_MUTANT(broken_link_asks_nothing, metadata_refresh(&producer_of(self)->metadata));
    }
    self->seen_attempt = self->link.attempt;
}

/* What is at the other end of a new connection may know nothing of us: again one batch at first,
 * and again from the first that is undecided. */
static void watch_generation(struct flusher *self) {
    if (self->link.generation == self->seen_generation) {
        return;
    }
    self->seen_generation = self->link.generation;
    atomic_store_explicit(&self->broker->lacks_link, false, memory_order_relaxed);
    struct partition *partition = self->attached;
    while (partition != NULL) {
        struct partition *next = partition->attached_next;
        ticket_reconnected(self, partition);
        partition = next;
    }
}

/* A connection that leads here and is ready: better than one that is only being set up. */
static void take_gift(struct flusher *self, struct rt_turn *turn) {
    struct link_gift *gift = atomic_exchange_explicit(&self->gift, NULL, memory_order_acquire);
    if (gift == NULL) {
        return;
    }
    if (self->link.generation > 0 || self->link.state == LINK_BACKOFF) {
        link_decline(&self->link, gift);
    } else {
        link_accept(&self->link, turn, gift);
    }
}

static void give_up_link(struct flusher *self, struct rt_turn *turn, const char *why) {
    if (self->link.state == LINK_READY) {
        link_refuse(&self->link, turn, SLUICE_CONNECTION_LOST, why);
        take_answers(self, rt_turn_now(turn));
    }
}

static enum rt_verdict flusher_end(struct flusher *self, uint64_t now_ns) {
    RT_ASSERT(self->attached == NULL && self->ready_first == NULL);
    struct link_gift *gift = atomic_exchange_explicit(&self->gift, NULL, memory_order_acquire);
    if (gift != NULL) {
        link_decline(&self->link, gift);
    }
    link_close(&self->link);
    take_answers(self, now_ns);
    RT_ASSERT(self->in_flight == 0);
    rt_timer_cancel(producer_of(self)->world, &self->due);
    return RT_END;
}

static enum rt_verdict flusher_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct flusher *self = caa_container_of(actor, struct flusher, actor);
    self->now_ns = rt_turn_now(turn);
    bool more = take_mail(self, turn);
    if ((marks & RT_MARK(FLUSHER_MARK_END)) != 0) {
        return flusher_end(self, rt_turn_now(turn));
    }
    if ((marks & RT_MARK(FLUSHER_MARK_GIFT)) != 0) {
        take_gift(self, turn);
    }
    if (self->attached != NULL &&
        !(RT_MUTANT(idle_link_stays_closed) && self->link.generation > 0)) {
        link_want(&self->link, true);
    }
    link_step(&self->link, turn);
    watch_generation(self);
    take_answers(self, rt_turn_now(turn));
    if (self->reconnect) {
        give_up_link(self, turn, "given up: it no longer supports what was negotiated");
        self->reconnect = false;
    }
    if ((marks & RT_MARK(FLUSHER_MARK_RETIRE)) != 0) {
        give_up_link(self, turn, "given up: back to bootstrap.servers");
    }
    if ((marks & RT_MARK(FLUSHER_MARK_PURGE)) != 0) {
        stop_hard_recalled(self);
    }
    stop_overdue(self, rt_turn_now(turn));
    if ((marks & RT_MARK(FLUSHER_MARK_EXPIRE)) != 0) {
        expire_stopped(self);
    }
    send_ready(self, turn);
    watch_link(self);
    arm(self, rt_turn_now(turn));
    return more ? RT_AGAIN : RT_IDLE;
}

static void flusher_gone(struct rt_actor *actor) {
    struct flusher *self = caa_container_of(actor, struct flusher, actor);
    broker_actor_gone(self->broker);
}

static const struct rt_actor_kind flusher_kind = {
    .name = "flusher", .class = RT_CLASS_ACTOR, .run = flusher_run, .gone = flusher_gone};

bool flusher_prepare(struct flusher *flusher, struct broker *broker) {
    *flusher = (struct flusher){.broker = broker};
    flusher->spare = rt_acquire(broker->producer->world, sizeof *flusher->spare);
    return flusher->spare != NULL;
}

void flusher_start(struct flusher *flusher) {
    struct broker *broker = flusher->broker;
    flusher->counted = &broker->counted->flusher;
    rt_lane_unbounded_init(&flusher->mail);
    rt_timer_init(&flusher->due, &flusher->actor, RT_MARK(FLUSHER_MARK_DUE));
    link_init(&flusher->link, broker->producer, &flusher->actor, RT_MARK(FLUSHER_MARK_SOCKET),
              RT_MARK(FLUSHER_MARK_TIMER), RT_MARK(FLUSHER_MARK_LOOKUP), &flusher->counted->link);
    link_target(&flusher->link, broker->node, broker->host, broker->port);
    producer_actor_start(broker->producer, &flusher->actor, &flusher_kind);
}

void flusher_free(struct flusher *flusher) {
    rt_release(flusher->broker->producer->world, flusher->spare, sizeof *flusher->spare);
}
