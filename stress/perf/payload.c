/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values: the alphabet, one value for all records, or lines of JSON as services log them, made from
 * a fixed seed. There are more of those than a gzip window holds, so that none is compressed as the
 * repetition of itself; short ones are more frequent than long ones.
 */
#include "stress/perf/payload.h"

#include <stdio.h>
#include <stdlib.h>

enum { JSON_VALUES = 4096, FIXED_PART_BYTES_MAX = 256 };

static const char *const services[] = {"checkout", "search", "billing", "gateway", "mailer"};
static const char *const levels[] = {"info", "info", "info", "warn", "error", "debug"};
static const char *const words[] = {
    "order", "accepted", "user",  "payment", "retry",     "cart",    "cache",    "miss",  "hit",
    "queue", "timeout",  "after", "request", "completed", "item",    "shipping", "label", "stock",
    "low",   "discount", "token", "renewed", "session",   "expired", "upstream", "slow",  "ok"};

static uint64_t draw(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

#define PICK(list, state) (list)[draw(state) % (sizeof(list) / sizeof((list)[0]))]

static size_t draw_size(const struct perf_arguments *arguments, uint64_t *state) {
    double share = (double)(draw(state) >> 11) / 9007199254740992.0;
    size_t range = arguments->value_size_max - arguments->value_size_min;
    return arguments->value_size_min + (size_t)(share * share * (double)(range + 1));
}

/* Writes a line of exactly `size` bytes, a valid JSON object; `size` is 100 at least. */
static void write_line(uint8_t *at, size_t size, uint64_t index, uint64_t *state) {
    char fixed[FIXED_PART_BYTES_MAX];
    const char *level = PICK(levels, state), *service = PICK(services, state);
    int length = snprintf(fixed, sizeof(fixed), "{\"t\":%llu,\"lv\":\"%s\",\"svc\":\"%s\",",
                          1773480413589ull + index * 7, level, service);
    if (size >= 250) {
        unsigned long long trace = draw(state), figures = draw(state);
        length += snprintf(fixed + length, sizeof(fixed) - (size_t)length,
                           "\"trace\":\"%016llx\",\"user\":%llu,\"ms\":%llu.%llu,\"status\":%d,",
                           trace, figures % 10000000, (figures >> 24) % 900, (figures >> 40) % 10,
                           (figures >> 50) % 50 ? 200 : 503);
    }
    length += snprintf(fixed + length, sizeof(fixed) - (size_t)length, "\"msg\":\"");
    memcpy(at, fixed, (size_t)length);
    size_t end = size - 2;
    for (size_t used = (size_t)length; used < end;) {
        const char *word = PICK(words, state);
        size_t left = end - used, part = strlen(word) < left ? strlen(word) : left;
        memcpy(at + used, word, part);
        used += part;
        if (used < end)
            at[used++] = ' ';
    }
    memcpy(at + end, "\"}", 2);
}

static void make_json(struct perf_payload *payload, const struct perf_arguments *arguments) {
    uint64_t state = 1;
    uint8_t *at = payload->memory;
    for (uint64_t i = 0; i < JSON_VALUES; i++) {
        size_t size = draw_size(arguments, &state);
        write_line(at, size, i, &state);
        payload->values[i] = (struct perf_value){at, size};
        at += size;
    }
}

void perf_payload_create(struct perf_payload *payload, const struct perf_arguments *arguments) {
    size_t count = arguments->json ? JSON_VALUES : 1;
    payload->memory = malloc(count * arguments->value_size_max + 1);
    payload->values = calloc(count, sizeof(*payload->values));
    payload->mask = count - 1;
    if (payload->memory == NULL || payload->values == NULL)
        perf_give_up("values", "no memory");
    if (arguments->json) {
        make_json(payload, arguments);
        return;
    }
    for (size_t i = 0; i < arguments->value_size_max; i++)
        payload->memory[i] = (uint8_t)('a' + i % 26);
    payload->values[0] = (struct perf_value){payload->memory, arguments->value_size_max};
}

void perf_payload_destroy(struct perf_payload *payload) {
    free(payload->values);
    free(payload->memory);
}
