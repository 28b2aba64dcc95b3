/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "visitor.h"

#include "protocol/api.h"
#include "test.h"

static void end(struct visitor *visitor, int64_t result) {
    visitor->ended = true;
    visitor->error = (int)result;
    rt_socket_close(visitor->actor.world, &visitor->socket);
}

static void connect_on(struct visitor *visitor) {
    if (!visitor->asked) {
        visitor->asked = true;
        int result = rt_socket_connect(visitor->actor.world, &visitor->socket, &visitor->address);
        cr_assert_eq(result, 0);
    }
    int result = rt_socket_connected(visitor->actor.world, &visitor->socket);
    visitor->connected = result == 0;
    if (result != 0 && result != RT_IO_AGAIN) {
        end(visitor, result);
    }
}

static void write_on(struct visitor *visitor) {
    while (!visitor->ended && visitor->sent < visitor->out_size) {
        struct rt_slice slice = {visitor->out + visitor->sent, visitor->out_size - visitor->sent};
        int64_t result = rt_socket_write(visitor->actor.world, &visitor->socket, &slice, 1);
        if (result == RT_IO_AGAIN) {
            return;
        }
        if (result < 0) {
            end(visitor, result);
        } else {
            visitor->sent += (size_t)result;
        }
    }
}

static void read_on(struct visitor *visitor, uint64_t now_ns) {
    while (!visitor->ended) {
        size_t room = sizeof visitor->in - visitor->in_size;
        cr_assert_gt(room, 0);
        int64_t result = rt_socket_read(visitor->actor.world, &visitor->socket,
                                        visitor->in + visitor->in_size, room);
        if (result == RT_IO_AGAIN) {
            return;
        }
        if (result <= 0) {
            end(visitor, result);
        } else {
            visitor->in_size += (size_t)result;
            visitor->in_ns = now_ns;
        }
    }
}

static enum rt_verdict visitor_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct visitor *visitor = (struct visitor *)actor;
    (void)marks;
    if (visitor->leaving) {
        rt_socket_close(actor->world, &visitor->socket);
        return RT_END;
    }
    if (!visitor->connected && !visitor->ended) {
        connect_on(visitor);
    }
    if (visitor->connected) {
        write_on(visitor);
        read_on(visitor, rt_turn_now(turn));
    }
    return RT_IDLE;
}

static void visitor_gone(struct rt_actor *actor) {
    ((struct visitor *)actor)->gone = true;
}

static const struct rt_actor_kind visitor_kind = {
    .name = "visitor", .class = RT_CLASS_ACTOR, .run = visitor_run, .gone = visitor_gone};

void visitor_start(struct visitor *visitor, struct rt_world *world,
                   const struct rt_address *address) {
    memset(visitor, 0, sizeof *visitor);
    visitor->address = *address;
    rt_socket_init(&visitor->socket, &visitor->actor, RT_MARK(0));
    rt_actor_start(&visitor->actor, &visitor_kind, world);
    rt_notify(&visitor->actor);
}

void visitor_send(struct visitor *visitor, const void *data, size_t size) {
    cr_assert_leq(visitor->out_size + size, sizeof visitor->out);
    memcpy(visitor->out + visitor->out_size, data, size);
    visitor->out_size += size;
    rt_notify(&visitor->actor);
}

void visitor_leave(struct visitor *visitor) {
    visitor->leaving = true;
    rt_notify(&visitor->actor);
}

unsigned visitor_frames(const struct visitor *visitor) {
    unsigned frames = 0;
    size_t at = 0, frame_size;
    while (kafka_frame_measure(visitor->in + at, visitor->in_size - at, sizeof visitor->in,
                               &frame_size) == KAFKA_FRAME_WHOLE) {
        at += frame_size;
        frames++;
    }
    return frames;
}
