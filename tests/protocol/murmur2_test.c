/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/murmur2.h"
#include "test.h"
#include "tests/protocol/vectors.h"

static const int32_t partition_counts[] = {1, 2, 6, 7, 50, 1000};

static void check_key(const char *line) {
    size_t digits = strcspn(line, " ");
    size_t size = line[0] == '-' ? 0 : digits / 2;
    uint8_t *key = vector_from_hex(line, 2 * size);
    char *at;
    cr_assert_eq(kafka_murmur2(key, size), strtoul(line + digits, &at, 10), "%s", line);
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(kafka_partition_for_key(key, size, partition_counts[i]), strtol(at, &at, 10),
                     "%s", line);
    }
    free(key);
}

Test(murmur2, sends_keys_to_the_partitions_that_the_official_client_chooses) {
    FILE *file = vectors_open("murmur2.txt");
    char line[4096];
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        check_key(line);
        count++;
    }
    fclose(file);
    cr_assert_eq(count, 104);
}
