/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/codec.h"

#include <string.h>

#include "protocol/codecs.h"
#include "runtime/assert.h"

/* ---- none: copies ---------------------------------------------------------------------------- */

struct none_state {
    size_t output_left;
};

static size_t none_bound(size_t size) {
    return size;
}

static void none_compress_begin(void *memory, int level) {
    (void)memory;
    (void)level;
}

static void copy(struct kafka_codec_flow *flow, size_t size) {
    if (size > 0) {
        memcpy(flow->out, flow->in, size);
        flow->in += size;
        flow->in_size -= size;
        flow->out += size;
        flow->out_size -= size;
    }
}

static size_t smaller(size_t left, size_t right) {
    return left < right ? left : right;
}

static enum kafka_codec_status none_compress_step(void *memory, struct kafka_codec_flow *flow,
                                                  bool finish) {
    (void)memory;
    copy(flow, smaller(flow->in_size, flow->out_size));
    return finish && flow->in_size == 0 ? KAFKA_CODEC_DONE : KAFKA_CODEC_MORE;
}

static void none_decompress_begin(void *memory, size_t output_size_max) {
    ((struct none_state *)memory)->output_left = output_size_max;
}

static enum kafka_codec_status none_decompress_step(void *memory, struct kafka_codec_flow *flow) {
    struct none_state *state = memory;
    if (flow->in_size > state->output_left) {
        return KAFKA_CODEC_TOO_LARGE;
    }
    size_t size = smaller(flow->in_size, flow->out_size);
    copy(flow, size);
    state->output_left -= size;
    return flow->in_size == 0 ? KAFKA_CODEC_DONE : KAFKA_CODEC_MORE;
}

static const struct kafka_codec codec_none = {
    .id = KAFKA_CODEC_NONE,
    .name = "none",
    .is_built = true,
    .compress_memory_size = sizeof(struct none_state),
    .decompress_memory_size = sizeof(struct none_state),
    .compress_bound = none_bound,
    .compress_begin = none_compress_begin,
    .compress_step = none_compress_step,
    .decompress_begin = none_decompress_begin,
    .decompress_step = none_decompress_step,
};

/* ---- the table ------------------------------------------------------------------------------- */

static const struct kafka_codec codec_snappy = {.id = KAFKA_CODEC_SNAPPY, .name = "snappy"};
static const struct kafka_codec codec_lz4 = {.id = KAFKA_CODEC_LZ4, .name = "lz4"};
static const struct kafka_codec codec_zstd = {.id = KAFKA_CODEC_ZSTD, .name = "zstd"};

static const struct kafka_codec *const codecs[KAFKA_CODEC_COUNT] = {
    [KAFKA_CODEC_NONE] = &codec_none,     [KAFKA_CODEC_GZIP] = &kafka_codec_gzip,
    [KAFKA_CODEC_SNAPPY] = &codec_snappy, [KAFKA_CODEC_LZ4] = &codec_lz4,
    [KAFKA_CODEC_ZSTD] = &codec_zstd,
};

const struct kafka_codec *kafka_codec_by_id(int id) {
    return id >= 0 && id < KAFKA_CODEC_COUNT ? codecs[id] : NULL;
}

const struct kafka_codec *kafka_codec_by_name(const char *name) {
    for (size_t i = 0; i < KAFKA_CODEC_COUNT; i++) {
        if (strcmp(codecs[i]->name, name) == 0) {
            return codecs[i];
        }
    }
    return NULL;
}

bool kafka_codec_level_is_allowed(const struct kafka_codec *codec, int level) {
    return level == codec->level_default ||
           (level >= codec->level_min && level <= codec->level_max);
}

static void check_memory(const struct kafka_codec *codec, const void *memory, size_t memory_size,
                         size_t needed_size) {
    RT_ASSERT(codec->is_built);
    RT_ASSERT(memory != NULL && (uintptr_t)memory % 16 == 0);
    RT_ASSERT(memory_size >= needed_size);
}

void kafka_compress_begin(const struct kafka_codec *codec, void *memory, size_t memory_size,
                          int level) {
    check_memory(codec, memory, memory_size, codec->compress_memory_size);
    RT_ASSERT(kafka_codec_level_is_allowed(codec, level));
    codec->compress_begin(memory, level);
}

enum kafka_codec_status kafka_compress_step(const struct kafka_codec *codec, void *memory,
                                            struct kafka_codec_flow *flow, bool finish) {
    return codec->compress_step(memory, flow, finish);
}

void kafka_decompress_begin(const struct kafka_codec *codec, void *memory, size_t memory_size,
                            size_t output_size_max) {
    check_memory(codec, memory, memory_size, codec->decompress_memory_size);
    codec->decompress_begin(memory, output_size_max);
}

enum kafka_codec_status kafka_decompress_step(const struct kafka_codec *codec, void *memory,
                                              struct kafka_codec_flow *flow) {
    return codec->decompress_step(memory, flow);
}

/* No more than the ratio allows, small inputs aside. Divides, so that no product is too large. */
static size_t output_cap(size_t in_size, size_t out_size) {
    enum { SMALL_SIZE = 64 };
    size_t counted_size = in_size + SMALL_SIZE;
    return counted_size > out_size / KAFKA_CODEC_RATIO_MAX ? out_size
                                                           : counted_size * KAFKA_CODEC_RATIO_MAX;
}

enum kafka_codec_status kafka_decompress(const struct kafka_codec *codec, void *memory,
                                         size_t memory_size, const uint8_t *in, size_t in_size,
                                         uint8_t *out, size_t out_size, size_t *output_size) {
    size_t cap = output_cap(in_size, out_size);
    struct kafka_codec_flow flow = {in, in_size, out, cap};
    *output_size = 0;
    kafka_decompress_begin(codec, memory, memory_size, cap);
    for (;;) {
        size_t in_before = flow.in_size;
        size_t out_before = flow.out_size;
        enum kafka_codec_status status = kafka_decompress_step(codec, memory, &flow);
        *output_size = cap - flow.out_size;
        if (status != KAFKA_CODEC_MORE) {
            return status;
        }
        if (flow.in_size == in_before && flow.out_size == out_before) {
            return flow.in_size == 0 ? KAFKA_CODEC_CORRUPT : KAFKA_CODEC_TOO_LARGE;
        }
    }
}
