/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/coverage/sample.h"

int sample_is_odd(int number) {
    return sample_is_even(number + 1) == 1 ? 1 : 0;
}
