/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* InitProducerId (key 22), versions 0-5: a producer id, and the epoch to start with. */
#ifndef KAFKA_INIT_PRODUCER_ID_H
#define KAFKA_INIT_PRODUCER_ID_H

#include "protocol/api.h"

struct kafka_init_producer_id_request {
    int32_t correlation_id;             /* encode only */
    struct kafka_text client_id;        /* encode only */
    struct kafka_text transactional_id; /* null without transactions */
    int32_t transaction_timeout_ms;     /* without transactions INT32_MAX, as Java sends it */
    int64_t producer_id;                /* from version 3 on: the current one, or -1 */
    int16_t producer_epoch;             /* from version 3 on: the current one, or -1 */
};
size_t kafka_init_producer_id_request_bound(const struct kafka_init_producer_id_request *request);
void kafka_init_producer_id_request_encode(struct kafka_writer *writer, int16_t version,
                                           const struct kafka_init_producer_id_request *request);
bool kafka_init_producer_id_request_decode(struct kafka_reader *body, int16_t version,
                                           struct kafka_init_producer_id_request *request);

struct kafka_init_producer_id_response {
    int32_t throttle_time_ms;
    int16_t error_code;
    int64_t producer_id; /* -1 with an error */
    int16_t producer_epoch;
};
bool kafka_init_producer_id_response_decode(struct kafka_reader *body, int16_t version,
                                            struct kafka_init_producer_id_response *response);
void kafka_init_producer_id_response_encode(struct kafka_writer *writer, int16_t version,
                                            int32_t correlation_id,
                                            const struct kafka_init_producer_id_response *response);

#endif
