/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole producer against embedded brokers in one simulated world, and a book of every record:
 * what was accepted, what was reported, what the brokers' log holds.
 *
 * Records are numbered from 0 in the order of produce; the number is the record's opaque pointer
 * and the beginning of its value.
 */
#ifndef TESTS_PIPELINE_RIG_H
#define TESTS_PIPELINE_RIG_H

#include "test.h"

#include <sluice/sluice.h>

#include "actors/producer/producer.h"
#include "broker/cluster.h"
#include "runtime/sim.h"

#define RIG_MS UINT64_C(1000000)
enum { RIG_RECORDS_MAX = 4096, RIG_PARTITIONS_MAX = 16, RIG_ANY = -1 };

struct rig_setup {
    uint64_t seed;
    uint32_t partitions;             /* of "orders", created up front; 0: it is not */
    sluice_broker_options brokers;   /* broker_count 0: 3 */
    const char *const *settings;     /* name, value, …, NULL */
    sluice_report_callback callback; /* context: the rig */
    sluice_event_callback events;
    sluice_log_callback logs;
    uint64_t delay_ns;            /* one way; 0: 50 to 200 us */
    const char *bootstrap;        /* NULL: node 1 */
    uint32_t socket_buffer_bytes; /* what a connection holds on its way; 0: the simulator's */
    uint64_t bytes_per_second;    /* of each direction of each connection; 0: no limit */
};

struct rig_record {
    int32_t wanted; /* the explicit partition, RIG_ANY */
    unsigned reports;
    sluice_report report;
    unsigned found; /* times in the log */
};

struct rig {
    struct rt_world *world;
    struct broker_cluster *cluster; /* NULL: none */
    sluice_producer *producer;
    sluice_topic *topic; /* "orders" */
    size_t value_size;   /* of rig_produce; at least 12 */
    bool doubles_allowed;
    uint32_t count;
    uint32_t reported;
    struct rig_record records[RIG_RECORDS_MAX];
    void *user;
    bool cluster_gone;
};

/* Cluster, producer and topic. */
struct rig *rig_start(const struct rig_setup *setup);
/* The parts of rig_start, for tests that want something in between. */
struct rig *rig_world(const struct rig_setup *setup);
void rig_open(struct rig *rig, const struct rig_setup *setup);
struct rt_address rig_address(int32_t node);

/* The next record, to a partition or RIG_ANY. */
sluice_code rig_try(struct rig *rig, int32_t partition);
void rig_produce(struct rig *rig, int32_t partition);
void rig_produce_some(struct rig *rig, int32_t partition, unsigned count);
/* One to each of the first `count` partitions. */
void rig_produce_to_each(struct rig *rig, int32_t count);
/* The next record's number, for records that tests make themselves. */
void *rig_next(struct rig *rig, int32_t partition);
void rig_run(struct rig *rig, uint64_t ms);
/* Steps until `count` records are reported; false after `ms` of virtual time. */
bool rig_await(struct rig *rig, uint32_t count, uint64_t ms);
/* Takes every report that waits. Returns how many came. */
uint32_t rig_poll(struct rig *rig);
void rig_take(struct rig *rig, const sluice_report *reports, size_t count);
/* Flushes, polls, and expects every record to be reported. */
void rig_flush(struct rig *rig);

uint64_t rig_fault(struct rig *rig, sluice_broker_action action, int16_t api, uint32_t skip,
                   uint32_t count);
/* Produce is answered with this error `count` times (0: always), but not the first `skip` times; of
 * one partition, or RIG_ANY. */
uint64_t rig_refuse_of(struct rig *rig, int32_t partition, int16_t code, uint32_t skip,
                       uint32_t count);
uint64_t rig_refuse(struct rig *rig, int16_t code, uint32_t skip, uint32_t count);
/* SLUICE_FAULT_DELAY or SLUICE_FAULT_THROTTLE. */
uint64_t rig_hold_up(struct rig *rig, sluice_broker_action action, int16_t api, uint32_t ms,
                     uint32_t count);
/* Dead for a millisecond. */
void rig_restart(struct rig *rig, int32_t node, sluice_broker_keep keep);
uint64_t rig_hits(struct rig *rig, uint64_t fault);
/* Steps until the fault was hit so often; fails the test after 60 s of virtual time. */
void rig_await_hits(struct rig *rig, uint64_t fault, uint64_t hits);
sluice_broker_counters rig_counters(struct rig *rig);
sluice_status rig_status(struct rig *rig);
struct partition *rig_partition(struct rig *rig, int32_t index);

/* Reads all logs of "orders" and compares: each persisted record once and at its offset, none that
 * is not persisted, order of calls in every partition, nothing doubled. */
void rig_check(struct rig *rig);
/* Every record is reported with this outcome (and error, unless it is SLUICE_OK). */
void rig_expect_all(struct rig *rig, sluice_outcome outcome, sluice_code error);
/* Everything is reported and the budget is back at zero. */
void rig_expect_quiet(struct rig *rig);
/* rig_check, close, free; the world asserts that no byte and no actor is left. */
void rig_end(struct rig *rig);
/* As rig_end without the check. */
void rig_free(struct rig *rig);

#endif
