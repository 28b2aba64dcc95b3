/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Topics of many partitions, of which the writer looks ahead (actors/partition/scout.h): each
 * record is written once, in the order of calls in its partition, and one with a key where the Java
 * client's partitioner puts it. Beside other topics, with faults, and when memory is short.
 */
#include "pipeline/rig.h"

#include "protocol/murmur2.h"

enum { TOPICS_MAX = 8, KEYS = 3000, RECORDS = 4000, PRODUCE = 0 };

static const char *const plain[] = {"linger.ms", "5", NULL};

struct wide {
    sluice_topic *topic;
    const char *name;
    int32_t partitions;
    bool ignores_keys;
};

struct book {
    struct rig *rig;
    struct wide topics[TOPICS_MAX];
    uint32_t topic_count;
    uint8_t topic_of[RIG_RECORDS_MAX];
};

static void open_wide(struct book *book, const char *name, int32_t partitions) {
    struct wide *wide = &book->topics[book->topic_count++];
    *wide = (struct wide){.name = name, .partitions = partitions};
    cr_assert_eq(broker_cluster_topic_create(book->rig->cluster, name, (uint32_t)partitions),
                 SLUICE_OK);
    wide->topic = sluice_topic_open(book->rig->producer, name, NULL, NULL);
    cr_assert_not_null(wide->topic);
}

/* Their partitions are known, so that records are written as they come. */
static void await_partitions(struct book *book) {
    for (uint32_t i = 0; i < book->topic_count; i++) {
        const struct wide *wide = &book->topics[i];
        cr_assert_eq(sluice_topic_partition_count(wide->topic, 10000, NULL), wide->partitions);
    }
}

/* ---- producing ------------------------------------------------------------------------------- */

enum way { KEYED, PLAIN, EXPLICIT };

static int32_t partition_of_key(const char *key, int32_t partitions) {
    return (int32_t)((kafka_murmur2(key, strlen(key)) & 0x7fffffff) % (uint32_t)partitions);
}

/* A record of a topic, of so many bytes. */
static void produce(struct book *book, uint32_t topic, enum way way, size_t size) {
    struct rig *rig = book->rig;
    const struct wide *wide = &book->topics[topic];
    char key[32];
    char *value = calloc(1, size);
    snprintf(value, size, "%010u", rig->count);
    sluice_record record = {.value = value, .value_size = size};
    int32_t wanted = RIG_ANY;
    if (way == KEYED) {
        snprintf(key, sizeof key, "key-%u", (unsigned)rt_sim_choose(rig->world, KEYS));
        record.key = key;
        record.key_size = strlen(key);
        wanted = wide->ignores_keys ? RIG_ANY : partition_of_key(key, wide->partitions);
    } else if (way == EXPLICIT) {
        wanted = (int32_t)rt_sim_choose(rig->world, (uint64_t)wide->partitions);
        record.flags = SLUICE_RECORD_PARTITION;
        record.partition = wanted;
    }
    book->topic_of[rig->count] = (uint8_t)topic;
    record.opaque = rig_next(rig, wanted);
    sluice_code code = sluice_produce(wide->topic, &record);
    cr_assert_eq(code, SLUICE_OK, "%s", sluice_code_name(code));
    free(value);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct book *book;
    uint32_t topic;
    int32_t partition;
    int64_t last;
};

static bool read_record(const sluice_broker_record *record, void *context) {
    struct reading *reading = context;
    struct rig *rig = reading->book->rig;
    char text[11] = {0};
    cr_assert_geq(record->value_size, 10);
    memcpy(text, record->value, 10);
    int64_t number = strtol(text, NULL, 10);
    cr_assert(number >= 0 && number < rig->count);
    struct rig_record *known = &rig->records[number];
    cr_expect_eq(++known->found, 1, "record %d is doubled", (int)number);
    cr_expect_eq(reading->book->topic_of[number], reading->topic);
    cr_expect_lt(reading->last, number, "partition %d is out of order", reading->partition);
    reading->last = number;
    cr_expect(known->wanted == RIG_ANY || known->wanted == reading->partition,
              "record %d is in partition %d", (int)number, reading->partition);
    cr_expect_eq(known->report.partition, reading->partition);
    cr_expect(known->report.offset == record->offset || known->report.offset < 0);
    return true;
}

/* All is persisted, and the logs hold it. Returns how many partitions hold something. */
static uint32_t check(struct book *book) {
    struct rig *rig = book->rig;
    uint32_t used = 0;
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    for (uint32_t i = 0; i < rig->count; i++) {
        rig->records[i].found = 0;
    }
    for (uint32_t i = 0; i < book->topic_count; i++) {
        for (int32_t partition = 0; partition < book->topics[i].partitions; partition++) {
            struct reading reading = {book, i, partition, -1};
            int64_t count = broker_cluster_read(rig->cluster, book->topics[i].name, partition, 0,
                                                read_record, &reading);
            cr_assert_geq(count, 0);
            used += count > 0;
        }
    }
    for (uint32_t i = 0; i < rig->count; i++) {
        cr_expect_eq(rig->records[i].found, 1, "record %u is lost", i);
        cr_expect_eq(rig->records[i].report.topic, book->topics[book->topic_of[i]].topic);
    }
    rig_expect_quiet(rig);
    return used;
}

static uint32_t end(struct book *book) {
    uint32_t used = check(book);
    rig_free(book->rig);
    free(book);
    return used;
}

static struct book *start(uint64_t seed, const char *const *settings) {
    struct book *book = calloc(1, sizeof *book);
    book->rig = rig_start(&(struct rig_setup){.seed = seed, .partitions = 1, .settings = settings});
    return book;
}

/* ---- one topic ------------------------------------------------------------------------------- */

/* More partitions than are written at the same time, too. */
Test(wide, records_with_keys_go_where_java_would_put_them) {
    static const int32_t partitions[] = {63, 64, 65, 100, 1000, 3000};
    for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++) {
        struct book *book = start(1, plain);
        open_wide(book, "wide", partitions[i]);
        await_partitions(book);
        for (int n = 0; n < RECORDS; n++) {
            produce(book, 0, KEYED, 20);
        }
        cr_expect_gt(end(book), partitions[i] < KEYS ? (uint32_t)partitions[i] / 2 : KEYS / 2);
    }
}

/* Records that wait for metadata lie elsewhere, copied together. */
Test(wide, records_that_waited_for_metadata_do_so_too) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct book *book = start(seed, plain);
        open_wide(book, "wide", 100);
        for (int n = 0; n < 1000; n++) {
            produce(book, 0, n % 10 == 9 ? PLAIN : KEYED, 20);
            if (n % 100 == 0) {
                rt_sim_settle(book->rig->world);
            }
        }
        cr_expect_gt(end(book), 50);
    }
}

/* A batch is found full, and another begun, while the records behind are looked at. */
Test(wide, batches_that_are_full_are_followed_by_others) {
    struct book *book = start(2, (const char *[]){"batch.size", "1000", "linger.ms", "1000", NULL});
    open_wide(book, "wide", 64);
    await_partitions(book);
    for (int n = 0; n < 3000; n++) {
        size_t size = n % 100 == 0 ? 20000 : 100 + rt_sim_choose(book->rig->world, 300);
        produce(book, 0, n % 7 == 0 ? EXPLICIT : KEYED, size);
    }
    check(book);
    cr_expect_gt(rig_status(book->rig).batches_sent, 1000);
    end(book);
}

/* Records go on where they were while some batches are on their way, and others are open. */
Test(wide, records_that_come_little_by_little_join_open_batches) {
    struct book *book = start(3, (const char *[]){"linger.ms", "50", NULL});
    open_wide(book, "wide", 100);
    await_partitions(book);
    for (int n = 0; n < 3000; n++) {
        produce(book, 0, KEYED, 20);
        if (n % 16 == 15) {
            rt_sim_run_until(book->rig->world, rt_now(book->rig->world) + RIG_MS / 2);
        }
    }
    check(book);
    cr_expect_lt(rig_status(book->rig).batches_sent, 600);
    end(book);
}

Test(wide, keys_are_ignored_by_option) {
    struct book *book =
        start(4, (const char *[]){"partitioner.ignore.keys", "true", "sluice.sticky.bytes", "1000",
                                  "linger.ms", "5", NULL});
    open_wide(book, "wide", 100);
    book->topics[0].ignores_keys = true;
    await_partitions(book);
    for (int n = 0; n < 2000; n++) {
        produce(book, 0, n % 3 == 0 ? PLAIN : KEYED, 20);
    }
    cr_expect_gt(end(book), 20, "the sticky one changes");
}

/* ---- beside others --------------------------------------------------------------------------- */

/* In turn: what is one run of a topic lies in many pieces between those of others. */
static void produce_in_turn(struct book *book, int count) {
    for (int n = 0; n < count; n++) {
        uint32_t topic = (uint32_t)n % book->topic_count;
        enum way way = (enum way)rt_sim_choose(book->rig->world, 4);
        way = way > EXPLICIT ? KEYED : way;
        size_t size = 12 + rt_sim_choose(book->rig->world, 60);
        produce(book, topic, way, n % 250 == 0 ? 20000 : size);
        if (topic == 0 && n % 5 == 0) {
            produce(book, topic, KEYED, size); /* two beside each other */
        }
    }
}

static struct book *start_many(uint64_t seed, const char *const *settings) {
    struct book *book = start(seed, settings);
    open_wide(book, "hundred", 100);
    open_wide(book, "thousand", 1000);
    open_wide(book, "narrow", 3);
    open_wide(book, "edge", 64);
    return book;
}

Test(wide, topics_in_turn_keep_their_order) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct book *book = start_many(seed, plain);
        if (seed % 2 == 0) {
            await_partitions(book);
        }
        produce_in_turn(book, 1500);
        rt_sim_run_until(book->rig->world, rt_now(book->rig->world) + seed * RIG_MS / 2);
        produce_in_turn(book, 1500);
        cr_expect_gt(end(book), 300);
    }
}

Test(wide, records_survive_lost_answers_and_leaders_that_move) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct book *book = start_many(seed, plain);
        struct rig *rig = book->rig;
        await_partitions(book);
        rig_fault(rig, SLUICE_FAULT_CUT_AFTER, PRODUCE, (uint32_t)seed, 2);
        rig_fault(rig, SLUICE_FAULT_CUT_BEFORE, PRODUCE, (uint32_t)seed + 5, 1);
        uint64_t moves = rig_fault(rig, SLUICE_FAULT_MOVE_LEADER, PRODUCE, 5, 40);
        for (int i = 0; i < 6; i++) {
            produce_in_turn(book, 400);
            rt_sim_run_until(rig->world, rt_now(rig->world) + seed * RIG_MS);
        }
        rig_flush(rig);
        cr_expect_eq(rig_hits(rig, moves), 40);
        end(book);
    }
}

/* A run that was left half-way is gone on with from the record that found no memory. */
Test(wide, records_survive_memory_that_is_short) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct book *book = start_many(seed, plain);
        struct rig *rig = book->rig;
        await_partitions(book);
        rt_sim_spare_memory(rig->world, "broker");
        for (int i = 0; i < 6; i++) {
            produce_in_turn(book, 300);
            for (int step = 0; step < 200; step++) {
                rt_sim_fail_memory(rig->world, 1 + rt_sim_choose(rig->world, 20));
                rt_sim_step(rig->world);
            }
            rt_sim_fail_memory(rig->world, 0);
        }
        end(book);
    }
}
