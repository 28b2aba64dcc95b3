/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A broker of the parent, in a forked child: every call comes back. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/broker.h>

#include "test.h"

enum { GIVE_UP_AFTER_S = 60 }; /* a call that hangs ends the child */

static bool never(const sluice_broker_record *record, void *context) {
    (void)record;
    (void)context;
    return false;
}

/* The number of the first check that fails, 0 when none does. */
static int first_wrong(const bool *checks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!checks[i]) {
            return (int)i + 1;
        }
    }
    return 0;
}

static int codes_check(sluice_broker *broker) {
    const bool checks[] = {
        sluice_broker_topic_create(broker, "new", 1) == SLUICE_FORKED,
        sluice_broker_topic_delete(broker, "t") == SLUICE_FORKED,
        sluice_broker_topic_grow(broker, "t", 2) == SLUICE_FORKED,
        sluice_broker_topic_limit(broker, "t", 2) == SLUICE_FORKED,
        sluice_broker_topic_keys(broker, "t", true) == SLUICE_FORKED,
        sluice_broker_leader_move(broker, "t", 0, 1) == SLUICE_FORKED,
        sluice_broker_kill(broker, 1) == SLUICE_FORKED,
        sluice_broker_restart(broker, 1, SLUICE_BROKER_KEEP_ALL) == SLUICE_FORKED,
        sluice_broker_stall(broker, 1) == SLUICE_FORKED,
        sluice_broker_resume(broker, 1) == SLUICE_FORKED,
        sluice_broker_refuse(broker, 1, true) == SLUICE_FORKED,
        sluice_broker_cut(broker, 1) == SLUICE_FORKED,
    };
    return first_wrong(checks, sizeof checks / sizeof checks[0]);
}

static int values_check(sluice_broker *broker, uint64_t fault) {
    static const sluice_broker_counters none;
    sluice_broker_fault any = sluice_broker_fault_any(SLUICE_FAULT_COUNT);
    sluice_broker_counters counters;
    sluice_error error = {.code = SLUICE_OK};
    memset(&counters, 1, sizeof counters);
    sluice_broker_count_all(broker, SLUICE_BROKER_ANY, &counters);
    sluice_broker_fault_remove_all(broker);
    const bool checks[] = {
        sluice_broker_partition_count(broker, "t") == 0,
        sluice_broker_read(broker, "t", 0, 0, never, NULL) == -1,
        sluice_broker_high_watermark(broker, "t", 0) == -1,
        !sluice_broker_wait_records(broker, "t", 0, 1, -1),
        sluice_broker_leader(broker, "t", 0) == 0,
        sluice_broker_fault_add(broker, &any) == 0,
        !sluice_broker_fault_remove(broker, fault),
        sluice_broker_fault_hits(broker, fault) == 0,
        !sluice_broker_fault_wait(broker, fault, 1, -1),
        memcmp(&counters, &none, sizeof none) == 0,
        strncmp(sluice_broker_bootstrap(broker), "127.0.0.1:", 10) == 0,
        sluice_broker_count(broker) == 1,
        sluice_broker_port(broker, 1) != 0,
        sluice_broker_create(NULL, &error) == NULL && error.code == SLUICE_FORKED,
    };
    return first_wrong(checks, sizeof checks / sizeof checks[0]);
}

static int destroy_check(sluice_broker *broker) {
    sluice_broker_destroy(broker);
    return 0;
}

static void expect_well(pid_t child, const char *what) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %x", what, (unsigned)status);
}

Test(broker_forked, a_parents_broker_answers_a_child_at_once) {
    sluice_broker *broker = sluice_broker_create(NULL, NULL);
    cr_assert_not_null(broker);
    cr_assert_eq(sluice_broker_topic_create(broker, "t", 1), SLUICE_OK);
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_COUNT);
    uint64_t handle = sluice_broker_fault_add(broker, &fault);
    for (int part = 0; part < 3; part++) {
        static const char *const names[] = {"codes", "values", "destroy"};
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            (void)alarm(GIVE_UP_AFTER_S);
            test_leave_child(part == 0   ? codes_check(broker)
                             : part == 1 ? values_check(broker, handle)
                                         : destroy_check(broker));
        }
        expect_well(child, names[part]);
    }
    cr_expect_eq(sluice_broker_partition_count(broker, "t"), 1, "the parent's is as it was");
    sluice_broker_destroy(broker);
}
