/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actors/link_owner.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/metadata.h"
#include "runtime/assert.h"

enum { MARK_SOCKET = 0, MARK_TIMER, MARK_LOOKUP, MARK_GO };

static struct owner *the_owner; /* events carry no producer */

/* The producer's own, in place of the real ones. */
void producer_event(struct producer *producer, const sluice_event *event) {
    RT_ASSERT(&the_owner->producer == producer);
    the_owner->connected += event->kind == SLUICE_EVENT_CONNECTED;
    the_owner->disconnected += event->kind == SLUICE_EVENT_DISCONNECTED;
}

void producer_log(struct producer *producer, sluice_log_level level, const char *facility,
                  const char *format, ...) {
    va_list arguments;
    RT_ASSERT(&the_owner->producer == producer && level == SLUICE_LOG_WARNING);
    RT_ASSERT(strcmp(facility, "link") == 0);
    if (the_owner->first_error == SLUICE_OK) {
        the_owner->first_error = the_owner->link.last_error;
        va_start(arguments, format);
        vsnprintf(the_owner->first_text, sizeof the_owner->first_text, format, arguments);
        va_end(arguments);
    }
}

static void request_make(struct owner *owner, struct owner_request *request, struct rt_turn *turn) {
    struct kafka_metadata_request ask = {.correlation_id = link_correlation(&owner->link),
                                         .client_id = kafka_text_of("test")};
    size_t bound = kafka_metadata_request_bound(&ask);
    int32_t wire_id = ask.correlation_id + owner->shift;
    int16_t version = owner->version == 0 ? 1 : owner->version;
    *request = (struct owner_request){.frame = malloc(bound + owner->request_bytes)};
    ask.correlation_id = wire_id;
    struct kafka_writer writer = kafka_writer_of(request->frame, bound);
    kafka_metadata_request_encode(&writer, version, &ask);
    size_t size = kafka_writer_size(&writer);
    memset(request->frame + size, 'x', owner->request_bytes);
    uint32_t length = (uint32_t)(size + owner->request_bytes - 4);
    for (int i = 0; i < 4; i++) {
        request->frame[i] = (uint8_t)(length >> (24 - 8 * i));
    }
    size += owner->request_bytes;
    request->frame_size = size;
    request->slices[0] = (struct rt_slice){request->frame, 3};
    request->slices[1] = (struct rt_slice){request->frame + 3, 0};
    request->slices[2] = (struct rt_slice){request->frame + 3, size - 3};
    request->link =
        (struct link_request){.slices = request->slices,
                              .slice_count = 3,
                              .size = size,
                              .correlation_id = wire_id - owner->shift,
                              .api = KAFKA_METADATA,
                              .version = version,
                              .expects_answer = !owner->silent,
                              .deadline_ns = rt_turn_now(turn) + owner->timeout_ms * OWNER_MS};
}

/* Requests that expect an answer come in the order of sending, and so do those that do not. */
static void order_check(const struct owner *owner, const struct owner_request *request) {
    RT_ASSERT(!request->done);
    for (const struct owner_request *before = owner->requests; before < request; before++) {
        RT_ASSERT(before->done || before->link.expects_answer != request->link.expects_answer);
    }
}

static void done_take(struct owner *owner, struct rt_turn *turn) {
    struct kafka_reader answer;
    struct link_request *done;
    while ((done = link_next(&owner->link, &answer)) != NULL) {
        struct owner_request *request = (struct owner_request *)(void *)done;
        order_check(owner, request);
        request->done = true;
        request->failed = done->failed;
        request->error = done->error;
        request->answer_size = kafka_reader_left(&answer);
        request->answer_first = request->answer_size > 0 ? answer.at[0] : 0;
        for (const uint8_t *at = answer.at; at < answer.end; at++) {
            RT_ASSERT(*at == request->answer_first);
        }
        request->done_ns = rt_turn_now(turn);
        free(request->frame);
        owner->done++;
    }
}

static bool requests_send(struct owner *owner, struct rt_turn *turn) {
    if (owner->link.state != LINK_READY || owner->to_send == 0) {
        return false;
    }
    for (; owner->to_send > 0; owner->to_send--) {
        struct owner_request *request = &owner->requests[owner->sent++];
        request_make(owner, request, turn);
        link_send(&owner->link, &request->link);
    }
    return true;
}

static enum rt_verdict owner_act(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct owner *owner = (struct owner *)(void *)actor;
    (void)marks;
    owner->activations++;
    if (owner->asleep) {
        return RT_IDLE;
    }
    if (owner->unwant) {
        owner->unwant = false;
        link_want(&owner->link, false);
    }
    if (owner->close || owner->end) {
        owner->close = false;
        link_close(&owner->link);
        done_take(owner, turn);
    }
    if (owner->end) {
        return RT_END;
    }
    if (owner->hasty) {
        requests_send(owner, turn);
    }
    link_step(&owner->link, turn);
    done_take(owner, turn);
    if (requests_send(owner, turn)) {
        link_step(&owner->link, turn);
        done_take(owner, turn);
    }
    return RT_IDLE;
}

static void owner_gone(struct rt_actor *actor) {
    ((struct owner *)(void *)actor)->gone = true;
}

static struct sluice_config *config_make(const char *const *options) {
    struct sluice_config *config = sluice_config_new();
    RT_ASSERT(sluice_config_set(config, "bootstrap.servers", "unused:1", NULL) == SLUICE_OK);
    for (; options != NULL && options[0] != NULL; options += 2) {
        RT_ASSERT(sluice_config_set(config, options[0], options[1], NULL) == SLUICE_OK);
    }
    struct sluice_config *resolved = sluice_config_resolve(config, NULL);
    sluice_config_free(config);
    RT_ASSERT(resolved != NULL);
    return resolved;
}

struct owner *owner_start_in(struct rt_world *world, const char *const *options) {
    static const struct rt_actor_kind kind = {
        .name = "owner", .run = owner_act, .gone = owner_gone};
    struct owner *owner = calloc(1, sizeof *owner);
    the_owner = owner;
    owner->world = world;
    owner->producer.world = world;
    owner->producer.config = config_make(options);
    owner->timeout_ms = 30000;
    rt_actor_start(&owner->actor, &kind, world);
    link_init(&owner->link, &owner->producer, &owner->actor, RT_MARK(MARK_SOCKET),
              RT_MARK(MARK_TIMER), RT_MARK(MARK_LOOKUP), &owner->counted);
    return owner;
}

struct owner *owner_start(uint64_t seed, const char *const *options) {
    struct rt_sim_options sim = {.seed = seed,
                                 .wall_start_ms = 1700000000000,
                                 .delay_min_ns = 20000,
                                 .delay_max_ns = 200000,
                                 .segment_bytes_max = 100,
                                 .socket_buffer_bytes = 8192,
                                 .lookup_delay_ns = 1000000};
    return owner_start_in(rt_sim_create(&sim), options);
}

void owner_connect(struct owner *owner, const char *host, uint16_t port) {
    link_target(&owner->link, 7, host, port);
    link_want(&owner->link, true);
}

void owner_run(struct owner *owner, uint64_t ms) {
    rt_sim_run_until(owner->world, rt_now(owner->world) + ms * OWNER_MS);
}

void owner_send(struct owner *owner, uint32_t count) {
    owner->to_send += count;
    rt_mark(&owner->actor, RT_MARK(MARK_GO));
}

void owner_unwant(struct owner *owner) {
    owner->unwant = true;
    rt_mark(&owner->actor, RT_MARK(MARK_GO));
    rt_sim_settle(owner->world);
}

void owner_close(struct owner *owner) {
    owner->close = true;
    rt_mark(&owner->actor, RT_MARK(MARK_GO));
    rt_sim_settle(owner->world);
}

void owner_end(struct owner *owner) {
    struct rt_world *world = owner->world;
    owner->end = true;
    rt_mark(&owner->actor, RT_MARK(MARK_GO));
    owner_run(owner, 1000);
    RT_ASSERT(owner->gone && owner->done == owner->sent);
    RT_ASSERT(link_outstanding(&owner->link) == 0);
    RT_ASSERT(atomic_load(&owner->producer.counters.connections_open) == 0);
    RT_ASSERT(owner->connected == owner->disconnected);
    sluice_config_free(owner->producer.config);
    free(owner);
    RT_ASSERT(atomic_load(&world->memory_used) == 0);
    rt_world_destroy(world);
}
