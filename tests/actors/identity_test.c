/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the producer id is obtained, renewed, and refused. */
#include "actors/metadata_rig.h"
#include "broker/server.h"
#include "test.h"

static struct rig *start(uint64_t seed, const sluice_broker_options *options,
                         const char *const *settings) {
    struct rig *rig = rig_start(seed, options, settings);
    cr_assert(identity_start(&rig->producer.identity, &rig->producer));
    rig->with_identity = true;
    return rig;
}

static int64_t id_of(struct rig *rig) {
    return atomic_load(&rig->producer.identity.producer_id);
}

static uint32_t fatal_of(struct rig *rig) {
    return atomic_load(&rig->producer.identity.fatal);
}

Test(identity, an_id_is_asked_for_when_the_first_partition_needs_it_and_told_to_all) {
    struct rig *rig = start(1, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 1000);
    cr_assert_eq(rig_requests(rig, 22), 0);
    cr_assert_eq(id_of(rig), -1);
    struct rig_partition *partitions[4];
    for (int i = 0; i < 4; i++) {
        partitions[i] = rig_partition(rig, topic, i);
        identity_wait(&rig->producer.identity, &partitions[i]->partition);
        identity_wait(&rig->producer.identity, &partitions[i]->partition);
    }
    rig_run(rig, 100);
    cr_assert_geq(id_of(rig), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(partitions[i]->identity_marks, 1);
    }
    cr_assert_eq(rig_requests(rig, 22), 1);
    identity_wait(&rig->producer.identity, &partitions[0]->partition);
    rig_run(rig, 1);
    cr_assert_eq(partitions[0]->identity_marks, 2, "there is one: told at once");
    cr_assert_eq(rig_requests(rig, 22), 1);
    sluice_broker_counters counters;
    broker_cluster_count_all(rig->cluster, SLUICE_BROKER_ANY, &counters);
    cr_assert_eq(counters.connections_open, 2, "it is kept for the broker that it leads to");
    rig_run(rig, 10000);
    broker_cluster_count_all(rig->cluster, SLUICE_BROKER_ANY, &counters);
    cr_assert_eq(counters.connections_open, 1, "only the metadata actor's is left open");
    rig_end(rig);
}

Test(identity, a_renewal_is_asked_for_once_and_waiters_get_the_new_id) {
    struct rig *rig = start(2, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 100);
    int64_t first = id_of(rig);
    identity_renew(&rig->producer.identity, first);
    identity_renew(&rig->producer.identity, first);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 100);
    cr_assert_neq(id_of(rig), first);
    cr_assert_eq(rig_requests(rig, 22), 2);
    cr_assert_eq(partition->identity_marks, 2);
    identity_renew(&rig->producer.identity, first);
    rig_run(rig, 100);
    cr_assert_eq(rig_requests(rig, 22), 2, "who comes late finds the new one");
    rig_end(rig);
}

/* No sound broker does so; one that does is not asked again and again without a pause. */
Test(identity, an_id_that_was_exhausted_is_not_taken_again) {
    struct rig *rig = start(3, &(sluice_broker_options){.broker_count = 1}, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 500);
    int64_t first = id_of(rig);
    identity_renew(&rig->producer.identity, first);
    identity_wait(&rig->producer.identity, &partition->partition);
    for (int ms = 0; ms < 1000; ms++) {
        rig->cluster->model.next_producer_id = first;
        rig_run(rig, 1);
    }
    cr_assert_eq(partition->identity_marks, 1, "there is none yet");
    cr_assert_lt(rig_requests(rig, 22), 30);
    rig->cluster->model.next_producer_id = first + 1;
    rig_run(rig, 5000);
    cr_assert_eq(id_of(rig), first + 1);
    cr_assert_eq(partition->identity_marks, 2);
    rig_end(rig);
}

Test(identity, a_coordinator_that_loads_is_asked_again_with_pauses) {
    struct rig *rig = start(3, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = 22;
    fault.error_code = SLUICE_BROKER_COORDINATOR_LOAD_IN_PROGRESS;
    fault.count = 4;
    broker_cluster_fault_add(rig->cluster, &fault);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 1000);
    cr_assert_eq(id_of(rig), -1);
    cr_assert_eq(partition->identity_marks, 0);
    rig_run(rig, 1000);
    cr_assert_geq(id_of(rig), 0, "after 100 + 200 + 400 + 800 ms");
    cr_assert_eq(partition->identity_marks, 1);
    cr_assert_eq(rig_requests(rig, 22), 5);
    rig_end(rig);
}

Test(identity, an_error_that_nobody_expects_passes_by_itself) {
    struct rig *rig = start(3, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = 22;
    fault.error_code = SLUICE_BROKER_UNKNOWN_SERVER_ERROR;
    broker_cluster_fault_add(rig->cluster, &fault);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 1000);
    cr_assert_geq(id_of(rig), 0);
    cr_assert_eq(rig_requests(rig, 22), 2);
    rig_end(rig);
}

Test(identity, a_refusal_for_good_is_fatal_and_told_to_those_who_wait) {
    struct rig *rig = start(4, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = 22;
    fault.error_code = SLUICE_BROKER_CLUSTER_AUTHORIZATION_FAILED;
    broker_cluster_fault_add(rig->cluster, &fault);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 100);
    cr_assert_eq(fatal_of(rig), (uint32_t)SLUICE_BROKER_CLUSTER_AUTHORIZATION_FAILED);
    cr_assert_eq(partition->identity_marks, 1);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 100);
    cr_assert_eq(partition->identity_marks, 2);
    cr_assert_eq(rig_requests(rig, 22), 1, "not asked again");
    rig_end(rig);
}

Test(identity, brokers_that_give_no_ids_are_named_as_the_reason) {
    sluice_broker_limit limit = {22, -1};
    sluice_broker_options options = {.broker_count = 1, .limits = &limit, .limit_count = 1};
    struct rig *rig = start(5, &options, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 100);
    cr_assert_eq(fatal_of(rig), (uint32_t)SLUICE_UNSUPPORTED_BROKER);
    cr_assert_eq(partition->identity_marks, 1);
    rig_end(rig);
}

Test(identity, every_version_is_read) {
    for (int16_t version = 0; version <= 5; version++) {
        sluice_broker_limit limit = {22, version};
        sluice_broker_options options = {.broker_count = 1, .limits = &limit, .limit_count = 1};
        struct rig *rig = start(6, &options, NULL);
        struct rig_topic *topic = rig_topic(rig, "orders");
        struct rig_partition *partition = rig_partition(rig, topic, 0);
        identity_wait(&rig->producer.identity, &partition->partition);
        rig_run(rig, 100);
        cr_assert_geq(id_of(rig), 0, "version %d", version);
        rig_end(rig);
    }
}

Test(identity, it_goes_on_to_other_brokers_and_waits_for_one_to_come_back) {
    const char *settings[] = {"bootstrap.servers", "10.0.0.1:9092,10.0.0.2:9092,10.0.0.3:9092",
                              NULL};
    struct rig *rig = start(7, NULL, settings);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    for (int32_t node = 1; node <= 3; node++) {
        broker_cluster_kill(rig->cluster, node);
    }
    rt_sim_settle(rig->world);
    identity_wait(&rig->producer.identity, &partition->partition);
    rig_run(rig, 20000);
    cr_assert_eq(partition->identity_marks, 0);
    cr_assert_eq(fatal_of(rig), 0);
    broker_cluster_restart(rig->cluster, 2, SLUICE_BROKER_KEEP_LAST);
    rig_run(rig, 1300);
    cr_assert_eq(partition->identity_marks, 1);
    cr_assert_geq(id_of(rig), 0);
    rig_end(rig);
}

Test(identity, whatever_happens_to_its_request_it_gets_an_id_in_the_end) {
    static const sluice_broker_action actions[] = {
        SLUICE_FAULT_DROP,      SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_CUT_AFTER,
        SLUICE_FAULT_CUT_HALF,  SLUICE_FAULT_GARBAGE,    SLUICE_FAULT_WRONG_CORRELATION,
        SLUICE_FAULT_HUGE_FRAME};
    const char *settings[] = {"request.timeout.ms", "1000", NULL};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct rig *rig = start(8, NULL, settings);
        struct rig_topic *topic = rig_topic(rig, "orders");
        struct rig_partition *partition = rig_partition(rig, topic, 0);
        rig_fault(rig, actions[i], 22, 3);
        identity_wait(&rig->producer.identity, &partition->partition);
        rig_run(rig, 8000);
        cr_assert_eq(partition->identity_marks, 1, "action %d", actions[i]);
        cr_assert(id_of(rig) >= 0 || fatal_of(rig) != 0);
        rig_end(rig);
    }
}

Test(identity, no_memory_at_any_point_only_delays) {
    for (uint64_t nth = 1; nth < 15; nth++) {
        struct rig *rig = start(9, NULL, NULL);
        struct rig_topic *topic = rig_topic(rig, "orders");
        struct rig_partition *partition = rig_partition(rig, topic, 0);
        rig_run(rig, 500);
        rt_sim_fail_memory(rig->world, nth);
        identity_wait(&rig->producer.identity, &partition->partition);
        rig_run(rig, 3000);
        rt_sim_fail_memory(rig->world, 0);
        cr_assert_eq(partition->identity_marks, 1, "failure %d", (int)nth);
        cr_assert_geq(id_of(rig), 0);
        rig_end(rig);
    }
}

Test(identity, it_can_end_at_any_moment) {
    for (uint64_t us = 0; us < 4000; us += 100) {
        struct rig *rig = start(10, NULL, NULL);
        struct rig_topic *topic = rig_topic(rig, "orders");
        struct rig_partition *partition = rig_partition(rig, topic, 0);
        identity_wait(&rig->producer.identity, &partition->partition);
        rt_sim_run_until(rig->world, us * 1000);
        rig_end(rig);
    }
}
