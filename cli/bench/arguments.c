/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <inttypes.h>

#include "cli/bench/bench.h"

static const char help[] =
    "usage: sluice bench -b HOST:PORT[,...] --topics N --records N --size BYTES [OPTION]...\n"
    "\n"
    "Produces records of one size to the topics t0, t1, ... in turn. Payloads are copied, every\n"
    "report is counted, and each topic gets one record before the clock starts.\n"
    "\n"
    "  -b, --bootstrap HOST:PORT[,...]\n"
    "      --topics N            how many topics (1)\n"
    "      --records N           how many records in all (1000000)\n"
    "      --size BYTES          of each value (100)\n"
    "      --keyed               each record has a key of 8 bytes, all different\n"
    "      --latency             one record at a time: send it, wait for its outcome\n"
    "      --threads N           threads that produce (1)\n"
    "  -X, --option OPTION=VALUE any option of docs/options.md; may be given again\n"
    "      --json                the result as one JSON object on standard output\n"
    "      --counters            then all of the producer's counters, as another JSON object\n"
    "      --help\n"
    "\n"
    "The latency of a record is the time from the call to produce until its report was read;\n"
    "without --latency one record in 64 is measured.\n"
    "\n"
    "Ends with 0 if every record was persisted (with acks=0: if nothing failed here), 1 if not,\n"
    "2 for wrong usage, and 130 after Ctrl-C (or SIGTERM). That stops producing: the figures are\n"
    "then of what was accepted until then. The second waits for no more reports\n"
    "of it, but for that of the one record that --latency has on its way.\n";

enum {
    OPTION_TOPICS = 256,
    OPTION_RECORDS,
    OPTION_SIZE,
    OPTION_KEYED,
    OPTION_LATENCY,
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_COUNTERS,
    OPTION_HELP
};
enum { TOPICS_MAX = 100000, SIZE_MAX_BYTES = 1000000000 };

static const struct option options[] = {
    {"bootstrap", required_argument, NULL, 'b'},
    {"topics", required_argument, NULL, OPTION_TOPICS},
    {"records", required_argument, NULL, OPTION_RECORDS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"keyed", no_argument, NULL, OPTION_KEYED},
    {"latency", no_argument, NULL, OPTION_LATENCY},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"option", required_argument, NULL, 'X'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"counters", no_argument, NULL, OPTION_COUNTERS},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int number_take(const char *option, int64_t least, int64_t most, int64_t *number) {
    if (number_read(optarg, least, most, number)) {
        return EXIT_DONE;
    }
    return usage_error("bench", "%s %s is not a number from %" PRId64 " to %" PRId64, option,
                       optarg, least, most);
}

static int option_take(struct bench *bench, char **arguments, int option) {
    switch (option) {
    case 'b':
        return config_option(bench->config, "bench", "bootstrap.servers", optarg);
    case 'X':
        return config_assignment(bench->config, "bench", optarg);
    case OPTION_TOPICS:
        return number_take("--topics", 1, TOPICS_MAX, &bench->topic_count);
    case OPTION_RECORDS:
        return number_take("--records", 1, INT64_MAX, &bench->record_count);
    case OPTION_SIZE:
        return number_take("--size", 0, SIZE_MAX_BYTES, &bench->record_bytes);
    case OPTION_THREADS:
        return number_take("--threads", 1, BENCH_THREADS_MAX, &bench->thread_count);
    case OPTION_KEYED:
        bench->keyed = true;
        return EXIT_DONE;
    case OPTION_LATENCY:
        bench->latency = true;
        return EXIT_DONE;
    case OPTION_JSON:
        bench->json = true;
        return EXIT_DONE;
    case OPTION_COUNTERS:
        bench->counters = true;
        return EXIT_DONE;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return -1;
    default:
        return usage_error_option(arguments, options, option);
    }
}

int bench_arguments_read(struct bench *bench, int count, char **arguments) {
    int status = EXIT_DONE;
    int option = 0;
    opterr = 0;
    while (status == EXIT_DONE &&
           (option = getopt_long(count, arguments, ":b:X:", options, NULL)) != -1) {
        status = option_take(bench, arguments, option);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    if (optind < count) {
        return usage_error("bench", "\"%s\" is not an option", arguments[optind]);
    }
    sluice_error error;
    sluice_code code = sluice_config_check(bench->config, &error);
    if (code == SLUICE_MISSING_OPTION) {
        return usage_error("bench", "-b HOST:PORT is missing");
    }
    return code == SLUICE_OK ? EXIT_DONE : usage_error("bench", "%s", error.text);
}
