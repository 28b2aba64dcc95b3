/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory stays within `buffer.memory` and what is allowed beyond it, however the records lie: few
 * in a batch, many topics, reports that nobody reads. All that the pool has from the system is
 * counted, so also what is lost between its blocks.
 */
#include "pipeline/rig.h"

enum {
    LIMIT_BYTES = 32 << 20,
    BEYOND_BYTES_MAX = 5 << 20, /* of 8 MB: a process with nothing in it takes 3 */
    TOPICS_MAX = 100,
    PRODUCE_API = 0,
    BURST = 500
};

struct load {
    uint32_t topics, partitions, value_size;
    uint32_t records;
    bool reads; /* the reports */
};

struct bound {
    struct rig *rig;
    const struct load *load;
    sluice_topic *topics[TOPICS_MAX];
    uint32_t accepted, read;
    int64_t most;
};

static void look(struct bound *bound) {
    struct producer *producer = (struct producer *)bound->rig->producer;
    int64_t held = rt_pool_held(producer->pool);
    bound->most = held > bound->most ? held : bound->most;
    cr_assert_leq(rt_budget_used(&producer->budget), LIMIT_BYTES);
}

static void read_reports(struct bound *bound) {
    static sluice_report reports[1024];
    size_t count;
    while ((count = sluice_poll(bound->rig->producer, reports, 1024, 0)) > 0) {
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(reports[i].outcome, SLUICE_PERSISTED);
        }
        bound->read += (uint32_t)count;
    }
}

static void open_all(struct bound *bound) {
    for (uint32_t i = 0; i < bound->load->topics; i++) {
        char name[32];
        snprintf(name, sizeof name, "topic-%u", i);
        bound->topics[i] = sluice_topic_open(bound->rig->producer, name, NULL, NULL);
        cr_assert_not_null(bound->topics[i]);
    }
}

/* As fast as memory lets, a burst for each virtual 100 us. */
static sluice_code offer(struct bound *bound) {
    static char value[4096];
    const struct load *load = bound->load;
    sluice_code code = SLUICE_OK;
    for (int n = 0; n < BURST && bound->accepted < load->records && code == SLUICE_OK; n++) {
        uint64_t key = bound->accepted * UINT64_C(0x9e3779b97f4a7c15);
        code = sluice_produce(bound->topics[bound->accepted % load->topics],
                              &(sluice_record){.key = &key,
                                               .key_size = sizeof key,
                                               .value = value,
                                               .value_size = load->value_size});
        bound->accepted += code == SLUICE_OK;
    }
    look(bound);
    return code;
}

static void pass_time(struct bound *bound, uint64_t ns) {
    uint64_t end_ns = rt_now(bound->rig->world) + ns;
    while (rt_now(bound->rig->world) < end_ns && rt_sim_step(bound->rig->world)) {
        look(bound);
    }
}

static void run(struct bound *bound, const struct load *load) {
    static const char *const settings[] = {"linger.ms", "5", NULL};
    *bound = (struct bound){.load = load};
    struct rig_setup setup = {
        .seed = 1,
        .settings = settings,
        .brokers = {.broker_count = 3, .partition_count = load->partitions, .discard = true}};
    bound->rig = rig_start(&setup);
    open_all(bound);
    rig_run(bound->rig, 1000);
    rig_hold_up(bound->rig, SLUICE_FAULT_DELAY, PRODUCE_API, 100, 0);
    while (bound->accepted < load->records) {
        sluice_code code = offer(bound);
        pass_time(bound, RIG_MS / 10);
        if (load->reads) {
            read_reports(bound);
        } else if (code == SLUICE_REPORTS_WAITING) {
            break;
        }
    }
}

static void expect_bound(const struct load *load) {
    struct bound bound;
    run(&bound, load);
    cr_expect_leq(bound.most, LIMIT_BYTES + BEYOND_BYTES_MAX, "%u x %u partitions, %u B: %.1f MiB",
                  load->topics, load->partitions, load->value_size, (double)bound.most / (1 << 20));
    cr_expect_geq(bound.most, LIMIT_BYTES / 2, "memory was never full");
    cr_assert_eq(sluice_flush(bound.rig->producer, 100000), SLUICE_OK);
    read_reports(&bound);
    cr_expect_eq(bound.read, bound.accepted);
    rig_run(bound.rig, 1000);
    struct producer *producer = (struct producer *)bound.rig->producer;
    cr_expect_eq(rt_budget_used(&producer->budget), 0);
    cr_expect_lt(rt_pool_used(producer->pool), 4 * RT_POOL_PAGE_BYTES);
    rig_free(bound.rig);
}

Test(bound, memory_holds_with_few_partitions) {
    expect_bound(&(struct load){1, 4, 100, 500000, true});
}

Test(bound, memory_holds_with_a_thousand_partitions) {
    expect_bound(&(struct load){1, 1000, 100, 500000, true});
}

Test(bound, memory_holds_with_batches_of_one_record) {
    expect_bound(&(struct load){10, 1000, 100, 300000, true});
}

Test(bound, memory_holds_with_many_topics) {
    expect_bound(&(struct load){100, 4, 100, 500000, true});
}

Test(bound, memory_holds_with_large_records) {
    expect_bound(&(struct load){1, 1000, 1000, 100000, true});
    expect_bound(&(struct load){1, 16, 4000, 40000, true});
}

Test(bound, memory_holds_while_nobody_reads_reports) {
    expect_bound(&(struct load){1, 1000, 1, 2000000, false});
}
