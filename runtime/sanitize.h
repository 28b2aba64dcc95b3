/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ThreadSanitizer has to be told, because it cannot see grace periods inside liburcu: a
 * release here happens before an acquire of the same address there. Nothing in other builds.
 */
#ifndef RT_SANITIZE_H
#define RT_SANITIZE_H

#if defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif

#ifdef RT_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define RT_HAPPENS_BEFORE(address) __tsan_release(address)
#define RT_HAPPENS_AFTER(address) __tsan_acquire(address)
#else
#define RT_HAPPENS_BEFORE(address) ((void)(address))
#define RT_HAPPENS_AFTER(address) ((void)(address))
#endif

#endif
