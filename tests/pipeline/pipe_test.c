/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pipe that is long and thick, 200 ms there and back and 100 Mbit/s, stays full with the defaults
 * while an application offers more than it takes: counted in bytes of records that were
 * acknowledged in virtual time.
 */
#include "pipeline/rig.h"

#include "runtime/sanitize.h"

enum {
    ROUND_TRIP_MS = 200,
    BYTES_PER_SECOND = 100 * 1000 * 1000 / 8,
    SETTLED_MS = 8000,
    MEASURED_MS = 16000,   /* at 4 MB/s still thirty times what one answer acknowledges */
    RECORD_LEAST_BYTES = 9 /* on the wire, beside the value */
};

/* With ThreadSanitizer, which takes much longer and has one thread to look at, a part of it. */
#ifdef RT_TSAN
enum { PARTITIONS_MOST = 16, VALUE_BYTES_LEAST = 1000 };
#else
enum { PARTITIONS_MOST = 64, VALUE_BYTES_LEAST = 100 };
#endif

/* How records are offered. */
enum manner { TRIES, WAITS, TO_EACH_IN_TURN };
static const char *const manners[] = {"tries each ms", "waits for room", "to each in turn"};

struct offer {
    struct rig *rig;
    size_t value_size;
    uint32_t partitions;
    enum manner manner;
    uint32_t next;
    uint64_t acknowledged; /* bytes */
};

static void read_reports(struct offer *offer) {
    static sluice_report reports[1024];
    size_t count;
    while ((count = sluice_poll(offer->rig->producer, reports, 1024, 0)) > 0) {
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(reports[i].outcome, SLUICE_PERSISTED);
        }
        offer->acknowledged += count * (offer->value_size + RECORD_LEAST_BYTES);
    }
}

/* All that there is room for. */
static void fill(struct offer *offer) {
    static const char value[1000];
    sluice_code code = SLUICE_OK;
    while (code == SLUICE_OK) {
        sluice_record record = {.value = value, .value_size = offer->value_size};
        if (offer->manner == TO_EACH_IN_TURN) {
            record.flags = SLUICE_RECORD_PARTITION;
            record.partition = (int32_t)(offer->next++ % offer->partitions);
        }
        code = offer->manner == WAITS ? sluice_produce_wait(offer->rig->topic, &record, 1)
                                      : sluice_produce(offer->rig->topic, &record);
    }
    bool full = code == SLUICE_FULL || code == SLUICE_PARTITION_FULL;
    cr_assert(full || code == SLUICE_REPORTS_WAITING, "%s", sluice_code_name(code));
}

static void offer_until(struct offer *offer, uint64_t end_ns) {
    while (rt_now(offer->rig->world) < end_ns) {
        fill(offer);
        if (offer->manner != WAITS) {
            rig_run(offer->rig, 1);
        }
        read_reports(offer);
    }
}

static void finish(struct rig *rig) {
    sluice_report reports[64];
    sluice_purge(rig->producer, SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT);
    rig_run(rig, 1000);
    while (sluice_poll(rig->producer, reports, 64, 0) > 0) {
    }
    rig_free(rig);
}

/* `link` is what each broker's connection takes in a second. */
static void stays_full(uint32_t partitions, uint32_t brokers, uint64_t link, size_t value_size,
                       enum manner manner) {
    struct rig *rig =
        rig_start(&(struct rig_setup){.seed = partitions + brokers + value_size,
                                      .partitions = partitions,
                                      .brokers = {.broker_count = brokers, .discard = true},
                                      .delay_ns = ROUND_TRIP_MS * RIG_MS / 2,
                                      .socket_buffer_bytes = 16 << 20,
                                      .bytes_per_second = link});
    struct offer offer = {
        .rig = rig, .value_size = value_size, .partitions = partitions, .manner = manner};
    offer_until(&offer, rt_now(rig->world) + SETTLED_MS * RIG_MS);
    uint64_t before = offer.acknowledged;
    uint64_t from_ns = rt_now(rig->world);
    offer_until(&offer, from_ns + MEASURED_MS * RIG_MS);
    double seconds = (double)(rt_now(rig->world) - from_ns) / 1e9;
    double percent =
        100 * (double)(offer.acknowledged - before) / (brokers * (double)link * seconds);
    cr_expect_geq(percent, 95, "%u partitions, %u brokers at %.1f MB/s, %zu bytes, %s: %.1f %%",
                  partitions, brokers, (double)link / 1e6, value_size, manners[manner], percent);
    finish(rig);
}

static void in_each_size(uint32_t partitions, uint32_t brokers, uint64_t link, enum manner manner) {
    for (size_t value_size = VALUE_BYTES_LEAST; value_size <= 1000; value_size *= 10) {
        stays_full(partitions, brokers, link, value_size, manner);
    }
}

Test(pipe, to_one_broker_stays_full) {
    for (uint32_t partitions = 16; partitions <= PARTITIONS_MOST; partitions *= 4) {
        in_each_size(partitions, 1, BYTES_PER_SECOND, TRIES);
        in_each_size(partitions, 1, BYTES_PER_SECOND, WAITS);
        in_each_size(partitions, 1, BYTES_PER_SECOND, TO_EACH_IN_TURN);
    }
}

Test(pipe, to_three_brokers_stays_full_when_they_share_it) {
    for (uint32_t partitions = 16; partitions <= PARTITIONS_MOST; partitions *= 4) {
        in_each_size(partitions, 3, BYTES_PER_SECOND / 3, TRIES);
        in_each_size(partitions, 3, BYTES_PER_SECOND / 3, WAITS);
    }
}

Test(pipe, to_each_of_three_brokers_stays_full) {
    for (uint32_t partitions = 16; partitions <= PARTITIONS_MOST; partitions *= 4) {
        in_each_size(partitions, 3, BYTES_PER_SECOND, TRIES);
        in_each_size(partitions, 3, BYTES_PER_SECOND, WAITS);
    }
}
