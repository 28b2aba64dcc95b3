/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The idempotent producer's rules, one by one, through whole Produce requests. */
#include "client.h"
#include "test.h"

static struct sample of(int64_t producer_id, int16_t epoch, int32_t sequence, int32_t count) {
    return (struct sample){
        .count = count, .producer_id = producer_id, .epoch = epoch, .sequence = sequence};
}

#define EXPECT_OFFSET(client, sample, offset)                                                      \
    do {                                                                                           \
        struct answered answered_ = client_produce(client, 0, sample);                             \
        cr_expect_eq(answered_.error_code, SLUICE_OK);                                             \
        cr_expect_eq(answered_.base_offset, offset);                                               \
    } while (0)
#define EXPECT_ERROR(client, sample, error)                                                        \
    do {                                                                                           \
        struct answered answered_ = client_produce(client, 0, sample);                             \
        cr_expect_eq(answered_.error_code, error);                                                 \
        cr_expect_eq(answered_.base_offset, -1);                                                   \
    } while (0)

static struct client client_of(sluice_broker_first_sequence rule) {
    struct client client;
    client_init(&client, (sluice_broker_options){.first_sequence = rule}, 2);
    return client;
}

Test(broker_sequences, batches_that_follow_each_other_are_appended) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 3), 0);
    EXPECT_OFFSET(&client, of(7, 0, 3, 2), 3);
    EXPECT_OFFSET(&client, of(7, 0, 5, 1), 5);
    client_deinit(&client);
}

Test(broker_sequences, each_of_the_last_five_is_answered_with_its_first_offset) {
    struct client client = client_of(0);
    for (int32_t i = 0; i < 6; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i * 2, 2), i * 2);
    }
    for (int32_t i = 1; i < 6; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i * 2, 2), i * 2);
    }
    EXPECT_ERROR(&client, of(7, 0, 0, 2), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 12);
    cr_expect_eq(client.model.nodes[0].counters.duplicates, 5);
    cr_expect_eq(client.model.nodes[0].counters.batches, 6);
    client_deinit(&client);
}

Test(broker_sequences, a_batch_cut_differently_is_no_duplicate) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 3), 0);
    EXPECT_ERROR(&client, of(7, 0, 0, 2), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_ERROR(&client, of(7, 0, 1, 2), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    client_deinit(&client);
}

Test(broker_sequences, a_gap_is_out_of_order) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 1), 0);
    EXPECT_ERROR(&client, of(7, 0, 2, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_OFFSET(&client, of(7, 0, 1, 1), 1);
    client_deinit(&client);
}

Test(broker_sequences, an_older_epoch_is_refused) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 3, 0, 1), 0);
    EXPECT_ERROR(&client, of(7, 2, 1, 1), SLUICE_BROKER_INVALID_PRODUCER_EPOCH);
    EXPECT_ERROR(&client, of(7, 2, 0, 1), SLUICE_BROKER_INVALID_PRODUCER_EPOCH);
    client_deinit(&client);
}

Test(broker_sequences, a_newer_epoch_must_begin_with_zero) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 1), 0);
    EXPECT_ERROR(&client, of(7, 1, 1, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_OFFSET(&client, of(7, 1, 0, 1), 1);
    EXPECT_OFFSET(&client, of(7, 1, 0, 1), 1);
    EXPECT_ERROR(&client, of(7, 0, 1, 1), SLUICE_BROKER_INVALID_PRODUCER_EPOCH);
    client_deinit(&client);
}

Test(broker_sequences, a_new_epoch_forgets_the_batches_of_the_old_one) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 1), 0);
    EXPECT_OFFSET(&client, of(7, 1, 0, 2), 1);
    EXPECT_ERROR(&client, of(7, 0, 0, 1), SLUICE_BROKER_INVALID_PRODUCER_EPOCH);
    client_deinit(&client);
}

Test(broker_sequences, zero_follows_the_highest_sequence) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, INT32_MAX - 1, 2), 0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 2), 2);
    EXPECT_OFFSET(&client, of(7, 0, 2, 1), 4);
    EXPECT_OFFSET(&client, of(7, 0, INT32_MAX - 1, 2), 0);
    client_deinit(&client);
}

Test(broker_sequences, a_batch_may_hold_the_wrap) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, INT32_MAX, 3), 0);
    EXPECT_ERROR(&client, of(7, 0, 3, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_OFFSET(&client, of(7, 0, 2, 1), 3);
    client_deinit(&client);
}

Test(broker_sequences, an_unknown_producer_may_begin_anywhere_before_4_5) {
    for (int rule = 0; rule < 2; rule++) {
        struct client client = client_of((sluice_broker_first_sequence)rule);
        EXPECT_OFFSET(&client, of(7, 0, 17, 1), 0);
        EXPECT_OFFSET(&client, of(7, 0, 18, 1), 1);
        client_deinit(&client);
    }
}

Test(broker_sequences, from_4_5_on_a_partition_never_written_wants_zero) {
    struct client client = client_of(SLUICE_BROKER_FIRST_SEQUENCE_4_5);
    EXPECT_ERROR(&client, of(7, 0, 17, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_OFFSET(&client, of(8, 0, 0, 1), 0);
    EXPECT_OFFSET(&client, of(7, 0, 17, 1), 1); /* a record was written: anything goes */
    client_deinit(&client);
}

Test(broker_sequences, state_is_kept_by_partition_and_by_producer) {
    struct client client = client_of(0);
    EXPECT_OFFSET(&client, of(7, 0, 0, 1), 0);
    EXPECT_OFFSET(&client, of(8, 5, 0, 1), 1);
    cr_expect_eq(client_produce(&client, 1, of(7, 2, 0, 1)).error_code, SLUICE_OK);
    EXPECT_OFFSET(&client, of(7, 0, 1, 1), 2);
    EXPECT_OFFSET(&client, of(8, 5, 1, 1), 3);
    client_deinit(&client);
}

/* ---- restarts -------------------------------------------------------------------------------- */

static struct client restarted_after(int32_t batches, sluice_broker_keep keep) {
    struct client client = client_of(0);
    for (int32_t i = 0; i < batches; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i, 1), i);
    }
    broker_model_kill(&client.model, &client.model.nodes[0]);
    cr_expect_eq(client_partition(&client, 0)->leader, 0);
    broker_model_restart(&client.model, &client.model.nodes[0], keep);
    cr_expect_eq(client_partition(&client, 0)->leader, 1);
    return client;
}

Test(broker_sequences, a_restarted_broker_knows_the_last_batch_only) {
    struct client client = restarted_after(5, SLUICE_BROKER_KEEP_LAST);
    EXPECT_ERROR(&client, of(7, 0, 0, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_ERROR(&client, of(7, 0, 1, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_ERROR(&client, of(7, 0, 3, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_OFFSET(&client, of(7, 0, 4, 1), 4);
    for (int32_t i = 5; i < 9; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i, 1), i);
    }
    for (int32_t i = 4; i < 9; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i, 1), i);
    }
    client_deinit(&client);
}

Test(broker_sequences, a_restarted_broker_may_know_all_five) {
    struct client client = restarted_after(6, SLUICE_BROKER_KEEP_ALL);
    EXPECT_ERROR(&client, of(7, 0, 0, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (int32_t i = 1; i < 6; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i, 1), i);
    }
    client_deinit(&client);
}

Test(broker_sequences, a_restarted_broker_may_know_nothing) {
    struct client client = restarted_after(5, SLUICE_BROKER_KEEP_NONE);
    EXPECT_OFFSET(&client, of(7, 0, 2, 1), 5); /* doubled: nobody knows it any more */
    EXPECT_OFFSET(&client, of(7, 0, 3, 1), 6);
    EXPECT_OFFSET(&client, of(7, 0, 2, 1), 5);
    EXPECT_ERROR(&client, of(7, 0, 1, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    client_deinit(&client);
}

Test(broker_sequences, what_a_restart_lost_does_not_come_back_with_the_next) {
    struct client client = restarted_after(5, SLUICE_BROKER_KEEP_NONE);
    broker_model_kill(&client.model, &client.model.nodes[0]);
    broker_model_restart(&client.model, &client.model.nodes[0], SLUICE_BROKER_KEEP_ALL);
    EXPECT_OFFSET(&client, of(7, 0, 3, 1), 5);
    client_deinit(&client);
}

Test(broker_sequences, a_replica_that_took_over_still_knows_all_five) {
    struct client client;
    client_init(&client, (sluice_broker_options){.broker_count = 2}, 1);
    for (int32_t i = 0; i < 5; i++) {
        EXPECT_OFFSET(&client, of(7, 0, i, 1), i);
    }
    broker_model_kill(&client.model, &client.model.nodes[0]);
    cr_expect_eq(client_partition(&client, 0)->leader, 2);
    EXPECT_OFFSET(&client, of(7, 0, 0, 1), 0);
    EXPECT_OFFSET(&client, of(7, 0, 5, 1), 5);
    broker_model_restart(&client.model, &client.model.nodes[0], SLUICE_BROKER_KEEP_LAST);
    cr_expect_eq(client_partition(&client, 0)->leader, 2);
    EXPECT_OFFSET(&client, of(7, 0, 1, 1), 1);
    broker_model_leader_move(&client.model, client_partition(&client, 0), 1);
    EXPECT_ERROR(&client, of(7, 0, 4, 1), SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_OFFSET(&client, of(7, 0, 5, 1), 5);
    EXPECT_OFFSET(&client, of(7, 0, 6, 1), 6);
    client_deinit(&client);
}
