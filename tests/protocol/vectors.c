/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/protocol/vectors.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

FILE *vectors_open(const char *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS_DIRECTORY, file);
    FILE *opened = fopen(path, "r");
    cr_assert_not_null(opened, "cannot open %s", path);
    return opened;
}

static unsigned digit(char character) {
    return (unsigned)(character <= '9' ? character - '0' : character - 'a' + 10);
}

uint8_t *vector_from_hex(const char *hex, size_t digits) {
    uint8_t *data = malloc(digits / 2);
    for (size_t i = 0; i < digits / 2; i++) {
        data[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
    return data;
}

bool vectors_next(FILE *file, struct vector *vector) {
    char *line = NULL;
    size_t room = 0;
    bool found = getline(&line, &room, file) > 0;
    if (found) {
        size_t name_size = strcspn(line, " \n");
        const char *hex = line + name_size + (line[name_size] == ' ');
        size_t digits = strcspn(hex, "\n");
        cr_assert_lt(name_size, sizeof vector->name);
        memcpy(vector->name, line, name_size);
        vector->name[name_size] = '\0';
        vector->data = vector_from_hex(hex, digits);
        vector->size = digits / 2;
    }
    free(line);
    return found;
}

struct vector vector_load(const char *file, const char *format, ...) {
    char name[80];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    FILE *opened = vectors_open(file);
    struct vector vector;
    while (vectors_next(opened, &vector)) {
        if (strcmp(vector.name, name) == 0) {
            fclose(opened);
            return vector;
        }
        vector_free(&vector);
    }
    fclose(opened);
    cr_assert_fail("no vector %s in %s", name, file);
    return (struct vector){.data = NULL};
}

void vector_free(struct vector *vector) {
    free(vector->data);
    vector->data = NULL;
}

void vector_pattern(uint8_t *out, int seed, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)((size_t)seed * 31 + i * 7);
    }
}
