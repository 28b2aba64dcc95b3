/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actors start and end while mail is on its way: every message is counted in and out. */
#include "harness.h"
#include "test.h"

struct storm {
    struct rt_world *world;
    struct harness_count gone;
    _Atomic uint64_t sent;
    _Atomic uint64_t handled; /* in an activation */
    _Atomic uint64_t late;    /* in gone */
};

struct mortal {
    struct harness_actor self;
    struct rt_lane_unbounded lane;
    struct storm *storm;
};

static enum rt_verdict take_until_end(struct harness_actor *self, struct rt_turn *turn,
                                      uint32_t marks) {
    struct mortal *mortal = (struct mortal *)(void *)self;
    (void)turn;
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&mortal->lane, &node)) == RT_TAKEN) {
        free(node);
        atomic_fetch_add(&mortal->storm->handled, 1);
    }
    if ((marks & RT_MARK(0)) != 0) {
        return RT_END;
    }
    return take == RT_BUSY ? RT_AGAIN : RT_IDLE;
}

static void drain_late_mail(struct harness_actor *self) {
    struct mortal *mortal = (struct mortal *)(void *)self;
    struct storm *storm = mortal->storm;
    struct rt_node *node;
    while (rt_lane_unbounded_take(&mortal->lane, &node) == RT_TAKEN) {
        free(node);
        atomic_fetch_add(&storm->late, 1);
    }
    free(mortal);
    harness_add(&storm->gone, 1);
}

static struct mortal *new_mortal(struct storm *storm) {
    struct mortal *mortal = calloc(1, sizeof *mortal);
    cr_assert_not_null(mortal);
    mortal->self.run = take_until_end;
    mortal->self.gone = drain_late_mail;
    mortal->storm = storm;
    rt_lane_unbounded_init(&mortal->lane);
    harness_start(&mortal->self, storm->world);
    return mortal;
}

/* An actor that sends to mortals from its activations: reaches them as long as these last. */
struct sender {
    struct harness_actor self;
    struct storm *storm;
    uint32_t rounds;
};

static void mail(struct storm *storm, struct mortal *mortal) {
    struct rt_node *node = malloc(sizeof *node);
    cr_assert_not_null(node);
    atomic_fetch_add(&storm->sent, 1);
    rt_lane_unbounded_push(&mortal->lane, node);
    rt_notify(&mortal->self.actor);
}

static enum rt_verdict send_around_the_end(struct harness_actor *self, struct rt_turn *turn,
                                           uint32_t marks) {
    struct sender *sender = (struct sender *)(void *)self;
    (void)turn;
    (void)marks;
    struct mortal *mortal = new_mortal(sender->storm);
    mail(sender->storm, mortal);
    rt_mark(&mortal->self.actor, RT_MARK(0));
    for (int i = 0; i < 5; i++) { /* it may have ended; it is not gone while we run */
        mail(sender->storm, mortal);
    }
    return --sender->rounds == 0 ? RT_END : RT_AGAIN;
}

Test(life, a_storm_of_starts_and_ends_counts_every_message_in_and_out) {
    enum { SENDERS = 4 };
    struct rt_world *world = harness_world(3);
    struct storm storm = {.world = world, .gone.world = world};
    struct sender senders[SENDERS];
    uint32_t rounds = 3000 * HARNESS_SCALE;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] =
            (struct sender){.self.run = send_around_the_end, .storm = &storm, .rounds = rounds};
        harness_start(&senders[i].self, world);
        rt_notify(&senders[i].self.actor);
    }
    harness_await(&storm.gone, SENDERS * rounds);
    harness_end(world);
    cr_assert_eq(atomic_load(&storm.sent), UINT64_C(6) * SENDERS * rounds);
    cr_assert_eq(atomic_load(&storm.handled) + atomic_load(&storm.late), atomic_load(&storm.sent));
}

Test(life, a_world_can_be_destroyed_right_after_its_actors_were_told_to_end) {
    for (int round = 0; round < 50; round++) {
        struct rt_world *world = harness_world(2);
        struct storm storm = {.world = world, .gone.world = world};
        for (int i = 0; i < 20; i++) {
            struct mortal *mortal = new_mortal(&storm);
            mail(&storm, mortal);
            rt_mark(&mortal->self.actor, RT_MARK(0));
        }
        harness_end(world);
        cr_assert_eq(atomic_load(&storm.gone.value), 20);
    }
}
