/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Codecs step by step, with input and room of every proportion. */
#include <limits.h>
#include <sys/mman.h>

#include "protocol/codec.h"
#include "test.h"

/* ---- a codec of the test's own: takes all in, then gives it out byte by byte ----------------- */

struct late {
    uint8_t held[16];
    size_t held_size, given;
};

static void late_begin(void *memory, size_t output_size_max) {
    (void)output_size_max;
    *(struct late *)memory = (struct late){{0}, 0, 0};
}

/* Takes no more than it can hold; `E` is its end. */
static enum kafka_codec_status late_step(void *memory, struct kafka_codec_flow *flow) {
    struct late *late = memory;
    while (flow->in_size > 0 && late->held_size < sizeof late->held) {
        late->held[late->held_size++] = *flow->in++;
        flow->in_size--;
    }
    if (late->given < late->held_size && late->held[late->given] != 'E' && flow->out_size > 0) {
        *flow->out++ = late->held[late->given++];
        flow->out_size--;
    }
    bool ended = late->given < late->held_size && late->held[late->given] == 'E';
    return ended ? KAFKA_CODEC_DONE : KAFKA_CODEC_MORE;
}

static const struct kafka_codec late_codec = {
    .name = "late",
    .is_built = true,
    .decompress_memory_size = sizeof(struct late),
    .decompress_begin = late_begin,
    .decompress_step = late_step,
};

static enum kafka_codec_status late_decompress(const char *text, size_t room, uint8_t *output,
                                               size_t *output_size) {
    _Alignas(16) struct late memory;
    return kafka_decompress(&late_codec, &memory, sizeof memory, (const uint8_t *)text,
                            strlen(text), output, room, output_size);
}

Test(codec_step, without_new_input_may_still_give_output) {
    uint8_t output[32];
    size_t size;
    cr_assert_eq(late_decompress("abcdefE", sizeof output, output, &size), KAFKA_CODEC_DONE);
    cr_assert_eq(size, 6);
    cr_assert_arr_eq(output, "abcdef", 6);
}

Test(codec_step, without_progress_is_too_large_while_input_is_left_and_else_corrupt) {
    uint8_t output[32];
    size_t size;
    cr_assert_eq(late_decompress("abcdef", sizeof output, output, &size), KAFKA_CODEC_CORRUPT);
    cr_assert_eq(late_decompress("twenty bytes and so E", 3, output, &size), KAFKA_CODEC_TOO_LARGE);
    cr_assert_eq(size, 3);
}

/* Makes as much as there is room for, of one byte that it does not take. */
static enum kafka_codec_status endless_step(void *memory, struct kafka_codec_flow *flow) {
    (void)memory;
    memset(flow->out, 0, flow->out_size);
    flow->out += flow->out_size;
    flow->out_size = 0;
    return KAFKA_CODEC_MORE;
}

Test(codec_step, that_makes_more_than_the_ratio_allows_is_too_large) {
    enum { ROOM = 1 << 20, ALLOWED = (1 + 64) * KAFKA_CODEC_RATIO_MAX };
    struct kafka_codec endless = late_codec;
    endless.decompress_step = endless_step;
    _Alignas(16) struct late memory;
    uint8_t *output = malloc(ROOM);
    size_t size;
    cr_assert_eq(kafka_decompress(&endless, &memory, sizeof memory, (const uint8_t *)"x", 1, output,
                                  ROOM, &size),
                 KAFKA_CODEC_TOO_LARGE);
    cr_assert_eq(size, ALLOWED);
    free(output);
}

/* ---- the codecs that are built --------------------------------------------------------------- */

Test(codec_step, of_none_is_not_done_before_all_has_found_room) {
    const struct kafka_codec *none = kafka_codec_by_id(KAFKA_CODEC_NONE);
    _Alignas(16) uint8_t memory[64];
    uint8_t output[4];
    kafka_compress_begin(none, memory, sizeof memory, 0);
    struct kafka_codec_flow flow = {(const uint8_t *)"abcd", 4, output, 3};
    cr_assert_eq(kafka_compress_step(none, memory, &flow, true), KAFKA_CODEC_MORE);
    flow.out_size = 1;
    cr_assert_eq(kafka_compress_step(none, memory, &flow, true), KAFKA_CODEC_DONE);
    cr_assert_arr_eq(output, "abcd", 4);
}

Test(codec_step, of_none_gives_back_in_pieces_and_stops_at_its_cap) {
    const struct kafka_codec *none = kafka_codec_by_id(KAFKA_CODEC_NONE);
    _Alignas(16) uint8_t memory[64];
    uint8_t output[4];
    kafka_decompress_begin(none, memory, sizeof memory, 4);
    struct kafka_codec_flow flow = {(const uint8_t *)"abcd", 4, output, 3};
    cr_assert_eq(kafka_decompress_step(none, memory, &flow), KAFKA_CODEC_MORE);
    flow.out_size = 1;
    cr_assert_eq(kafka_decompress_step(none, memory, &flow), KAFKA_CODEC_DONE);
    cr_assert_arr_eq(output, "abcd", 4);
    struct kafka_codec_flow more = {(const uint8_t *)"e", 1, output, 4};
    cr_assert_eq(kafka_decompress_step(none, memory, &more), KAFKA_CODEC_TOO_LARGE);
}

Test(codec_step, of_gzip_gives_back_in_pieces_of_any_size) {
    enum { SIZE = 3000 };
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    uint8_t input[SIZE], packed[SIZE + 100], back[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        input[i] = (uint8_t)(i * i >> 3);
    }
    void *memory = malloc(gzip->compress_memory_size);
    kafka_compress_begin(gzip, memory, gzip->compress_memory_size, 6);
    struct kafka_codec_flow in = {input, SIZE, packed, sizeof packed};
    cr_assert_eq(kafka_compress_step(gzip, memory, &in, true), KAFKA_CODEC_DONE);
    for (size_t piece = 1; piece < SIZE; piece = piece * 3 + 1) {
        kafka_decompress_begin(gzip, memory, gzip->decompress_memory_size, SIZE);
        struct kafka_codec_flow out = {packed, sizeof packed - in.out_size, back, 0};
        enum kafka_codec_status status = KAFKA_CODEC_MORE;
        while (status == KAFKA_CODEC_MORE) {
            size_t left = (size_t)(back + SIZE - out.out);
            out.out_size = left < piece ? left : piece;
            status = kafka_decompress_step(gzip, memory, &out);
        }
        cr_assert_eq(status, KAFKA_CODEC_DONE);
        cr_assert_eq(out.out, back + SIZE);
        cr_assert_arr_eq(back, input, SIZE);
    }
    free(memory);
}

/* zlib counts in 32 bits. What it is not offered yet must not be finished without. */
Test(codec_step, of_gzip_takes_part_of_more_than_four_gigabytes) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    const size_t size = (size_t)UINT_MAX + 4096;
    const uint8_t *zeros =
        mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq((const void *)zeros, MAP_FAILED);
    uint8_t packed[64];
    void *memory = malloc(gzip->compress_memory_size);
    kafka_compress_begin(gzip, memory, gzip->compress_memory_size, 1);
    struct kafka_codec_flow flow = {zeros, size, packed, sizeof packed};
    cr_assert_eq(kafka_compress_step(gzip, memory, &flow, true), KAFKA_CODEC_MORE);
    cr_assert_eq(flow.out_size, 0);
    cr_assert_eq(flow.in_size, size - (size_t)(flow.in - zeros));
    cr_assert_lt(flow.in_size, size);
    free(memory);
    munmap((void *)(uintptr_t)zeros, size);
}
