/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which topics and partitions a request names: faults are matched against them. */
#include "broker/handlers.h"
#include "protocol/fetch.h"
#include "protocol/list_offsets.h"
#include "protocol/produce.h"

static struct kafka_text topic_name_of(const struct broker_model *model, bool by_id,
                                       struct kafka_text name, struct kafka_uuid id) {
    if (!by_id) {
        return name;
    }
    const struct broker_topic *topic = broker_topics_by_id(&model->topics, id);
    return topic == NULL ? KAFKA_TEXT_NULL : topic->name;
}

static bool produce_holds(const struct broker_model *model, struct kafka_reader body,
                          int16_t version, const struct broker_fault *fault) {
    struct kafka_produce_received received;
    struct kafka_produce_received_topic topic;
    struct kafka_produce_received_partition partition;
    if (!kafka_produce_request_open(&received, &body, version)) {
        return false;
    }
    while (kafka_produce_request_next(&received, &topic)) {
        struct broker_item item = {
            topic_name_of(model, version >= KAFKA_PRODUCE_TOPIC_ID_VERSION, topic.name, topic.id),
            0};
        while (kafka_produce_request_topic_next(&topic, &partition)) {
            item.partition = partition.index;
            if (partition.index >= 0 && broker_fault_wants(fault, &item)) {
                return true;
            }
        }
    }
    return false;
}

static bool fetch_holds(const struct broker_model *model, struct kafka_reader body, int16_t version,
                        const struct broker_fault *fault) {
    struct kafka_fetch_request request;
    struct kafka_fetch_topic topic;
    struct kafka_fetch_partition partition;
    if (!kafka_fetch_request_open(&request, &body, version)) {
        return false;
    }
    while (kafka_fetch_request_next(&request, &topic)) {
        struct broker_item item = {
            topic_name_of(model, version >= KAFKA_FETCH_TOPIC_ID_VERSION, topic.name, topic.id), 0};
        while (kafka_fetch_topic_next(&topic, &partition)) {
            item.partition = partition.index;
            if (partition.index >= 0 && broker_fault_wants(fault, &item)) {
                return true;
            }
        }
    }
    return false;
}

static bool list_offsets_holds(struct kafka_reader body, int16_t version,
                               const struct broker_fault *fault) {
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_topic topic;
    struct kafka_list_offsets_partition partition;
    if (!kafka_list_offsets_request_open(&request, &body, version)) {
        return false;
    }
    while (kafka_list_offsets_request_next(&request, &topic)) {
        while (kafka_list_offsets_topic_next(&topic, &partition)) {
            struct broker_item item = {topic.name, partition.index};
            if (partition.index >= 0 && broker_fault_wants(fault, &item)) {
                return true;
            }
        }
    }
    return false;
}

/* A request for every topic holds those that exist. */
static bool metadata_holds(const struct broker_model *model, struct kafka_reader body,
                           int16_t version, const struct broker_fault *fault) {
    struct kafka_metadata_asked asked;
    struct kafka_metadata_request_topic topic;
    if (!kafka_metadata_request_open(&asked, &body, version)) {
        return false;
    }
    if (asked.every_topic) {
        return fault->set.topic == NULL ||
               broker_topics_by_name(&model->topics, kafka_text_of(fault->set.topic)) != NULL;
    }
    while (kafka_metadata_request_next(&asked, &topic)) {
        struct broker_item item = {
            topic_name_of(model, topic.name.data == NULL, topic.name, topic.id), -1};
        if (broker_fault_wants(fault, &item)) {
            return true;
        }
    }
    return false;
}

bool broker_request_holds(struct broker_model *model, const struct broker_request *request,
                          const struct broker_fault *fault) {
    int16_t version = request->header.api_version;
    if (broker_fault_wants_all(fault)) {
        return true;
    }
    switch (request->header.api_key) {
    case KAFKA_PRODUCE:
        return produce_holds(model, request->body, version, fault);
    case KAFKA_FETCH:
        return fetch_holds(model, request->body, version, fault);
    case KAFKA_LIST_OFFSETS:
        return list_offsets_holds(request->body, version, fault);
    case KAFKA_METADATA:
        return metadata_holds(model, request->body, version, fault);
    default:
        return false;
    }
}

struct broker_item_effects broker_item_effects_of(struct broker_model *model,
                                                  struct broker_node *node, int16_t api_key,
                                                  const struct broker_item *item) {
    struct broker_item_effects effects = {SLUICE_OK, false, false};
    for (size_t i = 0; i < model->faults.count; i++) {
        struct broker_fault *fault = &model->faults.all[i];
        if (!broker_fault_acts_on_items(fault, api_key) ||
            !broker_fault_concerns(fault, api_key, node->id) || !broker_fault_wants(fault, item) ||
            !broker_fault_count(fault)) {
            continue;
        }
        model->changes++;
        node->counters.faults++;
        if (fault->set.action == SLUICE_FAULT_MOVE_LEADER) {
            effects.move_leader = true;
        } else {
            effects.error = fault->set.error_code;
            effects.append_first = fault->set.action == SLUICE_FAULT_ERROR_APPENDED;
        }
    }
    return effects;
}
