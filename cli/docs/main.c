/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sluice_docs FOLDER: writes options.md and errors.md into FOLDER. A test compares them with the
 * ones in docs/. */
#include "cli/docs/pages.h"

#include <stdbool.h>

enum { PATH_BYTES_MAX = 4096 };

static bool page_make(const char *folder, const char *name, void (*write)(FILE *page)) {
    char path[PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *page = fopen(path, "w");
    if (page == NULL) {
        perror(path);
        return false;
    }
    write(page);
    if (fclose(page) != 0) {
        perror(path);
        return false;
    }
    return true;
}

int main(int count, char **arguments) {
    if (count != 2) {
        (void)fprintf(stderr, "usage: sluice_docs FOLDER\n");
        return 2;
    }
    bool made = page_make(arguments[1], "options.md", options_page_write) &&
                page_make(arguments[1], "errors.md", errors_page_write);
    return made ? 0 : 1;
}
