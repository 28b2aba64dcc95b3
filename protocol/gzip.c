/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gzip by zlib, whose allocations come out of the memory that the stream was handed. */
#include "protocol/codecs.h"
#include "runtime/assert.h"

#include <limits.h>
#include <zlib.h>

enum {
    WINDOW_BITS_GZIP = 15 + 16, /* the largest window, in gzip's wrapping */
    MEMORY_LEVEL = 8,
    GZIP_WRAP_SIZE = 18,
    /* zlib.h: (1 << 17) + (1 << 17) bytes and some 7 KiB; newer ones 16 KiB more. */
    COMPRESS_MEMORY_SIZE = 304 * 1024,
    /* zlib.h: 1 << 15 bytes and some 7 KiB. */
    DECOMPRESS_MEMORY_SIZE = 48 * 1024
};

/* Lies at the start of the memory; what zlib allocates follows. */
struct stream {
    z_stream zlib;
    uint8_t *free_at;
    uint8_t *end;
    size_t output_left; /* of decompression */
};

static void *allocate(void *opaque, uInt count, uInt size) {
    struct stream *stream = opaque;
    size_t wanted = ((size_t)count * size + 15) & ~(size_t)15;
    RT_ASSERT(wanted <= (size_t)(stream->end - stream->free_at));
    void *memory = stream->free_at;
    stream->free_at += wanted;
    return memory;
}

static void release(void *opaque, void *memory) {
    (void)opaque;
    (void)memory;
}

static struct stream *lay_out(void *memory, size_t size) {
    struct stream *stream = memory;
    *stream = (struct stream){.zlib = {.zalloc = allocate, .zfree = release, .opaque = stream}};
    stream->free_at = (uint8_t *)memory + ((sizeof *stream + 15) & ~(size_t)15);
    stream->end = (uint8_t *)memory + size;
    return stream;
}

static uInt step_size(size_t size) {
    return size > UINT_MAX ? UINT_MAX : (uInt)size;
}

/* ---- compress -------------------------------------------------------------------------------- */

/* As deflateBound() has it for this window and memory level. */
static size_t gzip_bound(size_t size) {
    return size + (size >> 12) + (size >> 14) + (size >> 25) + 13 - 6 + GZIP_WRAP_SIZE;
}

static void gzip_compress_begin(void *memory, int level) {
    struct stream *stream = lay_out(memory, COMPRESS_MEMORY_SIZE);
    int result = deflateInit2(&stream->zlib, level, Z_DEFLATED, WINDOW_BITS_GZIP, MEMORY_LEVEL,
                              Z_DEFAULT_STRATEGY);
    RT_ASSERT(result == Z_OK);
}

static enum kafka_codec_status gzip_compress_step(void *memory, struct kafka_codec_flow *flow,
                                                  bool finish) {
    struct stream *stream = memory;
    z_stream *zlib = &stream->zlib;
    uInt in_size = step_size(flow->in_size);
    uInt out_size = step_size(flow->out_size);
    zlib->next_in = (Bytef *)(uintptr_t)flow->in;
    zlib->avail_in = in_size;
    zlib->next_out = flow->out;
    zlib->avail_out = out_size;
    int result = deflate(zlib, finish && in_size == flow->in_size ? Z_FINISH : Z_NO_FLUSH);
    RT_ASSERT(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
    flow->in = zlib->next_in;
    flow->in_size -= in_size - zlib->avail_in;
    flow->out = zlib->next_out;
    flow->out_size -= out_size - zlib->avail_out;
    return result == Z_STREAM_END ? KAFKA_CODEC_DONE : KAFKA_CODEC_MORE;
}

/* ---- decompress ------------------------------------------------------------------------------ */

static void gzip_decompress_begin(void *memory, size_t output_size_max) {
    struct stream *stream = lay_out(memory, DECOMPRESS_MEMORY_SIZE);
    stream->output_left = output_size_max;
    int result = inflateInit2(&stream->zlib, WINDOW_BITS_GZIP);
    RT_ASSERT(result == Z_OK);
}

static int inflate_into(struct stream *stream, struct kafka_codec_flow *flow, uint8_t *out,
                        size_t out_size, size_t *written) {
    z_stream *zlib = &stream->zlib;
    uInt in_size = step_size(flow->in_size);
    uInt room = step_size(out_size);
    zlib->next_in = (Bytef *)(uintptr_t)flow->in;
    zlib->avail_in = in_size;
    zlib->next_out = out;
    zlib->avail_out = room;
    int result = inflate(zlib, Z_NO_FLUSH);
    flow->in = zlib->next_in;
    flow->in_size -= in_size - zlib->avail_in;
    *written = room - zlib->avail_out;
    return result;
}

/* A stream is one gzip member after another. */
static enum kafka_codec_status judge(struct stream *stream, const struct kafka_codec_flow *flow,
                                     int result) {
    if (result == Z_STREAM_END) {
        if (flow->in_size == 0) {
            return KAFKA_CODEC_DONE;
        }
        int begun = inflateReset(&stream->zlib);
        RT_ASSERT(begun == Z_OK);
        return KAFKA_CODEC_MORE;
    }
    return result == Z_OK || result == Z_BUF_ERROR ? KAFKA_CODEC_MORE : KAFKA_CODEC_CORRUPT;
}

static enum kafka_codec_status gzip_decompress_step(void *memory, struct kafka_codec_flow *flow) {
    struct stream *stream = memory;
    size_t written;
    if (stream->output_left == 0) {
        /* The end may still have to be read; a byte that comes out instead is one too many. */
        uint8_t spare;
        int result = inflate_into(stream, flow, &spare, 1, &written);
        return written > 0 ? KAFKA_CODEC_TOO_LARGE : judge(stream, flow, result);
    }
    size_t room = flow->out_size < stream->output_left ? flow->out_size : stream->output_left;
    int result = inflate_into(stream, flow, flow->out, room, &written);
    flow->out += written;
    flow->out_size -= written;
    stream->output_left -= written;
    return judge(stream, flow, result);
}

const struct kafka_codec kafka_codec_gzip = {
    .id = KAFKA_CODEC_GZIP,
    .name = "gzip",
    .is_built = true,
    .level_min = 1,
    .level_max = 9,
    .level_default = Z_DEFAULT_COMPRESSION,
    .compress_memory_size = COMPRESS_MEMORY_SIZE,
    .decompress_memory_size = DECOMPRESS_MEMORY_SIZE,
    .compress_bound = gzip_bound,
    .compress_begin = gzip_compress_begin,
    .compress_step = gzip_compress_step,
    .decompress_begin = gzip_decompress_begin,
    .decompress_step = gzip_decompress_step,
};
