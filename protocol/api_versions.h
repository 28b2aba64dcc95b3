/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ApiVersions (key 18), versions 0-4: which APIs and versions the other side speaks. */
#ifndef KAFKA_API_VERSIONS_H
#define KAFKA_API_VERSIONS_H

#include "protocol/api.h"

enum { KAFKA_ERROR_UNSUPPORTED_VERSION = 35 };

struct kafka_api_range {
    int16_t key;
    int16_t version_min;
    int16_t version_max;
};

/* ---- client --------------------------------------------------------------------------------- */

struct kafka_api_versions_request {
    int32_t correlation_id;
    struct kafka_text client_id;
    /* Sent from version 3 on: [a-zA-Z0-9]([a-zA-Z0-9-.]*[a-zA-Z0-9])? or the broker refuses. */
    struct kafka_text software_name;
    struct kafka_text software_version;
};
size_t kafka_api_versions_request_bound(const struct kafka_api_versions_request *request);
void kafka_api_versions_request_encode(struct kafka_writer *writer, int16_t version,
                                       const struct kafka_api_versions_request *request);

struct kafka_api_versions_response {
    int16_t error_code;
    int32_t throttle_time_ms;
    uint32_t range_count;
    /* for the iterator */
    struct kafka_reader ranges;
    uint32_t ranges_left;
    bool flexible;
};
/* Reads the whole body; false if it is malformed. A broker that does not know `version` answers
 * KAFKA_ERROR_UNSUPPORTED_VERSION in the format of version 0, whatever was asked; the ranges (from
 * Kafka 2.4 on just that of ApiVersions, else none) say what to ask with next. */
bool kafka_api_versions_response_open(struct kafka_api_versions_response *response,
                                      struct kafka_reader *body, int16_t version);
bool kafka_api_versions_response_next(struct kafka_api_versions_response *response,
                                      struct kafka_api_range *range);

/* ---- broker --------------------------------------------------------------------------------- */

/* Fills software name and version only. */
bool kafka_api_versions_request_decode(struct kafka_reader *body, int16_t version,
                                       struct kafka_api_versions_request *request);
/* To answer an unknown version: version 0 with the error and the range of ApiVersions. */
void kafka_api_versions_response_encode(struct kafka_writer *writer, int16_t version,
                                        int32_t correlation_id, int16_t error_code,
                                        const struct kafka_api_range *ranges, uint32_t range_count,
                                        int32_t throttle_time_ms);

#endif
