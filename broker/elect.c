/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A leader that was behind: the log ends where replication did, and what is known of producers is
 * read from what is left, as Kafka's ProducerStateManager does after a truncation. */
#include "broker/model.h"
#include "broker/produced.h"
#include "protocol/batch.h"

enum { PRODUCE_VERSION = 3 };

static bool learn_batch(struct broker_producers *producers, const struct broker_batch *batch) {
    struct broker_produced produced;
    const char *why;
    struct kafka_bytes bytes = {batch->bytes, batch->size};
    sluice_code code = broker_produced_read(&produced, bytes, PRODUCE_VERSION, &why);
    if (code != SLUICE_OK || produced.producer_id < 0) {
        return true;
    }
    struct broker_sequence_batch sequence = {
        .producer_id = produced.producer_id,
        .first_sequence = produced.base_sequence,
        .last_sequence = kafka_sequence_add(produced.base_sequence, produced.record_count - 1),
        .epoch = produced.producer_epoch,
    };
    if (!broker_sequence_reserve(producers, produced.producer_id)) {
        return false;
    }
    broker_sequence_append(producers, &sequence, batch->number, batch->base_offset);
    return true;
}

bool broker_model_elect(struct broker_model *model, struct broker_partition *partition,
                        int32_t node) {
    bool learnt = true;
    if (partition->replicated < partition->log.next_offset) {
        broker_log_cut(&partition->log, partition->replicated);
        broker_producers_deinit(&partition->producers);
        for (size_t i = 0; learnt && i < partition->log.count; i++) {
            learnt = learn_batch(&partition->producers, broker_log_at(&partition->log, i));
        }
        partition->ever_written = partition->log.next_offset > 0;
    }
    broker_model_leader_move(model, partition, node);
    return learnt;
}
