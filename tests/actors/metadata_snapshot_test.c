/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is learned, who is told of it, and who holds what meanwhile. */
#include "actors/metadata_rig.h"
#include "test.h"

Test(metadata_snapshot, a_topic_that_is_wanted_is_learned_and_its_partition_actor_told_once) {
    struct rig *rig = rig_start(1, NULL, NULL);
    rig_run(rig, 10000);
    cr_assert_null(rig_snapshot(rig), "nobody asked");
    cr_assert_eq(rig_requests(rig, 18), 0, "not even for a connection");
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    const struct snapshot_topic *entry = rig_entry(rig, topic);
    cr_assert_not_null(entry);
    cr_assert_eq(entry->error, SLUICE_OK);
    cr_assert_eq(entry->partition_count, 4);
    cr_assert_eq(rig_snapshot(rig)->broker_count, 3);
    for (int32_t i = 0; i < 4; i++) {
        cr_assert_eq(rig_leader(rig, topic, i), broker_cluster_leader(rig->cluster, "orders", i));
        cr_assert_eq(entry->partitions[i].leader_epoch,
                     broker_cluster_leader_epoch(rig->cluster, "orders", i));
        cr_assert_eq(entry->partitions[i].error, SLUICE_OK);
    }
    cr_assert_not(kafka_uuid_is_zero(entry->id));
    cr_assert_str_eq(rig_snapshot(rig)->brokers[1]->host, "b2.example");
    cr_assert_eq(topic->marks, 1);
    cr_assert_eq(rig_requests(rig, 3), 1);
    rig_end(rig);
}

Test(metadata_snapshot, brokers_stay_the_same_objects_and_each_snapshot_gives_its_holds_back) {
    struct rig *rig = rig_start(2, NULL, NULL);
    struct rig_topic *first = rig_topic(rig, "first");
    rig_run(rig, 500);
    struct broker *brokers[3];
    for (int i = 0; i < 3; i++) {
        brokers[i] = rig_snapshot(rig)->brokers[i];
    }
    struct rig_topic *second = rig_topic(rig, "second");
    rig_run(rig, 500);
    cr_assert_eq(rig_snapshot(rig)->version, 2);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(rig_snapshot(rig)->brokers[i], brokers[i]);
        cr_assert_eq(atomic_load(&brokers[i]->holds), 1);
    }
    cr_assert_eq(first->marks, 1, "nothing new of it");
    cr_assert_eq(second->marks, 1);
    cr_assert_eq(rig_entry(rig, first)->partition_count, 4, "it was not asked for, and is kept");
    rig_end(rig);
}

Test(metadata_snapshot, a_refresh_that_finds_nothing_new_publishes_nothing) {
    struct rig *rig = rig_start(3, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 0);
    rig_run(rig, 500);
    const struct snapshot *before = rig_snapshot(rig);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    cr_assert_eq(rig_requests(rig, 3), 2);
    cr_assert_eq(rig_snapshot(rig), before);
    cr_assert_eq(topic->marks, 1);
    cr_assert_eq(partition->metadata_marks, 0);
    rig_end(rig);
}

Test(metadata_snapshot, a_leader_that_moves_is_told_to_its_topic_alone) {
    struct rig *rig = rig_start(4, NULL, NULL);
    struct rig_topic *moves = rig_topic(rig, "moves");
    struct rig_topic *stays = rig_topic(rig, "stays");
    rig_run(rig, 500);
    uint32_t marks = stays->marks;
    int32_t before = rig_leader(rig, moves, 2);
    int32_t target = before % 3 + 1;
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "moves", 2, target), SLUICE_OK);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    cr_assert_eq(rig_leader(rig, moves, 2), target);
    cr_assert_eq(rig_entry(rig, moves)->partitions[2].leader_epoch,
                 broker_cluster_leader_epoch(rig->cluster, "moves", 2));
    cr_assert_eq(moves->marks, 2);
    cr_assert_eq(stays->marks, marks);
    rig_end(rig);
}

Test(metadata_snapshot, a_broker_that_leads_nothing_and_is_gone_is_published_without_a_mark) {
    sluice_broker_options options = {.broker_count = 3, .partition_count = 1};
    struct rig *rig = rig_start(15, &options, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    int32_t other = rig_leader(rig, topic, 0) % 3 + 1;
    cr_assert_eq(broker_cluster_kill(rig->cluster, other), SLUICE_OK);
    rt_sim_settle(rig->world);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 2000);
    cr_assert_eq(rig_snapshot(rig)->broker_count, 2);
    cr_assert_eq(topic->marks, 1);
    rig_end(rig);
}

Test(metadata_snapshot, a_leader_that_waits_is_woken_by_the_next_answer_and_can_wait_again) {
    struct rig *rig = rig_start(5, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 1);
    rig_run(rig, 500);
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 0), SLUICE_OK);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    cr_assert_eq(rig_leader(rig, topic, 1), -1);
    cr_assert_neq(rig_entry(rig, topic)->partitions[1].error, SLUICE_OK);
    for (uint32_t i = 0; i < 5; i++) {
        metadata_wait(&rig->producer.metadata, &partition->partition);
        metadata_wait(&rig->producer.metadata, &partition->partition);
        rig_run(rig, 3000);
        cr_assert_eq(partition->metadata_marks, i + 1);
    }
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 2), SLUICE_OK);
    metadata_wait(&rig->producer.metadata, &partition->partition);
    rig_run(rig, 3000);
    cr_assert_eq(partition->metadata_marks, 6);
    cr_assert_eq(rig_leader(rig, topic, 1), 2);
    rig_end(rig);
}

Test(metadata_snapshot, leaders_that_wait_without_end_are_answered_at_the_pace_of_the_pauses) {
    struct rig *rig = rig_start(6, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_partition *partition = rig_partition(rig, topic, 1);
    rig_run(rig, 500);
    broker_cluster_leader_move(rig->cluster, "orders", 1, 0);
    uint64_t before = rig_requests(rig, 3);
    for (int ms = 0; ms < 10000; ms++) {
        metadata_wait(&rig->producer.metadata, &partition->partition);
        metadata_refresh(&rig->producer.metadata);
        rig_run(rig, 1);
    }
    cr_assert_leq(rig_requests(rig, 3) - before, 17, "100, 200, 400, 800, then 1000 ms");
    cr_assert_geq(rig_requests(rig, 3) - before, 11);
    rig_end(rig);
}

Test(metadata_snapshot, a_topic_that_grows_keeps_its_partitions) {
    struct rig *rig = rig_start(7, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    cr_assert_eq(broker_cluster_topic_grow(rig->cluster, "orders", 9), SLUICE_OK);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    cr_assert_eq(rig_entry(rig, topic)->partition_count, 9);
    cr_assert_eq(rig_leader(rig, topic, 8), broker_cluster_leader(rig->cluster, "orders", 8));
    cr_assert_eq(topic->marks, 2);
    rig_end(rig);
}

Test(metadata_snapshot, a_topic_that_was_made_again_has_its_new_id_and_epochs_begin_anew) {
    struct rig *rig = rig_start(8, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    broker_cluster_leader_move(rig->cluster, "orders", 0, 2);
    broker_cluster_leader_move(rig->cluster, "orders", 0, 3);
    broker_cluster_leader_move(rig->cluster, "orders", 0, 1);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    uint8_t old[16];
    memcpy(old, rig_entry(rig, topic)->id.bytes, 16);
    int32_t old_epoch = rig_entry(rig, topic)->partitions[0].leader_epoch;
    cr_assert_geq(old_epoch, 3);
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 2), SLUICE_OK);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    const struct snapshot_topic *entry = rig_entry(rig, topic);
    cr_assert_neq(memcmp(old, entry->id.bytes, 16), 0);
    cr_assert_lt(entry->partitions[0].leader_epoch, old_epoch);
    cr_assert_eq(entry->partition_count, 2);
    rig_end(rig);
}

Test(metadata_snapshot, a_hint_is_published_at_once_and_an_older_answer_does_not_take_it_back) {
    struct rig *rig = rig_start(9, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    struct rig_topic *other = rig_topic(rig, "other");
    rig_run(rig, 500);
    uint32_t other_marks = other->marks;
    int32_t target = rig_leader(rig, topic, 0) % 3 + 1;
    uint64_t requests = rig_requests(rig, 3);
    rig_hint(rig, topic, 0, target, 70, "", 0);
    rig_run(rig, 1);
    cr_assert_eq(rig_leader(rig, topic, 0), target);
    cr_assert_eq(rig_entry(rig, topic)->partitions[0].leader_epoch, 70);
    cr_assert_eq(topic->marks, 2);
    cr_assert_eq(other->marks, other_marks);
    cr_assert_eq(rig_requests(rig, 3), requests, "no request was needed");
    rig_hint(rig, topic, 0, target % 3 + 1, 69, "", 0);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 500);
    cr_assert_eq(rig_requests(rig, 3), requests + 1);
    cr_assert_eq(rig_leader(rig, topic, 0), target);
    cr_assert_eq(rig_entry(rig, topic)->partitions[0].leader_epoch, 70);
    rig_end(rig);
}

Test(metadata_snapshot, a_hint_may_bring_a_new_broker_or_a_new_address_of_one) {
    struct rig *rig = rig_start(10, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 500);
    rig_hint(rig, topic, 0, 9, 50, "b9.example", 9092);
    rig_hint(rig, topic, 1, 2, 50, "elsewhere.example", 7000);
    rig_run(rig, 1);
    const struct snapshot *snapshot = rig_snapshot(rig);
    cr_assert_eq(snapshot->broker_count, 4);
    cr_assert_eq(rig_leader(rig, topic, 0), 9);
    cr_assert_str_eq(snapshot->topics[0].partitions[1].leader->host, "elsewhere.example");
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t at = 0; at < snapshot->broker_count; at++) {
            if (snapshot->topics[0].partitions[i].leader == snapshot->brokers[at]) {
                goto held;
            }
        }
        cr_assert(false, "a leader is held by its snapshot");
    held:;
    }
    rig_hint(rig, topic, 2, 33, 50, "", 0);
    uint64_t requests = rig_requests(rig, 3);
    rig_run(rig, 500);
    cr_assert_eq(rig_requests(rig, 3), requests + 1, "who is 33? ask");
    cr_assert_eq(rig_snapshot(rig)->broker_count, 3, "9 is not in the cluster");
    cr_assert_eq(rig_leader(rig, topic, 0), -1, "and its epoch is newer than the answer's");
    rig_end(rig);
}

Test(metadata_snapshot, hints_before_anything_is_known_are_dropped) {
    struct rig *rig = rig_start(11, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_hint(rig, topic, 0, 1, 5, "b1.example", 9092);
    rig_run(rig, 500);
    cr_assert_eq(rig_entry(rig, topic)->partition_count, 4);
    rig_hint(rig, topic, 77, 1, 5, "b1.example", 9092);
    rig_hint(rig, topic, -1, 1, 5, "b1.example", 9092);
    rig_run(rig, 500);
    rig_end(rig);
}

Test(metadata_snapshot, every_version_of_metadata_that_a_broker_may_speak_is_read) {
    for (int16_t version = 0; version <= 13; version++) {
        sluice_broker_limit limit = {3, version};
        sluice_broker_options options = {
            .broker_count = 3, .partition_count = 2, .limits = &limit, .limit_count = 1};
        struct rig *rig = rig_start(12, &options, NULL);
        struct rig_topic *topic = rig_topic(rig, "orders");
        rig_run(rig, 500);
        cr_assert_not_null(rig_entry(rig, topic), "version %d", version);
        cr_assert_eq(rig_entry(rig, topic)->partition_count, 2);
        cr_assert_eq(kafka_uuid_is_zero(rig_entry(rig, topic)->id), version < 10);
        cr_assert_eq(rig_entry(rig, topic)->partitions[0].leader_epoch >= 0, version >= 7);
        rig_end(rig);
    }
}

Test(metadata_snapshot, many_topics_travel_in_one_request) {
    struct rig *rig = rig_start(13, NULL, NULL);
    struct rig_topic *topics[RIG_TOPICS_MAX];
    char name[] = "topic-0";
    for (int i = 0; i < RIG_TOPICS_MAX; i++) {
        name[6] = (char)('0' + i);
        topics[i] = rig_topic(rig, name);
    }
    rig_run(rig, 500);
    cr_assert_eq(rig_requests(rig, 3), 1);
    for (int i = 0; i < RIG_TOPICS_MAX; i++) {
        cr_assert_eq(rig_entry(rig, topics[i])->partition_count, 4);
        cr_assert_eq(topics[i]->marks, 1);
    }
    rig_end(rig);
}

Test(metadata_snapshot, no_memory_at_any_point_only_delays) {
    for (uint64_t nth = 1; nth < 60; nth++) {
        struct rig *rig = rig_start(14, NULL, NULL);
        rt_sim_fail_memory(rig->world, nth);
        struct rig_topic *topic = rig_topic(rig, "orders");
        rig_run(rig, 3000);
        rt_sim_fail_memory(rig->world, 0);
        cr_assert_not_null(rig_entry(rig, topic), "failure %d", (int)nth);
        cr_assert_eq(rig_entry(rig, topic)->partition_count, 4, "failure %d", (int)nth);
        rig_hint(rig, topic, 0, 2, 90, "new.example", 1);
        rt_sim_fail_memory(rig->world, nth);
        metadata_refresh(&rig->producer.metadata);
        rig_run(rig, 3000);
        rt_sim_fail_memory(rig->world, 0);
        rig_run(rig, 3000);
        rig_end(rig);
    }
}

/* Epochs begin anew: a higher one of the old topic would hide all that is told of the new one. */
Test(metadata_snapshot, a_hint_about_a_topic_that_is_gone_is_not_believed_of_the_next) {
    struct rig *rig = rig_start(61, NULL, NULL);
    struct rig_topic *topic = rig_topic(rig, "orders");
    rig_run(rig, 1000);
    struct kafka_uuid old = rig_entry(rig, topic)->id;
    cr_assert_eq(broker_cluster_topic_delete(rig->cluster, "orders"), SLUICE_OK);
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "orders", 1), SLUICE_OK);
    metadata_refresh(&rig->producer.metadata);
    rig_run(rig, 1000);
    cr_assert_not(kafka_uuid_equal(rig_entry(rig, topic)->id, old));
    int32_t epoch = rig_entry(rig, topic)->partitions[0].leader_epoch;
    struct metadata_hint *hint = rt_acquire(rig->world, sizeof *hint);
    *hint = (struct metadata_hint){.topic = &topic->topic,
                                   .id = old,
                                   .leader = rig_entry(rig, topic)->partitions[0].leader->node,
                                   .leader_epoch = epoch + 7};
    metadata_post_hint(&rig->producer.metadata, hint);
    rig_run(rig, 1000);
    cr_expect_eq(rig_entry(rig, topic)->partitions[0].leader_epoch, epoch);
    rig_end(rig);
}
