/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration: one typed field for each option of sluice/options.def that does something.
 *
 * Written by one thread before open; constant in the producer's copy. What a producer reads is a
 * copy made by sluice_config_resolve, in which options that were not given fit those that were.
 */
#ifndef ACTORS_CONFIG_CONFIG_H
#define ACTORS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/sluice.h>

#include "actors/config/error.h"

enum sluice_acks { SLUICE_ACKS_ALL = -1, SLUICE_ACKS_NONE = 0, SLUICE_ACKS_LEADER = 1 };
enum sluice_compression { SLUICE_COMPRESSION_NONE = 0, SLUICE_COMPRESSION_GZIP = 1 };
enum sluice_callback_thread { SLUICE_CALLBACK_POLL = 0, SLUICE_CALLBACK_WORKER = 1 };
enum sluice_recovery { SLUICE_RECOVERY_REBOOTSTRAP = 0, SLUICE_RECOVERY_NONE = 1 };

/* The most requests in flight under which brokers can put a producer's batches in order. */
enum { SLUICE_IDEMPOTENT_IN_FLIGHT_MAX = 5 };

/* SLUICE_OPTION_<field>: the index of each option. */
enum sluice_option {
#define SLUICE_OPTION(field, name, kind, initial, least, most, choices, text) SLUICE_OPTION_##field,
#include <sluice/options.def>
    SLUICE_OPTION_COUNT
};

/* Types of the fields, by kind. */
typedef int64_t sluice_field_INTEGER;
typedef int64_t sluice_field_MILLISECONDS; /* in us */
typedef bool sluice_field_BOOLEAN;
typedef int32_t sluice_field_CHOICE; /* the number in `choices` */
typedef char *sluice_field_TEXT;     /* never NULL, owned */
typedef char *sluice_field_SERVERS;  /* never NULL, owned: see sluice_servers_next */

struct sluice_config {
#define SLUICE_OPTION(field, name, kind, initial, least, most, choices, text)                      \
    sluice_field_##kind field;
#include <sluice/options.def>
    bool given[SLUICE_OPTION_COUNT]; /* set by the program, not by default */

    sluice_report_callback report_callback;
    void *report_context;
    sluice_log_callback log_callback;
    void *log_context;
    sluice_event_callback event_callback;
    void *event_context;
};

/* A copy for a producer: checked as by sluice_config_check, and options that were not given follow
 * those that were:
 *   enable.idempotence     false with acks other than all, or with retries=0
 *   delivery.timeout.ms    at least linger.ms + request.timeout.ms
 *   batch.size, max.request.size   at most buffer.memory
 *   ...backoff.max.ms, ...setup.timeout.max.ms   at least what it is the maximum of
 * NULL on error. Freed with sluice_config_free. */
struct sluice_config *sluice_config_resolve(const struct sluice_config *config,
                                            sluice_error *error);

/* ---- bootstrap.servers ----------------------------------------------------------------------- */

enum { SLUICE_HOST_BYTES_MAX = 255, SLUICE_PORT_MAX = 65535 };

struct sluice_server {
    char host[SLUICE_HOST_BYTES_MAX + 1]; /* a name or a literal address, without brackets */
    uint16_t port;
};

/* Takes the next server off `*list` (leaves it at the rest). SLUICE_OK with `server` filled;
 * SLUICE_MISSING_OPTION at the end of the list; else what is wrong with it, told in `error`.
 * Accepts host:port and [IPv6]:port, each with or without PLAINTEXT:// in front; skips empty
 * entries. */
sluice_code sluice_servers_next(const char **list, struct sluice_server *server,
                                sluice_error *error);
/* How many servers a valid list names. */
uint32_t sluice_servers_count(const char *list);

#endif
