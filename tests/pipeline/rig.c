/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline/rig.h"

#include <inttypes.h>

#include "actors/input/input.h"

static const char *host_of(int32_t node) {
    static char hosts[16][16];
    snprintf(hosts[node], sizeof hosts[node], "b%d.example", node);
    return hosts[node];
}

struct rt_address rig_address(int32_t node) {
    return (struct rt_address){.ip = {10, 0, 0, (uint8_t)node}, .port = 9092, .family = 4};
}

static void cluster_start(struct rig *rig, const struct rig_setup *setup) {
    sluice_broker_options options = setup->brokers;
    struct broker_listen listen[16] = {0};
    options.broker_count = options.broker_count == 0 ? 3 : options.broker_count;
    for (uint32_t i = 0; i < options.broker_count; i++) {
        int32_t node = (int32_t)i + 1;
        listen[i] = (struct broker_listen){.address = rig_address(node), .host = host_of(node)};
        rt_sim_name(rig->world, listen[i].host, &listen[i].address, 1);
    }
    rig->cluster = broker_cluster_create(rig->world, &options, listen);
    cr_assert_not_null(rig->cluster);
    rt_sim_settle(rig->world);
    if (setup->partitions > 0) {
        cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", setup->partitions),
                     SLUICE_OK);
    }
}

struct rig *rig_world(const struct rig_setup *setup) {
    struct rt_sim_options options = {
        .seed = setup->seed,
        .wall_start_ms = 1700000000000,
        .delay_min_ns = setup->delay_ns != 0 ? setup->delay_ns : 50000,
        .delay_max_ns = setup->delay_ns != 0 ? setup->delay_ns : 200000,
        .lookup_delay_ns = 1000000,
        .socket_buffer_bytes = setup->socket_buffer_bytes,
        .bytes_per_second = setup->bytes_per_second,
        .thread_end = input_thread_end,
    };
    struct rig *rig = calloc(1, sizeof *rig);
    rig->value_size = 12;
    rig->world = rt_sim_create(&options);
    return rig;
}

void rig_open(struct rig *rig, const struct rig_setup *setup) {
    sluice_config *config = sluice_config_new();
    sluice_error error = {0};
    const char *bootstrap = setup->bootstrap != NULL ? setup->bootstrap : "10.0.0.1:9092";
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", bootstrap, &error), SLUICE_OK, "%s",
                 error.text);
    for (const char *const *each = setup->settings; each != NULL && each[0] != NULL; each += 2) {
        cr_assert_eq(sluice_config_set(config, each[0], each[1], &error), SLUICE_OK, "%s",
                     error.text);
    }
    if (setup->callback != NULL) {
        sluice_config_set_report_callback(config, setup->callback, rig);
    }
    sluice_config_set_event_callback(config, setup->events, rig);
    sluice_config_set_log_callback(config, setup->logs, rig);
    rig->producer = producer_open_in(rig->world, config, &error);
    sluice_config_free(config);
    cr_assert_not_null(rig->producer, "%s", error.text);
    rig->topic = sluice_topic_open(rig->producer, "orders", NULL, &error);
    cr_assert_not_null(rig->topic, "%s", error.text);
}

struct rig *rig_start(const struct rig_setup *setup) {
    struct rig *rig = rig_world(setup);
    cluster_start(rig, setup);
    rig_open(rig, setup);
    return rig;
}

/* ---- producing ------------------------------------------------------------------------------- */

void *rig_next(struct rig *rig, int32_t partition) {
    cr_assert_lt(rig->count, RIG_RECORDS_MAX);
    rig->records[rig->count] = (struct rig_record){.wanted = partition};
    return (void *)((uintptr_t)rig->count++ + 1);
}

sluice_code rig_try(struct rig *rig, int32_t partition) {
    cr_assert_geq(rig->value_size, 12);
    char *value = calloc(1, rig->value_size);
    snprintf(value, rig->value_size, "%010u", rig->count);
    sluice_record record = {.value = value, .value_size = rig->value_size};
    if (partition != RIG_ANY) {
        record.flags = SLUICE_RECORD_PARTITION;
        record.partition = partition;
    }
    record.opaque = rig_next(rig, partition);
    sluice_code code = sluice_produce(rig->topic, &record);
    if (code != SLUICE_OK) {
        rig->count--;
    }
    free(value);
    return code;
}

void rig_produce(struct rig *rig, int32_t partition) {
    sluice_code code = rig_try(rig, partition);
    cr_assert_eq(code, SLUICE_OK, "%s", sluice_code_name(code));
}

void rig_produce_some(struct rig *rig, int32_t partition, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        rig_produce(rig, partition);
    }
}

void rig_produce_to_each(struct rig *rig, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        rig_produce(rig, i);
    }
}

void rig_run(struct rig *rig, uint64_t ms) {
    rt_sim_run_until(rig->world, rt_now(rig->world) + ms * RIG_MS);
}

/* ---- reports --------------------------------------------------------------------------------- */

void rig_take(struct rig *rig, const sluice_report *reports, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uintptr_t number = (uintptr_t)reports[i].opaque;
        cr_assert(number > 0 && number <= rig->count, "opaque %" PRIuPTR, number);
        struct rig_record *record = &rig->records[number - 1];
        record->reports++;
        cr_assert_eq(record->reports, 1, "record %" PRIuPTR " is reported again", number - 1);
        record->report = reports[i];
        rig->reported++;
    }
}

uint32_t rig_poll(struct rig *rig) {
    sluice_report reports[16];
    uint32_t total = 0;
    size_t count;
    while ((count = sluice_poll(rig->producer, reports, 16, 0)) > 0) {
        rig_take(rig, reports, count);
        total += (uint32_t)count;
    }
    return total;
}

bool rig_await(struct rig *rig, uint32_t count, uint64_t ms) {
    uint64_t deadline_ns = rt_now(rig->world) + ms * RIG_MS;
    rig_poll(rig);
    while (rig->reported < count && rt_now(rig->world) < deadline_ns) {
        rt_sim_run_until(rig->world, rt_now(rig->world) + RIG_MS / 10);
        rig_poll(rig);
    }
    return rig->reported >= count;
}

void rig_flush(struct rig *rig) {
    sluice_code code = sluice_flush(rig->producer, 600000);
    cr_assert_eq(code, SLUICE_OK, "%s", sluice_code_name(code));
    rig_poll(rig);
    cr_assert_eq(rig->reported, rig->count);
}

/* ---- brokers --------------------------------------------------------------------------------- */

enum { PRODUCE = 0 };

static uint64_t add(struct rig *rig, const sluice_broker_fault *fault) {
    uint64_t handle = broker_cluster_fault_add(rig->cluster, fault);
    cr_assert_neq(handle, 0);
    return handle;
}

uint64_t rig_fault(struct rig *rig, sluice_broker_action action, int16_t api, uint32_t skip,
                   uint32_t count) {
    sluice_broker_fault fault = sluice_broker_fault_any(action);
    fault.api_key = api;
    fault.skip = skip;
    fault.count = count;
    return add(rig, &fault);
}

uint64_t rig_refuse_of(struct rig *rig, int32_t partition, int16_t code, uint32_t skip,
                       uint32_t count) {
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = PRODUCE;
    fault.error_code = code;
    fault.partition = partition;
    fault.skip = skip;
    fault.count = count;
    return add(rig, &fault);
}

uint64_t rig_refuse(struct rig *rig, int16_t code, uint32_t skip, uint32_t count) {
    return rig_refuse_of(rig, RIG_ANY, code, skip, count);
}

uint64_t rig_hold_up(struct rig *rig, sluice_broker_action action, int16_t api, uint32_t ms,
                     uint32_t count) {
    sluice_broker_fault fault = sluice_broker_fault_any(action);
    fault.api_key = api;
    fault.delay_ms = ms;
    fault.count = count;
    return add(rig, &fault);
}

void rig_restart(struct rig *rig, int32_t node, sluice_broker_keep keep) {
    cr_assert_eq(broker_cluster_kill(rig->cluster, node), SLUICE_OK);
    rig_run(rig, 1);
    cr_assert_eq(broker_cluster_restart(rig->cluster, node, keep), SLUICE_OK);
}

uint64_t rig_hits(struct rig *rig, uint64_t fault) {
    uint64_t hits = 0;
    cr_assert(broker_cluster_fault_hits(rig->cluster, fault, &hits));
    return hits;
}

void rig_await_hits(struct rig *rig, uint64_t fault, uint64_t hits) {
    uint64_t deadline_ns = rt_now(rig->world) + 60000 * RIG_MS;
    while (rig_hits(rig, fault) < hits) {
        cr_assert_lt(rt_now(rig->world), deadline_ns, "only %" PRIu64 " hits",
                     rig_hits(rig, fault));
        rt_sim_run_until(rig->world, rt_now(rig->world) + RIG_MS / 20);
    }
}

sluice_broker_counters rig_counters(struct rig *rig) {
    sluice_broker_counters counters;
    broker_cluster_count_all(rig->cluster, SLUICE_BROKER_ANY, &counters);
    return counters;
}

sluice_status rig_status(struct rig *rig) {
    sluice_status status;
    sluice_producer_status(rig->producer, &status);
    return status;
}

struct partition *rig_partition(struct rig *rig, int32_t index) {
    struct topic *topic = (struct topic *)rig->topic;
    cr_assert_lt(index, topic->actor.partition_count);
    cr_assert_not_null(topic->actor.partitions[index]);
    return topic->actor.partitions[index];
}

/* ---- the book -------------------------------------------------------------------------------- */

struct reading {
    struct rig *rig;
    int32_t partition;
    int64_t last;
};

static bool read_record(const sluice_broker_record *record, void *context) {
    struct reading *reading = context;
    struct rig *rig = reading->rig;
    char text[11] = {0};
    cr_assert_geq(record->value_size, 10);
    memcpy(text, record->value, 10);
    int64_t number = strtol(text, NULL, 10);
    cr_assert_lt(number, rig->count);
    struct rig_record *known = &rig->records[number];
    known->found++;
    if (known->found > 1 && rig->doubles_allowed) {
        return true;
    }
    cr_expect_eq(known->found, 1, "record %" PRId64 " is doubled in partition %d", number,
                 reading->partition);
    cr_expect_lt(reading->last, number, "partition %d is out of order", reading->partition);
    reading->last = number;
    cr_expect(known->wanted == RIG_ANY || known->wanted == reading->partition);
    if (known->reports == 1 && known->report.outcome == SLUICE_PERSISTED) {
        cr_expect_eq(known->report.partition, reading->partition);
        if (known->report.offset >= 0 && !rig->doubles_allowed) {
            cr_expect_eq(known->report.offset, record->offset, "record %" PRId64, number);
        }
    }
    return true;
}

static void check_record(struct rig *rig, uint32_t number) {
    const struct rig_record *record = &rig->records[number];
    cr_expect_eq(record->reports, 1, "record %u", number);
    if (record->report.outcome == SLUICE_PERSISTED) {
        cr_expect_geq(record->found, 1, "record %u is lost", number);
        cr_expect_eq(record->report.error, SLUICE_OK);
    } else {
        cr_expect_neq(record->report.error, SLUICE_OK);
        cr_expect_eq(record->report.offset, -1);
    }
    if (record->report.outcome == SLUICE_NOT_PERSISTED) {
        cr_expect_eq(record->found, 0, "record %u is there, and reported as not persisted", number);
    }
}

void rig_check(struct rig *rig) {
    for (uint32_t i = 0; i < rig->count; i++) {
        rig->records[i].found = 0;
    }
    uint32_t partitions = broker_cluster_partition_count(rig->cluster, "orders");
    for (uint32_t i = 0; i < partitions; i++) {
        struct reading reading = {.rig = rig, .partition = (int32_t)i, .last = -1};
        cr_assert_geq(
            broker_cluster_read(rig->cluster, "orders", (int32_t)i, 0, read_record, &reading), 0);
    }
    for (uint32_t i = 0; i < rig->count; i++) {
        check_record(rig, i);
    }
}

void rig_expect_all(struct rig *rig, sluice_outcome outcome, sluice_code error) {
    for (uint32_t i = 0; i < rig->count; i++) {
        const sluice_report *report = &rig->records[i].report;
        cr_assert_eq(rig->records[i].reports, 1, "record %u", i);
        cr_assert_eq(report->outcome, outcome, "record %u: %s", i, sluice_code_name(report->error));
        cr_assert(error == SLUICE_OK || report->error == error, "record %u: %s", i,
                  sluice_code_name(report->error));
    }
}

void rig_expect_quiet(struct rig *rig) {
    rig_run(rig, 50); /* requests that may still read a batch's bytes end */
    sluice_status status = rig_status(rig);
    cr_expect_eq(rig->reported, rig->count);
    cr_expect_eq(status.records_accepted, rig->count);
    cr_expect_eq(status.records_persisted + status.records_not_persisted + status.records_unknown,
                 rig->count);
    cr_expect_eq(status.reports_waiting, 0);
    cr_expect_eq(status.bytes_used, 0);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void cluster_gone(void *context) {
    ((struct rig *)context)->cluster_gone = true;
}

void rig_free(struct rig *rig) {
    sluice_producer_free(rig->producer);
    rig->producer = NULL;
    if (rig->cluster != NULL) {
        broker_cluster_stop(rig->cluster, cluster_gone, rig);
        rig_run(rig, 1000);
        cr_assert(rig->cluster_gone);
    }
    rig_run(rig, 1000);
    rt_world_destroy(rig->world);
    free(rig);
}

void rig_end(struct rig *rig) {
    sluice_producer_close(rig->producer, 60000);
    rig_poll(rig);
    rig_check(rig);
    rig_expect_quiet(rig);
    rig_free(rig);
}
