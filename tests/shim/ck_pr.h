/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for Concurrency Kit's ck_pr.h in the tsan preset, so that ck_ring.h compiles unchanged
 * and its hand-overs are happens-before edges that ThreadSanitizer sees; and in the schedule
 * explorer (stress/explore), with a step before each operation (step.h).
 *
 * The system's header is inline assembly and compiler barriers; TSan sees plain racing accesses.
 * Here a load acquires, a store releases, a read-modify-write is sequentially consistent. That is
 * the order which ck_ring's fences make between its counters and its slots (p_tail: store_fence,
 * store | load, load_fence; c_head the same way round), no more. It proves nothing about the
 * fences themselves: stand-alone fences are outside of TSan's model.
 *
 * Only what ck_ring, ck_stack, ck_bitmap and ck_sequence need. What lives in libck.a (ck_ec, ck_ht,
 * ck_epoch) is not instrumented and must not be linked in this preset.
 */
#ifndef CK_PR_H
#define CK_PR_H

#include <ck_cc.h>
#include <ck_limits.h>
#include <ck_md.h>
#include <ck_stdbool.h>
#include <ck_stdint.h>

#include "tests/shim/step.h"

#define SLUICE_SHIM_CK_PR 1

/* ---- fences: for the machine only ----------------------------------------------------------- */

static inline void ck_pr_barrier(void) {
    __asm__ __volatile__("" ::: "memory");
}

static inline void ck_pr_stall(void) {
    SHIM_PAUSE();
    __builtin_ia32_pause();
}

#define SHIM_FENCE(name)                                                                           \
    static inline void ck_pr_fence_##name(void) {                                                  \
        __atomic_thread_fence(__ATOMIC_SEQ_CST);                                                   \
    }                                                                                              \
    static inline void ck_pr_fence_strict_##name(void) {                                           \
        __atomic_thread_fence(__ATOMIC_SEQ_CST);                                                   \
    }

SHIM_FENCE(acqrel)
SHIM_FENCE(acquire)
SHIM_FENCE(atomic)
SHIM_FENCE(atomic_load)
SHIM_FENCE(atomic_store)
SHIM_FENCE(load)
SHIM_FENCE(load_atomic)
SHIM_FENCE(load_depends)
SHIM_FENCE(load_store)
SHIM_FENCE(lock)
SHIM_FENCE(memory)
SHIM_FENCE(release)
SHIM_FENCE(store)
SHIM_FENCE(store_atomic)
SHIM_FENCE(store_load)
SHIM_FENCE(unlock)

/* ---- operations on one type ----------------------------------------------------------------- */

#define SHIM_OPERATIONS(name, type)                                                                \
    static inline type ck_pr_load_##name(const type *source) {                                     \
        SHIM_STEP("load");                                                                         \
        return __atomic_load_n(source, __ATOMIC_ACQUIRE);                                          \
    }                                                                                              \
    static inline void ck_pr_store_##name(type *target, type value) {                              \
        SHIM_STEP("store");                                                                        \
        __atomic_store_n(target, value, __ATOMIC_RELEASE);                                         \
    }                                                                                              \
    static inline type ck_pr_fas_##name(type *target, type value) {                                \
        SHIM_STEP("exchange");                                                                     \
        return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);                               \
    }                                                                                              \
    static inline type ck_pr_faa_##name(type *target, type delta) {                                \
        SHIM_STEP("fetch_add");                                                                    \
        return __atomic_fetch_add(target, delta, __ATOMIC_SEQ_CST);                                \
    }                                                                                              \
    static inline void ck_pr_add_##name(type *target, type delta) {                                \
        SHIM_STEP("add");                                                                          \
        (void)__atomic_fetch_add(target, delta, __ATOMIC_SEQ_CST);                                 \
    }                                                                                              \
    static inline void ck_pr_sub_##name(type *target, type delta) {                                \
        SHIM_STEP("sub");                                                                          \
        (void)__atomic_fetch_sub(target, delta, __ATOMIC_SEQ_CST);                                 \
    }                                                                                              \
    static inline void ck_pr_inc_##name(type *target) {                                            \
        SHIM_STEP("inc");                                                                          \
        (void)__atomic_fetch_add(target, 1, __ATOMIC_SEQ_CST);                                     \
    }                                                                                              \
    static inline void ck_pr_dec_##name(type *target) {                                            \
        SHIM_STEP("dec");                                                                          \
        (void)__atomic_fetch_sub(target, 1, __ATOMIC_SEQ_CST);                                     \
    }                                                                                              \
    static inline void ck_pr_and_##name(type *target, type mask) {                                 \
        SHIM_STEP("and");                                                                          \
        (void)__atomic_fetch_and(target, mask, __ATOMIC_SEQ_CST);                                  \
    }                                                                                              \
    static inline void ck_pr_or_##name(type *target, type mask) {                                  \
        SHIM_STEP("or");                                                                           \
        (void)__atomic_fetch_or(target, mask, __ATOMIC_SEQ_CST);                                   \
    }                                                                                              \
    static inline bool ck_pr_cas_##name##_value(type *target, type expected, type desired,         \
                                                type *seen) {                                      \
        SHIM_STEP("compare_exchange");                                                             \
        bool swapped = __atomic_compare_exchange_n(target, &expected, desired, false,              \
                                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
        *seen = expected;                                                                          \
        return swapped;                                                                            \
    }                                                                                              \
    static inline bool ck_pr_cas_##name(type *target, type expected, type desired) {               \
        SHIM_STEP("compare_exchange");                                                             \
        return __atomic_compare_exchange_n(target, &expected, desired, false, __ATOMIC_SEQ_CST,    \
                                           __ATOMIC_SEQ_CST);                                      \
    }

SHIM_OPERATIONS(int, int)
SHIM_OPERATIONS(uint, unsigned int)
SHIM_OPERATIONS(32, uint32_t)
SHIM_OPERATIONS(64, uint64_t)

/* Sets a bit and tells whether it was set. */
static inline bool ck_pr_bts_uint(unsigned int *target, unsigned int bit) {
    SHIM_STEP("bts");
    unsigned int mask = 1u << (bit % 32);
    return (__atomic_fetch_or(target, mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

/* ---- pointers: the target is the address of a pointer of any type ---------------------------- */

static inline void *ck_pr_load_ptr(const void *source) {
    SHIM_STEP("load");
    return __atomic_load_n((void *const *)source, __ATOMIC_ACQUIRE);
}

static inline void ck_pr_store_ptr(void *target, const void *value) {
    SHIM_STEP("store");
    __atomic_store_n((const void **)target, value, __ATOMIC_RELEASE);
}

static inline void *ck_pr_fas_ptr(void *target, void *value) {
    SHIM_STEP("exchange");
    return __atomic_exchange_n((void **)target, value, __ATOMIC_SEQ_CST);
}

static inline bool ck_pr_cas_ptr_value(void *target, void *expected, void *desired, void *seen) {
    SHIM_STEP("compare_exchange");
    bool swapped = __atomic_compare_exchange_n((void **)target, &expected, desired, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    *(void **)seen = expected;
    return swapped;
}

static inline bool ck_pr_cas_ptr(void *target, void *expected, void *desired) {
    SHIM_STEP("compare_exchange");
    return __atomic_compare_exchange_n((void **)target, &expected, desired, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

#undef SHIM_FENCE
#undef SHIM_OPERATIONS

#endif
