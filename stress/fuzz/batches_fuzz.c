/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Record batches, as Produce and Fetch carry them: hostile headers, records and compressed records.
 *
 * Input: a byte of choices, then the bytes of batches. Checked: a header that was understood is
 * written again byte for byte; a stamp is read back and changes nothing else.
 */
#include "protocol/batch.h"
#include "stress/fuzz/fuzz.h"
#include "stress/fuzz/repair.h"
#include "tests/protocol/walk.h"

enum { REPAIR = 1, RECORDS_ALONE = 2 };

static void check_stamp(const struct kafka_batch_header *header, struct kafka_bytes records,
                        struct kafka_batch_sum sum) {
    size_t size = KAFKA_BATCH_HEADER_SIZE + records.size;
    uint8_t *batch = malloc(size);
    RT_ASSERT(batch != NULL);
    kafka_batch_header_encode(batch, header, sum);
    memcpy(batch + KAFKA_BATCH_HEADER_SIZE, records.data, records.size);
    kafka_batch_stamp(batch, sum, 77, 3, 1234);
    kafka_batch_set_offset(batch, 99, 5);
    struct kafka_batch_header stamped;
    struct kafka_bytes again;
    RT_ASSERT(kafka_batch_decode(batch, size, &stamped, &again) == KAFKA_BATCH_GOOD);
    RT_ASSERT(stamped.producer_id == 77 && stamped.producer_epoch == 3);
    RT_ASSERT(stamped.base_sequence == 1234);
    RT_ASSERT(stamped.base_offset == 99 && stamped.leader_epoch == 5);
    RT_ASSERT(stamped.attributes == header->attributes);
    RT_ASSERT(stamped.last_offset_delta == header->last_offset_delta);
    RT_ASSERT(stamped.base_timestamp_ms == header->base_timestamp_ms);
    RT_ASSERT(stamped.max_timestamp_ms == header->max_timestamp_ms);
    RT_ASSERT(stamped.record_count == header->record_count);
    RT_ASSERT(stamped.records_size == header->records_size && again.size == records.size);
    free(batch);
}

static void check_header(const uint8_t *data, size_t size) {
    struct kafka_batch_header header;
    struct kafka_bytes records;
    if (kafka_batch_decode(data, size, &header, &records) != KAFKA_BATCH_GOOD) {
        return;
    }
    RT_ASSERT(records.size == header.records_size);
    RT_ASSERT(records.data == data + KAFKA_BATCH_HEADER_SIZE);
    RT_ASSERT(KAFKA_BATCH_HEADER_SIZE + records.size <= size);
    struct kafka_batch_sum sum =
        kafka_batch_sum_of(kafka_crc32c(0, records.data, records.size), records.size);
    uint8_t again[KAFKA_BATCH_HEADER_SIZE];
    kafka_batch_header_encode(again, &header, sum);
    RT_ASSERT(memcmp(again, data, sizeof again) == 0);
    check_stamp(&header, records, sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    uint8_t choices = fuzz_byte(&input);
    uint8_t *batches = fuzz_take(&input, input.left, &size);
    if ((choices & RECORDS_ALONE) != 0) {
        (void)walk_records(batches, size, INT32_MAX);
    } else {
        if ((choices & REPAIR) != 0) {
            repair_batch(batches, size);
        }
        check_header(batches, size);
        (void)walk_batches(batches, size);
    }
    free(batches);
    return 0;
}
