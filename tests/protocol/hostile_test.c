/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every vector, cut at every byte, and turned at random: nothing may be read out of bounds (which a
 * sanitizer sees: each input is an allocation of exactly its size), nothing may assert. */
#include "test.h"
#include "tests/protocol/vectors.h"
#include "tests/protocol/walk.h"

struct message_file {
    const char *name;
    int16_t api_key;
};
static const struct message_file message_files[] = {
    {"produce.txt", KAFKA_PRODUCE},
    {"fetch.txt", KAFKA_FETCH},
    {"list_offsets.txt", KAFKA_LIST_OFFSETS},
    {"metadata.txt", KAFKA_METADATA},
    {"find_coordinator.txt", KAFKA_FIND_COORDINATOR},
    {"api_versions.txt", KAFKA_API_VERSIONS},
    {"init_producer_id.txt", KAFKA_INIT_PRODUCER_ID},
};
enum { FILE_COUNT = sizeof message_files / sizeof message_files[0] };

struct message {
    struct vector vector;
    int16_t api_key;
    int16_t version;
    bool is_request;
    bool is_decodable; /* responses that only the broker writes are not */
};

static bool walk_frame(const struct message *message, const uint8_t *data, size_t size) {
    return message->is_request ? walk_request(data, size)
                               : walk_response(data, size, message->api_key, message->version);
}

static void name_message(struct message *message, int16_t api_key) {
    int version;
    message->api_key = api_key;
    message->is_request = message->vector.name[2] == 'q';
    cr_assert_eq(sscanf(strchr(message->vector.name, 'v'), "v%d", &version), 1);
    message->version = (int16_t)version;
    message->is_decodable = message->is_request || api_key == KAFKA_PRODUCE ||
                            api_key == KAFKA_METADATA || api_key == KAFKA_API_VERSIONS ||
                            api_key == KAFKA_INIT_PRODUCER_ID;
}

static int for_each_message(void (*check)(const struct message *)) {
    int count = 0;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        FILE *file = vectors_open(message_files[i].name);
        struct message message;
        while (vectors_next(file, &message.vector)) {
            name_message(&message, message_files[i].api_key);
            if (message.is_decodable) {
                check(&message);
                count++;
            }
            vector_free(&message.vector);
        }
        fclose(file);
    }
    return count;
}

static uint8_t *copy_of(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, data, size);
    return copy;
}

static void check_whole_and_cut(const struct message *message) {
    const uint8_t *frame = message->vector.data + KAFKA_FRAME_PREFIX_SIZE;
    size_t whole = message->vector.size - KAFKA_FRAME_PREFIX_SIZE;
    cr_assert(walk_frame(message, frame, whole), "%s", message->vector.name);
    for (size_t size = 0; size < whole; size++) {
        uint8_t *cut = copy_of(frame, size);
        cr_assert_not(walk_frame(message, cut, size), "%s of api %d cut at %zu",
                      message->vector.name, message->api_key, size);
        free(cut);
    }
}

Test(hostile, message_cut_at_any_byte_is_refused) {
    cr_assert_gt(for_each_message(check_whole_and_cut), 150);
}

/* ---- random turns --------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t next_random(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

/* A bit, a byte, or a whole number set to what a length or a count should not be. */
static void mutate_once(uint8_t *data, size_t size) {
    static const uint32_t extremes[] = {0,      1,          0x7f,       0x80,
                                        0x7fff, 0x7fffffff, 0x80000000, UINT32_MAX};
    size_t at = next_random((uint32_t)size);
    switch (next_random(4)) {
    case 0:
        data[at] ^= (uint8_t)(1 << next_random(8));
        break;
    case 1:
        data[at] = (uint8_t)next_random(256);
        break;
    case 2:
        data[at] = 0xff;
        break;
    default: {
        uint32_t value = __builtin_bswap32(extremes[next_random(8)]);
        size_t part = size - at < sizeof value ? size - at : sizeof value;
        memcpy(data + at, &value, part);
    }
    }
}

static uint8_t *mutated(const uint8_t *data, size_t *size) {
    enum { GROWTH_MAX = 8 };
    uint8_t *bytes = malloc(*size + GROWTH_MAX);
    memcpy(bytes, data, *size);
    size_t at = next_random((uint32_t)*size);
    size_t shift = next_random(GROWTH_MAX) + 1;
    switch (next_random(4)) {
    case 0: /* bytes lost */
        shift = shift < *size - at ? shift : *size - at;
        memmove(bytes + at, bytes + at + shift, *size - at - shift);
        *size -= shift;
        break;
    case 1: /* bytes doubled */
        memmove(bytes + at + shift, bytes + at, *size - at);
        *size += shift;
        break;
    default:
        break;
    }
    for (uint32_t turns = next_random(4) + 1; turns > 0 && *size > 0; turns--) {
        mutate_once(bytes, *size);
    }
    uint8_t *exact = copy_of(bytes, *size);
    free(bytes);
    return exact;
}

static void check_mutations(const struct message *message) {
    enum { ROUNDS = 300 };
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = message->vector.size - KAFKA_FRAME_PREFIX_SIZE;
        uint8_t *frame = mutated(message->vector.data + KAFKA_FRAME_PREFIX_SIZE, &size);
        (void)walk_frame(message, frame, size);
        free(frame);
    }
}

Test(hostile, message_turned_at_random_stays_within_its_bytes) {
    random_state = 20240607;
    cr_assert_gt(for_each_message(check_mutations), 150);
}

/* Below the checksum, which would stop nearly all of it. */
static void check_records(const struct vector *vector) {
    enum { ROUNDS = 2000, HEADER_SIZE = 61 };
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = vector->size - HEADER_SIZE;
        uint8_t *records = mutated(vector->data + HEADER_SIZE, &size);
        (void)walk_records(records, size, INT32_MAX);
        free(records);
        size = vector->size;
        uint8_t *batch = mutated(vector->data, &size);
        (void)walk_batches(batch, size);
        free(batch);
    }
}

Test(hostile, records_turned_at_random_stay_within_their_bytes) {
    random_state = 7;
    FILE *file = vectors_open("batch.txt");
    struct vector vector;
    while (vectors_next(file, &vector)) {
        cr_assert(walk_batches(vector.data, vector.size), "%s", vector.name);
        check_records(&vector);
        vector_free(&vector);
    }
    fclose(file);
}

Test(hostile, noise_is_refused_or_read_within_its_bytes) {
    random_state = 99;
    for (int i = 0; i < 20000; i++) {
        size_t size = next_random(64);
        uint8_t *noise = malloc(size + 1);
        for (size_t j = 0; j < size; j++) {
            noise[j] = (uint8_t)(next_random(3) == 0 ? next_random(256) : next_random(4));
        }
        uint8_t *exact = copy_of(noise, size);
        const struct kafka_api_info *api = &kafka_apis[next_random(KAFKA_API_COUNT)];
        int16_t version =
            (int16_t)(api->version_min +
                      (int16_t)next_random((uint32_t)(api->version_max - api->version_min + 1)));
        (void)walk_request_body(kafka_reader_of(exact, size), api->key, version);
        (void)walk_response_body(kafka_reader_of(exact, size), api->key, version);
        (void)walk_records(exact, size, INT32_MAX);
        free(exact);
        free(noise);
    }
}
