/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The brokers that benchmarks produce to: the embedded broker, keeping nothing but offsets.
 * Prints the bootstrap address, and ends when its standard input does: so it cannot outlive whoever
 * started it.
 *
 *   perf_sink [PARTITIONS [BROKERS]]
 */
#include <sluice/broker.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **words) {
    sluice_broker_options options = {.discard = true, .partition_count = 4};
    if (count > 1)
        options.partition_count = (uint32_t)strtoul(words[1], NULL, 10);
    if (count > 2)
        options.broker_count = (uint32_t)strtoul(words[2], NULL, 10);
    sluice_error error;
    sluice_broker *broker = sluice_broker_create(&options, &error);
    if (broker == NULL) {
        fprintf(stderr, "perf_sink: %s\n", error.text);
        return 1;
    }
    printf("%s\n", sluice_broker_bootstrap(broker));
    fflush(stdout);
    char rest[64];
    while (read(STDIN_FILENO, rest, sizeof(rest)) > 0)
        ;
    sluice_broker_destroy(broker);
    return 0;
}
