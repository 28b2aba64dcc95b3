/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The brokers that benchmarks produce to: the embedded broker, keeping nothing but offsets.
 * Prints the bootstrap address, then for each line of its standard input one with what it took so
 * far: records, batches, bytes of batches, Produce requests. Ends when its standard input does: so
 * it cannot outlive whoever started it.
 *
 *   perf_sink [PARTITIONS [BROKERS [DELAY_MS]]]
 *
 * DELAY_MS: how long the answer to each Produce request is kept back.
 */
#include <inttypes.h>
#include <sluice/broker.h>
#include <stdio.h>
#include <stdlib.h>

enum { API_PRODUCE = 0 };

static uint32_t word_number(int count, char **words, int at, uint32_t otherwise) {
    return count > at ? (uint32_t)strtoul(words[at], NULL, 10) : otherwise;
}

static void delay_answers(sluice_broker *broker, uint32_t delay_ms) {
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_DELAY);
    fault.api_key = API_PRODUCE;
    fault.count = 0;
    fault.delay_ms = delay_ms;
    if (delay_ms > 0 && sluice_broker_fault_add(broker, &fault) == 0) {
        fprintf(stderr, "perf_sink: no memory\n");
        exit(1);
    }
}

static void print_counters(sluice_broker *broker) {
    sluice_broker_counters counters;
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counters.records, counters.batches,
           counters.batch_bytes, counters.requests[API_PRODUCE]);
}

int main(int count, char **words) {
    sluice_broker_options options = {.discard = true,
                                     .partition_count = word_number(count, words, 1, 4),
                                     .broker_count = word_number(count, words, 2, 1)};
    sluice_error error;
    sluice_broker *broker = sluice_broker_create(&options, &error);
    if (broker == NULL) {
        fprintf(stderr, "perf_sink: %s\n", error.text);
        return 1;
    }
    delay_answers(broker, word_number(count, words, 3, 0));
    printf("%s\n", sluice_broker_bootstrap(broker));
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        print_counters(broker);
        fflush(stdout);
    }
    sluice_broker_destroy(broker);
    return 0;
}
