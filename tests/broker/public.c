/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public broker over TCP: its own worker, calls from other threads, kcat as a stranger. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client.h"
#include "test.h"

enum { WAIT_MS = 20000 };

static int tcp_open(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {WAIT_MS / 1000, 0};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_geq(descriptor, 0);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* A Produce request of one record to "t" partition 0. */
static void tcp_send_batch(int descriptor) {
    struct client client;
    struct sample sample = NO_PRODUCER;
    struct made made = batch_make(sample);
    uint8_t frame[2048];
    client_init(&client, (sluice_broker_options){0}, 1);
    size_t size = produce_frame(&client, frame, sizeof frame, 0, -1, made.bytes, made.size);
    cr_assert_eq(send(descriptor, frame, size, MSG_NOSIGNAL), (ssize_t)size);
    client_deinit(&client);
}

/* True when a whole frame came, false when the connection ended. */
static bool tcp_receive(int descriptor) {
    uint8_t length[4], body[4096];
    if (recv(descriptor, length, 4, MSG_WAITALL) != 4) {
        return false;
    }
    struct kafka_reader reader = kafka_reader_of(length, 4);
    size_t size = (size_t)kafka_read_int32(&reader);
    cr_assert_leq(size, sizeof body);
    return recv(descriptor, body, size, MSG_WAITALL) == (ssize_t)size;
}

static sluice_broker *open_with_topic(sluice_broker_options options) {
    sluice_error error = {0};
    sluice_broker *broker = sluice_broker_create(&options, &error);
    cr_assert_not_null(broker, "%s", error.text);
    cr_assert_eq(sluice_broker_topic_create(broker, "t", 2), SLUICE_OK);
    return broker;
}

Test(broker_public, every_node_has_a_port_and_stands_in_the_bootstrap) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){.broker_count = 3});
    char expected[128];
    (void)snprintf(expected, sizeof expected, "127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u",
                   sluice_broker_port(broker, 1), sluice_broker_port(broker, 2),
                   sluice_broker_port(broker, 3));
    cr_expect_eq(sluice_broker_count(broker), 3);
    cr_expect_str_eq(sluice_broker_bootstrap(broker), expected);
    cr_expect_eq(sluice_broker_port(broker, 0), 0);
    cr_expect_eq(sluice_broker_port(broker, 4), 0);
    sluice_broker_destroy(broker);
    sluice_broker_destroy(NULL);
}

Test(broker_public, a_taken_port_is_named_in_the_error) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    sluice_broker_options options = {.port = sluice_broker_port(broker, 1)};
    sluice_error error = {0};
    cr_expect_null(sluice_broker_create(&options, &error));
    cr_expect_eq(error.code, SLUICE_NO_RESOURCES);
    char port[16];
    (void)snprintf(port, sizeof port, "%u", options.port);
    cr_expect_not_null(strstr(error.text, port), "%s", error.text);
    sluice_broker_destroy(broker);
}

Test(broker_public, options_out_of_range_are_refused) {
    sluice_broker_options wrong[] = {{.broker_count = 1001},
                                     {.port = 65535, .broker_count = 2},
                                     {.address = "localhost"},
                                     {.partition_count = 1000000}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sluice_error error = {0};
        cr_expect_null(sluice_broker_create(&wrong[i], &error));
        cr_expect_eq(error.code, SLUICE_INVALID_ARGUMENT);
    }
}

Test(broker_public, topics_are_made_grown_and_deleted) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){.broker_count = 2});
    cr_expect_eq(sluice_broker_topic_create(broker, "t", 1), SLUICE_BROKER_TOPIC_ALREADY_EXISTS);
    cr_expect_eq(sluice_broker_topic_create(broker, "..", 1),
                 SLUICE_BROKER_INVALID_TOPIC_EXCEPTION);
    cr_expect_eq(sluice_broker_topic_create(broker, "u", 0), SLUICE_BROKER_INVALID_PARTITIONS);
    cr_expect_eq(sluice_broker_topic_grow(broker, "t", 2), SLUICE_BROKER_INVALID_PARTITIONS);
    cr_expect_eq(sluice_broker_topic_grow(broker, "t", 5), SLUICE_OK);
    cr_expect_eq(sluice_broker_partition_count(broker, "t"), 5);
    cr_expect_eq(sluice_broker_leader(broker, "t", 4), 1);
    cr_expect_eq(sluice_broker_leader_move(broker, "t", 4, 2), SLUICE_OK);
    cr_expect_eq(sluice_broker_leader_move(broker, "t", 4, 3), SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_leader(broker, "t", 4), 2);
    cr_expect_eq(sluice_broker_topic_limit(broker, "u", 5),
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(sluice_broker_topic_keys(broker, "u", true),
                 SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(sluice_broker_topic_keys(broker, "t", true), SLUICE_OK);
    cr_expect_eq(sluice_broker_topic_delete(broker, "t"), SLUICE_OK);
    cr_expect_eq(sluice_broker_topic_delete(broker, "t"), SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(sluice_broker_partition_count(broker, "t"), 0);
    cr_expect_eq(sluice_broker_high_watermark(broker, "t", 0), -1);
    sluice_broker_destroy(broker);
}

static bool check_record(const sluice_broker_record *record, void *context) {
    int64_t *next = context;
    cr_expect_eq(record->offset, *next);
    cr_expect_eq(record->timestamp_ms, 1700000000);
    cr_expect_eq(record->key_size, 5);
    cr_expect_arr_eq((const char *)record->key, "key-0", 5);
    cr_expect_eq(record->value_size, 7);
    cr_expect_arr_eq((const char *)record->value, "value-0", 7);
    cr_assert_eq(record->header_count, 1);
    cr_expect_arr_eq(record->headers[0].name, "name", 4);
    cr_expect_eq(record->producer_id, -1);
    cr_expect_eq(record->sequence, -1);
    return ++*next < 3;
}

Test(broker_public, what_was_written_is_read_back_and_counted) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){0});
    int descriptor = tcp_open(sluice_broker_port(broker, 1));
    for (int i = 0; i < 4; i++) {
        tcp_send_batch(descriptor);
        cr_assert(tcp_receive(descriptor));
    }
    int64_t next = 1;
    cr_expect_eq(sluice_broker_read(broker, "t", 0, 1, check_record, &next), 2);
    cr_expect_eq(next, 3);
    cr_expect_eq(sluice_broker_read(broker, "t", 0, 4, check_record, &next), 0);
    cr_expect_eq(sluice_broker_read(broker, "t", 2, 0, check_record, &next), -1);
    cr_expect_eq(sluice_broker_high_watermark(broker, "t", 0), 4);
    sluice_broker_counters counters;
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    cr_expect_eq(counters.requests[0], 4);
    cr_expect_eq(counters.records, 4);
    cr_expect_eq(counters.connections, 1);
    cr_expect_eq(counters.connections_open, 1);
    cr_expect_gt(counters.bytes_in, counters.batch_bytes);
    sluice_broker_count_all(broker, 2, &counters);
    cr_expect_eq(counters.records, 0);
    sluice_broker_destroy(broker); /* with the connection still open */
    cr_expect_not(tcp_receive(descriptor));
    close(descriptor);
}

static void *send_one(void *context) {
    int descriptor = *(int *)context;
    tcp_send_batch(descriptor);
    return NULL;
}

Test(broker_public, barriers_are_passed_when_it_happened_and_not_before) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){0});
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_DROP);
    uint64_t id = sluice_broker_fault_add(broker, &fault);
    int descriptor = tcp_open(sluice_broker_port(broker, 1));
    cr_expect_not(sluice_broker_fault_wait(broker, id, 1, 0));
    cr_expect_not(sluice_broker_fault_wait(broker, id, 1, 1));
    cr_expect_not(sluice_broker_wait_records(broker, "t", 0, 1, 0));
    cr_expect_not(sluice_broker_wait_records(broker, "none yet", -1, 1, 0));
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, send_one, &descriptor), 0);
    cr_expect(sluice_broker_fault_wait(broker, id, 1, WAIT_MS));
    cr_expect(sluice_broker_wait_records(broker, "t", -1, 1, WAIT_MS));
    pthread_join(thread, NULL);
    cr_expect_eq(sluice_broker_fault_hits(broker, id), 1);
    cr_expect(sluice_broker_fault_remove(broker, id));
    cr_expect_not(sluice_broker_fault_wait(broker, id, 1, -1));
    sluice_broker_fault_remove_all(broker);
    close(descriptor);
    sluice_broker_destroy(broker);
}

Test(broker_public, a_killed_node_refuses_and_comes_back_on_its_port) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){.broker_count = 2});
    uint16_t port = sluice_broker_port(broker, 1);
    int descriptor = tcp_open(port);
    cr_expect_eq(sluice_broker_kill(broker, 1), SLUICE_OK);
    cr_expect_not(tcp_receive(descriptor));
    close(descriptor);
    cr_expect_eq(tcp_open(port), -1);
    cr_expect_eq(sluice_broker_leader(broker, "t", 0), 2);
    cr_expect_eq(sluice_broker_restart(broker, 1, SLUICE_BROKER_KEEP_LAST), SLUICE_OK);
    cr_expect_eq(sluice_broker_restart(broker, 1, SLUICE_BROKER_KEEP_LAST),
                 SLUICE_INVALID_ARGUMENT);
    cr_expect_eq(sluice_broker_leader_move(broker, "t", 0, 1), SLUICE_OK);
    descriptor = tcp_open(port);
    tcp_send_batch(descriptor);
    cr_expect(tcp_receive(descriptor));
    cr_expect_eq(sluice_broker_stall(broker, 1), SLUICE_OK);
    tcp_send_batch(descriptor);
    cr_expect_eq(sluice_broker_high_watermark(broker, "t", 0), 1);
    cr_expect_eq(sluice_broker_resume(broker, 1), SLUICE_OK);
    cr_expect(tcp_receive(descriptor));
    cr_expect_eq(sluice_broker_cut(broker, 1), SLUICE_OK);
    cr_expect_not(tcp_receive(descriptor));
    close(descriptor);
    cr_expect_eq(sluice_broker_refuse(broker, 1, true), SLUICE_OK);
    cr_expect_eq(tcp_open(port), -1);
    cr_expect_eq(sluice_broker_refuse(broker, 1, false), SLUICE_OK);
    descriptor = tcp_open(port);
    cr_expect_geq(descriptor, 0);
    close(descriptor);
    sluice_broker_destroy(broker);
}

enum { THREADS = 4, ROUNDS = 50 };

static bool count_record(const sluice_broker_record *record, void *context) {
    (void)record;
    return ++*(int64_t *)context > 0;
}

static void *control_and_send(void *context) {
    sluice_broker *broker = context;
    for (int i = 0; i < ROUNDS; i++) {
        int descriptor = tcp_open(sluice_broker_port(broker, 1));
        sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_COUNT);
        uint64_t id = sluice_broker_fault_add(broker, &fault);
        tcp_send_batch(descriptor);
        cr_assert(tcp_receive(descriptor));
        cr_assert(sluice_broker_fault_wait(broker, id, 1, WAIT_MS));
        cr_assert(sluice_broker_fault_remove(broker, id));
        int64_t seen = 0;
        cr_assert_gt(sluice_broker_read(broker, "t", 0, 0, count_record, &seen), i);
        close(descriptor);
    }
    return NULL;
}

Test(broker_public, many_threads_may_call_at_once) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){0});
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, control_and_send, broker), 0);
    }
    cr_expect(sluice_broker_wait_records(broker, "t", 0, THREADS * ROUNDS, WAIT_MS));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_expect_eq(sluice_broker_high_watermark(broker, "t", 0), THREADS * ROUNDS);
    sluice_broker_destroy(broker);
}

Test(broker_public, a_frame_over_the_limit_and_a_web_browser_are_hung_up_on) {
    sluice_broker *broker = open_with_topic((sluice_broker_options){.request_bytes_max = 1000});
    const char *hostile[] = {"\x7f\xff\xff\xff", "\xff\xff\xff\xff", "\0\0\0\1x",
                             "GET / HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < 4; i++) {
        int descriptor = tcp_open(sluice_broker_port(broker, 1));
        size_t size = i == 3 ? strlen(hostile[i]) : i == 2 ? 5 : 4;
        cr_assert_eq(send(descriptor, hostile[i], size, MSG_NOSIGNAL), (ssize_t)size);
        cr_expect_not(tcp_receive(descriptor));
        close(descriptor);
    }
    sluice_broker_counters counters;
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    cr_expect_eq(counters.requests_bad, 4);
    sluice_broker_destroy(broker);
}
