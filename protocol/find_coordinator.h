/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FindCoordinator (key 10), versions 0-6, the broker's side only. Version 0 matters: librdkafka
 * takes it as the sign of a broker that knows LZ4. */
#ifndef KAFKA_FIND_COORDINATOR_H
#define KAFKA_FIND_COORDINATOR_H

#include "protocol/api.h"

enum { KAFKA_COORDINATOR_GROUP = 0, KAFKA_COORDINATOR_TRANSACTION = 1 };

struct kafka_find_coordinator_request {
    int8_t key_type;    /* 0 in version 0 */
    uint32_t key_count; /* 1 before version 4 */
    /* for the iterator */
    struct kafka_reader keys;
    uint32_t keys_left;
    int16_t version;
};
/* Checked whole, then the iterator cannot fail. */
bool kafka_find_coordinator_request_open(struct kafka_find_coordinator_request *request,
                                         struct kafka_reader *body, int16_t version);
bool kafka_find_coordinator_request_next(struct kafka_find_coordinator_request *request,
                                         struct kafka_text *key);

struct kafka_coordinator {
    struct kafka_text key; /* from version 4 on */
    int32_t node_id;
    struct kafka_text host;
    int32_t port;
    int16_t error_code;
    struct kafka_text error_message; /* may be null; from version 1 on */
};
/* `count` is the request's key_count, and so 1 before version 4. */
void kafka_find_coordinator_response_encode(struct kafka_writer *writer, int16_t version,
                                            int32_t correlation_id, int32_t throttle_time_ms,
                                            const struct kafka_coordinator *coordinators,
                                            uint32_t count);

#endif
