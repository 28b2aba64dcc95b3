/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "cli/cli.h"

Test(rate, a_few_in_a_second_are_not_shown_as_none) {
    static const struct {
        double rate;
        const char *text;
    } cases[] = {{1234567.8, "1234568"}, {10, "10"}, {9.94, "9.9"}, {0.3, "0.3"}, {0.008, "0.008"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.*f", rate_digits(cases[i].rate), cases[i].rate);
        cr_expect_str_eq(text, cases[i].text);
    }
}
