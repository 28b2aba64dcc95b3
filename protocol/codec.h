/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compression of record batches behind one table: a codec is one file that fills one
 * `struct kafka_codec`. All work in memory that they were handed, in steps whose work is bounded
 * by the bytes offered to the step; to abandon a stream, forget its memory.
 */
#ifndef KAFKA_CODEC_H
#define KAFKA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As in the attributes of a batch. */
enum kafka_codec_id {
    KAFKA_CODEC_NONE = 0,
    KAFKA_CODEC_GZIP = 1,
    KAFKA_CODEC_SNAPPY = 2,
    KAFKA_CODEC_LZ4 = 3,
    KAFKA_CODEC_ZSTD = 4
};
enum { KAFKA_CODEC_COUNT = 5 };

enum kafka_codec_status {
    KAFKA_CODEC_MORE,     /* offer more input, or more room if all of it was used */
    KAFKA_CODEC_DONE,     /* the stream is complete */
    KAFKA_CODEC_CORRUPT,  /* not a stream of this codec */
    KAFKA_CODEC_TOO_LARGE /* more output than allowed */
};

/* One step's input and room. The step moves both on by what it read and wrote. */
struct kafka_codec_flow {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_size;
};

struct kafka_codec {
    uint8_t id;
    const char *name; /* as in compression.type */
    bool is_built;    /* known but not built: nothing below is set */
    int level_min, level_max;
    int level_default; /* outside min…max it is allowed too (gzip: -1) */
    size_t compress_memory_size;
    size_t decompress_memory_size;
    /* Most output for that much input, whatever the steps and the level. */
    size_t (*compress_bound)(size_t size);
    void (*compress_begin)(void *memory, int level);
    enum kafka_codec_status (*compress_step)(void *memory, struct kafka_codec_flow *flow,
                                             bool finish);
    void (*decompress_begin)(void *memory, size_t output_size_max);
    enum kafka_codec_status (*decompress_step)(void *memory, struct kafka_codec_flow *flow);
};

/* NULL for numbers and names that Kafka has no codec for. */
const struct kafka_codec *kafka_codec_by_id(int id);
const struct kafka_codec *kafka_codec_by_name(const char *name);
bool kafka_codec_level_is_allowed(const struct kafka_codec *codec, int level);

/* Both take 16-aligned memory of at least the codec's size, which they lay out anew. The level must
 * be allowed. Asserted: only for codecs that are built. `none` copies. */
void kafka_compress_begin(const struct kafka_codec *codec, void *memory, size_t memory_size,
                          int level);
/* `finish` says that what is offered is the last: once said, go on saying it, with what the step
 * left of it, until DONE. MORE with room left means that all input was taken. Never fails. */
enum kafka_codec_status kafka_compress_step(const struct kafka_codec *codec, void *memory,
                                            struct kafka_codec_flow *flow, bool finish);

/* Output ends at `output_size_max` with TOO_LARGE. */
void kafka_decompress_begin(const struct kafka_codec *codec, void *memory, size_t memory_size,
                            size_t output_size_max);
/* The step's input is the rest of the batch: input that ends too early is MORE with room left. */
enum kafka_codec_status kafka_decompress_step(const struct kafka_codec *codec, void *memory,
                                              struct kafka_codec_flow *flow);
/* All at once. DONE: `*output_size` bytes are in `out`, and all input was used. TOO_LARGE: they did
 * not fit, or would be over KAFKA_CODEC_RATIO_MAX times the input. */
enum { KAFKA_CODEC_RATIO_MAX = 1100 };
enum kafka_codec_status kafka_decompress(const struct kafka_codec *codec, void *memory,
                                         size_t memory_size, const uint8_t *in, size_t in_size,
                                         uint8_t *out, size_t out_size, size_t *output_size);

#endif
