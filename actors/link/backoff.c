/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actors/link/backoff.h"

uint64_t backoff_doubled_ms(int64_t base_ms, int64_t most_ms, uint32_t round) {
    uint64_t most = (uint64_t)most_ms;
    uint64_t value = (uint64_t)base_ms;
    for (; round > 0 && value > 0 && value < most; round--) {
        value *= 2;
    }
    return value < most ? value : most;
}

uint64_t backoff_ns(struct rt_world *world, int64_t base_ms, int64_t most_ms, uint32_t round) {
    uint64_t pause_ms = backoff_doubled_ms(base_ms, most_ms, round);
    uint64_t percent = 80 + rt_random(world) % 41;
    return (pause_ms > 0 ? pause_ms : 1) * percent * 10000u;
}
