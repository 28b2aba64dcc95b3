/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools, runtime/pool.c: rows of a page that threads take and give back side by side, whole pages,
 * and spans that go back while somebody wants one. See pool_rig.h for what is checked.
 */
#include "stress/explore/explore.h"
#include "stress/explore/pool_rig.h"
#include "stress/explore/scenarios.h"

enum { NOTHING, GIVEN_MEANWHILE };   /* marks of `rows` and `pages` */
enum { RETIRED, STILL_USED, ADDED }; /* of `spans` */

/* ---- rows of one page ------------------------------------------------------------------------ */

static void take_and_give(uint32_t count) {
    struct pool_block block = pool_take(count);
    if (block.start != NULL) {
        pool_give(block);
        return;
    }
    explore_reached(NOTHING);
    if (pool_has_room(count)) {
        explore_reached(GIVEN_MEANWHILE);
    }
}

static struct pool_block given; /* one by one, by the thread "giver" */

/* One granule is free, and the two before it are to be given back. */
static void set_up_rows(void) {
    pool_set_up();
    (void)pool_keep(POOL_LARGEST);
    pool_keep_first_page(2);
    struct pool_block two = pool_take(2);
    struct pool_block one = pool_take(1);
    pool_clear_hints();
    pool_give(two);
    pool_give(one);
    given = pool_take(2);
}

static void take_ones(void) {
    take_and_give(1);
    take_and_give(1);
}

static void take_twos(void) {
    take_and_give(2);
    take_and_give(2);
}

static void give_one_by_one(void) {
    pool_trim(&given, 1);
    pool_give(given);
}

const struct explore_scenario rows_scenario = {
    .name = "rows",
    .says = "a row of a page has one owner, and is found when it was given back",
    .threads = {{"ones", take_ones, false},
                {"twos", take_twos, false},
                {"giver", give_one_by_one, false}},
    .variants = {{"clear-and-leave", NULL},
                 {"look-then-give", NULL},
                 {"take-torn", "page_take"},
                 {"give-torn", "page_give"}},
    .marks = {[NOTHING] = "a take that finds nothing",
              [GIVEN_MEANWHILE] = "what it looks for is given back meanwhile"},
    .bound = 3,
    .drawn = 20000,
    .set_up = set_up_rows,
    .settled = pool_settled,
};

/* ---- whole pages ----------------------------------------------------------------------------- */

/* Three are free. */
static void set_up_pages(void) {
    pool_set_up();
    pool_keep_first_page(0);
    (void)pool_keep(POOL_LARGEST - 3 * POOL_PAGE);
    struct pool_block three = pool_take(3 * POOL_PAGE);
    pool_clear_hints();
    pool_give(three);
}

/* Two pages; what is not needed of the second can be taken. */
static void take_large(void) {
    struct pool_block block = pool_take(POOL_PAGE + 1);
    if (block.start != NULL) {
        pool_trim(&block, 1);
        pool_give(block);
    }
}

static void take_page(void) {
    take_and_give(POOL_PAGE);
    take_and_give(POOL_PAGE);
}

const struct explore_scenario pages_scenario = {
    .name = "pages",
    .says = "a page has one owner, whole or in rows, and is found whole when all of it was given",
    .threads = {{"large", take_large, false},
                {"page", take_page, false},
                {"ones", take_ones, false}},
    .variants = {{"take-torn", "page_take"},
                 {"give-torn", "page_give"},
                 {"whole-torn", "page_take_whole"},
                 {"not-whole-torn", "hint_not_whole"},
                 {"hint-torn", "hint_set"},
                 {"clear-torn", "hint_clear_page"},
                 {"count-torn", "count_used"}},
    .marks = {[NOTHING] = "a take that finds nothing",
              [GIVEN_MEANWHILE] = "what it looks for is given back meanwhile"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up_pages,
    .settled = pool_settled,
};

/* ---- spans ----------------------------------------------------------------------------------- */

/* The first is taken, the second free and to be retired, the third was there and is not. */
static void set_up_spans(void) {
    pool_set_up();
    (void)pool_keep(POOL_LARGEST);
    pool_keep_first_page(0);
    pool_clear_hints();
    pool_allow_spans(POOL_SPANS_MAX);
    struct pool_block second = pool_take(POOL_LARGEST);
    struct pool_block third = pool_take(POOL_LARGEST);
    pool_give(third);
    pool_wait_long();
    pool_review();
    EXPLORE_CHECK(pool_is_mapped(1) && !pool_is_mapped(2), "the third should have gone back");
    pool_give(second);
    pool_wait_long();
}

static void retire(void) {
    for (unsigned i = 0; i < 2; i++) {
        pool_review();
        explore_reached(pool_is_mapped(1) ? STILL_USED : RETIRED);
        pool_wait_long();
    }
}

static void take_one_and_page(void) {
    take_and_give(1);
    take_and_give(POOL_PAGE);
}

static void take_one(void) {
    struct pool_block block = pool_take(1);
    if (block.start != NULL) {
        if (pool_is_mapped(2)) {
            explore_reached(ADDED);
        }
        pool_give(block);
    }
}

const struct explore_scenario spans_scenario = {
    .name = "spans",
    .says = "a span goes back when nobody has any of it, and comes again when it is needed",
    .threads = {{"reviewer", retire, false},
                {"one and page", take_one_and_page, false},
                {"one", take_one, false}},
    .variants = {{"retire-by-look", NULL},
                 {"whole-torn", "page_take_whole"},
                 {"add-torn", "span_add"},
                 {"fill-torn", "span_fill"},
                 {"retire-torn", "span_retire"},
                 {"clear-torn", "hint_clear_span"}},
    .marks = {[RETIRED] = "a span goes back",
              [STILL_USED] = "a span that somebody has does not",
              [ADDED] = "a further span beside one that goes back"},
    .bound = 1,
    .drawn = 20000,
    .in_a_row = 600,
    .set_up = set_up_spans,
    .settled = pool_settled,
};
