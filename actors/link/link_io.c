/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link's bytes: gathered writes of whole frames, answers read into one growing buffer and matched
 * to their requests in order.
 *
 *   input   [ answers, parsed, kept until the next step | bytes of a frame to come | room ]
 *           0                                 input_parsed           input_used      input_size
 *
 * The buffer doubles only when it is full of bytes that came, so a claimed length costs nothing. An
 * answer must have the correlation id of the oldest request; the one exception are brokers that
 * answer what was sent with acks=0 (Azure Event Hubs does): such answers are read over.
 */
#include "actors/link/link_internal.h"

#include <string.h>

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

/* ---- the buffer ------------------------------------------------------------------------------ */

bool link_input_open(struct link *link) {
    if (link->input == NULL) {
        link->input = rt_acquire(link_world(link), LINK_INPUT_BYTES_FIRST);
        link->input_size = link->input == NULL ? 0 : LINK_INPUT_BYTES_FIRST;
    }
    return link->input != NULL;
}

void link_input_close(struct link *link) {
    rt_release(link_world(link), link->input, link->input_size);
    link->input = NULL;
    link->input_size = 0;
    link->input_used = 0;
    link->input_parsed = 0;
}

void link_input_recycle(struct link *link) {
    RT_ASSERT(link->done.first == NULL); /* the owner takes what is done before it steps again */
    if (link->input == NULL) {
        return;
    }
    size_t left = link->input_used - link->input_parsed;
    if (link->input_parsed > 0 && left > 0) {
        memmove(link->input, link->input + link->input_parsed, left);
    }
    link->input_used = left;
    link->input_parsed = 0;
    if (left == 0 && link->input_size > LINK_INPUT_BYTES_KEPT) {
        uint8_t *small = rt_acquire(link_world(link), LINK_INPUT_BYTES_FIRST);
        if (small != NULL) {
            rt_release(link_world(link), link->input, link->input_size);
            link->input = small;
            link->input_size = LINK_INPUT_BYTES_FIRST;
        }
    }
}

/* Room for at least one byte more. False when memory is short. */
static bool input_grow(struct link *link) {
    if (link->input_used < link->input_size) {
        return true;
    }
    size_t size = link->input_size * 2;
    uint8_t *larger = rt_acquire(link_world(link), size);
    if (larger == NULL) {
        return false;
    }
    memcpy(larger, link->input, link->input_used);
    rt_release(link_world(link), link->input, link->input_size);
    link->input = larger;
    link->input_size = size;
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* What stands where an answer should begin: not Kafka, or too long. */
static void frame_refuse(struct link *link, struct rt_turn *turn, const uint8_t *at) {
    if (memcmp(at, "HTTP", 4) == 0) {
        link_fail(link, turn, SLUICE_LOOKS_LIKE_HTTP, "the answer is HTTP");
    } else if ((at[0] == 0x15 || at[0] == 0x16) && at[1] == 0x03) {
        link_fail(link, turn, SLUICE_LOOKS_LIKE_TLS, "the answer is TLS (%s)",
                  at[0] == 0x15 ? "an alert" : "a handshake");
    } else if (at[0] < 0x80 && (at[0] | at[1]) != 0) {
        link_fail(link, turn, SLUICE_FRAME_TOO_LARGE,
                  "an answer that begins with %02x %02x %02x %02x claims to be too large", at[0],
                  at[1], at[2], at[3]);
    } else {
        link_fail(link, turn, SLUICE_BAD_ANSWER, "an answer cannot begin with %02x %02x %02x %02x",
                  at[0], at[1], at[2], at[3]);
    }
}

/* Of a request that did not ask for an answer. */
static bool answers_silent(const struct link *link, int32_t correlation) {
    return link->silent_sent && correlation >= link->first_correlation &&
           correlation <= link->silent_correlation;
}

static void answered(struct link *link, struct rt_turn *turn) {
    link->outstanding--;
    if (link->outstanding == 0) {
        link->idle_since_ns = rt_turn_now(turn);
    }
}

/* One whole answer, behind its length. False when the link is not what it was. */
static bool answer_take(struct link *link, struct rt_turn *turn, struct kafka_reader reader) {
    int32_t correlation = kafka_correlation_decode(&reader);
    struct link_request *request = link->sent.first;
    if (request == NULL || request->correlation_id != correlation) {
        if (answers_silent(link, correlation)) {
            return true;
        }
        if (request == NULL) {
            link_fail(link, turn, SLUICE_BAD_ANSWER, "an answer (correlation id %d) to no request",
                      correlation);
        } else {
            link_fail(link, turn, SLUICE_BAD_ANSWER,
                      "an answer with correlation id %d where %d was due", correlation,
                      request->correlation_id);
        }
        return false;
    }
    kafka_response_header_finish(&reader, request->api, request->version);
    if (reader.failed) {
        link_fail(link, turn, SLUICE_BAD_ANSWER, "an answer whose header could not be read");
        return false;
    }
    link_requests_pop(&link->sent);
    answered(link, turn);
    if (request == &link->negotiation) {
        link_negotiated(link, turn, reader);
        return link->state == LINK_NEGOTIATING || link->state == LINK_READY;
    }
    request->answer_at = (size_t)(reader.at - link->input);
    request->answer_size = kafka_reader_left(&reader);
    link_requests_push(&link->done, request);
    return true;
}

/* Every whole answer that has arrived. False when the link is not what it was. */
static bool answers_take(struct link *link, struct rt_turn *turn) {
    for (;;) {
        size_t frame_size;
        const uint8_t *at = link->input + link->input_parsed;
        enum kafka_frame_status status = kafka_frame_measure(
            at, link->input_used - link->input_parsed,
            RT_MUTANT(any_frame_size) ? INT32_MAX : LINK_ANSWER_BYTES_MAX, &frame_size);
        if (status == KAFKA_FRAME_PARTIAL) {
            return true;
        }
        if (status == KAFKA_FRAME_REFUSED) {
            frame_refuse(link, turn, at);
            return false;
        }
        link->input_parsed += frame_size;
        if (!answer_take(link, turn,
                         kafka_reader_of(at + KAFKA_FRAME_PREFIX_SIZE,
                                         frame_size - KAFKA_FRAME_PREFIX_SIZE))) {
            return false;
        }
    }
}

static void lost(struct link *link, struct rt_turn *turn, int64_t error) {
    const char *when = link->heard ? "" : " before it said anything";
    if (error == 0) {
        link_fail(link, turn, SLUICE_CONNECTION_LOST, "the broker closed the connection%s%s", when,
                  link->input_used > link->input_parsed ? " within an answer" : "");
    } else {
        link_fail(link, turn, SLUICE_CONNECTION_LOST, "the connection broke%s (errno %d)", when,
                  (int)-error);
    }
}

void link_read(struct link *link, struct rt_turn *turn) {
    struct rt_world *world = link_world(link);
    size_t read = 0;
    link->input_starved_ns = 0;
    while (read < LINK_READ_BYTES_PER_STEP) {
        if (!input_grow(link)) {
            link->input_starved_ns = rt_turn_now(turn) + link_ns(LINK_MEMORY_RETRY_MS);
            return;
        }
        int64_t size = rt_socket_read(world, &link->socket, link->input + link->input_used,
                                      link->input_size - link->input_used);
        if (size == RT_IO_AGAIN) {
            return;
        }
        if (size <= 0) {
            lost(link, turn, size);
            return;
        }
        link->heard = true;
        rt_count_add(&link->counted->bytes_received, (uint64_t)size);
        link->input_used += (size_t)size;
        read += (size_t)size;
        if (!answers_take(link, turn)) {
            return;
        }
    }
    rt_mark(link->actor, link->mark_socket); /* others get their turn; no edge will come for this */
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The unwritten rest of the queue, up to LINK_GATHER_SLICES slices. */
static size_t queue_gather(const struct link *link, struct rt_slice *slices) {
    size_t count = 0;
    for (const struct link_request *request = link->queue.first; request != NULL;
         request = request->next) {
        size_t skip = request->slice_written;
        for (uint32_t at = request->slice_at; at < request->slice_count; at++) {
            if (count == LINK_GATHER_SLICES) {
                return count;
            }
            const struct rt_slice *slice = &request->slices[at];
            if (slice->size > skip) {
                slices[count++] =
                    (struct rt_slice){(const uint8_t *)slice->data + skip, slice->size - skip};
            }
            skip = 0;
        }
    }
    return count;
}

static void request_written(struct link *link, struct rt_turn *turn) {
    struct link_request *request = link_requests_pop(&link->queue);
    RT_ASSERT(request->bytes_written == request->size);
    if (request->expects_answer) {
        link_requests_push(&link->sent, request);
        return;
    }
    link->silent_sent = true;
    link->silent_correlation = request->correlation_id;
    answered(link, turn);
    link_requests_push(&link->done, request);
}

/* `written` bytes of the queue have left. */
static void queue_advance(struct link *link, struct rt_turn *turn, size_t written) {
    while (written > 0) {
        struct link_request *request = link->queue.first;
        if (request->first_write_ns == 0) {
            RT_ASSERT(rt_turn_now(turn) > 0);
            request->first_write_ns = rt_turn_now(turn);
        }
        while (request->slice_at < request->slice_count) {
            size_t left = request->slices[request->slice_at].size - request->slice_written;
            size_t part = written < left ? written : left;
            if (written == 0 && left > 0) {
                break;
            }
            request->slice_written += part;
            request->bytes_written += part;
            written -= part;
            if (part == left) {
                request->slice_at++;
                request->slice_written = 0;
            }
        }
        if (request->slice_at == request->slice_count) {
            request_written(link, turn);
        }
    }
}

void link_write(struct link *link, struct rt_turn *turn) {
    struct rt_slice slices[LINK_GATHER_SLICES];
    while (link->queue.first != NULL) {
        size_t count = queue_gather(link, slices);
        int64_t written = rt_socket_write(link_world(link), &link->socket, slices, count);
        if (written == RT_IO_AGAIN) {
            if (RT_MUTANT(half_a_frame) && link->queue.first->bytes_written > 0) {
                link->queue.first->bytes_written = link->queue.first->size;
                request_written(link, turn);
            }
            return;
        }
        if (written < 0) {
            lost(link, turn, written);
            return;
        }
        RT_ASSERT(written > 0);
        rt_count_add(&link->counted->bytes_sent, (uint64_t)written);
        queue_advance(link, turn, (size_t)written);
    }
}
