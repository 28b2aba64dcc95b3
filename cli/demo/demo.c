/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/demo/demo.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "usage: sluice demo [--seconds N] [FOLDER]\n"
    "\n"
    "Starts three embedded brokers, produces the lines of the text files in FOLDER (by default "
    "the\n"
    "source tree), keyed by file, moves a leader and kills a broker meanwhile, reads everything\n"
    "back, and shows that nothing was lost, doubled or reordered.\n"
    "\n"
    "  --seconds N  how long to produce (8)\n"
    "  --help\n";

enum { OPTION_SECONDS = 256, OPTION_HELP, SECONDS_MAX = 3600 };

static const struct option options[] = {
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int arguments_read(int64_t *seconds, const char **folder, int count, char **arguments) {
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":", options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            (void)fputs(help, stdout);
            return -1;
        }
        if (option != OPTION_SECONDS) {
            return usage_error_option(arguments, options, option);
        }
        if (!number_read(optarg, 1, SECONDS_MAX, seconds)) {
            return usage_error("demo", "--seconds %s is not a number from 1 to %d", optarg,
                               SECONDS_MAX);
        }
    }
    if (optind + 1 < count) {
        return usage_error("demo", "\"%s\" is one folder too many", arguments[optind + 1]);
    }
    *folder = optind < count ? arguments[optind] : NULL;
    return EXIT_DONE;
}

static bool brokers_start(struct demo *demo) {
    sluice_error error = {SLUICE_OK, ""};
    sluice_broker_options wanted = {.broker_count = DEMO_BROKERS,
                                    .partition_count = DEMO_PARTITIONS};
    demo->broker = sluice_broker_create(&wanted, &error);
    if (demo->broker == NULL) {
        (void)fprintf(stderr, "sluice demo: %s\n", error.text);
        return false;
    }
    sluice_code code = sluice_broker_topic_create(demo->broker, DEMO_TOPIC, DEMO_PARTITIONS);
    if (code != SLUICE_OK) {
        (void)fprintf(stderr, "sluice demo: topic: %s\n", sluice_code_text(code));
    }
    return code == SLUICE_OK;
}

static bool producer_open(struct demo *demo) {
    int status = EXIT_DONE;
    sluice_config *config = sluice_config_new();
    if (config == NULL || config_option(config, "demo", "bootstrap.servers",
                                        sluice_broker_bootstrap(demo->broker)) != EXIT_DONE) {
        sluice_config_free(config);
        return false;
    }
    demo->producer = producer_start(config, "demo", &status);
    sluice_config_free(config);
    if (demo->producer != NULL) {
        demo->topic = topic_start(demo->producer, "demo", DEMO_TOPIC, &status);
    }
    return demo->topic != NULL;
}

/* Says what was found; EXIT_DONE if it is as it should be. */
static int demo_verdict(struct demo *demo) {
    struct findings findings = demo_check(demo);
    bool true_reports = findings.lost == 0 && findings.doubled == 0 && findings.damaged == 0 &&
                        findings.records >= demo->tally.persisted &&
                        findings.records <= demo->tally.persisted + demo->tally.unknown;
    bool good = true_reports && tally_good(&demo->tally) && findings.records > 0;
    demo_say(demo,
             "%" PRIu64 " persisted, %" PRIu64 " not persisted, %" PRIu64
             " unknown; read back: %" PRIu64 " record%s",
             demo->tally.persisted, demo->tally.not_persisted, demo->tally.unknown,
             findings.records, plural(findings.records));
    demo_say(demo, "%" PRIu64 " lost, %" PRIu64 " doubled or reordered, %" PRIu64 " damaged: %s",
             findings.lost, findings.doubled, findings.damaged,
             good           ? "every line is there once, in order"
             : true_reports ? "what was persisted is there once, in order"
                            : "NOT as it should be");
    tally_errors_print(&demo->tally, stdout);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int demo_do(struct demo *demo, const char *folder) {
    if (!interrupts_catch() || !sources_open(&demo->sources, folder) || !brokers_start(demo) ||
        !producer_open(demo)) {
        return EXIT_FAILED;
    }
    demo->outcomes = calloc(demo->duration_ns / 1000000000, RECORDS_PER_SECOND);
    if (demo->outcomes == NULL) {
        (void)fprintf(stderr, "sluice demo: no memory\n");
        return EXIT_FAILED;
    }
    demo->terminal = isatty(STDOUT_FILENO) == 1;
    demo->started_ns = clock_ns();
    demo_say(demo, "%d brokers, topic \"%s\" with %d partitions; %zu files, keyed by path",
             DEMO_BROKERS, DEMO_TOPIC, DEMO_PARTITIONS, demo->sources.count);
    demo_produce(demo);
    return demo_verdict(demo);
}

int demo_run(int count, char **arguments) {
    struct demo demo = {.killed = 0};
    const char *folder = NULL;
    int64_t seconds = 8;
    int status = arguments_read(&seconds, &folder, count, arguments);
    if (status == EXIT_DONE) {
        demo.duration_ns = (uint64_t)seconds * 1000000000;
        status = demo_do(&demo, folder);
        sluice_producer_free(demo.producer);
        sluice_broker_destroy(demo.broker);
        free(demo.outcomes);
        sources_close(&demo.sources);
    }
    return status < 0 ? EXIT_DONE : status;
}
