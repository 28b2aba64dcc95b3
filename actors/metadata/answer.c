/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a Metadata answer to a snapshot.
 *
 * What an answer may do: name brokers, replace the topics that were asked for, and grow them. What
 * it may not: take a partition back to an older leader epoch of the same topic (a broker may lag
 * behind; only without topic ids, and told so again and again, is it a topic that was made again),
 * shrink a topic, or make its partitions unknown by answering with an error: a topic that has
 * partitions keeps them and is asked for again.
 *
 * Read twice: a survey that tells how much memory is needed, then the taking.
 */
#include "actors/metadata/state.h"

#include <stdio.h>
#include <string.h>

#include "actors/producer/producer.h"
#include "runtime/mutant.h"

/* A topic that is being made answers with an error at first, and that is no news. */
enum { FAILURES_TOLD = 3 };
/* A broker that lags behind does so for a moment. */
enum { OLDER_IS_ANEW = 5 };

/* ---- survey ---------------------------------------------------------------------------------- */

static void error_tell(struct metadata *metadata, const struct metadata_topic *topic) {
    char text[TOPIC_NAME_BYTES_MAX + 160];
    snprintf(text, sizeof text, "topic \"%s\": %.140s", topic->topic->name,
             sluice_code_text(topic->error));
    producer_event(metadata->producer, &(sluice_event){.kind = SLUICE_EVENT_TOPIC_ERROR,
                                                       .error = topic->error,
                                                       .broker = -1,
                                                       .text = text});
}

/* While brokers start, 38 and -1 are among the answers. */
bool snapshot_error_passes(sluice_code error) {
    return sluice_code_retriable(error) || error == SLUICE_BROKER_UNKNOWN_SERVER_ERROR ||
           error == SLUICE_BROKER_INVALID_REPLICATION_FACTOR;
}

static void topic_judge(struct metadata *metadata, struct metadata_topic *topic,
                        sluice_code error) {
    topic->failures = error == SLUICE_OK || error != topic->error ? 0 : topic->failures;
    enum metadata_mood mood = error == SLUICE_OK             ? TOPIC_SETTLED
                              : snapshot_error_passes(error) ? TOPIC_SOON
                                                             : TOPIC_REFUSED;
    topic->error = error;
    topics_mood(metadata->state, topic, mood);
    if (error != SLUICE_OK && topic->failures < UINT32_MAX) {
        topic->failures++;
    }
    if (topic->failures == (mood == TOPIC_REFUSED ? 1 : FAILURES_TOLD)) {
        error_tell(metadata, topic);
    }
}

/* The old entry, if it is of the same topic: made again, it would have another id. Of another
 * cluster nothing is kept. */
static const struct snapshot_topic *same_topic(const struct metadata_state *state,
                                               const struct metadata_topic *topic) {
    const struct snapshot_topic *old = snapshot_find(state->snapshot, topic->topic);
    if (state->anew) {
        return NULL;
    }
    if (old == NULL || kafka_uuid_is_zero(topic->id) || kafka_uuid_is_zero(old->id) ||
        kafka_uuid_equal(old->id, topic->id)) {
        return old;
    }
    return NULL;
}

static uint32_t partitions_needed(const struct metadata_state *state,
                                  const struct metadata_topic *topic) {
    bool taken = topic->answered && topic->error == SLUICE_OK;
    const struct snapshot_topic *old =
        taken ? same_topic(state, topic) : snapshot_find(state->snapshot, topic->topic);
    uint32_t known = old == NULL ? 0 : (uint32_t)old->partition_count;
    return taken && topic->entries > known ? topic->entries : known;
}

/* Judges each topic that was asked for; answers how many partitions there will be in all. */
static uint64_t survey(struct metadata *metadata, struct kafka_metadata_response answer) {
    struct metadata_state *state = metadata->state;
    struct kafka_metadata_topic told;
    uint64_t partitions = 0;
    while (kafka_metadata_response_next_topic(&answer, &told)) {
        struct metadata_topic *topic = topics_find(state, told.name);
        if (topic == NULL || !topic->asked || topic->answered) {
            continue;
        }
        bool empty = told.error_code == 0 && told.partition_count == 0;
        topic->answered = true;
        topic->entries = told.error_code == 0 ? told.partition_count : 0;
        topic->id = told.id;
        topic_judge(metadata, topic,
                    empty ? SLUICE_BROKER_LEADER_NOT_AVAILABLE : (sluice_code)told.error_code);
    }
    for (uint32_t i = 0; i < state->topic_count; i++) {
        struct metadata_topic *topic = &state->topics[i];
        if (topic->topic != NULL && topic->asked && !topic->answered) {
            topic_judge(metadata, topic, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
        }
        partitions += topic->topic == NULL ? 0 : partitions_needed(state, topic);
    }
    return partitions;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static bool brokers_take(struct draft *draft, struct kafka_metadata_response answer) {
    struct kafka_metadata_broker told;
    while (kafka_metadata_response_next_broker(&answer, &told)) {
        char host[LINK_HOST_BYTES_MAX];
        bool usable = told.host.size > 0 && told.host.size < sizeof host && told.port > 0 &&
                      told.port <= UINT16_MAX && told.node_id >= 0 &&
                      memchr(told.host.data, 0, told.host.size) == NULL;
        if (!usable || draft_find(draft, told.node_id) != NULL) {
            continue;
        }
        memcpy(host, told.host.data, told.host.size);
        host[told.host.size] = '\0';
        if (!draft_broker(draft, told.node_id, host, (uint16_t)told.port)) {
            return false;
        }
    }
    return true;
}

static bool is_older(const struct snapshot_partition *known,
                     const struct kafka_metadata_partition *told) {
    return told->leader_epoch >= 0 && known->leader_epoch > told->leader_epoch;
}

static void partition_take(const struct draft *draft, struct snapshot_partition *to,
                           const struct kafka_metadata_partition *told) {
    to->leader = draft_find(draft, told->leader_id);
    to->leader_epoch = told->leader_epoch;
    to->error = to->leader != NULL      ? SLUICE_OK
                : told->error_code != 0 ? (sluice_code)told->error_code
                                        : SLUICE_NO_LEADER;
}

static void topic_take(struct draft *draft, struct metadata_topic *topic,
                       struct kafka_metadata_topic *told) {
    const struct metadata_state *state = draft->metadata->state;
    const struct snapshot_topic *old = same_topic(state, topic);
    struct snapshot_topic *entry =
        draft_topic(draft, topic->topic, partitions_needed(state, topic));
    struct kafka_metadata_partition partition;
    /* Older brokers tell no ids, so that a topic that was made again shows by its epochs only. */
    bool is_anew = kafka_uuid_is_zero(topic->id) && topic->older >= OLDER_IS_ANEW &&
                   !RT_MUTANT(older_is_never_anew);
    bool older = false;
    entry->id = topic->id;
    if (kafka_uuid_is_zero(topic->id) && old != NULL) {
        entry->id = old->id;
    }
    for (int32_t i = 0; old != NULL && i < old->partition_count; i++) {
        draft_keep(draft, &entry->partitions[i], &old->partitions[i]);
    }
    while (kafka_metadata_topic_next(told, &partition)) {
        if (partition.index < 0 || partition.index >= entry->partition_count) {
            continue;
        }
        struct snapshot_partition *to = &entry->partitions[partition.index];
        if (is_older(to, &partition) && !is_anew) {
            older = true;
        } else {
            partition_take(draft, to, &partition);
        }
    }
    topic->older = older ? topic->older + 1 : 0;
}

static void topics_take(struct draft *draft, struct kafka_metadata_response answer) {
    struct kafka_metadata_topic told;
    while (kafka_metadata_response_next_topic(&answer, &told)) {
        struct metadata_topic *topic = topics_find(draft->metadata->state, told.name);
        if (topic != NULL && topic->answered) {
            if (topic->error == SLUICE_OK) {
                topic_take(draft, topic, &told);
            }
            topic->answered = false; /* named twice, it counts once */
        }
    }
    draft_keep_rest(draft);
}

static void survey_end(struct metadata_state *state) {
    for (uint32_t i = 0; i < state->topic_count; i++) {
        state->topics[i].answered = false;
    }
}

enum learned answer_learn(struct metadata *metadata, struct kafka_metadata_response *answer) {
    struct draft draft;
    enum learned learned = LEARNED_NO_MEMORY;
    uint32_t brokers =
        answer->broker_count < METADATA_BROKERS_MAX ? answer->broker_count : METADATA_BROKERS_MAX;
    if (brokers == 0) {
        return LEARNED_NO_BROKERS;
    }
    uint64_t partitions = survey(metadata, *answer);
    if (draft_begin(&draft, metadata, brokers, partitions)) {
        draft.anew = metadata->state->anew && !RT_MUTANT(anew_keeps_links);
        if (!brokers_take(&draft, *answer)) {
            draft_abandon(&draft);
        } else if (draft.next->broker_count == 0) {
            draft_abandon(&draft);
            learned = LEARNED_NO_BROKERS;
        } else {
            topics_take(&draft, *answer);
            learned = draft_publish(&draft);
        }
    }
    survey_end(metadata->state);
    return learned;
}
