/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/perf/perf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

void perf_give_up(const char *what, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(1);
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
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct perf_span){perf_now_ns(), nanoseconds(CLOCK_PROCESS_CPUTIME_ID), usage.ru_nvcsw};
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

/* A number of /proc/self/status. For peak memory not getrusage: its figure survives exec and so
 * begins with the size of who started us. */
static long status_field(const char *name) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t length = strlen(name);
    long value = -1;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL && value < 0)
        value = strncmp(line, name, length) == 0 ? strtol(line + length, NULL, 10) : -1;
    if (file != NULL)
        fclose(file);
    return value;
}

/* What every object ends with: peak memory, and the threads besides the one that prints. */
static void print_process(void) {
    printf(",\"maxrss_kb\":%ld,\"threads\":%ld}\n", status_field("VmHWM:"),
           status_field("Threads:") - 1);
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
    print_process();
}

void perf_idle_print(struct perf_span begin, struct perf_span end) {
    double seconds = (double)(end.wall_ns - begin.wall_ns) / 1e9;
    printf("{\"idle_cpu_us_per_second\":%.1f,\"wakeups_per_second\":%.1f",
           (double)(end.cpu_ns - begin.cpu_ns) / 1000 / seconds,
           (double)(end.wakeups - begin.wakeups) / seconds);
    print_process();
}

void perf_fill_print(uint64_t record_count) {
    printf("{\"accepted\":%llu", (unsigned long long)record_count);
    print_process();
}
