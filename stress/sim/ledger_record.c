/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a record, made from its entry: so that they can be made again and compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress/sim/ledger.h"
#include "stress/sim/ledger_internal.h"

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 31)) * UINT64_C(0x7fb5d329728ea185);
    value = (value ^ (value >> 27)) * UINT64_C(0x81dadef4bc2dd44d);
    return value ^ (value >> 33);
}

static void put_id(uint8_t *out, uint64_t id) {
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(id >> (8 * i));
    }
}

static uint64_t get_id(const uint8_t *in) {
    uint64_t id = 0;
    for (int i = 0; i < 8; i++) {
        id |= (uint64_t)in[i] << (8 * i);
    }
    return id;
}

static void make_key(struct ledger_record *made, const struct ledger_entry *entry) {
    sluice_record *record = &made->record;
    switch (entry->key) {
    case LEDGER_KEY_NONE:
        return;
    case LEDGER_KEY_EMPTY:
        record->key_size = 0;
        break;
    case LEDGER_KEY_SHARED:
        record->key_size = (size_t)snprintf((char *)made->key, sizeof(made->key), "key-%u",
                                            (unsigned)(mix(entry->id) % LEDGER_SHARED_KEYS));
        break;
    case LEDGER_KEY_UNIQUE:
        put_id(made->key, entry->id);
        memcpy(made->key + 8, "only", 4);
        record->key_size = 12;
        break;
    }
    record->key = made->key;
}

static void make_value(struct ledger_record *made, const struct ledger_entry *entry) {
    if (entry->value == LEDGER_VALUE_NULL) {
        return;
    }
    size_t size = entry->value == LEDGER_VALUE_EMPTY ? 0 : entry->value_size;
    made->value = malloc(size + 8);
    put_id(made->value, entry->id);
    uint64_t noise = mix(entry->id ^ 0x5eed);
    for (size_t i = 8; i < size; i++) {
        noise = i % 64 == 0 ? mix(noise) : noise >> 1; /* neither constant nor pure noise */
        made->value[i] = (uint8_t)noise;
    }
    made->record.value = made->value;
    made->record.value_size = size;
}

static void make_headers(struct ledger_record *made, const struct ledger_entry *entry) {
    static const char *const names[LEDGER_HEADERS_MAX] = {"trace", "", "größe"};
    for (unsigned i = 0; i < sizeof(made->header_value); i++) {
        made->header_value[i] = (uint8_t)(entry->id + i);
    }
    for (unsigned i = 0; i < entry->header_count; i++) {
        bool none = (entry->id + i) % 5 == 0;
        made->headers[i] = (sluice_header){
            .name = names[i],
            .value = none ? NULL : made->header_value,
            .value_size = none ? 0 : (entry->id + i) % sizeof(made->header_value),
        };
    }
    made->record.headers = entry->header_count > 0 ? made->headers : NULL;
    made->record.header_count = entry->header_count;
}

void ledger_record_make(struct ledger_record *made, struct ledger_entry *entry) {
    memset(made, 0, sizeof(*made));
    make_key(made, entry);
    make_value(made, entry);
    make_headers(made, entry);
    made->record.opaque = entry;
    if (entry->partition_wanted >= 0) {
        made->record.partition = entry->partition_wanted;
        made->record.flags |= SLUICE_RECORD_PARTITION;
    }
    if (entry->own_timestamp) {
        made->record.timestamp_ms = entry->timestamp_ms;
        made->record.flags |= SLUICE_RECORD_TIMESTAMP;
    }
}

void ledger_record_free(struct ledger_record *made) {
    free(made->value);
}

uint64_t ledger_id_of(const sluice_broker_record *record) {
    if (record->value != NULL && record->value_size >= 8) {
        return get_id(record->value);
    }
    if (record->key != NULL && record->key_size == 12) {
        return get_id(record->key);
    }
    return 0;
}

static bool bytes_equal(const void *a, size_t a_size, const void *b, size_t b_size) {
    return (a == NULL) == (b == NULL) && a_size == b_size &&
           (a_size == 0 || memcmp(a, b, a_size) == 0);
}

bool ledger_same_bytes(struct ledger_entry *entry, const sluice_broker_record *found) {
    struct ledger_record made;
    ledger_record_make(&made, entry);
    bool same =
        bytes_equal(made.record.key, made.record.key_size, found->key, found->key_size) &&
        bytes_equal(made.record.value, made.record.value_size, found->value, found->value_size) &&
        found->header_count == made.record.header_count;
    for (unsigned i = 0; same && i < entry->header_count; i++) {
        const sluice_broker_header *header = &found->headers[i];
        same = bytes_equal(made.headers[i].name, strlen(made.headers[i].name), header->name,
                           header->name_size) &&
               bytes_equal(made.headers[i].value, made.headers[i].value_size, header->value,
                           header->value_size);
    }
    ledger_record_free(&made);
    return same;
}

/* Source: org.apache.kafka.common.utils.Utils.murmur2, described by its constants. */
static uint32_t murmur2_java(const uint8_t *data, size_t size) {
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28c ^ (uint32_t)size;
    size_t i = 0;
    for (; i + 4 <= size; i += 4) {
        uint32_t k = (uint32_t)data[i] | (uint32_t)data[i + 1] << 8 | (uint32_t)data[i + 2] << 16 |
                     (uint32_t)data[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    for (size_t rest = size - i; rest > 0; rest--) {
        h ^= (uint32_t)data[i + rest - 1] << (8 * (rest - 1));
    }
    h = size - i > 0 ? h * m : h;
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

/* The partition, for this count of them; -1: none, the record must be refused. */
static int32_t partition_of(const struct plan_client *client, const struct ledger_record *made,
                            uint32_t partition_count) {
    if (client->own_partitioner) {
        return plan_partitioner(made->record.key, made->record.key_size, made->record.value,
                                made->record.value_size, (int32_t)partition_count, NULL);
    }
    uint32_t hash = murmur2_java(made->key, made->record.key_size) & 0x7fffffff;
    return (int32_t)(hash % partition_count);
}

bool ledger_belongs_into(const struct ledger *ledger, struct ledger_entry *entry,
                         int32_t partition) {
    const struct plan_client *client = ledger_client(ledger, entry);
    if (entry->partition_wanted >= 0) {
        return partition == entry->partition_wanted;
    }
    if (entry->key == LEDGER_KEY_NONE && !client->own_partitioner) {
        return true;
    }
    struct ledger_record made;
    ledger_record_make(&made, entry);
    bool belongs = false;
    uint32_t count = ledger->plan->partition_counts[entry->topic];
    for (; !belongs && count <= ledger->partition_counts[entry->topic]; count++) {
        belongs = partition_of(client, &made, count) == partition;
    }
    ledger_record_free(&made);
    return belongs;
}
