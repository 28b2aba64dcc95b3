/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From bytes to records, as `sluice produce` does it: cli/lines.c and cli/produce/input.c, with
 * everything around them played by this file.
 *
 * Input: the longest line, the delimiter, then for each of up to four files its content in pieces.
 * A piece is one read: some bytes, a run of one byte, or a failure. Checked: the records are what a
 * simple split of the whole gives; lines that are too long are counted; nothing else is refused
 * that was not refused here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "cli/produce/produce.h"
#include "stress/fuzz/fuzz.h"

enum { FILES_MAX = 4, FILE_BYTES_MAX = 400000, DESCRIPTOR = 77 };

/* What the files held, record after record, as a simple split sees it. */
static struct expected {
    uint8_t content[FILE_BYTES_MAX]; /* of the file that is read now */
    size_t size;
    bool broken; /* by a failure: its last line never ends */
} file;

static struct fuzz_input input;
static const struct request *request;
static size_t line_bytes_max;
static uint64_t too_long, refused, taken; /* by the end of the last file */
static size_t checked;                    /* of file.content: how far records were compared */

/* ---- the simple split ------------------------------------------------------------------------ */

/* The next line of the file from `checked` on; false at the end. */
static bool line_expect(const uint8_t **line, size_t *size) {
    const uint8_t *start = file.content + checked;
    size_t left = file.size - checked;
    const uint8_t *newline = left == 0 ? NULL : memchr(start, '\n', left);
    if (left == 0 || (newline == NULL && file.broken)) {
        return false;
    }
    *line = start;
    *size = newline == NULL ? left : (size_t)(newline - start);
    checked += *size + (newline == NULL ? 0 : 1);
    return true;
}

/* Skips lines that are too long: true when one is left that is not. */
static bool short_line_expect(const uint8_t **line, size_t *size) {
    while (line_expect(line, size)) {
        if (*size <= line_bytes_max) {
            return true;
        }
        too_long++;
    }
    return false;
}

static void record_check(const sluice_record *record) {
    const uint8_t *line;
    size_t size;
    RT_ASSERT(short_line_expect(&line, &size));
    const uint8_t *delimiter = request->delimiter == NULL ? NULL
                                                          : memmem(line, size, request->delimiter,
                                                                   request->delimiter_size);
    if (delimiter == NULL) {
        RT_ASSERT(record->key == NULL && record->value_size == size);
    } else {
        RT_ASSERT(record->key != NULL && record->key_size == (size_t)(delimiter - line));
        RT_ASSERT(memcmp(record->key, line, record->key_size) == 0);
        RT_ASSERT(record->value_size == size - record->key_size - request->delimiter_size);
    }
    RT_ASSERT(memcmp(record->value, line + size - record->value_size, record->value_size) == 0);
}

/* ---- the system, of input.c and lines.c ------------------------------------------------------ */

int fuzz_open(const char *name, int flags, ...);
int fuzz_close(int descriptor);
int fuzz_poll(struct pollfd *asked, nfds_t count, int timeout_ms);
ssize_t fuzz_read(int descriptor, void *room, size_t size);

static void file_end(void) {
    const uint8_t *line;
    size_t size;
    RT_ASSERT(!short_line_expect(&line, &size)); /* every record of it has come */
}

int fuzz_open(const char *name, int flags, ...) {
    (void)name;
    (void)flags;
    file.size = 0;
    file.broken = false;
    checked = 0;
    return DESCRIPTOR;
}

int fuzz_close(int descriptor) {
    RT_ASSERT(descriptor == DESCRIPTOR);
    file_end();
    return 0;
}

int fuzz_poll(struct pollfd *asked, nfds_t count, int timeout_ms) {
    (void)count;
    (void)timeout_ms;
    asked[0].revents = 0;
    switch (input.left == 0 ? 0 : fuzz_byte(&input) % 16) {
    case 1:
        errno = EINTR;
        return -1;
    case 2:
        return 0;
    case 3: /* another descriptor is readable */
        asked[2].revents = POLLIN;
        return 1;
    default:
        asked[0].revents = POLLIN;
        return 1;
    }
}

static ssize_t fail(int error) {
    errno = error;
    return -1;
}

ssize_t fuzz_read(int descriptor, void *room, size_t size) {
    RT_ASSERT(descriptor == DESCRIPTOR && size > 0);
    unsigned kind = fuzz_byte(&input) % 8;
    size_t most = FILE_BYTES_MAX - file.size;
    size_t wanted = 0;
    if (kind == 7) {
        return fail(fuzz_byte(&input) % 2 == 0 ? EINTR : EAGAIN);
    }
    if (kind == 6) {
        file.broken = true;
        return fail(EIO);
    }
    most = most < size ? most : size;
    if (kind == 5) {
        wanted = (size_t)fuzz_number(&input, 3);
        wanted = wanted < most ? wanted : most;
        memset(room, fuzz_byte(&input), wanted);
    } else {
        wanted = fuzz_byte(&input);
        wanted = wanted < most ? wanted : most;
        wanted = wanted < input.left ? wanted : input.left;
        memcpy(room, input.at, wanted);
        input.at += wanted;
        input.left -= wanted;
    }
    memcpy(file.content + file.size, room, wanted);
    file.size += wanted;
    return (ssize_t)wanted; /* 0: the end */
}

/* ---- the rest of the command, and the producer ----------------------------------------------- */

int interrupts_seen(void) {
    return 0;
}
int interrupts_descriptor(void) {
    return -1;
}
void progress_show(struct run *run) {
    (void)run;
}
void tally_refused(struct tally *tally, sluice_code error) {
    refused++;
    if (error == SLUICE_RECORD_TOO_LARGE) {
        tally->not_persisted++; /* only lines that were too long are called so here */
    }
}
void tally_poll(struct tally *tally, sluice_producer *producer, int64_t timeout_ms) {
    (void)tally;
    (void)producer;
    (void)timeout_ms;
}
bool tally_passes(const struct tally *tally, sluice_code code) {
    (void)tally;
    return code == SLUICE_FULL;
}
uint64_t tally_open(const struct tally *tally) {
    return tally->accepted;
}

size_t sluice_produce_many(sluice_topic *topic, const sluice_record *records, size_t count,
                           sluice_code *code) {
    (void)topic;
    size_t limit = count;
    *code = SLUICE_OK;
    if (input.left > 0 && fuzz_byte(&input) % 4 == 0) {
        limit = fuzz_byte(&input) % (count + 1);
        *code = fuzz_byte(&input) % 2 == 0 ? SLUICE_FULL : SLUICE_INVALID_ARGUMENT;
    }
    for (size_t i = 0; i < limit; i++) {
        record_check(&records[i]);
    }
    taken += limit;
    if (limit < count && *code == SLUICE_INVALID_ARGUMENT) {
        record_check(&records[limit]); /* the one that is refused */
    }
    return limit;
}
int sluice_descriptor(sluice_producer *producer) {
    (void)producer;
    return -1;
}
sluice_code sluice_flush(sluice_producer *producer, int64_t timeout_ms) {
    (void)producer;
    (void)timeout_ms;
    return SLUICE_OK;
}
sluice_code sluice_producer_close(sluice_producer *producer, int64_t timeout_ms) {
    (void)producer;
    (void)timeout_ms;
    return SLUICE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char name[] = "input";
    char *files[FILES_MAX] = {name, name, name, name};
    char delimiter[8] = "";
    input = (struct fuzz_input){data, size};
    too_long = refused = taken = 0;
    line_bytes_max = (size_t)fuzz_number(&input, 3) % FILE_BYTES_MAX;
    struct request asked = {.partition = SLUICE_PARTITION_ANY,
                            .files = files,
                            .file_count = 1 + fuzz_byte(&input) % FILES_MAX};
    asked.delimiter_size = fuzz_byte(&input) % sizeof delimiter;
    for (size_t i = 0; i < asked.delimiter_size; i++) {
        delimiter[i] = (char)fuzz_byte(&input);
    }
    asked.delimiter = asked.delimiter_size == 0 ? NULL : delimiter;
    request = &asked;
    struct run run = {.request = &asked};
    RT_ASSERT(lines_open(&run.lines, line_bytes_max));
    input_produce(&run);
    RT_ASSERT(run.tally.accepted == taken);
    RT_ASSERT(run.tally.not_persisted == too_long && refused >= too_long);
    lines_close(&run.lines);
    return 0;
}
