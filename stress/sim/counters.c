/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client's counters tell, while it is at work and when all is over, beside its status. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stress/sim/trial.h"
#include "tests/pipeline/json_path.h"

enum { COUNTERS_BYTES_MAX = 1 << 17 };

static const char *const growing[] = {"producer.runs",
                                      "total.records_sealed",
                                      "total.batches_sealed",
                                      "total.batches_sent",
                                      "total.requests_sent",
                                      "total.wire_bytes_sent",
                                      "total.bytes_sent",
                                      "total.bytes_received",
                                      "total.connections_opened",
                                      "total.sealed_ns.sum",
                                      "total.sent_ns.count",
                                      "total.acknowledged_ns.count",
                                      "total.acknowledged_ns.sum"};
enum { GROWING = sizeof growing / sizeof growing[0] };
_Static_assert((int)GROWING <= (int)CLIENT_COUNTERS_KEPT, "there is room for the last ones");

static uint64_t figure(struct client *client, const char *text, const char *path) {
    bool found;
    uint64_t number = json_number_at(text, path, &found);
    if (!found) {
        verdict_fail(&client->trial->verdict, "client %u: no counter %s", client->index, path);
    }
    return number;
}

static void expect(struct client *client, const char *text, const char *path, uint64_t expected) {
    uint64_t seen = figure(client, text, path);
    if (seen != expected) {
        verdict_fail(&client->trial->verdict, "client %u: %s is %" PRIu64 ", not %" PRIu64,
                     client->index, path, seen, expected);
    }
}

static void expect_most(struct client *client, const char *text, const char *path, uint64_t most) {
    uint64_t seen = figure(client, text, path);
    if (seen > most) {
        verdict_fail(&client->trial->verdict, "client %u: %s is %" PRIu64 ", more than %" PRIu64,
                     client->index, path, seen, most);
    }
}

/* All numbers of an object of numbers. */
static uint64_t sum_of(const char *text, const char *path) {
    uint64_t sum = 0;
    const char *at = json_find(text, path);
    const char *end = at != NULL ? strchr(at, '}') : NULL;
    while (at != NULL && (at = strchr(at, ':')) != NULL && at < end) {
        sum += strtoull(++at, NULL, 10);
    }
    return sum;
}

/* What is so at any moment. */
static void check_always(struct client *client, const char *text) {
    sluice_status status;
    sluice_producer_status(client->producer, &status);
    expect(client, text, "producer.records_accepted", status.records_accepted);
    expect(client, text, "producer.records_persisted", status.records_persisted);
    expect(client, text, "producer.batches_retried", status.batches_retried);
    expect(client, text, "producer.connections_open", status.connections_open);
    expect(client, text, "total.batches_sent", status.batches_sent);
    expect(client, text, "total.requests_sent", status.requests_sent);
    expect(client, text, "total.sealed_ns.count", sum_of(text, "total.sealed_because"));
    expect_most(client, text, "total.sent_ns.count", status.batches_sent);
    expect_most(client, text, "total.acknowledged_ns.count",
                figure(client, text, "total.batches_sealed"));
    if (figure(client, text, "producer.batches_cut") == 0) {
        expect_most(client, text, "total.records_sealed", status.records_accepted);
    }
    for (unsigned i = 0; i < GROWING; i++) {
        uint64_t now = figure(client, text, growing[i]);
        if (now < client->counters[i]) {
            verdict_fail(&client->trial->verdict, "client %u: %s goes back", client->index,
                         growing[i]);
        }
        client->counters[i] = now;
    }
}

/* Everything is decided, and no request is on its way. */
static void check_finally(struct client *client, const char *text) {
    sluice_status status;
    sluice_producer_status(client->producer, &status);
    expect(client, text, "total.batches_queued", 0);
    expect(client, text, "total.requests_in_flight", 0);
    uint64_t failed = status.records_not_persisted + status.records_unknown;
    if (sum_of(text, "errors.records") != failed) {
        verdict_fail(&client->trial->verdict, "client %u: %" PRIu64 " records failed, not %" PRIu64,
                     client->index, sum_of(text, "errors.records"), failed);
    }
    if (figure(client, text, "total.records_sealed") < status.records_persisted) {
        verdict_fail(&client->trial->verdict, "client %u: more was persisted than sealed",
                     client->index);
    }
}

void client_check_counters(struct client *client, bool finally) {
    static char text[COUNTERS_BYTES_MAX];
    size_t length = sluice_producer_counters(client->producer, text, sizeof text);
    if (length >= sizeof text || length != strlen(text) || !json_is_valid(text)) {
        verdict_fail(&client->trial->verdict, "client %u: its counters are no JSON", client->index);
        return;
    }
    check_always(client, text);
    if (finally) {
        check_finally(client, text);
    }
}
