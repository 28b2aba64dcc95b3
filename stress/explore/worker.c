/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker, with a door to what it keeps per thread. */
#include "runtime/threads_worker.c"

#include "stress/explore/local.h"

void **explore_local(void) {
    return (void **)(void *)&current;
}
