/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Faults on command, on the bare model: what is hit, when, and what is left of the answer. */
#include "client.h"
#include "test.h"

static struct client client_of(uint32_t broker_count) {
    struct client client;
    client_init(&client, (sluice_broker_options){.broker_count = broker_count}, 2);
    return client;
}

static uint64_t hits(const struct client *client, uint64_t fault) {
    return broker_faults_find(&client->model.faults, fault)->hits;
}

static struct answered produce_next(struct client *client, int32_t partition) {
    return client_produce(client, partition, NO_PRODUCER);
}

Test(broker_faults, an_error_hits_the_batches_it_was_set_for) {
    struct client client = client_of(1);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = KAFKA_PRODUCE;
    fault.topic = "t";
    fault.partition = 1;
    fault.skip = 1;
    fault.count = 2;
    fault.error_code = SLUICE_BROKER_NOT_ENOUGH_REPLICAS;
    uint64_t id = broker_faults_add(&client.model.faults, &fault);
    int16_t expected[] = {0, SLUICE_BROKER_NOT_ENOUGH_REPLICAS, SLUICE_BROKER_NOT_ENOUGH_REPLICAS,
                          0};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(produce_next(&client, 0).error_code, SLUICE_OK);
        cr_expect_eq(produce_next(&client, 1).error_code, expected[i]);
    }
    cr_expect_eq(hits(&client, id), 2);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 4);
    cr_expect_eq(client_partition(&client, 1)->log.next_offset, 2);
    client_deinit(&client);
}

Test(broker_faults, an_error_may_come_after_the_append) {
    struct client client = client_of(1);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR_APPENDED);
    fault.error_code = SLUICE_BROKER_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    broker_faults_add(&client.model.faults, &fault);
    struct sample sample = {.count = 2, .producer_id = 7};
    struct answered answered = client_produce(&client, 0, sample);
    cr_expect_eq(answered.error_code, SLUICE_BROKER_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    cr_expect_eq(answered.base_offset, -1);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 2);
    cr_expect_eq(client_produce(&client, 0, sample).base_offset, 0); /* the duplicate */
    client_deinit(&client);
}

static enum broker_verdict verdict_under(struct client *client, sluice_broker_action action) {
    sluice_broker_fault fault = sluice_broker_fault_any(action);
    fault.delay_ms = 250;
    fault.api_key = KAFKA_PRODUCE;
    broker_faults_add(&client->model.faults, &fault);
    struct sample sample = NO_PRODUCER;
    struct made made = batch_make(sample);
    uint8_t frame[2048];
    size_t size = produce_frame(client, frame, sizeof frame, 0, -1, made.bytes, made.size);
    return client_serve(client, 1, frame, size);
}

Test(broker_faults, each_kind_of_cut_leaves_what_it_says) {
    struct client client = client_of(1);
    const struct broker_log *log = &client_partition(&client, 0)->log;
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_CUT_BEFORE), BROKER_CLOSE);
    cr_expect_eq(log->next_offset, 0);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_CUT_AFTER), BROKER_CLOSE);
    cr_expect_eq(broker_output_size(&client.output), 0);
    cr_expect_eq(log->next_offset, 1);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_COUNT), BROKER_ANSWERED);
    size_t whole = broker_output_size(&client.output);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_CUT_HALF), BROKER_HALF);
    cr_expect_eq(broker_output_size(&client.output), whole / 2);
    cr_expect_eq(log->next_offset, 3);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_DROP), BROKER_MUTE);
    cr_expect_eq(broker_output_size(&client.output), 0);
    cr_expect_eq(log->next_offset, 4);
    client_deinit(&client);
}

Test(broker_faults, delay_and_throttle_are_told_to_the_server) {
    struct client client = client_of(1);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_DELAY), BROKER_ANSWERED);
    cr_expect_eq(client.request.effects.delay_ms, 250);
    enum broker_verdict verdict = verdict_under(&client, SLUICE_FAULT_THROTTLE);
    cr_expect_eq(client.request.effects.throttle_ms, 250);
    cr_expect_eq(client_read_answer(&client, verdict).throttle_time_ms, 250);
    client_deinit(&client);
}

Test(broker_faults, answers_can_be_spoiled_in_three_ways) {
    struct client client = client_of(1);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_COUNT), BROKER_ANSWERED);
    size_t size = broker_output_size(&client.output);
    uint8_t good[256], *bad;
    memcpy(good, client.output.writer.start, size);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_WRONG_CORRELATION), BROKER_ANSWERED);
    bad = client.output.writer.start;
    cr_expect_arr_eq(bad, good, 4);
    cr_expect_neq(bad[4], good[4]);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_GARBAGE), BROKER_ANSWERED);
    bad = client.output.writer.start;
    cr_expect_eq(broker_output_size(&client.output), size);
    cr_expect_arr_eq(bad, good, 4);
    cr_expect_arr_neq(bad + 4, good + 4, size - 4);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_HUGE_FRAME), BROKER_ANSWERED);
    bad = client.output.writer.start;
    cr_expect_arr_eq(bad, "\x7f\xff\xff\xff", 4);
    client_deinit(&client);
}

Test(broker_faults, a_stalled_node_handles_the_request_when_it_resumes) {
    struct client client = client_of(1);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_STALL);
    uint64_t id = broker_faults_add(&client.model.faults, &fault);
    struct sample sample = NO_PRODUCER;
    struct made made = batch_make(sample);
    uint8_t frame[2048];
    size_t size = produce_frame(&client, frame, sizeof frame, 0, -1, made.bytes, made.size);
    cr_expect_eq(client_serve(&client, 1, frame, size), BROKER_HELD);
    cr_expect_eq(client_serve_again(&client, 1), BROKER_HELD);
    cr_expect(client.model.nodes[0].stalled && client.model.nodes_changed);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 0);
    client.model.nodes[0].stalled = false;
    cr_expect_eq(client_read_answer(&client, client_serve_again(&client, 1)).error_code, SLUICE_OK);
    cr_expect_eq(hits(&client, id), 1);
    client_deinit(&client);
}

Test(broker_faults, a_kill_comes_before_or_after_the_append_and_passes_the_leadership_on) {
    struct client client = client_of(2);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_KILL_AFTER), BROKER_CLOSE);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 1);
    cr_expect_eq(client_partition(&client, 0)->leader, 2);
    cr_expect_eq(client_partition(&client, 0)->leader_epoch, 1);
    cr_expect(client.model.nodes[0].cut && !client.model.nodes[0].up);
    broker_model_restart(&client.model, &client.model.nodes[0], SLUICE_BROKER_KEEP_ALL);
    broker_model_leader_move(&client.model, client_partition(&client, 0), 1);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_KILL_BEFORE), BROKER_CLOSE);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 1);
    cr_expect_eq(client_partition(&client, 0)->leader, 2);
    client_deinit(&client);
}

Test(broker_faults, a_leader_can_move_as_the_batch_arrives) {
    struct client client = client_of(3);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_MOVE_LEADER);
    fault.api_key = KAFKA_PRODUCE;
    fault.partition = 0;
    broker_faults_add(&client.model.faults, &fault);
    cr_expect_eq(produce_next(&client, 1).error_code, SLUICE_OK);
    struct answered answered = produce_next(&client, 0);
    cr_expect_eq(answered.error_code, SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER);
    cr_expect_eq(answered.leader_id, 2);
    cr_expect_eq(answered.leader_epoch, 1);
    cr_expect_eq(produce_next(&client, 0).error_code, SLUICE_OK);
    client_deinit(&client);
}

Test(broker_faults, several_faults_count_and_act_together) {
    struct client client = client_of(1);
    sluice_broker_fault count = sluice_broker_fault_any(SLUICE_FAULT_COUNT);
    count.count = 0;
    count.node = 1;
    sluice_broker_fault nowhere = count;
    nowhere.topic = "other";
    sluice_broker_fault elsewhere = count;
    elsewhere.node = 2;
    uint64_t all = broker_faults_add(&client.model.faults, &count);
    uint64_t none = broker_faults_add(&client.model.faults, &nowhere);
    uint64_t other_node = broker_faults_add(&client.model.faults, &elsewhere);
    cr_expect_eq(verdict_under(&client, SLUICE_FAULT_DELAY), BROKER_ANSWERED);
    cr_expect_eq(produce_next(&client, 1).error_code, SLUICE_OK);
    cr_expect_eq(hits(&client, all), 2);
    cr_expect_eq(hits(&client, none), 0);
    cr_expect_eq(hits(&client, other_node), 0);
    cr_expect_eq(client.model.nodes[0].counters.faults, 1);
    cr_expect(broker_faults_remove(&client.model.faults, none));
    cr_expect_not(broker_faults_remove(&client.model.faults, none));
    cr_expect_null(broker_faults_find(&client.model.faults, none));
    client_deinit(&client);
}
