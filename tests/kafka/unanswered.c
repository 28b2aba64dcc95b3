/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kafka/unanswered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *topic_name;
static int32_t first_partition;
static int batch_records;
static int record_counts[PRODUCERS];
static struct {
    const char *outcome;
    char error[80]; /* one word: spaces become underscores */
} notes[PRODUCERS][RECORDS_MAX];

void give_up(const char *what, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", peer_name, what, why);
    exit(2);
}

void note_outcome(int producer, int index, const char *outcome, const char *error) {
    if (index < 0 || index >= record_counts[producer] || notes[producer][index].outcome != NULL)
        give_up("an outcome for a record that has one, or was never produced", outcome);
    notes[producer][index].outcome = outcome;
    snprintf(notes[producer][index].error, sizeof(notes[0][0].error), "%s", error);
    for (char *at = notes[producer][index].error; *at != '\0'; at++) {
        if (*at == ' ')
            *at = '_';
    }
}

static void hand_over_batch(int producer) {
    for (int i = 0; i < batch_records; i++) {
        char value[16];
        int index = record_counts[producer]++;
        if (index >= RECORDS_MAX)
            give_up("batch", "too many");
        snprintf(value, sizeof(value), "%d", index);
        peer_produce(producer, first_partition + producer, index, value);
    }
}

static void print_outcomes(void) {
    for (int producer = 0; producer < PRODUCERS; producer++) {
        for (int index = 0; index < record_counts[producer]; index++) {
            const char *outcome = notes[producer][index].outcome;
            printf("%d %d %s %s\n", producer + 1, index, outcome == NULL ? "none" : outcome,
                   notes[producer][index].error);
        }
    }
}

static bool carry_out(const char *line) {
    bool ends = strcmp(line, "end\n") == 0;
    int first = 0;
    if (!ends && strcmp(line, "wait\n") != 0 && sscanf(line, "batch %d", &first) != 1)
        give_up("an unknown command", line);
    for (int producer = 0; producer < PRODUCERS; producer++) {
        if (ends)
            peer_close(producer);
        else if (line[0] == 'w')
            peer_wait(producer);
        else if (producer + 1 >= first)
            hand_over_batch(producer);
    }
    if (ends)
        print_outcomes();
    puts("done");
    fflush(stdout);
    return !ends;
}

int main(int count, char **words) {
    if (count != 5)
        give_up("arguments", "see tests/kafka/unanswered.h");
    topic_name = words[2];
    first_partition = (int32_t)strtol(words[3], NULL, 10);
    batch_records = (int)strtol(words[4], NULL, 10);
    for (int producer = 0; producer < PRODUCERS; producer++) {
        char client_id[40];
        snprintf(client_id, sizeof(client_id), "%s-%d", peer_name, producer + 1);
        peer_open(producer, words[1], client_id, topic_name);
    }
    char line[80];
    while (fgets(line, sizeof(line), stdin) != NULL && carry_out(line))
        ;
    return 0;
}
