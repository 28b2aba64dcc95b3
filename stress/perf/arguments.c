/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of the benchmark programs: the same for all of them. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress/perf/perf.h"

enum {
    OPTION_TOPICS = 256,
    OPTION_RECORDS,
    OPTION_SIZE,
    OPTION_JSON,
    OPTION_KEYED,
    OPTION_LATENCY,
    OPTION_THREADS,
    OPTION_RATE,
    OPTION_BUSY,
    OPTION_IDLE,
    OPTION_FILL,
    OPTION_FLOOR_PARTITIONS
};

static const struct option long_options[] = {
    {"topics", required_argument, NULL, OPTION_TOPICS},
    {"records", required_argument, NULL, OPTION_RECORDS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"json", required_argument, NULL, OPTION_JSON},
    {"keyed", no_argument, NULL, OPTION_KEYED},
    {"latency", no_argument, NULL, OPTION_LATENCY},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"busy", required_argument, NULL, OPTION_BUSY},
    {"idle", required_argument, NULL, OPTION_IDLE},
    {"fill", no_argument, NULL, OPTION_FILL},
    {"floor-partitions", required_argument, NULL, OPTION_FLOOR_PARTITIONS},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "-b HOST:PORT [OPTION]...\n"
    "  --topics N      t0, t1, ... in turn (1)\n"
    "  --records N     in all (1000000)\n"
    "  --size BYTES    of each value: the alphabet (100)\n"
    "  --json MIN-MAX  bytes: values are lines of JSON, made before the clock starts\n"
    "  --keyed         each record has a key of 8 bytes\n"
    "  --threads N     that produce (1)\n"
    "  --busy N        all records to the first N partitions of t0, by number\n"
    "  --rate N        records a second by a fixed schedule; latency from the moment of the "
    "schedule\n"
    "  --latency       one record at a time: send it, wait for its report\n"
    "  --idle SECONDS  produce nothing after the warm-up, and tell what that costs\n"
    "  --fill          until no more is accepted; then tell peak memory, and end\n"
    "  --floor-partitions N  of each topic; only the floor has to be told (4)\n"
    "  -X NAME=VALUE   an option of the library\n";

static _Noreturn void refuse(const char *what) {
    fprintf(stderr, "%s: %s\nusage: %s %s", program_invocation_short_name, what,
            program_invocation_short_name, usage);
    exit(2);
}

static uint64_t number_in(const char *text, const char **end, uint64_t lowest, uint64_t highest) {
    char *stop;
    errno = 0;
    unsigned long long number = strtoull(text, &stop, 10);
    if (errno != 0 || (end == NULL && *stop != '\0') || stop == text || number < lowest ||
        number > highest)
        refuse(text);
    if (end != NULL)
        *end = stop;
    return number;
}

static uint32_t count_in(const char *text, uint32_t highest) {
    return (uint32_t)number_in(text, NULL, 1, highest);
}

static void take_json_sizes(struct perf_arguments *arguments, const char *text) {
    const char *rest;
    arguments->json = true;
    arguments->value_size_min = number_in(text, &rest, 100, 1000000);
    if (*rest != '-')
        refuse(text);
    arguments->value_size_max = number_in(rest + 1, NULL, arguments->value_size_min, 1000000);
}

static void add_option(struct perf_arguments *arguments, char *text) {
    char *equals = strchr(text, '=');
    if (equals == NULL || arguments->option_count == PERF_OPTIONS_MAX)
        refuse(text);
    *equals = '\0';
    arguments->option_names[arguments->option_count] = text;
    arguments->option_values[arguments->option_count++] = equals + 1;
}

static void take_option(struct perf_arguments *arguments, int option) {
    switch (option) {
    case 'b':
        arguments->bootstrap = optarg;
        break;
    case 'X':
        add_option(arguments, optarg);
        break;
    case OPTION_TOPICS:
        arguments->topic_count = count_in(optarg, PERF_TOPICS_MAX);
        break;
    case OPTION_RECORDS:
        arguments->record_count = count_in(optarg, UINT32_MAX);
        break;
    case OPTION_SIZE:
        arguments->value_size_min = number_in(optarg, NULL, 0, 1000000);
        arguments->value_size_max = arguments->value_size_min;
        break;
    case OPTION_JSON:
        take_json_sizes(arguments, optarg);
        break;
    case OPTION_THREADS:
        arguments->thread_count = count_in(optarg, PERF_THREADS_MAX);
        break;
    case OPTION_RATE:
        arguments->rate = number_in(optarg, NULL, 1, 1000000000);
        break;
    case OPTION_BUSY:
        arguments->busy_count = count_in(optarg, 100000);
        break;
    case OPTION_IDLE:
        arguments->idle_seconds = count_in(optarg, 3600);
        break;
    case OPTION_FLOOR_PARTITIONS:
        arguments->floor_partitions = count_in(optarg, 100000);
        break;
    case OPTION_KEYED:
        arguments->keyed = true;
        break;
    case OPTION_LATENCY:
        arguments->latency = true;
        break;
    case OPTION_FILL:
        arguments->fill = true;
        break;
    default:
        refuse("unknown option");
    }
}

void perf_arguments_read(struct perf_arguments *arguments, int count, char **words) {
    *arguments = (struct perf_arguments){.record_count = 1000000,
                                         .value_size_min = 100,
                                         .value_size_max = 100,
                                         .topic_count = 1,
                                         .thread_count = 1,
                                         .floor_partitions = 4};
    int option;
    while ((option = getopt_long(count, words, "b:X:", long_options, NULL)) != -1)
        take_option(arguments, option);
    if (arguments->bootstrap == NULL || optind != count)
        refuse("-b is missing, or there is a word too many");
}
