/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Producers that write a batch when they are told to, one process for each library that is compared
 * (unanswered_sluice.c, unanswered_rdkafka.c; java/Unanswered.java is the same in Java):
 *
 *   PROGRAM BOOTSTRAP TOPIC FIRST_PARTITION RECORDS_PER_BATCH
 *
 * It opens five producers; number k, with the client.id NAME-k, writes to partition
 * FIRST_PARTITION + k - 1. Commands come on standard input, and each is answered by "done":
 *
 *   batch N   each producer k >= N hands over the records of one batch, at once
 *   wait      until every record has its outcome, or nothing more is to be expected
 *   end       closes, and then prints "k index outcome error" for each record
 *
 * The value of a record is its index, as text. An outcome is persisted, failed, unknown, refused
 * (never accepted) or none.
 */
#ifndef TESTS_KAFKA_UNANSWERED_H
#define TESTS_KAFKA_UNANSWERED_H

#include <stdbool.h>
#include <stdint.h>

enum { PRODUCERS = 5, RECORDS_MAX = 300, WAIT_MS_MAX = 150000 };

/* ---- what a library's file offers; `producer` counts from 0 ---------------------------------- */

extern const char peer_name[];
void peer_open(int producer, const char *bootstrap, const char *client_id, const char *topic);
/* The record's index comes back in its outcome. */
void peer_produce(int producer, int32_t partition, int index, const char *value);
void peer_wait(int producer);
void peer_close(int producer);

/* ---- what it may call ----------------------------------------------------------------------- */

void note_outcome(int producer, int index, const char *outcome, const char *error);
void give_up(const char *what, const char *why);

#endif
