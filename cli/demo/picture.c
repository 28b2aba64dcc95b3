/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On a terminal: lines that stay, and below them a picture that is drawn over and over. Elsewhere:
 * lines only, one a second besides what happens. */
#include <inttypes.h>
#include <stdarg.h>

#include "cli/demo/demo.h"

enum { BAR_CELLS = 40, PICTURE_LINES = DEMO_PARTITIONS + 2 };
static const uint64_t PICTURE_NS = 100000000;
static const uint64_t LINE_NS = 1000000000;

static double seconds_of(const struct demo *demo) {
    return (double)(clock_ns() - demo->started_ns) / 1e9;
}

static void picture_erase(struct demo *demo) {
    if (demo->pictured) {
        (void)printf("\033[%dA\033[J", PICTURE_LINES);
        demo->pictured = false;
    }
}

void demo_say(struct demo *demo, const char *format, ...) {
    va_list values;
    picture_erase(demo);
    (void)printf("%5.1f s  ", seconds_of(demo));
    va_start(values, format);
    (void)vprintf(format, values);
    va_end(values);
    (void)putchar('\n');
    (void)fflush(stdout);
    demo->picture_ns = 0;
}

static void partition_draw(int32_t partition, int32_t leader, int64_t records, int64_t most) {
    int64_t cells = most > 0 ? records * BAR_CELLS / most : 0;
    (void)printf("  partition %" PRId32 "  ", partition);
    if (leader > 0) {
        (void)printf("broker %" PRId32 "  ", leader);
    } else {
        (void)printf("no leader ");
    }
    for (int64_t i = 0; i < BAR_CELLS; i++) {
        (void)fputs(i < cells ? "#" : " ", stdout);
    }
    (void)printf(" %" PRId64 "\n", records);
}

static void picture_draw(struct demo *demo) {
    int64_t records[DEMO_PARTITIONS];
    int64_t most = 0;
    for (int32_t i = 0; i < DEMO_PARTITIONS; i++) {
        records[i] = sluice_broker_high_watermark(demo->broker, DEMO_TOPIC, i);
        most = records[i] > most ? records[i] : most;
    }
    picture_erase(demo);
    (void)putchar('\n');
    for (int32_t i = 0; i < DEMO_PARTITIONS; i++) {
        int32_t leader = sluice_broker_leader(demo->broker, DEMO_TOPIC, i);
        partition_draw(i, leader, records[i], most);
    }
    (void)printf(
        "  %4.1f s  %" PRIu64 " accepted, %" PRIu64 " persisted, %" PRIu64 " on their way\n",
        seconds_of(demo), demo->tally.accepted, demo->tally.persisted, tally_open(&demo->tally));
    (void)fflush(stdout);
    demo->pictured = true;
}

void picture_show(struct demo *demo) {
    uint64_t now_ns = clock_ns();
    if (now_ns < demo->picture_ns) {
        return;
    }
    if (demo->terminal) {
        picture_draw(demo);
        demo->picture_ns = now_ns + PICTURE_NS;
    } else {
        demo_say(demo, "%" PRIu64 " accepted, %" PRIu64 " persisted, %" PRIu64 " on their way",
                 demo->tally.accepted, demo->tally.persisted, tally_open(&demo->tally));
        demo->picture_ns = now_ns + LINE_NS;
    }
}
