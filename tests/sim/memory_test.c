/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that runs short, what is freed later, and names. */
#include <signal.h>

#include "runtime/sim.h"
#include "runtime/snapshot.h"
#include "test.h"

#define SECOND UINT64_C(1000000000)
enum { MARK_STOP = RT_MARK(0), MARK_WORK = RT_MARK(1), MARK_LOOKUP = RT_MARK(2) };

Test(sim_memory, is_counted_and_aligned) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    void *first = rt_acquire(world, 100);
    void *second = rt_acquire(world, 5000000);
    cr_assert_eq((uintptr_t)first % 16, 0);
    cr_assert_eq((uintptr_t)second % 16, 0);
    cr_assert_eq(atomic_load(&world->memory_used), 5000100);
    cr_assert_eq(rt_sim_memory_count(world), 2);
    cr_assert_null(rt_acquire(world, SIZE_MAX), "more than there is");
    rt_release(world, first, 100);
    rt_release(world, second, 5000000);
    rt_release(world, NULL, 1);
    cr_assert_eq(atomic_load(&world->memory_used), 0);
    rt_world_destroy(world);
}

Test(sim_memory, the_nth_acquisition_from_now_fails_once) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    rt_sim_fail_memory(world, 3);
    void *blocks[5];
    for (int i = 0; i < 5; i++) {
        blocks[i] = rt_acquire(world, 10);
        cr_assert_eq(blocks[i] == NULL, i == 2);
    }
    rt_sim_fail_memory(world, 1);
    rt_sim_fail_memory(world, 0);
    void *last = rt_acquire(world, 10);
    cr_assert_not_null(last);
    rt_release(world, last, 10);
    for (int i = 0; i < 5; i++) {
        rt_release(world, blocks[i], 10);
    }
    rt_world_destroy(world);
}

static enum rt_verdict acquire_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    void *memory = rt_acquire(turn->world, 10);
    cr_assert_not_null(memory);
    rt_release(turn->world, memory, 10);
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

Test(sim_memory, actors_that_are_spared_neither_count_nor_run_short) {
    static const struct rt_actor_kind kind = {.name = "spared", .run = acquire_run};
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    struct rt_actor actor;
    rt_sim_spare_memory(world, "spared");
    rt_sim_fail_memory(world, 1);
    rt_actor_start(&actor, &kind, world);
    rt_mark(&actor, MARK_STOP);
    rt_sim_settle(world);
    cr_assert_eq(rt_sim_memory_count(world), 0);
    cr_assert_null(rt_acquire(world, 10));
    rt_world_destroy(world);
}

Test(sim_memory, a_leak_is_found_at_the_end, .signal = SIGABRT) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    cr_assert_not_null(rt_acquire(world, 10));
    rt_world_destroy(world);
}

Test(sim_memory, a_great_leak_is_named_in_part, .signal = SIGABRT) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    for (int i = 0; i < 50; i++) {
        cr_assert_not_null(rt_acquire(world, 10));
    }
    rt_world_destroy(world);
}

/* ---- reclamation ----------------------------------------------------------------------------- */

struct object {
    struct rt_retired retired;
    bool *in_activation;
    unsigned *freed;
};

static void object_free(struct rt_retired *retired) {
    struct object *object = (struct object *)retired;
    cr_assert_not(*object->in_activation);
    ++*object->freed;
    rt_release(retired->world, object, sizeof(*object));
}

struct publisher {
    struct rt_actor actor;
    struct rt_snapshot snapshot;
    bool in_activation;
    unsigned published, freed;
    bool gone;
};

static enum rt_verdict publisher_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct publisher *publisher = (struct publisher *)actor;
    publisher->in_activation = true;
    struct object *old = rt_snapshot_read(&publisher->snapshot);
    struct object *next = NULL;
    if ((marks & MARK_STOP) == 0) {
        next = rt_acquire(turn->world, sizeof(*next));
        memset(next, 0, sizeof(*next));
        next->in_activation = &publisher->in_activation;
        next->freed = &publisher->freed;
        next->retired.free = object_free;
        publisher->published++;
    }
    rt_snapshot_publish(turn->world, &publisher->snapshot, next,
                        old == NULL ? NULL : &old->retired);
    cr_assert(old == NULL || old->freed == &publisher->freed); /* still there in this activation */
    publisher->in_activation = false;
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

static void publisher_gone(struct rt_actor *actor) {
    ((struct publisher *)actor)->gone = true;
}

static struct rt_world *publisher_start(struct publisher *publisher, uint64_t seed) {
    static const struct rt_actor_kind kind = {
        .name = "publisher", .run = publisher_run, .gone = publisher_gone};
    struct rt_sim_options options = {.seed = seed};
    struct rt_world *world = rt_sim_create(&options);
    memset(publisher, 0, sizeof(*publisher));
    rt_actor_start(&publisher->actor, &kind, world);
    return world;
}

Test(sim_memory, retired_objects_are_freed_later_and_outside_of_activations) {
    struct publisher publisher;
    struct rt_world *world = publisher_start(&publisher, 1);
    for (int i = 0; i < 100; i++) {
        rt_mark(&publisher.actor, MARK_WORK);
        rt_sim_run_until(world, rt_now(world) + 1000000);
    }
    rt_sim_run_until(world, 10 * SECOND);
    cr_assert_eq(publisher.published, 100);
    cr_assert_eq(publisher.freed, 99);
    rt_mark(&publisher.actor, MARK_STOP);
    rt_sim_run_until(world, 11 * SECOND);
    cr_assert_eq(publisher.freed, 100);
    rt_world_destroy(world);
}

Test(sim_memory, destroy_finishes_what_waits_for_its_grace) {
    struct publisher publisher;
    struct rt_world *world = publisher_start(&publisher, 2);
    rt_mark(&publisher.actor, MARK_WORK);
    rt_sim_settle(world);
    rt_mark(&publisher.actor, MARK_STOP);
    rt_sim_settle(world);
    rt_world_destroy(world);
    cr_assert(publisher.gone);
    cr_assert_eq(publisher.freed, 1);
}

struct crowd {
    struct rt_actor actor;
    struct object objects[400];
    bool in_activation;
    unsigned freed;
};

static void crowd_object_free(struct rt_retired *retired) {
    ++*((struct object *)retired)->freed;
}

static enum rt_verdict crowd_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct crowd *crowd = (struct crowd *)actor;
    for (unsigned i = 0; i < sizeof crowd->objects / sizeof crowd->objects[0]; i++) {
        crowd->objects[i].retired.free = crowd_object_free;
        crowd->objects[i].freed = &crowd->freed;
        rt_retire(turn->world, &crowd->objects[i].retired);
    }
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

static void never_called(void *context) {
    (void)context;
    cr_assert_fail("the world is over");
}

Test(sim_memory, destroy_finishes_many_that_are_due_at_once) {
    static const struct rt_actor_kind kind = {.name = "crowd", .run = crowd_run};
    static struct crowd crowd;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rt_sim_options options = {.seed = seed};
        struct rt_world *world = rt_sim_create(&options);
        memset(&crowd, 0, sizeof crowd);
        rt_actor_start(&crowd.actor, &kind, world);
        rt_mark(&crowd.actor, MARK_STOP);
        rt_sim_settle(world);
        for (unsigned i = 0; i < 100; i++) {
            rt_sim_at(world, 0, never_called, NULL); /* before them, and it does not count */
        }
        rt_world_destroy(world);
        cr_assert_eq(crowd.freed, sizeof crowd.objects / sizeof crowd.objects[0]);
    }
}

Test(sim_memory, late_mail_to_an_actor_that_ended_disturbs_nobody) {
    struct publisher publisher;
    struct rt_world *world = publisher_start(&publisher, 3);
    rt_mark(&publisher.actor, MARK_STOP);
    rt_sim_settle(world);
    cr_assert_not(publisher.gone);
    rt_mark(&publisher.actor, MARK_WORK);
    rt_sim_run_until(world, SECOND);
    cr_assert(publisher.gone);
    cr_assert_eq(publisher.published, 0);
    rt_world_destroy(world);
}

Test(sim_memory, an_actor_that_never_ended_is_found_at_the_end, .signal = SIGABRT) {
    struct publisher publisher;
    struct rt_world *world = publisher_start(&publisher, 4);
    rt_world_destroy(world);
}

/* ---- names ----------------------------------------------------------------------------------- */

struct asker {
    struct rt_actor actor;
    const char *host;
    struct rt_lookup *lookup;
    struct rt_lookup_answer answer;
    bool abandons;
    bool refused; /* memory was short */
    bool answered;
};

static enum rt_verdict asker_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct asker *asker = (struct asker *)actor;
    if ((marks & MARK_WORK) != 0) {
        asker->lookup = rt_lookup_start(turn->world, actor, MARK_LOOKUP, asker->host, 9092);
        asker->refused = asker->lookup == NULL;
    }
    if (asker->lookup != NULL && asker->abandons) {
        rt_lookup_abandon(turn->world, asker->lookup);
        asker->lookup = NULL;
    }
    if (asker->lookup != NULL && rt_lookup_finish(turn->world, asker->lookup, &asker->answer)) {
        asker->lookup = NULL;
        asker->answered = true;
    }
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

static struct asker look_up(const char *host, bool abandons, bool short_of_memory) {
    static const struct rt_actor_kind kind = {.name = "asker", .run = asker_run};
    struct rt_sim_options options = {.seed = 1, .lookup_delay_ns = 5000000};
    struct rt_world *world = rt_sim_create(&options);
    struct rt_address addresses[2] = {{.ip = {10, 0, 0, 1}, .family = 4},
                                      {.ip = {10, 0, 0, 2}, .family = 4}};
    rt_sim_name(world, "two.example", addresses, 2);
    rt_sim_name(world, "gone.example", addresses, 1);
    rt_sim_name(world, "gone.example", NULL, 0);
    struct asker asker = {.host = host, .abandons = abandons};
    rt_sim_fail_memory(world, short_of_memory ? 1 : 0);
    rt_actor_start(&asker.actor, &kind, world);
    rt_mark(&asker.actor, MARK_WORK);
    rt_sim_run_until(world, 4000000);
    cr_assert_not(asker.answered);
    rt_sim_run_until(world, SECOND);
    rt_mark(&asker.actor, MARK_STOP);
    rt_sim_run_until(world, 2 * SECOND);
    rt_world_destroy(world);
    return asker;
}

Test(sim_names, a_known_name_has_its_addresses) {
    struct asker asker = look_up("two.example", false, false);
    cr_assert(asker.answered);
    cr_assert_eq(asker.answer.error, 0);
    cr_assert_eq(asker.answer.count, 2);
    cr_assert_eq(asker.answer.addresses[1].ip[3], 2);
    cr_assert_eq(asker.answer.addresses[1].port, 9092);
}

Test(sim_names, literals_always_work) {
    cr_assert_eq(look_up("192.168.1.77", false, false).answer.addresses[0].ip[3], 77);
    struct asker asker = look_up("::1", false, false);
    cr_assert_eq(asker.answer.addresses[0].family, 6);
    cr_assert_eq(asker.answer.addresses[0].ip[15], 1);
}

Test(sim_names, unknown_names_fail) {
    cr_assert_neq(look_up("nowhere.example", false, false).answer.error, 0);
    cr_assert_neq(look_up("gone.example", false, false).answer.error, 0);
}

Test(sim_names, an_abandoned_lookup_leaves_nothing) {
    struct asker asker = look_up("two.example", true, false);
    cr_assert_not(asker.answered);
}

Test(sim_names, a_lookup_without_memory_says_so) {
    struct asker asker = look_up("two.example", false, true);
    cr_assert(asker.refused);
}
