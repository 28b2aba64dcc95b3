/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the shims call before each atomic operation: nothing, unless the schedule explorer
 * (stress/explore) is built. There any other thread may run at that place.
 *
 * SHIM_TORN: the explorer wants the read-modify-writes of this function torn into a load and a
 * store, with a step between them, to see whether a scenario notices.
 */
#ifndef SLUICE_SHIM_STEP_H
#define SLUICE_SHIM_STEP_H

#ifdef SLUICE_EXPLORE

#include <stdbool.h>

/* Of stress/explore/explore.c; place is a file and a line. */
void explore_step(const char *place, const char *function, const char *operation);
bool explore_is_torn(const char *function);
void explore_pause(void);

#define SHIM_TEXT_(text) #text
#define SHIM_TEXT(text) SHIM_TEXT_(text)
#define SHIM_PLACE __FILE__ ":" SHIM_TEXT(__LINE__)

#define SHIM_STEP(operation) explore_step(SHIM_PLACE, __func__, operation)
#define SHIM_TORN(operation) (explore_is_torn(__func__) && (SHIM_STEP(operation ", torn"), true))
#define SHIM_PAUSE() explore_pause()

#else

#define SHIM_STEP(operation) ((void)0)
#define SHIM_PAUSE() ((void)0)

#endif

#endif
