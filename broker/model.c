/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/model.h"

#include <stdlib.h>

#include "runtime/assert.h"

enum {
    MESSAGE_BYTES_MAX_DEFAULT = 1048588,
    REQUEST_BYTES_MAX_DEFAULT = 100 << 20,
    FIRST_PRODUCER_ID = 1000
};

static void options_fill_in(sluice_broker_options *options) {
    if (options->broker_count == 0) {
        options->broker_count = 1;
    }
    if (options->partition_count == 0) {
        options->partition_count = 1;
    }
    if (options->replica_count == 0) {
        options->replica_count = BROKER_REPLICAS_DEFAULT;
    }
    if (options->replica_count > options->broker_count) {
        options->replica_count = options->broker_count;
    }
    if (options->check == SLUICE_BROKER_CHECK_DEFAULT) {
        options->check =
            options->discard ? SLUICE_BROKER_CHECK_HEADERS : SLUICE_BROKER_CHECK_RECORDS;
    }
    if (options->message_bytes_max == 0) {
        options->message_bytes_max = MESSAGE_BYTES_MAX_DEFAULT;
    }
    if (options->request_bytes_max == 0) {
        options->request_bytes_max = REQUEST_BYTES_MAX_DEFAULT;
    }
}

/* The highest version of an API that the options allow, below `version_min` for none. */
static int16_t options_version_max(const sluice_broker_options *options,
                                   const struct kafka_api_info *api) {
    int16_t version_max = api->version_max;
    for (size_t i = 0; i < options->limit_count; i++) {
        const sluice_broker_limit *limit = &options->limits[i];
        if (limit->api_key == api->key && limit->version_max < version_max) {
            version_max = limit->version_max;
        }
    }
    return version_max;
}

static void model_offer(struct broker_model *model, const sluice_broker_options *options) {
    for (size_t i = 0; i < KAFKA_API_COUNT; i++) {
        const struct kafka_api_info *api = &kafka_apis[i];
        int16_t version_max = options_version_max(options, api);
        if (version_max >= api->version_min) {
            /* As Kafka 4: librdkafka drops codecs where Produce does not go back to 0. */
            int16_t version_min = api->key == KAFKA_PRODUCE ? 0 : api->version_min;
            model->ranges[model->range_count++] =
                (struct kafka_api_range){api->key, version_min, version_max};
        }
    }
}

bool broker_model_init(struct broker_model *model, const sluice_broker_options *options) {
    static const sluice_broker_options nothing;
    *model = (struct broker_model){.options = options == NULL ? nothing : *options,
                                   .next_producer_id = FIRST_PRODUCER_ID};
    options_fill_in(&model->options);
    RT_ASSERT(model->options.broker_count <= BROKER_NODES_MAX);
    model_offer(model, &model->options);
    model->options.limits = NULL;
    model->options.address = NULL;
    model->nodes = calloc(model->options.broker_count, sizeof *model->nodes);
    model->listed_brokers = calloc(model->options.broker_count, sizeof *model->listed_brokers);
    model->listed_replicas = calloc(3 * (size_t)model->options.broker_count, sizeof(int32_t));
    if (model->nodes == NULL || model->listed_brokers == NULL || model->listed_replicas == NULL) {
        broker_model_deinit(model);
        return false;
    }
    model->node_count = model->options.broker_count;
    for (uint32_t i = 0; i < model->node_count; i++) {
        model->nodes[i].id = (int32_t)i + 1;
        model->nodes[i].up = true;
    }
    model->nodes_changed = true;
    return true;
}

void broker_model_deinit(struct broker_model *model) {
    for (uint32_t i = 0; i < model->node_count; i++) {
        free(model->nodes[i].host);
    }
    free(model->nodes);
    free(model->listed_brokers);
    free(model->listed_replicas);
    broker_inflater_deinit(&model->inflater);
    broker_topics_deinit(&model->topics);
    broker_faults_clear(&model->faults);
    *model = (struct broker_model){0};
}
