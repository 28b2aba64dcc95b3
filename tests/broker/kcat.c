/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kcat (librdkafka) as a stranger: it produces to the broker and reads back, with every codec. */
#include <stdarg.h>

#include <sluice/broker.h>

#include "test.h"

enum { RECORDS = 5000, WAIT_MS = 20000 };

static bool kcat_is_there(void) {
    return system("command -v kcat >/dev/null 2>&1") == 0;
}

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...) {
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command);
}

static void produce_and_consume(sluice_broker *broker, const char *codec) {
    const char *servers = sluice_broker_bootstrap(broker);
    char topic[32];
    (void)snprintf(topic, sizeof topic, "kcat-%s", codec);
    cr_expect_eq(run("seq 1 %d | sed 's/.*/k&:value-&/' | timeout 20 kcat -P -b %s -t %s -K: -z %s"
                     " -H a=b -X enable.idempotence=true 2>/dev/null",
                     RECORDS, servers, topic, codec),
                 0);
    cr_expect(sluice_broker_wait_records(broker, topic, SLUICE_BROKER_ANY, RECORDS, WAIT_MS));
    cr_expect_eq(run("test \"$(timeout 20 kcat -C -q -e -b %s -t %s -o beginning -K: | sort)\" = "
                     "\"$(seq 1 %d | sed 's/.*/k&:value-&/' | sort)\"",
                     servers, topic, RECORDS),
                 0, "codec %s", codec);
}

Test(broker_kcat, kcat_writes_and_reads_back_every_record_with_every_codec, .timeout = 100) {
    if (!kcat_is_there()) {
        cr_skip_test("kcat is not installed");
        return;
    }
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    sluice_broker_options options = {.broker_count = 3, .partition_count = 4};
    sluice_broker *broker = sluice_broker_create(&options, NULL);
    cr_assert_not_null(broker);
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        produce_and_consume(broker, codecs[i]);
    }
    sluice_broker_counters counters;
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    cr_expect_eq(counters.records, 5 * RECORDS);
    cr_expect_eq(counters.batches_refused, 0);
    cr_expect_eq(counters.requests_bad, 0);
    sluice_broker_destroy(broker);
}

struct order {
    long last;
    long seen;
};

static bool check_order(const sluice_broker_record *record, void *context) {
    struct order *order = context;
    char text[32] = "";
    memcpy(text, record->value, record->value_size < 31 ? record->value_size : 31);
    long number = strtol(text, NULL, 10);
    cr_expect_gt(number, order->last);
    order->last = number;
    order->seen++;
    return true;
}

Test(broker_kcat, kcat_gets_through_cuts_and_moved_leaders_without_loss_or_doubling,
     .timeout = 100) {
    if (!kcat_is_there()) {
        cr_skip_test("kcat is not installed");
        return;
    }
    sluice_broker_options options = {.broker_count = 3, .partition_count = 1};
    sluice_broker *broker = sluice_broker_create(&options, NULL);
    cr_assert_not_null(broker);
    static const sluice_broker_action actions[] = {SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_CUT_AFTER,
                                                   SLUICE_FAULT_CUT_HALF, SLUICE_FAULT_MOVE_LEADER,
                                                   SLUICE_FAULT_KILL_AFTER};
    for (uint32_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        sluice_broker_fault fault = sluice_broker_fault_any(actions[i]);
        fault.api_key = 0;
        fault.skip = 2 + 3 * i;
        (void)sluice_broker_fault_add(broker, &fault);
    }
    cr_expect_eq(run("seq 1 %d | timeout 60 kcat -P -b %s -t hard -X enable.idempotence=true "
                     "-X linger.ms=1 -X batch.num.messages=100 -X reconnect.backoff.ms=10 "
                     "-X retry.backoff.ms=10 2>/dev/null",
                     RECORDS, sluice_broker_bootstrap(broker)),
                 0);
    struct order order = {0, 0};
    cr_expect_eq(sluice_broker_read(broker, "hard", 0, 0, check_order, &order), RECORDS);
    cr_expect_eq(order.seen, RECORDS);
    cr_expect_eq(order.last, RECORDS);
    sluice_broker_counters counters;
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    cr_expect_eq(counters.faults, 5);
    sluice_broker_destroy(broker);
}
