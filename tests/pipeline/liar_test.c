/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Brokers whose answers are well formed and say anything at all: partitions that nobody asked
 * about, leaders that do not exist, topics that change their id, offsets and epochs at random.
 * Nothing may crash, hang or leak, and each record still gets one outcome in its time.
 */
#include "pipeline/rig.h"

#include "actors/link_peer.h"
#include "protocol/init_producer_id.h"
#include "protocol/metadata.h"
#include "protocol/produce.h"

enum { LIARS = 3, FRAME_BYTES_MAX = 65536 };

/* How one batch is refused, by who tells the truth otherwise. */
struct refusal {
    int16_t error_code;
    int32_t leader_id, leader_epoch;
    struct kafka_node_endpoint leader;
    struct kafka_record_error named[4];
    uint32_t named_count;
};

struct liars {
    struct rt_world *world;
    struct peer peers[LIARS];
    uint64_t truth_percent;
    const struct refusal *refusal; /* of the next batch; NULL: none */
    unsigned refusals;
    bool sends_away;    /* the second asks to begin again with the bootstrap servers */
    unsigned sent_away; /* how often it did */
};

static uint64_t choose(struct liars *liars, uint64_t n) {
    return rt_sim_choose(liars->world, n);
}

static bool lies(struct liars *liars) {
    return choose(liars, 100) >= liars->truth_percent;
}

static int32_t odd_number(struct liars *liars, int32_t usual) {
    static const int32_t odd[] = {-1, 0, 1, 2, 7, 1000, INT32_MAX, INT32_MIN, -2};
    return lies(liars) ? odd[choose(liars, sizeof odd / sizeof odd[0])] : usual;
}

static struct kafka_text text(const char *string) {
    return (struct kafka_text){.data = string, .size = strlen(string)};
}

/* Of a node; a lie is a name that resolves to nothing, is none, or is longer than any may be. */
static struct kafka_text odd_host(struct liars *liars, int32_t node) {
    static const char *const hosts[LIARS] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
    static char longest[300];
    memset(longest, 'h', sizeof longest);
    const struct kafka_text odd[] = {text("10.0.0.1"), text("10.0.0.3"),    text("no.such.host"),
                                     text(""),         {"10.0.0.2\0x", 10}, {longest, 300}};
    return lies(liars) ? odd[choose(liars, sizeof odd / sizeof odd[0])] : text(hosts[node - 1]);
}

static void send(struct peer_side *side, const struct kafka_writer *writer, const uint8_t *frame) {
    if (!writer->failed) {
        peer_say(side, frame, kafka_writer_size(writer));
    }
}

static int32_t odd_port(struct liars *liars) {
    static const int32_t odd[] = {0, -9092, 9092, 70000, INT32_MAX};
    return lies(liars) ? odd[choose(liars, sizeof odd / sizeof odd[0])] : 9092;
}

/* ---- metadata -------------------------------------------------------------------------------- */

static void list_partitions(struct liars *liars, struct kafka_writer *writer, int16_t version,
                            uint32_t count) {
    int32_t replicas[] = {1, 2, 3};
    for (uint32_t i = 0; i < count; i++) {
        int32_t index = odd_number(liars, (int32_t)i);
        kafka_metadata_response_partition(
            writer, version,
            &(struct kafka_metadata_answer_partition){
                .error_code = (int16_t)(lies(liars) ? choose(liars, 120) : 0),
                .index = index,
                .leader_id = odd_number(liars, 1 + (int32_t)(i % LIARS)),
                .leader_epoch = odd_number(liars, 5),
                .replicas = replicas,
                .replica_count = 3,
                .in_sync = replicas,
                .in_sync_count = 3});
    }
}

static void answer_metadata(struct liars *liars, struct peer_side *side,
                            const struct kafka_request_header *header, int16_t error_code) {
    static uint8_t frame[FRAME_BYTES_MAX];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_metadata_broker brokers[LIARS];
    for (int32_t i = 0; i < LIARS; i++) {
        brokers[i] = (struct kafka_metadata_broker){.node_id = odd_number(liars, i + 1),
                                                    .host = odd_host(liars, i + 1),
                                                    .port = odd_port(liars)};
    }
    struct kafka_metadata_answer answer = {.brokers = brokers,
                                           .broker_count = lies(liars) ? 0 : LIARS,
                                           .cluster_id =
                                               lies(liars) ? KAFKA_TEXT_NULL : text("liars"),
                                           .controller_id = odd_number(liars, 1),
                                           .topic_count = lies(liars) ? 2 : 1,
                                           .error_code = error_code,
                                           .throttle_time_ms = lies(liars) ? 50 : 0};
    size_t at = kafka_metadata_response_begin(&writer, header->api_version, header->correlation_id,
                                              &answer);
    for (uint32_t i = 0; i < answer.topic_count; i++) {
        uint32_t count = lies(liars) ? (uint32_t)choose(liars, 5) : 3;
        struct kafka_metadata_answer_topic topic = {
            .error_code = (int16_t)(lies(liars) ? choose(liars, 120) : 0),
            .name = text(i == 0 || lies(liars) ? "orders" : "other"),
            .id = {.bytes = {(uint8_t)(lies(liars) ? choose(liars, 3) : 1)}},
            .partition_count = count};
        kafka_metadata_response_topic(&writer, header->api_version, &topic);
        list_partitions(liars, &writer, header->api_version, count);
        kafka_metadata_response_topic_end(&writer, header->api_version);
    }
    kafka_metadata_response_end(&writer, header->api_version, at, &answer);
    send(side, &writer, frame);
}

/* ---- identity -------------------------------------------------------------------------------- */

static void answer_identity(struct liars *liars, struct peer_side *side,
                            const struct kafka_request_header *header) {
    uint8_t frame[256];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_init_producer_id_response response = {
        .error_code = (int16_t)(lies(liars) ? choose(liars, 120) : 0),
        .producer_id = odd_number(liars, 4711),
        .producer_epoch = (int16_t)odd_number(liars, 0)};
    kafka_init_producer_id_response_encode(&writer, header->api_version, header->correlation_id,
                                           &response);
    if (lies(liars)) { /* whole as a frame, and too short for what it is */
        frame[3] = 8;
        writer.at = frame + 12;
    }
    send(side, &writer, frame);
}

/* ---- produce --------------------------------------------------------------------------------- */

static void refuse_partition(struct liars *liars, struct kafka_writer *writer, int16_t version,
                             int32_t index) {
    const struct refusal *refusal = liars->refusal;
    kafka_produce_response_partition(
        writer, version,
        &(struct kafka_produce_outcome){.index = index,
                                        .error_code = refusal->error_code,
                                        .base_offset = -1,
                                        .log_append_time_ms = -1,
                                        .record_errors = refusal->named,
                                        .record_error_count = refusal->named_count,
                                        .leader_id = refusal->leader_id,
                                        .leader_epoch = refusal->leader_epoch});
    liars->refusals++;
}

static void answer_partition(struct liars *liars, struct kafka_writer *writer, int16_t version,
                             int32_t index) {
    if (liars->refusal != NULL) {
        refuse_partition(liars, writer, version, index);
        return;
    }
    static const int16_t errors[] = {2,  3,  6,  7,  10, 19, 20, 45,  46,
                                     47, 49, 53, 56, 59, 87, 87, 999, -1};
    bool refused = lies(liars);
    const struct kafka_record_error named = {odd_number(liars, 0), text("odd")};
    kafka_produce_response_partition(
        writer, version,
        &(struct kafka_produce_outcome){
            .index = odd_number(liars, index),
            .error_code = refused ? errors[choose(liars, sizeof errors / sizeof errors[0])] : 0,
            .base_offset =
                lies(liars) ? -1 - (int64_t)choose(liars, 2) : (int64_t)choose(liars, 99),
            .log_append_time_ms = lies(liars) ? INT64_MAX - (int64_t)choose(liars, 2) : -1,
            .record_errors = &named,
            .record_error_count = refused && lies(liars) ? 1 : 0,
            .leader_id = refused && lies(liars) ? 2 : odd_number(liars, -1),
            .leader_epoch = odd_number(liars, -1)});
}

static void answer_produce(struct liars *liars, struct peer_side *side,
                           const struct kafka_request_header *header, struct kafka_reader body) {
    static uint8_t frame[FRAME_BYTES_MAX];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_produce_received request;
    int16_t version = header->api_version;
    cr_assert(kafka_produce_request_open(&request, &body, version));
    if (request.acks == 0) {
        return;
    }
    size_t at =
        kafka_produce_response_begin(&writer, version, header->correlation_id, request.topic_count);
    struct kafka_produce_received_topic topic;
    while (kafka_produce_request_next(&request, &topic)) {
        uint32_t count = topic.partition_count;
        count = lies(liars) ? (uint32_t)choose(liars, count + 2) : count;
        kafka_produce_response_topic(&writer, version, topic.name, topic.id, count);
        struct kafka_produce_received_partition partition = {.index = 0};
        for (uint32_t i = 0; i < count; i++) {
            kafka_produce_request_topic_next(&topic, &partition);
            answer_partition(liars, &writer, version, partition.index);
        }
        kafka_produce_response_topic_end(&writer, version);
    }
    struct kafka_node_endpoint endpoint = {
        .node_id = odd_number(liars, 2), .host = odd_host(liars, 2), .port = odd_port(liars)};
    endpoint = liars->refusal != NULL ? liars->refusal->leader : endpoint;
    liars->refusal = NULL;
    kafka_produce_response_end(&writer, version, at, lies(liars) ? odd_number(liars, 10) % 200 : 0,
                               &endpoint, version >= 10 ? 1 : 0);
    send(side, &writer, frame);
}

static void lie(struct peer *peer, struct peer_side *side,
                const struct kafka_request_header *header, struct kafka_reader body) {
    struct liars *liars = peer->context;
    if (peer_negotiate(peer, side, header)) {
        return;
    }
    switch (header->api_key) {
    case KAFKA_METADATA:
        if (liars->sends_away && peer == &liars->peers[1]) {
            liars->sent_away++;
            answer_metadata(liars, side, header, SLUICE_BROKER_REBOOTSTRAP_REQUIRED);
        } else {
            answer_metadata(liars, side, header, 0);
        }
        break;
    case KAFKA_INIT_PRODUCER_ID:
        answer_identity(liars, side, header);
        break;
    case KAFKA_PRODUCE:
        answer_produce(liars, side, header, body);
        break;
    default:
        peer_hang_up(side);
    }
}

static struct liars *liars_start(struct rig *rig, uint64_t truth_percent) {
    struct liars *liars = calloc(1, sizeof *liars);
    liars->world = rig->world;
    liars->truth_percent = truth_percent;
    for (int32_t i = 0; i < LIARS; i++) {
        struct rt_address address = rig_address(i + 1);
        peer_start(&liars->peers[i], rig->world, &address, lie);
        liars->peers[i].context = liars;
    }
    return liars;
}

static void liars_stop(struct liars *liars) {
    for (int i = 0; i < LIARS; i++) {
        peer_stop(&liars->peers[i], liars->world);
    }
    free(liars);
}

/* ---- trials ---------------------------------------------------------------------------------- */

static uint64_t believes(uint64_t seed, uint64_t truth_percent, const char *option,
                         const char *value) {
    const char *const settings[] = {"delivery.timeout.ms",
                                    "3000",
                                    "request.timeout.ms",
                                    "500",
                                    "linger.ms",
                                    "2",
                                    "retry.backoff.ms",
                                    "20",
                                    "reconnect.backoff.ms",
                                    "200",
                                    "metadata.max.age.ms",
                                    "300",
                                    option,
                                    value,
                                    NULL};
    struct rig_setup setup = {
        .seed = seed, .settings = settings, .bootstrap = "10.0.0.1:9092,10.0.0.2:9092"};
    struct rig *rig = rig_world(&setup);
    struct liars *liars = liars_start(rig, truth_percent);
    rig_open(rig, &setup);
    for (int i = 0; i < 100; i++) {
        rig_produce(rig, choose(liars, 3) == 0 ? (int32_t)choose(liars, 4) : RIG_ANY);
        rig_run(rig, choose(liars, 30));
        if (i % 25 == 24) {
            sluice_error error;
            sluice_cluster_free(sluice_cluster_fetch(rig->producer, NULL, 20, &error));
        }
        if (i == 50) { /* wanted from now on, and told of before */
            cr_assert_not_null(sluice_topic_open(rig->producer, "other", NULL, NULL));
        }
    }
    cr_expect(rig_await(rig, 100, 3200), "seed %d: %u of 100 are decided", (int)seed,
              rig->reported);
    sluice_code code = sluice_producer_close(rig->producer, 100);
    cr_expect_eq(code, SLUICE_OK);
    rig_poll(rig);
    rig_run(rig, 1000);
    rig_expect_quiet(rig);
    uint64_t persisted = rig_status(rig).records_persisted;
    liars_stop(liars);
    rig_free(rig);
    return persisted;
}

Test(liar, that_mostly_tells_the_truth) {
    uint64_t persisted = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        persisted += believes(seed, 97, "linger.ms", "1");
    }
    cr_expect_gt(persisted, 1000);
}

Test(liar, that_lies_half_the_time) {
    for (uint64_t seed = 100; seed <= 160; seed++) {
        believes(seed, 85, "linger.ms", "0");
    }
}

Test(liar, that_never_tells_the_truth) {
    for (uint64_t seed = 200; seed <= 240; seed++) {
        believes(seed, 40, "retries", "3");
    }
}

Test(liar, to_producers_without_idempotence) {
    for (uint64_t seed = 300; seed <= 340; seed++) {
        believes(seed, 95, "enable.idempotence", "false");
        believes(seed, 95, "acks", "0");
    }
}

/* KIP-1102: whom it sends away goes back to the servers it was given, and on from there. */
Test(liar, that_sends_clients_away_is_left_for_the_bootstrap_servers) {
    unsigned sent_away = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rig_setup setup = {
            .seed = seed,
            .bootstrap = "10.0.0.2:9092,10.0.0.1:9092",
            .settings = (const char *[]){"metadata.max.age.ms", "300", "linger.ms", "1", NULL}};
        struct rig *rig = rig_world(&setup);
        struct liars *liars = liars_start(rig, 100);
        liars->sends_away = true;
        rig_open(rig, &setup);
        for (int i = 0; i < 100; i++) {
            rig_produce(rig, i % LIARS);
            rig_run(rig, 50);
        }
        rig_flush(rig);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        cr_expect_leq(liars->sent_away, 5000 / 300 + 1, "at most once a refresh");
        sent_away += liars->sent_away;
        cr_assert_eq(sluice_producer_close(rig->producer, 1000), SLUICE_OK);
        liars_stop(liars);
        rig_free(rig);
    }
    cr_expect_gt(sent_away, 0, "it is asked first in some");
}

/* ---- one lie --------------------------------------------------------------------------------- */

/* Five records are produced, for one batch, which is refused once. */
static struct rig *start_refused(const struct refusal *refusal) {
    struct rig_setup setup = {.seed = 1,
                              .bootstrap = "10.0.0.1:9092",
                              .settings = (const char *[]){"linger.ms", "20", NULL}};
    struct rig *rig = rig_world(&setup);
    struct liars *liars = liars_start(rig, 100);
    rig->user = liars;
    rig_open(rig, &setup);
    rig_produce(rig, 0);
    rig_flush(rig);
    liars->refusal = refusal;
    rig_produce_some(rig, 0, 5);
    return rig;
}

static struct rig *refused_once(const struct refusal *refusal) {
    struct rig *rig = start_refused(refusal);
    cr_assert(rig_await(rig, 6, 20000), "%u of 6", rig->reported);
    cr_expect_eq(((struct liars *)rig->user)->refusals, 1);
    return rig;
}

static void end(struct rig *rig) {
    cr_assert_eq(sluice_producer_close(rig->producer, 1000), SLUICE_OK);
    rig_expect_quiet(rig);
    liars_stop(rig->user);
    rig_free(rig);
}

/* Twice, below zero, behind the last: one of five is refused, and the others go again. */
Test(liar, that_names_records_that_are_none_refuses_only_those_that_are) {
    const struct refusal refusal = {
        .error_code = SLUICE_BROKER_INVALID_RECORD,
        .leader_id = -1,
        .leader_epoch = -1,
        .leader = {.node_id = 2, .host = text("10.0.0.2"), .port = 9092},
        .named = {{-1, text("odd")}, {2, text("odd")}, {2, text("again")}, {5, text("odd")}},
        .named_count = 4};
    struct rig *rig = refused_once(&refusal);
    for (uint32_t i = 1; i < rig->count; i++) {
        const sluice_report *report = &rig->records[i].report;
        cr_expect_eq(report->outcome, i == 3 ? SLUICE_NOT_PERSISTED : SLUICE_PERSISTED, "%u", i);
        cr_expect_eq(report->error, i == 3 ? SLUICE_BROKER_INVALID_RECORD : SLUICE_OK, "%u", i);
    }
    end(rig);
}

/* The batch that names records is cut when there is memory for it. Until then it goes whole again,
 * and this broker takes it then. */
Test(liar, that_names_a_record_is_heard_when_memory_is_short) {
    static const struct refusal refusal = {.error_code = SLUICE_BROKER_INVALID_RECORD,
                                           .leader_id = -1,
                                           .leader_epoch = -1,
                                           .leader = {2, {"10.0.0.2", 8}, 9092, {NULL, 0}},
                                           .named = {{2, {"odd", 3}}},
                                           .named_count = 1};
    unsigned whole = 0;
    for (uint64_t nth = 1; nth <= 40; nth++) {
        struct rig *rig = start_refused(&refusal);
        rt_sim_spare_memory(rig->world, "peer");
        rt_sim_fail_memory(rig->world, nth);
        cr_assert(rig_await(rig, 6, 20000), "acquisition %d: %u of 6", (int)nth, rig->reported);
        rt_sim_fail_memory(rig->world, 0);
        for (uint32_t i = 1; i < rig->count; i++) {
            bool named = rig->records[i].report.outcome == SLUICE_NOT_PERSISTED;
            cr_expect(i == 3 || !named, "record %u", i);
            whole += i == 3 && !named;
        }
        end(rig);
    }
    cr_expect_gt(whole, 0);
    cr_expect_lt(whole, 40);
}

/* Whom it names as the leader cannot be connected to: what metadata tells counts. */
Test(liar, that_names_a_leader_with_an_impossible_address_is_not_believed) {
    static char longest[300];
    memset(longest, 'h', sizeof longest);
    const struct kafka_node_endpoint odd[] = {
        {.node_id = 2, .host = {longest, sizeof longest}, .port = 9092},
        {.node_id = 2, .host = {"10.0.0.2\0x", 10}, .port = 9092},
        {.node_id = 2, .host = text("10.0.0.2"), .port = 0},
        {.node_id = 2, .host = text("10.0.0.2"), .port = 65536},
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const struct refusal refusal = {.error_code = SLUICE_BROKER_NOT_LEADER_OR_FOLLOWER,
                                        .leader_id = 2,
                                        .leader_epoch = 6,
                                        .leader = odd[i]};
        struct rig *rig = refused_once(&refusal);
        rig_expect_all(rig, SLUICE_PERSISTED, SLUICE_OK);
        end(rig);
    }
}
