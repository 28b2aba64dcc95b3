/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a link fails or is closed: what is noted, who is told, what becomes of the requests. */
#include "actors/link/link_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static void requests_fail(struct link *link, struct link_requests *list, sluice_code code) {
    for (struct link_request *request; (request = link_requests_pop(list)) != NULL;) {
        link->outstanding--;
        request->failed = true;
        request->error = code;
        if (request != &link->negotiation && !RT_MUTANT(requests_vanish)) {
            link_requests_push(&link->done, request);
        }
    }
}

void link_outstanding_fail(struct link *link, sluice_code code) {
    requests_fail(link, &link->sent, code);
    requests_fail(link, &link->queue, code);
    RT_ASSERT(link->outstanding == 0);
}

void link_event(struct link *link, sluice_event_kind kind) {
    producer_event(link->producer, &(sluice_event){.kind = kind,
                                                   .error = link->last_error,
                                                   .broker = link->node,
                                                   .host = link->host,
                                                   .port = link->port,
                                                   .text = link->last_text});
}

void link_disconnect(struct link *link) {
    struct rt_world *world = link_world(link);
    if (link->lookup != NULL) {
        rt_lookup_abandon(world, link->lookup);
        link->lookup = NULL;
    }
    rt_socket_close(world, &link->socket);
    link_negotiation_release(link);
    if (link->state == LINK_READY) {
        atomic_fetch_sub_explicit(&link->producer->counters.connections_open, 1,
                                  memory_order_relaxed); /* a statistic */
    }
    link->input_starved_ns = 0;
}

void link_give_up(struct link *link, struct rt_turn *turn) {
    bool was_ready = link->state == LINK_READY;
    link_disconnect(link);
    link->state = LINK_BACKOFF;
    link->retry_at_ns = rt_turn_now(turn) + link_backoff_ns(link);
    if (link->attempt < UINT32_MAX) {
        link->attempt++;
    }
    link_outstanding_fail(link, link->last_error);
    if (link->done.first == NULL) {
        link_input_close(link);
    }
    if (was_ready) {
        link_event(link, SLUICE_EVENT_DISCONNECTED);
    }
    producer_log(link->producer, SLUICE_LOG_WARNING, "link", "%s", link->last_text);
}

__attribute__((format(printf, 3, 0))) static void note(struct link *link, sluice_code code,
                                                       const char *format, va_list arguments) {
    int size = snprintf(link->last_text, sizeof link->last_text, "%.150s:%u: ", link->host,
                        (unsigned)link->port);
    vsnprintf(link->last_text + size, sizeof link->last_text - (size_t)size, format, arguments);
    link->last_error = code;
}

void link_note(struct link *link, sluice_code code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    note(link, code, format, arguments);
    va_end(arguments);
}

void link_count_failure(struct link *link, sluice_code code) {
    rt_count_add(&link->counted->failures, 1);
    error_count(link->producer->errors.connections, code, 1);
}

void link_fail(struct link *link, struct rt_turn *turn, sluice_code code, const char *format, ...) {
    va_list arguments;
    link_count_failure(link, code);
    va_start(arguments, format);
    note(link, code, format, arguments);
    va_end(arguments);
    if (link->state == LINK_CONNECTING || link->state == LINK_NEGOTIATING) {
        link_disconnect(link);
        link_outstanding_fail(link, code);
        link->address_index++;
        if (link_connect_begin(link, turn)) {
            return;
        }
    }
    link_give_up(link, turn);
}

void link_refuse(struct link *link, struct rt_turn *turn, sluice_code code, const char *what) {
    if (link->state == LINK_READY) {
        link_fail(link, turn, code, "%s", what);
    } else if (link->state == LINK_BACKOFF) {
        link_note(link, code, "%s", what);
    }
}

void link_close(struct link *link) {
    bool was_ready = link->state == LINK_READY;
    link_disconnect(link);
    link->state = LINK_IDLE;
    link->wanted = false;
    link_outstanding_fail(link, SLUICE_CLOSED);
    if (link->done.first == NULL) {
        link_input_close(link);
    }
    rt_timer_cancel(link_world(link), &link->timer);
    if (was_ready) {
        link_note(link, SLUICE_OK, "closed");
        link_event(link, SLUICE_EVENT_DISCONNECTED);
    }
}
