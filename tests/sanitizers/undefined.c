/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adds one to the largest int: UndefinedBehaviorSanitizer must turn it red. */
#include <limits.h>

#include "test.h"

Test(deliberate, undefined) {
    volatile int largest = INT_MAX;
    volatile int sum = largest + 1;
    cr_assert_neq(sum, 0);
}
