/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "cli/bench/silence.h"

enum { SAMPLES_MAX = 1 << 20, WAIT_MS = 100 };

struct result {
    struct tally tally;
    struct samples samples;
    double seconds;
    double records_per_second, cpu_ns_per_record;
};

static bool value_make(struct bench *bench) {
    size_t size = (size_t)bench->record_bytes;
    bench->value = malloc(size + 1);
    for (size_t i = 0; bench->value != NULL && i < size; i++) {
        bench->value[i] = (char)('a' + i % 26);
    }
    return bench->value != NULL;
}

static int bench_open(struct bench *bench) {
    int status = EXIT_DONE;
    bench->topics = calloc((size_t)bench->topic_count, sizeof *bench->topics);
    if (bench->topics == NULL || !value_make(bench)) {
        (void)fprintf(stderr, "sluice bench: no memory\n");
        return EXIT_FAILED;
    }
    bench->producer = producer_start(bench->config, "bench", &status);
    for (int64_t i = 0; status == EXIT_DONE && i < bench->topic_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "t%" PRId64, i);
        bench->topics[i] = topic_start(bench->producer, "bench", name, &status);
    }
    return status;
}

static void bench_close(struct bench *bench) {
    sluice_producer_free(bench->producer); /* topics go with it */
    sluice_config_free(bench->config);
    free(bench->topics);
    free(bench->value);
}

/* While nothing comes, says so from time to time, and why as far as it is known. */
static void silence_tell(struct silence *silence, const struct bench *bench,
                         const struct tally *tally) {
    uint64_t now_ns = clock_ns();
    if (!silence_due(silence, now_ns)) {
        return;
    }
    (void)fprintf(stderr, "sluice bench: after %" PRIu64 " s ", silence_seconds(silence, now_ns));
    sluice_error error;
    if (sluice_topic_partition_count(bench->topics[0], 0, &error) < 0) {
        (void)fprintf(stderr, "no broker tells of topic \"t0\": %s\n", error.text);
    } else {
        (void)fprintf(stderr, "%" PRIu64 " of the first %" PRIu64 " record%s not decided yet\n",
                      tally_open(tally), tally->accepted, plural(tally->accepted));
    }
}

bool bench_warm_up(struct bench *bench) {
    struct tally tally = {.accepted = 0};
    struct silence silence;
    silence_begin(&silence, clock_ns());
    for (int64_t i = 0; i < bench->topic_count && interrupts_seen() == 0; i++) {
        sluice_record record = {.value = bench->value, .value_size = (size_t)bench->record_bytes};
        sluice_code code = sluice_produce_wait(bench->topics[i], &record, WAIT_MS);
        while (tally_passes(&tally, code) && interrupts_seen() == 0) {
            tally_poll(&tally, bench->producer, 0);
            silence_tell(&silence, bench, &tally);
            code = sluice_produce_wait(bench->topics[i], &record, WAIT_MS);
        }
        if (code == SLUICE_OK) {
            tally.accepted++;
        } else {
            tally_refused(&tally, code);
        }
    }
    while (sluice_flush(bench->producer, WAIT_MS) == SLUICE_TIMED_OUT && interrupts_seen() == 0) {
        tally_poll(&tally, bench->producer, 0);
        silence_tell(&silence, bench, &tally);
    }
    tally_poll(&tally, bench->producer, 0);
    tally_errors_print(&tally, stderr);
    return tally_good(&tally);
}

/* Runs all threads and waits for them; false when one could not be started. */
static bool threads_run(struct bench_thread *threads, int64_t count) {
    pthread_t handles[BENCH_THREADS_MAX];
    int64_t started = 0;
    while (started < count &&
           pthread_create(&handles[started], NULL, bench_thread_run, &threads[started]) == 0) {
        started++;
    }
    for (int64_t i = 0; i < started; i++) {
        (void)pthread_join(handles[i], NULL);
    }
    return started == count;
}

static bool bench_measure(const struct bench *bench, struct bench_thread *threads,
                          struct result *result) {
    uint64_t processor_started_ns = processor_ns();
    uint64_t started_ns = clock_ns();
    bool complete = threads_run(threads, bench->thread_count);
    result->seconds = (double)(clock_ns() - started_ns) / 1e9;
    uint64_t processor = processor_ns() - processor_started_ns;
    for (int64_t i = 0; i < bench->thread_count; i++) {
        tally_add(&result->tally, &threads[i].tally);
        samples_add_all(&result->samples, &threads[i].samples);
    }
    samples_sort(&result->samples);
    if (result->tally.accepted > 0) {
        uint64_t done = result->tally.persisted + result->tally.not_asked;
        result->records_per_second = (double)done / result->seconds;
        result->cpu_ns_per_record = (double)processor / (double)result->tally.accepted;
    }
    return complete;
}

static void result_show(const struct bench *bench, const struct result *result) {
    double p50 = samples_percentile_us(&result->samples, 0.5);
    double p99 = samples_percentile_us(&result->samples, 0.99);
    double p999 = samples_percentile_us(&result->samples, 0.999);
    sluice_status status;
    sluice_producer_status(bench->producer, &status);
    tally_errors_print(&result->tally, stderr);
    if (bench->json) {
        (void)printf("{\"records_per_second\": %.1f, \"cpu_ns_per_record\": %.1f, "
                     "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
                     "\"maxrss_kb\": %ld, \"persisted\": %" PRIu64 ", \"not_persisted\": %" PRIu64
                     ", \"unknown\": %" PRIu64 ", \"batches\": %" PRIu64 ", \"requests\": %" PRIu64
                     ", \"wakeups\": %" PRIu64 ", \"seconds\": %.6f}\n",
                     result->records_per_second, result->cpu_ns_per_record, p50, p99, p999,
                     resident_kilobytes_max(), result->tally.persisted, result->tally.not_persisted,
                     result->tally.unknown, status.batches_sent, status.requests_sent,
                     status.worker_wakeups, result->seconds);
        return;
    }
    (void)printf("%" PRIu64 " persisted, %" PRIu64 " not persisted, %" PRIu64 " unknown\n",
                 result->tally.persisted, result->tally.not_persisted, result->tally.unknown);
    if (result->records_per_second > 0) {
        (void)printf("%.*f records/s, %.1f MB/s, %.0f ns of processor time per record\n",
                     rate_digits(result->records_per_second), result->records_per_second,
                     result->records_per_second * (double)bench->record_bytes / 1e6,
                     result->cpu_ns_per_record);
    }
    if (result->samples.count > 0) {
        (void)printf("latency p50 %.0f us, p99 %.0f us, p999 %.0f us\n", p50, p99, p999);
    }
    (void)printf("at most %ld kB resident\n", resident_kilobytes_max());
}

/* Ranges and room for samples, one of each for every thread; NULL when memory is short. */
static struct bench_thread *threads_make(const struct bench *bench) {
    size_t count = (size_t)bench->thread_count;
    struct bench_thread *threads = calloc(count, sizeof *threads);
    bool complete = threads != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        uint64_t records = (uint64_t)bench->record_count;
        threads[i].bench = bench;
        threads[i].first = records / count * i + (i < records % count ? i : records % count);
        threads[i].end = threads[i].first + records / count + (i < records % count ? 1 : 0);
        complete = samples_open(&threads[i].samples, SAMPLES_MAX / count);
    }
    return complete ? threads : NULL;
}

static int bench_do(struct bench *bench) {
    struct result result = {.seconds = 0};
    struct bench_thread *threads = threads_make(bench);
    if (threads == NULL || !samples_open(&result.samples, SAMPLES_MAX)) {
        (void)fprintf(stderr, "sluice bench: no memory\n");
        return EXIT_FAILED; /* the process ends: what was had goes with it */
    }
    bool measured = bench_warm_up(bench) && bench_measure(bench, threads, &result);
    bool interrupted = interrupts_seen() > 0;
    if (interrupted) {
        (void)fprintf(
            stderr, "sluice bench: interrupted: %" PRIu64 " of %" PRId64 " records were produced\n",
            result.tally.accepted, bench->record_count);
    }
    if (measured) {
        result_show(bench, &result);
        if (bench->counters) {
            counters_print(bench->producer, stdout);
        }
    } else {
        (void)fprintf(stderr, "sluice bench: nothing was measured\n");
    }
    for (int64_t i = 0; i < bench->thread_count; i++) {
        samples_close(&threads[i].samples);
    }
    samples_close(&result.samples);
    free(threads);
    if (interrupted) {
        return EXIT_INTERRUPTED;
    }
    return measured && tally_good(&result.tally) ? EXIT_DONE : EXIT_FAILED;
}

int bench_run(int count, char **arguments) {
    struct bench bench = {
        .topic_count = 1, .record_count = 1000000, .record_bytes = 100, .thread_count = 1};
    bench.config = sluice_config_new();
    if (bench.config == NULL) {
        (void)fprintf(stderr, "sluice bench: no memory\n");
        return EXIT_FAILED;
    }
    int status = bench_arguments_read(&bench, count, arguments);
    if (status == EXIT_DONE && !interrupts_catch()) {
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE) {
        status = bench_open(&bench);
    }
    if (status == EXIT_DONE) {
        status = bench_do(&bench);
    }
    bench_close(&bench);
    return status < 0 ? EXIT_DONE : status;
}
