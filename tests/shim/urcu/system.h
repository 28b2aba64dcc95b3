/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for liburcu's urcu/system.h in the tsan preset and in stress/explore. Its loads and
 * stores of shared words are volatile there; here they acquire and release, which is the order
 * that the code around them gets from its barriers on every machine, said in a way that
 * ThreadSanitizer understands.
 */
#ifndef _URCU_SYSTEM_H
#define _URCU_SYSTEM_H

#include <urcu/arch.h>
#include <urcu/compiler.h>

#include "tests/shim/step.h"

#define SLUICE_SHIM_URCU 1

#define _CMM_LOAD_SHARED(word)                                                                     \
    __extension__({                                                                                \
        SHIM_STEP("load " #word);                                                                  \
        __atomic_load_n(&(word), __ATOMIC_ACQUIRE);                                                \
    })
#define CMM_LOAD_SHARED(word) _CMM_LOAD_SHARED(word)

#define _CMM_STORE_SHARED(word, value)                                                             \
    __extension__({                                                                                \
        __typeof__(word) shim_stored_ = (value);                                                   \
        SHIM_STEP("store " #word);                                                                 \
        __atomic_store_n(&(word), shim_stored_, __ATOMIC_RELEASE);                                 \
        shim_stored_ = shim_stored_;                                                               \
    })
#define CMM_STORE_SHARED(word, value) _CMM_STORE_SHARED(word, value)

#endif
