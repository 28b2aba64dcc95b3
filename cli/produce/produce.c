/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `sluice produce`: lines in, one record each, and what became of them. */
#include "cli/produce/produce.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* On a worker. Says once that nobody answers, so that a wrong address is seen before the records'
 * time is over. */
static void on_event(const sluice_event *event, void *context) {
    atomic_flag *said = context;
    if (event->kind == SLUICE_EVENT_ALL_BROKERS_DOWN && !atomic_flag_test_and_set(said)) {
        (void)fprintf(stderr, "sluice produce: %s\n", event->text);
    }
}

/* The longest line that can become a record. */
static size_t line_bytes_max(const struct request *request) {
    char text[32];
    size_t size = sizeof text;
    int64_t bytes = 0;
    if (sluice_config_get(request->config, "max.request.size", text, &size, NULL) != SLUICE_OK ||
        !number_read(text, 0, INT64_MAX, &bytes)) {
        return 0;
    }
    return (size_t)bytes + request->delimiter_size;
}

static int run_open(struct run *run, const struct request *request) {
    int status = EXIT_FAILED;
    run->request = request;
    run->started_ns = clock_ns();
    run->processor_started_ns = processor_ns();
    run->progress =
        isatty(STDERR_FILENO) == 1 && !(request->file_count == 0 && isatty(STDIN_FILENO) == 1);
    if (!lines_open(&run->lines, line_bytes_max(request))) {
        (void)fprintf(stderr, "sluice produce: no memory\n");
        return EXIT_FAILED;
    }
    if (!interrupts_catch()) {
        return EXIT_FAILED;
    }
    run->producer = producer_start(request->config, "produce", &status);
    if (run->producer == NULL) {
        return status;
    }
    run->topic = topic_start(run->producer, "produce", request->topic, &status);
    return run->topic == NULL ? status : EXIT_DONE;
}

static int run_finish(struct run *run) {
    outcomes_wait(run);
    run->ended_ns = clock_ns();
    run->processor_ended_ns = processor_ns();
    summary_show(run, stderr);
    if (run->request->json) {
        summary_json(run, stdout);
    }
    if (run->request->counters) {
        counters_print(run->producer, stdout);
    }
    return tally_good(&run->tally) && !run->failed ? EXIT_DONE : EXIT_FAILED;
}

int produce_run(int count, char **arguments) {
    struct request request;
    struct run run = {.progress = false};
    atomic_flag said = ATOMIC_FLAG_INIT;
    int status = request_read(&request, count, arguments);
    if (status == EXIT_DONE) {
        sluice_config_set_event_callback(request.config, on_event, &said);
        status = run_open(&run, &request);
        if (status == EXIT_DONE) {
            input_produce(&run);
            status = run_finish(&run);
        }
        sluice_topic_close(run.topic);
        sluice_producer_free(run.producer);
        lines_close(&run.lines);
    }
    request_free(&request);
    return status < 0 ? EXIT_DONE : status;
}
