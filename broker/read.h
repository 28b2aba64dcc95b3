/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a partition back: the batches are taken hold of inside the actor and decoded anywhere. */
#ifndef BROKER_READ_H
#define BROKER_READ_H

#include <sluice/broker.h>

#include "broker/log.h"

struct broker_excerpt {
    size_t count;
    struct broker_batch *batches[]; /* counted */
};

/* What holds `offset` and all after it. NULL when memory is short. */
struct broker_excerpt *broker_excerpt_take(const struct broker_log *log, int64_t offset);
/* Hands over the records from `offset` on, and frees the excerpt. Returns how many, or -1 when a
 * batch cannot be decoded or memory is short. Any thread. */
int64_t broker_excerpt_read(struct broker_excerpt *excerpt, int64_t offset,
                            sluice_broker_record_callback callback, void *context);

#endif
