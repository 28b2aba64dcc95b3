/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that does nothing but include the header which the compiler was told to. */
int main(void);
int main(void) {
    return 0;
}
