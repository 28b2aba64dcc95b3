/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/record.h"
#include "test.h"
#include "tests/protocol/vectors.h"

struct record_name {
    int offset_delta;
    long timestamp_delta;
    int key_size;
    int value_size;
};

static struct record_name parse_name(const char *name) {
    struct record_name parsed;
    cr_assert_eq(sscanf(name, "record.%d.%ld.%d.%d", &parsed.offset_delta, &parsed.timestamp_delta,
                        &parsed.key_size, &parsed.value_size),
                 4);
    return parsed;
}

static uint8_t *pattern_of(int seed, int size) {
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    vector_pattern(bytes, seed, size > 0 ? (size_t)size : 0);
    return bytes;
}

static void check_encoding(const struct vector *vector) {
    struct record_name name = parse_name(vector->name);
    uint8_t *key = pattern_of(1, name.key_size);
    uint8_t *value = pattern_of(2, name.value_size);
    size_t body_size = kafka_record_body_size(name.key_size, name.value_size, 0);
    cr_assert_eq(kafka_record_size(body_size, name.timestamp_delta, name.offset_delta),
                 vector->size, "%s", vector->name);
    uint8_t *out = malloc(KAFKA_RECORD_PREFIX_SIZE_MAX + body_size);
    size_t prefix_size =
        kafka_record_prefix_encode(out, body_size, name.timestamp_delta, name.offset_delta);
    cr_assert_leq(prefix_size, KAFKA_RECORD_PREFIX_SIZE_MAX);
    uint8_t *end =
        kafka_record_body_put(out + prefix_size, key, name.key_size, value, name.value_size, 0);
    cr_assert_eq(end - out, vector->size, "%s", vector->name);
    cr_assert_arr_eq(out, vector->data, vector->size, "%s", vector->name);
    free(out);
    free(value);
    free(key);
}

static void check_field(struct kafka_bytes field, int seed, int size) {
    if (size < 0) {
        cr_assert_null(field.data);
        return;
    }
    uint8_t *expected = pattern_of(seed, size);
    cr_assert_not_null(field.data);
    cr_assert_eq(field.size, size);
    cr_assert_arr_eq(field.data, expected, size);
    free(expected);
}

static void check_decoding(const struct vector *vector) {
    struct record_name name = parse_name(vector->name);
    struct kafka_reader reader = kafka_reader_of(vector->data, vector->size);
    struct kafka_record record;
    struct kafka_record_header header;
    cr_assert(kafka_record_decode(&reader, &record), "%s", vector->name);
    cr_assert_eq(kafka_reader_left(&reader), 0);
    cr_assert_eq(record.attributes, 0);
    cr_assert_eq(record.offset_delta, name.offset_delta);
    cr_assert_eq(record.timestamp_delta_ms, name.timestamp_delta);
    check_field(record.key, 1, name.key_size);
    check_field(record.value, 2, name.value_size);
    cr_assert_eq(record.header_count, 0);
    cr_assert_not(kafka_record_next_header(&record, &header));
}

static void for_each_vector(void (*check)(const struct vector *)) {
    FILE *file = vectors_open("record.txt");
    struct vector vector;
    int count = 0;
    while (vectors_next(file, &vector)) {
        check(&vector);
        vector_free(&vector);
        count++;
    }
    fclose(file);
    cr_assert_eq(count, 108);
}

Test(record, is_written_as_the_official_client_writes_it) {
    for_each_vector(check_encoding);
}

Test(record, of_the_official_client_is_read) {
    for_each_vector(check_decoding);
}

static void check_refused_when_cut(const struct vector *vector) {
    struct kafka_record record;
    for (size_t size = 0; size < vector->size; size += size < 100 ? 1 : 97) {
        struct kafka_reader reader = kafka_reader_of(vector->data, size);
        cr_assert_not(kafka_record_decode(&reader, &record));
        cr_assert(reader.failed);
    }
}

Test(record, cut_anywhere_is_refused) {
    for_each_vector(check_refused_when_cut);
}

static bool is_read(const uint8_t *bytes, size_t size) {
    struct kafka_reader reader = kafka_reader_of(bytes, size);
    struct kafka_record record;
    return kafka_record_decode(&reader, &record);
}

Test(record, whose_sizes_do_not_add_up_is_refused) {
    const uint8_t good[] = {12, 0, 0, 0, 1, 1, 0};
    cr_assert(is_read(good, sizeof good));
    const uint8_t negative_size[] = {1, 0, 0, 0, 1, 1, 0};
    cr_assert_not(is_read(negative_size, sizeof negative_size));
    const uint8_t byte_after_headers[] = {14, 0, 0, 0, 1, 1, 0, 0};
    cr_assert_not(is_read(byte_after_headers, sizeof byte_after_headers));
    const uint8_t key_below_null[] = {12, 0, 0, 0, 3, 1, 0};
    cr_assert_not(is_read(key_below_null, sizeof key_below_null));
    const uint8_t negative_header_count[] = {12, 0, 0, 0, 1, 1, 1};
    cr_assert_not(is_read(negative_header_count, sizeof negative_header_count));
    const uint8_t hostile_header_count[] = {20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f};
    cr_assert_not(is_read(hostile_header_count, sizeof hostile_header_count));
    const uint8_t null_header_name[] = {16, 0, 0, 0, 1, 1, 2, 1, 1};
    cr_assert_not(is_read(null_header_name, sizeof null_header_name));
    const uint8_t null_header_value[] = {16, 0, 0, 0, 1, 1, 2, 0, 1};
    cr_assert(is_read(null_header_value, sizeof null_header_value));
}

Test(record, headers_keep_order_doubles_and_null_values) {
    uint8_t body[64], prefix[KAFKA_RECORD_PREFIX_SIZE_MAX], whole[128];
    uint8_t *end = kafka_record_body_put(body, NULL, KAFKA_RECORD_NULL, "v", 1, 3);
    end = kafka_record_header_put(end, "twice", 5, "1", 1);
    end = kafka_record_header_put(end, "twice", 5, NULL, KAFKA_RECORD_NULL);
    end = kafka_record_header_put(end, "", 0, "", 0);
    size_t body_size = (size_t)(end - body);
    cr_assert_eq(body_size, kafka_record_body_size(-1, 1, 3) + kafka_record_header_size(5, 1) +
                                kafka_record_header_size(5, -1) + kafka_record_header_size(0, 0));
    size_t prefix_size = kafka_record_prefix_encode(prefix, body_size, -5, 2);
    memcpy(whole, prefix, prefix_size);
    memcpy(whole + prefix_size, body, body_size);
    struct kafka_reader reader = kafka_reader_of(whole, prefix_size + body_size);
    struct kafka_record record;
    struct kafka_record_header header;
    cr_assert(kafka_record_decode(&reader, &record));
    cr_assert_eq(record.header_count, 3);
    cr_assert(kafka_record_next_header(&record, &header));
    cr_assert(kafka_text_equal(header.name, kafka_text_of("twice")) && header.value.size == 1);
    cr_assert(kafka_record_next_header(&record, &header));
    cr_assert(kafka_text_equal(header.name, kafka_text_of("twice")) && header.value.data == NULL);
    cr_assert(kafka_record_next_header(&record, &header));
    cr_assert(header.name.size == 0 && header.value.data != NULL && header.value.size == 0);
    cr_assert_not(kafka_record_next_header(&record, &header));
}

/* The short cut for small numbers and the long way must meet without a seam. */
Test(record, prefix_is_exact_around_every_step_of_its_numbers) {
    static const int64_t edges[] = {0, 1, 63, 64, 65, 8191, 8192, 8193, 1 << 20, INT32_MAX};
    enum { EDGE_COUNT = sizeof edges / sizeof edges[0] };
    for (size_t i = 0; i < EDGE_COUNT * EDGE_COUNT; i++) {
        for (size_t body_size = 3; body_size < 9000; body_size += body_size % 60 < 8 ? 1 : 50) {
            int64_t timestamp = edges[i % EDGE_COUNT] * (i % 2 == 0 ? 1 : -1);
            int32_t offset = (int32_t)edges[i / EDGE_COUNT];
            uint8_t prefix[KAFKA_RECORD_PREFIX_SIZE_MAX];
            size_t size = kafka_record_prefix_encode(prefix, body_size, timestamp, offset);
            struct kafka_reader reader = kafka_reader_of(prefix, size);
            cr_assert_eq(size + body_size, kafka_record_size(body_size, timestamp, offset));
            size_t inner_size = (size_t)kafka_read_varint(&reader);
            cr_assert_eq(inner_size, kafka_reader_left(&reader) + body_size);
            cr_assert_eq(kafka_read_int8(&reader), 0);
            cr_assert_eq(kafka_read_varlong(&reader), timestamp);
            cr_assert_eq(kafka_read_varint(&reader), offset);
            cr_assert(!reader.failed && kafka_reader_left(&reader) == 0);
        }
    }
}
