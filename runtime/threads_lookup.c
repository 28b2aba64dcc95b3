/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names are looked up by one helper thread, started when the first name comes; literal addresses
 * are answered at once. getaddrinfo can hang for minutes: so a lookup owns its memory, and the
 * helper outlives the world when it has to, touching nothing of it any more.
 *
 *   PENDING -> DONE       the helper, which then marks the actor
 *   PENDING -> ABANDONED  the actor; the helper frees the lookup
 *   DONE                  the actor frees it, by finish or abandon
 *
 * The helper is a reader (liburcu) while it marks: the actor may end at that moment, but is not
 * gone before the mark is made. It counts as a world meanwhile, for a fork; never inside
 * getaddrinfo, where it may still be when the last world has ended.
 *
 * | who may call           | from where                            |
 * | start, finish, abandon | an activation of the lookup's actor   |
 * | create, destroy        | the world's creator, no worker        |
 */
#include "runtime/threads_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "runtime/assert.h"
#include "runtime/sanitize.h"

enum lookup_state { LOOKUP_PENDING, LOOKUP_DONE, LOOKUP_ABANDONED };

struct rt_lookup {
    _Atomic uint32_t state;
    uint32_t mark;
    struct rt_actor *actor;
    struct rt_lookup *next;
    uint16_t port;
    struct rt_lookup_answer answer;
    char host[];
};

struct lookups {
    _Atomic uint32_t holders;          /* the world and the helper; the last one frees */
    _Atomic(struct rt_lookup *) inbox; /* stack, taken as a whole */
    _Atomic uint32_t asleep;           /* the futex; 1: the helper sleeps */
    _Atomic bool started;
    _Atomic bool stopping;
    _Atomic bool busy; /* the helper is inside getaddrinfo */
    pthread_t thread;
    char name[NAME_BYTES];
};

/* ---- answers --------------------------------------------------------------------------------- */

static void add_address(struct rt_lookup *lookup, uint8_t family, const void *ip) {
    struct rt_lookup_answer *answer = &lookup->answer;
    if (answer->count < RT_LOOKUP_ADDRESSES_MAX) {
        struct rt_address *address = &answer->addresses[answer->count++];
        memset(address, 0, sizeof *address);
        memcpy(address->ip, ip, family == 6 ? 16 : 4);
        address->port = lookup->port;
        address->family = family;
    }
}

static bool answer_literal(struct rt_lookup *lookup) {
    uint8_t ip[16];
    if (inet_pton(AF_INET, lookup->host, ip) == 1) {
        add_address(lookup, 4, ip);
    } else if (inet_pton(AF_INET6, lookup->host, ip) == 1) {
        add_address(lookup, 6, ip);
    }
    return lookup->answer.count > 0;
}

/* Without descriptors getaddrinfo reads no file and asks no server, and may say that there is no
 * such name. Whether they are short is only seen by taking one. */
static int shortage_now(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC);
    if (descriptor < 0) {
        return errno;
    }
    (void)close(descriptor);
    return 0;
}

static void ask_system(struct rt_lookup *lookup) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    lookup->answer.error = getaddrinfo(lookup->host, NULL, &hints, &list);
    if (lookup->answer.error != 0) {
        lookup->answer.shortage = shortage_now();
        return;
    }
    for (const struct addrinfo *item = list; item != NULL; item = item->ai_next) {
        if (item->ai_family == AF_INET) {
            const struct sockaddr_in *v4 = (const void *)item->ai_addr;
            add_address(lookup, 4, &v4->sin_addr);
        } else if (item->ai_family == AF_INET6) {
            const struct sockaddr_in6 *v6 = (const void *)item->ai_addr;
            add_address(lookup, 6, &v6->sin6_addr);
        }
    }
    freeaddrinfo(list);
    if (lookup->answer.count == 0) {
        lookup->answer.error = EAI_NONAME;
    }
}

/* On a reader that is online. After the exchange the lookup is the actor's. */
static void complete(struct rt_lookup *lookup) {
    struct rt_actor *actor = lookup->actor;
    uint32_t mark = lookup->mark;
    uint32_t pending = LOOKUP_PENDING;
    if (atomic_compare_exchange_strong(&lookup->state, &pending, LOOKUP_DONE)) {
        rt_mark(actor, mark);
        RT_HAPPENS_BEFORE(&threads_of(actor->world)->reclaim);
    } else {
        free(lookup);
    }
}

/* ---- the helper ------------------------------------------------------------------------------ */

static void release(struct lookups *lookups) {
    if (atomic_fetch_sub(&lookups->holders, 1) == 1) {
        free(lookups);
    }
}

static struct rt_lookup *take_all(struct lookups *lookups) {
    struct rt_lookup *newest = atomic_exchange(&lookups->inbox, NULL);
    struct rt_lookup *oldest = NULL;
    while (newest != NULL) {
        struct rt_lookup *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static bool is_wanted(const struct rt_lookup *lookup) {
    return atomic_load(&lookup->state) == LOOKUP_PENDING;
}

static void serve(struct lookups *lookups, struct rt_lookup *lookup) {
    atomic_store(&lookups->busy, true);
    if (is_wanted(lookup) && !atomic_load(&lookups->stopping)) { /* pairs: lookups_destroy */
        ask_system(lookup);
    }
    atomic_store(&lookups->busy, false);
    (void)system_world_begins();
    rcu_register_thread();
    complete(lookup);
    rcu_unregister_thread();
    system_world_ended();
}

static void wait_for_work(struct lookups *lookups) {
    atomic_store(&lookups->asleep, 1); /* pairs: wake */
    if (atomic_load(&lookups->inbox) == NULL && !atomic_load(&lookups->stopping)) {
        while (atomic_load(&lookups->asleep) != 0) {
            system_sleep(&lookups->asleep, 1);
        }
    }
    atomic_store(&lookups->asleep, 0);
}

static void *lookups_main(void *argument) {
    struct lookups *lookups = argument;
    for (;;) {
        struct rt_lookup *lookup = take_all(lookups);
        if (lookup == NULL && atomic_load(&lookups->stopping)) {
            break;
        }
        if (lookup == NULL) {
            wait_for_work(lookups);
        }
        while (lookup != NULL) {
            struct rt_lookup *next = lookup->next;
            serve(lookups, lookup);
            lookup = next;
        }
    }
    release(lookups);
    return NULL;
}

static void wake(struct lookups *lookups) {
    if (atomic_load(&lookups->asleep) != 0 && atomic_exchange(&lookups->asleep, 0) != 0) {
        system_wake_one(&lookups->asleep);
    }
}

/* Without a helper nothing can be looked up now; who asked may ask again. */
static void refuse_all(struct lookups *lookups) {
    struct rt_lookup *lookup = take_all(lookups);
    while (lookup != NULL) {
        struct rt_lookup *next = lookup->next;
        lookup->answer.error = EAI_AGAIN;
        complete(lookup); /* this thread is a worker in an activation, so online */
        lookup = next;
    }
}

static void push(struct lookups *lookups, struct rt_lookup *lookup) {
    lookup->next = atomic_load_explicit(&lookups->inbox, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&lookups->inbox, &lookup->next, lookup)) {
    }
    if (atomic_exchange(&lookups->started, true)) {
        wake(lookups);
        return;
    }
    atomic_fetch_add(&lookups->holders, 1);
    if (system_thread_start(&lookups->thread, lookups_main, lookups, lookups->name, "name") != 0) {
        atomic_fetch_sub(&lookups->holders, 1);
        atomic_store(&lookups->started, false); /* before the stack is taken: nobody stays in it */
        refuse_all(lookups);
    }
}

/* ---- the world ------------------------------------------------------------------------------- */

struct lookups *lookups_create(const char *name) {
    struct lookups *lookups = calloc(1, sizeof *lookups);
    if (lookups != NULL) {
        atomic_init(&lookups->holders, 1);
        strncpy(lookups->name, name, sizeof lookups->name - 1);
    }
    return lookups;
}

void lookups_destroy(struct lookups *lookups) {
    if (lookups == NULL) {
        return;
    }
    atomic_store(&lookups->stopping, true);
    if (atomic_load(&lookups->started)) {
        wake(lookups);
        if (atomic_load(&lookups->busy)) { /* pairs: serve. It may hang: frees itself later */
            pthread_detach(lookups->thread);
        } else {
            pthread_join(lookups->thread, NULL);
        }
    }
    release(lookups);
}

struct rt_lookup *lookups_start(struct rt_world *world, struct rt_actor *actor, uint32_t mark,
                                const char *host, uint16_t port) {
    size_t size = strlen(host) + 1;
    struct rt_lookup *lookup = calloc(1, sizeof *lookup + size);
    if (lookup == NULL) {
        return NULL;
    }
    lookup->mark = mark;
    lookup->actor = actor;
    lookup->port = port;
    memcpy(lookup->host, host, size);
    if (answer_literal(lookup)) {
        atomic_init(&lookup->state, LOOKUP_DONE);
        rt_mark(actor, mark);
    } else {
        atomic_init(&lookup->state, LOOKUP_PENDING);
        push(threads_of(world)->lookups, lookup);
    }
    return lookup;
}

bool lookups_finish(struct rt_world *world, struct rt_lookup *lookup,
                    struct rt_lookup_answer *answer) {
    (void)world;
    uint32_t state = atomic_load(&lookup->state);
    RT_ASSERT(state != LOOKUP_ABANDONED);
    if (state != LOOKUP_DONE) {
        return false;
    }
    *answer = lookup->answer;
    free(lookup);
    return true;
}

void lookups_abandon(struct rt_world *world, struct rt_lookup *lookup) {
    (void)world;
    uint32_t before = atomic_exchange(&lookup->state, LOOKUP_ABANDONED);
    RT_ASSERT(before != LOOKUP_ABANDONED);
    if (before == LOOKUP_DONE) {
        free(lookup);
    }
}
