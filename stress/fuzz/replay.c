/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for libFuzzer where it is not there: feeds files, or all files of folders, to the
 * target. What a file does to it is told by the sanitizers, by an assertion, or by the timeout. */
#include <dirent.h>
#include <stdio.h>

#include "stress/fuzz/fuzz.h"

enum { INPUT_SIZE_MAX = 1 << 20, PATH_SIZE_MAX = 4096 };

static unsigned replayed;

static void file_replay(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(INPUT_SIZE_MAX);
    if (file == NULL || room == NULL) {
        perror(path);
        exit(2);
    }
    size_t size = fread(room, 1, INPUT_SIZE_MAX, file);
    uint8_t *input = malloc(size == 0 ? 1 : size);
    if (input == NULL || ferror(file) || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
    memcpy(input, room, size);
    free(room);
    (void)fprintf(stderr, "%s\n", path); /* the last one is the culprit */
    (void)LLVMFuzzerTestOneInput(input, size);
    free(input);
    replayed++;
}

static void path_replay(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        file_replay(path);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char file[PATH_SIZE_MAX];
        if (entry->d_name[0] != '.') {
            (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
            file_replay(file);
        }
    }
    (void)closedir(folder);
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        path_replay(arguments[i]);
    }
    if (replayed == 0) {
        (void)fprintf(stderr, "usage: %s FILE_OR_FOLDER...\n", arguments[0]);
        return 2;
    }
    printf("%u inputs replayed\n", replayed);
    return 0;
}
