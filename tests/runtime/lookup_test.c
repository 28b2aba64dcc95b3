/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Name lookup, with a getaddrinfo of our own so that it can hang on command. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "runtime/sanitize.h"
#include "test.h"

/* ---- the stand-in ---------------------------------------------------------------------------- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static unsigned hanging;
static unsigned asked;
static bool signals_blocked;

static void hang(void) {
    pthread_mutex_lock(&gate);
    hanging++;
    pthread_cond_broadcast(&gate_changed);
    while (!gate_open) {
        pthread_cond_wait(&gate_changed, &gate);
    }
    hanging--;
    pthread_cond_broadcast(&gate_changed);
    pthread_mutex_unlock(&gate);
}

static struct addrinfo *fake(unsigned count) {
    struct addrinfo *list = NULL;
    for (unsigned i = count; i > 0; i--) {
        struct addrinfo *item = calloc(1, sizeof *item + sizeof(struct sockaddr_in6));
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)(item + 1);
        item->ai_addr = (struct sockaddr *)(void *)v6;
        if (i % 2 == 0) {
            item->ai_family = AF_INET6;
            v6->sin6_family = AF_INET6;
            v6->sin6_addr.s6_addr[15] = (uint8_t)i;
        } else {
            item->ai_family = AF_INET;
            struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)v6;
            v4->sin_family = AF_INET;
            v4->sin_addr.s_addr = htonl(0x0a000000u + i);
        }
        item->ai_flags = -1; /* ours */
        item->ai_next = list;
        list = item;
    }
    return list;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    signals_blocked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGALRM) == 1;
    asked++;
    if (strcmp(host, "hang.example") == 0) {
        hang();
        return EAI_AGAIN;
    }
    if (strcmp(host, "two.example") == 0) {
        *list = fake(2);
        return 0;
    }
    if (strcmp(host, "many.example") == 0) {
        *list = fake(40);
        return 0;
    }
    if (strcmp(host, "other.example") == 0) {
        *list = fake(1);
        (*list)->ai_family = AF_UNIX;
        return 0;
    }
    if (strcmp(host, "localhost") == 0) {
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        return real(host, service, hints, list);
    }
    return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list) {
    if (list != NULL && list->ai_flags != -1) {
        void (*real)(struct addrinfo *);
        *(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
        real(list);
        return;
    }
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* ---- who asks -------------------------------------------------------------------------------- */

struct asker {
    struct harness_actor self;
    const char *host;
    struct rt_lookup *lookup;
    struct rt_lookup_answer answer;
    struct harness_count begun;
    struct harness_count ended;
};

static enum rt_verdict ask(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct asker *asker = (struct asker *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        asker->lookup = rt_lookup_start(turn->world, &self->actor, RT_MARK(1), asker->host, 9092);
        cr_assert_not_null(asker->lookup);
        harness_add(&asker->begun, 1);
    }
    if ((marks & RT_MARK(2)) != 0) {
        rt_lookup_abandon(turn->world, asker->lookup);
        harness_add(&asker->ended, 1);
        return RT_END;
    }
    if ((marks & RT_MARK(1)) != 0) {
        cr_assert(rt_lookup_finish(turn->world, asker->lookup, &asker->answer));
        harness_add(&asker->ended, 1);
        return RT_END;
    }
    return RT_IDLE;
}

static void begin(struct asker *asker, struct rt_world *world, const char *host) {
    *asker =
        (struct asker){.self.run = ask, .host = host, .begun.world = world, .ended.world = world};
    harness_start(&asker->self, world);
    rt_mark(&asker->self.actor, RT_MARK(0));
}

static void answer_of(struct rt_lookup_answer *answer, const char *host) {
    struct rt_world *world = harness_world(2);
    struct asker asker;
    begin(&asker, world, host);
    harness_await(&asker.ended, 1);
    *answer = asker.answer;
    harness_end(world);
}

Test(lookup, literal_addresses_are_answered_without_the_helper) {
    struct rt_lookup_answer answer;
    unsigned before = asked;
    answer_of(&answer, "192.0.2.7");
    cr_assert_eq(answer.error, 0);
    cr_assert_eq(answer.count, 1);
    cr_assert_eq(answer.addresses[0].family, 4);
    cr_assert_eq(answer.addresses[0].port, 9092);
    cr_assert_arr_eq(answer.addresses[0].ip, ((uint8_t[]){192, 0, 2, 7}), 4);
    answer_of(&answer, "2001:db8::1");
    cr_assert_eq(answer.count, 1);
    cr_assert_eq(answer.addresses[0].family, 6);
    cr_assert_arr_eq(answer.addresses[0].ip, ((uint8_t[]){0x20, 1, 0xd, 0xb8}), 4);
    cr_assert_eq(answer.addresses[0].ip[15], 1);
    cr_assert_eq(asked, before);
}

Test(lookup, a_name_has_all_its_addresses_in_order_and_never_more_than_fit) {
    struct rt_lookup_answer answer;
    answer_of(&answer, "two.example");
    cr_assert_eq(answer.error, 0);
    cr_assert_eq(answer.count, 2);
    cr_assert_eq(answer.addresses[0].family, 4);
    cr_assert_eq(answer.addresses[1].family, 6);
    cr_assert_eq(answer.addresses[1].port, 9092);
    answer_of(&answer, "many.example");
    cr_assert_eq(answer.count, RT_LOOKUP_ADDRESSES_MAX);
    cr_assert(signals_blocked, "on the helper");
}

Test(lookup, an_unknown_name_is_an_error_value) {
    struct rt_lookup_answer answer;
    answer_of(&answer, "missing.example");
    cr_assert_eq(answer.error, EAI_NONAME);
    cr_assert_eq(answer.shortage, 0);
    cr_assert_eq(answer.count, 0);
}

Test(lookup, that_fails_while_descriptors_are_short_says_so) {
    struct rt_world *world = harness_world(2);
    struct asker asker;
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}), 0);
    begin(&asker, world, "missing.example");
    harness_await(&asker.ended, 1);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_expect_eq(asker.answer.error, EAI_NONAME);
    cr_expect_eq(asker.answer.shortage, EMFILE);
    harness_end(world);
}

Test(lookup, addresses_of_other_families_are_none) {
    struct rt_lookup_answer answer;
    answer_of(&answer, "other.example");
    cr_assert_eq(answer.error, EAI_NONAME);
    cr_assert_eq(answer.count, 0);
}

Test(lookup, the_system_knows_localhost) {
    struct rt_lookup_answer answer;
    answer_of(&answer, "localhost");
    cr_assert_eq(answer.error, 0);
    cr_assert_geq(answer.count, 1);
}

/* ---- a lookup that hangs --------------------------------------------------------------------- */

static void await_hanging(unsigned count) {
    pthread_mutex_lock(&gate);
    while (hanging != count) {
        pthread_cond_wait(&gate_changed, &gate);
    }
    pthread_mutex_unlock(&gate);
}

static void set_gate(bool open) {
    pthread_mutex_lock(&gate);
    gate_open = open;
    pthread_cond_broadcast(&gate_changed);
    pthread_mutex_unlock(&gate);
}

/* One that was forked now would wait for ever if liburcu still knew the helper. */
static void a_child_opens_a_world(void) {
#ifndef RT_TSAN /* which lets no forked process have threads */
    pid_t child = fork();
    if (child == 0) {
        harness_end(harness_world(2));
        test_leave_child(17);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 17, "%x", (unsigned)status);
#endif
}

Test(lookup, a_hanging_lookup_can_be_abandoned_and_does_not_hold_up_destroy) {
    set_gate(false);
    struct rt_world *world = harness_world(2);
    struct asker hangs;
    struct asker waits;
    begin(&hangs, world, "hang.example");
    await_hanging(1);
    begin(&waits, world, "two.example"); /* behind it */
    harness_await(&waits.begun, 1);
    rt_mark(&hangs.self.actor, RT_MARK(2));
    rt_mark(&waits.self.actor, RT_MARK(2));
    harness_await(&hangs.ended, 1);
    harness_await(&waits.ended, 1);
    unsigned before = asked;
    harness_end(world); /* while the helper still hangs */
    a_child_opens_a_world();
    set_gate(true);
    await_hanging(0);
    cr_assert_eq(asked, before, "what was abandoned is not asked for");
}

/* ---- abandoning at every moment -------------------------------------------------------------- */

static enum rt_verdict ask_and_abandon(struct harness_actor *self, struct rt_turn *turn,
                                       uint32_t marks) {
    struct asker *asker = (struct asker *)(void *)self;
    (void)marks;
    struct rt_lookup *lookup =
        rt_lookup_start(turn->world, &self->actor, RT_MARK(1), asker->host, 1);
    cr_assert_not_null(lookup);
    for (uint64_t i = rt_random(turn->world) % 2000; i > 0; i--) {
        __asm__ __volatile__("" ::: "memory");
    }
    rt_lookup_abandon(turn->world, lookup);
    return RT_END;
}

static void free_asker(struct harness_actor *self) {
    struct harness_count *count = self->context;
    memset(self, 0xa5, sizeof(struct asker)); /* a helper that still marks it trips over this */
    free(self);
    harness_add(count, 1);
}

Test(lookup, an_actor_may_abandon_its_lookup_and_end_at_any_moment) {
    struct rt_world *world = harness_world(2);
    struct harness_count gone = {.world = world};
    uint32_t count = 2000 * HARNESS_SCALE;
    for (uint32_t i = 0; i < count; i++) {
        struct asker *asker = calloc(1, sizeof *asker);
        cr_assert_not_null(asker);
        asker->self =
            (struct harness_actor){.run = ask_and_abandon, .gone = free_asker, .context = &gone};
        asker->host = i % 3 == 0 ? "10.0.0.1" : "two.example";
        harness_start(&asker->self, world);
        rt_notify(&asker->self.actor);
    }
    harness_await(&gone, count);
    harness_end(world);
}
