/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/output.h"

#include <stdlib.h>

enum { OUTPUT_SIZE_FIRST = 1024, OUTPUT_SIZE_KEPT = 1 << 20 };

void broker_output_reserve(struct broker_output *output, size_t size) {
    struct kafka_writer *writer = &output->writer;
    size_t used = kafka_writer_size(writer);
    size_t capacity = (size_t)(writer->end - writer->start);
    if (writer->failed || size <= capacity - used) {
        return;
    }
    size_t wanted = capacity == 0 ? OUTPUT_SIZE_FIRST : capacity;
    while (wanted - used < size && wanted <= SIZE_MAX / 4) {
        wanted *= 2;
    }
    uint8_t *memory = wanted - used < size ? NULL : realloc(writer->start, wanted);
    if (memory == NULL) {
        writer->failed = true;
        return;
    }
    writer->start = memory;
    writer->at = memory + used;
    writer->end = memory + wanted;
}

void broker_output_cut(struct broker_output *output, size_t size) {
    output->writer.at = size == 0 ? output->writer.start : output->writer.start + size;
    output->writer.failed = false;
}

void broker_output_reset(struct broker_output *output) {
    if ((size_t)(output->writer.end - output->writer.start) > OUTPUT_SIZE_KEPT) {
        broker_output_deinit(output);
    } else {
        broker_output_cut(output, 0);
    }
}

void broker_output_deinit(struct broker_output *output) {
    free(output->writer.start);
    *output = (struct broker_output){{NULL, NULL, NULL, false}};
}
