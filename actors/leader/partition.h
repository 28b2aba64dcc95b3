/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One topic-partition: its leader actor, its ticket, and the nodes by which it travels.
 *
 * Fields are grouped by who may touch them. The ticket group belongs to the leader actor, or to the
 * flusher it is lent to, never to both: it changes hands with a message.
 */
#ifndef ACTORS_LEADER_PARTITION_H
#define ACTORS_LEADER_PARTITION_H

#include "actors/batch/batch.h"
#include "actors/share/share.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct broker;
struct topic;

enum leader_state {
    LEADER_HOME,      /* the ticket is here; nothing is out */
    LEADER_NEEDS_ID,  /* waits for the identity actor */
    LEADER_NO_LEADER, /* waits for the metadata actor */
    LEADER_LENT,      /* the ticket is with `broker`'s flusher */
    LEADER_RECALLING, /* a fence is on its way through aggregator and flusher */
    LEADER_RETRYING,  /* the ticket is here, failed batches are away with the retry actor */
    LEADER_ENDED
};

enum {
    LEADER_MARK_METADATA = 0,
    LEADER_MARK_IDENTITY,
    LEADER_MARK_TIMER,
    LEADER_MARK_FULL,
    LEADER_MARK_PURGE_UNSENT, /* and the next: see producer/flush.h */
    LEADER_MARK_PURGE_SENT,
    LEADER_MARK_CLOSE
};

enum {
    BEHIND_NOTHING,
    BEHIND_UNANSWERED, /* when nothing older is unanswered any more */
    BEHIND_UNSENT      /* when nothing older is unsent any more */
};

struct partition {
    struct rt_actor leader; /* the leader actor */
    struct topic *topic;
    int32_t index;

    /* -- the topic's partition actor -- */
    uint16_t size_hint;        /* how large the last batch became, in SIZE_HINT_BYTES */
    uint16_t stretch;          /* place among the writer's stretches, and 1: partition/stretch.h */
    _Atomic uintptr_t writing; /* the open batch: see leader/writing.h */
    uint64_t next_index;       /* of the next batch made */
    struct share_member share; /* of memory: what its batches hold, and whose */

    /* -- lanes of the leader actor -- */
    struct rt_lane_unbounded arrivals; /* batches: fresh, or back from retry */
    struct rt_lane_unbounded returns;  /* `stop` or `back` of this partition */
    union {
        struct rt_node wait_node;    /* in metadata's lane, then ... */
        struct partition *wait_next; /* ... the metadata actor's, while it keeps the partition */
    };
    union {
        struct rt_node identity_node;    /* in identity's lane, then ... */
        struct partition *identity_next; /* ... the identity actor's */
    };

    /* -- of several actors; a word of their own, not met by a wider look at their neighbours -- */
    _Atomic uint8_t full_posted;     /* set by the leader actor, cleared by the aggregator */
    _Atomic bool waits_for_metadata; /* posted, and not woken yet: a second wait posts nothing */
    _Atomic bool waits_for_identity;
    _Atomic bool hard;      /* recalled without waiting for answers */
    _Atomic uint8_t behind; /* BEHIND_…: when the flusher shall send `answered` */
    _Atomic uint8_t flying; /* the ticket's in_flight, for the aggregator */

    /* -- the leader actor -- */
    uint64_t arrived_below; /* index of the newest fresh batch that has arrived, and 1 */
    bool closing;
    uint8_t purging; /* SLUICE_PURGE_… not carried out yet */
    enum leader_state state : 8;
    uint32_t away;             /* batches with the retry actor */
    uint32_t arrived;          /* fresh batches so far; wraps as `decided` does */
    uint32_t end_offset;       /* of the ticket: behind the last batch whose offset was told, lower
                                  bits; 0: none */
    uint64_t purge_below;      /* while purging: older batches, in order of index */
    struct broker *broker;     /* held while LENT or RECALLING */
    struct batch_list pending; /* here: retried, then recalled, then fresh */
    struct rt_timer timer;     /* delivery timeout of the oldest undecided batch */
    uint64_t timer_due_ns;     /* 0: not armed */
    struct mail fence;         /* out while RECALLING */
    struct mail full;          /* out while full_posted */

    /* -- the ticket -- */
    int64_t producer_id; /* -1: none yet */
    int16_t producer_epoch;
    bool bump_due;  /* what is stamped next needs a new epoch */
    bool abandoned; /* an unsure batch of this epoch was given up */
    bool unfenced;  /* one of a lower epoch was, and nothing of this epoch was accepted yet */
    bool id_lost;   /* brokers refuse this id and epoch: only another id will do */
    bool lost;      /* what is unsure can never be settled: give it up when it is back */
    bool proven;    /* a success was seen since the ticket was lent, on this connection */
    bool attached;  /* in the flusher's list of partitions */
    bool stopping;  /* stopped: sends nothing more, goes back */
    bool fenced;    /* the fence has arrived */
    bool stop_posted;
    bool ready;         /* in the flusher's ready list */
    uint8_t hint_looks; /* that are left until it is not waited for any more */
    uint32_t proven_s;  /* when the last success was seen */
    int32_t leader_epoch;
    int32_t hinted_epoch; /* a newer one that an answer named; -1: none */
    int32_t next_sequence;
    uint32_t in_flight;
    _Atomic uint32_t decided; /* batches that had arrived and are decided */
    struct kafka_uuid topic_id;
    struct batch_list lent;    /* in order: undecided, then unsent */
    struct batch *next_unsent; /* in `lent`; NULL: all are in flight */
    struct partition *ready_next;
    struct partition *attached_next, *attached_previous;
    struct rt_node stop;             /* in `returns`: stopped, please send a fence */
    struct rt_node back;             /* in `returns`: all of it, with the ticket */
    _Atomic uint64_t lent_oldest_ns; /* opened_ns of the first in `lent`; 0: none */

    /* -- the aggregator -- */
    struct batch_list held; /* open or being sealed, in order */
    uint64_t linger_due_ns;
    struct partition *linger_next, *linger_previous;
    bool lingering;
    bool extended;           /* the head batch got its extra time */
    bool answer_wanted;      /* `answered` was asked for and has not come */
    bool fence_waits;        /* the fence waits for `answered` or for sealing */
    _Atomic uint32_t unsent; /* batches passed to the flusher and not handed over by it */
    struct mail answered;
    _Atomic uint64_t held_oldest_ns; /* opened_ns of the first in `held`; 0: none */
};

enum { SIZE_HINT_BYTES = 64 };

static inline uint32_t partition_size_hint(const struct partition *partition) {
    return (uint32_t)partition->size_hint * SIZE_HINT_BYTES;
}
static inline void partition_size_hint_set(struct partition *partition, uint32_t bytes) {
    uint32_t units = bytes / SIZE_HINT_BYTES + 1;
    partition->size_hint = (uint16_t)(units < UINT16_MAX ? units : UINT16_MAX);
}

enum { MAIL_AT_ONCE = 8 };

/* Takes some mail, so that what it is about can be asked for before it is looked at. Returns how
 * many there were, with the last answer of the lane in *take. */
static inline uint32_t mail_take(struct rt_lane_unbounded *lane, struct mail **some,
                                 enum rt_take *take) {
    uint32_t count = 0;
    struct rt_node *node;
    while (count < MAIL_AT_ONCE && (*take = rt_lane_unbounded_take(lane, &node)) == RT_TAKEN) {
        some[count++] = mail_of(node);
    }
    return count;
}

static inline struct partition *mail_partition(struct mail *mail) {
    switch (mail->kind) {
    case MAIL_BATCH:
        return batch_of(mail)->partition;
    case MAIL_FENCE:
        return caa_container_of(mail, struct partition, fence);
    case MAIL_FULL:
        return caa_container_of(mail, struct partition, full);
    case MAIL_ANSWERED:
        break;
    }
    return caa_container_of(mail, struct partition, answered);
}

#endif
