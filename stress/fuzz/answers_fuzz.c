/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers to Produce. The broker is sound until records come: negotiation, metadata and producer id
 * are as they should be. What it says to each Produce request the input chooses: any error for any
 * partition, hints, named records, entries that are doubled, missing or not asked for, bytes that
 * are no answer, a hang-up, silence.
 *
 * Checked (book.c): one report for each record, within the delivery timeout; all memory back. And a
 * record is called persisted only if the broker said for its partition that it has it.
 */
#include "protocol/init_producer_id.h"
#include "protocol/metadata.h"
#include "protocol/produce.h"
#include "stress/fuzz/book.h"

enum { PRODUCES_MAX = 48, FRAME_BYTES_MAX = 16384, TOPIC_ID = 9 };
enum { ERROR_DUPLICATE = 46 };

struct play {
    struct fuzz_input *input;
    bool has_it[BOOK_PARTITIONS]; /* a success or DUPLICATE was said */
    unsigned produces;
    int64_t next_producer_id;
};

static void say(struct peer_side *side, const struct kafka_writer *writer) {
    RT_ASSERT(!writer->failed);
    peer_say(side, writer->start, kafka_writer_size(writer));
}

/* ---- the sound part -------------------------------------------------------------------------- */

static void metadata_say(struct peer_side *side, const struct kafka_request_header *header) {
    uint8_t frame[1024];
    int32_t node = 1;
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_metadata_broker broker = {1, {"b1.example", 10}, 9092, KAFKA_TEXT_NULL};
    struct kafka_metadata_answer answer = {
        .brokers = &broker, .broker_count = 1, .controller_id = 1, .topic_count = 1};
    struct kafka_metadata_answer_topic topic = {
        .name = {"orders", 6}, .id = {{TOPIC_ID}}, .partition_count = BOOK_PARTITIONS};
    int16_t version = header->api_version;
    size_t at = kafka_metadata_response_begin(&writer, version, header->correlation_id, &answer);
    kafka_metadata_response_topic(&writer, version, &topic);
    for (int32_t i = 0; i < BOOK_PARTITIONS; i++) {
        struct kafka_metadata_answer_partition partition = {.index = i,
                                                            .leader_id = node,
                                                            .leader_epoch = 1,
                                                            .replicas = &node,
                                                            .replica_count = 1,
                                                            .in_sync = &node,
                                                            .in_sync_count = 1};
        kafka_metadata_response_partition(&writer, version, &partition);
    }
    kafka_metadata_response_topic_end(&writer, version);
    kafka_metadata_response_end(&writer, version, at, &answer);
    say(side, &writer);
}

static void identity_say(struct play *play, struct peer_side *side,
                         const struct kafka_request_header *header) {
    uint8_t frame[128];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_init_producer_id_response response = {.producer_id = play->next_producer_id++};
    kafka_init_producer_id_response_encode(&writer, header->api_version, header->correlation_id,
                                           &response);
    say(side, &writer);
}

/* ---- Produce --------------------------------------------------------------------------------- */

static int16_t error_read(struct fuzz_input *input) {
    static const int16_t errors[] = {0,  0,  0,  6,  3,  10, 45, 46, 47, 59,
                                     19, 20, 87, 32, 67, 74, 17, 29, 89, 2};
    uint8_t byte = fuzz_byte(input);
    enum { ERRORS = sizeof errors / sizeof errors[0] };
    return byte < 240 ? errors[byte % ERRORS] : (int16_t)fuzz_number(input, 2);
}

static int64_t offset_read(struct fuzz_input *input) {
    uint8_t byte = fuzz_byte(input);
    return byte < 240 ? byte : (int64_t)fuzz_number(input, 8);
}

static void partition_write(struct play *play, struct kafka_writer *writer, int16_t version,
                            int32_t index) {
    struct fuzz_input *input = play->input;
    struct kafka_record_error errors[3];
    struct kafka_produce_outcome outcome = {
        .index = index,
        .error_code = error_read(input),
        .base_offset = offset_read(input),
        .log_append_time_ms = -1,
        .record_errors = errors,
        .leader_id = -1,
        .leader_epoch = -1,
    };
    uint8_t more = fuzz_byte(input);
    if (more % 4 == 1) {
        outcome.leader_id = (int32_t)(more >> 2) % 4 - 1;
        outcome.leader_epoch = fuzz_byte(input) % 8 - 1;
    } else if (more % 4 == 2) {
        outcome.record_error_count = 1 + more / 4 % 3;
        for (uint32_t i = 0; i < outcome.record_error_count; i++) {
            uint8_t byte = fuzz_byte(input);
            errors[i].batch_index = byte < 240 ? byte % 4 : (int32_t)fuzz_number(input, 4);
            errors[i].message = KAFKA_TEXT_NULL;
        }
    }
    kafka_produce_response_partition(writer, version, &outcome);
    bool good = outcome.error_code == 0 || outcome.error_code == ERROR_DUPLICATE;
    if (good && index >= 0 && index < BOOK_PARTITIONS) {
        play->has_it[index] = true;
    }
}

/* The partitions of the request, or of the input. */
static void answer_write(struct play *play, struct kafka_writer *writer,
                         const struct kafka_request_header *header,
                         struct kafka_produce_received *received) {
    struct kafka_produce_received_topic topic;
    struct kafka_produce_received_partition partition;
    int16_t version = header->api_version;
    bool has_topic = kafka_produce_request_next(received, &topic);
    RT_ASSERT(has_topic && topic.partition_count <= BOOK_PARTITIONS);
    uint8_t shape = fuzz_byte(play->input);
    uint32_t count = shape % 4 == 3 ? fuzz_byte(play->input) % 4 : topic.partition_count;
    size_t at = kafka_produce_response_begin(writer, version, header->correlation_id, 1);
    if (shape >= 250) {
        topic.id.bytes[3] ^= 1;
    }
    kafka_produce_response_topic(writer, version, topic.name, topic.id, count);
    for (uint32_t i = 0; i < count; i++) {
        int32_t index = fuzz_byte(play->input) % 4 - 1;
        if (shape % 4 != 3 && kafka_produce_request_topic_next(&topic, &partition)) {
            index = partition.index;
        }
        partition_write(play, writer, version, index);
    }
    kafka_produce_response_topic_end(writer, version);
    struct kafka_node_endpoint endpoint = {
        fuzz_byte(play->input) % 4, {"b1.example", 10}, 9092, KAFKA_TEXT_NULL};
    int32_t throttle_ms = shape / 4 % 8 == 7 ? (int32_t)fuzz_number(play->input, 2) : 0;
    kafka_produce_response_end(writer, version, at, throttle_ms, &endpoint, 1);
}

static void noise_say(struct play *play, struct peer_side *side,
                      const struct kafka_request_header *header) {
    size_t size;
    uint8_t head[64];
    uint8_t *bytes = fuzz_take(play->input, fuzz_byte(play->input), &size);
    struct kafka_writer writer = kafka_writer_of(head, sizeof head);
    size_t at = kafka_frame_begin(&writer);
    kafka_response_header_encode(&writer, header->api_key, header->api_version,
                                 header->correlation_id);
    kafka_frame_end(&writer, at, size);
    say(side, &writer);
    peer_say(side, bytes, size);
    free(bytes);
    memset(play->has_it, true, sizeof play->has_it); /* it may say anything */
}

static void produce_answer(struct play *play, struct peer_side *side,
                           const struct kafka_request_header *header, struct kafka_reader body) {
    uint8_t frame[FRAME_BYTES_MAX];
    struct kafka_writer writer = kafka_writer_of(frame, sizeof frame);
    struct kafka_produce_received received;
    RT_ASSERT(kafka_produce_request_open(&received, &body, header->api_version));
    if (play->input->left == 0 || play->produces++ == PRODUCES_MAX || received.acks == 0) {
        return; /* silence */
    }
    uint8_t operation = fuzz_byte(play->input);
    switch (operation % 8) {
    case 6:
        noise_say(play, side, header);
        break;
    case 7:
        if (operation >= 128) {
            peer_hang_up(side);
        }
        break;
    default:
        answer_write(play, &writer, header, &received);
        say(side, &writer);
        if (operation >= 250) {
            say(side, &writer); /* twice */
        } else if (operation >= 240) {
            peer_hang_up(side);
        }
    }
}

static void request_answer(struct peer *peer, struct peer_side *side,
                           const struct kafka_request_header *header, struct kafka_reader body) {
    struct play *play = peer->context;
    if (peer_negotiate(peer, side, header)) {
        return;
    }
    switch (header->api_key) {
    case KAFKA_METADATA:
        metadata_say(side, header);
        break;
    case KAFKA_INIT_PRODUCER_ID:
        identity_say(play, side, header);
        break;
    default:
        RT_ASSERT(header->api_key == KAFKA_PRODUCE);
        produce_answer(play, side, header, body);
    }
}

static void outcomes_check(const struct book *book, const struct play *play) {
    for (uint32_t i = 0; i < book->accepted; i++) {
        const struct book_record *record = &book->records[i];
        if (record->report.outcome == SLUICE_PERSISTED) {
            RT_ASSERT(play->has_it[record->partition]);
            RT_ASSERT(record->report.partition == record->partition);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct play play = {.input = &input};
    struct book *book = book_open(&input, request_answer, &play);
    unsigned records = 2 + fuzz_byte(&input) % 30;
    unsigned pause = fuzz_byte(&input);
    for (unsigned i = 0; i < records; i++) {
        book_produce(book, (int32_t)(i % BOOK_PARTITIONS), i % 8 == 5 ? 600 : 20);
        book_run(book, (pause >> i % 8 & 1) == 0 ? 0 : 3);
    }
    book_run(book, BOOK_DELIVERY_MS + 100);
    RT_ASSERT(book->reported == book->accepted);
    outcomes_check(book, &play);
    book_close(book);
    return 0;
}
