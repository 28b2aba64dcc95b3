/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a Produce answer, or a broken connection, means for each batch of its request. */
#include "actors/batch/split.h"
#include "actors/broker.h"
#include "actors/config/error.h"
#include "actors/flusher/flusher.h"
#include "actors/flusher/request.h"
#include "actors/flusher/ticket.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static struct producer *producer_of(const struct flusher *self) {
    return self->broker->producer;
}

/* The entry that an answer speaks of. Brokers keep the order in general, so the next one is looked
 * at first. Matched to what was sent, by id where ids were sent. */
static struct request_entry *find(struct request *request,
                                  const struct kafka_produce_answer *answer, uint32_t *next) {
    bool by_id = request->link.version >= KAFKA_PRODUCE_TOPIC_ID_VERSION;
    for (uint32_t n = 0; n < request->count; n++) {
        struct request_entry *entry = &request->entries[(*next + n) % request->count];
        const struct kafka_produce_topic *topic = &request->topics[entry->group];
        if (entry->index != answer->index || !entry->open) {
            continue;
        }
        bool same =
            by_id ? kafka_uuid_equal(topic->id, answer->topic_id)
                  : topic->name.size == answer->topic_name.size &&
                        memcmp(topic->name.data, answer->topic_name.data, topic->name.size) == 0;
        if (same || RT_MUTANT(answers_by_number)) {
            *next = (*next + n + 1) % request->count;
            return entry;
        }
    }
    return NULL;
}

enum { AHEAD = 3 /* entries */ };

/* Snapshots that a leader actor looks at for what was hinted, before it takes what there is. */
enum { HINT_LOOKS = 3 };

/* Answers do not wait for snapshots: the leader actor is told that a newer one is to come. */
static void post_hint(struct flusher *self, const struct request_entry *entry,
                      const struct kafka_produce_answer *answer,
                      struct kafka_produce_response *response) {
    struct producer *producer = producer_of(self);
    struct metadata_hint *hint = rt_acquire(producer->world, sizeof *hint);
    if (hint == NULL) {
        return; /* a refresh will tell */
    }
    *hint = (struct metadata_hint){.topic = entry->topic,
                                   .id = entry->partition->topic_id,
                                   .index = answer->index,
                                   .leader = answer->leader_id,
                                   .leader_epoch = answer->leader_epoch};
    struct kafka_produce_response endpoints = *response;
    struct kafka_node_endpoint endpoint;
    while (kafka_produce_response_next_endpoint(&endpoints, &endpoint)) {
        if (endpoint.node_id == answer->leader_id && endpoint.host.size < sizeof hint->host &&
            endpoint.port > 0 && endpoint.port <= UINT16_MAX &&
            memchr(endpoint.host.data, 0, endpoint.host.size) == NULL) {
            memcpy(hint->host, endpoint.host.data, endpoint.host.size);
            hint->port = (uint16_t)endpoint.port;
        }
    }
    metadata_post_hint(&producer->metadata, hint);
    struct partition *partition = entry->batch->partition;
    if (answer->leader_epoch > partition->leader_epoch && !RT_MUTANT(hint_waits)) {
        partition->hinted_epoch = answer->leader_epoch;
        partition->hint_looks = HINT_LOOKS;
    }
}

/* Brokers say which records they refuse. The others can be saved (docs/decisions/split.md). */
static void name_records(struct batch *batch, const struct kafka_produce_answer *answer) {
    if (batch->standing == BATCH_UNSURE ||
        sluice_code_remedy((sluice_code)answer->error_code) != SLUICE_REMEDY_CUT_NAMED) {
        return;
    }
    struct kafka_produce_answer errors = *answer;
    struct kafka_record_error error;
    while (kafka_produce_answer_next_error(&errors, &error)) {
        batch_name_record(batch, error.batch_index);
    }
}

static void answer_one(struct flusher *self, struct request_entry *entry,
                       const struct kafka_produce_answer *answer,
                       struct kafka_produce_response *response) {
    entry->open = false;
    if (answer->error_code == 0) {
        ticket_succeeded(self, entry->batch, answer->base_offset, answer->log_append_time_ms);
        return;
    }
    if (answer->leader_id >= 0 && answer->leader_epoch >= 0) {
        post_hint(self, entry, answer, response);
    }
    name_records(entry->batch, answer);
    if (sluice_code_remedy((sluice_code)answer->error_code) == SLUICE_REMEDY_CONNECT) {
        self->reconnect = true;
    }
    ticket_failed(self, entry->batch, (sluice_code)answer->error_code);
}

/* What was not mentioned, or the whole request. */
static void fail_rest(struct flusher *self, struct request *request, sluice_code error) {
    uint32_t index = 0;
    struct request_entry *entry;
    while ((entry = request_next_open(request, &index)) != NULL) {
        entry->open = false;
        ticket_failed(self, entry->batch, error);
    }
}

static void not_sent(struct flusher *self, struct request *request) {
    uint32_t index = 0;
    struct request_entry *entry;
    while ((entry = request_next_open(request, &index)) != NULL) {
        entry->open = false;
        entry->batch->last_error = request->link.error;
        ticket_not_sent(self, entry->batch);
    }
}

/* acks=0: written is all that will ever be known. */
static void unasked(struct flusher *self, struct request *request) {
    uint32_t index = 0;
    struct request_entry *entry;
    while ((entry = request_next_open(request, &index)) != NULL) {
        entry->open = false;
        ticket_unasked(self, entry->batch);
    }
}

/* Of the entries that come next. */
static void fetch_ahead(const struct request *request, uint32_t next) {
    if (next + AHEAD < request->count) {
        const struct request_entry *entry = &request->entries[next + AHEAD];
        ticket_fetch(entry->partition);
        rt_fetch_all(entry->batch, sizeof *entry->batch);
    }
}

static void note_answered(struct flusher *self, const struct request *request, uint64_t now_ns) {
    uint64_t took_ns = now_ns - request->link.first_write_ns;
    self->answered_ns =
        self->answered_ns == 0 ? took_ns : self->answered_ns - self->answered_ns / 8 + took_ns / 8;
    rt_count_set(&self->counted->answer_ns, self->answered_ns);
    aggregator_adapt(&self->broker->aggregator, self->answered_ns);
}

void answer_request(struct flusher *self, struct request *request, struct kafka_reader *body,
                    uint64_t now_ns) {
    if (request->link.failed) {
        if (request->link.first_write_ns == 0 || RT_MUTANT(written_is_unsent)) {
            not_sent(self, request);
        } else {
            fail_rest(self, request, request->link.error);
        }
    } else if (!request->link.expects_answer) {
        unasked(self, request);
    } else {
        struct kafka_produce_response response;
        note_answered(self, request, now_ns);
        if (kafka_produce_response_open(&response, body, request->link.version)) {
            struct kafka_produce_answer answer;
            uint32_t next = 0;
            while (kafka_produce_response_next(&response, &answer)) {
                fetch_ahead(request, next);
                struct request_entry *entry = find(request, &answer, &next);
                if (entry != NULL) {
                    answer_one(self, entry, &answer, &response);
                }
            }
            link_throttle(&self->link, now_ns, response.throttle_time_ms);
        }
        fail_rest(self, request, SLUICE_BAD_ANSWER);
    }
    request_finish(self, request);
}
