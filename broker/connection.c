/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "broker/server.h"

enum {
    INPUT_SIZE_FIRST = 16 << 10,
    INPUT_SIZE_KEPT = 8 << 20,
    READ_SIZE_MAX = 256 << 10,      /* when it is not known how much will come */
    OUTPUT_SIZE_TOGETHER = 64 << 10 /* answers up to here leave together */
};

struct broker_connection *broker_connection_create(struct broker_cluster *cluster) {
    struct broker_connection *connection = cluster->spare;
    cluster->spare = NULL;
    if (connection == NULL) {
        connection = calloc(1, sizeof *connection);
        if (connection == NULL) {
            return NULL;
        }
    }
    connection->cluster = cluster;
    connection->deadline_ns = RT_FOREVER;
    CDS_INIT_LIST_HEAD(&connection->of_ready);
    CDS_INIT_LIST_HEAD(&connection->of_timed);
    CDS_INIT_LIST_HEAD(&connection->of_waiting);
    uint32_t group = cluster->next_group % BROKER_GROUPS;
    rt_socket_init(&connection->socket, &cluster->actor, BROKER_MARK_GROUP(group));
    return connection;
}

void broker_connection_open(struct broker_connection *connection, struct broker_site *site) {
    struct broker_cluster *cluster = connection->cluster;
    uint32_t group = cluster->next_group++ % BROKER_GROUPS;
    connection->site = site;
    cds_list_add_tail(&connection->of_group, &cluster->groups[group]);
    cds_list_add_tail(&connection->of_site, &site->connections);
    site->node->counters.connections++;
    site->node->counters.connections_open++;
    broker_connection_make_ready(connection);
}

void broker_connection_make_ready(struct broker_connection *connection) {
    if (cds_list_empty(&connection->of_ready)) {
        cds_list_add_tail(&connection->of_ready, &connection->cluster->ready);
    }
}

void broker_connection_close(struct broker_connection *connection) {
    rt_socket_close(connection->cluster->actor.world, &connection->socket);
    connection->site->node->counters.connections_open--;
    cds_list_del(&connection->of_group);
    cds_list_del(&connection->of_site);
    cds_list_del(&connection->of_ready);
    cds_list_del(&connection->of_timed);
    cds_list_del(&connection->of_waiting);
    broker_output_deinit(&connection->output);
    free(connection->input);
    free(connection);
}

/* ---- input ----------------------------------------------------------------------------------- */

static enum kafka_frame_status input_frame(const struct broker_connection *connection,
                                           size_t *frame_size) {
    size_t size_max =
        (size_t)connection->cluster->model.options.request_bytes_max + KAFKA_FRAME_PREFIX_SIZE;
    size_t size = connection->end - connection->start;
    *frame_size = 0;
    return size == 0 ? KAFKA_FRAME_PARTIAL
                     : kafka_frame_measure(connection->input + connection->start, size, size_max,
                                           frame_size);
}

/* Memory follows the bytes that came, never the length that somebody claims. */
static bool input_make_room(struct broker_connection *connection, size_t frame_size) {
    size_t size = connection->end - connection->start;
    if (size == 0) {
        connection->start = connection->end = 0;
    }
    size_t wanted = frame_size < INPUT_SIZE_FIRST ? INPUT_SIZE_FIRST : frame_size;
    bool fits_here = connection->start + wanted <= connection->capacity;
    if (!fits_here && connection->start > 0) {
        memmove(connection->input, connection->input + connection->start, size);
        connection->start = 0;
        connection->end = size;
    }
    if (connection->end < connection->capacity) {
        return true;
    }
    size_t capacity = connection->capacity * 2;
    capacity = capacity < INPUT_SIZE_FIRST ? INPUT_SIZE_FIRST : capacity;
    uint8_t *input = realloc(connection->input, capacity);
    if (input == NULL) {
        return false;
    }
    connection->input = input;
    connection->capacity = capacity;
    return true;
}

/* Bytes to read now: the rest of a frame exactly, so that nothing has to be moved afterwards. */
static size_t input_read_size(const struct broker_connection *connection, size_t frame_size) {
    size_t room = connection->capacity - connection->end;
    size_t have = connection->end - connection->start;
    size_t wanted = frame_size > have + READ_SIZE_MAX ? frame_size - have : READ_SIZE_MAX;
    return room < wanted ? room : wanted;
}

/* Reads once. True when more may come of it. */
static bool input_read(struct broker_connection *connection, size_t size, enum broker_run *run) {
    int64_t result = rt_socket_read(connection->cluster->actor.world, &connection->socket,
                                    connection->input + connection->end, size);
    if (result > 0) {
        connection->end += (size_t)result;
        connection->site->node->counters.bytes_in += (uint64_t)result;
        return true;
    }
    *run = result == RT_IO_AGAIN ? BROKER_RUN_IDLE : BROKER_RUN_END;
    return false;
}

static bool input_read_more(struct broker_connection *connection, size_t frame_size,
                            enum broker_run *run) {
    if (!input_make_room(connection, frame_size)) {
        *run = BROKER_RUN_END;
        return false;
    }
    return input_read(connection, input_read_size(connection, frame_size), run);
}

/* Reads only to learn of the connection's end: while a request waits, into the room that is left,
 * because its bytes must not move. */
static enum broker_run input_watch(struct broker_connection *connection) {
    enum broker_run run = BROKER_RUN_IDLE;
    do {
        if (connection->mute) {
            connection->start = connection->end = 0;
        }
    } while (connection->end < connection->capacity &&
             input_read(connection, connection->capacity - connection->end, &run));
    return run;
}

static void input_done(struct broker_connection *connection, size_t frame_size) {
    connection->start += frame_size;
    connection->request = (struct broker_request){0};
    if (connection->start == connection->end && connection->capacity > INPUT_SIZE_KEPT) {
        free(connection->input);
        connection->input = NULL;
        connection->capacity = connection->start = connection->end = 0;
    }
}

/* ---- output ---------------------------------------------------------------------------------- */

static void deadline_set(struct broker_connection *connection, uint64_t deadline_ns) {
    connection->deadline_ns = deadline_ns;
    if (cds_list_empty(&connection->of_timed)) {
        cds_list_add_tail(&connection->of_timed, &connection->cluster->timed);
    }
}

/* True when all has left and the connection goes on. */
static bool output_send(struct broker_connection *connection, uint64_t now_ns,
                        enum broker_run *run) {
    struct broker_output *output = &connection->output;
    *run = BROKER_RUN_IDLE;
    if (now_ns < connection->send_at_ns) {
        deadline_set(connection, connection->send_at_ns);
        return false;
    }
    while (connection->sent < broker_output_size(output)) {
        struct rt_slice slice = {output->writer.start + connection->sent,
                                 broker_output_size(output) - connection->sent};
        int64_t result =
            rt_socket_write(connection->cluster->actor.world, &connection->socket, &slice, 1);
        if (result < 0) {
            *run = result == RT_IO_AGAIN ? BROKER_RUN_IDLE : BROKER_RUN_END;
            return false;
        }
        connection->sent += (size_t)result;
        connection->site->node->counters.bytes_out += (uint64_t)result;
    }
    connection->sent = 0;
    broker_output_reset(output);
    if (connection->ends_when_sent) {
        *run = BROKER_RUN_END;
        return false;
    }
    return true;
}

/* Answers leave when no whole request is left to be served with them. Where faults are set each
 * leaves alone, so that a fault on the next request does not touch it. */
static bool output_must_leave(const struct broker_connection *connection, uint64_t now_ns) {
    size_t frame_size;
    size_t size = broker_output_size(&connection->output);
    if (size == 0) {
        return connection->ends_when_sent;
    }
    return connection->cluster->model.faults.count > 0 || connection->sent > 0 ||
           size >= OUTPUT_SIZE_TOGETHER || connection->ends_when_sent || connection->mute ||
           now_ns < connection->send_at_ns || now_ns < connection->read_from_ns ||
           input_frame(connection, &frame_size) != KAFKA_FRAME_WHOLE;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Notes how the answer is to leave. */
static void effects_apply(struct broker_connection *connection, uint64_t now_ns) {
    const struct broker_effects *effects = &connection->request.effects;
    if (effects->delay_ms > 0) {
        connection->send_at_ns = now_ns + (uint64_t)effects->delay_ms * 1000000;
    }
    if (effects->throttle_ms > 0) {
        connection->read_from_ns = now_ns + (uint64_t)effects->throttle_ms * 1000000;
    }
}

/* True: go on. */
static bool request_serve(struct broker_connection *connection, size_t frame_size, uint64_t now_ns,
                          enum broker_run *run) {
    struct broker_request *request = &connection->request;
    request->frame = connection->input + connection->start + KAFKA_FRAME_PREFIX_SIZE;
    request->size = frame_size - KAFKA_FRAME_PREFIX_SIZE;
    enum broker_verdict verdict = broker_model_serve(
        &connection->cluster->model, connection->site->node, request, now_ns, &connection->output);
    *run = BROKER_RUN_IDLE;
    switch (verdict) {
    case BROKER_CLOSE:
        connection->ends_when_sent = true; /* older answers still leave */
        break;
    case BROKER_WAIT:
        deadline_set(connection, request->deadline_ns);
        cds_list_add_tail(&connection->of_waiting, &connection->cluster->waiting);
        return false;
    case BROKER_HELD:
        return false;
    case BROKER_MUTE:
        connection->mute = true;
        break;
    case BROKER_HALF:
        connection->ends_when_sent = true;
        effects_apply(connection, now_ns);
        break;
    case BROKER_ANSWERED:
    case BROKER_SILENT:
        effects_apply(connection, now_ns);
        break;
    }
    input_done(connection, frame_size);
    return true;
}

static void deadline_clear(struct broker_connection *connection) {
    connection->deadline_ns = RT_FOREVER;
    cds_list_del_init(&connection->of_timed);
    cds_list_del_init(&connection->of_waiting);
}

/* Its request waits or is held: what was answered before leaves, and its end is noticed. */
static enum broker_run run_parked(struct broker_connection *connection, uint64_t now_ns) {
    uint64_t deadline_ns = connection->deadline_ns;
    enum broker_run run = BROKER_RUN_IDLE;
    if (broker_output_size(&connection->output) > 0 && !output_send(connection, now_ns, &run) &&
        run == BROKER_RUN_END) {
        return run;
    }
    if (deadline_ns < connection->deadline_ns) {
        connection->deadline_ns = deadline_ns;
    }
    return connection->site->node->stalled ? BROKER_RUN_IDLE : input_watch(connection);
}

enum broker_run broker_connection_run(struct broker_connection *connection, uint64_t now_ns,
                                      uint32_t *budget) {
    const struct broker_node *node = connection->site->node;
    deadline_clear(connection);
    while (*budget > 0) {
        enum broker_run run = BROKER_RUN_IDLE;
        size_t frame_size = 0;
        if (node->stalled || !node->up) {
            return BROKER_RUN_IDLE;
        }
        if (output_must_leave(connection, now_ns) && !output_send(connection, now_ns, &run)) {
            return run == BROKER_RUN_IDLE && connection->mute ? input_watch(connection) : run;
        }
        if (connection->mute) {
            return input_watch(connection);
        }
        if (now_ns < connection->read_from_ns) {
            deadline_set(connection, connection->read_from_ns);
            return BROKER_RUN_IDLE;
        }
        switch (input_frame(connection, &frame_size)) {
        case KAFKA_FRAME_REFUSED:
            connection->site->node->counters.requests_bad++;
            return BROKER_RUN_END;
        case KAFKA_FRAME_PARTIAL:
            (*budget)--;
            if (!input_read_more(connection, frame_size, &run)) {
                return run;
            }
            break;
        case KAFKA_FRAME_WHOLE:
            (*budget)--;
            if (!request_serve(connection, frame_size, now_ns, &run)) {
                return run_parked(connection, now_ns);
            }
            break;
        }
    }
    return BROKER_RUN_AGAIN;
}
