/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Batches that a broker refused as they are, and whose records can be saved: too large together, or
 * some of them invalid. Part of the leader actor; the rules are in docs/decisions/split.md. */
#ifndef ACTORS_LEADER_CUT_H
#define ACTORS_LEADER_CUT_H

#include "actors/leader/partition.h"

/* What is known while a ticket's batches are gone through. */
struct cut_round {
    uint64_t now_ns;
    uint32_t refused_bytes; /* on the wire: the smallest that was refused; UINT32_MAX: none */
};
static inline struct cut_round cut_round_at(uint64_t now_ns) {
    return (struct cut_round){.now_ns = now_ns, .refused_bytes = UINT32_MAX};
}

/* Appends the pieces that go again to `kept`, and decides the records that were named. False, and
 * the batch is as it was: it need not be cut, or memory is short. One that was not refused itself
 * is only cut when it `goes_again`. */
bool cut_batch(struct cut_round *round, struct batch *batch, bool goes_again,
               struct batch_list *kept);
/* It should be cut, and may be sent as it is until there is memory to do it. */
bool cut_is_wanted(const struct batch *batch);

#endif
