/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actors/link_peer.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/api_versions.h"
#include "runtime/assert.h"

enum { MARK_LISTENER = 0, MARK_SOCKET, MARK_STOP };

struct rt_address peer_address(uint8_t last, uint16_t port) {
    return (struct rt_address){.ip = {10, 0, 0, last}, .port = port, .family = 4};
}

/* Room for `size` bytes in all. */
static void room_make(uint8_t **bytes, size_t *capacity, size_t size) {
    if (size > *capacity) {
        *capacity = 2 * size;
        *bytes = realloc(*bytes, *capacity);
        RT_ASSERT(*bytes != NULL);
    }
}

static void side_close(struct peer_side *side, struct rt_world *world) {
    rt_socket_close(world, &side->socket);
    free(side->input);
    free(side->output);
    side->input = NULL;
    side->output = NULL;
}

static void side_accept(struct peer *peer, struct rt_turn *turn) {
    while (peer->accepted < PEER_SIDES_MAX) {
        struct peer_side *side = &peer->sides[peer->accepted];
        *side = (struct peer_side){0};
        rt_socket_init(&side->socket, &peer->actor, RT_MARK(MARK_SOCKET));
        if (rt_socket_accept(turn->world, &peer->listener, &side->socket) != 0) {
            return;
        }
        peer->accepted_ns[peer->accepted++] = rt_turn_now(turn);
        if (peer->greet != NULL) {
            peer->greet(peer, side);
        }
    }
}

static void frames_take(struct peer *peer, struct peer_side *side) {
    size_t size;
    while (kafka_frame_measure(side->input, side->input_size, PEER_BYTES_MAX, &size) ==
           KAFKA_FRAME_WHOLE) {
        struct kafka_request_header header;
        struct kafka_reader reader = kafka_reader_of(side->input + 4, size - 4);
        RT_ASSERT(kafka_request_header_decode(&reader, &header));
        side->requests++;
        peer->requests++;
        peer->script(peer, side, &header, reader);
        side->input_size -= size;
        memmove(side->input, side->input + size, side->input_size);
    }
}

/* False once the other side has gone. */
static bool side_read(struct peer *peer, struct peer_side *side, struct rt_world *world) {
    enum { READ_BYTES = 8192 };
    for (;;) {
        RT_ASSERT(side->input_size < PEER_BYTES_MAX);
        room_make(&side->input, &side->input_capacity, side->input_size + READ_BYTES);
        int64_t size = rt_socket_read(world, &side->socket, side->input + side->input_size,
                                      side->input_capacity - side->input_size);
        if (size == RT_IO_AGAIN) {
            return true;
        }
        if (size <= 0) {
            peer->ended++;
            return false;
        }
        side->input_size += (size_t)size;
        if (peer->script != NULL) {
            frames_take(peer, side);
        } else {
            side->input_size = 0;
        }
    }
}

static bool side_write(struct peer_side *side, struct rt_world *world) {
    while (side->output_at < side->output_size) {
        struct rt_slice slice = {side->output + side->output_at,
                                 side->output_size - side->output_at};
        int64_t size = rt_socket_write(world, &side->socket, &slice, 1);
        if (size == RT_IO_AGAIN) {
            return true;
        }
        if (size < 0) {
            return false;
        }
        side->output_at += (size_t)size;
    }
    side->output_at = 0;
    side->output_size = 0;
    return !side->close_when_sent;
}

static enum rt_verdict peer_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct peer *peer = (struct peer *)(void *)actor;
    if (peer->listener.handle < 0 && (marks & RT_MARK(MARK_STOP)) == 0) {
        RT_ASSERT(rt_socket_listen(turn->world, &peer->listener, &peer->address) == 0);
    }
    side_accept(peer, turn);
    for (uint32_t i = 0; i < peer->accepted; i++) {
        struct peer_side *side = &peer->sides[i];
        if (side->socket.handle >= 0 &&
            (!side_read(peer, side, turn->world) || !side_write(side, turn->world))) {
            side_close(side, turn->world);
        }
    }
    if ((marks & RT_MARK(MARK_STOP)) == 0) {
        return RT_IDLE;
    }
    for (uint32_t i = 0; i < peer->accepted; i++) {
        side_close(&peer->sides[i], turn->world);
    }
    rt_socket_close(turn->world, &peer->listener);
    return RT_END;
}

static void peer_gone(struct rt_actor *actor) {
    ((struct peer *)(void *)actor)->gone = true;
}

void peer_start(struct peer *peer, struct rt_world *world, const struct rt_address *address,
                peer_script script) {
    static const struct rt_actor_kind kind = {.name = "peer", .run = peer_run, .gone = peer_gone};
    memset(peer, 0, sizeof *peer);
    peer->address = *address;
    peer->script = script;
    peer->versions_known = 4;
    rt_actor_start(&peer->actor, &kind, world);
    rt_socket_init(&peer->listener, &peer->actor, RT_MARK(MARK_LISTENER));
    rt_notify(&peer->actor);
    rt_sim_settle(world);
}

void peer_stop(struct peer *peer, struct rt_world *world) {
    rt_mark(&peer->actor, RT_MARK(MARK_STOP));
    for (int i = 0; i < 1000 && !peer->gone; i++) {
        rt_sim_run_until(world, rt_now(world) + 1000000);
    }
    RT_ASSERT(peer->gone);
}

void peer_say(struct peer_side *side, const void *data, size_t size) {
    if (size == 0) {
        return;
    }
    room_make(&side->output, &side->output_capacity, side->output_size + size);
    memcpy(side->output + side->output_size, data, size);
    side->output_size += size;
}

void peer_hang_up(struct peer_side *side) {
    side->close_when_sent = true;
}

bool peer_negotiate(struct peer *peer, struct peer_side *side,
                    const struct kafka_request_header *header) {
    uint8_t frame[512];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_api_range ranges[KAFKA_API_COUNT];
    if (header->api_key != KAFKA_API_VERSIONS) {
        return false;
    }
    peer->versions_asked[peer->negotiations++ % 8] = header->api_version;
    for (size_t i = 0; i < KAFKA_API_COUNT; i++) {
        ranges[i] = (struct kafka_api_range){kafka_apis[i].key, 0, kafka_apis[i].version_max};
    }
    if (header->api_version > peer->versions_known) {
        struct kafka_api_range known = {KAFKA_API_VERSIONS, 0, peer->versions_known};
        kafka_api_versions_response_encode(&writer, 0, header->correlation_id,
                                           KAFKA_ERROR_UNSUPPORTED_VERSION, &known, 1, 0);
    } else {
        kafka_api_versions_response_encode(&writer, header->api_version, header->correlation_id, 0,
                                           ranges, KAFKA_API_COUNT, 0);
    }
    RT_ASSERT(!writer.failed);
    peer_say(side, frame, kafka_writer_size(&writer));
    return true;
}

void peer_answer(struct peer_side *side, const struct kafka_request_header *header, size_t size,
                 uint8_t fill) {
    uint8_t *frame = malloc(size + 64);
    struct kafka_writer writer = kafka_writer_of(frame, size + 64);
    size_t at = kafka_frame_begin(&writer);
    kafka_response_header_encode(&writer, header->api_key, header->api_version,
                                 header->correlation_id);
    uint8_t *body = kafka_write_room(&writer, size);
    memset(body, fill, size);
    kafka_frame_end(&writer, at, 0);
    peer_say(side, frame, kafka_writer_size(&writer));
    free(frame);
}
