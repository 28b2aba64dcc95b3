/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of a batch, decompressed if need be, in memory that is kept for the next batch. */
#ifndef BROKER_INFLATE_H
#define BROKER_INFLATE_H

#include "protocol/batch.h"
#include "protocol/reader.h"

/* All zero to begin with. One thread at a time. */
struct broker_inflater {
    void *codec_memory;
    size_t codec_memory_size;
    uint8_t *records;
    size_t records_size_max;
};

enum broker_inflated {
    BROKER_INFLATED,
    BROKER_INFLATE_UNBUILT, /* a codec that is not built in: nobody can look */
    BROKER_INFLATE_CORRUPT,
    BROKER_INFLATE_NO_MEMORY
};

/* `compressed`: what follows the batch's header. The records stay until the next call. */
enum broker_inflated broker_inflate(struct broker_inflater *inflater, int16_t attributes,
                                    struct kafka_bytes compressed, struct kafka_reader *records);
void broker_inflater_deinit(struct broker_inflater *inflater);

#endif
