/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `sluice metadata`: the cluster as a broker tells it. */
#include <getopt.h>

#include "cli/cli.h"

static const char help[] =
    "usage: sluice metadata -b HOST:PORT[,...] [-t TOPIC] [OPTION]...\n"
    "\n"
    "Shows brokers, topics, partitions and leaders. A topic that does not exist is not created.\n"
    "\n"
    "  -b, --bootstrap HOST:PORT[,...]  where to ask\n"
    "  -t, --topic TOPIC                this topic only\n"
    "  -X, --option OPTION=VALUE        any option of docs/options.md; may be given again\n"
    "      --help\n";

enum { OPTION_HELP = 256, TIMEOUT_MS = 10000 };

static const struct option options[] = {
    {"bootstrap", required_argument, NULL, 'b'},
    {"topic", required_argument, NULL, 't'},
    {"option", required_argument, NULL, 'X'},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static void count_print(const char *before, int32_t count, const char *what) {
    (void)printf("%s%d %s%s", before, count, what, count == 1 ? "" : "s");
}

static void brokers_print(const sluice_cluster *cluster) {
    (void)printf("cluster %s, controller %d\n",
                 cluster->cluster_id == NULL ? "without an id" : cluster->cluster_id,
                 cluster->controller);
    count_print("", cluster->broker_count, "broker");
    (void)putchar('\n');
    for (int32_t i = 0; i < cluster->broker_count; i++) {
        const sluice_cluster_broker *broker = &cluster->brokers[i];
        (void)printf("  broker %d at %s:%u\n", broker->id, broker->host, broker->port);
    }
}

/* False when the broker told of an error. */
static bool topic_print(const sluice_cluster_topic *topic) {
    char text[256];
    (void)printf("  topic \"%s\"", topic->name);
    count_print(" with ", topic->partition_count, "partition");
    if (topic->error != SLUICE_OK) {
        (void)printf(": %s", sluice_code_describe(topic->error, text, sizeof text));
    }
    (void)putchar('\n');
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const sluice_cluster_partition *partition = &topic->partitions[i];
        (void)printf("    partition %d, leader %d, epoch %d", partition->id, partition->leader,
                     partition->leader_epoch);
        if (partition->error != SLUICE_OK) {
            (void)printf(": %s", sluice_code_describe(partition->error, text, sizeof text));
        }
        (void)putchar('\n');
    }
    return topic->error == SLUICE_OK;
}

static int cluster_show(const sluice_config *config, const char *topic) {
    int status = EXIT_FAILED;
    sluice_error error = {SLUICE_OK, ""};
    sluice_producer *producer = producer_start(config, "metadata", &status);
    if (producer == NULL) {
        return status;
    }
    sluice_cluster *cluster = sluice_cluster_fetch(producer, topic, TIMEOUT_MS, &error);
    if (cluster == NULL) {
        (void)fprintf(stderr, "sluice metadata: %s\n", error.text);
        status = error.code == SLUICE_INVALID_TOPIC ? EXIT_USAGE : EXIT_FAILED;
    } else {
        status = EXIT_DONE;
        brokers_print(cluster);
        count_print("", cluster->topic_count, "topic");
        (void)putchar('\n');
        for (int32_t i = 0; i < cluster->topic_count; i++) {
            if (!topic_print(&cluster->topics[i])) {
                status = EXIT_FAILED;
            }
        }
    }
    sluice_cluster_free(cluster);
    sluice_producer_free(producer);
    return status;
}

static int arguments_read(sluice_config *config, const char **topic, int count, char **arguments) {
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":b:t:X:", options, NULL)) != -1) {
        int status = EXIT_DONE;
        switch (option) {
        case 'b':
            status = config_option(config, "metadata", "bootstrap.servers", optarg);
            break;
        case 't':
            *topic = optarg;
            break;
        case 'X':
            status = config_assignment(config, "metadata", optarg);
            break;
        case OPTION_HELP:
            (void)fputs(help, stdout);
            return -1;
        default:
            return usage_error_option(arguments, options, option);
        }
        if (status != EXIT_DONE) {
            return status;
        }
    }
    if (optind < count) {
        return usage_error("metadata", "\"%s\" is not an option", arguments[optind]);
    }
    sluice_error error;
    sluice_code code = sluice_config_check(config, &error);
    if (code == SLUICE_MISSING_OPTION) {
        return usage_error("metadata", "-b HOST:PORT is missing");
    }
    return code == SLUICE_OK ? EXIT_DONE : usage_error("metadata", "%s", error.text);
}

int metadata_run(int count, char **arguments) {
    const char *topic = NULL;
    sluice_config *config = sluice_config_new();
    if (config == NULL) {
        (void)fprintf(stderr, "sluice metadata: no memory\n");
        return EXIT_FAILED;
    }
    int status = arguments_read(config, &topic, count, arguments);
    if (status == EXIT_DONE) {
        status = cluster_show(config, topic);
    }
    sluice_config_free(config);
    return status < 0 ? EXIT_DONE : status;
}
