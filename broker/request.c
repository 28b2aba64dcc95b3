/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request from its first byte to its answer: header, faults, the API's own function, faults again
 * on what it wrote. */
#include "broker/handlers.h"

static broker_handler *handler_of(int16_t api_key) {
    switch (api_key) {
    case KAFKA_PRODUCE:
        return broker_handle_produce;
    case KAFKA_FETCH:
        return broker_handle_fetch;
    case KAFKA_LIST_OFFSETS:
        return broker_handle_list_offsets;
    case KAFKA_METADATA:
        return broker_handle_metadata;
    case KAFKA_FIND_COORDINATOR:
        return broker_handle_find_coordinator;
    case KAFKA_API_VERSIONS:
        return broker_handle_api_versions;
    case KAFKA_INIT_PRODUCER_ID:
        return broker_handle_init_producer_id;
    default:
        return NULL;
    }
}

/* Offered, and spoken: Produce is offered from version 0 on for show. */
static bool version_is_served(const struct broker_model *model, int16_t api_key, int16_t version) {
    for (uint32_t i = 0; i < model->range_count; i++) {
        const struct kafka_api_range *range = &model->ranges[i];
        if (range->key == api_key) {
            return version <= range->version_max && kafka_api_is_spoken(api_key, version);
        }
    }
    return false;
}

static bool api_is_offered(const struct broker_model *model, int16_t api_key) {
    for (uint32_t i = 0; i < model->range_count; i++) {
        if (model->ranges[i].key == api_key) {
            return true;
        }
    }
    return false;
}

static void effects_add(struct broker_effects *effects, const sluice_broker_fault *fault) {
    switch (fault->action) {
    case SLUICE_FAULT_COUNT:
    case SLUICE_FAULT_MOVE_LEADER:
        break;
    case SLUICE_FAULT_ERROR:
    case SLUICE_FAULT_ERROR_APPENDED:
        effects->error = fault->error_code;
        break;
    case SLUICE_FAULT_DELAY:
        effects->delay_ms += fault->delay_ms;
        break;
    case SLUICE_FAULT_THROTTLE:
        effects->throttle_ms = fault->delay_ms & INT32_MAX;
        break;
    case SLUICE_FAULT_DROP:
        effects->drop = true;
        break;
    case SLUICE_FAULT_CUT_BEFORE:
        effects->cut_before = true;
        break;
    case SLUICE_FAULT_CUT_AFTER:
        effects->cut_after = true;
        break;
    case SLUICE_FAULT_CUT_HALF:
        effects->cut_half = true;
        break;
    case SLUICE_FAULT_STALL:
        effects->stall = true;
        break;
    case SLUICE_FAULT_KILL_BEFORE:
        effects->kill_before = true;
        break;
    case SLUICE_FAULT_KILL_AFTER:
        effects->kill_after = true;
        break;
    case SLUICE_FAULT_GARBAGE:
        effects->garbage = true;
        break;
    case SLUICE_FAULT_WRONG_CORRELATION:
        effects->wrong_correlation = true;
        break;
    case SLUICE_FAULT_HUGE_FRAME:
        effects->huge_frame = true;
        break;
    }
}

static void request_find_faults(struct broker_model *model, struct broker_node *node,
                                struct broker_request *request) {
    int16_t api_key = request->header.api_key;
    for (size_t i = 0; i < model->faults.count; i++) {
        struct broker_fault *fault = &model->faults.all[i];
        if (broker_fault_acts_on_items(fault, api_key) ||
            !broker_fault_concerns(fault, api_key, node->id) ||
            !broker_request_holds(model, request, fault) || !broker_fault_count(fault)) {
            continue;
        }
        model->changes++;
        node->counters.faults += fault->set.action != SLUICE_FAULT_COUNT;
        effects_add(&request->effects, &fault->set);
    }
}

/* False: no broker would go on with this connection. */
static bool request_begin(struct broker_model *model, struct broker_node *node,
                          struct broker_request *request, uint64_t now_ns) {
    request->begun = true;
    request->begun_ns = now_ns;
    request->body = kafka_reader_of(request->frame, request->size);
    if (!kafka_request_header_decode(&request->body, &request->header) ||
        !api_is_offered(model, request->header.api_key)) {
        return false;
    }
    int16_t api_key = request->header.api_key;
    if (!version_is_served(model, api_key, request->header.api_version) &&
        api_key != KAFKA_API_VERSIONS) {
        return false;
    }
    node->counters.requests[api_key]++;
    if (model->faults.count > 0) {
        request_find_faults(model, node, request);
    }
    return true;
}

/* A frame from `start` on: as long as it was, but noise from behind the length on. */
static void output_spoil(struct broker_model *model, struct broker_output *output, size_t start,
                         const struct broker_effects *effects) {
    uint8_t *frame = output->writer.start + start;
    size_t size = broker_output_size(output) - start;
    if (effects->wrong_correlation && size >= 8) {
        frame[4] ^= 0x55;
    }
    for (size_t i = 4; effects->garbage && i < size; i++) {
        model->noise = model->noise * 6364136223846793005u + 1442695040888963407u;
        frame[i] = (uint8_t)(model->noise >> 56);
    }
    if (effects->huge_frame) {
        static const uint8_t huge[4] = {0x7f, 0xff, 0xff, 0xff};
        memcpy(frame, huge, sizeof huge);
    }
}

static enum broker_verdict request_finish(struct broker_model *model, struct broker_node *node,
                                          const struct broker_request *request,
                                          struct broker_output *output, size_t start,
                                          enum broker_verdict verdict) {
    const struct broker_effects *effects = &request->effects;
    if (output->writer.failed || verdict == BROKER_CLOSE) {
        broker_output_cut(output, start);
        return BROKER_CLOSE;
    }
    if (effects->kill_after) {
        broker_model_kill(model, node);
    }
    if (effects->kill_after || effects->cut_after) {
        broker_output_cut(output, start);
        return BROKER_CLOSE;
    }
    if (effects->drop) {
        broker_output_cut(output, start);
        return BROKER_MUTE;
    }
    if (verdict == BROKER_ANSWERED) {
        output_spoil(model, output, start, effects);
    }
    if (effects->cut_half) {
        broker_output_cut(output, start + (broker_output_size(output) - start) / 2);
        return BROKER_HALF;
    }
    return verdict;
}

static enum broker_verdict request_handle(struct broker_work *work) {
    const struct kafka_request_header *header = &work->request->header;
    if (!version_is_served(work->model, header->api_key, header->api_version)) {
        return broker_refuse_api_versions(work);
    }
    return handler_of(header->api_key)(work);
}

enum broker_verdict broker_model_serve(struct broker_model *model, struct broker_node *node,
                                       struct broker_request *request, uint64_t now_ns,
                                       struct broker_output *output) {
    if (!node->up || node->stalled) {
        return BROKER_HELD;
    }
    if (!request->begun && !request_begin(model, node, request, now_ns)) {
        node->counters.requests_bad++;
        return BROKER_CLOSE;
    }
    struct broker_effects *effects = &request->effects;
    if (effects->stall) {
        effects->stall = false;
        node->stalled = true;
        model->nodes_changed = true;
        return BROKER_HELD;
    }
    if (effects->kill_before) {
        broker_model_kill(model, node);
    }
    if (effects->kill_before || effects->cut_before) {
        return BROKER_CLOSE;
    }
    size_t start = broker_output_size(output);
    struct broker_work work = {
        .model = model,
        .node = node,
        .request = request,
        .body = request->body,
        .now_ns = now_ns,
        .output = output,
        .version = request->header.api_version,
        .correlation_id = request->header.correlation_id,
    };
    enum broker_verdict verdict = request_handle(&work);
    if (verdict == BROKER_WAIT) {
        return verdict;
    }
    return request_finish(model, node, request, output, start, verdict);
}
