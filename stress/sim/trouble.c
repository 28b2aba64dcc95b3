/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trouble: faults of the network and of the brokers at drawn times, each with an end. */
#include "stress/sim/trial.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)
enum { API_PRODUCE = 0, API_METADATA = 3, API_VERSIONS = 18, API_PRODUCER_ID = 22 };

/* One trouble, while it is made and until it ends. */
struct trouble {
    struct trial *trial;
    unsigned index; /* in the plan */
    enum plan_trouble kind;
    struct sim_random random;
    int32_t node;
    unsigned topic;
    int32_t partition;
};

static uint64_t choose(struct trouble *trouble, uint64_t n) {
    return plan_choose(&trouble->random, n);
}

static int32_t any_node(struct trouble *trouble) {
    return 1 + (int32_t)choose(trouble, trouble->trial->plan->brokers.broker_count);
}

/* Draws a partition of the plan's topics. */
static const char *any_partition(struct trouble *trouble) {
    struct trial *trial = trouble->trial;
    trouble->topic = (unsigned)choose(trouble, trial->plan->topic_count);
    trouble->partition = (int32_t)choose(trouble, trial->ledger.partition_counts[trouble->topic]);
    return brokers_topic_name(trouble->topic);
}

static void restart_all(struct trial *trial) {
    for (int32_t node = 1; node <= (int32_t)trial->plan->brokers.broker_count; node++) {
        /* Refused for those that run. */
        (void)broker_cluster_restart(trial->cluster, node, trial->plan->keep);
        (void)broker_cluster_stall(trial->cluster, node, false);
    }
}

static void relieve(void *context) {
    struct trouble *trouble = context;
    struct trial *trial = trouble->trial;
    if (!trial->peaceful) {
        trial_say(trial, "trouble %u ends: %s", trouble->index, plan_trouble_name(trouble->kind));
        switch (trouble->kind) {
        case TROUBLE_REFUSE:
        case TROUBLE_BLACKHOLE:
        case TROUBLE_STALL:
            rt_sim_fault(trial->world, &trial->addresses[trouble->node - 1], RT_SIM_HEAL);
            break;
        case TROUBLE_LEADER_LOST:
            broker_cluster_leader_move(trial->cluster, brokers_topic_name(trouble->topic),
                                       trouble->partition, trouble->node);
            break;
        case TROUBLE_STALE:
            (void)broker_cluster_stale(trial->cluster, trouble->node, false);
            break;
        case TROUBLE_NAMES:
            brokers_name(trial);
            break;
        case TROUBLE_RECREATE:
            brokers_topics_make(trial);
            break;
        default:
            restart_all(trial);
        }
    }
    free(trouble);
}

static void relieve_later(const struct trouble *trouble) {
    struct trouble *later = malloc(sizeof(*later));
    *later = *trouble;
    uint64_t after_ns = MS + choose(later, 3000 * MS);
    rt_sim_at(trouble->trial->world, rt_now(trouble->trial->world) + after_ns, relieve, later);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void add_fault(struct trouble *trouble, sluice_broker_fault fault) {
    fault.skip = (uint32_t)choose(trouble, 6);
    fault.count = 1 + (uint32_t)choose(trouble, 3);
    fault.delay_ms = 1 + (uint32_t)choose(trouble, 2000);
    if (choose(trouble, 2) == 0) {
        fault.node = any_node(trouble);
    }
    trial_say(trouble->trial,
              "fault: api %d node %d action %d error %d skip %u count %u delay %u ms",
              fault.api_key, fault.node, (int)fault.action, fault.error_code, fault.skip,
              fault.count, fault.delay_ms);
    broker_cluster_fault_add(trouble->trial->cluster, &fault);
}

static int16_t any_api(struct trouble *trouble) {
    static const int16_t apis[] = {API_METADATA, API_VERSIONS, API_PRODUCER_ID};
    return choose(trouble, 10) < 7 ? API_PRODUCE : apis[choose(trouble, 3)];
}

static void trouble_requests(struct trouble *trouble) {
    static const sluice_broker_action actions[] = {
        SLUICE_FAULT_DELAY,      SLUICE_FAULT_THROTTLE,    SLUICE_FAULT_DROP,
        SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_CUT_AFTER,   SLUICE_FAULT_CUT_HALF,
        SLUICE_FAULT_STALL,      SLUICE_FAULT_KILL_BEFORE, SLUICE_FAULT_KILL_AFTER,
        SLUICE_FAULT_MOVE_LEADER};
    unsigned count = sizeof(actions) / sizeof(actions[0]);
    sluice_broker_fault fault = sluice_broker_fault_any(actions[choose(trouble, count)]);
    bool moves = fault.action == SLUICE_FAULT_MOVE_LEADER;
    fault.api_key = moves ? API_PRODUCE : any_api(trouble);
    add_fault(trouble, fault);
    relieve_later(trouble);
}

static void trouble_answers(struct trouble *trouble) {
    sluice_broker_fault fault =
        sluice_broker_fault_any((sluice_broker_action)(SLUICE_FAULT_GARBAGE + choose(trouble, 3)));
    fault.api_key = any_api(trouble);
    add_fault(trouble, fault);
}

static void trouble_errors(struct trouble *trouble) {
    static const int16_t not_written[] = {2, 5, 19, 35, 74, 75, 100};
    static const int16_t unsure[] = {3, 6, 7, 20, 56};
    static const int16_t metadata[] = {3, 5};
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = API_PRODUCE;
    switch (choose(trouble, 4)) {
    case 0:
        fault.error_code = not_written[choose(trouble, 7)];
        break;
    case 1:
        fault.error_code = unsure[choose(trouble, 5)];
        break;
    case 2:
        fault.action = SLUICE_FAULT_ERROR_APPENDED;
        fault.error_code = unsure[choose(trouble, 5)];
        break;
    default:
        fault.api_key = API_METADATA;
        fault.error_code = metadata[choose(trouble, 2)];
    }
    add_fault(trouble, fault);
}

static void trouble_refusals(struct trouble *trouble) {
    static const int16_t codes[] = {10, 17, 29, 44, 87, -1};
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = API_PRODUCE;
    fault.error_code = codes[choose(trouble, 6)];
    add_fault(trouble, fault);
}

/* A quota: every answer of a node says to wait. */
static void trouble_throttle(struct trouble *trouble) {
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_THROTTLE);
    fault.api_key = API_PRODUCE;
    add_fault(trouble, fault);
}

/* Its log directory is offline: every batch fails, some after they were written; then the
 * partitions have other leaders. */
static void trouble_disk(struct trouble *trouble) {
    bool appended = choose(trouble, 2) == 0;
    sluice_broker_fault fault =
        sluice_broker_fault_any(appended ? SLUICE_FAULT_ERROR_APPENDED : SLUICE_FAULT_ERROR);
    fault.api_key = API_PRODUCE;
    fault.error_code = 56;
    fault.node = any_node(trouble);
    fault.skip = (uint32_t)choose(trouble, 4);
    fault.count = 1 + (uint32_t)choose(trouble, 12);
    trial_say(trouble->trial, "the disk of node %d fails, %u times", fault.node, fault.count);
    broker_cluster_fault_add(trouble->trial->cluster, &fault);
    if (choose(trouble, 2) == 0) {
        const char *topic = any_partition(trouble);
        broker_cluster_leader_move(trouble->trial->cluster, topic, trouble->partition,
                                   any_node(trouble));
    }
}

/* Brokers that cannot reach the controller get no producer ids and make no topics. */
static void trouble_controller(struct trouble *trouble) {
    static const int16_t codes[] = {7, 14, 15, 41};
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = choose(trouble, 3) == 0 ? API_METADATA : API_PRODUCER_ID;
    fault.error_code = fault.api_key == API_METADATA ? 5 : codes[choose(trouble, 4)];
    fault.count = 1 + (uint32_t)choose(trouble, 20);
    trial_say(trouble->trial, "no controller: api %d answers %d, %u times", fault.api_key,
              fault.error_code, fault.count);
    broker_cluster_fault_add(trouble->trial->cluster, &fault);
}

/* ---- network, leaders, nodes ----------------------------------------------------------------- */

static void trouble_network(struct trouble *trouble) {
    static const enum rt_sim_fault faults[] = {[TROUBLE_REFUSE] = RT_SIM_REFUSE,
                                               [TROUBLE_BLACKHOLE] = RT_SIM_BLACKHOLE,
                                               [TROUBLE_STALL] = RT_SIM_STALL};
    struct trial *trial = trouble->trial;
    trouble->node = any_node(trouble);
    trial_say(trial, "node %d", trouble->node);
    rt_sim_fault(trial->world, &trial->addresses[trouble->node - 1], faults[trouble->kind]);
    relieve_later(trouble);
}

static void trouble_cut(struct trouble *trouble) {
    struct trial *trial = trouble->trial;
    int32_t node = any_node(trouble);
    trial_say(trial, "node %d", node);
    rt_sim_cut(trial->world, &trial->addresses[node - 1], trouble->kind == TROUBLE_CUT_ANSWERS);
}

static void trouble_leader(struct trouble *trouble) {
    bool lost = trouble->kind == TROUBLE_LEADER_LOST;
    const char *topic = any_partition(trouble);
    trouble->node = any_node(trouble);
    trial_say(trouble->trial, "leader of %s/%d becomes %d", topic, trouble->partition,
              lost ? 0 : trouble->node);
    broker_cluster_leader_move(trouble->trial->cluster, topic, trouble->partition,
                               lost ? 0 : trouble->node);
    if (lost) {
        relieve_later(trouble);
    }
}

static void trouble_election(struct trouble *trouble) {
    (void)any_partition(trouble);
    brokers_elect(trouble->trial, trouble->topic, trouble->partition, any_node(trouble));
}

static void trouble_node(struct trouble *trouble) {
    struct trial *trial = trouble->trial;
    trouble->node = any_node(trouble);
    trial_say(trial, "node %d", trouble->node);
    if (trouble->kind == TROUBLE_STALE) {
        (void)broker_cluster_stale(trial->cluster, trouble->node, true);
    } else if (trouble->kind == TROUBLE_KILL) {
        if (choose(trouble, 2) == 0) {
            rt_sim_cut(trial->world, &trial->addresses[trouble->node - 1], choose(trouble, 2) == 0);
        }
        (void)broker_cluster_kill(trial->cluster, trouble->node);
    } else {
        (void)broker_cluster_stall(trial->cluster, trouble->node, true);
    }
    relieve_later(trouble);
}

/* Unknown for a while, or an address that nobody listens on comes first. */
static void trouble_names(struct trouble *trouble) {
    struct trial *trial = trouble->trial;
    trouble->node = any_node(trouble);
    bool unknown = choose(trouble, 2) == 0;
    trial_say(trial, "the name of node %d %s", trouble->node,
              unknown ? "is unknown" : "leads to nobody first");
    brokers_misname(trial, trouble->node, unknown);
    relieve_later(trouble);
}

/* ---- topics ---------------------------------------------------------------------------------- */

static void trouble_limit(struct trouble *trouble) {
    const char *topic = any_partition(trouble);
    uint32_t bytes = (uint32_t)1 << (6 + choose(trouble, 12));
    bytes = choose(trouble, 4) == 0 ? 0 : bytes + (uint32_t)choose(trouble, bytes);
    trial_say(trouble->trial, "max.message.bytes of %s becomes %u", topic, bytes);
    /* Refused when the topic is not there. */
    (void)broker_cluster_topic_limit(trouble->trial->cluster, topic, bytes);
}

static void trouble_keys(struct trouble *trouble) {
    const char *topic = any_partition(trouble);
    bool required = choose(trouble, 2) == 0;
    trial_say(trouble->trial, "%s %s keys", topic, required ? "needs" : "needs no");
    (void)broker_cluster_topic_keys(trouble->trial->cluster, topic, required);
}

static void trouble_recreate(struct trouble *trouble) {
    (void)any_partition(trouble);
    brokers_topic_delete(trouble->trial, trouble->topic);
    if (choose(trouble, 2) == 0 && trouble->trial->topics_made) {
        brokers_topics_make(trouble->trial);
    } else if (trouble->trial->topics_made) {
        relieve_later(trouble);
    }
}

static void trouble_grow(struct trouble *trouble) {
    (void)any_partition(trouble);
    brokers_topic_grow(trouble->trial, trouble->topic);
}

static void trouble_clock(struct trouble *trouble) {
    rt_sim_wall_jump(trouble->trial->world, (int64_t)choose(trouble, 7200000) - 3600000);
}

static void trouble_memory(struct trouble *trouble) {
    rt_sim_fail_memory(trouble->trial->world, 1 + choose(trouble, 100));
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void (*const makers[TROUBLE_COUNT])(struct trouble *trouble) = {
    [TROUBLE_CUT] = trouble_cut,
    [TROUBLE_CUT_ANSWERS] = trouble_cut,
    [TROUBLE_REFUSE] = trouble_network,
    [TROUBLE_BLACKHOLE] = trouble_network,
    [TROUBLE_STALL] = trouble_network,
    [TROUBLE_LEADER_MOVES] = trouble_leader,
    [TROUBLE_LEADER_LOST] = trouble_leader,
    [TROUBLE_KILL] = trouble_node,
    [TROUBLE_BROKER_STALLS] = trouble_node,
    [TROUBLE_REQUESTS] = trouble_requests,
    [TROUBLE_ANSWERS] = trouble_answers,
    [TROUBLE_ERRORS] = trouble_errors,
    [TROUBLE_REFUSALS] = trouble_refusals,
    [TROUBLE_CLOCK] = trouble_clock,
    [TROUBLE_MEMORY] = trouble_memory,
    [TROUBLE_LIMIT] = trouble_limit,
    [TROUBLE_KEYS] = trouble_keys,
    [TROUBLE_ELECTION] = trouble_election,
    [TROUBLE_STALE] = trouble_node,
    [TROUBLE_DISK] = trouble_disk,
    [TROUBLE_RECREATE] = trouble_recreate,
    [TROUBLE_GROW] = trouble_grow,
    [TROUBLE_CONTROLLER] = trouble_controller,
    [TROUBLE_NAMES] = trouble_names,
    [TROUBLE_THROTTLE] = trouble_throttle,
};

static void trouble_event(void *context) {
    struct trouble *trouble = context;
    struct trial *trial = trouble->trial;
    if (!trial->peaceful) {
        trial_say(trial, "trouble %u: %s", trouble->index, plan_trouble_name(trouble->kind));
        makers[trouble->kind](trouble);
    }
    free(trouble);
}

static void audit_event(void *context) {
    struct trial *trial = context;
    if (!trial->peaceful) {
        brokers_audit(trial);
    }
}

static void step_event(void *context) {
    struct trial *trial = context;
    trial->steps++;
    for (unsigned i = 0; i < trial->plan->event_count; i++) {
        if (trial->stepped[i] != NULL && trial->plan->events[i].at_step == trial->steps) {
            rt_sim_at(trial->world, rt_now(trial->world), trouble_event, trial->stepped[i]);
            trial->stepped[i] = NULL;
        }
    }
}

void trouble_forget(struct trial *trial) {
    for (unsigned i = 0; i < trial->plan->event_count; i++) {
        free(trial->stepped[i]);
        trial->stepped[i] = NULL;
    }
}

void trouble_start(struct trial *trial) {
    const struct plan *plan = trial->plan;
    uint64_t now_ns = rt_now(trial->world);
    for (unsigned i = 0; i < plan->event_count; i++) {
        const struct plan_event *event = &plan->events[i];
        if (event->left_out) {
            continue;
        }
        struct trouble *trouble = malloc(sizeof(*trouble));
        *trouble = (struct trouble){.trial = trial, .index = i, .kind = event->kind};
        sim_random_seed(&trouble->random, plan->seed, PLAN_STREAM_TROUBLE + event->stream);
        if (event->at_step > 0) {
            trial->stepped[i] = trouble;
        } else {
            rt_sim_at(trial->world, now_ns + event->at_ns, trouble_event, trouble);
        }
    }
    if (plan->steps) {
        rt_sim_on_arrival(trial->world, step_event, trial);
    }
    for (unsigned i = 0; i < plan->audits; i++) {
        rt_sim_at(trial->world, now_ns + plan->active_ns * (i + 1) / (plan->audits + 1),
                  audit_event, trial);
    }
}

static void heal_topics(struct trial *trial) {
    struct sim_random random;
    sim_random_seed(&random, trial->plan->seed, PLAN_STREAM_TROUBLE - 1);
    for (unsigned topic = 0; topic < trial->plan->topic_count; topic++) {
        const char *name = brokers_topic_name(topic);
        (void)broker_cluster_topic_limit(trial->cluster, name, 0);
        (void)broker_cluster_topic_keys(trial->cluster, name, false);
        for (int32_t i = 0; i < (int32_t)trial->ledger.partition_counts[topic]; i++) {
            if (broker_cluster_leader(trial->cluster, name, i) == 0) {
                int32_t node = 1 + (int32_t)plan_choose(&random, trial->plan->brokers.broker_count);
                broker_cluster_leader_move(trial->cluster, name, i, node);
            }
        }
    }
}

/* A request that met a fault before peace, and waited in a stalled broker, ends that broker now. */
static void restart_late(void *context) {
    restart_all(context);
}

void trouble_end(struct trial *trial) {
    trial->peaceful = true;
    rt_sim_on_arrival(trial->world, NULL, NULL);
    trouble_forget(trial);
    rt_sim_fail_memory(trial->world, 0);
    broker_cluster_fault_remove_all(trial->cluster);
    restart_all(trial);
    rt_sim_at(trial->world, rt_now(trial->world) + 100 * MS, restart_late, trial);
    brokers_name(trial);
    for (unsigned i = 0; i < trial->plan->brokers.broker_count; i++) {
        rt_sim_fault(trial->world, &trial->addresses[i], RT_SIM_HEAL);
        (void)broker_cluster_stale(trial->cluster, (int32_t)i + 1, false);
    }
    bool changed = plan_has(trial->plan, TROUBLE_RECREATE) || plan_has(trial->plan, TROUBLE_GROW);
    if (trial->topics_made || changed) {
        brokers_topics_make(trial);
    }
    heal_topics(trial);
}
