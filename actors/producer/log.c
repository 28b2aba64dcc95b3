/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines and events for the application, at most RATE_PER_SECOND of a kind each second. */
#include <stdarg.h>
#include <stdio.h>

#include "actors/producer/producer.h"

enum { RATE_PER_SECOND = 10, LOG_TEXT_BYTES_MAX = 512 };

/* True when one more may go out. Approximate when several workers ask at once: it may only let
 * fewer or a few more through. */
static bool allow(struct producer *producer, struct producer_rate *rate) {
    uint64_t second = rt_now(producer->world) / 1000000000;
    uint64_t seen = atomic_load_explicit(&rate->second, memory_order_relaxed);
    if (seen != second) {
        atomic_store_explicit(&rate->second, second, memory_order_relaxed);
        atomic_store_explicit(&rate->count, 0, memory_order_relaxed);
    }
    return atomic_fetch_add_explicit(&rate->count, 1, memory_order_relaxed) < RATE_PER_SECOND;
}

void producer_log(struct producer *producer, sluice_log_level level, const char *facility,
                  const char *format, ...) {
    const struct sluice_config *config = producer->config;
    if (config->log_callback == NULL ||
        !allow(producer, &producer->log_rates[(unsigned)level % PRODUCER_RATES])) {
        return;
    }
    char text[LOG_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config->log_callback(level, facility, text, config->log_context);
}

void producer_event(struct producer *producer, const sluice_event *event) {
    const struct sluice_config *config = producer->config;
    if (config->event_callback != NULL &&
        allow(producer, &producer->event_rates[(unsigned)event->kind % PRODUCER_RATES])) {
        config->event_callback(event, config->event_context);
    }
}
