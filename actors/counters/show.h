/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of sluice_producer_counters; docs/counters.md explains it. */
#ifndef ACTORS_COUNTERS_SHOW_H
#define ACTORS_COUNTERS_SHOW_H

#include <sluice/sluice.h>

#include "actors/counters/json.h"

struct producer;

/* Any thread, also while all actors are at work. */
void counters_show(struct json *json, struct producer *producer, const sluice_status *status);

#endif
