/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See json.h. */
#include "actors/counters/json.h"

#include <string.h>

struct json json_begin(char *out, size_t size) {
    return (struct json){.out = out, .size = out != NULL ? size : 0};
}

size_t json_end(struct json *json) {
    if (json->size > 0) {
        json->out[json->length < json->size ? json->length : json->size - 1] = '\0';
    }
    return json->length;
}

static void put(struct json *json, char character) {
    if (json->length < json->size) {
        json->out[json->length] = character;
    }
    json->length++;
    json->last = character;
}

static void put_all(struct json *json, const char *text) {
    while (*text != '\0') {
        put(json, *text++);
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void put_escaped(struct json *json, unsigned char character) {
    static const char digits[] = "0123456789abcdef";
    if (character == '"' || character == '\\') {
        put(json, '\\');
        put(json, (char)character);
    } else if (character < ' ') {
        put_all(json, "\\u00");
        put(json, digits[character >> 4]);
        put(json, digits[character & 15]);
    } else {
        put(json, (char)character);
    }
}

static int is_between(unsigned char byte, unsigned char least, unsigned char most) {
    return byte >= least && byte <= most;
}

/* Bytes of the character before us, which is not ASCII, as RFC 3629 has it; 0: it is none. The NUL
 * at the end of a text is never part of one, so nothing is read behind it. */
static size_t utf8_size(const unsigned char *at) {
    unsigned char first = at[0];
    size_t size = is_between(first, 0xc2, 0xdf)   ? 2
                  : is_between(first, 0xe0, 0xef) ? 3
                  : is_between(first, 0xf0, 0xf4) ? 4
                                                  : 0;
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < size; i++) {
        if (!is_between(at[i], least, most)) {
            return 0;
        }
        least = 0x80;
        most = 0xbf;
    }
    return size;
}

static void put_quoted(struct json *json, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    put(json, '"');
    while (*at != '\0') {
        size_t size = *at < 0x80 ? 1 : utf8_size(at);
        if (size == 0) {
            put_all(json, "\\ufffd");
            at++;
        }
        for (; size > 0; size--) {
            put_escaped(json, *at++);
        }
    }
    put(json, '"');
}

/* ---- values ---------------------------------------------------------------------------------- */

static void begin_value(struct json *json, const char *name) {
    if (json->last != '\0' && json->last != '{' && json->last != '[') {
        put(json, ',');
    }
    if (name != NULL) {
        put_quoted(json, name);
        put(json, ':');
    }
}

static void put_number(struct json *json, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        put(json, digits[--count]);
    }
}

void json_object(struct json *json, const char *name) {
    begin_value(json, name);
    put(json, '{');
}

void json_object_end(struct json *json) {
    put(json, '}');
}

void json_array(struct json *json, const char *name) {
    begin_value(json, name);
    put(json, '[');
}

void json_array_end(struct json *json) {
    put(json, ']');
}

void json_number(struct json *json, const char *name, uint64_t number) {
    begin_value(json, name);
    put_number(json, number);
}

void json_integer(struct json *json, const char *name, int64_t number) {
    begin_value(json, name);
    if (number < 0) {
        put(json, '-');
    }
    put_number(json, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void json_mean(struct json *json, const char *name, uint64_t sum, uint64_t count) {
    uint64_t whole = count > 0 ? sum / count : 0;
    uint64_t rest = count > 0 ? sum % count : 0;
    while (rest > UINT64_MAX / 100) {
        rest /= 2;
        count = count / 2 + 1; /* stays the larger one */
    }
    uint64_t hundredths = count > 0 ? rest * 100 / count : 0;
    begin_value(json, name);
    put_number(json, whole);
    put(json, '.');
    put(json, (char)('0' + hundredths / 10));
    put(json, (char)('0' + hundredths % 10));
}

void json_truth(struct json *json, const char *name, int truth) {
    begin_value(json, name);
    put_all(json, truth ? "true" : "false");
}

void json_text(struct json *json, const char *name, const char *text) {
    begin_value(json, name);
    put_quoted(json, text);
}
