/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "test.h"
#include "tests/protocol/vectors.h"

/* ---- varints -------------------------------------------------------------------------------- */

static bool is_named(const struct vector *vector, const char *kind, long long *value) {
    size_t size = strlen(kind);
    if (strncmp(vector->name, kind, size) != 0 || vector->name[size] != '.') {
        return false;
    }
    *value = strtoll(vector->name + size + 1, NULL, 10);
    return true;
}

static void check_number(const struct vector *vector) {
    uint8_t out[KAFKA_VARLONG_SIZE_MAX];
    struct kafka_reader reader = kafka_reader_of(vector->data, vector->size);
    long long value;
    size_t size = 0;
    if (is_named(vector, "varlong", &value)) {
        cr_assert_eq(kafka_read_varlong(&reader), value);
        cr_assert_eq(kafka_varlong_size(value), vector->size);
        size = (size_t)(kafka_varlong_put(out, value) - out);
    } else if (is_named(vector, "varint", &value)) {
        cr_assert_eq(kafka_read_varint(&reader), value);
        cr_assert_eq(kafka_varint_size((int32_t)value), vector->size);
        size = (size_t)(kafka_varint_put(out, (int32_t)value) - out);
    } else if (is_named(vector, "uvarint", &value)) {
        cr_assert_eq(kafka_read_uvarint(&reader), value);
        cr_assert_eq(kafka_uvarint_size((uint64_t)value), vector->size);
        size = (size_t)(kafka_uvarint_put(out, (uint64_t)value) - out);
    }
    cr_assert_eq(size, vector->size, "%s", vector->name);
    cr_assert_arr_eq(out, vector->data, size, "%s", vector->name);
    cr_assert(!reader.failed && kafka_reader_left(&reader) == 0);
}

Test(varint, is_written_and_read_as_the_official_client_does) {
    FILE *file = vectors_open("varint.txt");
    struct vector vector;
    int count = 0;
    while (vectors_next(file, &vector)) {
        check_number(&vector);
        vector_free(&vector);
        count++;
    }
    fclose(file);
    cr_assert_gt(count, 400);
}

Test(varint, cut_anywhere_fails) {
    FILE *file = vectors_open("varint.txt");
    struct vector vector;
    while (vectors_next(file, &vector)) {
        for (size_t size = 0; size < vector.size; size++) {
            struct kafka_reader reader = kafka_reader_of(vector.data, size);
            cr_assert_eq(kafka_read_varlong(&reader), 0);
            cr_assert(reader.failed);
        }
        vector_free(&vector);
    }
    fclose(file);
}

Test(varint, with_more_bits_than_the_type_fails) {
    const uint8_t too_wide[] = {0xff, 0xff, 0xff, 0xff, 0x1f};
    struct kafka_reader reader = kafka_reader_of(too_wide, sizeof too_wide);
    (void)kafka_read_uvarint(&reader);
    cr_assert(reader.failed);
    const uint8_t too_long[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    reader = kafka_reader_of(too_long, sizeof too_long);
    (void)kafka_read_varint(&reader);
    cr_assert(reader.failed);
    const uint8_t wide_long[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    reader = kafka_reader_of(wide_long, sizeof wide_long);
    (void)kafka_read_varlong(&reader);
    cr_assert(reader.failed);
}

Test(varint, padded_with_zeros_is_read) {
    const uint8_t padded[] = {0x82, 0x80, 0x80, 0x80, 0x00};
    struct kafka_reader reader = kafka_reader_of(padded, sizeof padded);
    cr_assert_eq(kafka_read_varint(&reader), 1);
    cr_assert(!reader.failed && kafka_reader_left(&reader) == 0);
}

/* ---- the reader ----------------------------------------------------------------------------- */

Test(reader, failure_is_sticky_and_yields_zeros) {
    const uint8_t bytes[] = {1, 2, 3};
    struct kafka_reader reader = kafka_reader_of(bytes, sizeof bytes);
    cr_assert_eq(kafka_read_int16(&reader), 0x0102);
    cr_assert_eq(kafka_read_int32(&reader), 0);
    cr_assert(reader.failed);
    cr_assert_eq(kafka_read_int8(&reader), 0, "the byte that was left is gone too");
    cr_assert_eq(kafka_read_int64(&reader), 0);
    cr_assert_null(kafka_read_raw(&reader, 0));
    cr_assert_null(kafka_read_text_nullable(&reader, true).data);
    cr_assert_eq(kafka_read_count_nullable(&reader, false, 1), 0);
    cr_assert(kafka_uuid_is_zero(kafka_read_uuid(&reader)));
    cr_assert(kafka_reader_is_valid(&reader));
}

Test(reader, of_nothing_is_valid_and_fails_at_once) {
    struct kafka_reader reader = kafka_reader_of(NULL, 0);
    cr_assert(kafka_reader_is_valid(&reader));
    cr_assert_not(reader.failed);
    cr_assert_eq(kafka_read_int8(&reader), 0);
    cr_assert(reader.failed);
}

Test(reader, that_stands_behind_its_end_or_goes_on_after_failure_is_not_valid) {
    const uint8_t bytes[] = {1, 2};
    struct kafka_reader behind = {bytes + 2, bytes + 1, false};
    struct kafka_reader goes_on = {bytes, bytes + 2, true};
    struct kafka_reader nowhere = {NULL, NULL, false};
    cr_assert_not(kafka_reader_is_valid(&behind));
    cr_assert_not(kafka_reader_is_valid(&goes_on));
    cr_assert_not(kafka_reader_is_valid(&nowhere));
}

Test(reader, tells_null_from_empty) {
    const uint8_t bytes[] = {0xff, 0xff, 0, 0, 0, 1};
    struct kafka_reader reader = kafka_reader_of(bytes, sizeof bytes);
    cr_assert_null(kafka_read_text_nullable(&reader, false).data);
    struct kafka_text empty = kafka_read_text_nullable(&reader, false);
    cr_assert(empty.data != NULL && empty.size == 0);
    cr_assert_null(kafka_read_text_nullable(&reader, true).data);
    empty = kafka_read_text(&reader, true);
    cr_assert(empty.data != NULL && empty.size == 0);
    cr_assert(!reader.failed && kafka_reader_left(&reader) == 0);
}

Test(reader, refuses_null_where_null_is_not_allowed) {
    const uint8_t null_text[] = {0xff, 0xff};
    struct kafka_reader reader = kafka_reader_of(null_text, sizeof null_text);
    (void)kafka_read_text(&reader, false);
    cr_assert(reader.failed);
    const uint8_t null_array[] = {0};
    reader = kafka_reader_of(null_array, sizeof null_array);
    cr_assert_eq(kafka_read_count(&reader, true, 1), 0);
    cr_assert(reader.failed);
}

Test(reader, refuses_lengths_below_null_and_beyond_the_bytes) {
    const uint8_t below[] = {0xff, 0xfe, 0, 0, 0, 0};
    struct kafka_reader reader = kafka_reader_of(below, sizeof below);
    cr_assert_null(kafka_read_text_nullable(&reader, false).data);
    cr_assert(reader.failed);
    const uint8_t beyond[] = {0x7f, 0xff, 'a'};
    reader = kafka_reader_of(beyond, sizeof beyond);
    cr_assert_null(kafka_read_text(&reader, false).data);
    cr_assert(reader.failed);
    const uint8_t huge[] = {0x80, 0, 0, 0};
    reader = kafka_reader_of(huge, sizeof huge);
    cr_assert_null(kafka_read_bytes_nullable(&reader, false).data);
    cr_assert(reader.failed);
    const uint8_t compact_huge[] = {0xff, 0xff, 0xff, 0xff, 0x0f};
    reader = kafka_reader_of(compact_huge, sizeof compact_huge);
    cr_assert_null(kafka_read_bytes_nullable(&reader, true).data);
    cr_assert(reader.failed);
}

Test(reader, refuses_text_over_the_limit_of_kafka) {
    enum { SIZE = KAFKA_TEXT_SIZE_MAX + 1 };
    uint8_t *bytes = calloc(1, SIZE + 3);
    struct kafka_writer writer = kafka_writer_of(bytes, SIZE + 3);
    kafka_write_uvarint(&writer, SIZE + 1);
    struct kafka_reader reader = kafka_reader_of(bytes, SIZE + 3);
    (void)kafka_read_text(&reader, true);
    cr_assert(reader.failed);
    free(bytes);
}

Test(reader, believes_a_count_only_if_the_bytes_are_there) {
    const uint8_t bytes[] = {0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    struct kafka_reader reader = kafka_reader_of(bytes, sizeof bytes);
    cr_assert_eq(kafka_read_count(&reader, false, 2), 3);
    reader = kafka_reader_of(bytes, sizeof bytes);
    cr_assert_eq(kafka_read_count(&reader, false, 3), 0);
    cr_assert(reader.failed);
    const uint8_t hostile[] = {0x7f, 0xff, 0xff, 0xff, 0};
    reader = kafka_reader_of(hostile, sizeof hostile);
    cr_assert_eq(kafka_read_count(&reader, false, 1), 0);
    cr_assert(reader.failed);
    const uint8_t compact[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0};
    reader = kafka_reader_of(compact, sizeof compact);
    cr_assert_eq(kafka_read_count_nullable(&reader, true, 18), 0);
    cr_assert(reader.failed);
}

Test(reader, shows_each_tagged_field_and_no_more) {
    const uint8_t bytes[] = {2, 0, 1, 42, 0x90, 1, 2, 7, 8, 99};
    struct kafka_reader reader = kafka_reader_of(bytes, sizeof bytes);
    struct kafka_tags tags = kafka_read_tags(&reader, true);
    cr_assert(kafka_tags_next(&tags, &reader));
    cr_assert_eq(tags.tag, 0);
    cr_assert_eq(kafka_read_int8(&tags.value), 42);
    cr_assert_eq(kafka_reader_left(&tags.value), 0);
    cr_assert(kafka_tags_next(&tags, &reader));
    cr_assert_eq(tags.tag, 144);
    cr_assert_eq(kafka_reader_left(&tags.value), 2);
    cr_assert_not(kafka_tags_next(&tags, &reader));
    cr_assert_eq(kafka_read_int8(&reader), 99);
    cr_assert_not(reader.failed);
}

Test(reader, refuses_tagged_fields_that_cannot_be_there) {
    const uint8_t many[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0};
    struct kafka_reader reader = kafka_reader_of(many, sizeof many);
    kafka_read_tags_skip(&reader, true);
    cr_assert(reader.failed);
    const uint8_t large[] = {1, 0, 5, 1, 2};
    reader = kafka_reader_of(large, sizeof large);
    kafka_read_tags_skip(&reader, true);
    cr_assert(reader.failed);
    reader = kafka_reader_of(large, sizeof large);
    kafka_read_tags_skip(&reader, false);
    cr_assert_eq(kafka_reader_left(&reader), sizeof large, "nothing is read when not flexible");
}

/* ---- the writer ----------------------------------------------------------------------------- */

Test(writer, never_writes_beyond_its_end_and_remembers) {
    uint8_t bytes[8];
    memset(bytes, 0xaa, sizeof bytes);
    struct kafka_writer writer = kafka_writer_of(bytes, 5);
    kafka_write_int32(&writer, 0x01020304);
    kafka_write_int16(&writer, 0x0506);
    cr_assert(writer.failed);
    kafka_write_int8(&writer, 7);
    cr_assert_eq(kafka_writer_size(&writer), 4, "what would have fitted is not written either");
    const uint8_t expected[] = {1, 2, 3, 4, 0xaa, 0xaa, 0xaa, 0xaa};
    cr_assert_arr_eq(bytes, expected, sizeof bytes);
    cr_assert(kafka_writer_is_valid(&writer));
}

Test(writer, that_stands_outside_of_its_memory_is_not_valid) {
    uint8_t bytes[3];
    struct kafka_writer before = {bytes + 1, bytes, bytes + 2, false};
    struct kafka_writer behind = {bytes, bytes + 2, bytes + 1, false};
    cr_assert_not(kafka_writer_is_valid(&before));
    cr_assert_not(kafka_writer_is_valid(&behind));
}

Test(writer, of_nothing_has_room_for_nothing) {
    struct kafka_writer writer = kafka_writer_of(NULL, 0);
    cr_assert(kafka_writer_is_valid(&writer));
    kafka_write_raw(&writer, NULL, 0);
    cr_assert_not(writer.failed);
    kafka_write_int8(&writer, 1);
    cr_assert(writer.failed);
}

Test(writer, writes_what_the_reader_reads) {
    uint8_t bytes[128];
    struct kafka_uuid id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    for (int flexible = 0; flexible <= 1; flexible++) {
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        kafka_write_bool(&writer, true);
        kafka_write_int64(&writer, INT64_MIN + 1);
        kafka_write_uuid(&writer, id);
        kafka_write_text(&writer, kafka_text_of("größe"), flexible);
        kafka_write_text_nullable(&writer, KAFKA_TEXT_NULL, flexible);
        kafka_write_count_null(&writer, flexible);
        kafka_write_bytes_size(&writer, 3, flexible);
        kafka_write_raw(&writer, "abc", 3);
        kafka_write_tags_none(&writer, flexible);
        cr_assert_not(writer.failed);
        struct kafka_reader reader = kafka_reader_of(bytes, kafka_writer_size(&writer));
        cr_assert(kafka_read_bool(&reader));
        cr_assert_eq(kafka_read_int64(&reader), INT64_MIN + 1);
        cr_assert(kafka_uuid_equal(kafka_read_uuid(&reader), id));
        cr_assert(kafka_text_equal(kafka_read_text(&reader, flexible), kafka_text_of("größe")));
        cr_assert_null(kafka_read_text_nullable(&reader, flexible).data);
        cr_assert_eq(kafka_read_count_nullable(&reader, flexible, 1), -1);
        cr_assert_eq(kafka_read_bytes_nullable(&reader, flexible).size, 3);
        kafka_read_tags_skip(&reader, flexible);
        cr_assert(!reader.failed && kafka_reader_left(&reader) == 0);
    }
}

Test(writer, refuses_what_the_format_cannot_hold) {
    static char text[KAFKA_TEXT_SIZE_MAX + 1];
    static uint8_t bytes[sizeof text + 8];
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_write_text(&writer, (struct kafka_text){text, sizeof text}, true);
    cr_assert(writer.failed);
    writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_write_text(&writer, KAFKA_TEXT_NULL, false);
    cr_assert(writer.failed);
    writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_write_text_nullable(&writer, (struct kafka_text){NULL, 3}, false);
    cr_assert(writer.failed, "null has no size");
    writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_write_count(&writer, (uint32_t)INT32_MAX + 1, false);
    cr_assert(writer.failed);
}

/* ---- texts ---------------------------------------------------------------------------------- */

Test(text, equals_what_has_its_bytes_and_null_equals_null_alone) {
    struct kafka_text null = KAFKA_TEXT_NULL, empty = kafka_text_of("");
    struct kafka_text orders = kafka_text_of("orders");
    cr_assert(kafka_text_equal(orders, (struct kafka_text){"orders and more", 6}));
    cr_assert_not(kafka_text_equal(orders, kafka_text_of("ordert")));
    cr_assert_not(kafka_text_equal(orders, kafka_text_of("order")));
    cr_assert(kafka_text_equal(null, kafka_text_of(NULL)));
    cr_assert_not(kafka_text_equal(null, empty));
    cr_assert_not(kafka_text_equal(empty, null));
}
