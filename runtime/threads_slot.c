/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pointer for each application thread that ever used the world, given back when the thread ends.
 *
 * A world has a pthread key; its value is the thread's entry. A thread may end while its world is
 * being destroyed: then its destructor holds the address of an entry that may be freed at any
 * moment. So an address counts only when it is found, under the lock, in the list of a living world
 * and with this thread as its owner. Locks are taken at a thread's first use and at its end only.
 */
#include "runtime/threads_internal.h"

#include <stdlib.h>

struct entry {
    void *value; /* first: what rt_thread_slot gives out */
    pthread_t owner;
    struct entry *next;
};

struct thread_slots {
    pthread_key_t key;
    void (*thread_end)(void *slot, void *context);
    void *context;
    struct entry *entries;
    struct thread_slots *next;
};

/* The living worlds of this process, for the destructor, which is handed an address only. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread_slots *registry;
static uint64_t serials;

_Thread_local struct rt_thread_slot_last rt_thread_slot_last;

/* Holding the lock. */
static struct entry *unlink_entry(struct thread_slots *slots, const void *address) {
    for (struct entry **link = &slots->entries; *link != NULL; link = &(*link)->next) {
        struct entry *entry = *link;
        if (entry == address && pthread_equal(entry->owner, pthread_self())) {
            *link = entry->next;
            return entry;
        }
    }
    return NULL;
}

/* Runs in the thread that ends. The world lives until thread_end has returned: destroy needs the
 * lock as well. */
static void thread_ended(void *address) {
    struct entry *entry = NULL;
    rt_thread_slot_last.serial = 0;
    pthread_mutex_lock(&registry_lock);
    for (struct thread_slots *slots = registry; slots != NULL && entry == NULL;
         slots = slots->next) {
        entry = unlink_entry(slots, address);
        if (entry != NULL && entry->value != NULL && slots->thread_end != NULL) {
            slots->thread_end(entry->value, slots->context);
        }
    }
    pthread_mutex_unlock(&registry_lock);
    free(entry);
}

struct thread_slots *thread_slots_create(struct rt_world *world,
                                         const struct rt_threads_options *options) {
    struct thread_slots *slots = calloc(1, sizeof *slots);
    if (slots == NULL || pthread_key_create(&slots->key, thread_ended) != 0) {
        free(slots);
        return NULL;
    }
    slots->thread_end = options->thread_end;
    slots->context = options->context;
    pthread_mutex_lock(&registry_lock);
    world->slots_serial = ++serials; /* never used again in this process */
    slots->next = registry;
    registry = slots;
    pthread_mutex_unlock(&registry_lock);
    return slots;
}

void thread_slots_destroy(struct thread_slots *slots) {
    if (slots == NULL) {
        return;
    }
    pthread_mutex_lock(&registry_lock);
    struct thread_slots **link = &registry;
    while (*link != slots) {
        link = &(*link)->next;
    }
    *link = slots->next;
    pthread_mutex_unlock(&registry_lock);
    (void)pthread_key_delete(slots->key);
    while (slots->entries != NULL) {
        struct entry *entry = slots->entries;
        slots->entries = entry->next;
        free(entry);
    }
    free(slots);
}

void thread_slots_clear(struct rt_world *world) {
    struct thread_slots *slots = threads_of(world)->slots;
    pthread_mutex_lock(&registry_lock);
    for (struct entry *entry = slots->entries; entry != NULL; entry = entry->next) {
        entry->value = NULL;
    }
    pthread_mutex_unlock(&registry_lock);
}

static struct entry *new_entry(struct thread_slots *slots) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL || pthread_setspecific(slots->key, entry) != 0) {
        free(entry);
        return NULL;
    }
    entry->owner = pthread_self();
    pthread_mutex_lock(&registry_lock);
    entry->next = slots->entries;
    slots->entries = entry;
    pthread_mutex_unlock(&registry_lock);
    return entry;
}

void **thread_slots_own(struct rt_world *world) {
    struct thread_slots *slots = threads_of(world)->slots;
    struct entry *entry = pthread_getspecific(slots->key);
    if (entry == NULL) {
        entry = new_entry(slots);
    }
    if (entry == NULL) {
        return NULL;
    }
    rt_thread_slot_last = (struct rt_thread_slot_last){world->slots_serial, &entry->value};
    return &entry->value;
}
