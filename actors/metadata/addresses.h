/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom to connect to when any broker will do: the brokers that the snapshot knows, then those of
 * bootstrap.servers, each once in a round and beginning anywhere. For the metadata and identity
 * actors, inside their activations.
 */
#ifndef ACTORS_METADATA_ADDRESSES_H
#define ACTORS_METADATA_ADDRESSES_H

#include "actors/link/link.h"

struct producer;

struct addresses {
    uint32_t taken; /* of this round */
    uint32_t known_offset, bootstrap_offset;
    bool bootstrap_only; /* the known ones are not to be believed */
};

struct address {
    int32_t node; /* -1 for a bootstrap server */
    uint16_t port;
    char host[LINK_HOST_BYTES_MAX];
};

/* A new round, from other beginnings. */
void addresses_restart(struct addresses *addresses, struct producer *producer);
/* The next address of this round. False: each was taken. */
bool addresses_next(struct addresses *addresses, struct producer *producer,
                    struct address *address);
/* How long one broker may take to be set up while others could be asked and everybody waits: a
 * second in the first round, twice as long in every next one. 0 when there is no other: as long as
 * the configuration says. Goes into link.patience_ms. */
uint32_t addresses_patience_ms(const struct addresses *addresses, struct producer *producer,
                               uint32_t failed_rounds);

#endif
