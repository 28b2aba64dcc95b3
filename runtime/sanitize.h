/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sanitizers have to be told; nothing in other builds.
 *
 * ThreadSanitizer cannot see grace periods inside liburcu: a release here happens before an acquire
 * of the same address there.
 *
 * AddressSanitizer cannot see who has which block of a pool: what nobody has is poisoned, and so is
 * a gap behind each block.
 */
#ifndef RT_SANITIZE_H
#define RT_SANITIZE_H

#if defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define RT_ASAN 1
#endif

#include <stddef.h>

#ifdef RT_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define RT_HAPPENS_BEFORE(address) __tsan_release(address)
#define RT_HAPPENS_AFTER(address) __tsan_acquire(address)
#else
#define RT_HAPPENS_BEFORE(address) ((void)(address))
#define RT_HAPPENS_AFTER(address) ((void)(address))
#endif

#ifdef RT_ASAN
void __asan_poison_memory_region(const volatile void *memory, size_t size);
void __asan_unpoison_memory_region(const volatile void *memory, size_t size);
#define RT_POISON(memory, size) __asan_poison_memory_region(memory, size)
#define RT_UNPOISON(memory, size) __asan_unpoison_memory_region(memory, size)
enum { RT_POOL_GAP_BYTES = 32 };
#else
#define RT_POISON(memory, size) ((void)(memory), (void)(size))
#define RT_UNPOISON(memory, size) ((void)(memory), (void)(size))
enum { RT_POOL_GAP_BYTES = 0 };
#endif

#endif
