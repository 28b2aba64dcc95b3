/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One life of a producer on threads against the embedded broker, with something scarce, and what
 * must hold whatever that is: one outcome for each record, outcomes that agree with the broker's
 * log, one clear error from what could not be opened, no descriptor and no thread left. */
#ifndef TESTS_SCARCE_TRIAL_H
#define TESTS_SCARCE_TRIAL_H

#include "scarce/calls.h"
#include "test.h"

enum trial_end {
    TRIAL_REFUSED,   /* broker, producer or topic could not be opened, with a clear error */
    TRIAL_PERSISTED, /* every record was accepted and persisted */
    TRIAL_MIXED      /* some were not */
};

struct trial {
    const char *name; /* told when something does not hold */
    const char *const *settings;
    bool name_lookup; /* bootstrap.servers is a name */
    bool split;       /* batches are too large; else answers are lost and leaders move */
    enum trial_end end;
    uint32_t calls; /* of the planned kind */
};

/* With `plan.spare_broker` the broker is there before the plan, and makes trouble on the way. */
void trial_run(struct trial *trial, const struct call_plan *plan);
/* Descriptors and threads of this process. */
unsigned trial_descriptors(void);
unsigned trial_threads(void);

#endif
