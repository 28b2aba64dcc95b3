/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kafka/kafka_records.h"

/* Each draw of a record has its own number; java/Expected.java uses the same ones. */
enum draw {
    DRAW_TOPIC,
    DRAW_KEY,
    DRAW_VALUE,
    DRAW_BYTES,
    DRAW_HEADERS,
    DRAW_TIME,
    DRAW_KEY_BYTES = 8
};

static const uint32_t key_count = 20000;

/* One step of splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Generators". */
static uint64_t scramble(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t draw(uint64_t seed, uint64_t index, uint64_t purpose) {
    return scramble(seed + scramble(index * 16 + purpose));
}

static uint32_t below(uint64_t drawn, uint32_t limit) {
    return (uint32_t)((drawn >> 33) % limit);
}

uint32_t kafka_record_topic(const struct kafka_run *run, uint64_t index) {
    return below(draw(run->seed, index, DRAW_TOPIC), run->topic_count);
}

static void make_key(struct kafka_record *made, uint64_t seed, uint64_t index) {
    uint32_t number = below(draw(seed, index, DRAW_KEY), key_count);
    made->record.key = made->key;
    made->record.key_size = number % 24;
    for (size_t i = 0; i < made->record.key_size; i++)
        made->key[i] = (uint8_t)(draw(seed, number, DRAW_KEY_BYTES + i / 8) >> (8 * (i % 8)));
}

static void make_value(struct kafka_record *made, uint64_t seed, uint64_t index) {
    uint64_t drawn = draw(seed, index, DRAW_VALUE);
    uint32_t kind = below(drawn, 64);
    if (kind == 0)
        return; /* null */
    made->record.value = made->value;
    made->record.value_size = kind == 1   ? 0
                              : kind == 2 ? KAFKA_RECORD_VALUE_BYTES_MAX
                                          : (drawn & 0xFF) % 160;
    bool readable = kind % 8 != 3;
    uint64_t block = draw(seed, index, DRAW_BYTES);
    for (size_t i = 0; i < made->record.value_size; i++) {
        uint8_t one = (uint8_t)(block >> (8 * (i % 8)));
        made->value[i] = readable ? (uint8_t)('a' + (one & 15)) : one;
        if (i % 8 == 7)
            block = scramble(block);
    }
}

static void add_header(struct kafka_record *made, const char *name, const char *value,
                       size_t value_size) {
    made->headers[made->record.header_count++] = (sluice_header){name, value, value_size};
}

static void make_headers(struct kafka_record *made, uint64_t seed, uint64_t index) {
    for (unsigned i = 0; i < sizeof(made->index_be); i++)
        made->index_be[i] = (uint8_t)(index >> (56 - 8 * i));
    made->record.headers = made->headers;
    add_header(made, "index", (const char *)made->index_be, sizeof(made->index_be));
    switch (below(draw(seed, index, DRAW_HEADERS), 4)) {
    case 0:
        break;
    case 1:
        add_header(made, "empty", "", 0);
        break;
    case 2:
        add_header(made, "twice", "one", 3);
        add_header(made, "twice", "two", 3);
        break;
    default:
        add_header(made, "null", NULL, 0);
        add_header(made, "n\xC3\xA4me", "v\xC3\xA4lue", 6);
    }
}

void kafka_record_make(struct kafka_record *made, const struct kafka_run *run, uint64_t index) {
    made->record = (sluice_record){.flags = SLUICE_RECORD_TIMESTAMP};
    make_key(made, run->seed, index);
    make_value(made, run->seed, index);
    make_headers(made, run->seed, index);
    made->record.timestamp_ms = run->first_ms + (int64_t)(index / 8) +
                                below(draw(run->seed, index, DRAW_TIME), 2000) - 1000;
}
