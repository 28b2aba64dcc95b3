/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One function for each API: reads the body of a request, changes the model, writes the answer. */
#ifndef BROKER_HANDLERS_H
#define BROKER_HANDLERS_H

#include "broker/model.h"

struct broker_work {
    struct broker_model *model;
    struct broker_node *node; /* that was asked */
    struct broker_request *request;
    struct kafka_reader body; /* a copy: a request that waits is read again */
    uint64_t now_ns;
    struct broker_output *output;
    int16_t version;
    int32_t correlation_id;
    int16_t whole_error; /* Metadata: of the answer as a whole, from version 13 on */
};

/* CLOSE for a malformed body. */
typedef enum broker_verdict broker_handler(struct broker_work *work);
broker_handler broker_handle_api_versions;
broker_handler broker_handle_fetch;
broker_handler broker_handle_find_coordinator;
broker_handler broker_handle_init_producer_id;
broker_handler broker_handle_list_offsets;
broker_handler broker_handle_metadata;
broker_handler broker_handle_produce;

/* Refuses a version of ApiVersions that is not offered, as brokers from 2.4 on do. */
enum broker_verdict broker_refuse_api_versions(struct broker_work *work);

/* The topic by name, or by id where the version has ids. */
static inline struct broker_topic *broker_work_topic(const struct broker_work *work, bool by_id,
                                                     struct kafka_text name, struct kafka_uuid id) {
    return by_id ? broker_topics_by_id(&work->model->topics, id)
                 : broker_topics_by_name(&work->model->topics, name);
}

/* What Fetch and ListOffsets answer before they look at offsets. */
sluice_code broker_reader_check(const struct broker_work *work,
                                const struct broker_partition *partition, int32_t leader_epoch);

/* What faults on this item say: errors and moves. */
struct broker_item_effects {
    sluice_code error;
    bool append_first;
    bool move_leader;
};
struct broker_item_effects broker_item_effects_of(struct broker_model *model,
                                                  struct broker_node *node, int16_t api_key,
                                                  const struct broker_item *item);
/* Whether a request holds an item that the fault means. */
bool broker_request_holds(struct broker_model *model, const struct broker_request *request,
                          const struct broker_fault *fault);

#endif
