/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text files of a folder, in memory. */
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/demo/demo.h"

enum { FILES_MAX = 4096, FILE_BYTES_MAX = 1 << 20 };

static bool is_text_name(const char *name) {
    static const char *const endings[] = {".c",  ".h",    ".md",   ".txt", ".def",
                                          ".py", ".java", ".json", ".sh",  ".cmake"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcmp(ending, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The lines of `text`; false when it has none, is no text, or memory is short. */
static bool lines_split(struct source *source, size_t size) {
    if (size == 0 || memchr(source->text, '\0', size) != NULL) {
        return false;
    }
    size_t count = source->text[size - 1] != '\n';
    for (size_t i = 0; i < size; i++) {
        count += source->text[i] == '\n';
    }
    source->lines = calloc(count, sizeof *source->lines);
    if (source->lines == NULL) {
        return false;
    }
    const char *end = source->text + size;
    for (const char *line = source->text; line < end; source->line_count++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline == NULL ? end : newline;
        source->lines[source->line_count] = (struct line){line, (size_t)(stop - line)};
        line = stop + 1;
    }
    return true;
}

static void source_close(struct source *source) {
    free(source->path);
    free(source->text);
    free(source->lines);
}

static bool source_open(struct source *source, const FTSENT *entry, const char *path) {
    size_t size = (size_t)entry->fts_statp->st_size;
    *source = (struct source){.path = strdup(path), .text = malloc(size + 1)};
    FILE *file = fopen(entry->fts_accpath, "r");
    bool read = file != NULL && source->path != NULL && source->text != NULL &&
                fread(source->text, 1, size, file) == size && lines_split(source, size);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!read) {
        source_close(source);
    }
    return read;
}

static void sources_add(struct sources *sources, const FTSENT *entry, size_t folder_size) {
    bool fits = entry->fts_statp->st_size <= FILE_BYTES_MAX && sources->count < FILES_MAX;
    if (!fits || !is_text_name(entry->fts_name)) {
        return;
    }
    const char *path = entry->fts_path + folder_size;
    path += *path == '/' ? 1 : 0;
    if (sources->count == sources->capacity) {
        size_t capacity = sources->capacity == 0 ? 64 : sources->capacity * 2;
        struct source *list = realloc(sources->list, capacity * sizeof *list);
        if (list == NULL) {
            return;
        }
        sources->list = list;
        sources->capacity = capacity;
    }
    if (source_open(&sources->list[sources->count], entry, path)) {
        sources->count++;
    }
}

static bool is_skipped_folder(const FTSENT *entry) {
    return entry->fts_level > 0 &&
           (entry->fts_name[0] == '.' || strcmp(entry->fts_name, "build") == 0);
}

static void sources_read(struct sources *sources, char *folder) {
    char *folders[] = {folder, NULL};
    FTS *walk = fts_open(folders, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    while (walk != NULL && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_D && is_skipped_folder(entry)) {
            (void)fts_set(walk, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_F) {
            sources_add(sources, entry, strlen(folder));
        }
    }
    if (walk != NULL) {
        (void)fts_close(walk);
    }
}

/* The tree that this program was built from: build/PRESET/sluice stands in it. */
static void default_folder(char *folder, size_t size) {
    char program[PATH_MAX - 64];
    (void)snprintf(folder, size, ".");
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (access("include/sluice/sluice.h", R_OK) == 0 || length <= 0) {
        return;
    }
    program[length] = '\0';
    char *name = strrchr(program, '/');
    char header[PATH_MAX];
    *name = '\0';
    (void)snprintf(header, sizeof header, "%s/../../include/sluice/sluice.h", program);
    if (access(header, R_OK) == 0) {
        (void)snprintf(folder, size, "%s/../..", program);
    }
}

static int compare(const void *left, const void *right) {
    return strcmp(((const struct source *)left)->path, ((const struct source *)right)->path);
}

bool sources_open(struct sources *sources, const char *folder) {
    char path[PATH_MAX];
    *sources = (struct sources){.count = 0};
    if (folder != NULL) {
        (void)snprintf(path, sizeof path, "%s", folder);
    } else {
        default_folder(path, sizeof path);
    }
    if (access(path, R_OK) != 0) {
        (void)fprintf(stderr, "sluice demo: %s: %s\n", path, strerror(errno));
        return false;
    }
    sources_read(sources, path);
    if (sources->count == 0) {
        (void)fprintf(stderr, "sluice demo: there are no text files in %s\n", path);
        return false;
    }
    qsort(sources->list, sources->count, sizeof *sources->list, compare);
    return true;
}

void sources_close(struct sources *sources) {
    for (size_t i = 0; i < sources->count; i++) {
        source_close(&sources->list[i]);
    }
    free(sources->list);
}

struct source *sources_find(struct sources *sources, const void *path, size_t path_size) {
    size_t low = 0;
    size_t high = sources->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct source *source = &sources->list[middle];
        size_t size = strlen(source->path);
        int order = memcmp(source->path, path, size < path_size ? size : path_size);
        order = order != 0 ? order : (size > path_size) - (size < path_size);
        if (order == 0) {
            return source;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}
