/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door between the words of a failure and the runner that prints them. */
#ifndef SLUICE_TEST_FAILURE_H
#define SLUICE_TEST_FAILURE_H

#include <stddef.h>

/* Marks the running test as failed. Any thread may call. */
void failure_report(const char *file, int line, const char *text);

/* The line that tells how to run one test of this program alone. */
void failure_say_alone(char *text, size_t size, const char *suite, const char *name);

#endif
