/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options that contradict each other, and options that follow. */
#include <sluice/sluice.h>

#include "actors/config/config.h"
#include "test.h"

struct pair {
    const char *name, *value;
};

static sluice_error error;

/* A configuration with these options and a bootstrap server. */
static sluice_config *with(size_t count, const struct pair *pairs) {
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "localhost:9092", &error),
                 SLUICE_OK);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(sluice_config_set(config, pairs[i].name, pairs[i].value, &error), SLUICE_OK,
                     "%s", error.text);
    }
    return config;
}

#define WITH(...)                                                                                  \
    with(sizeof((struct pair[]){__VA_ARGS__}) / sizeof(struct pair), (struct pair[]){__VA_ARGS__})

static void refused(sluice_config *config, const char *word) {
    cr_expect_eq(sluice_config_check(config, &error), SLUICE_CONFLICTING_OPTIONS, "%s", word);
    cr_expect(strstr(error.text, word) != NULL, "%s should name %s", error.text, word);
    cr_expect_null(sluice_config_resolve(config, &error));
    sluice_config_free(config);
}

static struct sluice_config *resolved(sluice_config *config) {
    struct sluice_config *copy = sluice_config_resolve(config, &error);
    cr_assert_not_null(copy, "%s", error.text);
    sluice_config_free(config);
    return copy;
}

Test(conflicts, bootstrap_servers_must_be_given) {
    sluice_config *config = sluice_config_new();
    cr_expect_eq(sluice_config_check(config, &error), SLUICE_MISSING_OPTION);
    cr_expect(strstr(error.text, "bootstrap.servers") != NULL);
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", " , ", &error), SLUICE_OK);
    cr_expect_eq(sluice_config_check(config, &error), SLUICE_MISSING_OPTION);
    cr_expect_eq(sluice_config_check(NULL, &error), SLUICE_INVALID_ARGUMENT);
    sluice_config_free(config);
}

Test(conflicts, the_defaults_agree_with_each_other) {
    sluice_config *config = with(0, NULL);
    cr_expect_eq(sluice_config_check(config, &error), SLUICE_OK, "%s", error.text);
    struct sluice_config *copy = resolved(config);
    cr_expect(copy->enable_idempotence);
    cr_expect_eq(copy->acks, SLUICE_ACKS_ALL);
    cr_expect_eq(copy->max_in_flight, 5);
    cr_expect_eq(copy->batch_size, 262144);
    cr_expect_eq(copy->linger_us, 5000);
    cr_expect_eq(copy->buffer_memory, 32 * 1024 * 1024);
    cr_expect_eq(copy->delivery_timeout_ms, 120000);
    sluice_config_free(copy);
}

Test(conflicts, idempotence_that_was_asked_for_needs_all_replicas_and_retries) {
    refused(WITH({"enable.idempotence", "true"}, {"acks", "1"}), "acks=all");
    refused(WITH({"enable.idempotence", "true"}, {"acks", "0"}), "acks=all");
    refused(WITH({"enable.idempotence", "true"}, {"retries", "0"}), "retries");
}

Test(conflicts, idempotence_by_default_gives_way_to_acks_and_retries) {
    struct sluice_config *copy = resolved(WITH({"acks", "1"}));
    cr_expect_not(copy->enable_idempotence);
    sluice_config_free(copy);
    copy = resolved(WITH({"acks", "0"}, {"max.in.flight", "100"}));
    cr_expect_not(copy->enable_idempotence);
    cr_expect_eq(copy->max_in_flight, 100);
    sluice_config_free(copy);
    copy = resolved(WITH({"retries", "0"}));
    cr_expect_not(copy->enable_idempotence);
    sluice_config_free(copy);
    copy = resolved(WITH({"retries", "1"}));
    cr_expect(copy->enable_idempotence);
    sluice_config_free(copy);
}

Test(conflicts, more_than_five_requests_in_flight_need_idempotence_switched_off) {
    refused(WITH({"max.in.flight", "6"}), "max.in.flight");
    refused(WITH({"max.in.flight", "6"}, {"enable.idempotence", "true"}), "max.in.flight");
    struct sluice_config *copy =
        resolved(WITH({"max.in.flight", "6"}, {"enable.idempotence", "false"}));
    cr_expect_eq(copy->max_in_flight, 6);
    sluice_config_free(copy);
}

Test(conflicts, a_delivery_cannot_take_less_than_one_request) {
    refused(WITH({"delivery.timeout.ms", "30004"}), "delivery.timeout.ms");
    refused(
        WITH({"delivery.timeout.ms", "1001"}, {"request.timeout.ms", "1000"}, {"linger.ms", "1.5"}),
        "linger.ms");
    struct sluice_config *copy = resolved(WITH({"delivery.timeout.ms", "30005"}));
    cr_expect_eq(copy->delivery_timeout_ms, 30005);
    sluice_config_free(copy);
    copy = resolved(WITH({"request.timeout.ms", "200000"}));
    cr_expect_eq(copy->delivery_timeout_ms, 200005);
    sluice_config_free(copy);
}

Test(conflicts, batches_and_records_fit_into_memory) {
    refused(WITH({"batch.size", "65537"}, {"buffer.memory", "65536"}), "batch.size");
    refused(WITH({"max.request.size", "65537"}, {"buffer.memory", "65536"}), "max.request.size");
    refused(WITH({"batch.size", "33554433"}), "buffer.memory");
    struct sluice_config *copy = resolved(WITH({"buffer.memory", "65536"}));
    cr_expect_eq(copy->batch_size, 65536);
    cr_expect_eq(copy->max_request_size, 65536);
    sluice_config_free(copy);
}

Test(conflicts, a_growing_pause_has_a_maximum_that_is_no_less) {
    refused(WITH({"retry.backoff.ms", "11"}, {"retry.backoff.max.ms", "10"}), "retry.backoff.ms");
    refused(WITH({"reconnect.backoff.ms", "11"}, {"reconnect.backoff.max.ms", "10"}),
            "reconnect.backoff.ms");
    refused(WITH({"socket.connection.setup.timeout.ms", "11"},
                 {"socket.connection.setup.timeout.max.ms", "10"}),
            "socket.connection.setup.timeout.ms");
    struct sluice_config *copy =
        resolved(WITH({"retry.backoff.ms", "5000"}, {"reconnect.backoff.max.ms", "10"}));
    cr_expect_eq(copy->retry_backoff_max_ms, 5000);
    cr_expect_eq(copy->reconnect_backoff_ms, 10);
    sluice_config_free(copy);
}
