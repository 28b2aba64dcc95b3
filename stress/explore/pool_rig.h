/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool for scenarios, of which blocks that are kept until the end leave little, and a book beside
 * it: which granule has an owner.
 *
 * A take may find nothing, or ask for a further span, while others are at work: what is free may be
 * hinted a step later, or come free behind the place that is looked at. When nobody else is at
 * work, a row of 2^class that is free is found. So it is at the end: all that is free is taken
 * without a further span, then all is given back, and the pool is destroyed.
 */
#ifndef STRESS_EXPLORE_POOL_RIG_H
#define STRESS_EXPLORE_POOL_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes are in granules. */
enum {
    POOL_SPANS_MAX = 3,
    POOL_PAGE = 64,
    POOL_LARGEST = 31 * POOL_PAGE /* all of a span but its first page */
};

struct pool_block {
    char *start; /* NULL: not to be had */
    uint32_t count;
};

/* ---- before the threads ---------------------------------------------------------------------- */

/* Of one span. */
void pool_set_up(void);
/* There may be so many. */
void pool_allow_spans(uint32_t most);
/* Until the end. False: there is no such block. */
bool pool_keep(uint32_t count);
/* Of the first page 32, 16, 8 … granules, as long as it is more than `left`. */
void pool_keep_first_page(uint32_t left);
/* Nothing is free, and the hints say so from now on. */
void pool_clear_hints(void);

/* ---- by threads ------------------------------------------------------------------------------ */

struct pool_block pool_take(uint32_t count);
void pool_give(struct pool_block block);
/* Gives back all behind the first `count`. */
void pool_trim(struct pool_block *block, uint32_t count);
void pool_review(void);
/* So much later that a review asks only what is used then. */
void pool_wait_long(void);
/* Whether a take of so many granules would have to find some, if nobody else were at work. */
bool pool_has_room(uint32_t count);
bool pool_is_mapped(unsigned span);

/* ---- after them ------------------------------------------------------------------------------ */

void pool_settled(void);

#endif
