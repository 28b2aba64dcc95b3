/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments of `sluice produce`. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/produce/produce.h"

static const char help[] =
    "usage: sluice produce -b HOST:PORT[,...] -t TOPIC [OPTION]... [FILE]...\n"
    "\n"
    "Writes each line of the files (none, or -: standard input) as one record.\n"
    "\n"
    "  -b, --bootstrap HOST:PORT[,...]  where to ask for the cluster first\n"
    "  -t, --topic TOPIC\n"
    "  -p, --partition PARTITION        write there; else by key, or spread\n"
    "  -K, --key-delimiter DELIMITER    what stands before it in a line is the key (\\t: a tab);\n"
    "                                   a line without it has no key\n"
    "  -H, --header NAME=VALUE          a header for each record; may be given again\n"
    "  -z, --compression CODEC          none or gzip\n"
    "  -X, --option OPTION=VALUE        any option of docs/options.md; may be given again.\n"
    "                                   buffer.memory is 8 MiB here unless it is given\n"
    "      --json                       the result as one JSON object on standard output\n"
    "      --counters                   then all of the producer's counters, as another JSON "
    "object\n"
    "      --help\n"
    "\n"
    "Ends with 0 if every record was persisted (with acks=0: if nothing failed here), 1 if not,\n"
    "2 for wrong usage. The first Ctrl-C (or SIGTERM) stops reading and delivers what was\n"
    "accepted, which may take as long as delivery.timeout.ms: 120 s unless it is given. The\n"
    "second leaves at once, and tells how many records had no report.\n";

enum { OPTION_JSON = 256, OPTION_COUNTERS, OPTION_HELP };
enum { BUFFER_MEMORY = 8388608 };
#define BUFFER_MEMORY_TEXT "8388608"

static const struct option options[] = {
    {"bootstrap", required_argument, NULL, 'b'},
    {"topic", required_argument, NULL, 't'},
    {"partition", required_argument, NULL, 'p'},
    {"key-delimiter", required_argument, NULL, 'K'},
    {"header", required_argument, NULL, 'H'},
    {"compression", required_argument, NULL, 'z'},
    {"option", required_argument, NULL, 'X'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"counters", no_argument, NULL, OPTION_COUNTERS},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int header_add(struct request *request, char *assignment) {
    char *equals = strchr(assignment, '=');
    if (equals == NULL) {
        return usage_error("produce", "-H %s is not name=value", assignment);
    }
    *equals = '\0'; /* the arguments are ours: the name ends where the value begins */
    request->headers[request->header_count++] =
        (sluice_header){.name = assignment, .value = equals + 1, .value_size = strlen(equals + 1)};
    return EXIT_DONE;
}

static int partition_set(struct request *request, const char *text) {
    int64_t number;
    if (!number_read(text, 0, INT32_MAX, &number)) {
        return usage_error("produce", "-p %s is not a partition", text);
    }
    request->partition = (int32_t)number;
    return EXIT_DONE;
}

static int delimiter_set(struct request *request, const char *text) {
    bool is_tab = strcmp(text, "\\t") == 0;
    if (!is_tab && strchr(text, '\\') != NULL && strlen(text) > 1) {
        return usage_error("produce", "-K %s: a backslash stands alone or in \\t, a tab", text);
    }
    request->delimiter = is_tab ? "\t" : text;
    request->delimiter_size = strlen(request->delimiter);
    return request->delimiter_size > 0 ? EXIT_DONE : usage_error("produce", "-K is empty");
}

static bool begins_with(const char *text, const char *beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static int option_take(struct request *request, char **arguments, int option) {
    switch (option) {
    case 'b':
        return config_option(request->config, "produce", "bootstrap.servers", optarg);
    case 't':
        request->topic = optarg;
        return EXIT_DONE;
    case 'p':
        return partition_set(request, optarg);
    case 'K':
        return delimiter_set(request, optarg);
    case 'H':
        return header_add(request, optarg);
    case 'z':
        return config_option(request->config, "produce", "compression.type", optarg);
    case 'X':
        request->memory_given |= begins_with(optarg, "buffer.memory=") ||
                                 begins_with(optarg, "queue.buffering.max.kbytes=");
        return config_assignment(request->config, "produce", optarg);
    case OPTION_JSON:
        request->json = true;
        return EXIT_DONE;
    case OPTION_COUNTERS:
        request->counters = true;
        return EXIT_DONE;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return -1;
    default:
        return usage_error_option(arguments, options, option);
    }
}

static bool is_at_most(const sluice_config *config, const char *name, int64_t most) {
    char text[32];
    size_t size = sizeof text;
    int64_t number;
    return sluice_config_get(config, name, text, &size, NULL) == SLUICE_OK &&
           number_read(text, 0, most, &number);
}

/* Less memory than the library's default keeps one file just as busy, and a large file from taking
 * more than a small one. */
static int memory_limit(const struct request *request) {
    bool small = is_at_most(request->config, "batch.size", BUFFER_MEMORY / 2) &&
                 is_at_most(request->config, "max.request.size", BUFFER_MEMORY / 2);
    if (request->memory_given || !small) {
        return EXIT_DONE;
    }
    return config_option(request->config, "produce", "buffer.memory", BUFFER_MEMORY_TEXT);
}

static int request_check(const struct request *request) {
    sluice_error error;
    if (request->topic == NULL) {
        return usage_error("produce", "-t TOPIC is missing");
    }
    sluice_code code = sluice_config_check(request->config, &error);
    if (code == SLUICE_MISSING_OPTION) {
        return usage_error("produce", "-b HOST:PORT is missing");
    }
    return code == SLUICE_OK ? EXIT_DONE : usage_error("produce", "%s", error.text);
}

int request_read(struct request *request, int count, char **arguments) {
    *request = (struct request){.partition = SLUICE_PARTITION_ANY};
    request->config = sluice_config_new();
    request->headers = calloc((size_t)count, sizeof *request->headers);
    if (request->config == NULL || request->headers == NULL) {
        (void)fprintf(stderr, "sluice produce: no memory\n");
        return EXIT_FAILED;
    }
    int status = EXIT_DONE;
    int option = 0;
    opterr = 0;
    while (status == EXIT_DONE && option != -1) {
        option = getopt_long(count, arguments, ":b:t:p:K:H:z:X:", options, NULL);
        status = option == -1 ? EXIT_DONE : option_take(request, arguments, option);
    }
    request->files = arguments + optind;
    request->file_count = count - optind;
    status = status == EXIT_DONE ? memory_limit(request) : status;
    return status == EXIT_DONE ? request_check(request) : status;
}

void request_free(struct request *request) {
    sluice_config_free(request->config);
    free(request->headers);
}
