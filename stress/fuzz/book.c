/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/fuzz/book.h"

#include "actors/input/input.h"
#include "actors/producer/producer.h"
#include "runtime/sim.h"

enum { CLOSE_MS = 200 };
static const uint64_t ns_per_ms = 1000000;

static const char *choice(struct fuzz_input *input, const char *first, const char *second) {
    return fuzz_byte(input) % 4 == 3 ? second : first;
}

static void config_fill(sluice_config *config, struct fuzz_input *input) {
    const char *settings[][2] = {
        {"bootstrap.servers", "10.0.0.1:9092"},
        {"delivery.timeout.ms", "3000"},
        {"request.timeout.ms", "1000"},
        {"socket.connection.setup.timeout.ms", "700"},
        {"socket.connection.setup.timeout.max.ms", "700"},
        {"reconnect.backoff.max.ms", "400"},
        {"linger.ms", choice(input, "1", "0")},
        {"acks", choice(input, "all", choice(input, "1", "0"))},
        {"compression.type", choice(input, "none", "gzip")},
        {"batch.size", choice(input, "262144", "1000")},
        {"retries", choice(input, "2147483647", "1")},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        RT_ASSERT(sluice_config_set(config, settings[i][0], settings[i][1], NULL) == SLUICE_OK);
    }
}

struct book *book_open(struct fuzz_input *input, peer_script script, void *context) {
    struct book *book = calloc(1, sizeof *book);
    sluice_config *config = sluice_config_new();
    RT_ASSERT(book != NULL && config != NULL);
    struct rt_sim_options options = {
        .seed = fuzz_byte(input),
        .wall_start_ms = 1700000000000,
        .delay_min_ns = 50000,
        .delay_max_ns = 200000,
        .segment_bytes_max = fuzz_byte(input) % 64,
        .lookup_delay_ns = ns_per_ms,
        .thread_end = input_thread_end,
    };
    struct rt_address address = peer_address(1, 9092);
    sluice_error error;
    book->world = rt_sim_create(&options);
    rt_sim_name(book->world, "b1.example", &address, 1);
    peer_start(&book->peer, book->world, &address, script);
    book->peer.context = context;
    config_fill(config, input);
    book->producer = producer_open_in(book->world, config, &error);
    sluice_config_free(config);
    RT_ASSERT(book->producer != NULL);
    book->topic = sluice_topic_open(book->producer, "orders", NULL, &error);
    RT_ASSERT(book->topic != NULL);
    return book;
}

void book_produce(struct book *book, int32_t partition, size_t value_size) {
    if (book->accepted == BOOK_RECORDS_MAX) {
        return;
    }
    uint8_t *value = calloc(1, value_size + 1);
    RT_ASSERT(value != NULL);
    sluice_record record = {.value = value,
                            .value_size = value_size,
                            .flags = SLUICE_RECORD_PARTITION,
                            .partition = partition,
                            .opaque = (void *)((uintptr_t)book->accepted + 1)};
    sluice_code code = sluice_produce(book->topic, &record);
    free(value);
    if (code == SLUICE_OK) {
        book->records[book->accepted++].partition = partition;
    } else { /* once a broker said how many there are */
        RT_ASSERT(code == SLUICE_INVALID_PARTITION);
    }
}

void book_run(struct book *book, uint64_t ms) {
    rt_sim_run_until(book->world, rt_now(book->world) + ms * ns_per_ms);
    book_poll(book);
}

void book_poll(struct book *book) {
    sluice_report reports[16];
    size_t count;
    while ((count = sluice_poll(book->producer, reports, 16, 0)) > 0) {
        for (size_t i = 0; i < count; i++) {
            uintptr_t number = (uintptr_t)reports[i].opaque;
            RT_ASSERT(number >= 1 && number <= book->accepted);
            struct book_record *record = &book->records[number - 1];
            RT_ASSERT(++record->reports == 1);
            RT_ASSERT((reports[i].outcome == SLUICE_PERSISTED) == (reports[i].error == SLUICE_OK));
            RT_ASSERT(reports[i].outcome == SLUICE_PERSISTED || reports[i].offset == -1);
            record->report = reports[i];
            book->reported++;
        }
    }
}

/* Everything is decided by the delivery timeout, to within the 100 ms that are promised. */
void book_close(struct book *book) {
    book_run(book, BOOK_DELIVERY_MS + 100);
    RT_ASSERT(book->reported == book->accepted);
    uint64_t before_ns = rt_now(book->world);
    (void)sluice_producer_close(book->producer, CLOSE_MS);
    RT_ASSERT(rt_now(book->world) - before_ns <= (CLOSE_MS + 100) * ns_per_ms);
    sluice_status status;
    rt_sim_run_until(book->world, rt_now(book->world) + 2000 * ns_per_ms);
    sluice_producer_status(book->producer, &status);
    RT_ASSERT(status.bytes_used == 0 && status.reports_waiting == 0);
    RT_ASSERT(status.records_accepted == book->accepted);
    sluice_producer_free(book->producer);
    peer_stop(&book->peer, book->world);
    rt_world_destroy(book->world); /* asserts that no byte and no actor is left */
    free(book);
}
