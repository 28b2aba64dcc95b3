/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loops of the workload, and main. Every thread produces its share and polls for reports, once
 * in 1024 records and when the buffer is full. A record in 64 is a sample of latency, in 16 when a
 * schedule is kept, and every one when they are sent one at a time.
 */
#include "stress/perf/load.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    RECORDS_PER_POLL = 1024,
    RECORDS_PER_SAMPLE = 64,
    RECORDS_PER_SAMPLE_SCHEDULED = 16,
    FULL_WAIT_MS = 1,
    SCHEDULE_SLEEP_NS = 100000
};

static bool produce(const struct perf_load *load, uint64_t index, void *opaque) {
    const struct perf_arguments *arguments = &load->arguments;
    if (arguments->busy_count > 0)
        return client_produce(load, index, 0, (int32_t)(index % arguments->busy_count), opaque);
    return client_produce(load, index, (uint32_t)(index % arguments->topic_count), -1, opaque);
}

static void produce_until_taken(struct perf_thread *thread, uint64_t index, void *opaque) {
    while (!produce(thread->load, index, opaque))
        client_poll(thread, FULL_WAIT_MS);
    if (index % RECORDS_PER_POLL == 0)
        client_poll(thread, 0);
}

static void *produce_share(void *context) {
    struct perf_thread *thread = context;
    for (uint64_t index = thread->first; index < thread->end; index++) {
        bool sampled = index % RECORDS_PER_SAMPLE == 0;
        produce_until_taken(thread, index, sampled ? (void *)(intptr_t)perf_now_ns() : NULL);
    }
    return NULL;
}

/* Each record has its moment, begin + index / rate, whatever became of those before it: one that
 * the library or the machine keeps waiting has waited since then. */
static void *produce_share_on_schedule(void *context) {
    struct perf_thread *thread = context;
    const struct perf_arguments *arguments = &thread->load->arguments;
    double rate = (double)arguments->rate / arguments->thread_count;
    int64_t begin_ns = perf_now_ns();
    for (uint64_t index = thread->first; index < thread->end;) {
        double passed = (double)(perf_now_ns() - begin_ns) / 1e9;
        uint64_t due = thread->first + (uint64_t)(passed * rate) + 1;
        for (uint64_t last = due < thread->end ? due : thread->end; index < last; index++) {
            double moment_ns = (double)(index - thread->first) / rate * 1e9;
            bool sampled = index % RECORDS_PER_SAMPLE_SCHEDULED == 0;
            produce_until_taken(thread, index,
                                sampled ? (void *)(intptr_t)(begin_ns + (int64_t)moment_ns) : NULL);
        }
        client_poll(thread, 0);
        int64_t next_ns = begin_ns + (int64_t)((double)(index - thread->first) / rate * 1e9);
        int64_t ahead_ns = next_ns - perf_now_ns();
        struct timespec pause = {.tv_nsec = SCHEDULE_SLEEP_NS};
        if (ahead_ns > 0)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static void prepare_threads(const struct perf_load *load, struct perf_thread *threads) {
    const struct perf_arguments *arguments = &load->arguments;
    uint64_t records = arguments->record_count, count = arguments->thread_count;
    size_t capacity = records / (arguments->latency ? 1 : RECORDS_PER_SAMPLE_SCHEDULED) + 1;
    for (uint64_t i = 0; i < count; i++) {
        threads[i] = (struct perf_thread){.load = load,
                                          .first = records * i / count,
                                          .end = records * (i + 1) / count,
                                          .samples_ns = calloc(capacity, sizeof(int64_t)),
                                          .sample_capacity = capacity};
        if (threads[i].samples_ns == NULL)
            perf_give_up("samples", "no memory");
    }
}

/* All samples go to the first thread, which has room for as many as there are. */
static uint64_t gather(struct perf_thread *threads, uint32_t count) {
    struct perf_thread *all = &threads[0];
    for (uint32_t i = 1; i < count; i++) {
        all->report_count += threads[i].report_count;
        for (size_t j = 0; j < threads[i].sample_count; j++)
            all->samples_ns[all->sample_count++] = threads[i].samples_ns[j];
    }
    return all->report_count;
}

/* One record to every topic, and to every busy partition, so that connections, metadata and
 * producer id are there. */
static void warm_up(const struct perf_load *load) {
    const struct perf_arguments *arguments = &load->arguments;
    struct perf_thread thread = {.load = load};
    uint64_t sent = 0;
    for (uint32_t topic = 0; topic < arguments->topic_count; topic++, sent++) {
        while (!client_produce(load, sent, topic, -1, NULL))
            client_poll(&thread, FULL_WAIT_MS);
    }
    for (uint32_t i = 0; i < arguments->busy_count; i++, sent++) {
        while (!client_produce(load, sent, 0, (int32_t)i, NULL))
            client_poll(&thread, FULL_WAIT_MS);
    }
    client_flush(&thread);
    while (thread.report_count < sent)
        client_poll(&thread, 100);
}

static void run_threads(const struct perf_load *load, struct perf_thread *threads) {
    uint32_t count = load->arguments.thread_count;
    void *(*share)(void *) = load->arguments.rate > 0 ? produce_share_on_schedule : produce_share;
    pthread_t handles[PERF_THREADS_MAX];
    struct perf_span begin = perf_span_now();
    for (uint32_t i = 1; i < count; i++) {
        if (pthread_create(&handles[i], NULL, share, &threads[i]) != 0)
            perf_give_up("thread", "cannot be started");
    }
    share(&threads[0]);
    for (uint32_t i = 1; i < count; i++)
        pthread_join(handles[i], NULL);
    gather(threads, count);
    client_flush(&threads[0]);
    while (threads[0].report_count < load->arguments.record_count)
        client_poll(&threads[0], 100);
    perf_result_print(load->arguments.record_count, begin, perf_span_now(), threads[0].samples_ns,
                      threads[0].sample_count);
}

static void run_one_at_a_time(const struct perf_load *load, struct perf_thread *thread) {
    struct perf_span begin = perf_span_now();
    for (uint64_t index = 0; index < load->arguments.record_count; index++) {
        int64_t start_ns = perf_now_ns();
        client_produce_and_wait(load, index);
        thread->samples_ns[thread->sample_count++] = perf_now_ns() - start_ns;
    }
    perf_result_print(load->arguments.record_count, begin, perf_span_now(), thread->samples_ns,
                      thread->sample_count);
}

static void run_idle(const struct perf_load *load) {
    struct perf_span begin = perf_span_now();
    sleep(load->arguments.idle_seconds);
    perf_idle_print(begin, perf_span_now());
}

/* Ends the process there: the broker may take its time with what was accepted. */
static _Noreturn void run_fill(const struct perf_load *load) {
    uint64_t index = 0;
    while (produce(load, index, NULL))
        index++;
    perf_fill_print(index);
    fflush(stdout);
    _exit(0);
}

static void run(const struct perf_load *load) {
    static struct perf_thread threads[PERF_THREADS_MAX];
    prepare_threads(load, threads);
    if (load->arguments.fill)
        run_fill(load);
    else if (load->arguments.idle_seconds > 0)
        run_idle(load);
    else if (load->arguments.latency)
        run_one_at_a_time(load, &threads[0]);
    else
        run_threads(load, threads);
    for (uint32_t i = 0; i < load->arguments.thread_count; i++)
        free(threads[i].samples_ns);
}

int main(int count, char **words) {
    static struct perf_load load;
    perf_arguments_read(&load.arguments, count, words);
    perf_payload_create(&load.payload, &load.arguments);
    client_open(&load);
    warm_up(&load);
    run(&load);
    client_close();
    perf_payload_destroy(&load.payload);
    return 0;
}
