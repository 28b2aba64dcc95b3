/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A leader that was behind: what it lost, and what it still knows of producers. */
#include "client.h"
#include "test.h"

static struct sample of(int32_t sequence) {
    return (struct sample){.count = 2, .producer_id = 7, .epoch = 0, .sequence = sequence};
}

static struct answered produce_with(struct client *client, int16_t acks, struct sample sample) {
    struct made made = batch_make(sample);
    return client_produce_bytes(client, client_partition(client, 0)->leader, 0, acks, made.bytes,
                                made.size);
}

static void elect(struct client *client) {
    struct broker_partition *partition = client_partition(client, 0);
    cr_assert(broker_model_elect(&client->model, partition, partition->leader == 1 ? 2 : 1));
}

static struct client client_of(sluice_broker_first_sequence rule) {
    struct client client;
    client_init(&client, (sluice_broker_options){.broker_count = 2, .first_sequence = rule}, 1);
    return client;
}

Test(broker_elections, keep_what_all_replicas_have_and_lose_the_rest) {
    struct client client = client_of(0);
    cr_expect_eq(client_produce(&client, 0, of(0)).base_offset, 0);
    cr_expect_eq(produce_with(&client, 1, of(2)).base_offset, 2);
    cr_expect_eq(produce_with(&client, 1, of(4)).base_offset, 4);
    elect(&client);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 2);
    cr_expect_eq(client_partition(&client, 0)->log.count, 1);
    client_deinit(&client);
}

Test(broker_elections, keep_what_lies_before_a_batch_that_all_have) {
    struct client client = client_of(0);
    cr_expect_eq(produce_with(&client, 1, of(0)).base_offset, 0);
    cr_expect_eq(client_produce(&client, 0, of(2)).base_offset, 2);
    elect(&client);
    cr_expect_eq(client_partition(&client, 0)->log.next_offset, 4);
    client_deinit(&client);
}

Test(broker_elections, go_on_with_the_sequence_that_the_log_holds) {
    struct client client = client_of(0);
    for (int32_t i = 0; i < 3; i++) {
        client_produce(&client, 0, of(2 * i));
    }
    produce_with(&client, 1, of(6));
    produce_with(&client, 1, of(8));
    elect(&client);
    cr_expect_eq(client_produce(&client, 0, of(8)).error_code,
                 SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    cr_expect_eq(client_produce(&client, 0, of(2)).base_offset, 2, "still known as a duplicate");
    cr_expect_eq(client_produce(&client, 0, of(6)).base_offset, 6);
    client_deinit(&client);
}

Test(broker_elections, that_leave_nothing_ask_for_sequence_0_from_4_5_on) {
    struct client client = client_of(SLUICE_BROKER_FIRST_SEQUENCE_4_5);
    produce_with(&client, 1, of(0));
    elect(&client);
    cr_expect_eq(client_produce(&client, 0, of(2)).error_code,
                 SLUICE_BROKER_OUT_OF_ORDER_SEQUENCE_NUMBER);
    cr_expect_eq(client_produce(&client, 0, of(0)).base_offset, 0);
    client_deinit(&client);
}
