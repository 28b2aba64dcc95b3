/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom the metadata actor asks, when, and what it does about those who do not help. */
#include "actors/metadata_rig.h"
#include "test.h"

Test(metadata_ask, an_idle_program_wakes_for_nothing_but_the_age_of_its_metadata) {
    struct rig *rig = rig_start(20, NULL, NULL);
    rig_topic(rig, "orders");
    rig_run(rig, 1000);
    uint64_t requests = rig_requests(rig, 3);
    uint64_t events = rt_sim_events(rig->world);
    rig_run(rig, 280000);
    cr_assert_eq(rt_sim_events(rig->world), events, "not one thing happened in 280 s");
    rig_run(rig, 3600000 - 280000);
    cr_assert_eq(rig_requests(rig, 3) - requests, 12, "every 300 s in an hour");
    cr_assert_eq(rig_requests(rig, 18), 1, "on one connection");
    rig_end(rig);
}

Test(metadata_ask, refreshes_are_put_together_and_spaced) {
    struct rig *rig = rig_start(21, NULL, NULL);
    rig_topic(rig, "orders");
    rig_run(rig, 2000);
    uint64_t requests = rig_requests(rig, 3);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 5);
    cr_assert_eq(rig_requests(rig, 3) - requests, 1, "the first one after calm goes at once");
    for (int i = 0; i < 1000; i++) {
        metadata_refresh(&rig->producer.metadata);
    }
    rig_run(rig, 75);
    cr_assert_eq(rig_requests(rig, 3) - requests, 1);
    rig_run(rig, 300);
    cr_assert_eq(rig_requests(rig, 3) - requests, 2);
    rig_end(rig);
}

Test(metadata_ask, pauses_that_grew_are_small_again_after_a_calm_time) {
    struct rig *rig = rig_start(45, NULL, NULL);
    rig_topic(rig, "orders");
    for (int i = 0; i < 5000; i++) {
        metadata_refresh(&rig->producer.metadata);
        rig_run(rig, 1);
    }
    rig_run(rig, 10000);
    uint64_t requests = rig_requests(rig, 3);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 5);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 260);
    cr_assert_eq(rig_requests(rig, 3) - requests, 2, "200 ms, not 1000, were between them");
    rig_end(rig);
}

Test(metadata_ask, an_unknown_topic_is_told_so_and_asked_for_until_it_is_there) {
    sluice_broker_options options = {
        .broker_count = 2, .partition_count = 1, .auto_create_off = true};
    struct rig *rig = rig_start(22, &options, NULL);
    struct rig_topic *topic = rig_topic(rig, "later");
    rig_run(rig, 50);
    cr_assert_eq(rig_entry(rig, topic)->error, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_assert_eq(rig_entry(rig, topic)->partition_count, 0);
    cr_assert_eq(topic->marks, 1);
    cr_assert_eq(rig->events[SLUICE_EVENT_TOPIC_ERROR], 0, "it may be on its way");
    rig_run(rig, 400);
    cr_assert_eq(rig->events[SLUICE_EVENT_TOPIC_ERROR], 1);
    cr_assert_str_eq(rig->last_event_text,
                     "topic \"later\": the broker does not know this topic or partition");
    rig_run(rig, 10000);
    cr_assert_geq(rig_requests(rig, 3), 11, "100, 200, 400, 800, then 1000 ms");
    cr_assert_leq(rig_requests(rig, 3), 16);
    cr_assert_eq(rig->events[SLUICE_EVENT_TOPIC_ERROR], 1, "said once");
    cr_assert_eq(topic->marks, 1);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "later", 3), SLUICE_OK);
    rig_run(rig, 1300);
    cr_assert_eq(rig_entry(rig, topic)->error, SLUICE_OK);
    cr_assert_eq(rig_entry(rig, topic)->partition_count, 3);
    cr_assert_eq(topic->marks, 2);
    uint64_t requests = rig_requests(rig, 3);
    rig_run(rig, 60000);
    cr_assert_eq(rig_requests(rig, 3), requests, "and then it is quiet");
    rig_end(rig);
}

Test(metadata_ask, brokers_make_topics_only_when_allowed) {
    const char *settings[] = {"allow.auto.create.topics", "false", NULL};
    struct rig *rig = rig_start(23, NULL, settings);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    cr_assert_eq(rig_entry(rig, topic)->error, SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    cr_assert_eq(broker_cluster_partition_count(rig->cluster, "orders"), 0);
    rig_end(rig);
}

Test(metadata_ask, a_refused_topic_is_asked_for_again_after_a_long_pause) {
    struct rig *rig = rig_start(24, NULL, NULL);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = 3;
    fault.error_code = SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED;
    fault.count = 1;
    broker_cluster_fault_add(rig->cluster, &fault);
    struct rig_topic *topic = rig_topic(rig, "secret");
    rig_run(rig, 29000);
    cr_assert_eq(rig_entry(rig, topic)->error, SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED);
    cr_assert_eq(rig->last_event_error, SLUICE_BROKER_TOPIC_AUTHORIZATION_FAILED);
    cr_assert_eq(rig_requests(rig, 3), 1);
    rig_run(rig, 2000);
    cr_assert_eq(rig_requests(rig, 3), 2);
    cr_assert_eq(rig_entry(rig, topic)->error, SLUICE_OK);
    rig_end(rig);
}

Test(metadata_ask, an_error_does_not_take_a_known_topic_away) {
    struct rig *rig = rig_start(25, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = 3;
    fault.error_code = SLUICE_BROKER_LEADER_NOT_AVAILABLE;
    fault.count = 3;
    broker_cluster_fault_add(rig->cluster, &fault);
    uint64_t requests = rig_requests(rig, 3);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 3000);
    cr_assert_eq(rig_requests(rig, 3) - requests, 4, "until it was answered well");
    cr_assert_eq(rig_entry(rig, topic)->partition_count, 4);
    cr_assert_eq(topic->marks, 1);
    rig_end(rig);
}

Test(metadata_ask, all_bootstrap_servers_are_tried) {
    const char *settings[] = {"bootstrap.servers",
                              "10.0.9.9:1,nowhere.example:9092,b2.example:9092,10.0.8.8:2", NULL};
    for (uint64_t seed = 30; seed < 38; seed++) {
        struct rig *rig = rig_start(seed, NULL, settings);
        struct rig_topic *topic = rig_topic(rig, "orders");
        rig_run(rig, 30);
        cr_assert_not_null(rig_entry(rig, topic));
        cr_assert_eq(rig->events[SLUICE_EVENT_ALL_BROKERS_DOWN], 0);
        rig_end(rig);
    }
}

Test(metadata_ask, when_all_are_down_it_is_said_once_and_tried_on_with_pauses) {
    const char *settings[] = {"bootstrap.servers", "10.0.0.1:9092,10.0.0.2:9092", NULL};
    struct rig *rig = rig_start(39, NULL, settings);
    for (int32_t node = 1; node <= 3; node++) {
        broker_cluster_kill(rig->cluster, node);
    }
    rt_sim_settle(rig->world);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 60000);
    cr_assert_null(rig_snapshot(rig));
    cr_assert_eq(rig->events[SLUICE_EVENT_ALL_BROKERS_DOWN], 1);
    cr_assert_eq(rig->last_event_error, SLUICE_CONNECTION_REFUSED);
    cr_assert(strstr(rig->last_event_text, "no broker could be reached; the last was 10.0.0.") ==
              rig->last_event_text);
    broker_cluster_restart(rig->cluster, 1, SLUICE_BROKER_KEEP_LAST);
    rig_run(rig, 1300);
    cr_assert_not_null(rig_entry(rig, topic));
    broker_cluster_kill(rig->cluster, 1);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 2000);
    cr_assert_eq(rig->events[SLUICE_EVENT_ALL_BROKERS_DOWN], 2, "it had been up between");
    cr_assert_not_null(rig_entry(rig, topic), "what was known stays");
    rig_end(rig);
}

Test(metadata_ask, known_brokers_serve_when_the_bootstrap_server_is_gone) {
    struct rig *rig = rig_start(40, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    broker_cluster_kill(rig->cluster, 1);
    rt_sim_settle(rig->world);
    rig_run(rig, 100);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    cr_assert_eq(rig_snapshot(rig)->broker_count, 2);
    for (int32_t i = 0; i < 4; i++) {
        cr_assert_neq(rig_leader(rig, topic, i), 1);
        cr_assert_neq(rig_leader(rig, topic, i), -1);
    }
    cr_assert_eq(rig->events[SLUICE_EVENT_ALL_BROKERS_DOWN], 0);
    rig_end(rig);
}

static void recover_from(sluice_broker_action action, int16_t api) {
    const char *settings[] = {"request.timeout.ms", "1000", "socket.connection.setup.timeout.ms",
                              "1000", NULL};
    struct rig *rig = rig_start(41, NULL, settings);
    rig_fault(rig, action, api, 3);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 8000);
    cr_assert_not_null(rig_entry(rig, topic), "action %d of API %d", action, api);
    cr_assert_eq(rig_entry(rig, topic)->partition_count, 4);
    rig_end(rig);
}

Test(metadata_ask, it_recovers_from_whatever_a_broker_does_to_its_requests) {
    static const sluice_broker_action actions[] = {
        SLUICE_FAULT_DROP,      SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_CUT_AFTER,
        SLUICE_FAULT_CUT_HALF,  SLUICE_FAULT_GARBAGE,    SLUICE_FAULT_WRONG_CORRELATION,
        SLUICE_FAULT_HUGE_FRAME};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        recover_from(actions[i], 3);
        recover_from(actions[i], 18);
    }
}

Test(metadata_ask, a_refresh_whose_request_is_lost_is_asked_for_again) {
    struct rig *rig = rig_start(44, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 2000);
    int32_t target = rig_leader(rig, topic, 0) % 3 + 1;
    broker_cluster_leader_move(rig->cluster, "orders", 0, target);
    rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, 3, 1);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 1500);
    cr_assert_eq(rig_leader(rig, topic, 0), target);
    rig_fault(rig, SLUICE_FAULT_GARBAGE, 3, 1);
    broker_cluster_leader_move(rig->cluster, "orders", 0, target % 3 + 1);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 1500);
    cr_assert_eq(rig_leader(rig, topic, 0), target % 3 + 1);
    rig_end(rig);
}

Test(metadata_ask, a_cluster_without_metadata_is_not_believed_to_be_one) {
    sluice_broker_limit limit = {3, -1};
    sluice_broker_options options = {.broker_count = 1, .limits = &limit, .limit_count = 1};
    struct rig *rig = rig_start(42, &options, NULL);
    rig_topic(rig, "orders");
    rig_run(rig, 3000);
    cr_assert_null(rig_snapshot(rig));
    cr_assert_eq(rig->events[SLUICE_EVENT_ALL_BROKERS_DOWN], 1);
    cr_assert_eq(rig->last_event_error, SLUICE_UNSUPPORTED_BROKER);
    rig_end(rig);
}

Test(metadata_ask, it_can_end_at_any_moment) {
    for (uint64_t us = 0; us < 6000; us += 100) {
        struct rig *rig = rig_start(43, NULL, NULL);
        struct rig_topic *topic = rig_topic(rig, "orders");
        struct rig_partition *partition = rig_partition(rig, topic, 0);
        metadata_wait(&rig->producer.metadata, &partition->partition);
        rt_sim_run_until(rig->world, us * 1000);
        rig_hint(rig, topic, 0, 2, 9, "b2.example", 9092);
        metadata_refresh(&rig->producer.metadata);
        rig_end(rig);
    }
}
