/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back to bootstrap.servers (KIP-899, KIP-1102). There are two clusters with the same names and
 * node ids. The old one still runs, and tells no better than it did; the names lead to the new one.
 */
#include "pipeline/rig.h"

enum { PRODUCE = 0, METADATA = 3, NODES = 3 };

static unsigned rebootstraps, disconnects;

static void see(const sluice_event *event, void *context) {
    (void)context;
    rebootstraps += event->kind == SLUICE_EVENT_REBOOTSTRAP;
    disconnects += event->kind == SLUICE_EVENT_DISCONNECTED;
}

static struct rt_address new_address(int32_t node) {
    return (struct rt_address){.ip = {10, 0, 1, (uint8_t)node}, .port = 9092, .family = 4};
}

static const char *const settings[] = {
    "linger.ms",          "0",    "batch.size", "0", "metadata.max.age.ms", "1000",
    "request.timeout.ms", "3000", NULL};

static const sluice_broker_limit without_ids[] = {{PRODUCE, 9}, {METADATA, 9}};
static const sluice_broker_options usual = {.broker_count = NODES};
static const sluice_broker_options older = {
    .broker_count = NODES, .limits = without_ids, .limit_count = 2};

/* The producer knows the old cluster; then the names change. The rig's cluster is the new one from
 * now on; the old one is returned. */
static struct broker_cluster *start_with(struct rig **rig_place, const char *const *with,
                                         bool writes, const sluice_broker_options *brokers) {
    static const struct rig_setup setup = {.seed = 5,
                                           .partitions = NODES,
                                           .bootstrap = "b1.example:9092,b2.example:9092",
                                           .events = see};
    struct rig_setup chosen = setup;
    chosen.settings = with;
    rebootstraps = 0;
    disconnects = 0;
    struct rig *rig = rig_start(&chosen);
    if (writes) {
        rig_produce_to_each(rig, NODES);
    }
    rig_flush(rig);
    rig_run(rig, 10);
    struct broker_cluster *old = rig->cluster;
    struct broker_listen listen[NODES];
    static char hosts[NODES][16];
    for (int32_t i = 0; i < NODES; i++) {
        snprintf(hosts[i], sizeof hosts[i], "b%d.example", i + 1);
        listen[i] = (struct broker_listen){.address = new_address(i + 1), .host = hosts[i]};
        rt_sim_name(rig->world, hosts[i], &listen[i].address, 1);
    }
    rig->cluster = broker_cluster_create(rig->world, brokers, listen);
    cr_assert_not_null(rig->cluster);
    rt_sim_settle(rig->world);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", NODES), SLUICE_OK);
    *rig_place = rig;
    return old;
}

/* It has written to each of the old brokers. */
static struct broker_cluster *start(struct rig **rig_place, const char *const *with) {
    return start_with(rig_place, with, true, &usual);
}

static void fault_new_brokers(struct rig *rig, enum rt_sim_fault fault) {
    for (int32_t i = 0; i < NODES; i++) {
        struct rt_address address = new_address(i + 1);
        rt_sim_fault(rig->world, &address, fault);
    }
}

static void fault(struct broker_cluster *cluster, sluice_broker_action action, int16_t api,
                  int16_t code) {
    sluice_broker_fault set = sluice_broker_fault_any(action);
    set.api_key = api;
    set.error_code = code;
    set.count = 0;
    cr_assert_neq(broker_cluster_fault_add(cluster, &set), 0);
}

/* A hundred records, one each so many ms. */
static void produce_on(struct rig *rig, uint64_t every_ms) {
    for (int i = 0; i < 100; i++) {
        rig_produce(rig, i % NODES);
        rig_run(rig, every_ms);
    }
}

static uint64_t connections(struct broker_cluster *cluster) {
    sluice_broker_counters counters;
    broker_cluster_count_all(cluster, SLUICE_BROKER_ANY, &counters);
    return counters.connections_open;
}

static void old_gone(void *context) {
    *(bool *)context = true;
}

static void finish(struct rig *rig, struct broker_cluster *old) {
    bool gone = false;
    rig_expect_quiet(rig);
    broker_cluster_stop(old, old_gone, &gone);
    rig_run(rig, 100);
    cr_assert(gone);
    rig_free(rig);
}

/* ---- by error ------------------------------------------------------------------------------- */

Test(rebootstrap, resolves_anew_connects_anew_and_goes_on) {
    struct rig *rig;
    struct broker_cluster *old = start(&rig, settings);
    rig_run(rig, 1500);
    cr_expect_eq(connections(rig->cluster), 0, "connections outlive the names");
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    produce_on(rig, 20);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rebootstraps, 1);
    cr_expect_eq(rig_status(rig).rebootstraps, 1);
    cr_expect_eq(connections(old), 0, "nobody stays with the old brokers");
    int64_t written = broker_cluster_records(old, "orders", -1) - NODES;
    int64_t both = written + broker_cluster_records(rig->cluster, "orders", -1);
    cr_expect_geq(both, 100);
    cr_expect_leq(both, 101, "the record that is on its way just then may be in both logs");
    cr_expect_lt(written, 60);
    finish(rig, old);
}

/* The new brokers tell no topic ids, and the old ones did. */
Test(rebootstrap, goes_on_with_older_brokers) {
    struct rig *rig;
    struct broker_cluster *old = start_with(&rig, settings, true, &older);
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    produce_on(rig, 20);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(rebootstraps, 1);
    cr_expect_eq(connections(old), 0);
    cr_expect_gt(broker_cluster_records(rig->cluster, "orders", -1), 40);
    finish(rig, old);
}

/* What is in flight to the old brokers is not waited for. */
Test(rebootstrap, does_not_wait_for_answers_of_the_old_brokers) {
    struct rig *rig;
    struct broker_cluster *old = start(&rig, settings);
    fault(old, SLUICE_FAULT_DROP, PRODUCE, 0);
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    uint64_t began_ns = rt_now(rig->world);
    rig_produce_to_each(rig, NODES);
    cr_assert(rig_await(rig, 2 * NODES, 10000));
    cr_expect_lt(rt_now(rig->world) - began_ns, 1500 * RIG_MS);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", -1), NODES);
    finish(rig, old);
}

/* The connection that brought the producer id could have become that of the broker that it leads
 * to, but not of another one of the same name. */
Test(rebootstrap, takes_no_kept_connection_along) {
    struct rig *rig;
    struct broker_cluster *old = start_with(&rig, settings, false, &usual);
    cr_assert_eq(connections(old), 2);
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    rig_run(rig, 1500);
    cr_expect_eq(rebootstraps, 1);
    rig_produce_to_each(rig, NODES);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", -1), NODES);
    cr_expect_eq(broker_cluster_records(old, "orders", -1), 0);
    cr_expect_eq(connections(old), 0);
    finish(rig, old);
}

/* Nobody answers at the new addresses yet. What is sent then goes to the new cluster, not by a
 * connection to the old one. */
Test(rebootstrap, gives_no_connection_away_while_it_lasts) {
    static const char *const with[] = {"linger.ms",
                                       "0",
                                       "metadata.max.age.ms",
                                       "1000",
                                       "enable.idempotence",
                                       "false",
                                       "reconnect.backoff.max.ms",
                                       "100",
                                       NULL};
    struct rig *rig;
    struct broker_cluster *old = start_with(&rig, with, false, &usual);
    fault_new_brokers(rig, RT_SIM_REFUSE);
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    rig_run(rig, 1500);
    cr_expect_eq(rebootstraps, 1);
    rig_produce_to_each(rig, NODES);
    rig_run(rig, 500);
    cr_expect_eq(rig_poll(rig), 0);
    fault_new_brokers(rig, RT_SIM_HEAL);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", -1), NODES);
    cr_expect_eq(broker_cluster_records(old, "orders", -1), 0);
    finish(rig, old);
}

/* The bootstrap servers say the same: no hot circle, what is known is used on, and each record has
 * its outcome. */
Test(rebootstrap, that_leads_nowhere_costs_pauses_and_keeps_what_is_known) {
    struct rig *rig;
    struct broker_cluster *old = start(&rig, settings);
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    fault(rig->cluster, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    uint64_t asked = rig_counters(rig).requests[METADATA];
    produce_on(rig, 100);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_lt(rig_counters(rig).requests[METADATA] - asked, 30);
    cr_expect_eq(rebootstraps, 1);
    cr_expect_eq(broker_cluster_records(old, "orders", -1), NODES + 100);
    finish(rig, old);
}

Test(rebootstrap, is_not_done_when_the_strategy_is_none) {
    static const char *const with[] = {"linger.ms",
                                       "0",
                                       "metadata.max.age.ms",
                                       "300",
                                       "metadata.recovery.strategy",
                                       "none",
                                       "metadata.recovery.rebootstrap.trigger.ms",
                                       "0",
                                       NULL};
    struct rig *rig;
    struct broker_cluster *old = start(&rig, with);
    fault(old, SLUICE_FAULT_ERROR, METADATA, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
    rig_run(rig, 3000);
    rig_produce_to_each(rig, NODES);
    rig_flush(rig);
    cr_expect_eq(rebootstraps, 0);
    cr_expect_eq(broker_cluster_records(old, "orders", -1), 2 * NODES);
    finish(rig, old);
}

/* ---- by time -------------------------------------------------------------------------------- */

/* The old brokers accept connections and answer nothing, for ever. With the same names the new
 * cluster is found as soon as anything is connected to again; the trigger ends what hangs on. */
Test(rebootstrap, is_done_after_metadata_has_failed_for_long_enough) {
    static const char *const with[] = {"linger.ms",
                                       "0",
                                       "metadata.max.age.ms",
                                       "300",
                                       "request.timeout.ms",
                                       "400",
                                       "metadata.recovery.rebootstrap.trigger.ms",
                                       "5000",
                                       NULL};
    struct rig *rig;
    struct broker_cluster *old = start(&rig, with);
    fault(old, SLUICE_FAULT_DROP, METADATA, 0);
    fault(rig->cluster, SLUICE_FAULT_DROP, METADATA, 0);
    rig_run(rig, 4000);
    cr_expect_eq(rebootstraps, 0);
    rig_run(rig, 3000);
    cr_expect_eq(rebootstraps, 1);
    rig_produce(rig, 0); /* what is known serves meanwhile */
    rig_flush(rig);
    cr_expect_eq(broker_cluster_records(old, "orders", -1), NODES + 1);
    broker_cluster_fault_remove_all(rig->cluster);
    rig_run(rig, 3000);
    rig_produce_to_each(rig, NODES);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    cr_expect_eq(broker_cluster_records(rig->cluster, "orders", -1), NODES);
    cr_expect_eq(connections(old), 0);
    rig_run(rig, 20000);
    cr_expect_eq(rebootstraps, 1, "once, and again only after another success");
    finish(rig, old);
}

/* An idle producer that needs no metadata does not count the time. */
Test(rebootstrap, is_nothing_to_a_producer_that_is_idle_and_well) {
    static const char *const with[] = {"linger.ms",
                                       "0",
                                       "connections.max.idle.ms",
                                       "500",
                                       "metadata.max.age.ms",
                                       "60000",
                                       "metadata.recovery.rebootstrap.trigger.ms",
                                       "1000",
                                       NULL};
    struct rig *rig;
    struct broker_cluster *old = start(&rig, with);
    rig_run(rig, 50000);
    cr_expect_eq(rebootstraps, 0);
    finish(rig, old);
}
