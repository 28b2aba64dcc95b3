/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Passes its assertions and leaves memory behind: LeakSanitizer must turn it red at exit. */
#include "test.h"

static void *volatile lost;

Test(deliberate, leak) {
    lost = malloc(24);
    cr_assert_not_null(lost);
    lost = NULL;
}
