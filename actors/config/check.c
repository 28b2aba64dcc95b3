/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options that contradict each other.
 *
 * The rule is that of Kafka's own client: an option that was not given follows those that were;
 * two that were given and contradict each other are refused. Two exceptions are refused even
 * though one side is a default, because giving way would take a promise away unseen: more than
 * five requests in flight (idempotence would go), and a delivery timeout shorter than one request.
 */
#include <inttypes.h>
#include <string.h>

#include "actors/config/config.h"
#include "runtime/mutant.h"

#define GIVEN(config, field) ((config)->given[SLUICE_OPTION_##field])

static sluice_code conflict(sluice_error *error, const char *what) {
    return sluice_error_set(error, SLUICE_CONFLICTING_OPTIONS, "%s", what);
}

/* Whether what was given, other than enable.idempotence itself, rules idempotence out. */
static bool idempotence_ruled_out(const struct sluice_config *config) {
    return config->acks != SLUICE_ACKS_ALL || config->retries == 0;
}

static bool idempotence_wanted(const struct sluice_config *config) {
    return config->enable_idempotence &&
           (GIVEN(config, enable_idempotence) || !idempotence_ruled_out(config));
}

static sluice_code check_idempotence(const struct sluice_config *config, sluice_error *error) {
    if (!idempotence_wanted(config)) {
        return SLUICE_OK;
    }
    if (config->acks != SLUICE_ACKS_ALL) {
        return conflict(error, "enable.idempotence=true needs acks=all");
    }
    if (config->retries == 0) {
        return conflict(error, "enable.idempotence=true needs retries of at least 1");
    }
    if (config->max_in_flight > SLUICE_IDEMPOTENT_IN_FLIGHT_MAX) {
        return sluice_error_set(error, SLUICE_CONFLICTING_OPTIONS,
                                "max.in.flight.requests.per.connection=%" PRId64
                                " needs enable.idempotence=false; with idempotence at most 5",
                                config->max_in_flight);
    }
    return SLUICE_OK;
}

static sluice_code check_memory(const struct sluice_config *config, sluice_error *error) {
    if (GIVEN(config, batch_size) && config->batch_size > config->buffer_memory) {
        return sluice_error_set(error, SLUICE_CONFLICTING_OPTIONS,
                                "batch.size=%" PRId64 " is more than buffer.memory=%" PRId64,
                                config->batch_size, config->buffer_memory);
    }
    if (GIVEN(config, max_request_size) && config->max_request_size > config->buffer_memory) {
        return sluice_error_set(error, SLUICE_CONFLICTING_OPTIONS,
                                "max.request.size=%" PRId64 " is more than buffer.memory=%" PRId64,
                                config->max_request_size, config->buffer_memory);
    }
    return SLUICE_OK;
}

static int64_t linger_ms(const struct sluice_config *config) {
    return (config->linger_us + 999) / 1000;
}

static sluice_code check_times(const struct sluice_config *config, sluice_error *error) {
    if (GIVEN(config, delivery_timeout_ms) && !RT_MUTANT(delivery_below_request) &&
        config->delivery_timeout_ms < linger_ms(config) + config->request_timeout_ms) {
        return sluice_error_set(error, SLUICE_CONFLICTING_OPTIONS,
                                "delivery.timeout.ms=%" PRId64 " is less than linger.ms (%" PRId64
                                ") + request.timeout.ms (%" PRId64 ")",
                                config->delivery_timeout_ms, linger_ms(config),
                                config->request_timeout_ms);
    }
    return SLUICE_OK;
}

/* A pair of a first value and its maximum, both given. */
static sluice_code check_growing(const struct sluice_config *config, enum sluice_option first,
                                 int64_t first_ms, enum sluice_option most, int64_t most_ms,
                                 const char *what, sluice_error *error) {
    if (config->given[first] && config->given[most] && first_ms > most_ms) {
        return sluice_error_set(error, SLUICE_CONFLICTING_OPTIONS,
                                "%s: %" PRId64 " is more than its maximum %" PRId64, what, first_ms,
                                most_ms);
    }
    return SLUICE_OK;
}

static sluice_code check_growing_all(const struct sluice_config *config, sluice_error *error) {
    sluice_code code = check_growing(config, SLUICE_OPTION_retry_backoff_ms,
                                     config->retry_backoff_ms, SLUICE_OPTION_retry_backoff_max_ms,
                                     config->retry_backoff_max_ms, "retry.backoff.ms", error);
    if (code == SLUICE_OK) {
        code = check_growing(config, SLUICE_OPTION_reconnect_backoff_ms,
                             config->reconnect_backoff_ms, SLUICE_OPTION_reconnect_backoff_max_ms,
                             config->reconnect_backoff_max_ms, "reconnect.backoff.ms", error);
    }
    if (code == SLUICE_OK) {
        code = check_growing(
            config, SLUICE_OPTION_connection_setup_timeout_ms, config->connection_setup_timeout_ms,
            SLUICE_OPTION_connection_setup_timeout_max_ms, config->connection_setup_timeout_max_ms,
            "socket.connection.setup.timeout.ms", error);
    }
    return code;
}

sluice_code sluice_config_check(const sluice_config *config, sluice_error *error) {
    if (config == NULL) {
        return sluice_error_set(error, SLUICE_INVALID_ARGUMENT, "a configuration is needed");
    }
    if (sluice_servers_count(config->bootstrap_servers) == 0) {
        return sluice_error_set(error, SLUICE_MISSING_OPTION,
                                "bootstrap.servers must be given: host:port, several separated by "
                                "commas");
    }
    sluice_code code = check_idempotence(config, error);
    code = code == SLUICE_OK ? check_memory(config, error) : code;
    code = code == SLUICE_OK ? check_times(config, error) : code;
    return code == SLUICE_OK ? check_growing_all(config, error) : code;
}

/* ---- options that follow --------------------------------------------------------------------- */

static int64_t least(int64_t left, int64_t right) {
    return left < right ? left : right;
}

/* A pair of which at most one side was given: the other follows. */
static void follow(const struct sluice_config *config, enum sluice_option first, int64_t *first_ms,
                   int64_t *most_ms) {
    if (config->given[first]) {
        *most_ms = *first_ms > *most_ms ? *first_ms : *most_ms;
    } else {
        *first_ms = least(*first_ms, *most_ms);
    }
}

struct sluice_config *sluice_config_resolve(const struct sluice_config *config,
                                            sluice_error *error) {
    if (sluice_config_check(config, error) != SLUICE_OK) {
        return NULL;
    }
    struct sluice_config *copy = sluice_config_copy(config);
    if (copy == NULL) {
        (void)sluice_error_code(error, SLUICE_NO_MEMORY);
        return NULL;
    }
    copy->enable_idempotence = idempotence_wanted(copy);
    copy->batch_size = least(copy->batch_size, copy->buffer_memory);
    copy->max_request_size = least(copy->max_request_size, copy->buffer_memory);
    int64_t needed_ms = linger_ms(copy) + copy->request_timeout_ms;
    if (copy->delivery_timeout_ms < needed_ms) {
        copy->delivery_timeout_ms = needed_ms;
    }
    follow(copy, SLUICE_OPTION_retry_backoff_ms, &copy->retry_backoff_ms,
           &copy->retry_backoff_max_ms);
    follow(copy, SLUICE_OPTION_reconnect_backoff_ms, &copy->reconnect_backoff_ms,
           &copy->reconnect_backoff_max_ms);
    follow(copy, SLUICE_OPTION_connection_setup_timeout_ms, &copy->connection_setup_timeout_ms,
           &copy->connection_setup_timeout_max_ms);
    return copy;
}
