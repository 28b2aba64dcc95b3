/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* InitProducerId, and FindCoordinator, which is there to be advertised: librdkafka takes it for a
 * sign of codecs. There are no groups and no transactions. */
#include <stdlib.h>

#include "broker/handlers.h"
#include "protocol/find_coordinator.h"
#include "protocol/init_producer_id.h"

enum { INIT_PRODUCER_ID_SIZE_MAX = 64, COORDINATORS_SIZE_MAX = 64, COORDINATOR_SIZE_MAX = 96 };

enum broker_verdict broker_handle_init_producer_id(struct broker_work *work) {
    struct kafka_init_producer_id_request request = {0};
    if (!kafka_init_producer_id_request_decode(&work->body, work->version, &request)) {
        return BROKER_CLOSE;
    }
    sluice_code error = work->request->effects.error;
    if (error == SLUICE_OK && request.transactional_id.data != NULL) {
        error = request.transactional_id.size == 0
                    ? SLUICE_BROKER_INVALID_REQUEST
                    : SLUICE_BROKER_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
    /* A new id each time, also for who names the id that it had: as Kafka does it. */
    struct kafka_init_producer_id_response response = {
        .throttle_time_ms = (int32_t)work->request->effects.throttle_ms,
        .error_code = (int16_t)error,
        .producer_id = error == SLUICE_OK ? work->model->next_producer_id++ : -1,
        .producer_epoch = error == SLUICE_OK ? 0 : -1,
    };
    broker_output_reserve(work->output, INIT_PRODUCER_ID_SIZE_MAX);
    kafka_init_producer_id_response_encode(&work->output->writer, work->version,
                                           work->correlation_id, &response);
    return BROKER_ANSWERED;
}

enum broker_verdict broker_handle_find_coordinator(struct broker_work *work) {
    struct kafka_find_coordinator_request request;
    if (!kafka_find_coordinator_request_open(&request, &work->body, work->version)) {
        return BROKER_CLOSE;
    }
    sluice_code error = work->request->effects.error;
    if (error == SLUICE_OK) {
        error = SLUICE_BROKER_COORDINATOR_NOT_AVAILABLE;
    }
    uint32_t count = request.key_count;
    struct kafka_coordinator *coordinators = calloc(count == 0 ? 1 : count, sizeof *coordinators);
    if (coordinators == NULL) {
        return BROKER_CLOSE;
    }
    size_t size = COORDINATORS_SIZE_MAX;
    for (uint32_t i = 0; i < count; i++) {
        coordinators[i] = (struct kafka_coordinator){
            .node_id = -1,
            .host = kafka_text_of(""),
            .port = -1,
            .error_code = (int16_t)error,
            .error_message = kafka_text_of("there are no groups and no transactions here"),
        };
        if (!kafka_find_coordinator_request_next(&request, &coordinators[i].key)) {
            break;
        }
        size += COORDINATOR_SIZE_MAX + coordinators[i].key.size;
    }
    broker_output_reserve(work->output, size);
    kafka_find_coordinator_response_encode(
        &work->output->writer, work->version, work->correlation_id,
        (int32_t)work->request->effects.throttle_ms, coordinators, count);
    free(coordinators);
    return BROKER_ANSWERED;
}
