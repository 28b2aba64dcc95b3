/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large batches of a topic should become: `batch.size`, or less where brokers refused batches
 * for their size.
 *
 * Leader actors of all the topic's partitions lower it, its partition actor reads it. It is advice:
 * a batch that is larger is refused and cut once more. After five minutes it doubles, and again,
 * since a limit may be raised.
 */
#ifndef ACTORS_TOPIC_LIMIT_H
#define ACTORS_TOPIC_LIMIT_H

#include <stdint.h>

struct topic;

/* Bytes of a batch's header and its uncompressed records. */
uint32_t topic_batch_bytes(const struct topic *topic, uint64_t now_ns);
/* A batch was refused, which suggests to stay below `bytes` or at it. */
void topic_batch_bytes_learn(struct topic *topic, uint32_t bytes, uint64_t now_ns);

#endif
