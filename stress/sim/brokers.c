/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The brokers of a trial: started, their topics made, deleted and grown, their logs read. */
#include "stress/sim/trial.h"

#define MS UINT64_C(1000000)
enum { BROKER_PORT = 9092 };

static const char *const hosts[PLAN_BROKERS_MAX] = {"one.kafka",  "two.kafka",  "three.kafka",
                                                    "four.kafka", "five.kafka", "six.kafka",
                                                    "seven.kafka"};

const char *brokers_topic_name(unsigned topic) {
    static const char *const names[PLAN_TOPICS_MAX] = {"orders", "payments", "clicks", "a.b_c-d"};
    return names[topic];
}

bool brokers_topic_is_ghost(const struct trial *trial, unsigned topic) {
    return trial->plan->ghost_topic && topic + 1 == trial->plan->topic_count;
}

/* ---- starting -------------------------------------------------------------------------------- */

void brokers_topics_make(struct trial *trial) {
    for (unsigned i = 0; i < trial->plan->topic_count; i++) {
        if (brokers_topic_is_ghost(trial, i)) {
            continue;
        }
        const char *name = brokers_topic_name(i);
        uint32_t wanted = trial->ledger.partition_counts[i];
        uint32_t count = broker_cluster_partition_count(trial->cluster, name);
        sluice_code code = SLUICE_OK;
        if (count == 0) {
            code = broker_cluster_topic_create(trial->cluster, name, wanted);
        } else if (count < wanted) {
            code = broker_cluster_topic_grow(trial->cluster, name, wanted);
        }
        if (code != SLUICE_OK) {
            verdict_fail(&trial->verdict, "topic %u: %s", i, sluice_code_name(code));
        }
    }
    trial->topics_made = true;
}

static void topics_declare(void *context) {
    brokers_topics_make(context);
}

void brokers_name(struct trial *trial) {
    for (unsigned i = 0; i < trial->plan->brokers.broker_count; i++) {
        rt_sim_name(trial->world, hosts[i], &trial->addresses[i], 1);
    }
}

void brokers_misname(struct trial *trial, int32_t node, bool unknown) {
    const struct rt_address nobody = {.ip = {10, 9, 9, 9}, .port = BROKER_PORT, .family = 4};
    const struct rt_address both[] = {nobody, trial->addresses[node - 1]};
    rt_sim_name(trial->world, hosts[node - 1], both, unknown ? 0 : 2);
}

void brokers_start(struct trial *trial) {
    const struct plan *plan = trial->plan;
    struct broker_listen listens[PLAN_BROKERS_MAX];
    for (unsigned i = 0; i < plan->brokers.broker_count; i++) {
        trial->addresses[i] = (struct rt_address){
            .ip = {10, 0, 0, (uint8_t)(i + 1)}, .port = BROKER_PORT, .family = 4};
        listens[i] = (struct broker_listen){.address = trial->addresses[i], .host = hosts[i]};
    }
    brokers_name(trial);
    trial->cluster = broker_cluster_create(trial->world, &plan->brokers, listens);
    rt_sim_settle(trial->world);
    if (plan->topics_declared && plan->topics_at_ns == 0) {
        brokers_topics_make(trial);
    } else if (plan->topics_declared) {
        rt_sim_at(trial->world, plan->topics_at_ns, topics_declare, trial);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_record(const sluice_broker_record *record, void *context) {
    ledger_found(context, record);
    return true;
}

static void topic_read(struct trial *trial, unsigned topic) {
    const char *name = brokers_topic_name(topic);
    uint32_t count = broker_cluster_partition_count(trial->cluster, name);
    if (count > trial->ledger.partition_counts[topic]) {
        verdict_fail(&trial->verdict, "topic %u has %u partitions", topic, count);
    }
    for (int32_t partition = 0; partition < (int32_t)count; partition++) {
        struct ledger_reading reading = {
            .ledger = &trial->ledger, .topic = topic, .partition = partition};
        if (broker_cluster_read(trial->cluster, name, partition, 0, read_record, &reading) < 0) {
            verdict_fail(&trial->verdict, "partition %d of topic %u cannot be read", partition,
                         topic);
        }
    }
}

static void logs_read(struct trial *trial) {
    ledger_read_begin(&trial->ledger);
    for (unsigned topic = 0; topic < trial->plan->topic_count; topic++) {
        topic_read(trial, topic);
    }
}

void brokers_audit(struct trial *trial) {
    logs_read(trial);
    ledger_audit(&trial->ledger);
}

void brokers_read_all(struct trial *trial) {
    logs_read(trial);
    ledger_close(&trial->ledger);
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool lose_record(const sluice_broker_record *record, void *context) {
    ledger_lost(context, record);
    return true;
}

void brokers_elect(struct trial *trial, unsigned topic, int32_t partition, int32_t node) {
    const char *name = brokers_topic_name(topic);
    int64_t replicated = broker_cluster_replicated(trial->cluster, name, partition);
    if (replicated < 0) {
        return;
    }
    (void)broker_cluster_read(trial->cluster, name, partition, replicated, lose_record,
                              &trial->ledger);
    /* Refused when that node is down. */
    if (broker_cluster_elect(trial->cluster, name, partition, node) == SLUICE_OK) {
        trial_say(trial, "%s/%d is led by %d, cut at %d", name, partition, node, (int)replicated);
    }
}

void brokers_topic_delete(struct trial *trial, unsigned topic) {
    const char *name = brokers_topic_name(topic);
    ledger_read_begin(&trial->ledger);
    topic_read(trial, topic);
    if (broker_cluster_topic_delete(trial->cluster, name) == SLUICE_OK) {
        trial_say(trial, "%s is deleted", name);
        ledger_topic_gone(&trial->ledger, topic);
    }
}

void brokers_topic_grow(struct trial *trial, unsigned topic) {
    const char *name = brokers_topic_name(topic);
    uint32_t *count = &trial->ledger.partition_counts[topic];
    if (*count < PLAN_PARTITIONS_END &&
        broker_cluster_topic_grow(trial->cluster, name, *count + 1) == SLUICE_OK) {
        (*count)++;
        trial_say(trial, "%s has %u partitions", name, *count);
    }
}
