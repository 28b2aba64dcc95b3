/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actors/metadata/addresses.h"

#include <string.h>

#include "actors/broker.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

void addresses_restart(struct addresses *addresses, struct producer *producer) {
    addresses->taken = 0;
    addresses->known_offset = (uint32_t)(rt_random(producer->world) >> 32);
    addresses->bootstrap_offset = (uint32_t)(rt_random(producer->world) >> 32);
}

static void address_of_broker(struct address *address, const struct broker *broker) {
    address->node = broker->node;
    address->port = broker->port;
    memcpy(address->host, broker->host, sizeof address->host);
}

/* The list was parsed at open, so it has no errors. */
static void address_of_server(struct address *address, const char *list, uint32_t index) {
    struct sluice_server server;
    for (uint32_t i = 0; i <= index; i++) {
        sluice_code code = sluice_servers_next(&list, &server, NULL);
        RT_ASSERT(code == SLUICE_OK);
    }
    _Static_assert(sizeof server.host <= sizeof address->host, "a server's host fits");
    address->node = -1;
    address->port = server.port;
    memcpy(address->host, server.host, sizeof server.host);
}

static bool is_known(const struct snapshot *snapshot, const struct address *address) {
    for (uint32_t i = 0; i < snapshot->broker_count; i++) {
        if (snapshot->brokers[i]->port == address->port &&
            strcmp(snapshot->brokers[i]->host, address->host) == 0) {
            return true;
        }
    }
    return false;
}

struct counts {
    uint32_t known, servers;
};

static struct counts counts_of(const struct addresses *addresses, struct producer *producer) {
    const struct snapshot *snapshot = metadata_now(&producer->metadata);
    bool known_too = snapshot != NULL && !addresses->bootstrap_only;
    uint32_t known = known_too ? snapshot->broker_count : 0;
    bool never_back = known > 0 && producer->config->recovery_strategy == SLUICE_RECOVERY_NONE;
    uint32_t servers = never_back ? 0 : sluice_servers_count(producer->config->bootstrap_servers);
    return (struct counts){known, servers};
}

uint32_t addresses_patience_ms(const struct addresses *addresses, struct producer *producer,
                               uint32_t failed_rounds) {
    struct counts counts = counts_of(addresses, producer);
    uint32_t others = (counts.known > counts.servers ? counts.known : counts.servers) - 1;
    return others == 0 ? 0 : 1000u << (failed_rounds < 10 ? failed_rounds : 10);
}

bool addresses_next(struct addresses *addresses, struct producer *producer,
                    struct address *address) {
    const char *list = producer->config->bootstrap_servers;
    const struct snapshot *snapshot = metadata_now(&producer->metadata);
    struct counts counts = counts_of(addresses, producer);
    uint32_t known = counts.known, servers = counts.servers;
    bool known_too = known > 0;
    while (addresses->taken < known + servers) {
        uint32_t at = addresses->taken++;
        if (at < known) {
            uint32_t index = (addresses->known_offset % known + at) % known;
            address_of_broker(address, snapshot->brokers[index]);
            return true;
        }
        RT_ASSERT(servers > 0);
        uint32_t index = (addresses->bootstrap_offset % servers + at - known) % servers;
        address_of_server(address, list, index);
        if (!known_too || !is_known(snapshot, address)) {
            return true;
        }
    }
    return false;
}
