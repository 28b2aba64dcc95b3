/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `sluice demo`: the lines of a source tree go through a producer into three embedded brokers,
 * keyed by their file, while a leader moves and a broker is killed. Then all is read back.
 */
#ifndef CLI_DEMO_DEMO_H
#define CLI_DEMO_DEMO_H

#include <sluice/broker.h>

#include "cli/cli.h"
#include "cli/lines.h"

#define DEMO_TOPIC "demo"
enum { DEMO_BROKERS = 3, DEMO_PARTITIONS = 6, RECORDS_PER_SECOND = 25000 };

/* ---- what is produced (sources.c) ------------------------------------------------------------ */

/* A text file. The files take turns, one record each. Record `n` of it is its line n modulo
 * line_count, so a file can go round. */
struct source {
    char *path; /* relative to the folder: the key */
    char *text;
    struct line *lines;
    size_t line_count;
    uint64_t numbered; /* records so far, those that were refused too */
    uint64_t checked;  /* the number of the record that must come next when they are read back */
};

struct sources {
    struct source *list; /* sorted by path */
    size_t count, capacity;
    size_t next; /* whose turn it is */
};

/* Reads the text files below `folder` (NULL: the tree that this program was built from, or the
 * current folder). False, and one line on standard error, when there are none. */
bool sources_open(struct sources *sources, const char *folder);
void sources_close(struct sources *sources);
struct source *sources_find(struct sources *sources, const void *path, size_t path_size);

/* ---- one run --------------------------------------------------------------------------------- */

struct demo {
    struct sources sources;
    sluice_broker *broker;
    sluice_producer *producer;
    sluice_topic *topic;
    struct tally tally;
    uint8_t *outcomes; /* of each record, in the order of produce; 0: none, or it was read back */
    uint64_t started_ns;
    uint64_t duration_ns;
    int32_t killed;    /* node, 0: none */
    unsigned happened; /* faults so far */
    bool terminal;
    uint64_t picture_ns; /* when the next picture is due */
    bool pictured;       /* there is one to draw over */
};

/* Produces until the time is over, with faults on the way, and waits for every outcome. */
void demo_produce(struct demo *demo);

/* ---- reading back (check.c) ------------------------------------------------------------------ */

struct findings {
    uint64_t records;
    uint64_t lost;    /* reported as persisted, and not there */
    uint64_t doubled; /* or reordered: a record that was there before, or is late */
    uint64_t damaged; /* key, value or header is not what was produced */
};

/* Reads every partition and compares. */
struct findings demo_check(struct demo *demo);

/* ---- what is seen (picture.c) ---------------------------------------------------------------- */

/* One line that stays, above the picture. */
__attribute__((format(printf, 2, 3))) void demo_say(struct demo *demo, const char *format, ...);
/* The picture, if it is due. */
void picture_show(struct demo *demo);

#endif
