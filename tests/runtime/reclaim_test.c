/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A snapshot that is retired lives until every activation that could see it is over. */
#include "harness.h"
#include "runtime/snapshot.h"
#include "test.h"

enum { READERS = 6, ALIVE = 0x600d, DEAD = 0xdead };

struct table {
    struct rt_retired retired; /* first */
    struct library *library;
    _Atomic uint32_t life;
    uint32_t edition[8]; /* all equal */
};

struct library {
    struct rt_snapshot snapshot;
    struct harness_actor writer;
    struct harness_actor readers[READERS];
    struct harness_count freed;
    struct harness_count ended;
    uint32_t editions;
    _Atomic uint32_t written;
    _Atomic uint32_t read;
    _Atomic bool stop;
};

static void free_table(struct rt_retired *retired) {
    struct table *table = (struct table *)(void *)retired;
    struct library *library = table->library;
    cr_assert_eq(atomic_exchange(&table->life, DEAD), ALIVE, "freed once");
    free(table);
    harness_add(&library->freed, 1);
}

static struct table *new_table(struct library *library, uint32_t edition) {
    struct table *table = calloc(1, sizeof *table);
    cr_assert_not_null(table);
    table->retired.free = free_table;
    table->library = library;
    atomic_init(&table->life, ALIVE);
    for (int i = 0; i < 8; i++) {
        table->edition[i] = edition;
    }
    return table;
}

static enum rt_verdict read_whole(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    struct library *library = self->context;
    (void)turn;
    (void)marks;
    struct table *table = rt_snapshot_read(&library->snapshot);
    uint32_t edition = table->edition[0];
    /* Lets the writer publish and retire meanwhile, and then some time for freeing it wrongly. */
    uint32_t patience = 20000;
    while (atomic_load(&library->written) <= edition && patience > 0) {
        patience--;
    }
    for (int i = 0; i < 3000; i++) {
        cr_assert_eq(atomic_load(&table->life), ALIVE);
        cr_assert_eq(table->edition[i % 8], edition);
    }
    atomic_fetch_add(&library->read, 1);
    if (atomic_load(&library->stop)) {
        harness_add(&library->ended, 1);
        return RT_END;
    }
    return RT_AGAIN;
}

static enum rt_verdict publish_editions(struct harness_actor *self, struct rt_turn *turn,
                                        uint32_t marks) {
    struct library *library = self->context;
    (void)marks;
    struct table *old = rt_snapshot_read(&library->snapshot);
    uint32_t edition = old->edition[0] + 1;
    rt_snapshot_publish(turn->world, &library->snapshot, new_table(library, edition),
                        &old->retired);
    atomic_store(&library->written, edition);
    if (edition == library->editions) {
        atomic_store(&library->stop, true);
        return RT_END;
    }
    return RT_AGAIN;
}

Test(reclaim, a_retired_snapshot_lives_as_long_as_an_activation_can_see_it) {
    struct rt_world *world = harness_world(3);
    struct library library = {.freed.world = world, .ended.world = world};
    library.editions = 500 * HARNESS_SCALE;
    atomic_init(&library.snapshot.current, new_table(&library, 0));
    harness_await_idle(world); /* each worker has slept, and is a reader again when it wakes */
    for (int i = 0; i < READERS; i++) {
        library.readers[i] = (struct harness_actor){.run = read_whole, .context = &library};
        harness_start(&library.readers[i], world);
        rt_notify(&library.readers[i].actor);
    }
    library.writer = (struct harness_actor){.run = publish_editions, .context = &library};
    harness_start(&library.writer, world);
    rt_notify(&library.writer.actor);
    harness_await(&library.ended, READERS);
    harness_await(&library.freed, library.editions);
    struct table *last = atomic_load(&library.snapshot.current);
    cr_assert_eq(last->edition[0], library.editions);
    rt_retire(world, &last->retired); /* from outside; destroy frees it */
    harness_end(world);
    cr_assert_eq(atomic_load(&library.freed.value), library.editions + 1);
}

/* ---- user code holds nothing up -------------------------------------------------------------- */

struct host {
    struct harness_actor self;
    struct rt_world *world;
    struct harness_count inside;
    struct harness_count may_leave;
};

static enum rt_verdict call_user_code(struct harness_actor *self, struct rt_turn *turn,
                                      uint32_t marks) {
    struct host *host = (struct host *)(void *)self;
    (void)marks;
    rt_user_code(turn->world, true);
    harness_add(&host->inside, 1);
    harness_await(&host->may_leave, 1);
    rt_user_code(turn->world, false);
    return RT_END;
}

static enum rt_verdict answer(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    (void)turn;
    harness_add(self->context, 1);
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

static void not_a_worker(void *context, unsigned index) {
    (void)index;
    rt_user_code(context, true);
    rt_user_code(context, false);
}

Test(reclaim, user_code_outside_of_workers_concerns_nobody) {
    struct rt_world *world = harness_world(1);
    harness_threads(1, not_a_worker, world);
    struct library library = {.freed.world = world};
    rt_retire(world, &new_table(&library, 1)->retired);
    harness_await(&library.freed, 1);
    harness_end(world);
}

static enum rt_verdict call_as_another(struct harness_actor *self, struct rt_turn *turn,
                                       uint32_t marks) {
    (void)turn;
    (void)marks;
    not_a_worker(self->context, 0);
    return RT_END;
}

Test(reclaim, user_code_of_another_world_s_worker_concerns_nobody) {
    struct rt_world *here = harness_world(1), *there = harness_world(1);
    struct harness_actor actor = {.run = call_as_another, .context = there};
    harness_start(&actor, here);
    rt_notify(&actor.actor);
    harness_end(here);
    harness_end(there);
}

Test(reclaim, user_code_on_a_worker_delays_neither_grace_periods_nor_other_actors) {
    struct rt_world *world = harness_world(2);
    struct host host = {.self.run = call_user_code,
                        .world = world,
                        .inside.world = world,
                        .may_leave.world = world};
    struct library library = {.freed.world = world};
    struct harness_count answered = {.world = world};
    struct harness_actor other = {.run = answer, .context = &answered};
    harness_start(&host.self, world);
    harness_start(&other, world);
    rt_notify(&host.self.actor);
    harness_await(&host.inside, 1);
    struct table *table = new_table(&library, 1);
    rt_retire(world, &table->retired);
    harness_await(&library.freed, 1);
    for (uint32_t i = 1; i <= 20; i++) {
        rt_notify(&other.actor);
        harness_await(&answered, i);
    }
    rt_mark(&other.actor, RT_MARK(0));
    harness_add(&host.may_leave, 1);
    harness_end(world);
}
