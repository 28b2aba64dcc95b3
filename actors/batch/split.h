/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cutting a batch into pieces: batches of their own that take its place, because a broker refused
 * it as too large or named records in it. For whoever holds the ticket, with a batch of which it is
 * proven that no attempt wrote it (docs/decisions/split.md).
 *
 * The pieces together have every record, every slot, the charge and the age of the whole. All are
 * made before the whole is touched; when memory is short, nothing happened.
 */
#ifndef ACTORS_BATCH_SPLIT_H
#define ACTORS_BATCH_SPLIT_H

#include "actors/batch/batch.h"

/* The answer calls a record invalid: by its number in the batch, which may be any. */
void batch_name_record(struct batch *batch, int32_t number);

struct pieces {
    struct batch_list again;   /* in order, closed, not sealed; stamped if the whole was */
    struct batch_list refused; /* named records, not stamped */
    uint32_t count;            /* of both */
};

/* Cuts at `piece_bytes_max` of records, but a record is never cut; or, when records are named, into
 * those and the others. The whole is gone afterwards. False when memory is short: the whole is
 * as it was, and nobody is named any more. */
bool batch_split(struct batch *whole, uint32_t piece_bytes_max, struct pieces *pieces);

#endif
