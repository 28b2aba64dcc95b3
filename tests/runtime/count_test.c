/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters with one writer: which bucket a number falls into, sums, the longest. */
#include "test.h"

#include "runtime/count.h"

static uint32_t place_of(uint64_t took_ns) {
    struct rt_times times = {.sum_ns = {0}};
    rt_times_add(&times, 1000, 1000 + took_ns);
    uint32_t place = RT_TIMES_BUCKETS;
    for (uint32_t i = 0; i < RT_TIMES_BUCKETS; i++) {
        if (rt_count_read(&times.buckets[i]) != 0) {
            cr_assert_eq(place, RT_TIMES_BUCKETS);
            place = i;
        }
    }
    return place;
}

Test(count, a_time_lies_below_the_bound_of_its_bucket_and_not_below_the_one_before) {
    cr_expect_eq(place_of(0), 0);
    for (uint32_t i = 0; i + 1 < RT_TIMES_BUCKETS; i++) {
        uint64_t bound_ns = rt_times_below(i);
        cr_expect_eq(place_of(bound_ns - 1), i, "%llu", (unsigned long long)bound_ns);
        cr_expect_eq(place_of(bound_ns), i + 1, "%llu", (unsigned long long)bound_ns);
    }
}

Test(count, buckets_of_times_are_four_for_each_power_of_two) {
    static const uint64_t first[] = {256, 512, 768, 1024, 1536, 2048, 2560, 3072, 4096};
    for (uint32_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        cr_expect_eq(rt_times_below(i), first[i]);
    }
    for (uint32_t i = 4; i + 1 < RT_TIMES_BUCKETS; i++) {
        uint64_t from_ns = rt_times_below(i - 1);
        cr_expect_leq((rt_times_below(i) - from_ns) * 2, from_ns + 1024, "bucket %u", i);
    }
}

Test(count, times_have_their_sum_and_the_longest) {
    struct rt_times times = {.sum_ns = {0}};
    rt_times_add(&times, 10, 110);
    rt_times_add(&times, 10, 5010);
    rt_times_add(&times, 10, 30);
    cr_expect_eq(rt_count_read(&times.sum_ns), 5120);
    cr_expect_eq(rt_count_read(&times.longest_ns), 5000);
    cr_expect_eq(rt_count_read(&times.buckets[0]), 2);
}

Test(count, what_ends_before_it_began_took_no_time) {
    struct rt_times times = {.sum_ns = {0}};
    rt_times_add(&times, 1000, 1);
    cr_expect_eq(rt_count_read(&times.sum_ns), 0);
    cr_expect_eq(rt_count_read(&times.buckets[0]), 1);
}

Test(count, sizes_lie_between_powers_of_two) {
    for (uint32_t i = 0; i < RT_SIZES_BUCKETS; i++) {
        struct rt_sizes sizes = {.buckets = {{0}}};
        rt_sizes_add(&sizes, UINT32_C(1) << i);
        rt_sizes_add(&sizes, (uint32_t)(rt_sizes_below(i) - 1));
        cr_expect_eq(rt_count_read(&sizes.buckets[i]), 2, "bucket %u", i);
    }
}
