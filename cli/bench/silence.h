/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When somebody who waits in silence is told that nothing has come yet: after 2 s, and then every
 * 10 s. */
#ifndef CLI_BENCH_SILENCE_H
#define CLI_BENCH_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

struct silence {
    uint64_t began_ns;
    uint64_t due_ns; /* when to speak next */
};

void silence_begin(struct silence *silence, uint64_t now_ns);
/* Whether to speak now. */
bool silence_due(struct silence *silence, uint64_t now_ns);
uint64_t silence_seconds(const struct silence *silence, uint64_t now_ns);

#endif
