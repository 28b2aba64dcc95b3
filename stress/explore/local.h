/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the runtime keeps per thread goes from stack to stack with the thread that runs. */
#ifndef STRESS_EXPLORE_LOCAL_H
#define STRESS_EXPLORE_LOCAL_H

/* Of threads_worker.c: which worker this thread is. */
void **explore_local(void);

#endif
