/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of servers: host:port, several separated by commas.
 *
 *   entry = [ "PLAINTEXT://" ] ( name | "[" IPv6 "]" ) ":" port
 *
 * A port is always asked for, as Kafka's own client does. Source: KIP-602, RFC 3986 §3.2.2.
 */
#include <string.h>

#include "actors/config/ascii.h"
#include "actors/config/config.h"

#define OPTION "bootstrap.servers"

/* The next entry that is not empty; size 0 at the end. */
static struct span entry_next(const char **list) {
    struct span rest = {*list, strlen(*list)};
    struct span entry = {*list, 0};
    while (entry.size == 0 && span_next(&rest, ',', &entry)) {
        entry = span_trim(entry);
    }
    *list = rest.data;
    return entry;
}

static sluice_code malformed(struct span entry, const char *why, sluice_error *error) {
    return sluice_error_set(error, SLUICE_INVALID_VALUE,
                            OPTION ": \"%.*s\": %s; allowed: host:port or [IPv6]:port, separated "
                                   "by commas",
                            (int)(entry.size < 60 ? entry.size : 60), entry.data, why);
}

/* Takes SCHEME:// off the front. */
static sluice_code scheme_skip(struct span *entry, sluice_error *error) {
    static const struct span plaintext = {"PLAINTEXT", 9};
    static const char mark[] = "://";
    size_t size = 0;
    while (size + 3 <= entry->size && memcmp(entry->data + size, mark, 3) != 0) {
        size++;
    }
    if (size + 3 > entry->size) {
        return SLUICE_OK;
    }
    if (!span_equal((struct span){entry->data, size}, plaintext)) {
        return sluice_error_set(error, SLUICE_OPTION_NOT_BUILT,
                                OPTION ": \"%.*s://\" is not built yet; PLAINTEXT:// is",
                                (int)(size < 60 ? size : 60), entry->data);
    }
    entry->data += size + 3;
    entry->size -= size + 3;
    return SLUICE_OK;
}

/* 0 when it is none. */
static uint16_t port_parse(struct span digits) {
    uint32_t port = 0;
    if (digits.size == 0 || digits.size > 5) {
        return 0;
    }
    for (size_t i = 0; i < digits.size; i++) {
        if (!ascii_digit(digits.data[i])) {
            return 0;
        }
        port = port * 10 + (uint32_t)(digits.data[i] - '0');
    }
    return port <= SLUICE_PORT_MAX ? (uint16_t)port : 0;
}

static bool host_valid(struct span host, bool bracketed) {
    for (size_t i = 0; i < host.size; i++) {
        char byte = host.data[i];
        bool in_name = byte == '.' || byte == '-' || byte == '_';
        bool in_address = bracketed && (byte == ':' || byte == '%');
        if (!ascii_letter(byte) && !ascii_digit(byte) && !in_name && !in_address) {
            return false;
        }
    }
    return host.size > 0 && host.size <= SLUICE_HOST_BYTES_MAX;
}

/* Splits host and port; false when there is no colon between them. */
static bool entry_split(struct span entry, struct span *host, struct span *port, bool *bracketed) {
    const char *end;
    *bracketed = entry.size > 0 && entry.data[0] == '[';
    if (*bracketed) {
        end = memchr(entry.data, ']', entry.size);
        *host = (struct span){entry.data + 1, end == NULL ? 0 : (size_t)(end - entry.data) - 1};
        end = end == NULL ? NULL : end + 1;
    } else {
        end = memchr(entry.data, ':', entry.size);
        *host = (struct span){entry.data, end == NULL ? 0 : (size_t)(end - entry.data)};
    }
    if (end == NULL || end == entry.data + entry.size || *end != ':') {
        return false;
    }
    *port = (struct span){end + 1, entry.size - (size_t)(end + 1 - entry.data)};
    return true;
}

sluice_code sluice_servers_next(const char **list, struct sluice_server *server,
                                sluice_error *error) {
    struct span entry = entry_next(list);
    struct span host;
    struct span port;
    bool bracketed;
    if (entry.size == 0) {
        return SLUICE_MISSING_OPTION;
    }
    struct span whole = entry;
    sluice_code code = scheme_skip(&entry, error);
    if (code != SLUICE_OK) {
        return code;
    }
    if (!entry_split(entry, &host, &port, &bracketed)) {
        return malformed(whole, "there is no port", error);
    }
    if (!host_valid(host, bracketed) || (bracketed && memchr(host.data, ':', host.size) == NULL)) {
        return malformed(whole, "the host is not valid", error);
    }
    server->port = port_parse(port);
    if (server->port == 0) {
        return malformed(whole, "the port is not a number from 1 to 65535", error);
    }
    memcpy(server->host, host.data, host.size);
    server->host[host.size] = '\0';
    return SLUICE_OK;
}

uint32_t sluice_servers_count(const char *list) {
    uint32_t count = 0;
    while (entry_next(&list).size > 0) {
        count++;
    }
    return count;
}
