/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests with bytes changed at random, by seed: nothing crashes, leaks, or reads beyond the
 * frame. Frames are given in memory of their exact size, so that a sanitizer sees one byte too
 * far. */
#include "client.h"
#include "protocol/fetch.h"
#include "test.h"

enum { ROUNDS = 20000, FRAMES_MAX = 64 };

static uint64_t draw(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15u;
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

struct seeds {
    struct made frames[FRAMES_MAX];
    size_t count;
};

static void add_produce(struct seeds *seeds, struct client *client) {
    for (int16_t version = 3; version <= 13; version++) {
        struct sample sample = {.count = 3, .producer_id = 7, .codec = version % 2};
        struct made made = batch_make(sample);
        struct made *frame = &seeds->frames[seeds->count++];
        client->produce_version = version;
        frame->size =
            produce_frame(client, frame->bytes, sizeof frame->bytes, 0, -1, made.bytes, made.size);
    }
}

static void add_metadata(struct seeds *seeds) {
    for (int16_t version = 0; version <= 13; version++) {
        struct kafka_metadata_request_topic topic = {kafka_text_of("t"), {{0}}};
        struct kafka_metadata_request request = {.client_id = kafka_text_of("test"),
                                                 .topics = &topic,
                                                 .topic_count = 1,
                                                 .every_topic = version % 3 == 0,
                                                 .allow_auto_topic_creation = true};
        struct made *frame = &seeds->frames[seeds->count++];
        struct kafka_writer writer = kafka_writer_of(frame->bytes, sizeof frame->bytes);
        kafka_metadata_request_encode(&writer, version, &request);
        frame->size = kafka_writer_size(&writer);
    }
}

static void add_small(struct seeds *seeds) {
    for (int16_t version = 0; version <= 4; version++) {
        struct kafka_api_versions_request request = {.client_id = kafka_text_of("test"),
                                                     .software_name = kafka_text_of("a"),
                                                     .software_version = kafka_text_of("1")};
        struct made *frame = &seeds->frames[seeds->count++];
        struct kafka_writer writer = kafka_writer_of(frame->bytes, sizeof frame->bytes);
        kafka_api_versions_request_encode(&writer, version, &request);
        frame->size = kafka_writer_size(&writer);
    }
    for (int16_t version = 0; version <= 5; version++) {
        struct kafka_init_producer_id_request request = {.transactional_id = KAFKA_TEXT_NULL};
        struct made *frame = &seeds->frames[seeds->count++];
        struct kafka_writer writer = kafka_writer_of(frame->bytes, sizeof frame->bytes);
        kafka_init_producer_id_request_encode(&writer, version, &request);
        frame->size = kafka_writer_size(&writer);
    }
}

/* Headers of the read-only APIs with bodies of noise: mutation and luck make the rest. */
static void add_noise(struct seeds *seeds, uint64_t *state) {
    static const int16_t keys[] = {KAFKA_FETCH, KAFKA_LIST_OFFSETS, KAFKA_FIND_COORDINATOR};
    for (size_t i = 0; i < 18; i++) {
        struct made *frame = &seeds->frames[seeds->count++];
        struct kafka_writer writer = kafka_writer_of(frame->bytes, sizeof frame->bytes);
        const struct kafka_api_info *api = kafka_api_find(keys[i % 3]);
        size_t frame_at = kafka_frame_begin(&writer);
        uint64_t range = (uint64_t)(api->version_max - api->version_min + 1);
        struct kafka_request_header header = {
            api->key, (int16_t)(api->version_min + (int16_t)(draw(state) % range)), 1,
            kafka_text_of("x")};
        kafka_request_header_encode(&writer, &header);
        for (int n = 0; n < 80; n++) {
            kafka_write_int8(&writer, (int8_t)(draw(state) % 8 == 0 ? draw(state) : 0));
        }
        kafka_frame_end(&writer, frame_at, 0);
        frame->size = kafka_writer_size(&writer);
    }
}

static void mutate(uint8_t *bytes, size_t size, uint64_t *state) {
    uint64_t changes = 1 + draw(state) % 4;
    for (uint64_t i = 0; i < changes && size > 0; i++) {
        size_t at = draw(state) % size;
        switch (draw(state) % 4) {
        case 0:
            bytes[at] = (uint8_t)draw(state);
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1u << (draw(state) % 8));
            break;
        case 2:
            bytes[at] = 0xff;
            break;
        default:
            bytes[at] = (uint8_t)(bytes[at] + 1);
            break;
        }
    }
}

Test(broker_hostile, changed_requests_never_crash) {
    uint64_t state = 42;
    struct client client;
    client_init(&client, (sluice_broker_options){.broker_count = 3}, 3);
    struct seeds *seeds = calloc(1, sizeof *seeds);
    add_produce(seeds, &client);
    add_metadata(seeds);
    add_small(seeds);
    add_noise(seeds, &state);
    cr_assert_leq(seeds->count, FRAMES_MAX);
    uint64_t verdicts[BROKER_HELD + 1] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        const struct made *seed = &seeds->frames[draw(&state) % seeds->count];
        size_t size = seed->size - 4;
        size -= draw(&state) % 8 == 0 ? draw(&state) % (size + 1) : 0;
        uint8_t *frame = malloc(size == 0 ? 1 : size);
        memcpy(frame, seed->bytes + 4, size);
        mutate(frame, size, &state);
        client.request = (struct broker_request){.frame = frame, .size = size};
        enum broker_verdict verdict = client_serve_again(&client, 1 + (int32_t)(draw(&state) % 3));
        verdicts[verdict]++;
        size_t frame_size, answered = broker_output_size(&client.output);
        if (verdict == BROKER_ANSWERED) {
            cr_assert_eq(
                kafka_frame_measure(client.output.writer.start, answered, answered, &frame_size),
                KAFKA_FRAME_WHOLE);
        } else {
            cr_assert_eq(answered, 0);
        }
        free(frame);
    }
    cr_expect_gt(verdicts[BROKER_ANSWERED], ROUNDS / 4);
    cr_expect_gt(verdicts[BROKER_CLOSE], ROUNDS / 10);
    free(seeds);
    client_deinit(&client);
}

/* Batches that are good but for their content: the checksum is made right again. */
Test(broker_hostile, changed_batches_with_right_checksums_never_crash) {
    uint64_t state = 7;
    struct client client;
    client_init(&client, (sluice_broker_options){0}, 1);
    int refused = 0;
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct sample sample = {.count = 5,
                                .producer_id = -1,
                                .epoch = -1,
                                .sequence = -1,
                                .codec = (int16_t)(round % 2)};
        struct made made = batch_make(sample);
        struct kafka_batch_header header = batch_header(&made);
        mutate(made.bytes + KAFKA_BATCH_HEADER_SIZE, made.size - KAFKA_BATCH_HEADER_SIZE, &state);
        batch_remake(&made, &header);
        uint8_t *exact = malloc(made.size);
        memcpy(exact, made.bytes, made.size);
        struct answered answered = client_produce_bytes(&client, 1, 0, -1, exact, made.size);
        refused += answered.error_code != 0;
        free(exact);
    }
    cr_expect_gt(refused, ROUNDS / 20);
    client_deinit(&client);
}
