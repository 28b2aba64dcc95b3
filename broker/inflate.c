/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/inflate.h"

#include <stdlib.h>

#include "protocol/codec.h"

enum { INFLATED_SIZE_FIRST = 64 << 10, INFLATED_SIZE_MAX = 512 << 20 };

static bool memory_ensure(void **memory, size_t *size, size_t wanted) {
    if (*size < wanted) {
        free(*memory);
        *memory = malloc(wanted);
        *size = *memory == NULL ? 0 : wanted;
    }
    return *memory != NULL;
}

static enum broker_inflated inflate_into(struct broker_inflater *inflater,
                                         const struct kafka_codec *codec,
                                         struct kafka_bytes compressed, size_t room,
                                         struct kafka_reader *records, bool *too_small) {
    void *memory = inflater->records;
    bool ready = memory_ensure(&memory, &inflater->records_size_max, room);
    inflater->records = memory;
    if (!ready) {
        return BROKER_INFLATE_NO_MEMORY;
    }
    size_t size = 0;
    enum kafka_codec_status status = kafka_decompress(
        codec, inflater->codec_memory, inflater->codec_memory_size, compressed.data,
        compressed.size, inflater->records, inflater->records_size_max, &size);
    *too_small = status == KAFKA_CODEC_TOO_LARGE;
    *records = kafka_reader_of(inflater->records, size);
    return status == KAFKA_CODEC_DONE ? BROKER_INFLATED : BROKER_INFLATE_CORRUPT;
}

enum broker_inflated broker_inflate(struct broker_inflater *inflater, int16_t attributes,
                                    struct kafka_bytes compressed, struct kafka_reader *records) {
    int codec_id = attributes & KAFKA_BATCH_CODEC_MASK;
    *records = kafka_reader_of(compressed.data, compressed.size);
    if (codec_id == KAFKA_CODEC_NONE) {
        return BROKER_INFLATED;
    }
    const struct kafka_codec *codec = kafka_codec_by_id(codec_id);
    if (codec == NULL || !codec->is_built) {
        return codec == NULL ? BROKER_INFLATE_CORRUPT : BROKER_INFLATE_UNBUILT;
    }
    if (!memory_ensure(&inflater->codec_memory, &inflater->codec_memory_size,
                       codec->decompress_memory_size)) {
        return BROKER_INFLATE_NO_MEMORY;
    }
    size_t room = compressed.size * 4;
    room = room < INFLATED_SIZE_FIRST ? INFLATED_SIZE_FIRST : room;
    room = room < inflater->records_size_max ? inflater->records_size_max : room;
    for (;;) {
        bool too_small = false;
        enum broker_inflated result =
            inflate_into(inflater, codec, compressed, room, records, &too_small);
        bool more_may_help =
            room / KAFKA_CODEC_RATIO_MAX <= compressed.size && room < INFLATED_SIZE_MAX;
        if (!too_small || !more_may_help) {
            return result;
        }
        room *= 4;
    }
}

void broker_inflater_deinit(struct broker_inflater *inflater) {
    free(inflater->codec_memory);
    free(inflater->records);
    *inflater = (struct broker_inflater){0};
}
