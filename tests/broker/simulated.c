/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server in the simulator: time is virtual, every run of a seed is the same. */
#include "broker/cluster.h"
#include "client.h"
#include "runtime/sim.h"
#include "test.h"
#include "visitor.h"

#define MS UINT64_C(1000000)

struct place {
    struct rt_world *world;
    struct broker_cluster *cluster;
    struct rt_address addresses[3];
    struct client client; /* makes frames; its model is not served */
    bool gone;
};

static void place_gone(void *context) {
    ((struct place *)context)->gone = true;
}

/* `segment_bytes_max` 0: what was sent together comes together. */
static void place_open_cut(struct place *place, uint64_t seed, uint32_t broker_count,
                           uint32_t segment_bytes_max) {
    struct rt_sim_options options = {.seed = seed,
                                     .delay_min_ns = MS / 10,
                                     .delay_max_ns = MS / 2,
                                     .segment_bytes_max = segment_bytes_max,
                                     .budget_max = 4};
    struct broker_listen listen[3] = {{{{0}, 0, 0}, NULL}};
    place->world = rt_sim_create(&options);
    place->gone = false;
    for (uint8_t i = 0; i < broker_count; i++) {
        place->addresses[i] =
            (struct rt_address){.ip = {10, 0, 0, (uint8_t)(i + 1)}, .port = 9092, .family = 4};
        listen[i].address = place->addresses[i];
    }
    sluice_broker_options broker_options = {.broker_count = broker_count};
    place->cluster = broker_cluster_create(place->world, &broker_options, listen);
    cr_assert_not_null(place->cluster);
    cr_assert_eq(broker_cluster_topic_create(place->cluster, "t", 2), SLUICE_OK);
    client_init(&place->client, broker_options, 2);
    rt_sim_settle(place->world);
}

static void place_open(struct place *place, uint64_t seed, uint32_t broker_count) {
    place_open_cut(place, seed, broker_count, 64);
}

static void run_for(struct place *place, uint64_t ms) {
    rt_sim_run_until(place->world, rt_now(place->world) + ms * MS);
}

static void place_close(struct place *place) {
    broker_cluster_stop(place->cluster, place_gone, place);
    run_for(place, 1000);
    cr_expect(place->gone);
    client_deinit(&place->client);
    rt_world_destroy(place->world);
}

static struct visitor *visit(struct place *place, uint32_t node) {
    struct visitor *visitor = calloc(1, sizeof *visitor);
    visitor_start(visitor, place->world, &place->addresses[node - 1]);
    run_for(place, 5);
    return visitor;
}

static void leave(struct place *place, struct visitor *visitor) {
    visitor_leave(visitor);
    run_for(place, 100);
    cr_assert(visitor->gone);
    free(visitor);
}

static void send_batch(struct place *place, struct visitor *visitor, struct sample sample) {
    uint8_t frame[20000];
    struct made made = batch_make(sample);
    size_t size = produce_frame(&place->client, frame, sizeof frame, 0, -1, made.bytes, made.size);
    visitor_send(visitor, frame, size);
}

/* Fetch of "t" partition 0 from `offset`, waiting up to half a second for one byte. */
static void send_fetch(struct visitor *visitor, int64_t offset) {
    uint8_t frame[256];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_request_header header = {KAFKA_FETCH, 4, 1, kafka_text_of("test")};
    size_t frame_at = kafka_frame_begin(&writer);
    kafka_request_header_encode(&writer, &header);
    kafka_write_int32(&writer, -1);
    kafka_write_int32(&writer, 500);
    kafka_write_int32(&writer, 1);
    kafka_write_int32(&writer, 1 << 20);
    kafka_write_int8(&writer, 0);
    kafka_write_int32(&writer, 1);
    kafka_write_text(&writer, kafka_text_of("t"), false);
    kafka_write_int32(&writer, 1);
    kafka_write_int32(&writer, 0);
    kafka_write_int64(&writer, offset);
    kafka_write_int32(&writer, 1 << 20);
    kafka_frame_end(&writer, frame_at, 0);
    visitor_send(visitor, frame, kafka_writer_size(&writer));
}

static uint64_t set_fault(struct place *place, sluice_broker_action action, uint32_t delay_ms) {
    sluice_broker_fault fault = sluice_broker_fault_any(action);
    fault.delay_ms = delay_ms;
    return broker_cluster_fault_add(place->cluster, &fault);
}

static uint64_t hits(struct place *place, uint64_t fault) {
    uint64_t count = 0;
    cr_expect(broker_cluster_fault_hits(place->cluster, fault, &count));
    return count;
}

Test(broker_simulated, pipelined_requests_are_answered_in_order) {
    struct place place;
    place_open(&place, 1, 1);
    struct visitor *visitor = visit(&place, 1);
    for (int i = 0; i < 20; i++) {
        send_batch(&place, visitor,
                   (struct sample){.count = 2, .producer_id = 7, .sequence = i * 2});
    }
    run_for(&place, 2000);
    cr_expect_eq(visitor_frames(visitor), 20);
    cr_expect_eq(broker_cluster_high_watermark(place.cluster, "t", 0), 40);
    int32_t expected = 1;
    for (size_t at = 0; at < visitor->in_size; expected++) {
        struct kafka_reader reader = kafka_reader_of(visitor->in + at, visitor->in_size - at);
        int32_t size = kafka_read_int32(&reader);
        cr_expect_eq(kafka_read_int32(&reader), expected);
        at += 4 + (size_t)size;
    }
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_delayed_answer_comes_so_much_later) {
    struct place place;
    place_open(&place, 2, 1);
    struct visitor *visitor = visit(&place, 1);
    uint64_t fault = set_fault(&place, SLUICE_FAULT_DELAY, 300);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 250);
    cr_expect_eq(hits(&place, fault), 1);
    cr_expect_eq(broker_cluster_high_watermark(place.cluster, "t", 0), 1);
    cr_expect_eq(visitor_frames(visitor), 0);
    run_for(&place, 100);
    cr_expect_eq(visitor_frames(visitor), 1);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_delay_does_not_touch_answers_of_older_requests) {
    struct place place;
    place_open_cut(&place, 14, 1, 0);
    struct visitor *visitor = visit(&place, 1);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_DELAY);
    fault.delay_ms = 300;
    fault.skip = 2;
    cr_expect_neq(broker_cluster_fault_add(place.cluster, &fault), 0);
    cr_expect_eq(broker_cluster_stall(place.cluster, 1, true), SLUICE_OK);
    for (int i = 0; i < 4; i++) {
        send_batch(&place, visitor, NO_PRODUCER);
    }
    run_for(&place, 100);
    cr_expect_eq(broker_cluster_stall(place.cluster, 1, false), SLUICE_OK);
    run_for(&place, 200);
    cr_expect_eq(visitor_frames(visitor), 2);
    run_for(&place, 200);
    cr_expect_eq(visitor_frames(visitor), 4);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_throttled_connection_is_not_read_for_so_long) {
    struct place place;
    place_open(&place, 3, 1);
    struct visitor *visitor = visit(&place, 1);
    set_fault(&place, SLUICE_FAULT_THROTTLE, 300);
    send_batch(&place, visitor, NO_PRODUCER);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 250);
    cr_expect_eq(visitor_frames(visitor), 1);
    cr_expect_eq(broker_cluster_high_watermark(place.cluster, "t", 0), 1);
    run_for(&place, 100);
    cr_expect_eq(visitor_frames(visitor), 2);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_killed_broker_hangs_up_and_can_be_restarted_at_its_place) {
    struct place place;
    place_open(&place, 4, 1);
    struct visitor *visitor = visit(&place, 1);
    cr_expect_eq(broker_cluster_kill(place.cluster, 1), SLUICE_OK);
    cr_expect_eq(broker_cluster_kill(place.cluster, 1), SLUICE_INVALID_ARGUMENT);
    run_for(&place, 10);
    cr_expect(visitor->connected && visitor->ended);
    leave(&place, visitor);
    visitor = visit(&place, 1);
    cr_expect(!visitor->connected && visitor->ended);
    leave(&place, visitor);
    cr_expect_eq(broker_cluster_restart(place.cluster, 1, SLUICE_BROKER_KEEP_LAST), SLUICE_OK);
    rt_sim_settle(place.world);
    visitor = visit(&place, 1);
    cr_expect(visitor->connected && !visitor->ended);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 100);
    cr_expect_eq(visitor_frames(visitor), 1);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_kill_and_restart_between_two_steps_still_cuts) {
    struct place place;
    place_open(&place, 5, 1);
    struct visitor *visitor = visit(&place, 1);
    cr_expect_eq(broker_cluster_kill(place.cluster, 1), SLUICE_OK);
    cr_expect_eq(broker_cluster_restart(place.cluster, 1, SLUICE_BROKER_KEEP_ALL), SLUICE_OK);
    run_for(&place, 10);
    cr_expect(visitor->ended);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_stalled_broker_is_silent_until_it_resumes) {
    struct place place;
    place_open(&place, 6, 1);
    struct visitor *early = visit(&place, 1);
    cr_expect_eq(broker_cluster_stall(place.cluster, 1, true), SLUICE_OK);
    struct visitor *late = visit(&place, 1);
    send_batch(&place, early, NO_PRODUCER);
    send_batch(&place, late, NO_PRODUCER);
    run_for(&place, 5000);
    cr_expect(early->connected && !early->ended && late->connected && !late->ended);
    cr_expect_eq(visitor_frames(early) + visitor_frames(late), 0);
    cr_expect_eq(broker_cluster_high_watermark(place.cluster, "t", 0), 0);
    cr_expect_eq(broker_cluster_stall(place.cluster, 1, false), SLUICE_OK);
    run_for(&place, 100);
    cr_expect_eq(visitor_frames(early), 1);
    cr_expect_eq(visitor_frames(late), 1);
    leave(&place, early);
    leave(&place, late);
    place_close(&place);
}

Test(broker_simulated, refusing_closes_the_door_and_nothing_else) {
    struct place place;
    place_open(&place, 7, 1);
    struct visitor *visitor = visit(&place, 1);
    cr_expect_eq(broker_cluster_refuse(place.cluster, 1, true), SLUICE_OK);
    rt_sim_settle(place.world);
    struct visitor *late = visit(&place, 1);
    cr_expect(late->ended && !late->connected);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 100);
    cr_expect_eq(visitor_frames(visitor), 1);
    cr_expect_eq(broker_cluster_refuse(place.cluster, 1, false), SLUICE_OK);
    leave(&place, late);
    late = visit(&place, 1);
    cr_expect(late->connected);
    leave(&place, late);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_dropped_answer_leaves_the_connection_mute) {
    struct place place;
    place_open(&place, 8, 1);
    struct visitor *visitor = visit(&place, 1);
    set_fault(&place, SLUICE_FAULT_DROP, 0);
    send_batch(&place, visitor, NO_PRODUCER);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 60000);
    cr_expect(!visitor->ended);
    cr_expect_eq(visitor_frames(visitor), 0);
    cr_expect_eq(broker_cluster_high_watermark(place.cluster, "t", 0), 1);
    leave(&place, visitor);
    sluice_broker_counters counters;
    broker_cluster_count_all(place.cluster, SLUICE_BROKER_ANY, &counters);
    cr_expect_eq(counters.connections_open, 0);
    place_close(&place);
}

Test(broker_simulated, half_an_answer_leaves_before_the_cut) {
    struct place place;
    place_open(&place, 9, 1);
    struct visitor *visitor = visit(&place, 1);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 100);
    size_t whole = visitor->in_size;
    set_fault(&place, SLUICE_FAULT_CUT_HALF, 0);
    send_batch(&place, visitor, NO_PRODUCER);
    run_for(&place, 100);
    cr_expect_eq(visitor->in_size, whole + whole / 2);
    cr_expect(visitor->ended);
    cr_expect_eq(broker_cluster_high_watermark(place.cluster, "t", 0), 2);
    leave(&place, visitor);
    place_close(&place);
}

Test(broker_simulated, a_fetch_that_waits_is_woken_by_what_it_waits_for) {
    struct place place;
    place_open(&place, 10, 1);
    struct visitor *reader = visit(&place, 1), *writer = visit(&place, 1);
    send_fetch(reader, 0);
    run_for(&place, 200);
    cr_expect_eq(visitor_frames(reader), 0);
    send_batch(&place, writer, NO_PRODUCER);
    run_for(&place, 100);
    cr_expect_eq(visitor_frames(reader), 1);
    send_fetch(reader, 1);
    uint64_t asked_ns = rt_now(place.world);
    run_for(&place, 1000);
    cr_expect_eq(visitor_frames(reader), 2);
    cr_expect_geq(reader->in_ns, asked_ns + 500 * MS);
    cr_expect_leq(reader->in_ns, asked_ns + 510 * MS);
    send_fetch(reader, 1);
    run_for(&place, 10);
    leave(&place, reader); /* while it waits */
    leave(&place, writer);
    place_close(&place);
}

Test(broker_simulated, nobody_is_woken_while_nothing_happens) {
    struct place place;
    place_open(&place, 11, 3);
    struct visitor *visitor = visit(&place, 2);
    run_for(&place, 1000);
    uint64_t events = rt_sim_events(place.world);
    run_for(&place, 3600 * 1000);
    cr_expect_eq(rt_sim_events(place.world), events);
    leave(&place, visitor);
    place_close(&place);
}

static uint64_t trace_of(uint64_t seed) {
    struct place place;
    struct visitor *visitors[40];
    place_open(&place, seed, 3);
    set_fault(&place, SLUICE_FAULT_CUT_AFTER, 0);
    for (uint32_t i = 0; i < 40; i++) {
        visitors[i] = visit(&place, 1 + i % 3);
        send_batch(&place, visitors[i], NO_PRODUCER);
    }
    run_for(&place, 500);
    unsigned answered = 0, ended = 0;
    for (uint32_t i = 0; i < 40; i++) {
        answered += visitor_frames(visitors[i]);
        ended += visitors[i]->ended;
        leave(&place, visitors[i]);
    }
    cr_expect_eq(answered, 39);
    cr_expect_eq(ended, 1);
    uint64_t hash = rt_sim_trace_hash(place.world);
    place_close(&place);
    return hash;
}

Test(broker_simulated, more_connections_than_marks_are_served_and_a_seed_repeats_itself) {
    uint64_t first = trace_of(12);
    cr_expect_eq(trace_of(12), first);
    cr_expect_neq(trace_of(13), first);
}

Test(broker_simulated, a_broker_stops_while_requests_are_under_way) {
    for (uint64_t seed = 100; seed < 130; seed++) {
        struct place place;
        place_open(&place, seed, 2);
        struct visitor *one = visit(&place, 1), *two = visit(&place, 2);
        send_batch(&place, one, (struct sample){.count = 100, .producer_id = -1});
        send_fetch(two, 0);
        for (uint64_t steps = rt_sim_choose(place.world, 200); steps > 0; steps--) {
            (void)rt_sim_step(place.world);
        }
        broker_cluster_stop(place.cluster, place_gone, &place);
        run_for(&place, 1000);
        cr_expect(place.gone && one->ended && two->ended);
        leave(&place, one);
        leave(&place, two);
        client_deinit(&place.client);
        rt_world_destroy(place.world);
    }
}
