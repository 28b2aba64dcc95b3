/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/writer.h"

bool kafka_writer_is_valid(const struct kafka_writer *writer) {
    return writer->start <= writer->at && writer->at <= writer->end;
}

void kafka_write_raw(struct kafka_writer *writer, const void *data, size_t size) {
    uint8_t *room = kafka_write_room(writer, size);
    if (room != NULL && size > 0) {
        memcpy(room, data, size);
    }
}

void kafka_write_uuid(struct kafka_writer *writer, struct kafka_uuid id) {
    kafka_write_raw(writer, id.bytes, sizeof id.bytes);
}

void kafka_write_uvarint(struct kafka_writer *writer, uint32_t value) {
    uint8_t *room = kafka_write_room(writer, kafka_uvarint_size(value));
    if (room != NULL) {
        kafka_uvarint_put(room, value);
    }
}

void kafka_write_text_nullable(struct kafka_writer *writer, struct kafka_text text, bool flexible) {
    if (!kafka_text_is_valid(text)) {
        writer->failed = true;
        return;
    }
    bool null = text.data == NULL;
    if (flexible) {
        kafka_write_uvarint(writer, null ? 0 : (uint32_t)text.size + 1);
    } else {
        kafka_write_int16(writer, null ? -1 : (int16_t)text.size);
    }
    kafka_write_raw(writer, text.data, text.size);
}

void kafka_write_text(struct kafka_writer *writer, struct kafka_text text, bool flexible) {
    if (text.data == NULL) {
        writer->failed = true;
        return;
    }
    kafka_write_text_nullable(writer, text, flexible);
}

/* Lengths and counts share their form. */
static void write_size(struct kafka_writer *writer, uint32_t size, bool flexible) {
    if (size > INT32_MAX) {
        writer->failed = true;
    } else if (flexible) {
        kafka_write_uvarint(writer, size + 1);
    } else {
        kafka_write_int32(writer, (int32_t)size);
    }
}

void kafka_write_bytes_size(struct kafka_writer *writer, uint32_t size, bool flexible) {
    write_size(writer, size, flexible);
}

void kafka_write_count(struct kafka_writer *writer, uint32_t count, bool flexible) {
    write_size(writer, count, flexible);
}

void kafka_write_count_null(struct kafka_writer *writer, bool flexible) {
    if (flexible) {
        kafka_write_uvarint(writer, 0);
    } else {
        kafka_write_int32(writer, -1);
    }
}

void kafka_write_tags_none(struct kafka_writer *writer, bool flexible) {
    if (flexible) {
        kafka_write_uvarint(writer, 0);
    }
}
