/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bench/silence.h"

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t FIRST_S = 2, NEXT_S = 10;

void silence_begin(struct silence *silence, uint64_t now_ns) {
    *silence = (struct silence){.began_ns = now_ns, .due_ns = now_ns + FIRST_S * SECOND_NS};
}

bool silence_due(struct silence *silence, uint64_t now_ns) {
    if (now_ns < silence->due_ns) {
        return false;
    }
    silence->due_ns = now_ns + NEXT_S * SECOND_NS;
    return true;
}

uint64_t silence_seconds(const struct silence *silence, uint64_t now_ns) {
    return (now_ns - silence->began_ns) / SECOND_NS;
}
