/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ck_ring.h and wfcqueue.h hand plain memory from thread to thread. Under TSan this passes only if
 * the shim beside this file was found before the system's headers and makes the edges; elsewhere it
 * runs the system's own code.
 */
#include <ck_ring.h>
#include <pthread.h>
#include <sched.h>
#include <urcu/wfcqueue.h>

#include "test.h"

enum { WRITERS = 2, MESSAGES = 20000, SLOTS = 64 };

struct message {
    struct cds_wfcq_node node;
    unsigned writer;
    unsigned number; /* plain: only the hand-over orders it */
};

static struct {
    _Alignas(64) ck_ring_t ring;
    ck_ring_buffer_t slots[SLOTS];
    struct __cds_wfcq_head head;
    struct cds_wfcq_tail tail;
    struct message messages[WRITERS][MESSAGES];
} shared;

enum way { BY_SPSC, BY_MPSC, BY_QUEUE };

static void push(enum way way, struct message *message) {
    if (way == BY_QUEUE) {
        cds_wfcq_node_init(&message->node);
        cds_wfcq_enqueue(&shared.head, &shared.tail, &message->node);
        return;
    }
    while (way == BY_SPSC ? !ck_ring_enqueue_spsc(&shared.ring, shared.slots, message)
                          : !ck_ring_enqueue_mpsc(&shared.ring, shared.slots, message)) {
        sched_yield();
    }
}

static struct message *take(enum way way) {
    void *taken = NULL;
    if (way == BY_QUEUE) {
        struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(&shared.head, &shared.tail);
        return node == NULL || node == CDS_WFCQ_WOULDBLOCK
                   ? NULL
                   : caa_container_of(node, struct message, node);
    }
    bool got = way == BY_SPSC ? ck_ring_dequeue_spsc(&shared.ring, shared.slots, &taken)
                              : ck_ring_dequeue_mpsc(&shared.ring, shared.slots, &taken);
    return got ? taken : NULL;
}

struct writer {
    enum way way;
    unsigned index;
    pthread_t thread;
};

static void *write_all(void *argument) {
    const struct writer *writer = argument;
    for (unsigned number = 0; number < MESSAGES; number++) {
        struct message *message = &shared.messages[writer->index][number];
        message->writer = writer->index;
        message->number = number;
        push(writer->way, message);
    }
    return NULL;
}

static void hand_over(enum way way, unsigned writers) {
    ck_ring_init(&shared.ring, SLOTS);
    __cds_wfcq_init(&shared.head, &shared.tail);
    struct writer writer[WRITERS];
    for (unsigned index = 0; index < writers; index++) {
        writer[index] = (struct writer){.way = way, .index = index};
        cr_assert_eq(pthread_create(&writer[index].thread, NULL, write_all, &writer[index]), 0);
    }
    unsigned next[WRITERS] = {0};
    for (unsigned count = 0; count < writers * MESSAGES;) {
        struct message *message = take(way);
        if (message == NULL) {
            sched_yield();
            continue;
        }
        cr_assert_eq(message->number, next[message->writer]);
        next[message->writer]++;
        message->number = 0; /* ours now */
        count++;
    }
    for (unsigned index = 0; index < writers; index++) {
        cr_assert_eq(pthread_join(writer[index].thread, NULL), 0);
    }
}

Test(shim, a_ring_of_one_writer_hands_over_plain_memory) {
    hand_over(BY_SPSC, 1);
}

Test(shim, a_ring_of_two_writers_hands_over_plain_memory) {
    hand_over(BY_MPSC, WRITERS);
}

Test(shim, an_unbounded_queue_hands_over_plain_memory) {
    hand_over(BY_QUEUE, WRITERS);
}

Test(shim, is_used_exactly_where_races_are_looked_for) {
#if defined(SLUICE_SHIM_CK_PR) && defined(SLUICE_SHIM_URCU)
    bool used = true;
#else
    bool used = false;
#endif
    cr_assert_eq(used, SLUICE_TEST_THREAD_SANITIZER);
}
