/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/fault.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/api.h"

uint64_t broker_faults_add(struct broker_faults *faults, const sluice_broker_fault *fault) {
    if (faults->count == faults->capacity) {
        size_t capacity = faults->capacity == 0 ? 8 : faults->capacity * 2;
        struct broker_fault *all = realloc(faults->all, capacity * sizeof *all);
        if (all == NULL) {
            return 0;
        }
        faults->all = all;
        faults->capacity = capacity;
    }
    struct broker_fault *added = &faults->all[faults->count];
    *added = (struct broker_fault){.id = faults->ids_given + 1, .set = *fault};
    if (fault->topic != NULL) {
        added->set.topic = strdup(fault->topic);
        if (added->set.topic == NULL) {
            return 0;
        }
    }
    faults->count++;
    return ++faults->ids_given;
}

bool broker_faults_remove(struct broker_faults *faults, uint64_t id) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->all[i].id == id) {
            free((char *)faults->all[i].set.topic);
            faults->count--;
            memmove(faults->all + i, faults->all + i + 1,
                    (faults->count - i) * sizeof *faults->all);
            return true;
        }
    }
    return false;
}

void broker_faults_clear(struct broker_faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        free((char *)faults->all[i].set.topic);
    }
    free(faults->all);
    *faults = (struct broker_faults){.ids_given = faults->ids_given};
}

const struct broker_fault *broker_faults_find(const struct broker_faults *faults, uint64_t id) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->all[i].id == id) {
            return &faults->all[i];
        }
    }
    return NULL;
}

bool broker_fault_acts_on_items(const struct broker_fault *fault, int16_t api_key) {
    switch (fault->set.action) {
    case SLUICE_FAULT_ERROR:
    case SLUICE_FAULT_ERROR_APPENDED:
        return api_key == KAFKA_PRODUCE || api_key == KAFKA_METADATA;
    case SLUICE_FAULT_MOVE_LEADER:
        return api_key == KAFKA_PRODUCE;
    default:
        return false;
    }
}

bool broker_fault_concerns(const struct broker_fault *fault, int16_t api_key, int32_t node) {
    const sluice_broker_fault *set = &fault->set;
    return (set->count == 0 || fault->hits < set->count) &&
           (set->api_key < 0 || set->api_key == api_key) && (set->node < 0 || set->node == node);
}

bool broker_fault_wants(const struct broker_fault *fault, const struct broker_item *item) {
    const sluice_broker_fault *set = &fault->set;
    bool topic = set->topic == NULL || kafka_text_equal(kafka_text_of(set->topic), item->topic);
    return topic &&
           (set->partition < 0 || item->partition < 0 || set->partition == item->partition);
}

bool broker_fault_count(struct broker_fault *fault) {
    fault->matched++;
    if (fault->matched <= fault->set.skip) {
        return false;
    }
    fault->hits++;
    return true;
}
