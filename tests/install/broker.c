/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A user's test: the embedded broker and the producer in one program, both from the prefix. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/broker.h>
#include <sluice/sluice.h>

static int fail(const char *what, const sluice_error *error) {
    fprintf(stderr, "%s: %s\n", what, error->text);
    return 1;
}

/* The two libraries share liburcu, which cannot live in a child of a process that had either. */
static int child_is_refused(const sluice_config *config) {
    pid_t child = fork();
    if (child == 0) {
        sluice_error error = {0};
        sluice_producer *producer = sluice_producer_open(config, &error);
        _exit(producer == NULL && error.code == SLUICE_FORKED ? 17 : 1);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 17;
}

int main(void) {
    sluice_error error = {0};
    sluice_broker *broker = sluice_broker_create(NULL, &error);
    if (broker == NULL) {
        return fail("broker", &error);
    }
    sluice_config *config = sluice_config_new();
    if (config == NULL || sluice_config_set(config, "bootstrap.servers",
                                            sluice_broker_bootstrap(broker), &error) != SLUICE_OK) {
        return fail("config", &error);
    }
    if (!child_is_refused(config)) {
        fprintf(stderr, "a child of a process with an embedded broker is not refused\n");
        return 1;
    }
    sluice_producer *producer = sluice_producer_open(config, &error);
    sluice_config_free(config);
    if (producer == NULL) {
        return fail("producer", &error);
    }
    sluice_topic *topic = sluice_topic_open(producer, "greetings", NULL, &error);
    if (topic == NULL) {
        return fail("topic", &error);
    }
    const char text[] = "hello";
    sluice_record record = {.value = text, .value_size = strlen(text)};
    sluice_report report = {0};
    sluice_code code = sluice_produce_sync(topic, &record, 10000, &report);
    printf("%s %s: partition %d, offset %lld\n", sluice_version(), sluice_code_name(code),
           (int)report.partition, (long long)report.offset);
    sluice_topic_close(topic);
    sluice_producer_close(producer, 10000);
    sluice_producer_free(producer);
    sluice_broker_destroy(broker);
    return code == SLUICE_OK && report.outcome == SLUICE_PERSISTED && report.offset == 0 ? 0 : 1;
}
