/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata answers made into snapshots, one after another, beside what a sound broker says.
 *
 * Input: operations. An answer is either bytes as they are, or written from the input with the
 * broker's encoder, so that the search gets past the format; leader hints come in between, and time
 * goes on. Checked after each: brokers are in order and once; leaders are among them; a topic that
 * is the same by its id never shrinks, and its leader epochs never go back, but behind an answer
 * that did not tell one. At the end every broker is held once, and all memory is back.
 */
#include "actors/metadata/state.h"
#include "stress/fuzz/fuzz.h"
#include "tests/actors/metadata_rig.h"

enum { TOPICS = 3, PARTITIONS_SEEN = 64, OPERATIONS_MAX = 40, FRAME_BYTES_MAX = 8192 };

static const char *const names[TOPICS] = {"orders", "payments", "x"};

/* What was published last, to compare with. */
struct seen {
    struct kafka_uuid id;
    int32_t partition_count;
    int32_t epochs[PARTITIONS_SEEN];
};

struct trial {
    struct rig *rig;
    struct rig_topic *topics[TOPICS];
    struct seen seen[TOPICS];
    bool untold; /* the last answer had a partition without an epoch, or older epochs were told so
                    often that the topic counts as made again: nothing can be compared */
};

enum { OLDER_MAY_BE_ANEW = 5 /* answers without an id: see actors/metadata/answer.c */ };

/* ---- what must hold -------------------------------------------------------------------------- */

static bool is_listed(const struct snapshot *snapshot, const struct broker *leader) {
    for (uint32_t i = 0; i < snapshot->broker_count; i++) {
        if (snapshot->brokers[i] == leader) {
            return true;
        }
    }
    return false;
}

static void topic_check(const struct snapshot *snapshot, const struct snapshot_topic *topic,
                        struct seen *seen, bool untold) {
    bool same = kafka_uuid_equal(seen->id, topic->id) || kafka_uuid_is_zero(seen->id);
    RT_ASSERT(topic->partition_count >= 0);
    RT_ASSERT(!same || topic->partition_count >= seen->partition_count);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct snapshot_partition *partition = &topic->partitions[i];
        RT_ASSERT(partition->leader == NULL || is_listed(snapshot, partition->leader));
        RT_ASSERT((partition->leader == NULL) == (partition->error != SLUICE_OK));
        if (i < PARTITIONS_SEEN) {
            bool told =
                same && !untold && i < seen->partition_count && partition->leader_epoch >= 0;
            RT_ASSERT(!told || partition->leader_epoch >= seen->epochs[i]);
            seen->epochs[i] = partition->leader_epoch;
        }
    }
    seen->id = topic->id;
    seen->partition_count = topic->partition_count;
}

static void snapshot_check(struct trial *trial) {
    const struct snapshot *snapshot = rig_snapshot(trial->rig);
    if (snapshot == NULL) {
        return;
    }
    for (uint32_t i = 0; i < snapshot->broker_count; i++) {
        const struct broker *broker = snapshot->brokers[i];
        RT_ASSERT(broker->node >= 0 && broker->port > 0 && broker->host[0] != '\0');
        RT_ASSERT(i == 0 || snapshot->brokers[i - 1]->node < broker->node);
        RT_ASSERT(atomic_load(&broker->holds) >= 1);
    }
    for (int i = 0; i < TOPICS; i++) {
        const struct snapshot_topic *topic = snapshot_find(snapshot, &trial->topics[i]->topic);
        if (topic != NULL) {
            topic_check(snapshot, topic, &trial->seen[i], trial->untold);
        }
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Small numbers mostly, now and then any. */
static int32_t small(struct fuzz_input *input) {
    uint8_t byte = fuzz_byte(input);
    return byte < 250 ? byte % 6 - 1 : (int32_t)fuzz_number(input, 4);
}

static struct kafka_text host_read(struct fuzz_input *input) {
    static const char *const hosts[] = {"b1.example",  "b2.example", "b3.example",
                                        "new.example", "10.0.0.1",   ""};
    uint8_t byte = fuzz_byte(input);
    if (byte < 250) {
        return kafka_text_of(hosts[byte % 6]);
    }
    size_t size = fuzz_byte(input);
    size = size < input->left ? size : input->left;
    struct kafka_text text = {(const char *)input->at, size};
    input->at += size;
    input->left -= size;
    return text;
}

static void topic_write(struct kafka_writer *writer, int16_t version, struct fuzz_input *input) {
    uint8_t id = fuzz_byte(input);
    struct kafka_metadata_answer_topic topic = {
        .error_code = (int16_t)(fuzz_byte(input) % 8 == 7 ? small(input) : 0),
        .name = kafka_text_of(names[id / 4 % TOPICS]),
        .partition_count = fuzz_byte(input) % 6,
    };
    topic.id.bytes[0] = id % 4;
    topic.id.bytes[15] = 1 + id / 4 % TOPICS;
    kafka_metadata_response_topic(writer, version, &topic);
    for (uint32_t i = 0; i < topic.partition_count; i++) {
        struct kafka_metadata_answer_partition partition = {
            .error_code = (int16_t)(fuzz_byte(input) % 8 == 7 ? small(input) : 0),
            .index = fuzz_byte(input) % 8 == 7 ? small(input) : (int32_t)i,
            .leader_id = small(input),
            .leader_epoch = small(input),
        };
        kafka_metadata_response_partition(writer, version, &partition);
    }
    kafka_metadata_response_topic_end(writer, version);
}

/* Header and body of an answer, behind the frame's length. */
static size_t answer_write(uint8_t *room, int16_t version, struct fuzz_input *input) {
    struct kafka_writer writer = kafka_writer_of(room, FRAME_BYTES_MAX);
    struct kafka_metadata_broker brokers[6];
    struct kafka_metadata_answer answer = {.brokers = brokers,
                                           .broker_count = fuzz_byte(input) % 6,
                                           .topic_count = fuzz_byte(input) % 5,
                                           .controller_id = -1};
    for (uint32_t i = 0; i < answer.broker_count; i++) {
        brokers[i] =
            (struct kafka_metadata_broker){.node_id = small(input),
                                           .host = host_read(input),
                                           .port = (int32_t)(9092u + (uint32_t)small(input))};
    }
    size_t frame_at = kafka_metadata_response_begin(&writer, version, 1, &answer);
    for (uint32_t i = 0; i < answer.topic_count; i++) {
        topic_write(&writer, version, input);
    }
    kafka_metadata_response_end(&writer, version, frame_at, &answer);
    RT_ASSERT(!writer.failed);
    size_t size = kafka_writer_size(&writer) - KAFKA_FRAME_PREFIX_SIZE;
    memmove(room, room + KAFKA_FRAME_PREFIX_SIZE, size);
    return size;
}

static bool has_untold(struct kafka_metadata_response answer) {
    struct kafka_metadata_topic topic;
    struct kafka_metadata_partition partition;
    bool untold = false;
    while (kafka_metadata_response_next_topic(&answer, &topic)) {
        while (kafka_metadata_topic_next(&topic, &partition)) {
            untold = untold || partition.leader_epoch < 0;
        }
    }
    return untold;
}

/* As the actor takes an answer to a request of its own, between two of its activations. */
static void answer_take(struct trial *trial, const uint8_t *bytes, size_t size, int16_t version,
                        uint8_t asked) {
    struct metadata *metadata = &trial->rig->producer.metadata;
    struct kafka_metadata_response answer;
    struct kafka_reader reader = kafka_reader_of(bytes, size);
    (void)kafka_correlation_decode(&reader);
    kafka_response_header_finish(&reader, KAFKA_METADATA, version);
    if (reader.failed || metadata->state->asking ||
        !kafka_metadata_response_open(&answer, &reader, version)) {
        return;
    }
    trial->untold = has_untold(answer);
    for (uint32_t i = 0; i < metadata->state->topic_count; i++) {
        metadata->state->topics[i].asked = (asked >> i & 1) == 0;
        trial->untold = trial->untold || metadata->state->topics[i].older >= OLDER_MAY_BE_ANEW;
    }
    (void)answer_learn(metadata, &answer);
    metadata_wake(metadata);
}

/* As the flusher posts it: node and epoch are numbers from 0 on. */
static void hint_take(struct trial *trial, struct fuzz_input *input) {
    struct metadata_hint *hint = rt_acquire(trial->rig->world, sizeof *hint);
    uint8_t topic = fuzz_byte(input);
    const struct snapshot *known = rig_snapshot(trial->rig);
    const struct snapshot_topic *entry =
        known != NULL ? snapshot_find(known, &trial->topics[topic % TOPICS]->topic) : NULL;
    *hint = (struct metadata_hint){.topic = &trial->topics[topic % TOPICS]->topic,
                                   .id = entry != NULL ? entry->id : (struct kafka_uuid){{0}},
                                   .index = small(input),
                                   .leader = small(input) & INT32_MAX,
                                   .leader_epoch = small(input) & INT32_MAX,
                                   .port = (uint16_t)fuzz_number(input, 2)};
    struct kafka_text host = host_read(input);
    if (host.size < sizeof hint->host) {
        memcpy(hint->host, host.data, host.size);
    }
    metadata_post_hint(&trial->rig->producer.metadata, hint);
}

static void operation_take(struct trial *trial, struct fuzz_input *input) {
    uint8_t operation = fuzz_byte(input);
    int16_t version = (int16_t)((operation >> 3) % 14);
    uint8_t *bytes;
    size_t size;
    switch (operation % 8) {
    case 0:
        bytes = fuzz_take(input, (size_t)fuzz_number(input, 2), &size);
        answer_take(trial, bytes, size, version, fuzz_byte(input));
        free(bytes);
        break;
    case 1:
        hint_take(trial, input);
        break;
    case 2:
        rig_run(trial->rig, fuzz_byte(input) + 1);
        break;
    case 3:
        metadata_refresh(&trial->rig->producer.metadata);
        break;
    default:
        bytes = malloc(FRAME_BYTES_MAX);
        RT_ASSERT(bytes != NULL);
        size = answer_write(bytes, version, input);
        answer_take(trial, bytes, size, version, 0);
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    sluice_broker_options brokers = {.broker_count = 1, .partition_count = 2};
    struct trial trial = {.rig = rig_start(fuzz_byte(&input), &brokers, NULL)};
    for (int i = 0; i < TOPICS; i++) {
        trial.topics[i] = rig_topic(trial.rig, names[i]);
    }
    rig_run(trial.rig, 20);
    snapshot_check(&trial);
    for (int i = 0; i < OPERATIONS_MAX && input.left > 0; i++) {
        trial.untold = false;
        operation_take(&trial, &input);
        rt_sim_settle(trial.rig->world);
        snapshot_check(&trial);
    }
    rig_run(trial.rig, 5);
    rig_end(trial.rig);
    return 0;
}
