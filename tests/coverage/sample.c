/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What rule_test.py counts: every kind of branch, and what is none. */
#include "tests/coverage/sample.h"

#include <stdbool.h>

#include "runtime/assert.h"

#define RT_MUTANT(name) false /* as in every build but one */
#define RT_UNLESS_MUTANT(name, statement) ((void)(RT_MUTANT(name) || ((statement), false)))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define CHECK_BOTH(a, b) RT_ASSERT((a) > 0 && (b) > 0)

static int never_called(int count) {
    return count > 0 ? 1 : 2;
}

static const char *named(int number) {
    switch (number) {
#define SLUICE_ERROR(number_, name, class_name, metadata, attempt, remedy, text)                   \
    case number_:                                                                                  \
        return text;
#include <sluice/errors.def>
#undef SLUICE_ERROR
    default:
        return "";
    }
}

static int chosen(int first, int second) {
    RT_ASSERT(first > 0 || second > 0);
    CHECK_BOTH(first, second);
    while (true) {
        if (first > 0 && second < 9) {
            break;
        }
        return never_called(first);
    }
    switch (first) {
    case 1:
        return SMALLER(first, second);
    default:
        return sample_is_even(second);
    }
}

enum sample { FIRST, SECOND };

static int of_enum(enum sample sample) {
    switch (sample) {
    case FIRST:
        return 0;
    case SECOND:
        return 1;
    }
    return 2;
}

int main(void) {
    int sum = chosen(1, 2) + chosen(2, 4) + sample_is_odd(4) + of_enum(FIRST);
    RT_UNLESS_MUTANT(of_the_sample, sum += 0);
    if (RT_MUTANT(of_the_sample) && sum > 100) {
        return 1;
    }
    return sum == 2 && named(0)[0] != '\0' ? 0 : 1;
}
