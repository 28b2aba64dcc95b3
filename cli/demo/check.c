/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads everything back. Records of one file have one key, so they are in one partition and must
 * come in the order of their numbers, each once. A gap is of records that were not persisted, else
 * they are lost.
 */
#include <string.h>

#include "cli/demo/demo.h"

struct reading {
    struct demo *demo;
    struct findings findings;
};

static bool number_of(const sluice_broker_record *record, uint64_t *number) {
    if (record->header_count != 1 || record->headers[0].value_size != sizeof *number) {
        return false;
    }
    memcpy(number, record->headers[0].value, sizeof *number);
    return true;
}

static bool value_equal(const struct source *source, uint64_t number,
                        const sluice_broker_record *record) {
    const struct line *line = &source->lines[number % source->line_count];
    return record->value != NULL && record->value_size == line->size &&
           memcmp(record->value, line->data, line->size) == 0;
}

static bool on_record(const sluice_broker_record *record, void *context) {
    struct reading *reading = context;
    struct findings *findings = &reading->findings;
    uint64_t number = 0;
    struct source *source =
        record->key == NULL ? NULL
                            : sources_find(&reading->demo->sources, record->key, record->key_size);
    findings->records++;
    if (source == NULL || !number_of(record, &number) || number >= source->numbered ||
        !value_equal(source, number, record)) {
        findings->damaged++;
    } else if (number < source->checked) {
        findings->doubled++;
    } else {
        size_t turn = (size_t)(source - reading->demo->sources.list);
        reading->demo->outcomes[number * reading->demo->sources.count + turn] = 0;
        source->checked = number + 1;
    }
    return true;
}

struct findings demo_check(struct demo *demo) {
    struct reading reading = {.demo = demo};
    for (int32_t partition = 0; partition < DEMO_PARTITIONS; partition++) {
        if (sluice_broker_read(demo->broker, DEMO_TOPIC, partition, 0, on_record, &reading) < 0) {
            reading.findings.damaged++;
        }
    }
    for (uint64_t i = 0; i < demo->tally.accepted; i++) {
        reading.findings.lost += demo->outcomes[i] == SLUICE_PERSISTED;
    }
    return reading.findings;
}
