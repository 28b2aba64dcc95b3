/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trouble: faults of the network and of the brokers at drawn times, each with an end. */
#include "stress/sim/trial.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)
enum { API_PRODUCE = 0, API_METADATA = 3, API_VERSIONS = 18, API_PRODUCER_ID = 22 };

/* The end of one trouble. */
struct relief {
    struct trial *trial;
    enum plan_trouble kind;
    int32_t node;
    unsigned topic;
    int32_t partition;
};

static uint64_t choose(struct trial *trial, uint64_t n) {
    return rt_sim_choose(trial->world, n);
}

static int32_t any_node(struct trial *trial) {
    return 1 + (int32_t)choose(trial, PLAN_BROKERS);
}

static void restart_all(struct trial *trial) {
    for (int32_t node = 1; node <= PLAN_BROKERS; node++) {
        /* Refused for those that run. */
        (void)broker_cluster_restart(trial->cluster, node, trial->plan->keep);
        (void)broker_cluster_stall(trial->cluster, node, false);
    }
}

static void relieve(void *context) {
    struct relief *relief = context;
    struct trial *trial = relief->trial;
    if (!trial->peaceful) {
        trial_say(trial, "%s ends", plan_trouble_name(relief->kind));
        switch (relief->kind) {
        case TROUBLE_REFUSE:
        case TROUBLE_BLACKHOLE:
        case TROUBLE_STALL:
            rt_sim_fault(trial->world, &trial->addresses[relief->node - 1], RT_SIM_HEAL);
            break;
        case TROUBLE_LEADER_LOST:
            broker_cluster_leader_move(trial->cluster, application_topic_name(relief->topic),
                                       relief->partition, relief->node);
            break;
        default:
            restart_all(trial);
        }
    }
    free(relief);
}

static void relieve_later(struct trial *trial, struct relief relief) {
    struct relief *later = malloc(sizeof(*later));
    *later = relief;
    uint64_t after_ns = MS + choose(trial, 3000 * MS);
    rt_sim_at(trial->world, rt_now(trial->world) + after_ns, relieve, later);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void add_fault(struct trial *trial, sluice_broker_fault fault) {
    fault.skip = (uint32_t)choose(trial, 6);
    fault.count = 1 + (uint32_t)choose(trial, 3);
    fault.delay_ms = 1 + (uint32_t)choose(trial, 2000);
    if (choose(trial, 2) == 0) {
        fault.node = any_node(trial);
    }
    trial_say(trial, "fault: api %d node %d action %d error %d skip %u count %u delay %u ms",
              fault.api_key, fault.node, (int)fault.action, fault.error_code, fault.skip,
              fault.count, fault.delay_ms);
    broker_cluster_fault_add(trial->cluster, &fault);
}

static int16_t any_api(struct trial *trial) {
    static const int16_t apis[] = {API_METADATA, API_VERSIONS, API_PRODUCER_ID};
    return choose(trial, 10) < 7 ? API_PRODUCE : apis[choose(trial, 3)];
}

static void trouble_requests(struct trial *trial) {
    static const sluice_broker_action actions[] = {
        SLUICE_FAULT_DELAY,      SLUICE_FAULT_THROTTLE,    SLUICE_FAULT_DROP,
        SLUICE_FAULT_CUT_BEFORE, SLUICE_FAULT_CUT_AFTER,   SLUICE_FAULT_CUT_HALF,
        SLUICE_FAULT_STALL,      SLUICE_FAULT_KILL_BEFORE, SLUICE_FAULT_KILL_AFTER,
        SLUICE_FAULT_MOVE_LEADER};
    unsigned count = sizeof(actions) / sizeof(actions[0]);
    sluice_broker_fault fault = sluice_broker_fault_any(actions[choose(trial, count)]);
    bool moves = fault.action == SLUICE_FAULT_MOVE_LEADER;
    fault.api_key = moves ? API_PRODUCE : any_api(trial);
    add_fault(trial, fault);
    relieve_later(trial, (struct relief){.trial = trial, .kind = TROUBLE_KILL});
}

static void trouble_answers(struct trial *trial) {
    sluice_broker_fault fault =
        sluice_broker_fault_any((sluice_broker_action)(SLUICE_FAULT_GARBAGE + choose(trial, 3)));
    fault.api_key = any_api(trial);
    add_fault(trial, fault);
}

static void trouble_errors(struct trial *trial) {
    static const int16_t not_written[] = {2, 5, 19, 74, 75, 100};
    static const int16_t unsure[] = {3, 6, 7, 20, 56};
    static const int16_t metadata[] = {3, 5};
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = API_PRODUCE;
    switch (choose(trial, 4)) {
    case 0:
        fault.error_code = not_written[choose(trial, 6)];
        break;
    case 1:
        fault.error_code = unsure[choose(trial, 5)];
        break;
    case 2:
        fault.action = SLUICE_FAULT_ERROR_APPENDED;
        fault.error_code = unsure[choose(trial, 5)];
        break;
    default:
        fault.api_key = API_METADATA;
        fault.error_code = metadata[choose(trial, 2)];
    }
    add_fault(trial, fault);
}

static void trouble_refusals(struct trial *trial) {
    static const int16_t codes[] = {10, 17, 29, 44, 87, -1};
    sluice_broker_fault fault = sluice_broker_fault_any(SLUICE_FAULT_ERROR);
    fault.api_key = API_PRODUCE;
    fault.error_code = codes[choose(trial, 6)];
    add_fault(trial, fault);
}

/* ---- network, leaders, nodes ----------------------------------------------------------------- */

static void trouble_network(struct trial *trial, enum plan_trouble kind) {
    static const enum rt_sim_fault faults[] = {[TROUBLE_REFUSE] = RT_SIM_REFUSE,
                                               [TROUBLE_BLACKHOLE] = RT_SIM_BLACKHOLE,
                                               [TROUBLE_STALL] = RT_SIM_STALL};
    int32_t node = any_node(trial);
    trial_say(trial, "%s: node %d", plan_trouble_name(kind), node);
    rt_sim_fault(trial->world, &trial->addresses[node - 1], faults[kind]);
    relieve_later(trial, (struct relief){.trial = trial, .kind = kind, .node = node});
}

static void trouble_leader(struct trial *trial, bool lost) {
    unsigned topic = (unsigned)choose(trial, trial->plan->topic_count);
    int32_t partition = (int32_t)choose(trial, trial->plan->partition_counts[topic]);
    int32_t node = any_node(trial);
    trial_say(trial, "leader of %s/%d becomes %d", application_topic_name(topic), partition,
              lost ? 0 : node);
    broker_cluster_leader_move(trial->cluster, application_topic_name(topic), partition,
                               lost ? 0 : node);
    if (lost) {
        relieve_later(trial, (struct relief){.trial = trial,
                                             .kind = TROUBLE_LEADER_LOST,
                                             .node = node,
                                             .topic = topic,
                                             .partition = partition});
    }
}

static void trouble_node(struct trial *trial, enum plan_trouble kind) {
    int32_t node = any_node(trial);
    trial_say(trial, "%s: node %d", plan_trouble_name(kind), node);
    if (kind == TROUBLE_KILL) {
        if (choose(trial, 2) == 0) {
            rt_sim_cut(trial->world, &trial->addresses[node - 1], choose(trial, 2) == 0);
        }
        (void)broker_cluster_kill(trial->cluster, node);
    } else {
        (void)broker_cluster_stall(trial->cluster, node, true);
    }
    relieve_later(trial, (struct relief){.trial = trial, .kind = kind});
}

/* ---- topics ---------------------------------------------------------------------------------- */

static void trouble_limit(struct trial *trial) {
    unsigned topic = (unsigned)choose(trial, trial->plan->topic_count);
    uint32_t bytes = (uint32_t)1 << (6 + choose(trial, 12));
    bytes = choose(trial, 4) == 0 ? 0 : bytes + (uint32_t)choose(trial, bytes);
    trial_say(trial, "max.message.bytes of %s becomes %u", application_topic_name(topic), bytes);
    /* Refused when the topic is not there. */
    (void)broker_cluster_topic_limit(trial->cluster, application_topic_name(topic), bytes);
}

static void trouble_keys(struct trial *trial) {
    unsigned topic = (unsigned)choose(trial, trial->plan->topic_count);
    bool required = choose(trial, 2) == 0;
    trial_say(trial, "%s %s keys", application_topic_name(topic), required ? "needs" : "needs no");
    (void)broker_cluster_topic_keys(trial->cluster, application_topic_name(topic), required);
}

static void trouble_make(struct trial *trial, enum plan_trouble kind) {
    int32_t node = any_node(trial);
    switch (kind) {
    case TROUBLE_CUT:
    case TROUBLE_CUT_ANSWERS:
        trial_say(trial, "%s: node %d", plan_trouble_name(kind), node);
        rt_sim_cut(trial->world, &trial->addresses[node - 1], kind == TROUBLE_CUT_ANSWERS);
        break;
    case TROUBLE_REFUSE:
    case TROUBLE_BLACKHOLE:
    case TROUBLE_STALL:
        trouble_network(trial, kind);
        break;
    case TROUBLE_LEADER_MOVES:
    case TROUBLE_LEADER_LOST:
        trouble_leader(trial, kind == TROUBLE_LEADER_LOST);
        break;
    case TROUBLE_KILL:
    case TROUBLE_BROKER_STALLS:
        trouble_node(trial, kind);
        break;
    case TROUBLE_REQUESTS:
        trouble_requests(trial);
        break;
    case TROUBLE_ANSWERS:
        trouble_answers(trial);
        break;
    case TROUBLE_ERRORS:
        trouble_errors(trial);
        break;
    case TROUBLE_REFUSALS:
        trouble_refusals(trial);
        break;
    case TROUBLE_CLOCK:
        rt_sim_wall_jump(trial->world, (int64_t)choose(trial, 7200000) - 3600000);
        break;
    case TROUBLE_MEMORY:
        rt_sim_fail_memory(trial->world, 1 + choose(trial, 100));
        break;
    case TROUBLE_LIMIT:
        trouble_limit(trial);
        break;
    case TROUBLE_KEYS:
        trouble_keys(trial);
        break;
    case TROUBLE_COUNT:
        break;
    }
}

static void trouble_event(void *context) {
    struct trial *trial = context;
    if (trial->peaceful) {
        return;
    }
    enum plan_trouble kind;
    do {
        kind = (enum plan_trouble)choose(trial, TROUBLE_COUNT);
    } while (!plan_has(trial->plan, kind));
    trouble_make(trial, kind);
}

void trouble_start(struct trial *trial) {
    uint64_t now_ns = rt_now(trial->world);
    for (unsigned i = 0; i < trial->plan->trouble_count; i++) {
        rt_sim_at(trial->world, now_ns + choose(trial, trial->plan->active_ns), trouble_event,
                  trial);
    }
}

void trouble_end(struct trial *trial) {
    trial->peaceful = true;
    rt_sim_fail_memory(trial->world, 0);
    broker_cluster_fault_remove_all(trial->cluster);
    restart_all(trial);
    for (unsigned i = 0; i < PLAN_BROKERS; i++) {
        rt_sim_fault(trial->world, &trial->addresses[i], RT_SIM_HEAL);
    }
    for (unsigned topic = 0; topic < trial->plan->topic_count; topic++) {
        const char *name = application_topic_name(topic);
        (void)broker_cluster_topic_limit(trial->cluster, name, 0);
        (void)broker_cluster_topic_keys(trial->cluster, name, false);
        for (int32_t i = 0; i < (int32_t)trial->plan->partition_counts[topic]; i++) {
            if (broker_cluster_leader(trial->cluster, name, i) == 0) {
                broker_cluster_leader_move(trial->cluster, name, i, any_node(trial));
            }
        }
    }
}
