/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for liburcu's urcu/uatomic.h in the tsan preset and in stress/explore: inline assembly
 * there, the compiler's atomics here, so that the queue of urcu/wfcqueue.h, inlined with
 * _LGPL_SOURCE, makes happens-before edges. What runs inside liburcu.so stays unseen.
 */
#ifndef _URCU_UATOMIC_H
#define _URCU_UATOMIC_H

#include <urcu/arch.h>
#include <urcu/system.h>

#define UATOMIC_HAS_ATOMIC_BYTE 1
#define UATOMIC_HAS_ATOMIC_SHORT 1

#define uatomic_set(address, value) ((void)CMM_STORE_SHARED(*(address), (value)))
#define uatomic_read(address) CMM_LOAD_SHARED(*(address))

#define uatomic_xchg(address, value)                                                               \
    __extension__({                                                                                \
        SHIM_STEP("exchange " #address);                                                           \
        __atomic_exchange_n((address), (value), __ATOMIC_SEQ_CST);                                 \
    })

#define uatomic_cmpxchg(address, expected, desired)                                                \
    __extension__({                                                                                \
        __typeof__(*(address)) shim_expected_ = (expected);                                        \
        SHIM_STEP("compare_exchange " #address);                                                   \
        (void)__atomic_compare_exchange_n((address), &shim_expected_, (desired), 0,                \
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                     \
        shim_expected_;                                                                            \
    })

#define uatomic_add_return(address, value)                                                         \
    __extension__({                                                                                \
        SHIM_STEP("add_return " #address);                                                         \
        __atomic_add_fetch((address), (value), __ATOMIC_SEQ_CST);                                  \
    })
#define uatomic_sub_return(address, value)                                                         \
    __extension__({                                                                                \
        SHIM_STEP("sub_return " #address);                                                         \
        __atomic_sub_fetch((address), (value), __ATOMIC_SEQ_CST);                                  \
    })
#define uatomic_add(address, value) ((void)uatomic_add_return((address), (value)))
#define uatomic_sub(address, value) ((void)uatomic_sub_return((address), (value)))
#define uatomic_inc(address) uatomic_add((address), 1)
#define uatomic_dec(address) uatomic_sub((address), 1)
#define uatomic_and(address, mask)                                                                 \
    __extension__({                                                                                \
        SHIM_STEP("and " #address);                                                                \
        (void)__atomic_and_fetch((address), (mask), __ATOMIC_SEQ_CST);                             \
    })
#define uatomic_or(address, mask)                                                                  \
    __extension__({                                                                                \
        SHIM_STEP("or " #address);                                                                 \
        (void)__atomic_or_fetch((address), (mask), __ATOMIC_SEQ_CST);                              \
    })

#define cmm_smp_mb__before_uatomic_and() cmm_barrier()
#define cmm_smp_mb__after_uatomic_and() cmm_barrier()
#define cmm_smp_mb__before_uatomic_or() cmm_barrier()
#define cmm_smp_mb__after_uatomic_or() cmm_barrier()
#define cmm_smp_mb__before_uatomic_add() cmm_barrier()
#define cmm_smp_mb__after_uatomic_add() cmm_barrier()
#define cmm_smp_mb__before_uatomic_sub() cmm_barrier()
#define cmm_smp_mb__after_uatomic_sub() cmm_barrier()
#define cmm_smp_mb__before_uatomic_inc() cmm_barrier()
#define cmm_smp_mb__after_uatomic_inc() cmm_barrier()
#define cmm_smp_mb__before_uatomic_dec() cmm_barrier()
#define cmm_smp_mb__after_uatomic_dec() cmm_barrier()

#endif
