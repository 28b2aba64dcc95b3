/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of one direction of a connection: segments that arrive one after the other, each after
 * a delay of its own, into a buffer of limited size.
 *
 * A write is cut, becomes one segment, and counts against the buffer until it is read: a reader
 * that does not read stops the writer. Marks are edge-triggered: who saw RT_IO_AGAIN gets one for
 * sure, others sometimes, so that an actor that stops early without a reason hangs and is found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_internal.h"

void sim_pipe_init(struct sim_pipe *pipe, struct sim_connection *connection) {
    *pipe = (struct sim_pipe){.connection = connection};
    sim_event_init(&pipe->arrival, SIM_EVENT_ARRIVAL, pipe);
    sim_event_init(&pipe->room, SIM_EVENT_ROOM, pipe);
}

void sim_pipe_deinit(struct sim *sim, struct sim_pipe *pipe) {
    sim_unschedule(sim, &pipe->arrival);
    sim_unschedule(sim, &pipe->room);
    free(pipe->bytes);
    free(pipe->segments);
}

static unsigned side_of(const struct sim_pipe *pipe) {
    return pipe == &pipe->connection->pipes[SIM_CLIENT] ? SIM_CLIENT : SIM_SERVER;
}
static struct sim_end *writer_of(struct sim_pipe *pipe) {
    return &pipe->connection->ends[side_of(pipe)];
}
static struct sim_end *reader_of(struct sim_pipe *pipe) {
    return &pipe->connection->ends[1 - side_of(pipe)];
}

/* ---- the ring of bytes ----------------------------------------------------------------------- */

static void ring_reserve(struct sim_pipe *pipe, size_t size) {
    size_t used = pipe->arrived + pipe->on_way;
    if (used + size <= pipe->capacity) {
        return;
    }
    size_t capacity = pipe->capacity == 0 ? 256 : pipe->capacity;
    while (capacity < used + size) {
        capacity *= 2;
    }
    uint8_t *bytes = sim_allocate(capacity);
    size_t first = pipe->capacity - pipe->head < used ? pipe->capacity - pipe->head : used;
    if (used > 0) {
        memcpy(bytes, pipe->bytes + pipe->head, first);
        memcpy(bytes + first, pipe->bytes, used - first);
    }
    free(pipe->bytes);
    pipe->bytes = bytes;
    pipe->capacity = capacity;
    pipe->head = 0;
}

static void ring_append(struct sim_pipe *pipe, const uint8_t *data, size_t size, size_t after) {
    size_t at = (pipe->head + pipe->arrived + pipe->on_way + after) & (pipe->capacity - 1);
    size_t first = pipe->capacity - at < size ? pipe->capacity - at : size;
    memcpy(pipe->bytes + at, data, first);
    memcpy(pipe->bytes, data + first, size - first);
}

static void ring_take(struct sim_pipe *pipe, uint8_t *data, size_t size) {
    size_t first = pipe->capacity - pipe->head < size ? pipe->capacity - pipe->head : size;
    memcpy(data, pipe->bytes + pipe->head, first);
    memcpy(data + first, pipe->bytes, size - first);
    pipe->head = (pipe->head + size) & (pipe->capacity - 1);
    pipe->arrived -= size;
}

/* ---- segments -------------------------------------------------------------------------------- */

static struct sim_segment *segment_first(struct sim_pipe *pipe) {
    return &pipe->segments[pipe->segment_head];
}

static void segments_grow(struct sim_pipe *pipe) {
    uint32_t capacity = pipe->segment_capacity == 0 ? 8 : pipe->segment_capacity * 2;
    struct sim_segment *segments = sim_allocate(capacity * sizeof(*segments));
    for (uint32_t i = 0; i < pipe->segment_count; i++) {
        segments[i] = pipe->segments[(pipe->segment_head + i) & (pipe->segment_capacity - 1)];
    }
    free(pipe->segments);
    pipe->segments = segments;
    pipe->segment_capacity = capacity;
    pipe->segment_head = 0;
}

static void segment_schedule(struct sim *sim, struct sim_pipe *pipe) {
    if (pipe->segment_count > 0 && !pipe->parked && !sim_scheduled(&pipe->arrival)) {
        uint64_t arrives_ns = segment_first(pipe)->arrives_ns;
        sim_schedule(sim, &pipe->arrival, arrives_ns > sim->now_ns ? arrives_ns : sim->now_ns);
    }
}

static void segment_push(struct sim *sim, struct sim_pipe *pipe, enum sim_segment_kind kind,
                         uint32_t size) {
    if (pipe->segment_count == pipe->segment_capacity) {
        segments_grow(pipe);
    }
    uint64_t sent_ns = sim->now_ns;
    if (sim->options.bytes_per_second > 0) {
        sent_ns = pipe->link_free_ns > sent_ns ? pipe->link_free_ns : sent_ns;
        sent_ns += (uint64_t)size * 1000000000u / sim->options.bytes_per_second;
        pipe->link_free_ns = sent_ns;
    }
    uint64_t arrives_ns = sent_ns + sim_delay(sim);
    if (arrives_ns < pipe->last_arrival_ns) {
        arrives_ns = pipe->last_arrival_ns; /* in order within a direction */
    }
    pipe->last_arrival_ns = arrives_ns;
    uint32_t at = (pipe->segment_head + pipe->segment_count) & (pipe->segment_capacity - 1);
    pipe->segments[at] = (struct sim_segment){.arrives_ns = arrives_ns, .size = size, .kind = kind};
    pipe->segment_count++;
    segment_schedule(sim, pipe);
}

static struct sim_segment segment_pop(struct sim_pipe *pipe) {
    struct sim_segment segment = *segment_first(pipe);
    pipe->segment_head = (pipe->segment_head + 1) & (pipe->segment_capacity - 1);
    pipe->segment_count--;
    return segment;
}

/* ---- arrival --------------------------------------------------------------------------------- */

static void reader_mark(struct sim *sim, struct sim_end *end) {
    if (end->wants_read || sim_once_in(sim, 4)) {
        end->wants_read = false;
        sim_end_mark(end);
    }
}

static void end_reset(struct sim_end *end) {
    if (end->error == 0) {
        end->error = -ECONNRESET;
    }
    sim_end_mark(end);
}

static void bytes_arrive(struct sim *sim, struct sim_pipe *pipe, uint32_t size) {
    struct sim_end *reader = reader_of(pipe);
    pipe->on_way -= size;
    pipe->arrived += size;
    if (!reader->open) {
        sim_pipe_forget_arrived(pipe);
        if (writer_of(pipe)->open) {
            RT_ASSERT(writer_of(pipe)->error == 0); /* else what it sent was taken back */
            sim_pipe_close(sim, &pipe->connection->pipes[1 - side_of(pipe)], SIM_SEGMENT_RESET);
        }
        return;
    }
    reader_mark(sim, reader);
}

static void segment_arrive(struct sim *sim, struct sim_pipe *pipe) {
    struct sim_end *reader = reader_of(pipe);
    struct sim_segment segment = segment_pop(pipe);
    uint32_t id = pipe->connection->id;
    switch (segment.kind) {
    case SIM_SEGMENT_BYTES:
        sim_note(sim, SIM_NOTE_ARRIVE, NULL, id, reader->side, segment.size);
        bytes_arrive(sim, pipe, segment.size);
        break;
    case SIM_SEGMENT_END:
        sim_note(sim, SIM_NOTE_ARRIVE_END, NULL, id, reader->side, 0);
        pipe->ended = true;
        reader->wants_read = true;
        reader_mark(sim, reader);
        break;
    case SIM_SEGMENT_RESET:
        sim_note(sim, SIM_NOTE_ARRIVE_RESET, NULL, id, reader->side, 0);
        RT_ASSERT(reader->open); /* who resets has closed; had both, nothing would be left */
        sim_pipe_cut(sim, &pipe->connection->pipes[reader->side], false);
        end_reset(reader);
        break;
    }
}

void sim_pipe_arrival_event(struct sim *sim, struct sim_pipe *pipe) {
    struct sim_connection *connection = pipe->connection;
    if (connection->site->fault == RT_SIM_STALL) {
        sim_note(sim, SIM_NOTE_PARK, NULL, connection->id, side_of(pipe), 0);
        pipe->parked = true;
        return;
    }
    if (connection->site->fault == RT_SIM_BLACKHOLE || pipe->lost) {
        sim_note(sim, SIM_NOTE_VANISH, NULL, connection->id, side_of(pipe), pipe->on_way);
        pipe->lost = true; /* a stream with a hole must never go on */
        pipe->segment_count = 0;
        return;
    }
    if (connection->stage == SIM_STAGE_GREETING) {
        RT_ASSERT(side_of(pipe) == SIM_CLIENT); /* nobody has accepted yet who could write */
        sim_unschedule(sim, &connection->handshake);
        sim_handshake_complete(sim, connection); /* the first bytes are a greeting as well */
    }
    segment_arrive(sim, pipe);
    segment_schedule(sim, pipe);
    sim_connection_settle(sim, connection);
    if (sim->arrived != NULL) {
        sim->arrived(sim->arrived_context);
    }
}

void rt_sim_on_arrival(struct rt_world *world, void (*callback)(void *), void *context) {
    sim_of(world)->arrived = callback;
    sim_of(world)->arrived_context = context;
}

void sim_pipe_room_event(struct sim *sim, struct sim_pipe *pipe) {
    struct sim_end *writer = writer_of(pipe);
    if (writer->open) {
        RT_ASSERT(writer->wants_write); /* else nothing was scheduled */
        sim_note(sim, SIM_NOTE_ROOM, NULL, pipe->connection->id, writer->side, 0);
        writer->wants_write = false;
        sim_end_mark(writer);
    }
}

void sim_pipe_close(struct sim *sim, struct sim_pipe *pipe, enum sim_segment_kind kind) {
    segment_push(sim, pipe, kind, 0);
}

void sim_pipe_forget_arrived(struct sim_pipe *pipe) {
    if (pipe->arrived > 0) {
        pipe->head = (pipe->head + pipe->arrived) & (pipe->capacity - 1);
        pipe->arrived = 0;
    }
}

void sim_pipe_cut(struct sim *sim, struct sim_pipe *pipe, bool deliver) {
    struct sim_end *reader = reader_of(pipe);
    while (deliver && !pipe->lost && reader->open && pipe->segment_count > 0) {
        struct sim_segment segment = segment_pop(pipe);
        pipe->on_way -= segment.size;
        pipe->arrived += segment.size;
        if (segment.kind == SIM_SEGMENT_END) {
            pipe->ended = true;
        }
    }
    pipe->segment_count = 0;
    pipe->on_way = 0;
    pipe->parked = false;
    sim_unschedule(sim, &pipe->arrival);
    sim_unschedule(sim, &pipe->room);
}

void sim_pipe_heal(struct sim *sim, struct sim_pipe *pipe) {
    if (!pipe->parked) {
        return;
    }
    RT_ASSERT(pipe->segment_count > 0); /* the one that was about to arrive waits */
    pipe->parked = false;
    segment_first(pipe)->arrives_ns = sim->now_ns + sim_delay(sim);
    segment_schedule(sim, pipe);
}

/* ---- read and write -------------------------------------------------------------------------- */

static struct sim_end *end_of(struct sim *sim, const struct rt_socket *socket) {
    RT_ASSERT(sim->running == socket->actor); /* inside its actor's activation */
    struct sim_socket *base = socket->executor;
    RT_ASSERT(socket->handle >= 0 && base->handle == socket->handle && base->owner == socket);
    RT_ASSERT(base->kind == SIM_SOCKET_END);
    return (struct sim_end *)base;
}

/* A read or a write is cut into a piece of 1..segment_bytes_max. */
static size_t cut_size(struct sim *sim, size_t size) {
    uint32_t piece_max = sim->options.segment_bytes_max;
    if (piece_max == 0) {
        return size;
    }
    size_t piece = 1 + (size_t)sim_draw(sim, piece_max);
    return piece < size ? piece : size;
}

int64_t sim_socket_read(struct rt_world *world, struct rt_socket *socket, void *data, size_t size) {
    struct sim *sim = sim_of(world);
    struct sim_end *end = end_of(sim, socket);
    struct sim_pipe *pipe = &end->connection->pipes[1 - end->side];
    RT_ASSERT(size > 0);
    if (pipe->arrived > 0) {
        size_t taken = cut_size(sim, size < pipe->arrived ? size : pipe->arrived);
        ring_take(pipe, data, taken);
        sim_note(sim, SIM_NOTE_READ, socket->actor, end->connection->id, end->side, taken);
        if (writer_of(pipe)->wants_write && !sim_scheduled(&pipe->room)) {
            sim_schedule(sim, &pipe->room, sim->now_ns + sim_delay(sim));
        }
        return (int64_t)taken;
    }
    if (end->error != 0) {
        return end->error;
    }
    if (pipe->ended) {
        return 0;
    }
    end->wants_read = true;
    return RT_IO_AGAIN;
}

static size_t slices_size(const struct rt_slice *slices, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += slices[i].size;
    }
    return total;
}

static void append_slices(struct sim_pipe *pipe, const struct rt_slice *slices, size_t size) {
    size_t done = 0;
    for (size_t i = 0; done < size; i++) {
        size_t piece = slices[i].size < size - done ? slices[i].size : size - done;
        if (piece > 0) {
            ring_append(pipe, slices[i].data, piece, done);
        }
        done += piece;
    }
}

int64_t sim_socket_write(struct rt_world *world, struct rt_socket *socket,
                         const struct rt_slice *slices, size_t count) {
    struct sim *sim = sim_of(world);
    struct sim_end *end = end_of(sim, socket);
    struct sim_pipe *pipe = &end->connection->pipes[end->side];
    if (end->error != 0) {
        return end->error == -ECONNRESET && sim_once_in(sim, 2) ? -EPIPE : end->error;
    }
    size_t wanted = slices_size(slices, count);
    size_t room = sim->options.socket_buffer_bytes - pipe->arrived - pipe->on_way;
    bool connected = end->connection->stage >= SIM_STAGE_GREETING;
    if (room == 0 || !connected) {
        end->wants_write = true;
        return RT_IO_AGAIN;
    }
    if (wanted == 0) {
        return 0;
    }
    size_t taken = cut_size(sim, wanted < room ? wanted : room);
    ring_reserve(pipe, taken);
    append_slices(pipe, slices, taken);
    pipe->on_way += taken;
    sim_note(sim, SIM_NOTE_WRITE, socket->actor, end->connection->id, end->side, taken);
    segment_push(sim, pipe, SIM_SEGMENT_BYTES, (uint32_t)taken);
    return (int64_t)taken;
}
