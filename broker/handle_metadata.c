/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/handlers.h"

enum { HEAD_SIZE_MAX = 128, BROKER_SIZE_MAX = 32, TOPIC_SIZE_MAX = 64, PARTITION_SIZE_MAX = 48 };

static size_t metadata_begin(struct broker_work *work, struct kafka_metadata_answer *answer,
                             uint32_t topic_count) {
    struct broker_model *model = work->model;
    size_t size = HEAD_SIZE_MAX;
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->node_count; i++) {
        const struct broker_node *node = &model->nodes[i];
        if (node->up) {
            struct kafka_text host = kafka_text_of(node->host);
            model->listed_brokers[count++] = (struct kafka_metadata_broker){
                .node_id = node->id, .host = host, .port = node->port, .rack = KAFKA_TEXT_NULL};
            size += BROKER_SIZE_MAX + host.size;
        }
    }
    *answer = (struct kafka_metadata_answer){
        .throttle_time_ms = (int32_t)work->request->effects.throttle_ms,
        .brokers = model->listed_brokers,
        .broker_count = count,
        .cluster_id = kafka_text_of("sluice-embedded-broker"),
        .controller_id = count > 0 ? model->listed_brokers[0].node_id : -1,
        .topic_count = topic_count,
    };
    broker_output_reserve(work->output, size);
    return kafka_metadata_response_begin(&work->output->writer, work->version, work->correlation_id,
                                         answer);
}

static void write_partition(struct broker_work *work, const struct broker_partition *partition,
                            int32_t index) {
    struct broker_model *model = work->model;
    int32_t *replicas = model->listed_replicas;
    int32_t *in_sync = replicas + model->node_count;
    int32_t *offline = in_sync + model->node_count;
    bool behind = work->node->stale && partition->leader_epoch > 0;
    int32_t leader = behind ? partition->told_leader : partition->leader;
    struct kafka_metadata_answer_partition answer = {
        .error_code = leader == 0 ? SLUICE_BROKER_LEADER_NOT_AVAILABLE : SLUICE_OK,
        .index = index,
        .leader_id = leader == 0 ? -1 : leader,
        .leader_epoch = behind ? partition->told_epoch : partition->leader_epoch,
        .replicas = replicas,
        .in_sync = in_sync,
        .offline = offline,
    };
    for (uint32_t i = 0; i < model->options.replica_count; i++) {
        int32_t id = broker_model_ring(model, partition->first_replica - 1 + (int64_t)i);
        replicas[answer.replica_count++] = id;
        if (broker_model_node(model, id)->up) {
            in_sync[answer.in_sync_count++] = id;
        } else {
            offline[answer.offline_count++] = id;
        }
    }
    broker_output_reserve(work->output, PARTITION_SIZE_MAX + 8 * answer.replica_count);
    kafka_metadata_response_partition(&work->output->writer, work->version, &answer);
}

static void write_topic(struct broker_work *work, const struct broker_topic *topic) {
    struct broker_item item = {topic->name, -1};
    struct broker_item_effects effects =
        broker_item_effects_of(work->model, work->node, KAFKA_METADATA, &item);
    if (effects.error == SLUICE_BROKER_REBOOTSTRAP_REQUIRED) {
        work->whole_error = (int16_t)effects.error; /* KIP-1102: never of one topic */
    }
    struct kafka_metadata_answer_topic answer = {
        .error_code = (int16_t)effects.error,
        .name = topic->name,
        .id = topic->id,
        .partition_count = effects.error == SLUICE_OK ? topic->partition_count : 0,
    };
    broker_output_reserve(work->output, TOPIC_SIZE_MAX + topic->name.size);
    kafka_metadata_response_topic(&work->output->writer, work->version, &answer);
    for (uint32_t i = 0; i < answer.partition_count; i++) {
        write_partition(work, &topic->partitions[i], (int32_t)i);
    }
    kafka_metadata_response_topic_end(&work->output->writer, work->version);
}

static void write_no_topic(struct broker_work *work,
                           const struct kafka_metadata_request_topic *asked, sluice_code error) {
    struct kafka_metadata_answer_topic answer = {
        .error_code = (int16_t)error,
        .name = asked->name,
        .id = asked->id,
    };
    broker_output_reserve(work->output, TOPIC_SIZE_MAX + asked->name.size);
    kafka_metadata_response_topic(&work->output->writer, work->version, &answer);
    kafka_metadata_response_topic_end(&work->output->writer, work->version);
}

static void write_asked(struct broker_work *work, const struct kafka_metadata_request_topic *asked,
                        bool may_create) {
    struct broker_model *model = work->model;
    bool by_id = asked->name.data == NULL;
    struct broker_topic *topic = broker_work_topic(work, by_id, asked->name, asked->id);
    sluice_code error = SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic == NULL && by_id) {
        error = SLUICE_BROKER_UNKNOWN_TOPIC_ID;
    } else if (topic == NULL && !broker_topic_name_is_allowed(asked->name)) {
        error = SLUICE_BROKER_INVALID_TOPIC_EXCEPTION;
    } else if (topic == NULL && may_create) {
        error =
            broker_model_topic_create(model, asked->name, model->options.partition_count, &topic);
    }
    if (topic != NULL) {
        write_topic(work, topic);
    } else {
        write_no_topic(work, asked,
                       error == SLUICE_NO_MEMORY ? SLUICE_BROKER_UNKNOWN_SERVER_ERROR : error);
    }
}

static uint32_t topics_count(const struct broker_topics *topics) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < topics->slot_count; i++) {
        count += topics->slots[i] != NULL;
    }
    return count;
}

enum broker_verdict broker_handle_metadata(struct broker_work *work) {
    struct broker_model *model = work->model;
    struct kafka_metadata_asked asked;
    struct kafka_metadata_answer answer;
    if (!kafka_metadata_request_open(&asked, &work->body, work->version)) {
        return BROKER_CLOSE;
    }
    if (asked.every_topic) {
        size_t frame_at = metadata_begin(work, &answer, topics_count(&model->topics));
        for (uint32_t i = 0; i < model->topics.slot_count; i++) {
            if (model->topics.slots[i] != NULL) {
                write_topic(work, model->topics.slots[i]);
            }
        }
        broker_output_reserve(work->output, HEAD_SIZE_MAX);
        answer.error_code = work->whole_error;
        kafka_metadata_response_end(&work->output->writer, work->version, frame_at, &answer);
        return BROKER_ANSWERED;
    }
    bool may_create = asked.allow_auto_topic_creation && !model->options.auto_create_off;
    size_t frame_at = metadata_begin(work, &answer, asked.topic_count);
    struct kafka_metadata_request_topic topic;
    while (kafka_metadata_request_next(&asked, &topic)) {
        write_asked(work, &topic, may_create);
    }
    broker_output_reserve(work->output, HEAD_SIZE_MAX);
    answer.error_code = work->whole_error;
    kafka_metadata_response_end(&work->output->writer, work->version, frame_at, &answer);
    return BROKER_ANSWERED;
}
