/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two threads count in a plain variable: ThreadSanitizer must turn it red. */
#include <pthread.h>

#include "test.h"

static int counter;

static void *count(void *unused) {
    (void)unused;
    for (int round = 0; round < 1000; round++) {
        counter++;
    }
    return NULL;
}

Test(deliberate, race) {
    pthread_t threads[2];
    for (int index = 0; index < 2; index++) {
        cr_assert_eq(pthread_create(&threads[index], NULL, count, NULL), 0);
    }
    for (int index = 0; index < 2; index++) {
        cr_assert_eq(pthread_join(threads[index], NULL), 0);
    }
}
