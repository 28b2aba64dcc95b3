/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/codec.h"
#include "test.h"
#include "tests/protocol/vectors.h"

enum { INPUT_SIZE = 100000 };

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Half noise, half text that repeats. */
static uint8_t *make_input(uint32_t seed, int noise_percent) {
    uint8_t *input = malloc(INPUT_SIZE);
    for (size_t i = 0; i < INPUT_SIZE; i++) {
        bool noise = (int)(next_random(&seed) % 100) < noise_percent;
        input[i] = noise ? (uint8_t)next_random(&seed) : (uint8_t)("the same again, "[i % 16]);
    }
    return input;
}

/* Compresses in steps of the sizes given; returns the size. */
static size_t compress(const struct kafka_codec *codec, void *memory, int level,
                       const uint8_t *input, size_t input_size, uint8_t *output, size_t output_room,
                       size_t in_step, size_t out_step) {
    kafka_compress_begin(codec, memory, codec->compress_memory_size, level);
    size_t read = 0, written = 0;
    for (;;) {
        size_t offered = input_size - read < in_step ? input_size - read : in_step;
        size_t room = output_room - written < out_step ? output_room - written : out_step;
        struct kafka_codec_flow flow = {input + read, offered, output + written, room};
        bool finish = offered == 0;
        enum kafka_codec_status status = kafka_compress_step(codec, memory, &flow, finish);
        read += offered - flow.in_size;
        written += room - flow.out_size;
        if (status == KAFKA_CODEC_DONE) {
            cr_assert_eq(read, input_size);
            return written;
        }
        cr_assert_eq(status, KAFKA_CODEC_MORE);
        cr_assert_lt(written, output_room, "the bound holds whatever the steps");
    }
}

static void round_trip(const struct kafka_codec *codec, int level, int noise_percent,
                       size_t in_step, size_t out_step) {
    uint8_t *input = make_input(7, noise_percent);
    size_t room = codec->compress_bound(INPUT_SIZE) + 1;
    uint8_t *output = malloc(room), *back = malloc(INPUT_SIZE);
    void *memory = malloc(codec->compress_memory_size);
    size_t size =
        compress(codec, memory, level, input, INPUT_SIZE, output, room, in_step, out_step);
    free(memory);
    memory = malloc(codec->decompress_memory_size);
    size_t back_size = 0;
    cr_assert_eq(kafka_decompress(codec, memory, codec->decompress_memory_size, output, size, back,
                                  INPUT_SIZE, &back_size),
                 KAFKA_CODEC_DONE);
    cr_assert_eq(back_size, INPUT_SIZE);
    cr_assert_arr_eq(back, input, INPUT_SIZE);
    free(memory);
    free(back);
    free(output);
    free(input);
}

Test(codec, gives_back_what_it_was_given_at_every_level) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    for (int level = -1; level <= 9; level++) {
        if (kafka_codec_level_is_allowed(gzip, level)) {
            round_trip(gzip, level, 0, 4096, 4096);
            round_trip(gzip, level, 50, 4096, 4096);
            round_trip(gzip, level, 100, 4096, 4096);
        }
    }
    round_trip(kafka_codec_by_id(KAFKA_CODEC_NONE), 0, 50, 1000, 77);
}

Test(codec, steps_of_any_size_make_the_same_stream_within_its_bound) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    round_trip(gzip, 6, 100, 1, 4096);
    round_trip(gzip, 6, 50, 100, 1);
    round_trip(gzip, 1, 100, 77, 13);
    round_trip(gzip, 9, 50, INPUT_SIZE, INPUT_SIZE * 2);
}

Test(codec, of_nothing_is_a_stream_too) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    uint8_t output[64], back[1];
    void *memory = malloc(gzip->compress_memory_size);
    size_t size = compress(gzip, memory, -1, output, 0, output, gzip->compress_bound(0), 1, 64);
    size_t back_size = 9;
    cr_assert_eq(kafka_decompress(gzip, memory, gzip->compress_memory_size, output, size, back, 0,
                                  &back_size),
                 KAFKA_CODEC_DONE);
    cr_assert_eq(back_size, 0);
    free(memory);
}

/* ---- what comes from outside ---------------------------------------------------------------- */

struct stream {
    uint8_t *data;
    size_t size;
    void *memory;
};

static struct stream make_stream(size_t zeros) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    struct stream stream = {.memory = malloc(gzip->compress_memory_size)};
    uint8_t *input = calloc(1, zeros);
    size_t room = gzip->compress_bound(zeros);
    stream.data = malloc(room);
    stream.size =
        compress(gzip, stream.memory, 9, input, zeros, stream.data, room + 1, zeros, room);
    free(input);
    return stream;
}

static void free_stream(struct stream *stream) {
    free(stream->data);
    free(stream->memory);
}

static enum kafka_codec_status decompress(const struct stream *stream, size_t in_size,
                                          size_t out_size, size_t *written) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    uint8_t *input = malloc(in_size), *output = malloc(out_size);
    memcpy(input, stream->data, in_size);
    enum kafka_codec_status status =
        kafka_decompress(gzip, stream->memory, gzip->decompress_memory_size, input, in_size, output,
                         out_size, written);
    for (size_t i = 0; status == KAFKA_CODEC_DONE && i < *written; i++) {
        cr_assert_eq(output[i], 0);
    }
    free(output);
    free(input);
    return status;
}

Test(codec, stops_at_its_cap_and_fits_exactly_at_it) {
    struct stream stream = make_stream(50000);
    size_t written;
    cr_assert_eq(decompress(&stream, stream.size, 50000, &written), KAFKA_CODEC_DONE);
    cr_assert_eq(decompress(&stream, stream.size, 49999, &written), KAFKA_CODEC_TOO_LARGE);
    cr_assert_leq(written, 49999);
    cr_assert_eq(decompress(&stream, stream.size, 1, &written), KAFKA_CODEC_TOO_LARGE);
    free_stream(&stream);
}

Test(codec, cut_short_is_corrupt) {
    struct stream stream = make_stream(50000);
    size_t written;
    for (size_t size = 0; size < stream.size; size++) {
        cr_assert_eq(decompress(&stream, size, 50000, &written), KAFKA_CODEC_CORRUPT, "%zu", size);
    }
    free_stream(&stream);
}

/* Some bits mean nothing: a distance within zeros, the padding before the sum. */
Test(codec, with_turned_bits_is_refused_or_means_the_same) {
    struct stream stream = make_stream(50000);
    size_t written, refused = 0, bits = 0;
    /* gzip's header is ten bytes. */
    for (size_t bit = 80; bit < 8 * stream.size; bit++, bits++) {
        stream.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (decompress(&stream, stream.size, 60000, &written) == KAFKA_CODEC_DONE) {
            cr_assert_eq(written, 50000);
        } else {
            refused++;
        }
        stream.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_gt(refused, bits / 2);
    free_stream(&stream);
}

Test(codec, reads_members_in_a_row_as_one_stream) {
    struct stream stream = make_stream(300);
    struct stream twice = {.data = malloc(2 * stream.size), .size = 2 * stream.size};
    memcpy(twice.data, stream.data, stream.size);
    memcpy(twice.data + stream.size, stream.data, stream.size);
    twice.memory = malloc(64 * 1024);
    size_t written;
    cr_assert_eq(decompress(&twice, twice.size, 600, &written), KAFKA_CODEC_DONE);
    cr_assert_eq(written, 600);
    cr_assert_eq(decompress(&twice, twice.size, 599, &written), KAFKA_CODEC_TOO_LARGE);
    cr_assert_eq(decompress(&twice, twice.size - 1, 600, &written), KAFKA_CODEC_CORRUPT);
    free_stream(&twice);
    free_stream(&stream);
}

Test(codec, table_knows_what_kafka_has_and_what_is_built) {
    static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (int id = 0; id < KAFKA_CODEC_COUNT; id++) {
        const struct kafka_codec *codec = kafka_codec_by_id(id);
        cr_assert_eq(codec->id, id);
        cr_assert_str_eq(codec->name, names[id]);
        cr_assert_eq(kafka_codec_by_name(names[id]), codec);
        cr_assert_eq(codec->is_built, id <= KAFKA_CODEC_GZIP);
    }
    cr_assert_null(kafka_codec_by_id(5));
    cr_assert_null(kafka_codec_by_id(-1));
    cr_assert_null(kafka_codec_by_name("brotli"));
    const struct kafka_codec *gzip = kafka_codec_by_name("gzip");
    cr_assert(kafka_codec_level_is_allowed(gzip, -1));
    cr_assert(kafka_codec_level_is_allowed(gzip, 9));
    cr_assert_not(kafka_codec_level_is_allowed(gzip, 0));
    cr_assert_not(kafka_codec_level_is_allowed(gzip, 10));
}
