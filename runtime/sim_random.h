/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulator's generator: xoshiro256**, seeded by splitmix64.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2021).
 */
#ifndef RT_SIM_RANDOM_H
#define RT_SIM_RANDOM_H

#include <stdint.h>

struct sim_random {
    uint64_t state[4];
};

static inline uint64_t sim_random_mix(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Streams of one seed are independent: what one draws does not move the others. */
static inline void sim_random_seed(struct sim_random *random, uint64_t seed, uint64_t stream) {
    uint64_t mixed = seed;
    mixed = sim_random_mix(&mixed) ^ (stream * UINT64_C(0xd1342543de82ef95));
    for (int i = 0; i < 4; i++) {
        random->state[i] = sim_random_mix(&mixed);
    }
}

static inline uint64_t sim_rotate_left(uint64_t value, int bits) {
    return (value << bits) | (value >> (64 - bits));
}

static inline uint64_t sim_random_next(struct sim_random *random) {
    uint64_t *s = random->state;
    uint64_t result = sim_rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = sim_rotate_left(s[3], 45);
    return result;
}

/* In [0, n), n > 0. The bias of the multiplication is below 2^-64 * n: nothing to a test. */
static inline uint64_t sim_random_below(struct sim_random *random, uint64_t n) {
    return (uint64_t)(((unsigned __int128)sim_random_next(random) * n) >> 64);
}

#endif
