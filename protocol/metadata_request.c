/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/metadata.h"

enum { TOPIC_SIZE_MIN = 2 };

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_METADATA, version);
}

size_t kafka_metadata_request_bound(const struct kafka_metadata_request *request) {
    size_t size = kafka_request_header_bound(request->client_id) + 5 + 3 + 1;
    for (uint32_t i = 0; !request->every_topic && i < request->topic_count; i++) {
        size += sizeof(struct kafka_uuid) + kafka_text_bound(request->topics[i].name) + 1;
    }
    return size;
}

static void write_topics(struct kafka_writer *writer, int16_t version,
                         const struct kafka_metadata_request *request) {
    bool flexible = is_flexible(version);
    if (request->every_topic && version >= 1) {
        kafka_write_count_null(writer, flexible);
        return;
    }
    kafka_write_count(writer, request->every_topic ? 0 : request->topic_count, flexible);
    for (uint32_t i = 0; !request->every_topic && i < request->topic_count; i++) {
        const struct kafka_metadata_request_topic *topic = &request->topics[i];
        if (version >= 10) {
            kafka_write_uuid(writer, topic->id);
            kafka_write_text_nullable(writer, topic->name, flexible);
        } else {
            kafka_write_text(writer, topic->name, flexible);
        }
        kafka_write_tags_none(writer, flexible);
    }
}

void kafka_metadata_request_encode(struct kafka_writer *writer, int16_t version,
                                   const struct kafka_metadata_request *request) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_request_header_encode(writer, &(struct kafka_request_header){KAFKA_METADATA, version,
                                                                       request->correlation_id,
                                                                       request->client_id});
    write_topics(writer, version, request);
    if (version >= 4) {
        kafka_write_bool(writer, request->allow_auto_topic_creation);
    }
    if (version >= 8 && version <= 10) {
        kafka_write_bool(writer, false); /* authorized operations of the cluster */
    }
    if (version >= 8) {
        kafka_write_bool(writer, false); /* and of topics: nobody here asks for them */
    }
    kafka_write_tags_none(writer, is_flexible(version));
    kafka_frame_end(writer, frame_at, 0);
}

static struct kafka_metadata_request_topic read_topic(struct kafka_reader *reader,
                                                      int16_t version) {
    struct kafka_metadata_request_topic topic = {0};
    bool flexible = is_flexible(version);
    if (version >= 10) {
        topic.id = kafka_read_uuid(reader);
        topic.name = kafka_read_text_nullable(reader, flexible);
    } else {
        topic.name = kafka_read_text(reader, flexible);
    }
    kafka_read_tags_skip(reader, flexible);
    return topic;
}

bool kafka_metadata_request_open(struct kafka_metadata_asked *asked, struct kafka_reader *body,
                                 int16_t version) {
    bool flexible = is_flexible(version);
    *asked = (struct kafka_metadata_asked){.version = version, .allow_auto_topic_creation = true};
    int64_t count = kafka_read_count_nullable(body, flexible, TOPIC_SIZE_MIN);
    if (count < 0 && version == 0) {
        kafka_reader_fail(body);
    }
    asked->every_topic = count < 0 || (count == 0 && version == 0);
    asked->topic_count = count < 0 ? 0 : (uint32_t)count;
    asked->topics_left = asked->topic_count;
    asked->topics = *body;
    for (uint32_t i = 0; i < asked->topic_count && !body->failed; i++) {
        (void)read_topic(body, version);
    }
    if (version >= 4) {
        asked->allow_auto_topic_creation = kafka_read_bool(body);
    }
    if (version >= 8 && version <= 10) {
        (void)kafka_read_bool(body);
    }
    if (version >= 8) {
        (void)kafka_read_bool(body);
    }
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_metadata_request_next(struct kafka_metadata_asked *asked,
                                 struct kafka_metadata_request_topic *topic) {
    if (asked->topics_left == 0) {
        return false;
    }
    asked->topics_left--;
    *topic = read_topic(&asked->topics, asked->version);
    return true;
}
