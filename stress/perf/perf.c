/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/perf/perf.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OPTION_TOPICS = 256,
    OPTION_RECORDS,
    OPTION_SIZE,
    OPTION_KEYED,
    OPTION_LATENCY,
    OPTION_THREADS,
    OPTION_PARTITIONS,
    OPTION_JSON
};

static const struct option long_options[] = {
    {"topics", required_argument, NULL, OPTION_TOPICS},
    {"records", required_argument, NULL, OPTION_RECORDS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"keyed", no_argument, NULL, OPTION_KEYED},
    {"latency", no_argument, NULL, OPTION_LATENCY},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"partitions", required_argument, NULL, OPTION_PARTITIONS},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

void perf_give_up(const char *what, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(1);
}

static _Noreturn void refuse(const char *what) {
    fprintf(stderr,
            "%s: %s; use -b HOST:PORT [--topics N] [--records N] [--size BYTES] [--keyed] "
            "[--latency] [--threads N] [--partitions N] [-X name=value]... [--json]\n",
            program_invocation_short_name, what);
    exit(2);
}

static uint64_t number_in(const char *text, uint64_t lowest, uint64_t highest) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || number < lowest || number > highest)
        refuse(text);
    return number;
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
        arguments->topic_count = (uint32_t)number_in(optarg, 1, PERF_TOPICS_MAX);
        break;
    case OPTION_RECORDS:
        arguments->record_count = number_in(optarg, 1, UINT32_MAX);
        break;
    case OPTION_SIZE:
        arguments->value_size = number_in(optarg, 0, 1000000);
        break;
    case OPTION_THREADS:
        arguments->thread_count = (uint32_t)number_in(optarg, 1, 64);
        break;
    case OPTION_PARTITIONS:
        arguments->partition_count = (uint32_t)number_in(optarg, 1, 1000);
        break;
    case OPTION_KEYED:
        arguments->keyed = true;
        break;
    case OPTION_LATENCY:
        arguments->latency = true;
        break;
    case OPTION_JSON:
        break;
    default:
        refuse("unknown option");
    }
}

void perf_arguments_read(struct perf_arguments *arguments, int count, char **words) {
    *arguments = (struct perf_arguments){.record_count = 1000000,
                                         .value_size = 100,
                                         .topic_count = 1,
                                         .thread_count = 1,
                                         .partition_count = 4};
    int option;
    while ((option = getopt_long(count, words, "b:X:", long_options, NULL)) != -1)
        take_option(arguments, option);
    if (arguments->bootstrap == NULL || optind != count)
        refuse("-b is missing, or there is a word too many");
}

uint8_t *perf_value_create(size_t size) {
    uint8_t *value = malloc(size + 1);
    if (value == NULL)
        perf_give_up("value", "no memory");
    for (size_t i = 0; i < size; i++)
        value[i] = (uint8_t)('a' + i % 26);
    return value;
}

void perf_key_write(uint8_t key[PERF_KEY_BYTES], uint64_t index) {
    uint64_t mixed = index * 0x9E3779B97F4A7C15u;
    mixed ^= mixed >> 32;
    memcpy(key, &mixed, PERF_KEY_BYTES);
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t perf_now_ns(void) {
    return nanoseconds(CLOCK_MONOTONIC);
}

struct perf_span perf_span_now(void) {
    return (struct perf_span){perf_now_ns(), nanoseconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static int compare(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void print_percentile(const char *name, const int64_t *sorted, size_t count,
                             size_t permille) {
    if (count == 0)
        printf(",\"%s\":null", name);
    else
        printf(",\"%s\":%.1f", name, (double)sorted[(count - 1) * permille / 1000] / 1000);
}

/* Not getrusage: its figure survives exec and so begins with the size of who started us. */
static long resident_max_kb(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kb = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL && kb == 0)
        kb = strncmp(line, "VmHWM:", 6) == 0 ? strtol(line + 6, NULL, 10) : 0;
    if (file != NULL)
        fclose(file);
    return kb;
}

void perf_result_print(uint64_t record_count, struct perf_span begin, struct perf_span end,
                       int64_t *latencies_ns, size_t count) {
    if (count > 0)
        qsort(latencies_ns, count, sizeof(*latencies_ns), compare);
    double records = (double)record_count;
    printf("{\"records_per_second\":%.0f,\"cpu_ns_per_record\":%.1f",
           records * 1e9 / (double)(end.wall_ns - begin.wall_ns),
           (double)(end.cpu_ns - begin.cpu_ns) / records);
    print_percentile("p50_us", latencies_ns, count, 500);
    print_percentile("p99_us", latencies_ns, count, 990);
    print_percentile("p999_us", latencies_ns, count, 999);
    printf(",\"maxrss_kb\":%ld}\n", resident_max_kb());
}
