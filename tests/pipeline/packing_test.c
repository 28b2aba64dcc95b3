/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compression: how much of a batch is packed before others may run. */
#include <inttypes.h>

#include "pipeline/rig.h"

#include "pipeline/json_path.h"

enum { RECORDS = 900, VALUE_BYTES = 1000, SLICE_BYTES = 12288, TEXT_BYTES_MAX = 1 << 18 };

static uint64_t activations(struct rig *rig) {
    static char text[TEXT_BYTES_MAX];
    cr_assert_lt(sluice_producer_counters(rig->producer, text, sizeof text), sizeof text);
    bool found;
    uint64_t count = json_number_at(text, "runtime.activations", &found);
    cr_assert(found);
    return count;
}

/* How many it takes to produce one batch, which is small when it is packed. */
static uint64_t activations_of_a_batch(void) {
    const char *settings[] = {"compression.type", "gzip",    "linger.ms", "1000",
                              "batch.size",       "1000000", NULL};
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = 1, .partitions = 1, .settings = settings});
    rig_produce(rig, 0);
    rig_flush(rig);
    rig->value_size = VALUE_BYTES;
    uint64_t batches = rig_status(rig).batches_sent;
    uint64_t before = activations(rig);
    rig_produce_some(rig, 0, RECORDS);
    rig_flush(rig);
    uint64_t took = activations(rig) - before;
    cr_expect_eq(rig_status(rig).batches_sent - batches, 1);
    rig_end(rig);
    return took;
}

/* Actors go before the next slice of a job: tests/runtime/job_test.c. */
Test(packing, a_batch_is_packed_in_slices) {
    uint64_t slices = RECORDS * VALUE_BYTES / SLICE_BYTES;
    uint64_t took = activations_of_a_batch();
    cr_expect_geq(took, slices, "%" PRIu64, took);
    cr_expect_lt(took, 2 * slices, "%" PRIu64, took);
}
