/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records, at a steady pace, and the faults while they are on their way. */
#include <inttypes.h>
#include <string.h>

#include "cli/demo/demo.h"

enum { TURN_RECORDS = 256, TICK_MS = 10 };
static const uint64_t DELIVERY_NS = 60000000000;
static const uint64_t INTERRUPTED_NS = 2000000000; /* enough, unless something is wrong */

/* ---- faults ---------------------------------------------------------------------------------- */

static int32_t other_node(int32_t node) {
    return node % DEMO_BROKERS + 1;
}

static void leader_moves(struct demo *demo) {
    int32_t from = sluice_broker_leader(demo->broker, DEMO_TOPIC, 0);
    int32_t to = other_node(from);
    sluice_code code = sluice_broker_leader_move(demo->broker, DEMO_TOPIC, 0, to);
    demo_say(demo, "partition 0 moves from broker %" PRId32 " to broker %" PRId32 "%s", from, to,
             code == SLUICE_OK ? "" : ": failed");
}

static void broker_dies(struct demo *demo) {
    demo->killed = sluice_broker_leader(demo->broker, DEMO_TOPIC, 1);
    sluice_code code = sluice_broker_kill(demo->broker, demo->killed);
    demo_say(demo, "broker %" PRId32 " is killed, with requests on their way%s", demo->killed,
             code == SLUICE_OK ? "" : ": failed");
}

static void broker_returns(struct demo *demo) {
    sluice_code code = sluice_broker_restart(demo->broker, demo->killed, SLUICE_BROKER_KEEP_LAST);
    demo_say(demo, "broker %" PRId32 " is back%s", demo->killed,
             code == SLUICE_OK ? "" : ": failed");
    /* It leads nothing until something moves there. */
    (void)sluice_broker_leader_move(demo->broker, DEMO_TOPIC, 1, demo->killed);
    demo->killed = 0;
}

static const struct {
    unsigned percent; /* of the time */
    void (*happen)(struct demo *demo);
} faults[] = {{25, leader_moves}, {50, broker_dies}, {75, broker_returns}};

static void faults_inject(struct demo *demo, uint64_t elapsed_ns) {
    enum { FAULTS = sizeof faults / sizeof faults[0] };
    while (demo->happened < FAULTS &&
           elapsed_ns >= demo->duration_ns / 100 * faults[demo->happened].percent) {
        faults[demo->happened++].happen(demo);
    }
}

/* ---- records --------------------------------------------------------------------------------- */

/* The next line of the file whose turn it is. The header numbers the records of a file, so that
 * equal lines are told apart. */
static bool record_produce(struct demo *demo) {
    struct source *source = &demo->sources.list[demo->sources.next];
    const struct line *line = &source->lines[source->numbered % source->line_count];
    sluice_header header = {"record", &source->numbered, sizeof source->numbered};
    sluice_record record = {.key = source->path,
                            .key_size = strlen(source->path),
                            .value = line->data,
                            .value_size = line->size,
                            .headers = &header,
                            .header_count = 1,
                            .opaque = &demo->outcomes[demo->tally.accepted]};
    sluice_code code = sluice_produce(demo->topic, &record);
    if (code == SLUICE_FULL || code == SLUICE_PARTITION_FULL || code == SLUICE_REPORTS_WAITING) {
        return false;
    }
    if (code != SLUICE_OK) {
        tally_refused(&demo->tally, code);
    } else {
        demo->tally.accepted++;
    }
    source->numbered++;
    demo->sources.next = (demo->sources.next + 1) % demo->sources.count;
    return true;
}

static void records_produce(struct demo *demo, uint64_t elapsed_ns) {
    uint64_t due = elapsed_ns / 1000 * RECORDS_PER_SECOND / 1000000;
    for (int i = 0; i < TURN_RECORDS && demo->tally.accepted < due; i++) {
        if (!record_produce(demo)) {
            return;
        }
    }
}

static void reports_take(struct demo *demo, int64_t timeout_ms) {
    sluice_report reports[REPORTS_AT_ONCE];
    size_t count = REPORTS_AT_ONCE;
    while (count == REPORTS_AT_ONCE) {
        count = sluice_poll(demo->producer, reports, REPORTS_AT_ONCE, timeout_ms);
        timeout_ms = 0;
        for (size_t i = 0; i < count; i++) {
            *(uint8_t *)reports[i].opaque = (uint8_t)reports[i].outcome;
            tally_report(&demo->tally, &reports[i]);
        }
    }
}

/* Waits for what is on its way, and not for long after an interrupt. */
static void outcomes_await(struct demo *demo) {
    uint64_t now_ns = clock_ns();
    uint64_t end_ns = now_ns + DELIVERY_NS;
    bool interrupted = false;
    while (tally_open(&demo->tally) > 0 && now_ns < end_ns) {
        if (!interrupted && interrupts_seen() > 0) {
            interrupted = true;
            end_ns = now_ns + INTERRUPTED_NS;
        }
        reports_take(demo, TICK_MS);
        picture_show(demo);
        now_ns = clock_ns();
    }
    (void)sluice_producer_close(demo->producer, 0);
    reports_take(demo, 0);
}

void demo_produce(struct demo *demo) {
    uint64_t elapsed_ns = 0;
    while (elapsed_ns < demo->duration_ns && interrupts_seen() == 0) {
        faults_inject(demo, elapsed_ns);
        records_produce(demo, elapsed_ns);
        bool behind = demo->tally.accepted < elapsed_ns / 1000 * RECORDS_PER_SECOND / 1000000;
        reports_take(demo, behind ? 0 : TICK_MS);
        picture_show(demo);
        elapsed_ns = clock_ns() - demo->started_ns;
    }
    outcomes_await(demo);
    picture_show(demo);
}
