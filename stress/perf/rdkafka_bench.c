/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `sluice bench`, written against librdkafka: the same workload, command line and output. Payload
 * copied, every delivery report counted through dr_msg_cb, one warm-up record per topic first.
 *
 * Each of --threads produces its share; the first also serves the reports, as a program with one
 * thread would. With --latency one record at a time is produced and its report awaited; without,
 * the time from produce to report is taken of one record in 64.
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "stress/perf/perf.h"

enum { RECORDS_PER_POLL = 1024, RECORDS_PER_SAMPLE = 64 };

struct bench {
    struct perf_arguments arguments;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topics[PERF_TOPICS_MAX];
    uint8_t *value;
    int64_t *samples_ns;
    size_t sample_count;
    uint64_t reports; /* only the serving thread looks, and takes samples */
};

struct producing_thread {
    struct bench *bench;
    uint64_t first;
    uint64_t end;
    bool serves; /* the reports */
};

static void count_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context) {
    (void)producer;
    struct bench *bench = context;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        perf_give_up("report", rd_kafka_err2str(message->err));
    bench->reports++;
    if (message->_private != NULL)
        bench->samples_ns[bench->sample_count++] = perf_now_ns() - (intptr_t)message->_private;
}

static void set_option(rd_kafka_conf_t *config, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(config, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        perf_give_up(name, error);
}

static void open_producer(struct bench *bench) {
    const struct perf_arguments *arguments = &bench->arguments;
    rd_kafka_conf_t *config = rd_kafka_conf_new();
    set_option(config, "bootstrap.servers", arguments->bootstrap);
    for (uint32_t i = 0; i < arguments->option_count; i++)
        set_option(config, arguments->option_names[i], arguments->option_values[i]);
    rd_kafka_conf_set_dr_msg_cb(config, count_report);
    rd_kafka_conf_set_opaque(config, bench);
    char error[256];
    bench->producer = rd_kafka_new(RD_KAFKA_PRODUCER, config, error, sizeof(error));
    if (bench->producer == NULL)
        perf_give_up("open", error);
    for (uint32_t i = 0; i < arguments->topic_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "t%u", i);
        bench->topics[i] = rd_kafka_topic_new(bench->producer, name, NULL);
    }
}

/* Waits for room without serving reports when another thread does that. */
static void wait_for_room(const struct producing_thread *thread) {
    if (thread->serves)
        rd_kafka_poll(thread->bench->producer, 10);
    else
        sched_yield();
}

/* `sample` is handed to the report: the time of the call, or NULL. */
static void produce(const struct producing_thread *thread, uint64_t index, void *sample) {
    struct bench *bench = thread->bench;
    uint8_t key[PERF_KEY_BYTES];
    perf_key_write(key, index);
    rd_kafka_topic_t *topic = bench->topics[index % bench->arguments.topic_count];
    bool keyed = bench->arguments.keyed;
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, bench->value,
                            bench->arguments.value_size, keyed ? key : NULL,
                            keyed ? PERF_KEY_BYTES : 0, sample) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            perf_give_up("produce", rd_kafka_err2str(rd_kafka_last_error()));
        wait_for_room(thread);
    }
}

static void *produce_share(void *context) {
    const struct producing_thread *thread = context;
    for (uint64_t index = thread->first; index < thread->end; index++) {
        bool sampled = index % RECORDS_PER_SAMPLE == 0;
        produce(thread, index, sampled ? (void *)(intptr_t)perf_now_ns() : NULL);
        if (thread->serves && index % RECORDS_PER_POLL == 0)
            rd_kafka_poll(thread->bench->producer, 0);
    }
    return NULL;
}

static void wait_for_reports(struct bench *bench, uint64_t count) {
    while (bench->reports < count)
        rd_kafka_poll(bench->producer, 100);
}

static void warm_up(struct bench *bench) {
    const struct producing_thread all = {.bench = bench, .serves = true};
    for (uint64_t index = 0; index < bench->arguments.topic_count; index++)
        produce(&all, index, NULL);
    wait_for_reports(bench, bench->arguments.topic_count);
    bench->reports = 0;
}

static void run_throughput(struct bench *bench) {
    uint64_t record_count = bench->arguments.record_count;
    uint32_t thread_count = bench->arguments.thread_count;
    struct producing_thread shares[64];
    pthread_t threads[64];
    struct perf_span begin = perf_span_now();
    for (uint32_t i = 0; i < thread_count; i++) {
        shares[i] = (struct producing_thread){bench, record_count * i / thread_count,
                                              record_count * (i + 1) / thread_count, i == 0};
        if (i > 0 && pthread_create(&threads[i], NULL, produce_share, &shares[i]) != 0)
            perf_give_up("thread", "cannot be started");
    }
    produce_share(&shares[0]);
    wait_for_reports(bench, record_count);
    struct perf_span end = perf_span_now();
    for (uint32_t i = 1; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    perf_result_print(record_count, begin, end, bench->samples_ns, bench->sample_count);
}

static void run_latency(struct bench *bench) {
    uint64_t record_count = bench->arguments.record_count;
    const struct producing_thread all = {.bench = bench, .serves = true};
    struct perf_span begin = perf_span_now();
    for (uint64_t index = 0; index < record_count; index++) {
        int64_t start_ns = perf_now_ns();
        produce(&all, index, NULL);
        wait_for_reports(bench, index + 1);
        bench->samples_ns[index] = perf_now_ns() - start_ns;
    }
    perf_result_print(record_count, begin, perf_span_now(), bench->samples_ns, record_count);
}

int main(int count, char **words) {
    static struct bench bench;
    perf_arguments_read(&bench.arguments, count, words);
    bench.value = perf_value_create(bench.arguments.value_size);
    bench.samples_ns = calloc(bench.arguments.record_count + 1, sizeof(*bench.samples_ns));
    if (bench.samples_ns == NULL)
        perf_give_up("samples", "no memory");
    open_producer(&bench);
    warm_up(&bench);
    if (bench.arguments.latency)
        run_latency(&bench);
    else
        run_throughput(&bench);
    for (uint32_t i = 0; i < bench.arguments.topic_count; i++)
        rd_kafka_topic_destroy(bench.topics[i]);
    rd_kafka_destroy(bench.producer);
    free(bench.samples_ns);
    free(bench.value);
    return 0;
}
