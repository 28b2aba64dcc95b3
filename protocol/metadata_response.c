/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decoder walks the body once in ..._open; the iterators then walk copies of the cursor over
 * bytes that are known to be good, with the same reading functions. */
#include "protocol/metadata.h"

enum { BROKER_SIZE_MIN = 10, TOPIC_SIZE_MIN = 8, PARTITION_SIZE_MIN = 18 };

/* "Not asked for", in the bit field of authorized operations. */
static const int32_t operations_unknown = INT32_MIN;

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_METADATA, version);
}

/* ---- decode ---------------------------------------------------------------------------------- */

static struct kafka_metadata_broker read_broker(struct kafka_reader *reader, int16_t version) {
    struct kafka_metadata_broker broker = {0};
    bool flexible = is_flexible(version);
    broker.node_id = kafka_read_int32(reader);
    broker.host = kafka_read_text(reader, flexible);
    broker.port = kafka_read_int32(reader);
    if (version >= 1) {
        broker.rack = kafka_read_text_nullable(reader, flexible);
    }
    kafka_read_tags_skip(reader, flexible);
    return broker;
}

static uint32_t read_node_count(struct kafka_reader *reader, bool flexible) {
    uint32_t count = kafka_read_count(reader, flexible, sizeof(int32_t));
    kafka_read_raw(reader, count * sizeof(int32_t));
    return reader->failed ? 0 : count;
}

static struct kafka_metadata_partition read_partition(struct kafka_reader *reader,
                                                      int16_t version) {
    struct kafka_metadata_partition partition = {0};
    bool flexible = is_flexible(version);
    partition.error_code = kafka_read_int16(reader);
    partition.index = kafka_read_int32(reader);
    partition.leader_id = kafka_read_int32(reader);
    partition.leader_epoch = version >= 7 ? kafka_read_int32(reader) : -1;
    partition.replica_count = read_node_count(reader, flexible);
    partition.in_sync_count = read_node_count(reader, flexible);
    if (version >= 5) {
        (void)read_node_count(reader, flexible);
    }
    kafka_read_tags_skip(reader, flexible);
    return partition;
}

static struct kafka_metadata_topic read_topic(struct kafka_reader *reader, int16_t version) {
    struct kafka_metadata_topic topic = {.version = version};
    bool flexible = is_flexible(version);
    topic.error_code = kafka_read_int16(reader);
    topic.name = version >= 12 ? kafka_read_text_nullable(reader, flexible)
                               : kafka_read_text(reader, flexible);
    if (version >= 10) {
        topic.id = kafka_read_uuid(reader);
    }
    if (version >= 1) {
        topic.is_internal = kafka_read_bool(reader);
    }
    topic.partition_count = kafka_read_count(reader, flexible, PARTITION_SIZE_MIN);
    topic.partitions_left = topic.partition_count;
    topic.partitions = *reader;
    for (uint32_t i = 0; i < topic.partition_count && !reader->failed; i++) {
        (void)read_partition(reader, version);
    }
    if (version >= 8) {
        (void)kafka_read_int32(reader);
    }
    kafka_read_tags_skip(reader, flexible);
    return topic;
}

bool kafka_metadata_response_open(struct kafka_metadata_response *response,
                                  struct kafka_reader *body, int16_t version) {
    bool flexible = is_flexible(version);
    *response = (struct kafka_metadata_response){.version = version, .controller_id = -1};
    if (version >= 3) {
        response->throttle_time_ms = kafka_read_int32(body);
    }
    response->broker_count = kafka_read_count(body, flexible, BROKER_SIZE_MIN);
    response->brokers_left = response->broker_count;
    response->brokers = *body;
    for (uint32_t i = 0; i < response->broker_count && !body->failed; i++) {
        (void)read_broker(body, version);
    }
    if (version >= 2) {
        response->cluster_id = kafka_read_text_nullable(body, flexible);
    }
    if (version >= 1) {
        response->controller_id = kafka_read_int32(body);
    }
    response->topic_count = kafka_read_count(body, flexible, TOPIC_SIZE_MIN);
    response->topics_left = response->topic_count;
    response->topics = *body;
    for (uint32_t i = 0; i < response->topic_count && !body->failed; i++) {
        (void)read_topic(body, version);
    }
    if (version >= 8 && version <= 10) {
        (void)kafka_read_int32(body);
    }
    if (version >= 13) {
        response->error_code = kafka_read_int16(body);
    }
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_metadata_response_next_broker(struct kafka_metadata_response *response,
                                         struct kafka_metadata_broker *broker) {
    if (response->brokers_left == 0) {
        return false;
    }
    response->brokers_left--;
    *broker = read_broker(&response->brokers, response->version);
    return true;
}

bool kafka_metadata_response_next_topic(struct kafka_metadata_response *response,
                                        struct kafka_metadata_topic *topic) {
    if (response->topics_left == 0) {
        return false;
    }
    response->topics_left--;
    *topic = read_topic(&response->topics, response->version);
    return true;
}

bool kafka_metadata_topic_next(struct kafka_metadata_topic *topic,
                               struct kafka_metadata_partition *partition) {
    if (topic->partitions_left == 0) {
        return false;
    }
    topic->partitions_left--;
    *partition = read_partition(&topic->partitions, topic->version);
    return true;
}

/* ---- encode ---------------------------------------------------------------------------------- */

static void write_broker(struct kafka_writer *writer, int16_t version,
                         const struct kafka_metadata_broker *broker) {
    bool flexible = is_flexible(version);
    kafka_write_int32(writer, broker->node_id);
    kafka_write_text(writer, broker->host, flexible);
    kafka_write_int32(writer, broker->port);
    if (version >= 1) {
        kafka_write_text_nullable(writer, broker->rack, flexible);
    }
    kafka_write_tags_none(writer, flexible);
}

size_t kafka_metadata_response_begin(struct kafka_writer *writer, int16_t version,
                                     int32_t correlation_id,
                                     const struct kafka_metadata_answer *answer) {
    bool flexible = is_flexible(version);
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_METADATA, version, correlation_id);
    if (version >= 3) {
        kafka_write_int32(writer, answer->throttle_time_ms);
    }
    kafka_write_count(writer, answer->broker_count, flexible);
    for (uint32_t i = 0; i < answer->broker_count; i++) {
        write_broker(writer, version, &answer->brokers[i]);
    }
    if (version >= 2) {
        kafka_write_text_nullable(writer, answer->cluster_id, flexible);
    }
    if (version >= 1) {
        kafka_write_int32(writer, answer->controller_id);
    }
    kafka_write_count(writer, answer->topic_count, flexible);
    return frame_at;
}

void kafka_metadata_response_topic(struct kafka_writer *writer, int16_t version,
                                   const struct kafka_metadata_answer_topic *topic) {
    bool flexible = is_flexible(version);
    kafka_write_int16(writer, topic->error_code);
    if (version >= 12) {
        kafka_write_text_nullable(writer, topic->name, flexible);
    } else {
        kafka_write_text(writer, topic->name, flexible);
    }
    if (version >= 10) {
        kafka_write_uuid(writer, topic->id);
    }
    if (version >= 1) {
        kafka_write_bool(writer, topic->is_internal);
    }
    kafka_write_count(writer, topic->partition_count, flexible);
}

static void write_nodes(struct kafka_writer *writer, bool flexible, const int32_t *nodes,
                        uint32_t count) {
    kafka_write_count(writer, count, flexible);
    for (uint32_t i = 0; i < count; i++) {
        kafka_write_int32(writer, nodes[i]);
    }
}

void kafka_metadata_response_partition(struct kafka_writer *writer, int16_t version,
                                       const struct kafka_metadata_answer_partition *partition) {
    bool flexible = is_flexible(version);
    kafka_write_int16(writer, partition->error_code);
    kafka_write_int32(writer, partition->index);
    kafka_write_int32(writer, partition->leader_id);
    if (version >= 7) {
        kafka_write_int32(writer, partition->leader_epoch);
    }
    write_nodes(writer, flexible, partition->replicas, partition->replica_count);
    write_nodes(writer, flexible, partition->in_sync, partition->in_sync_count);
    if (version >= 5) {
        write_nodes(writer, flexible, partition->offline, partition->offline_count);
    }
    kafka_write_tags_none(writer, flexible);
}

void kafka_metadata_response_topic_end(struct kafka_writer *writer, int16_t version) {
    if (version >= 8) {
        kafka_write_int32(writer, operations_unknown);
    }
    kafka_write_tags_none(writer, is_flexible(version));
}

void kafka_metadata_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at,
                                 const struct kafka_metadata_answer *answer) {
    if (version >= 8 && version <= 10) {
        kafka_write_int32(writer, operations_unknown);
    }
    if (version >= 13) {
        kafka_write_int16(writer, answer->error_code);
    }
    kafka_write_tags_none(writer, is_flexible(version));
    kafka_frame_end(writer, frame_at, 0);
}
