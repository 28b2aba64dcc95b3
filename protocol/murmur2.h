/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hash that the Java client chooses partitions with, so that keys land where they always did.
 * Source: Kafka's Utils.murmur2 and BuiltInPartitioner.partitionForKey. */
#ifndef KAFKA_MURMUR2_H
#define KAFKA_MURMUR2_H

#include <stddef.h>
#include <stdint.h>

uint32_t kafka_murmur2(const void *data, size_t size);
/* In [0, partition_count); partition_count > 0. */
int32_t kafka_partition_for_key(const void *key, size_t key_size, int32_t partition_count);

#endif
