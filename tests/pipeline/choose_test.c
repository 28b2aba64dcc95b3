/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which partition records go to. */
#include "pipeline/rig.h"

#include "protocol/murmur2.h"

static int32_t partition_of(struct rig *rig, const sluice_record *given) {
    sluice_record record = *given;
    record.opaque = rig_next(rig, RIG_ANY);
    cr_assert_eq(sluice_produce(rig->topic, &record), SLUICE_OK);
    rig_flush(rig);
    return rig->records[rig->count - 1].report.partition;
}

Test(choose, an_explicit_partition_is_taken) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 5});
    rig_produce_to_each(rig, 5);
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_end(rig);
}

Test(choose, a_partition_that_is_not_there_is_reported) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 5});
    static const int32_t wrong[] = {5, INT32_MAX};
    for (size_t i = 0; i < 2; i++) {
        sluice_record record = {
            .value = "v", .value_size = 1, .partition = wrong[i], .flags = SLUICE_RECORD_PARTITION};
        cr_expect_eq(partition_of(rig, &record), -1);
    }
    rig_expect_all(rig, SLUICE_NOT_PERSISTED, SLUICE_INVALID_PARTITION);
    rig_end(rig);
}

Test(choose, a_negative_partition_is_refused_at_once) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 5});
    static const int32_t wrong[] = {-2, INT32_MIN};
    for (size_t i = 0; i < 2; i++) {
        sluice_record record = {
            .value = "v", .value_size = 1, .partition = wrong[i], .flags = SLUICE_RECORD_PARTITION};
        sluice_report report;
        sluice_reservation *reservation = NULL;
        void *value;
        cr_expect_eq(sluice_produce(rig->topic, &record), SLUICE_INVALID_PARTITION);
        cr_expect_eq(sluice_produce_sync(rig->topic, &record, 100, &report),
                     SLUICE_INVALID_PARTITION);
        cr_expect_eq(sluice_reserve(rig->topic, &record, 10, &reservation, &value),
                     SLUICE_INVALID_PARTITION);
        record.flags = 0; /* it is not looked at */
        cr_expect_geq(partition_of(rig, &record), 0);
    }
    rig_free(rig);
}

Test(choose, any_partition_is_as_good_as_none_given) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 7});
    sluice_record record = {.key = "foobar",
                            .key_size = 6,
                            .value = "v",
                            .value_size = 1,
                            .partition = SLUICE_PARTITION_ANY,
                            .flags = SLUICE_RECORD_PARTITION};
    cr_expect_eq(partition_of(rig, &record), (int32_t)((-790332482 & 0x7fffffff) % 7));
    record.key = NULL;
    record.key_size = 0;
    cr_expect_geq(partition_of(rig, &record), 0);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_free(rig);
}

Test(choose, keyed_records_go_where_java_would_put_them) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 7});
    /* murmur2("foobar") of the Java client, modulo 7, and some more against our own hash */
    static const char *const keys[] = {"foobar", "21", "a", "", "a-little-bit-long-string",
                                       "kafka"};
    static const int32_t hashes[] = {-790332482, -973932308, 0, 275646681, -985981536, 0};
    for (size_t i = 0; i < 6; i++) {
        size_t size = strlen(keys[i]);
        uint32_t hash = hashes[i] != 0 ? (uint32_t)hashes[i] : kafka_murmur2(keys[i], size);
        sluice_record record = {
            .key = keys[i], .key_size = size, .value = "0000000000", .value_size = 10};
        cr_expect_eq(partition_of(rig, &record), (int32_t)((hash & 0x7fffffff) % 7), "%s", keys[i]);
    }
    rig_free(rig);
}

Test(choose, keys_are_ignored_by_option) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 1,
                            .partitions = 7,
                            .settings = (const char *[]){"partitioner.ignore.keys", "true", NULL}});
    sluice_record record = {.key = "foobar", .key_size = 6, .value = "v", .value_size = 1};
    int32_t first = partition_of(rig, &record);
    for (char key = 'a'; key < 'm'; key++) {
        record = (sluice_record){.key = &key, .key_size = 1, .value = "v", .value_size = 1};
        cr_expect_eq(partition_of(rig, &record), first); /* sticky */
    }
    rig_free(rig);
}

Test(choose, records_without_key_change_partition_by_bytes) {
    struct rig *rig = rig_start(&(struct rig_setup){
        .seed = 3,
        .partitions = 8,
        .settings = (const char *[]){"sluice.sticky.bytes", "10000", "linger.ms", "0", NULL}});
    rig->value_size = 1000;
    unsigned changes = 0;
    uint32_t seen = 0;
    for (unsigned i = 0; i < 300; i++) {
        rig_produce(rig, RIG_ANY);
    }
    rig_flush(rig);
    unsigned stretch = 0;
    for (unsigned i = 0; i < 300; i++) {
        int32_t partition = rig->records[i].report.partition;
        seen |= 1u << partition;
        if (i > 0 && partition != rig->records[i - 1].report.partition) {
            changes++;
            cr_expect_geq(stretch, 10); /* of a thousand bytes and a little */
            cr_expect_eq(stretch % 10, 0);
            stretch = 0;
        }
        stretch++;
    }
    cr_expect_geq(changes, 20); /* of 30, the rest drew the same again */
    cr_expect_gt(__builtin_popcount(seen), 5);
    rig_end(rig);
}

Test(choose, an_empty_key_is_a_key) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .partitions = 7});
    sluice_record record = {.key = "", .key_size = 0, .value = "v", .value_size = 1};
    int32_t where = (int32_t)((kafka_murmur2("", 0) & 0x7fffffff) % 7);
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(partition_of(rig, &record), where);
    }
    rig_free(rig);
}

static int32_t by_first_byte(const void *key, size_t key_size, const void *value, size_t value_size,
                             int32_t count, void *context) {
    unsigned *calls = context;
    (*calls)++;
    cr_assert_eq(count, 4);
    cr_assert(key != NULL || key_size == 0);
    cr_assert_gt(value_size, 0);
    switch (*(const char *)value) {
    case 'n':
        return -1;
    case 'h':
        return count;
    default:
        return *(const char *)value - '0';
    }
}

Test(choose, the_callers_own_function_chooses_or_refuses) {
    struct rig_setup setup = {.seed = 1, .partitions = 4};
    struct rig *rig = rig_start(&setup);
    unsigned calls = 0;
    sluice_topic *orders = rig->topic;
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "chosen", 4), SLUICE_OK);
    rig->topic = sluice_topic_open(
        rig->producer, "chosen",
        &(sluice_topic_options){.partitioner = by_first_byte, .partitioner_context = &calls}, NULL);
    cr_assert_not_null(rig->topic);
    static char large[20000] = "2 this one is adopted";
    const struct {
        sluice_record record;
        int32_t partition;
        sluice_code error;
    } cases[] = {
        {{.value = "0", .value_size = 1}, 0, SLUICE_OK},
        {{.value = "3", .value_size = 1, .key = "key", .key_size = 3}, 3, SLUICE_OK},
        {{.value = "none", .value_size = 4}, -1, SLUICE_PARTITIONER_REFUSED},
        {{.value = "high", .value_size = 4}, -1, SLUICE_PARTITIONER_REFUSED},
        {{.value = large, .value_size = sizeof large}, 2, SLUICE_OK},
        {{.value = "none", .value_size = 4, .flags = SLUICE_RECORD_PARTITION, .partition = 1},
         1,
         SLUICE_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(partition_of(rig, &cases[i].record), cases[i].partition, "%zu", i);
        cr_expect_eq(rig->records[i].report.error, cases[i].error, "%zu", i);
        cr_expect_eq(rig->records[i].report.outcome,
                     cases[i].error == SLUICE_OK ? SLUICE_PERSISTED : SLUICE_NOT_PERSISTED);
    }
    cr_expect_eq(calls, 5); /* an explicit partition is not asked for */
    rig->topic = orders;
    rig_free(rig);
}

Test(choose, partitions_without_a_leader_get_no_keyless_records) {
    struct rig *rig = rig_start(
        &(struct rig_setup){.seed = 3,
                            .partitions = 3,
                            .settings = (const char *[]){"sluice.sticky.bytes", "100", NULL}});
    cr_assert_eq(broker_cluster_leader_move(rig->cluster, "orders", 1, 0), SLUICE_OK);
    rig_produce_some(rig, RIG_ANY, 100);
    rig_flush(rig);
    for (unsigned i = 0; i < 100; i++) {
        cr_expect_neq(rig->records[i].report.partition, 1);
    }
    rig_end(rig);
}
