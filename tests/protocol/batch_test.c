/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/batch.h"
#include "protocol/codec.h"
#include "protocol/record.h"
#include "test.h"
#include "tests/protocol/wire.h"

/* ---- the same batches as the generator's ---------------------------------------------------- */

struct record_list {
    struct kafka_writer writer;
    int32_t count;
    int64_t max_timestamp_delta_ms;
};

static void add(struct record_list *list, int64_t timestamp_delta_ms, const void *key,
                int64_t key_size, const void *value, int64_t value_size, uint32_t header_count,
                size_t headers_size) {
    uint8_t prefix[KAFKA_RECORD_PREFIX_SIZE_MAX];
    size_t body_size = kafka_record_body_size(key_size, value_size, header_count);
    size_t prefix_size = kafka_record_prefix_encode(prefix, body_size + headers_size,
                                                    timestamp_delta_ms, list->count);
    kafka_write_raw(&list->writer, prefix, prefix_size);
    uint8_t *room = kafka_write_room(&list->writer, body_size);
    kafka_record_body_put(room, key, key_size, value, value_size, header_count);
    list->count++;
    if (timestamp_delta_ms > list->max_timestamp_delta_ms) {
        list->max_timestamp_delta_ms = timestamp_delta_ms;
    }
}

static void add_header(struct record_list *list, const char *name, const void *value,
                       int64_t value_size) {
    size_t size = kafka_record_header_size(strlen(name), value_size);
    uint8_t *room = kafka_write_room(&list->writer, size);
    kafka_record_header_put(room, name, strlen(name), value, value_size);
}

static struct record_list small_list(uint8_t *memory, size_t size) {
    struct record_list list = {.writer = kafka_writer_of(memory, size)};
    add(&list, 0, NULL, -1, "first", 5, 0, 0);
    add(&list, 5, "", 0, "", 0, 2,
        kafka_record_header_size(5, 3) + kafka_record_header_size(0, -1));
    add_header(&list, "trace", "abc", 3);
    add_header(&list, "", NULL, -1);
    add(&list, -1, "key", 3, NULL, -1, 0, 0);
    return list;
}

static struct record_list many_list(uint8_t *memory, size_t size) {
    struct record_list list = {.writer = kafka_writer_of(memory, size)};
    for (int i = 0; i < 200; i++) {
        char key[16];
        uint8_t value[400], header[17];
        int64_t header_size = i % 17;
        int key_size = snprintf(key, sizeof key, "key-%d", i);
        vector_pattern(value, i, (size_t)i * 2);
        vector_pattern(header, i, (size_t)header_size);
        bool with_header = i % 10 == 0;
        add(&list, 3 * i, key, key_size, value, i * 2, with_header,
            with_header ? kafka_record_header_size(1, header_size) : 0);
        if (with_header) {
            add_header(&list, "n", header, header_size);
        }
    }
    return list;
}

static struct kafka_batch_header header_of(const struct record_list *list, int16_t attributes) {
    return (struct kafka_batch_header){
        .leader_epoch = -1,
        .attributes = attributes,
        .last_offset_delta = list->count - 1,
        .base_timestamp_ms = WIRE_BASE_TIMESTAMP_MS,
        .max_timestamp_ms = WIRE_BASE_TIMESTAMP_MS + list->max_timestamp_delta_ms,
        .producer_id = KAFKA_NO_PRODUCER_ID,
        .producer_epoch = KAFKA_NO_PRODUCER_EPOCH,
        .base_sequence = KAFKA_NO_SEQUENCE,
        .record_count = list->count,
        .records_size = (uint32_t)kafka_writer_size(&list->writer),
    };
}

static struct kafka_batch_sum sum_of(const struct record_list *list) {
    size_t size = kafka_writer_size(&list->writer);
    return kafka_batch_sum_of(kafka_crc32c(0, list->writer.start, size), size);
}

static void expect_batch(const uint8_t *header, const struct record_list *list, const char *name) {
    struct vector vector = vector_load("batch.txt", "%s", name);
    size_t records_size = kafka_writer_size(&list->writer);
    cr_assert_not(list->writer.failed);
    cr_assert_eq(KAFKA_BATCH_HEADER_SIZE + records_size, vector.size);
    cr_assert_arr_eq(header, vector.data, KAFKA_BATCH_HEADER_SIZE, "%s", name);
    cr_assert_arr_eq(list->writer.start, vector.data + KAFKA_BATCH_HEADER_SIZE, records_size);
    vector_free(&vector);
}

Test(batch, is_written_as_the_official_client_writes_it) {
    uint8_t memory[128], header[KAFKA_BATCH_HEADER_SIZE];
    struct record_list list = small_list(memory, sizeof memory);
    struct kafka_batch_header fields = header_of(&list, 0);
    kafka_batch_header_encode(header, &fields, sum_of(&list));
    expect_batch(header, &list, "plain");
    kafka_batch_stamp(header, sum_of(&list), 4000000000, 7, INT32_MAX - 1);
    expect_batch(header, &list, "stamped");
    fields = header_of(&list, KAFKA_BATCH_TRANSACTIONAL);
    kafka_batch_header_encode(header, &fields, sum_of(&list));
    kafka_batch_stamp(header, sum_of(&list), 12, 0, 0);
    expect_batch(header, &list, "transactional");
}

Test(batch, of_many_records_is_written_as_the_official_client_writes_it) {
    enum { ROOM = 64 * 1024 };
    uint8_t *memory = malloc(ROOM), header[KAFKA_BATCH_HEADER_SIZE];
    struct record_list list = many_list(memory, ROOM);
    struct kafka_batch_header fields = header_of(&list, 0);
    kafka_batch_header_encode(header, &fields, sum_of(&list));
    expect_batch(header, &list, "many");
    free(memory);
}

Test(batch, compressed_by_the_official_client_holds_the_same_records) {
    static const char *const names[] = {"gzip.level-default", "gzip.level-1", "gzip.level-9"};
    enum { ROOM = 64 * 1024 };
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    uint8_t *expected = malloc(ROOM), *output = malloc(ROOM);
    void *memory = malloc(gzip->decompress_memory_size);
    struct record_list list = many_list(expected, ROOM);
    for (size_t i = 0; i < 3; i++) {
        struct vector vector = vector_load("batch.txt", "%s", names[i]);
        struct kafka_batch_header header;
        struct kafka_bytes records;
        size_t output_size;
        cr_assert_eq(kafka_batch_decode(vector.data, vector.size, &header, &records),
                     KAFKA_BATCH_GOOD);
        cr_assert_eq(header.attributes, KAFKA_CODEC_GZIP);
        cr_assert_eq(header.record_count, 200);
        cr_assert_eq(kafka_decompress(gzip, memory, gzip->decompress_memory_size, records.data,
                                      records.size, output, ROOM, &output_size),
                     KAFKA_CODEC_DONE);
        cr_assert_eq(output_size, kafka_writer_size(&list.writer));
        cr_assert_arr_eq(output, expected, output_size);
        vector_free(&vector);
    }
    free(memory);
    free(output);
    free(expected);
}

/* ---- reading -------------------------------------------------------------------------------- */

Test(batch, of_the_official_client_is_read) {
    struct vector vector = vector_load("batch.txt", "stamped");
    struct kafka_batch_header header;
    struct kafka_bytes records;
    cr_assert_eq(kafka_batch_decode(vector.data, vector.size, &header, &records), KAFKA_BATCH_GOOD);
    cr_assert_eq(header.base_offset, 0);
    cr_assert_eq(header.leader_epoch, -1);
    cr_assert_eq(header.attributes, 0);
    cr_assert_eq(header.last_offset_delta, 2);
    cr_assert_eq(header.base_timestamp_ms, WIRE_BASE_TIMESTAMP_MS);
    cr_assert_eq(header.max_timestamp_ms, WIRE_BASE_TIMESTAMP_MS + 5);
    cr_assert_eq(header.producer_id, 4000000000);
    cr_assert_eq(header.producer_epoch, 7);
    cr_assert_eq(header.base_sequence, INT32_MAX - 1);
    cr_assert_eq(header.record_count, 3);
    cr_assert_eq(records.size, vector.size - KAFKA_BATCH_HEADER_SIZE);
    cr_assert_eq(kafka_batch_check_produced(&header), KAFKA_BATCH_GOOD);
    vector_free(&vector);
}

static enum kafka_batch_status decode(const struct vector *vector, size_t size) {
    struct kafka_batch_header header;
    struct kafka_bytes records;
    return kafka_batch_decode(vector->data, size, &header, &records);
}

Test(batch, cut_anywhere_is_truncated) {
    struct vector vector = vector_load("batch.txt", "plain");
    for (size_t size = 0; size < vector.size; size++) {
        cr_assert_eq(decode(&vector, size), KAFKA_BATCH_TRUNCATED);
    }
    vector_free(&vector);
}

/* Base offset and leader epoch are the broker's to write, so no sum covers them. */
Test(batch, with_any_single_bit_turned_is_refused_where_the_sum_covers_it) {
    struct vector vector = vector_load("batch.txt", "plain");
    for (size_t bit = 8 * 16; bit < 8 * vector.size; bit++) {
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(decode(&vector, vector.size), KAFKA_BATCH_GOOD, "bit %zu", bit);
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    kafka_batch_set_offset(vector.data, INT64_MAX, 77);
    struct kafka_batch_header header;
    struct kafka_bytes records;
    cr_assert_eq(kafka_batch_decode(vector.data, vector.size, &header, &records), KAFKA_BATCH_GOOD);
    cr_assert_eq(header.base_offset, INT64_MAX);
    cr_assert_eq(header.leader_epoch, 77);
    vector_free(&vector);
}

Test(batch, of_another_format_or_an_impossible_size_is_told_apart) {
    struct vector vector = vector_load("batch.txt", "plain");
    vector.data[16] = 1;
    cr_assert_eq(decode(&vector, vector.size), KAFKA_BATCH_BAD_MAGIC);
    cr_assert_eq(decode(&vector, 20), KAFKA_BATCH_BAD_MAGIC);
    vector.data[16] = 2;
    memset(vector.data + 8, 0, 4);
    cr_assert_eq(decode(&vector, vector.size), KAFKA_BATCH_BAD_SIZE);
    vector.data[8] = 0x80;
    cr_assert_eq(decode(&vector, vector.size), KAFKA_BATCH_BAD_SIZE);
    vector.data[8] = 0x7f;
    cr_assert_eq(decode(&vector, vector.size), KAFKA_BATCH_TRUNCATED);
    vector_free(&vector);
}

/* Each with a sum that is right. */
static enum kafka_batch_status decode_header(const struct kafka_batch_header *fields) {
    uint8_t bytes[KAFKA_BATCH_HEADER_SIZE + 64] = {0};
    struct kafka_batch_header header;
    struct kafka_bytes records;
    uint32_t crc = kafka_crc32c(0, bytes + KAFKA_BATCH_HEADER_SIZE, fields->records_size);
    kafka_batch_header_encode(bytes, fields, kafka_batch_sum_of(crc, fields->records_size));
    return kafka_batch_decode(bytes, sizeof bytes, &header, &records);
}

Test(batch, whose_counts_contradict_each_other_is_refused) {
    struct kafka_batch_header fields = {
        .record_count = 3, .last_offset_delta = 2, .records_size = 21};
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_GOOD);
    fields.records_size = 20;
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_BAD_COUNT, "three records take 21 bytes");
    fields.attributes = KAFKA_CODEC_GZIP;
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_GOOD, "unless compressed");
    fields.attributes = 5;
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_BAD_CODEC);
    fields =
        (struct kafka_batch_header){.record_count = -1, .last_offset_delta = 2, .records_size = 21};
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_BAD_COUNT);
    fields.record_count = 4;
    fields.records_size = 64;
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_BAD_COUNT, "four records, three offsets");
    fields.last_offset_delta = -1;
    fields.record_count = 0;
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_BAD_COUNT);
    fields.last_offset_delta = INT32_MAX;
    cr_assert_eq(decode_header(&fields), KAFKA_BATCH_GOOD, "compaction may leave this");
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_BAD_COUNT, "a client may not");
}

Test(batch, that_no_client_may_write_is_told_apart) {
    struct kafka_batch_header fields = {
        .record_count = 3, .last_offset_delta = 2, .producer_id = -1, .base_sequence = -1};
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_GOOD);
    fields.producer_id = 5;
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_BAD_SEQUENCE);
    fields.base_sequence = 0;
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_GOOD);
    fields.producer_epoch = -1;
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_BAD_SEQUENCE);
    fields.last_offset_delta = 3;
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_BAD_COUNT);
    fields.attributes = KAFKA_BATCH_CONTROL;
    cr_assert_eq(kafka_batch_check_produced(&fields), KAFKA_BATCH_BAD_CONTROL);
}

Test(sequence, begins_again_at_zero_after_the_highest) {
    cr_assert_eq(kafka_sequence_add(0, 5), 5);
    cr_assert_eq(kafka_sequence_add(INT32_MAX - 1, 1), INT32_MAX);
    cr_assert_eq(kafka_sequence_add(INT32_MAX, 1), 0);
    cr_assert_eq(kafka_sequence_add(INT32_MAX - 1, 3), 1);
}
