/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many topics: what opening them asks of the brokers, what an idle one costs. */
#include "pipeline/rig.h"

#include "actors/topic/names.h"

enum { TOPICS = 1000, METADATA_API = 3 };

static sluice_topic *open_numbered(struct rig *rig, int number) {
    char name[32];
    snprintf(name, sizeof name, "topic-%d", number);
    sluice_topic *topic = sluice_topic_open(rig->producer, name, NULL, NULL);
    cr_assert_not_null(topic);
    return topic;
}

static uint64_t metadata_requests(struct rig *rig) {
    return rig_counters(rig).requests[METADATA_API];
}

static uint64_t memory_used(const struct rig *rig) {
    return atomic_load(&rig->world->memory_used);
}

/* One record to each of the topics `first` to `end`, and all of it over. */
static void use_each(struct rig *rig, int first, int end) {
    for (int i = first; i < end; i++) {
        sluice_record record = {.value = "v", .value_size = 1, .opaque = rig_next(rig, RIG_ANY)};
        cr_assert_eq(sluice_produce(open_numbered(rig, i), &record), SLUICE_OK);
    }
    rig_flush(rig);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
}

Test(many_topics, opening_a_thousand_asks_for_all_at_once) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 1, .brokers = {.partition_count = 2}});
    rig_run(rig, 1000);
    uint64_t before = metadata_requests(rig);
    sluice_topic *last = NULL;
    for (int i = 0; i < TOPICS; i++) {
        last = open_numbered(rig, i);
    }
    cr_expect_eq(sluice_topic_partition_count(last, 10000, NULL), 2);
    for (int i = 0; i < TOPICS; i++) {
        cr_expect_eq(sluice_topic_partition_count(open_numbered(rig, i), 1000, NULL), 2, "%d", i);
    }
    cr_expect_leq(metadata_requests(rig) - before, 2);
    use_each(rig, 0, TOPICS);
    cr_expect_leq(metadata_requests(rig) - before, 3);
    rig_free(rig);
}

/* While one request is out, those that are opened wait for the next one together. */
Test(many_topics, opening_them_one_after_the_other_asks_few_times) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 2, .delay_ns = 5 * RIG_MS});
    rig_run(rig, 1000);
    uint64_t before = metadata_requests(rig);
    uint64_t began_ns = rt_now(rig->world);
    for (int i = 0; i < TOPICS; i++) {
        open_numbered(rig, i);
        rt_sim_run_until(rig->world, rt_now(rig->world) + RIG_MS / 10);
    }
    uint64_t round_trips = (rt_now(rig->world) - began_ns) / (10 * RIG_MS);
    rig_run(rig, 1000);
    cr_expect_leq(metadata_requests(rig) - before, round_trips + 2);
    rig_free(rig);
}

/* A name is found among few others, however many there are. */
Test(many_topics, the_hash_of_names_grows_with_them) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 3});
    for (int i = 0; i < 20 * TOPICS; i++) {
        open_numbered(rig, i);
    }
    const struct topic_names *names = &((struct producer *)rig->producer)->topic_actor.names;
    cr_expect_eq(names->count, 20 * TOPICS + 1);
    uint32_t longest = 0;
    for (uint32_t i = 0; i < names->bucket_count; i++) {
        uint32_t length = 0;
        for (struct topic *topic = names->buckets[i]; topic != NULL; topic = topic->name_next) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    cr_expect_leq(longest, 10);
    for (int i = 0; i < 20 * TOPICS; i += 7) {
        char name[32];
        snprintf(name, sizeof name, "topic-%d", i);
        cr_expect_str_eq(sluice_topic_name(open_numbered(rig, i)), name);
    }
    cr_expect_eq(names->count, 20 * TOPICS + 1, "opening again makes none");
    rig_free(rig);
}

/* What the second of two like steps adds, once buffers that are kept for reuse are there: of some
 * such pairs the least, for buffers are kept in different places from time to time. */
static uint64_t least_growth(const uint64_t *used, int count) {
    uint64_t least = UINT64_MAX;
    for (int i = 1; i < count; i++) {
        uint64_t growth = used[i] - used[i - 1];
        least = growth < least ? growth : least;
    }
    return least;
}

enum { STEPS = 8, STEP = 500 };

Test(many_topics, an_idle_one_takes_less_than_two_kilobytes) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 4, .brokers = {.partition_count = 1}});
    uint64_t used[STEPS];
    for (int i = 0; i < STEPS; i++) {
        use_each(rig, i * STEP, (i + 1) * STEP); /* so its one partition was used, too */
        rig_run(rig, 60000);
        used[i] = memory_used(rig);
    }
    cr_expect_leq(least_growth(used, STEPS) / STEP, 2048);
    rig_free(rig);
}

Test(many_topics, an_idle_partition_takes_half_a_kilobyte) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 5});
    cr_assert_eq(broker_cluster_topic_create(rig->cluster, "wide", STEPS * STEP), SLUICE_OK);
    sluice_topic *wide = sluice_topic_open(rig->producer, "wide", NULL, NULL);
    cr_assert_eq(sluice_topic_partition_count(wide, 10000, NULL), STEPS * STEP);
    uint64_t used[STEPS];
    for (int i = 0; i < STEPS * STEP; i++) {
        sluice_record record = {.value = "v",
                                .value_size = 1,
                                .opaque = rig_next(rig, RIG_ANY),
                                .flags = SLUICE_RECORD_PARTITION,
                                .partition = i};
        cr_assert_eq(sluice_produce(wide, &record), SLUICE_OK);
        if (i % STEP == STEP - 1) {
            rig_flush(rig);
            rig_run(rig, 60000);
            used[i / STEP] = memory_used(rig);
        }
    }
    cr_expect_leq(least_growth(used, STEPS) / STEP, 512);
    cr_expect_leq(sizeof(struct partition), 512);
    rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
    rig_free(rig);
}

Test(many_topics, a_flush_visits_those_that_were_written) {
    struct rig *rig = rig_start(&(struct rig_setup){.seed = 6});
    use_each(rig, 0, TOPICS);
    rig_run(rig, 1000);
    uint64_t before = rt_sim_events(rig->world);
    use_each(rig, 0, 1);
    cr_expect_lt(rt_sim_events(rig->world) - before, 200);
    rig_free(rig);
}
