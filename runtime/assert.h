/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Assertions guard our own mistakes, stay on in release, and never judge input. */
#ifndef RT_ASSERT_H
#define RT_ASSERT_H

__attribute__((noreturn, cold)) void rt_assert_failed(const char *expression, const char *file,
                                                      int line, const char *function);

#define RT_ASSERT(expression)                                                                      \
    ((expression) ? (void)0 : rt_assert_failed(#expression, __FILE__, __LINE__, __func__))

#endif
