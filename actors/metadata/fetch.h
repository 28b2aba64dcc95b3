/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One sluice_cluster_fetch on its way: an application thread waits, the metadata actor asks.
 *
 *   references = 1 for the caller + 1 for the actor     whoever gives the last one back frees it
 *
 * | field            | written by                              | read by                          |
 * | topic, every     | the caller, before it is posted         | the actor                        |
 * | answer…, error   | the actor, before `done` (release)      | the caller, after it (acquire)   |
 * | abandoned        | the caller                              | the actor: do not ask any more   |
 */
#ifndef ACTORS_METADATA_FETCH_H
#define ACTORS_METADATA_FETCH_H

#include <sluice/sluice.h>

#include "actors/topic/topic.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct metadata_fetch {
    struct rt_node node;
    struct metadata_fetch *next; /* the actor's */
    struct rt_world *world;
    _Atomic uint32_t references;
    _Atomic uint32_t done;
    _Atomic uint32_t abandoned;
    bool every; /* all topics; else `topic` alone */
    uint16_t topic_size;
    char topic[TOPIC_NAME_BYTES_MAX + 1];
    sluice_code error;
    int16_t version; /* of the answer */
    uint8_t *answer; /* its body */
    size_t answer_size;
};

void metadata_fetch_release(struct metadata_fetch *fetch);

#endif
