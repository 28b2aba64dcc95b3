/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pages of docs/ that are made from the tables of include/sluice/. */
#ifndef CLI_DOCS_PAGES_H
#define CLI_DOCS_PAGES_H

#include <stdio.h>

void options_page_write(FILE *page);
void errors_page_write(FILE *page);

#endif
