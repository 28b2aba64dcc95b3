/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all requests and answers share: keys, versions, headers, frames, and the choice of a version
 * that both sides speak.
 *
 * Whatever encodes a request or an answer writes a whole frame: length, header, body.
 * Every decoder starts behind the length: headers first, then the API's own body function.
 */
#ifndef KAFKA_API_H
#define KAFKA_API_H

#include "protocol/reader.h"
#include "protocol/writer.h"

enum kafka_api {
    KAFKA_PRODUCE = 0,
    KAFKA_FETCH = 1,
    KAFKA_LIST_OFFSETS = 2,
    KAFKA_METADATA = 3,
    KAFKA_FIND_COORDINATOR = 10,
    KAFKA_API_VERSIONS = 18,
    KAFKA_INIT_PRODUCER_ID = 22
};
enum { KAFKA_API_COUNT = 7 };

struct kafka_api_info {
    int16_t key;
    int16_t version_min; /* what we encode and decode */
    int16_t version_max;
    int16_t flexible_from;
    const char *name;
};

/* All KAFKA_API_COUNT of them, in order of their keys. */
extern const struct kafka_api_info kafka_apis[KAFKA_API_COUNT];
/* NULL for a key that we do not speak. */
const struct kafka_api_info *kafka_api_find(int16_t key);
/* False for unknown keys. Versions that we do not speak are judged by the same line. */
bool kafka_api_is_flexible(int16_t key, int16_t version);
bool kafka_api_is_spoken(int16_t key, int16_t version);

/* ---- frames --------------------------------------------------------------------------------- */

enum { KAFKA_FRAME_PREFIX_SIZE = 4 };

enum kafka_frame_status {
    KAFKA_FRAME_PARTIAL, /* more bytes must come; *frame_size is set once the length is known,
                             else 0 */
    KAFKA_FRAME_WHOLE,   /* data + 4 holds *frame_size - 4 bytes of header and body */
    KAFKA_FRAME_REFUSED  /* a length that is negative, too small for a header, or over the cap */
};
/* Looks at bytes received so far. `*frame_size` counts the four bytes of the length, and is at most
 * `frame_size_max`. */
enum kafka_frame_status kafka_frame_measure(const uint8_t *data, size_t size, size_t frame_size_max,
                                            size_t *frame_size);

/* Leaves room for the length; returns where. */
size_t kafka_frame_begin(struct kafka_writer *writer);
/* Writes the length: all since begin and `referenced_size` bytes that the caller sends between. */
void kafka_frame_end(struct kafka_writer *writer, size_t frame_at, size_t referenced_size);

/* ---- headers -------------------------------------------------------------------------------- */

struct kafka_request_header {
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct kafka_text client_id; /* may be null */
};
void kafka_request_header_encode(struct kafka_writer *writer,
                                 const struct kafka_request_header *header);
/* Also reads headers of APIs and versions that we do not speak (look before you read the body): of
 * unknown APIs the tagged fields are left unread. */
bool kafka_request_header_decode(struct kafka_reader *reader, struct kafka_request_header *header);
/* Most bytes of frame length and request header. */
size_t kafka_request_header_bound(struct kafka_text client_id);

void kafka_response_header_encode(struct kafka_writer *writer, int16_t api_key, int16_t version,
                                  int32_t correlation_id);
/* In two steps, because the correlation id tells which API and version the answer is of. */
int32_t kafka_correlation_decode(struct kafka_reader *reader);
void kafka_response_header_finish(struct kafka_reader *reader, int16_t api_key, int16_t version);

/* ---- negotiation ---------------------------------------------------------------------------- */

/* The versions a broker speaks, of the APIs that we speak. */
struct kafka_peer {
    struct {
        int16_t version_min; /* min > max: none */
        int16_t version_max;
    } ranges[KAFKA_API_COUNT];
};
/* Speaks nothing yet. */
void kafka_peer_init(struct kafka_peer *peer);
/* Unknown keys and empty ranges are fine: they are ignored. */
void kafka_peer_learn(struct kafka_peer *peer, int16_t key, int16_t version_min,
                      int16_t version_max);
/* The highest version that both speak, or -1. */
int16_t kafka_peer_version(const struct kafka_peer *peer, int16_t key);
/* As above for Produce; from version 13 a topic is named by its id alone, so without all ids
 * version 12 is the highest. */
int16_t kafka_peer_produce_version(const struct kafka_peer *peer, bool every_topic_has_id);

#endif
