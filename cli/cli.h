/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the subcommands share. The command is an ordinary program: it uses public headers only. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sluice/sluice.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 /* as shells */ };

/* One subcommand: `arguments[0]` is its own name. Returns the exit status. */
typedef int (*command_run)(int count, char **arguments);
int demo_run(int count, char **arguments);
int produce_run(int count, char **arguments);
int broker_run(int count, char **arguments);
int metadata_run(int count, char **arguments);
int bench_run(int count, char **arguments);

/* ---- arguments (arguments.c) ----------------------------------------------------------------- */

/* Prints "sluice COMMAND: what" in one line on standard error; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const char *command, const char *what, ...);
struct option;
/* What getopt_long could not understand: `option` is what it returned. */
int usage_error_option(char **arguments, const struct option *options, int option);
/* A whole number from `least` to `most`, and nothing behind it. */
bool number_read(const char *text, int64_t least, int64_t most, int64_t *number);
/* Sets one option. EXIT_DONE, or after one line on standard error what to exit with. Where to ask
 * for the cluster is not replaced by something else: who said both meant one of them. */
int config_option(sluice_config *config, const char *command, const char *name, const char *value);
/* As above for "name=value". */
int config_assignment(sluice_config *config, const char *command, const char *assignment);
/* Opens a producer; on error one line on standard error, and in `*status` what to exit with. */
sluice_producer *producer_start(const sluice_config *config, const char *command, int *status);
/* The same for a topic. */
sluice_topic *topic_start(sluice_producer *producer, const char *command, const char *name,
                          int *status);

/* ---- counters (counters.c) ------------------------------------------------------------------- */

/* All counters as one line of JSON (docs/counters.md). Nothing when memory is short. */
void counters_print(sluice_producer *producer, FILE *file);

/* ---- Ctrl-C (interrupt.c) -------------------------------------------------------------------- */

/* From now on SIGINT and SIGTERM are counted instead of ending the program. */
bool interrupts_catch(void);
int interrupts_seen(void);
/* Readable once the first came; never read it. */
int interrupts_descriptor(void);

/* ---- time and processor (clock.c) ------------------------------------------------------------ */

uint64_t clock_ns(void);     /* monotonic */
uint64_t processor_ns(void); /* user and system time of this process */
long resident_kilobytes_max(void);

/* ---- words ----------------------------------------------------------------------------------- */

/* What stands behind a noun: "s", but of one nothing. */
static inline const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* Digits behind the point of a rate, so that few in a second are not shown as none. */
static inline int rate_digits(double rate) {
    return rate >= 10 ? 0 : rate >= 0.1 ? 1 : 3;
}

/* ---- what became of records (tally.c) -------------------------------------------------------- */

enum { TALLY_ERRORS_MAX = 16, REPORTS_AT_ONCE = 1024 };

struct tally {
    uint64_t accepted;
    uint64_t persisted, not_persisted, unknown;
    uint64_t not_asked; /* of the unknown: acks=0 */
    struct {
        sluice_code error, last_error;
        uint64_t count;
    } errors[TALLY_ERRORS_MAX];
    uint32_t error_count;
};

void tally_report(struct tally *tally, const sluice_report *report);
/* A record that was refused before it was accepted: not persisted. */
void tally_refused(struct tally *tally, sluice_code error);
/* Reads reports until none is left, waiting up to `timeout_ms` for the first. */
void tally_poll(struct tally *tally, sluice_producer *producer, int64_t timeout_ms);
/* Accepted records that have no report yet. */
uint64_t tally_open(const struct tally *tally);
void tally_add(struct tally *sum, const struct tally *other);
/* Whether a refusal passes when records are delivered and reports are read. */
bool tally_passes(const struct tally *tally, sluice_code code);
/* One line for each kind of error. */
void tally_errors_print(const struct tally *tally, FILE *file);
/* Nothing failed: everything was persisted, or nobody was asked (acks=0). */
bool tally_good(const struct tally *tally);

#endif
