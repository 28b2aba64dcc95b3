/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes on their way to a client: the protocol's bounded writer over memory that grows.
 *
 * Whoever writes first asks for room. When memory is short the writer fails, which is sticky, and
 * the connection ends: no half an answer is ever sent by mistake.
 */
#ifndef BROKER_OUTPUT_H
#define BROKER_OUTPUT_H

#include "protocol/writer.h"

/* All zero is empty. Holds whole frames, one after the other. */
struct broker_output {
    struct kafka_writer writer; /* start: the memory, or NULL */
};

static inline size_t broker_output_size(const struct broker_output *output) {
    return kafka_writer_size(&output->writer);
}
/* Makes room for `size` more bytes; without memory the writer has failed. */
void broker_output_reserve(struct broker_output *output, size_t size);
/* Forgets everything after the first `size` bytes, failure included. */
void broker_output_cut(struct broker_output *output, size_t size);
/* Empties it, and gives back memory over what most answers need. */
void broker_output_reset(struct broker_output *output);
void broker_output_deinit(struct broker_output *output);

#endif
