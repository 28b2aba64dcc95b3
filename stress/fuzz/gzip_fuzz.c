/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gzip, both ways. Input: a byte that says which, the sizes of the steps, then the bytes.
 *
 * Hostile streams: small steps, large steps and all at once give the same bytes and the same end.
 * Round trip: whatever the level and the steps, what was compressed comes back, and its size is
 * under the bound that was declared.
 */
#include "protocol/codec.h"
#include "stress/fuzz/fuzz.h"

enum { OUTPUT_SIZE_MAX = 256 * 1024 };

struct plain {
    uint8_t *data;
    size_t size;
    enum kafka_codec_status status;
};

static void *memory_for(size_t size) {
    void *memory = malloc(size);
    RT_ASSERT(memory != NULL);
    return memory;
}

/* Offers the rest of the input and `room` bytes of room each time, as the broker does. */
static struct plain inflate_in_steps(const uint8_t *in, size_t in_size, size_t room) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    void *memory = memory_for(gzip->decompress_memory_size);
    struct plain plain = {.data = memory_for(OUTPUT_SIZE_MAX)};
    struct kafka_codec_flow flow = {.in = in, .in_size = in_size};
    bool moved;
    kafka_decompress_begin(gzip, memory, gzip->decompress_memory_size, OUTPUT_SIZE_MAX);
    do {
        size_t left = OUTPUT_SIZE_MAX - plain.size;
        size_t offered = room < left ? room : left;
        size_t in_before = flow.in_size;
        flow.out = plain.data + plain.size;
        flow.out_size = offered;
        plain.status = kafka_decompress_step(gzip, memory, &flow);
        RT_ASSERT(flow.out_size <= offered && flow.in_size <= in_before);
        moved = flow.in_size < in_before || flow.out_size < offered;
        plain.size += offered - flow.out_size;
    } while (plain.status == KAFKA_CODEC_MORE && moved);
    free(memory);
    return plain;
}

static void check_hostile(const uint8_t *in, size_t in_size, size_t room) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    struct plain small = inflate_in_steps(in, in_size, room);
    struct plain large = inflate_in_steps(in, in_size, OUTPUT_SIZE_MAX);
    RT_ASSERT(small.status == large.status);
    RT_ASSERT(small.status == KAFKA_CODEC_CORRUPT || small.size == large.size);
    size_t both = small.size < large.size ? small.size : large.size;
    RT_ASSERT(memcmp(small.data, large.data, both) == 0);

    void *memory = memory_for(gzip->decompress_memory_size);
    uint8_t *out = memory_for(OUTPUT_SIZE_MAX);
    size_t size;
    enum kafka_codec_status status = kafka_decompress(gzip, memory, gzip->decompress_memory_size,
                                                      in, in_size, out, OUTPUT_SIZE_MAX, &size);
    RT_ASSERT(status != KAFKA_CODEC_MORE && size <= OUTPUT_SIZE_MAX);
    if (status == KAFKA_CODEC_DONE) {
        RT_ASSERT(large.status == KAFKA_CODEC_DONE && large.size == size);
        RT_ASSERT(memcmp(large.data, out, size) == 0);
    } else {
        RT_ASSERT(large.status != KAFKA_CODEC_DONE || status == KAFKA_CODEC_TOO_LARGE);
    }
    free(memory);
    free(out);
    free(small.data);
    free(large.data);
}

/* Compresses with pieces of input and of room; the answer is what was written. */
static size_t deflate_in_steps(const struct kafka_codec *gzip, int level, const uint8_t *in,
                               size_t in_size, size_t piece, uint8_t *out, size_t out_size) {
    void *memory = memory_for(gzip->compress_memory_size);
    size_t read = 0;
    size_t written = 0;
    enum kafka_codec_status status = KAFKA_CODEC_MORE;
    kafka_compress_begin(gzip, memory, gzip->compress_memory_size, level);
    while (status == KAFKA_CODEC_MORE) {
        size_t take = in_size - read < piece ? in_size - read : piece;
        size_t room = out_size - written < piece ? out_size - written : piece;
        RT_ASSERT(room > 0); /* the bound holds */
        struct kafka_codec_flow flow = {in + read, take, out + written, room};
        status = kafka_compress_step(gzip, memory, &flow, read + take == in_size);
        RT_ASSERT(status == KAFKA_CODEC_MORE || status == KAFKA_CODEC_DONE);
        read += take - flow.in_size;
        written += room - flow.out_size;
    }
    RT_ASSERT(read == in_size);
    free(memory);
    return written;
}

static void check_round_trip(const uint8_t *in, size_t in_size, int level, size_t piece) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    size_t bound = gzip->compress_bound(in_size);
    uint8_t *packed = memory_for(bound + 1); /* so that room never runs out before the end */
    size_t packed_size = deflate_in_steps(gzip, level, in, in_size, piece, packed, bound + 1);
    RT_ASSERT(packed_size <= bound);
    void *memory = memory_for(gzip->decompress_memory_size);
    uint8_t *out = memory_for(in_size + 1);
    size_t size;
    RT_ASSERT(kafka_decompress(gzip, memory, gzip->decompress_memory_size, packed, packed_size, out,
                               in_size + 1, &size) == KAFKA_CODEC_DONE);
    RT_ASSERT(size == in_size && memcmp(out, in, size) == 0);
    free(memory);
    free(out);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    bool hostile = fuzz_byte(&input) % 2 == 0;
    size_t step = (size_t)fuzz_number(&input, 2) + 1;
    int level = (int)(fuzz_byte(&input) % 10);
    uint8_t *bytes = fuzz_take(&input, input.left, &size);
    if (hostile) {
        check_hostile(bytes, size, step);
    } else {
        check_round_trip(bytes, size, level == 0 ? -1 : level, step);
    }
    free(bytes);
    return 0;
}
