/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link's states and its one timer. How it fails is in link_fail.c.
 *
 * Timer: in each state there is at most one thing to wait for by the clock; link_due() says which.
 * It is moved after every step, later at no cost.
 */
#include "actors/link/link_internal.h"

#include <string.h>

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

struct rt_world *link_world(const struct link *link) {
    return link->producer->world;
}

void link_requests_push(struct link_requests *list, struct link_request *request) {
    request->next = NULL;
    if (list->first == NULL) {
        list->first = request;
    } else {
        list->last->next = request;
    }
    list->last = request;
}

struct link_request *link_requests_pop(struct link_requests *list) {
    struct link_request *request = list->first;
    if (request != NULL) {
        list->first = request->next;
        request->next = NULL;
    }
    return request;
}

void link_init(struct link *link, struct producer *producer, struct rt_actor *actor,
               uint32_t mark_socket, uint32_t mark_timer, uint32_t mark_lookup,
               struct link_counted *counted) {
    RT_ASSERT(((mark_socket | mark_timer | mark_lookup) & ~RT_MARKS_ALL) == 0);
    RT_ASSERT(mark_socket != 0 && mark_timer != 0 && mark_lookup != 0);
    *link = (struct link){.producer = producer,
                          .actor = actor,
                          .counted = counted,
                          .mark_socket = mark_socket,
                          .mark_timer = mark_timer,
                          .mark_lookup = mark_lookup,
                          .node = -1,
                          .api_versions_max = -1};
    rt_socket_init(&link->socket, actor, mark_socket);
    rt_timer_init(&link->timer, actor, mark_timer);
    kafka_peer_init(&link->peer);
}

void link_target(struct link *link, int32_t node, const char *host, uint16_t port) {
    size_t size = strlen(host);
    RT_ASSERT(link->state == LINK_IDLE && size < sizeof link->host);
    if (link->port != port || strcmp(link->host, host) != 0) {
        link->attempt = 0;
        link->retry_at_ns = 0;
        link->throttled_until_ns = 0;
    }
    link->node = node;
    link->port = port;
    memcpy(link->host, host, size + 1);
}

void link_want(struct link *link, bool wanted) {
    if (link->wanted == wanted) {
        return;
    }
    link->wanted = wanted;
    if (wanted) {
        rt_mark(link->actor, link->mark_socket);
        return;
    }
    if (link->state != LINK_READY) {
        if (link->state != LINK_BACKOFF) {
            link_disconnect(link);
            link_outstanding_fail(link, SLUICE_CLOSED);
            link->state = LINK_IDLE;
        }
        rt_timer_cancel(link_world(link), &link->timer);
    }
}

int16_t link_version(const struct link *link, int16_t api, int16_t max) {
    const struct kafka_api_info *info = kafka_api_find(api);
    int16_t version = kafka_peer_version(&link->peer, api);
    if (info == NULL || version <= max) {
        return version;
    }
    int16_t least = link->peer.ranges[info - kafka_apis].version_min;
    return max < least || max < info->version_min ? -1 : max;
}

int32_t link_correlation(struct link *link) {
    int32_t correlation = link->next_correlation;
    link->next_correlation = correlation == INT32_MAX ? 0 : correlation + 1;
    return correlation;
}

void link_send(struct link *link, struct link_request *request) {
    RT_ASSERT(link->state == LINK_READY ||
              (link->state == LINK_NEGOTIATING && request == &link->negotiation));
    request->bytes_written = 0;
    request->first_write_ns = 0;
    request->slice_at = 0;
    request->slice_written = 0;
    request->answer_at = 0;
    request->answer_size = 0;
    request->failed = false;
    request->error = SLUICE_OK;
    link_requests_push(&link->queue, request);
    link->outstanding++;
}

void link_throttle(struct link *link, uint64_t now_ns, int64_t throttle_ms) {
    if (throttle_ms <= 0 || (RT_MUTANT(throttle_of_some) && link->node < 0)) {
        return;
    }
    link->throttled_until_ns = now_ns + link_ns(throttle_ms);
    rt_count_add(&link->counted->throttled_ms, (uint64_t)throttle_ms);
    producer_event(link->producer, &(sluice_event){.kind = SLUICE_EVENT_THROTTLED,
                                                   .broker = link->node,
                                                   .host = link->host,
                                                   .port = link->port,
                                                   .text = "the broker asks to send less"});
}

sluice_code link_awaits(const struct link *link) {
    if (link->state == LINK_LOOKUP || link->state == LINK_CONNECTING) {
        return SLUICE_NO_BROKER;
    }
    bool asked =
        link->state == LINK_NEGOTIATING || (link->state == LINK_READY && link->outstanding > 0);
    return asked ? SLUICE_NO_ANSWER : SLUICE_OK;
}

uint32_t link_outstanding(const struct link *link) {
    return link->outstanding;
}

struct link_request *link_next(struct link *link, struct kafka_reader *answer) {
    struct link_request *request = link_requests_pop(&link->done);
    *answer = kafka_reader_of(NULL, 0);
    if (request == NULL) {
        if (link->state != LINK_READY && link->state != LINK_NEGOTIATING) {
            link_input_close(link);
        }
    } else if (!request->failed && request->expects_answer) {
        *answer = kafka_reader_of(link->input + request->answer_at, request->answer_size);
    }
    return request;
}

/* ---- moving on ------------------------------------------------------------------------------- */

void link_ready_enter(struct link *link, struct rt_turn *turn) {
    link->state = LINK_READY;
    link->generation++;
    link->attempt = 0;
    link->retry_at_ns = 0;
    link->idle_since_ns = rt_turn_now(turn);
    atomic_fetch_add_explicit(&link->producer->counters.connections_open, 1,
                              memory_order_relaxed); /* a statistic */
    link_note(link, SLUICE_OK, "connected");
    link_event(link, SLUICE_EVENT_CONNECTED);
}

/* The deadline of the oldest request; requests are queued in order of their deadlines. */
static uint64_t oldest_deadline(const struct link *link) {
    uint64_t sent = link->sent.first == NULL ? RT_FOREVER : link->sent.first->deadline_ns;
    uint64_t queued = link->queue.first == NULL ? RT_FOREVER : link->queue.first->deadline_ns;
    return sent < queued ? sent : queued;
}

/* What the clock has to bring next. */
static uint64_t link_due(const struct link *link) {
    int64_t idle_ms = link->producer->config->connections_max_idle_ms;
    uint64_t due = RT_FOREVER;
    switch (link->state) {
    case LINK_IDLE:
    case LINK_BACKOFF:
        return link->wanted ? link->retry_at_ns : RT_FOREVER;
    case LINK_LOOKUP:
    case LINK_CONNECTING:
    case LINK_NEGOTIATING:
        due = link->setup_deadline_ns;
        break;
    case LINK_READY:
        due = oldest_deadline(link);
        if (link->outstanding == 0 && idle_ms > 0) {
            due = link->idle_since_ns + link_ns(idle_ms);
        }
        break;
    }
    if (link->input_starved_ns != 0 && link->input_starved_ns < due) {
        due = link->input_starved_ns;
    }
    return due;
}

/* After the bytes that were there at that time were looked at: what came in time counts. */
static void deadline_check(struct link *link, struct rt_turn *turn, uint64_t now_ns) {
    const struct sluice_config *config = link->producer->config;
    if (now_ns < link_due(link)) {
        return;
    }
    RT_ASSERT(link->input_starved_ns == 0 || link->input_starved_ns > now_ns);
    switch (link->state) {
    case LINK_LOOKUP:
        link_fail(link, turn, SLUICE_CONNECTION_TIMED_OUT, "the name lookup took too long");
        break;
    case LINK_CONNECTING:
        link_fail(link, turn, SLUICE_CONNECTION_TIMED_OUT, "no connection in time");
        break;
    case LINK_NEGOTIATING:
        link_fail(link, turn, SLUICE_CONNECTION_TIMED_OUT,
                  "connected, but the first request was not answered in time");
        break;
    case LINK_READY:
        if (link->outstanding == 0) {
            link_close(link);
        } else {
            link_fail(link, turn, SLUICE_REQUEST_TIMED_OUT,
                      "no answer within request.timeout.ms (%lld)",
                      (long long)config->request_timeout_ms);
        }
        break;
    case LINK_IDLE:
    case LINK_BACKOFF:
        break;
    }
}

/* One move; true when there may be another. */
static bool advance(struct link *link, struct rt_turn *turn) {
    switch (link->state) {
    case LINK_IDLE:
    case LINK_BACKOFF:
        return link->wanted && rt_turn_now(turn) >= link->retry_at_ns &&
               link_lookup_begin(link, turn);
    case LINK_LOOKUP:
        return link_lookup_end(link, turn);
    case LINK_CONNECTING:
        return link_connect_end(link, turn);
    case LINK_NEGOTIATING:
        link_read(link, turn);
        if (link->state == LINK_NEGOTIATING) {
            link_write(link, turn);
        }
        return link->state != LINK_NEGOTIATING && link->state != LINK_BACKOFF;
    case LINK_READY:
        /* Reading first: what was not written to a connection that is gone is not unsure. */
        link_read(link, turn);
        if (link->state == LINK_READY) {
            link_write(link, turn);
        }
        return false;
    }
    return false;
}

void link_step(struct link *link, struct rt_turn *turn) {
    uint64_t now_ns = rt_turn_now(turn); /* before the look at what came */
    link_input_recycle(link);
    while (advance(link, turn)) {
    }
    deadline_check(link, turn, now_ns);
    uint64_t due = link_due(link);
    if (due != atomic_load_explicit(&link->timer.deadline_ns, memory_order_relaxed)) {
        if (due == RT_FOREVER) {
            rt_timer_cancel(link_world(link), &link->timer);
        } else {
            rt_timer_arm(link_world(link), &link->timer, due);
        }
    }
}
