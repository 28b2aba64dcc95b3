/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a link becomes READY: look the name up, connect to one of its addresses after the other, ask
 * which versions the broker speaks.
 *
 * Time: lookup, and connection and negotiation with each address, have
 * socket.connection.setup.timeout.ms, doubled by each round that failed.
 *
 * Versions: ApiVersions is asked for with our highest version. A broker that does not know it
 * answers UNSUPPORTED_VERSION in the form of version 0, from Kafka 2.4 on with the versions it
 * knows; then it is asked once more. Sources: KIP-35, KIP-511.
 */
#include "actors/link/link_internal.h"

#include <errno.h>
#include <string.h>

#include "actors/link/backoff.h"
#include "actors/producer/producer.h"
#include "protocol/api_versions.h"
#include "runtime/assert.h"

uint64_t link_backoff_ns(struct link *link) {
    const struct sluice_config *config = link->producer->config;
    return backoff_ns(link_world(link), config->reconnect_backoff_ms,
                      config->reconnect_backoff_max_ms, link->attempt);
}

static uint64_t setup_timeout_ns(const struct link *link) {
    const struct sluice_config *config = link->producer->config;
    uint64_t timeout_ms =
        backoff_doubled_ms(config->connection_setup_timeout_ms,
                           config->connection_setup_timeout_max_ms, link->attempt);
    bool patient = link->patience_ms == 0 || link->patience_ms > timeout_ms;
    return 1000000u * (patient ? timeout_ms : link->patience_ms);
}

static sluice_code system_code(int error) {
    switch (error) {
    case ECONNREFUSED:
        return SLUICE_CONNECTION_REFUSED;
    case ETIMEDOUT:
        return SLUICE_CONNECTION_TIMED_OUT;
    case EMFILE:
    case ENFILE:
        return SLUICE_NO_RESOURCES;
    case ENOMEM:
    case ENOBUFS:
        return SLUICE_NO_MEMORY;
    default:
        return SLUICE_CONNECTION_FAILED;
    }
}

/* ---- lookup ---------------------------------------------------------------------------------- */

bool link_lookup_begin(struct link *link, struct rt_turn *turn) {
    RT_ASSERT(link->done.first == NULL); /* the owner takes what is done before it steps again */
    link->state = LINK_LOOKUP;
    link->setup_deadline_ns = rt_turn_now(turn) + setup_timeout_ns(link);
    link->lookup =
        rt_lookup_start(link_world(link), link->actor, link->mark_lookup, link->host, link->port);
    if (link->lookup == NULL) {
        link_fail(link, turn, SLUICE_NO_MEMORY, "no memory to look the name up");
        return false;
    }
    return true;
}

bool link_lookup_end(struct link *link, struct rt_turn *turn) {
    if (!rt_lookup_finish(link_world(link), link->lookup, &link->addresses)) {
        return false;
    }
    link->lookup = NULL;
    RT_ASSERT(link->addresses.error != 0 || link->addresses.count > 0);
    if (link->addresses.shortage != 0) {
        link_fail(link, turn, system_code(link->addresses.shortage),
                  "the name cannot be looked up (errno %d)", link->addresses.shortage);
        return false;
    }
    if (link->addresses.error != 0) {
        link_fail(link, turn, SLUICE_NAME_NOT_FOUND, "the name has no address (lookup error %d)",
                  link->addresses.error);
        return false;
    }
    link->address_index = 0;
    if (!link_connect_begin(link, turn)) {
        link_give_up(link, turn);
        return false;
    }
    return true;
}

/* ---- connect --------------------------------------------------------------------------------- */

static const char *connect_text(int error) {
    return error == ECONNREFUSED ? "connection refused" : "connection failed";
}

bool link_connect_begin(struct link *link, struct rt_turn *turn) {
    struct rt_world *world = link_world(link);
    for (; link->address_index < link->addresses.count; link->address_index++) {
        int result = rt_socket_connect(world, &link->socket,
                                       &link->addresses.addresses[link->address_index]);
        if (result == 0) {
            link->state = LINK_CONNECTING;
            link->setup_deadline_ns = rt_turn_now(turn) + setup_timeout_ns(link);
            return true;
        }
        rt_socket_close(world, &link->socket);
        link_note(link, system_code(-result), "%s (errno %d)", connect_text(-result), -result);
        link_count_failure(link, system_code(-result));
    }
    return false;
}

/* ---- negotiate ------------------------------------------------------------------------------- */

void link_negotiation_release(struct link *link) {
    struct rt_slice *slice = &link->negotiation_slice;
    rt_release(link_world(link), (void *)slice->data, link->negotiation_bytes);
    *slice = (struct rt_slice){0};
}

/* Queues ApiVersions in the given version. False when memory is short. */
static bool negotiation_send(struct link *link, int16_t version) {
    struct kafka_api_versions_request ask = {
        .correlation_id = link_correlation(link),
        .client_id = kafka_text_of(link->producer->config->client_id),
        .software_name = kafka_text_of("sluice"),
        .software_version = kafka_text_of(SLUICE_VERSION_TEXT)};
    size_t size = kafka_api_versions_request_bound(&ask);
    link_negotiation_release(link);
    uint8_t *frame = rt_acquire(link_world(link), size);
    if (frame == NULL) {
        return false;
    }
    struct kafka_writer writer = kafka_writer_of(frame, size);
    kafka_api_versions_request_encode(&writer, version, &ask);
    RT_ASSERT(!writer.failed);
    link->negotiation_slice = (struct rt_slice){frame, kafka_writer_size(&writer)};
    link->negotiation_bytes = size;
    link->negotiation = (struct link_request){.slices = &link->negotiation_slice,
                                              .slice_count = 1,
                                              .size = kafka_writer_size(&writer),
                                              .correlation_id = ask.correlation_id,
                                              .api = KAFKA_API_VERSIONS,
                                              .version = version,
                                              .expects_answer = true,
                                              .deadline_ns = RT_FOREVER};
    link_send(link, &link->negotiation);
    return true;
}

bool link_connect_end(struct link *link, struct rt_turn *turn) {
    int result = rt_socket_connected(link_world(link), &link->socket);
    if (result == RT_IO_AGAIN) {
        return false;
    }
    if (result != 0) {
        link_fail(link, turn, system_code(-result), "%s (errno %d)", connect_text(-result),
                  -result);
    } else {
        link->state = LINK_NEGOTIATING;
        link->heard = false;
        link->silent_sent = false;
        link->first_correlation = link->next_correlation;
        link->input_used = 0;
        link->input_parsed = 0;
        const struct kafka_api_info *info = kafka_api_find(KAFKA_API_VERSIONS);
        if (!link_input_open(link) || !negotiation_send(link, info->version_max)) {
            link_fail(link, turn, SLUICE_NO_MEMORY, "no memory for a connection");
        }
    }
    return link->state != LINK_BACKOFF;
}

/* Reads which versions the broker speaks. */
static void ranges_learn(struct link *link, struct kafka_api_versions_response *response) {
    struct kafka_api_range range;
    link->api_versions_max = -1;
    kafka_peer_init(&link->peer);
    while (kafka_api_versions_response_next(response, &range)) {
        kafka_peer_learn(&link->peer, range.key, range.version_min, range.version_max);
        if (range.key == KAFKA_API_VERSIONS) {
            link->api_versions_max = range.version_max;
        }
    }
    RT_ASSERT(!response->ranges.failed); /* they were read over when the answer was opened */
}

void link_negotiated(struct link *link, struct rt_turn *turn, struct kafka_reader body) {
    struct kafka_api_versions_response response;
    int16_t asked = link->negotiation.version;
    if (!kafka_api_versions_response_open(&response, &body, asked)) {
        link_fail(link, turn, SLUICE_BAD_ANSWER, "the answer to ApiVersions could not be read");
        return;
    }
    ranges_learn(link, &response);
    if (response.error_code == KAFKA_ERROR_UNSUPPORTED_VERSION && asked > 0) {
        int16_t known = link->api_versions_max;
        if (!negotiation_send(link, known >= 0 && known < asked ? known : 0)) {
            link_fail(link, turn, SLUICE_NO_MEMORY, "no memory for a connection");
        }
        return;
    }
    if (response.error_code == KAFKA_ERROR_UNSUPPORTED_VERSION) {
        link_fail(link, turn, SLUICE_UNSUPPORTED_BROKER, "ApiVersions is not supported");
        return;
    }
    if (response.error_code != 0) {
        link_fail(link, turn, (sluice_code)response.error_code, "ApiVersions: %s",
                  sluice_code_text((sluice_code)response.error_code));
        return;
    }
    link_negotiation_release(link);
    rt_count_add(&link->counted->opened, 1);
    link_ready_enter(link, turn);
    link_throttle(link, rt_turn_now(turn), response.throttle_time_ms);
}
