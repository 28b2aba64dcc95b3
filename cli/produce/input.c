/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From lines to records. The lines of a filled buffer go over in arrays, uncopied. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/produce/produce.h"

enum { WAIT_MS = 50 }; /* how soon a Ctrl-C is seen while the producer is full */

static void record_make(const struct run *run, const struct line *line, sluice_record *record) {
    const struct request *request = run->request;
    *record = (sluice_record){.value = line->data,
                              .value_size = line->size,
                              .headers = request->headers,
                              .header_count = request->header_count};
    if (request->partition != SLUICE_PARTITION_ANY) {
        record->partition = request->partition;
        record->flags = SLUICE_RECORD_PARTITION;
    }
    const char *delimiter =
        request->delimiter == NULL
            ? NULL
            : memmem(line->data, line->size, request->delimiter, request->delimiter_size);
    if (delimiter != NULL) {
        record->key = line->data;
        record->key_size = (size_t)(delimiter - line->data);
        record->value = delimiter + request->delimiter_size;
        record->value_size = line->size - record->key_size - request->delimiter_size;
    }
}

/* Hands all records over, waiting for room; gives up at a Ctrl-C. */
static void records_produce(struct run *run, const sluice_record *records, size_t count) {
    size_t done = 0;
    while (done < count && interrupts_seen() == 0) {
        sluice_code code = SLUICE_OK;
        size_t accepted = sluice_produce_many(run->topic, records + done, count - done, &code);
        done += accepted;
        run->tally.accepted += accepted;
        if (done == count) {
            break;
        }
        if (tally_passes(&run->tally, code)) {
            tally_poll(&run->tally, run->producer, WAIT_MS);
        } else {
            tally_refused(&run->tally, code);
            done++;
        }
        progress_show(run);
    }
    tally_poll(&run->tally, run->producer, 0);
}

/* Everything that is complete in the buffer. */
static void buffer_produce(struct run *run) {
    sluice_record records[RECORDS_AT_ONCE];
    size_t count = 0;
    struct line line;
    enum line_result result = LINE_READ;
    while (result != LINE_NONE && interrupts_seen() == 0) {
        result = line_next(&run->lines, &line);
        if (result == LINE_READ) {
            run->bytes += line.size;
            record_make(run, &line, &records[count++]);
        }
        if (count == RECORDS_AT_ONCE || (result != LINE_READ && count > 0)) {
            records_produce(run, records, count);
            count = 0;
        }
        if (result == LINE_TOO_LONG) {
            tally_refused(&run->tally, SLUICE_RECORD_TOO_LARGE);
        }
    }
    progress_show(run);
}

static void descriptor_produce(struct run *run, int descriptor, const char *name) {
    int reports = sluice_descriptor(run->producer);
    int timeout_ms = run->progress || reports < 0 ? 100 : -1;
    lines_start(&run->lines, descriptor);
    while (!run->lines.ended && interrupts_seen() == 0) {
        switch (lines_fill(&run->lines, interrupts_descriptor(), reports, timeout_ms)) {
        case FILL_READ:
            buffer_produce(run);
            break;
        case FILL_AGAIN:
            tally_poll(&run->tally, run->producer, 0);
            progress_show(run);
            break;
        case FILL_FAILED:
            (void)fprintf(stderr, "sluice produce: %s: %s\n", name, strerror(errno));
            run->failed = true;
            return;
        }
    }
}

static void file_produce(struct run *run, const char *name) {
    if (strcmp(name, "-") == 0) {
        descriptor_produce(run, STDIN_FILENO, "standard input");
        return;
    }
    int descriptor = open(name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        (void)fprintf(stderr, "sluice produce: %s: %s\n", name, strerror(errno));
        run->failed = true;
        return;
    }
    descriptor_produce(run, descriptor, name);
    (void)close(descriptor);
}

void input_produce(struct run *run) {
    if (run->request->file_count == 0) {
        file_produce(run, "-");
    }
    for (int i = 0; i < run->request->file_count && interrupts_seen() == 0; i++) {
        file_produce(run, run->request->files[i]);
    }
}

/* Tells once, after the first Ctrl-C, why the program is still there. */
static void interruption_tell(struct run *run) {
    if (interrupts_seen() == 1 && !run->interruption_told && tally_open(&run->tally) > 0) {
        run->interruption_told = true;
        (void)fprintf(stderr,
                      "%ssluice produce: interrupted: delivering %" PRIu64
                      " record%s; Ctrl-C again leaves at once\n",
                      run->progress ? "\r\033[K" : "", tally_open(&run->tally),
                      plural(tally_open(&run->tally)));
    }
}

void outcomes_wait(struct run *run) {
    sluice_code code = SLUICE_TIMED_OUT;
    while (code == SLUICE_TIMED_OUT && interrupts_seen() < 2) {
        interruption_tell(run);
        code = sluice_flush(run->producer, WAIT_MS);
        tally_poll(&run->tally, run->producer, 0);
        progress_show(run);
    }
    uint64_t open = tally_open(&run->tally);
    if (code != SLUICE_OK) { /* decides the rest now: not persisted if never sent, else unknown */
        (void)sluice_producer_close(run->producer, 0);
        tally_poll(&run->tally, run->producer, 0);
    }
    if (code != SLUICE_OK && open > 0) {
        (void)fprintf(stderr, "%ssluice produce: interrupted: %" PRIu64 " record%s had no report\n",
                      run->progress ? "\r\033[K" : "", open, plural(open));
    }
}
