/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the metadata actor share. Everything is the actor's own: touched inside its
 * activations only, `parts` excepted.
 *
 *   metadata.c   the actor: marks, lanes, its start and end
 *   topics.c     the topics that are wanted, by index and by name
 *   ask.c        whom to ask, and when
 *   request.c    the request under way
 *   answer.c     an answer becomes a draft
 *   hint.c       leader hints become a draft
 *   snapshot.c   drafts, and how one is compared, published and freed
 *   fetch.c      the application's fetches; cluster.c is their other end
 */
#ifndef ACTORS_METADATA_STATE_H
#define ACTORS_METADATA_STATE_H

#include "actors/broker.h"
#include "actors/link/link.h"
#include "actors/metadata/addresses.h"
#include "actors/metadata/fetch.h"
#include "actors/metadata/metadata.h"
#include "actors/topic/topic.h"
#include "protocol/metadata.h"

enum {
    METADATA_BROKERS_MAX = 4096, /* of one answer; further ones are not looked at */
    METADATA_REFUSED_MS = 30000  /* pause before a refused topic is asked for again */
};

enum metadata_mood {
    TOPIC_SETTLED, /* known well enough */
    TOPIC_NEW,     /* never answered: asked for at once */
    TOPIC_SOON,    /* to be asked for again after a pause */
    TOPIC_REFUSED, /* the broker will hardly change its mind: a long pause */
    TOPIC_MOODS
};

struct metadata_topic {
    struct topic *topic; /* NULL: the index is not in use yet */
    uint32_t next;       /* index + 1 of the next one in its bucket; 0: none */
    enum metadata_mood mood;
    bool asked;       /* in the request under way */
    bool answered;    /* while an answer is read: it names this topic */
    bool news;        /* asked for and answered, or changed: its waiting leaders are marked */
    uint32_t entries; /* while an answer is read: partitions it lists */
    struct kafka_uuid id;
    sluice_code error; /* of the last answer */
    uint32_t failures; /* answers in a row with it */
    uint32_t older;    /* answers in a row with an older leader epoch than is known */
};

struct metadata_state {
    _Atomic uint32_t parts; /* the actor, and each snapshot that is not freed: who brings it to 0
                                frees the state and counts the actor out; acq_rel */
    struct link link;
    struct rt_timer timer;
    struct snapshot *snapshot; /* the published one */
    uint64_t version;
    struct partition *held;     /* taken from `waiting`, by wait_next */
    struct partition *held_new; /* of this activation, their topics not asked for yet */
    bool starved; /* a topic could not be taken in; looked at again from memory_ns on */

    /* -- topics.c -- */
    struct metadata_topic *topics; /* by topic->index */
    uint32_t topic_count;          /* highest index in use + 1 */
    uint32_t topic_capacity;
    uint32_t *buckets;           /* index + 1 by hash of the name; as many as topic_capacity */
    uint32_t moods[TOPIC_MOODS]; /* how many topics are in each */

    /* -- ask.c: when -- */
    bool refresh_wanted;    /* all topics, as soon as soon_ns allows */
    uint64_t soon_ns;       /* no further request before it, but for new topics */
    uint64_t refused_ns;    /* when to ask for refused topics */
    uint64_t stale_ns;      /* when all topics are due by age */
    uint64_t memory_ns;     /* memory was short: nothing before it */
    uint32_t quiet_answers; /* in a row that changed nothing: the exponent of the pause */

    /* -- ask.c: whom -- */
    bool anew;           /* the next answer replaces all that is known, connections included */
    uint64_t failing_ns; /* since when nobody told anything, while it was needed; 0: not */
    struct addresses addresses;
    bool down_told;        /* ALL_BROKERS_DOWN was sent, and nobody answered since */
    uint32_t down_rounds;  /* rounds in which every address failed, in a row */
    uint64_t reconnect_ns; /* ... so nothing before it */

    /* -- request.c -- */
    bool asking;
    bool asked_all;                    /* it covers every topic */
    struct metadata_fetch *asking_for; /* NULL: our own */
    struct link_request request;
    struct rt_slice slice;
    size_t frame_bytes; /* acquired at slice.data */

    struct metadata_fetch *fetch_first, *fetch_last;
};

static inline uint64_t metadata_ns(int64_t ms) {
    return (uint64_t)ms * 1000000u;
}

/* The state and the actor's count end with the last part. From any runtime thread. */
void metadata_part_gone(struct metadata *metadata);
/* Marks the leaders that wait for a topic with `news`, and clears `news`. */
void metadata_wake(struct metadata *metadata);

/* ---- topics.c -------------------------------------------------------------------------------- */

/* False when memory is short. */
bool topics_add(struct metadata *metadata, struct topic *topic);
/* NULL when no such topic is wanted. */
struct metadata_topic *topics_find(struct metadata_state *state, struct kafka_text name);
void topics_mood(struct metadata_state *state, struct metadata_topic *topic,
                 enum metadata_mood mood);
void topics_free(struct metadata *metadata);

/* ---- ask.c ----------------------------------------------------------------------------------- */

/* Does what is due: connects, sends, takes answers, and arms the timer for what comes next. */
void ask_step(struct metadata *metadata, struct rt_turn *turn);
void ask_end(struct metadata *metadata);
/* All topics, or one that was settled, as soon as the pause is over. */
void ask_refresh(struct metadata *metadata, struct rt_turn *turn);
void ask_topic(struct metadata *metadata, struct rt_turn *turn, struct metadata_topic *topic);
/* What is known is not believed any more: bootstrap.servers are asked for all of it. The old
 * snapshot is read until the new one is there. */
void ask_anew(struct metadata *metadata, struct rt_turn *turn, const char *why);
/* The link may be a broker's, who was just started. */
void ask_give_link(struct metadata *metadata, struct rt_turn *turn);
/* Memory was short: a pause. */
void ask_starve(struct metadata_state *state, struct rt_turn *turn);

/* To be asked for in a request that leaves now. */
bool ask_topic_due(const struct metadata_state *state, const struct metadata_topic *topic,
                   uint64_t now_ns);

/* ---- request.c ------------------------------------------------------------------------------- */

/* Each queues a request: of the oldest fetch, or our own. False: it could not be made now. */
bool request_send_fetch(struct metadata *metadata, struct rt_turn *turn);
bool request_send_own(struct metadata *metadata, struct rt_turn *turn);
void request_take_answers(struct metadata *metadata, struct rt_turn *turn);
void request_release(struct metadata *metadata);

/* ---- answer.c, hint.c ------------------------------------------------------------------------ */

enum learned {
    LEARNED_CHANGES,    /* a new snapshot is published */
    LEARNED_NOTHING,    /* all was known */
    LEARNED_NO_BROKERS, /* the answer lists none: nothing in it was believed */
    LEARNED_NO_MEMORY   /* the old snapshot stays */
};
/* Of the topics that were asked for. `answer` was opened. */
enum learned answer_learn(struct metadata *metadata, struct kafka_metadata_response *answer);
/* Takes all hints that are there. */
void hints_learn(struct metadata *metadata, struct rt_turn *turn);

/* ---- snapshot.c ------------------------------------------------------------------------------ */

/* A snapshot that nobody can see yet. */
struct draft {
    struct metadata *metadata;
    struct snapshot *next;
    bool anew; /* every broker is another one than before, whatever its address */
    uint32_t broker_capacity;
    struct snapshot_partition *room; /* the first that no topic has */
};

/* False when memory is short. All topics are unknown, there is no broker. */
bool draft_begin(struct draft *draft, struct metadata *metadata, uint32_t broker_capacity,
                 uint64_t partition_capacity);
/* Takes a broker in: the old snapshot's if the address is the same, else a new one. A node that is
 * there already with another address is replaced, also as a leader. False when memory is short;
 * true without doing anything when there is no room. */
bool draft_broker(struct draft *draft, int32_t node, const char *host, uint16_t port);
struct broker *draft_find(const struct draft *draft, int32_t node);
/* Gives a topic `partition_count` partitions without leaders. */
struct snapshot_topic *draft_topic(struct draft *draft, struct topic *topic,
                                   uint32_t partition_count);
/* Each topic that the draft does not have yet, as the old snapshot had it; without partitions and
 * with its error when it was answered and had none. */
void draft_keep_rest(struct draft *draft);
/* A partition as the old snapshot had it, its leader only if the node is still there. */
void draft_keep(const struct draft *draft, struct snapshot_partition *to,
                const struct snapshot_partition *from);
/* Publishes it, marks the partition actors of topics that changed, and sets their `news`. When
 * nothing has changed it is thrown away. */
enum learned draft_publish(struct draft *draft);
void draft_abandon(struct draft *draft);
/* Publishes nothing in place of what is published. */
void snapshot_withdraw(struct metadata *metadata);

/* ---- fetch.c --------------------------------------------------------------------------------- */

/* Takes what was posted; drops what was abandoned. True when the lane is not empty yet. */
bool fetch_collect(struct metadata *metadata);
/* The oldest, taken off; NULL: none. */
struct metadata_fetch *fetch_take(struct metadata_state *state);
/* Back to the front: it was not answered. */
void fetch_return(struct metadata_state *state, struct metadata_fetch *fetch);
void fetch_answer(struct metadata *metadata, struct metadata_fetch *fetch, int16_t version,
                  struct kafka_reader body);
void fetch_fail(struct metadata *metadata, struct metadata_fetch *fetch, sluice_code code);
void fetch_end(struct metadata *metadata);

#endif
