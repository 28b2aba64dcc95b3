/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/handlers.h"

enum { API_VERSIONS_SIZE_MAX = 64 + 16 * KAFKA_API_COUNT };

enum broker_verdict broker_refuse_api_versions(struct broker_work *work) {
    const struct broker_model *model = work->model;
    const struct kafka_api_range *own = NULL;
    for (uint32_t i = 0; i < model->range_count; i++) {
        if (model->ranges[i].key == KAFKA_API_VERSIONS) {
            own = &model->ranges[i];
        }
    }
    broker_output_reserve(work->output, API_VERSIONS_SIZE_MAX);
    kafka_api_versions_response_encode(&work->output->writer, 0, work->correlation_id,
                                       SLUICE_BROKER_UNSUPPORTED_VERSION, own, own != NULL, 0);
    return BROKER_ANSWERED;
}

/* As Kafka: the name and version of the client's software are looked at, not just read. */
static bool software_is_named(struct kafka_text name) {
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool inner = i > 0 && i + 1 < name.size && (c == '-' || c == '.');
        if (!inner &&
            !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return name.size > 0;
}

enum broker_verdict broker_handle_api_versions(struct broker_work *work) {
    struct kafka_api_versions_request request = {0};
    if (!kafka_api_versions_request_decode(&work->body, work->version, &request)) {
        return BROKER_CLOSE;
    }
    sluice_code error = work->request->effects.error;
    if (error == SLUICE_BROKER_UNSUPPORTED_VERSION) {
        return broker_refuse_api_versions(work);
    }
    if (error == SLUICE_OK && work->version >= 3 &&
        !(software_is_named(request.software_name) &&
          software_is_named(request.software_version))) {
        error = SLUICE_BROKER_INVALID_REQUEST;
    }
    const struct broker_model *model = work->model;
    broker_output_reserve(work->output, API_VERSIONS_SIZE_MAX);
    kafka_api_versions_response_encode(
        &work->output->writer, work->version, work->correlation_id, (int16_t)error, model->ranges,
        error == SLUICE_OK ? model->range_count : 0, (int32_t)work->request->effects.throttle_ms);
    return BROKER_ANSWERED;
}
