/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `sluice broker`: the embedded broker as a server on loopback, until Ctrl-C. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>

#include <sluice/broker.h>

#include "cli/cli.h"

static const char help[] =
    "usage: sluice broker [OPTION]...\n"
    "\n"
    "Runs the embedded broker on loopback until Ctrl-C, and prints its address once it listens.\n"
    "Topics are made on first use and kept in memory.\n"
    "\n"
    "  --port N        of the first broker, the others follow; 0 (default): any free ports\n"
    "  --brokers N     how many (1)\n"
    "  --partitions N  of topics made on first use (1)\n"
    "  --discard       keep no records, only offsets: for measuring\n"
    "  --help\n";

enum { OPTION_PORT = 256, OPTION_BROKERS, OPTION_PARTITIONS, OPTION_DISCARD, OPTION_HELP };
enum { PORT_MAX = 65535, BROKERS_MAX = 1000, PARTITIONS_MAX = 100000 };

static const struct option options[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"brokers", required_argument, NULL, OPTION_BROKERS},
    {"partitions", required_argument, NULL, OPTION_PARTITIONS},
    {"discard", no_argument, NULL, OPTION_DISCARD},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool number_take(const char *option, int64_t least, int64_t most, int64_t *number) {
    bool valid = number_read(optarg, least, most, number);
    if (!valid) {
        (void)usage_error("broker", "%s %s is not a number from %" PRId64 " to %" PRId64, option,
                          optarg, least, most);
    }
    return valid;
}

static int option_take(sluice_broker_options *asked, char **arguments, int option) {
    int64_t number = 0;
    switch (option) {
    case OPTION_PORT:
        if (!number_take("--port", 0, PORT_MAX, &number)) {
            return EXIT_USAGE;
        }
        asked->port = (uint16_t)number;
        return EXIT_DONE;
    case OPTION_BROKERS:
        if (!number_take("--brokers", 1, BROKERS_MAX, &number)) {
            return EXIT_USAGE;
        }
        asked->broker_count = (uint32_t)number;
        return EXIT_DONE;
    case OPTION_PARTITIONS:
        if (!number_take("--partitions", 1, PARTITIONS_MAX, &number)) {
            return EXIT_USAGE;
        }
        asked->partition_count = (uint32_t)number;
        return EXIT_DONE;
    case OPTION_DISCARD:
        asked->discard = true;
        return EXIT_DONE;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return -1;
    default:
        return usage_error_option(arguments, options, option);
    }
}

static int arguments_read(sluice_broker_options *asked, int count, char **arguments) {
    int status = EXIT_DONE;
    int option = 0;
    opterr = 0;
    while (status == EXIT_DONE &&
           (option = getopt_long(count, arguments, ":", options, NULL)) != -1) {
        status = option_take(asked, arguments, option);
    }
    if (status == EXIT_DONE && optind < count) {
        return usage_error("broker", "\"%s\" is not an option", arguments[optind]);
    }
    return status;
}

static void interrupt_wait(void) {
    struct pollfd interrupt = {.fd = interrupts_descriptor(), .events = POLLIN};
    while (interrupts_seen() == 0 && (poll(&interrupt, 1, -1) >= 0 || errno == EINTR)) {
    }
}

int broker_run(int count, char **arguments) {
    sluice_error error = {SLUICE_OK, ""};
    sluice_broker_options asked = {.port = 0};
    int status = arguments_read(&asked, count, arguments);
    if (status != EXIT_DONE) {
        return status < 0 ? EXIT_DONE : status;
    }
    if (!interrupts_catch()) {
        return EXIT_FAILED;
    }
    sluice_broker *broker = sluice_broker_create(&asked, &error);
    if (broker == NULL) {
        (void)fprintf(stderr, "sluice broker: %s\n", error.text);
        return sluice_code_class(error.code) == SLUICE_CLASS_CALLER ? EXIT_USAGE : EXIT_FAILED;
    }
    (void)printf("%s\n", sluice_broker_bootstrap(broker));
    (void)fflush(stdout);
    interrupt_wait();
    sluice_broker_counters counters;
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    (void)fprintf(stderr,
                  "%" PRIu64 " record%s in %" PRIu64 " batch%s, %" PRIu64 " duplicate%s, %" PRIu64
                  " batch%s refused, %" PRIu64 " connection%s\n",
                  counters.records, plural(counters.records), counters.batches,
                  counters.batches == 1 ? "" : "es", counters.duplicates,
                  plural(counters.duplicates), counters.batches_refused,
                  counters.batches_refused == 1 ? "" : "es", counters.connections,
                  plural(counters.connections));
    sluice_broker_destroy(broker);
    return EXIT_DONE;
}
