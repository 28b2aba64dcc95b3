/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records there and back. The input says what the records are: sizes of keys, values and headers,
 * nulls, timestamps. Checked: the sizes that are declared before encoding are those that are
 * written; what is read is what was written.
 */
#include "protocol/record.h"
#include "stress/fuzz/fuzz.h"

enum { RECORDS_MAX = 16, HEADERS_MAX = 8, FIELD_SIZE_MAX = 70000 };

struct field {
    uint8_t *data; /* of just this size */
    int64_t size;  /* KAFKA_RECORD_NULL */
};

struct sample {
    struct field key, value;
    struct field names[HEADERS_MAX], values[HEADERS_MAX];
    uint32_t header_count;
    int64_t timestamp_delta_ms;
    int32_t offset_delta;
};

/* One byte of size; 254 and 255 stand for more than a byte can say, and for null. */
static struct field field_read(struct fuzz_input *input, bool nullable) {
    enum { LONG = 254, NO_FIELD = 255 };
    size_t wanted = fuzz_byte(input);
    size_t taken;
    if (wanted == NO_FIELD && nullable) {
        return (struct field){malloc(1), KAFKA_RECORD_NULL};
    }
    if (wanted < LONG) {
        uint8_t *data = fuzz_take(input, wanted, &taken);
        return (struct field){data, (int64_t)taken};
    }
    wanted = (size_t)fuzz_number(input, 3) % FIELD_SIZE_MAX;
    uint8_t *data = malloc(wanted + 1);
    RT_ASSERT(data != NULL);
    memset(data, fuzz_byte(input), wanted);
    return (struct field){data, (int64_t)wanted};
}

/* Small ones, and all that 64 bits can hold. */
static int64_t delta_read(struct fuzz_input *input) {
    unsigned size = fuzz_byte(input) % 9;
    int64_t value = (int64_t)fuzz_number(input, size);
    return fuzz_byte(input) % 2 == 0 ? value : -(value >> 1);
}

static void sample_read(struct fuzz_input *input, struct sample *sample) {
    sample->key = field_read(input, true);
    sample->value = field_read(input, true);
    sample->header_count = fuzz_byte(input) % (HEADERS_MAX + 1);
    for (uint32_t i = 0; i < sample->header_count; i++) {
        sample->names[i] = field_read(input, false);
        sample->values[i] = field_read(input, true);
    }
    sample->timestamp_delta_ms = delta_read(input);
    sample->offset_delta = (int32_t)delta_read(input);
}

static void sample_free(struct sample *sample) {
    free(sample->key.data);
    free(sample->value.data);
    for (uint32_t i = 0; i < sample->header_count; i++) {
        free(sample->names[i].data);
        free(sample->values[i].data);
    }
}

static size_t body_size(const struct sample *sample) {
    size_t size =
        kafka_record_body_size(sample->key.size, sample->value.size, sample->header_count);
    for (uint32_t i = 0; i < sample->header_count; i++) {
        size += kafka_record_header_size((size_t)sample->names[i].size, sample->values[i].size);
    }
    return size;
}

/* The body first, as the thread that produces does it; then the prefix in front. */
static uint8_t *sample_write(const struct sample *sample, size_t *size) {
    size_t body = body_size(sample);
    uint8_t *memory = malloc(KAFKA_RECORD_PREFIX_SIZE_MAX + body);
    RT_ASSERT(memory != NULL);
    uint8_t *start = memory + KAFKA_RECORD_PREFIX_SIZE_MAX;
    uint8_t *at =
        kafka_record_body_put(start, sample->key.data, sample->key.size, sample->value.data,
                              sample->value.size, sample->header_count);
    for (uint32_t i = 0; i < sample->header_count; i++) {
        at = kafka_record_header_put(at, (const char *)sample->names[i].data,
                                     (size_t)sample->names[i].size, sample->values[i].data,
                                     sample->values[i].size);
    }
    RT_ASSERT((size_t)(at - start) == body);
    uint8_t prefix[KAFKA_RECORD_PREFIX_SIZE_MAX];
    size_t prefix_size =
        kafka_record_prefix_encode(prefix, body, sample->timestamp_delta_ms, sample->offset_delta);
    *size = prefix_size + body;
    RT_ASSERT(prefix_size <= sizeof prefix);
    RT_ASSERT(*size == kafka_record_size(body, sample->timestamp_delta_ms, sample->offset_delta));
    uint8_t *record = malloc(*size);
    RT_ASSERT(record != NULL);
    memcpy(record, prefix, prefix_size);
    memcpy(record + prefix_size, start, body);
    free(memory);
    return record;
}

static void check_field(const void *data, size_t size, struct field expected) {
    if (expected.size == KAFKA_RECORD_NULL) {
        RT_ASSERT(data == NULL);
        return;
    }
    RT_ASSERT(data != NULL && (int64_t)size == expected.size);
    RT_ASSERT(memcmp(data, expected.data, size) == 0);
}

static void sample_check(const uint8_t *bytes, size_t size, const struct sample *sample) {
    struct kafka_reader reader = kafka_reader_of(bytes, size);
    struct kafka_record record;
    struct kafka_record_header header;
    RT_ASSERT(kafka_record_decode(&reader, &record));
    RT_ASSERT(kafka_reader_left(&reader) == 0);
    RT_ASSERT(record.attributes == 0);
    RT_ASSERT(record.timestamp_delta_ms == sample->timestamp_delta_ms);
    RT_ASSERT(record.offset_delta == sample->offset_delta);
    check_field(record.key.data, record.key.size, sample->key);
    check_field(record.value.data, record.value.size, sample->value);
    RT_ASSERT(record.header_count == sample->header_count);
    for (uint32_t i = 0; i < sample->header_count; i++) {
        RT_ASSERT(kafka_record_next_header(&record, &header));
        check_field(header.name.data, header.name.size, sample->names[i]);
        check_field(header.value.data, header.value.size, sample->values[i]);
    }
    RT_ASSERT(!kafka_record_next_header(&record, &header));
    /* One byte less is never a record. */
    reader = kafka_reader_of(bytes, size - 1);
    RT_ASSERT(!kafka_record_decode(&reader, &record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    for (int i = 0; i < RECORDS_MAX && input.left > 0; i++) {
        struct sample sample = {.header_count = 0};
        size_t record_size;
        sample_read(&input, &sample);
        uint8_t *record = sample_write(&sample, &record_size);
        sample_check(record, record_size, &sample);
        free(record);
        sample_free(&sample);
    }
    return 0;
}
