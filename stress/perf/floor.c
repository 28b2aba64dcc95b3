/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lower bound for any producer on this machine: one thread that encodes records straight into
 * the bytes of a Produce request, checksums them and writes them to a blocking socket, at most five
 * requests unanswered. No threads, no reports, no retries, no memory besides the open batches. With
 * --latency a request holds one record and its answer is awaited.
 *
 * Source of the formats: Kafka protocol, Produce 7 and Metadata 4; record batch version 2.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/crc32c.h"
#include "protocol/murmur2.h"
#include "stress/perf/payload.h"
#include "stress/perf/perf.h"

enum {
    REQUESTS_IN_FLIGHT_MAX = 5,
    BATCH_BYTES_MAX = 256 * 1024,
    OPEN_BYTES_MAX = 32 * 1024 * 1024, /* of all batches: as much as Sluice's buffer.memory */
    RECORD_OVERHEAD_BYTES_MAX = 32,
    REQUEST_HEADER_BYTES_MAX = 96,
    BATCH_HEADER_BYTES = 61,
    CRC_COVERS_FROM = 21, /* of the batch: all that follows the checksum */
    WARM_UP_ATTEMPTS_MAX = 200
};

/* One open request with one batch; `size` is where the next byte goes. */
struct open_request {
    uint8_t *bytes;
    uint32_t batch_offset;
    uint32_t size;
    uint32_t record_count;
};

struct floor {
    struct perf_arguments arguments;
    struct perf_payload payload;
    struct open_request *requests; /* [topic * partition_count + partition] */
    uint32_t request_count;
    uint32_t partition_count; /* of each topic */
    uint32_t batch_bytes_max;
    uint32_t sticky_partition;
    uint32_t unanswered;
    int socket;
};

static uint8_t *put(uint8_t *at, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    return at + size;
}

static uint8_t *put_string(uint8_t *at, const char *text) {
    size_t size = strlen(text);
    at = put(at, size, 2);
    memcpy(at, text, size);
    return at + size;
}

static inline uint8_t *put_varint(uint8_t *at, int32_t value) {
    uint32_t left = ((uint32_t)value << 1) ^ (uint32_t)(value >> 31);
    while (left >= 0x80) {
        *at++ = (uint8_t)(left | 0x80);
        left >>= 7;
    }
    *at++ = (uint8_t)left;
    return at;
}

static inline uint32_t varint_size(int32_t value) {
    uint32_t zigzag = ((uint32_t)value << 1) ^ (uint32_t)(value >> 31);
    return ((31 - (uint32_t)__builtin_clz(zigzag | 1)) * 9 + 73) / 64;
}

static void send_all(const struct floor *floor, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(floor->socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            perf_give_up("send", strerror(errno));
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void receive_all(const struct floor *floor, uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t got = recv(floor->socket, bytes, size, 0);
        if (got <= 0)
            perf_give_up("receive", got == 0 ? "the broker hung up" : strerror(errno));
        bytes += got;
        size -= (size_t)got;
    }
}

/* Reads one answer; returns how many of its bytes are in `bytes`, the rest is thrown away. */
static uint32_t read_answer(const struct floor *floor, uint8_t *bytes, uint32_t room) {
    uint8_t length[4], rest[512];
    receive_all(floor, length, sizeof(length));
    uint32_t size = (uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 |
                    (uint32_t)length[2] << 8 | length[3];
    uint32_t kept = size < room ? size : room;
    receive_all(floor, bytes, kept);
    for (uint32_t left = size - kept; left > 0;) {
        uint32_t part = left < sizeof(rest) ? left : (uint32_t)sizeof(rest);
        receive_all(floor, rest, part);
        left -= part;
    }
    return kept;
}

/* Returns the error code of the one partition in a Produce answer. */
static int read_produce_answer(const struct floor *floor) {
    uint8_t answer[256];
    uint32_t size = read_answer(floor, answer, sizeof(answer));
    /* correlation id, topic count, name, partition count, partition: then the error */
    uint32_t at = 4 + 4 + 2 + (size > 9 ? (uint32_t)(answer[8] << 8 | answer[9]) : 0) + 4 + 4;
    if (size < at + 2)
        perf_give_up("answer", "is too short");
    return (int16_t)(answer[at] << 8 | answer[at + 1]);
}

static uint8_t *put_request_header(uint8_t *at, int16_t api_key, int16_t version) {
    at = put(at + 4, (uint16_t)api_key, 2);
    at = put(at, (uint16_t)version, 2);
    return put_string(put(at, 0, 4), "floor");
}

static void name_topic(char name[16], uint32_t topic) {
    snprintf(name, 16, "t%u", topic % PERF_TOPICS_MAX);
}

/* Everything before the first record that does not change from one request to the next. */
static void prepare_request(const struct floor *floor, uint32_t topic, uint32_t partition) {
    struct open_request *request = &floor->requests[topic * floor->partition_count + partition];
    request->bytes = malloc(REQUEST_HEADER_BYTES_MAX + floor->batch_bytes_max +
                            floor->arguments.value_size_max + RECORD_OVERHEAD_BYTES_MAX);
    if (request->bytes == NULL)
        perf_give_up("batches", "no memory");
    char name[16];
    name_topic(name, topic);
    uint8_t *at = put_request_header(request->bytes, 0, 7);
    at = put(at, UINT16_MAX, 2); /* no transactional id */
    at = put(at, UINT16_MAX, 2); /* acks=all */
    at = put(at, 30000, 4);      /* timeout */
    at = put_string(put(at, 1, 4), name);
    at = put(put(at, 1, 4), partition, 4);
    request->batch_offset = (uint32_t)(at - request->bytes) + 4;
    request->size = request->batch_offset + BATCH_HEADER_BYTES;
    uint8_t *batch = request->bytes + request->batch_offset;
    put(batch, 0, 8);               /* base offset */
    put(batch + 12, UINT32_MAX, 4); /* leader epoch */
    batch[16] = 2;                  /* magic */
    put(batch + 21, 0, 2);          /* attributes */
    memset(batch + 43, 0xFF, 14);   /* no producer id, epoch, sequence */
}

static void finish_batch(struct open_request *request) {
    uint8_t *batch = request->bytes + request->batch_offset;
    uint32_t batch_size = request->size - request->batch_offset;
    uint64_t now_ms = (uint64_t)perf_now_ns() / 1000000;
    put(batch - 4, batch_size, 4);
    put(batch + 8, batch_size - 12, 4);
    put(batch + 23, request->record_count - 1, 4);
    put(batch + 27, now_ms, 8);
    put(batch + 35, now_ms, 8);
    put(batch + 57, request->record_count, 4);
    put(batch + 17, kafka_crc32c(0, batch + CRC_COVERS_FROM, batch_size - CRC_COVERS_FROM), 4);
    put(request->bytes, request->size - 4, 4);
}

static void take_answer(struct floor *floor) {
    int error = read_produce_answer(floor);
    if (error != 0) {
        char text[32];
        snprintf(text, sizeof(text), "error %d", error);
        perf_give_up("answer", text);
    }
    floor->unanswered--;
}

static void send_request(struct floor *floor, struct open_request *request) {
    finish_batch(request);
    send_all(floor, request->bytes, request->size);
    request->size = request->batch_offset + BATCH_HEADER_BYTES;
    request->record_count = 0;
    if (++floor->unanswered > REQUESTS_IN_FLIGHT_MAX)
        take_answer(floor);
}

static inline struct open_request *choose_request(const struct floor *floor, uint64_t index,
                                                  const uint8_t *key) {
    uint32_t partition_count = floor->partition_count;
    uint32_t partition = floor->sticky_partition;
    if (key != NULL)
        partition =
            (uint32_t)kafka_partition_for_key(key, PERF_KEY_BYTES, (int32_t)partition_count);
    return &floor->requests[index % floor->arguments.topic_count * partition_count + partition];
}

static inline void add_record(struct floor *floor, uint64_t index) {
    uint8_t key[PERF_KEY_BYTES];
    perf_key_write(key, index);
    bool keyed = floor->arguments.keyed;
    const struct perf_value *value = perf_payload_value(&floor->payload, index);
    int32_t value_size = (int32_t)value->size;
    struct open_request *request = choose_request(floor, index, keyed ? key : NULL);
    int32_t delta = (int32_t)request->record_count++;
    uint32_t body = 3 + varint_size(delta) + (keyed ? PERF_KEY_BYTES : 0) +
                    varint_size(value_size) + (uint32_t)value_size + 1;
    uint8_t *at = put_varint(request->bytes + request->size, (int32_t)body);
    *at++ = 0; /* attributes */
    *at++ = 0; /* timestamp delta */
    at = put_varint(at, delta);
    at = put_varint(at, keyed ? PERF_KEY_BYTES : -1);
    if (keyed) {
        memcpy(at, key, PERF_KEY_BYTES);
        at += PERF_KEY_BYTES;
    }
    at = put_varint(at, value_size);
    memcpy(at, value->bytes, value->size);
    at += value_size;
    *at++ = 0; /* headers */
    request->size = (uint32_t)(at - request->bytes);
    if (request->size >= floor->batch_bytes_max || floor->arguments.latency) {
        send_request(floor, request);
        floor->sticky_partition = (floor->sticky_partition + 1) % floor->partition_count;
    }
}

static void wait_for_answers(struct floor *floor) {
    while (floor->unanswered > 0)
        take_answer(floor);
}

static void connect_to_broker(struct floor *floor) {
    char host[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    const char *colon = strrchr(floor->arguments.bootstrap, ':');
    if (colon == NULL || colon - floor->arguments.bootstrap >= (ptrdiff_t)sizeof(host))
        perf_give_up(floor->arguments.bootstrap, "expected HOST:PORT");
    snprintf(host, sizeof(host), "%.*s", (int)(colon - floor->arguments.bootstrap),
             floor->arguments.bootstrap);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        perf_give_up(host, "is not known");
    floor->socket = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(floor->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(floor->socket, found->ai_addr, found->ai_addrlen) != 0)
        perf_give_up(floor->arguments.bootstrap, strerror(errno));
    freeaddrinfo(found);
}

/* Asks for metadata, so that the broker makes the topic. */
static void touch_topic(const struct floor *floor, uint32_t topic) {
    uint8_t request[64], answer[64];
    char name[16];
    name_topic(name, topic);
    uint8_t *at = put_string(put(put_request_header(request, 3, 4), 1, 4), name);
    at = put(at, 1, 1); /* make it if it is not there */
    put(request, (uint64_t)(at - request) - 4, 4);
    send_all(floor, request, (size_t)(at - request));
    read_answer(floor, answer, sizeof(answer));
}

/* One record to every partition, until the broker takes it. */
static void warm_up(struct floor *floor) {
    uint32_t partition_count = floor->partition_count;
    for (uint32_t i = 0; i < floor->request_count; i++) {
        struct open_request *request = &floor->requests[i];
        static const uint8_t record[] = {14, 0, 0, 0, 1, 2, 'w', 0};
        memcpy(request->bytes + request->size, record, sizeof(record));
        request->size += sizeof(record);
        request->record_count = 1;
        finish_batch(request);
        int error = -1;
        for (int attempt = 0; error != 0 && attempt < WARM_UP_ATTEMPTS_MAX; attempt++) {
            touch_topic(floor, i / partition_count);
            send_all(floor, request->bytes, request->size);
            error = read_produce_answer(floor);
            if (error != 0)
                usleep(20000);
        }
        if (error != 0)
            perf_give_up("warm-up", "the broker does not take a record for every partition");
        request->size = request->batch_offset + BATCH_HEADER_BYTES;
        request->record_count = 0;
    }
}

static void run(struct floor *floor) {
    uint64_t record_count = floor->arguments.record_count;
    bool latency = floor->arguments.latency;
    int64_t *latencies_ns = calloc(latency ? record_count : 1, sizeof(*latencies_ns));
    if (latencies_ns == NULL)
        perf_give_up("latencies", "no memory");
    struct perf_span begin = perf_span_now();
    for (uint64_t index = 0; index < record_count; index++) {
        int64_t start_ns = latency ? perf_now_ns() : 0;
        add_record(floor, index);
        if (latency) {
            wait_for_answers(floor);
            latencies_ns[index] = perf_now_ns() - start_ns;
        }
    }
    for (uint32_t i = 0; i < floor->request_count; i++) {
        if (floor->requests[i].record_count > 0)
            send_request(floor, &floor->requests[i]);
    }
    wait_for_answers(floor);
    perf_result_print(record_count, begin, perf_span_now(), latencies_ns,
                      latency ? record_count : 0);
    free(latencies_ns);
}

static void prepare(struct floor *floor) {
    floor->partition_count = floor->arguments.floor_partitions;
    floor->request_count = floor->arguments.topic_count * floor->partition_count;
    floor->batch_bytes_max = OPEN_BYTES_MAX / floor->request_count;
    if (floor->batch_bytes_max > BATCH_BYTES_MAX)
        floor->batch_bytes_max = BATCH_BYTES_MAX;
    floor->requests = calloc(floor->request_count, sizeof(*floor->requests));
    if (floor->requests == NULL)
        perf_give_up("batches", "no memory");
    for (uint32_t i = 0; i < floor->request_count; i++)
        prepare_request(floor, i / floor->partition_count, i % floor->partition_count);
    perf_payload_create(&floor->payload, &floor->arguments);
}

int main(int count, char **words) {
    static struct floor floor;
    perf_arguments_read(&floor.arguments, count, words);
    prepare(&floor);
    connect_to_broker(&floor);
    warm_up(&floor);
    run(&floor);
    for (uint32_t i = 0; i < floor.request_count; i++)
        free(floor.requests[i].bytes);
    close(floor.socket);
    free(floor.requests);
    perf_payload_destroy(&floor.payload);
    return 0;
}
