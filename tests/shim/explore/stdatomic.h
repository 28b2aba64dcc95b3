/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands before the compiler's <stdatomic.h> in the schedule explorer (stress/explore): the same
 * types and names, and a step of the explorer before each operation. Arguments are evaluated before
 * the step, so that nothing comes between it and the operation.
 *
 * One thread runs at a time, so each operation is sequentially consistent, whatever order it asks
 * for, and fences do nothing. A weak compare-and-swap never fails without a reason here.
 */
#pragma GCC system_header
#include_next <stdatomic.h>

#ifndef SLUICE_SHIM_EXPLORE_STDATOMIC_H
#define SLUICE_SHIM_EXPLORE_STDATOMIC_H

#include "tests/shim/step.h"

#if defined(__clang__)
#define SHIM_LOAD(object) __c11_atomic_load(object, __ATOMIC_SEQ_CST)
#define SHIM_STORE(object, value) __c11_atomic_store(object, value, __ATOMIC_SEQ_CST)
#else
#define SHIM_LOAD(object)                                                                          \
    __extension__({                                                                                \
        __typeof__((void)0, *(object)) shim_loaded_;                                               \
        __atomic_load(object, &shim_loaded_, __ATOMIC_SEQ_CST);                                    \
        shim_loaded_;                                                                              \
    })
#define SHIM_STORE(object, value)                                                                  \
    __extension__({                                                                                \
        __typeof__((void)0, *(object)) shim_stored_ = (value);                                     \
        __atomic_store(object, &shim_stored_, __ATOMIC_SEQ_CST);                                   \
    })
#endif

#define SHIM_TYPE(object) __typeof__((void)0, *(object))

/* Nobody else runs between the load and the store, unless it is torn. */
#define SHIM_CHANGE(name, object, change, operand)                                                 \
    __extension__({                                                                                \
        __auto_type shim_object_ = (object);                                                       \
        SHIM_TYPE(shim_object_) shim_operand_ = (SHIM_TYPE(shim_object_))(operand);                \
        SHIM_STEP(name " " #object ", " #operand);                                                 \
        SHIM_TYPE(shim_object_) shim_old_ = SHIM_LOAD(shim_object_);                               \
        (void)SHIM_TORN(name " " #object);                                                         \
        SHIM_STORE(shim_object_, (SHIM_TYPE(shim_object_))(change));                               \
        shim_old_;                                                                                 \
    })

#undef atomic_init
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and
#undef atomic_fetch_and_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit

/* Nobody else knows the object yet. */
#define atomic_init(object, value) SHIM_STORE(object, value)

#define atomic_load(object)                                                                        \
    __extension__({                                                                                \
        __auto_type shim_object_ = (object);                                                       \
        SHIM_STEP("load " #object);                                                                \
        SHIM_LOAD(shim_object_);                                                                   \
    })
#define atomic_load_explicit(object, order) atomic_load(object)

#define atomic_store(object, value)                                                                \
    __extension__({                                                                                \
        __auto_type shim_object_ = (object);                                                       \
        SHIM_TYPE(shim_object_) shim_value_ = (value);                                             \
        SHIM_STEP("store " #object ", " #value);                                                   \
        SHIM_STORE(shim_object_, shim_value_);                                                     \
    })
#define atomic_store_explicit(object, value, order) atomic_store(object, value)

#define atomic_exchange(object, value)                                                             \
    __extension__({                                                                                \
        __auto_type shim_object_ = (object);                                                       \
        SHIM_TYPE(shim_object_) shim_value_ = (value);                                             \
        SHIM_STEP("exchange " #object ", " #value);                                                \
        SHIM_TYPE(shim_object_) shim_old_ = SHIM_LOAD(shim_object_);                               \
        (void)SHIM_TORN("exchange " #object);                                                      \
        SHIM_STORE(shim_object_, shim_value_);                                                     \
        shim_old_;                                                                                 \
    })
#define atomic_exchange_explicit(object, value, order) atomic_exchange(object, value)

#define atomic_fetch_add(object, operand)                                                          \
    SHIM_CHANGE("fetch_add", object, shim_old_ + shim_operand_, operand)
#define atomic_fetch_sub(object, operand)                                                          \
    SHIM_CHANGE("fetch_sub", object, shim_old_ - shim_operand_, operand)
#define atomic_fetch_or(object, operand)                                                           \
    SHIM_CHANGE("fetch_or", object, shim_old_ | shim_operand_, operand)
#define atomic_fetch_and(object, operand)                                                          \
    SHIM_CHANGE("fetch_and", object, shim_old_ &shim_operand_, operand)
#define atomic_fetch_add_explicit(object, operand, order) atomic_fetch_add(object, operand)
#define atomic_fetch_sub_explicit(object, operand, order) atomic_fetch_sub(object, operand)
#define atomic_fetch_or_explicit(object, operand, order) atomic_fetch_or(object, operand)
#define atomic_fetch_and_explicit(object, operand, order) atomic_fetch_and(object, operand)

#define atomic_compare_exchange_strong(object, expected, desired)                                  \
    __extension__({                                                                                \
        __auto_type shim_object_ = (object);                                                       \
        __auto_type shim_expected_ = (expected);                                                   \
        SHIM_TYPE(shim_object_) shim_value_ = (desired);                                           \
        SHIM_STEP("compare_exchange " #object ", " #desired);                                      \
        SHIM_TYPE(shim_object_) shim_old_ = SHIM_LOAD(shim_object_);                               \
        _Bool shim_same_ = shim_old_ == *shim_expected_;                                           \
        if (shim_same_) {                                                                          \
            (void)SHIM_TORN("compare_exchange " #object);                                          \
            SHIM_STORE(shim_object_, shim_value_);                                                 \
        } else {                                                                                   \
            *shim_expected_ = shim_old_;                                                           \
        }                                                                                          \
        shim_same_;                                                                                \
    })
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)       \
    atomic_compare_exchange_strong(object, expected, desired)
#define atomic_compare_exchange_weak(object, expected, desired)                                    \
    atomic_compare_exchange_strong(object, expected, desired)
#define atomic_compare_exchange_weak_explicit(object, expected, desired, success, failure)         \
    atomic_compare_exchange_strong(object, expected, desired)

#endif
