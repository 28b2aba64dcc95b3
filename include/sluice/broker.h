/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The embedded broker: a small Kafka cluster inside your process, to test programs that produce.
 *
 *   sluice_broker *broker = sluice_broker_create(NULL, NULL);
 *   ... produce to sluice_broker_bootstrap(broker) with any Kafka client ...
 *   sluice_broker_read(broker, "orders", 0, 0, check_record, NULL);
 *   sluice_broker_destroy(broker);
 *
 * It checks what producers send as Apache Kafka does (checksums, sizes, idempotent sequences),
 * keeps an in-memory log that can be read back (here, or with any consumer that uses no group), and
 * takes faults on command. Broker nodes are numbered from 1. It knows no transactions, groups or
 * authentication.
 *
 * Language: C99 or C++11, or later; this header has an inline function.
 *
 * Conventions, true of every function unless it says otherwise:
 *  - Threads: any thread may call, at the same time as any other, until destroy is called.
 *  - Blocking: a call waits for the broker's one worker, which never waits for anybody. Only the
 *    functions with `timeout_ms` wait for something to happen (negative: without limit).
 *  - Errors: the result is a sluice_code; 0 is success. SLUICE_NO_MEMORY is possible everywhere,
 *    SLUICE_INVALID_ARGUMENT where a node is named that is not there, and
 *    SLUICE_BROKER_UNKNOWN_TOPIC_OR_PARTITION for such a topic or partition.
 *  - Names are copied.
 *  - NULL: a broker that is none is SLUICE_INVALID_ARGUMENT, or what the function returns when
 *    there is nothing; a topic's name that is none is no topic's. A `sluice_error *` may be NULL,
 *    and a `context`, which is the caller's. Any other pointer that is NULL makes the call do
 *    nothing and say that there is nothing.
 *  - After fork() in the child, a broker of the parent is not there: calls that answer a code
 *    answer SLUICE_FORKED, the others what they return when there is nothing, destroy does nothing;
 *    bootstrap, count and port answer as before. sluice_broker_create is refused (SLUICE_FORKED) if
 *    any broker or producer was open in the parent at that time.
 */
#ifndef SLUICE_BROKER_H
#define SLUICE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/error.h>
#include <sluice/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_broker sluice_broker;

#define SLUICE_BROKER_ANY (-1)

/* ---- Starting and ending --------------------------------------------------------------------- */

/* What a first batch of a producer that a partition does not know must be.
 * Source: Kafka's ProducerAppendInfo by version; KAFKA-18202, KAFKA-15591. */
typedef enum sluice_broker_first_sequence {
    SLUICE_BROKER_FIRST_SEQUENCE_4_0 = 0, /* anything */
    SLUICE_BROKER_FIRST_SEQUENCE_4_1 = 1, /* anything too: stricter for transactions only */
    SLUICE_BROKER_FIRST_SEQUENCE_4_5 = 2  /* 0 on a partition that never held a record */
} sluice_broker_first_sequence;

/* How closely batches are looked at. Headers, lengths and sequences always are. */
typedef enum sluice_broker_check {
    SLUICE_BROKER_CHECK_DEFAULT = 0, /* records; with `discard`, headers */
    SLUICE_BROKER_CHECK_HEADERS = 1, /* the header of each batch */
    SLUICE_BROKER_CHECK_CRC = 2,     /* and its CRC-32C */
    SLUICE_BROKER_CHECK_RECORDS = 3  /* and each record of uncompressed and gzip batches */
} sluice_broker_check;

/* The highest version of one API that the brokers offer: emulates older ones. */
typedef struct sluice_broker_limit {
    int16_t api_key;
    int16_t version_max; /* negative: the API is not offered at all */
} sluice_broker_limit;

/* Zero-initialise, then set what you need. */
typedef struct sluice_broker_options {
    uint32_t broker_count;    /* nodes; 0: 1; at most 1000 */
    uint32_t partition_count; /* of topics made on first use; 0: 1 */
    uint32_t replica_count;   /* nodes that can lead a partition; 0: 3, or all if there are fewer */
    uint16_t port;            /* of node 1, the others follow; 0: any free ports */
    const char *address;      /* literal address to listen on; NULL: "127.0.0.1" */
    bool auto_create_off;     /* topics are not made on first use */
    bool discard;             /* keep no records, only offsets: a sink for benchmarks */
    sluice_broker_check check;
    sluice_broker_first_sequence first_sequence;
    uint32_t message_bytes_max;   /* `message.max.bytes`; 0: 1048588, Kafka's default */
    uint32_t request_bytes_max;   /* longer requests end their connection; 0: 104857600 */
    uint64_t partition_bytes_max; /* older batches go when a partition holds more; 0: no limit */
    const sluice_broker_limit *limits;
    size_t limit_count;
} sluice_broker_options;

/* Starts the brokers on loopback, on a worker thread of their own, and returns when all listen.
 * `options` may be NULL. NULL on error, and `error` says what could not be had (a port that is
 * taken, for instance). Free with sluice_broker_destroy. */
SLUICE_API SLUICE_MUST_CHECK sluice_broker *
sluice_broker_create(const sluice_broker_options *options, sluice_error *error);
/* Closes every connection and frees everything. NULL is allowed. No other thread may be inside a
 * call. */
SLUICE_API void sluice_broker_destroy(sluice_broker *broker);

/* "127.0.0.1:40001,127.0.0.1:40002": all nodes. Valid until destroy. Does not block. */
SLUICE_API const char *sluice_broker_bootstrap(const sluice_broker *broker);
SLUICE_API uint32_t sluice_broker_count(const sluice_broker *broker);
/* The port of a node, 0 when there is no such node. */
SLUICE_API uint16_t sluice_broker_port(const sluice_broker *broker, int32_t node);

/* ---- Topics ---------------------------------------------------------------------------------- */

/* Leaders are assigned round robin. A topic made again gets a new topic id. Errors:
 * SLUICE_BROKER_INVALID_TOPIC_EXCEPTION, SLUICE_BROKER_TOPIC_ALREADY_EXISTS,
 * SLUICE_BROKER_INVALID_PARTITIONS. */
SLUICE_API sluice_code sluice_broker_topic_create(sluice_broker *broker, const char *topic,
                                                  uint32_t partition_count);
/* Records are gone; a read that has begun is not disturbed. */
SLUICE_API sluice_code sluice_broker_topic_delete(sluice_broker *broker, const char *topic);
/* Adds partitions. Errors: SLUICE_BROKER_INVALID_PARTITIONS. */
SLUICE_API sluice_code sluice_broker_topic_grow(sluice_broker *broker, const char *topic,
                                                uint32_t partition_count);
/* `max.message.bytes` of one topic; 0: the brokers' own again. */
SLUICE_API sluice_code sluice_broker_topic_limit(sluice_broker *broker, const char *topic,
                                                 uint32_t message_bytes_max);
/* Whether records need a key, as those of a compacted topic do: a batch with some that have none is
 * refused with INVALID_RECORD, and the answer names them. */
SLUICE_API sluice_code sluice_broker_topic_keys(sluice_broker *broker, const char *topic,
                                                bool required);
/* The number of partitions, 0 when there is no such topic. */
SLUICE_API uint32_t sluice_broker_partition_count(sluice_broker *broker, const char *topic);

/* ---- Reading back ---------------------------------------------------------------------------- */

typedef struct sluice_broker_header {
    const char *name; /* not NUL-terminated */
    size_t name_size;
    const void *value; /* NULL: a null value */
    size_t value_size;
} sluice_broker_header;

typedef struct sluice_broker_record {
    int64_t offset;
    int64_t timestamp_ms;
    const void *key; /* NULL: no key */
    size_t key_size;
    const void *value; /* NULL: a null value */
    size_t value_size;
    const sluice_broker_header *headers;
    size_t header_count;
    int64_t producer_id; /* -1: not idempotent */
    int32_t sequence;    /* of this record, -1: none */
    int16_t producer_epoch;
} sluice_broker_record;

/* Called on the thread that reads; everything in `record` is gone when it returns. It may call the
 * broker. False ends the reading. */
typedef bool (*sluice_broker_record_callback)(const sluice_broker_record *record, void *context);

/* Reads a partition, as it is when the call begins, from `offset` on: uncompressed and gzip
 * batches. Returns how many records were handed over, or -1: no such partition, a batch that cannot
 * be decoded, or no memory. With `discard` there is nothing to read. */
SLUICE_API int64_t sluice_broker_read(sluice_broker *broker, const char *topic, int32_t partition,
                                      int64_t offset, sluice_broker_record_callback callback,
                                      void *context);
/* The offset that the next record gets: records written, as long as nothing was dropped. -1 when
 * there is no such partition. */
SLUICE_API int64_t sluice_broker_high_watermark(sluice_broker *broker, const char *topic,
                                                int32_t partition);
/* Waits until the high watermarks of a topic's partitions (or of one: `partition` >= 0) add up to
 * `records` at least. The topic need not exist yet. False when the time ran out first. */
SLUICE_API SLUICE_MUST_CHECK bool sluice_broker_wait_records(sluice_broker *broker,
                                                             const char *topic, int32_t partition,
                                                             int64_t records, int64_t timeout_ms);

/* ---- Leaders and nodes ----------------------------------------------------------------------- */

/* The node that leads a partition; 0 when none does or there is no such partition. */
SLUICE_API int32_t sluice_broker_leader(sluice_broker *broker, const char *topic,
                                        int32_t partition);
/* Moves the leadership (the log moves along, the leader epoch grows); the old leader answers
 * NOT_LEADER_OR_FOLLOWER. `node` 0 takes the leader away. */
SLUICE_API sluice_code sluice_broker_leader_move(sluice_broker *broker, const char *topic,
                                                 int32_t partition, int32_t node);

/* Closes a node's listener and connections without a word. What it led goes to the next living
 * replica, or stays without a leader. */
SLUICE_API sluice_code sluice_broker_kill(sluice_broker *broker, int32_t node);

/* What a restarted node still knows of the producers. The log itself is always kept. */
typedef enum sluice_broker_keep {
    SLUICE_BROKER_KEEP_LAST = 0, /* the last batch of each producer, as Kafka's snapshot has it */
    SLUICE_BROKER_KEEP_ALL = 1,  /* the last five */
    SLUICE_BROKER_KEEP_NONE = 2  /* nothing: what is sent again may then be written twice */
} sluice_broker_keep;
/* Starts a killed node on the port that it had; it leads again what has no leader and had it as a
 * replica. Errors: SLUICE_INVALID_ARGUMENT, also when the node runs; SLUICE_NO_RESOURCES if its
 * port was taken meanwhile. */
SLUICE_API sluice_code sluice_broker_restart(sluice_broker *broker, int32_t node,
                                             sluice_broker_keep keep);

/* A stalled node accepts, reads, handles and answers nothing, and closes nothing, until resumed. */
SLUICE_API sluice_code sluice_broker_stall(sluice_broker *broker, int32_t node);
SLUICE_API sluice_code sluice_broker_resume(sluice_broker *broker, int32_t node);
/* Closes (true) or opens (false) the listener only; connections live on. */
SLUICE_API sluice_code sluice_broker_refuse(sluice_broker *broker, int32_t node, bool refuse);
/* Cuts every open connection of a node. */
SLUICE_API sluice_code sluice_broker_cut(sluice_broker *broker, int32_t node);

/* ---- Faults on command ----------------------------------------------------------------------- */

typedef enum sluice_broker_action {
    SLUICE_FAULT_COUNT = 0,          /* nothing: a barrier to wait for */
    SLUICE_FAULT_ERROR = 1,          /* answer `error_code`, append nothing; see below for 45, 46
                                         and 59 */
    SLUICE_FAULT_ERROR_APPENDED = 2, /* append, then answer `error_code` */
    SLUICE_FAULT_DELAY = 3,          /* handle now, answer `delay_ms` later; what comes on that
                                         connection meanwhile is handled after it */
    SLUICE_FAULT_THROTTLE = 4,       /* answer with throttle_time_ms = `delay_ms`, and read nothing
                                         more from that connection for so long */
    SLUICE_FAULT_DROP = 5,           /* handle, never answer; the connection stays, mute for good */
    SLUICE_FAULT_CUT_BEFORE = 6,     /* close the connection, handle nothing */
    SLUICE_FAULT_CUT_AFTER = 7,      /* handle, close the connection instead of an answer */
    SLUICE_FAULT_CUT_HALF = 8,       /* handle, close after half of the answer's bytes */
    SLUICE_FAULT_STALL = 9,          /* the node stalls; this request is handled when it resumes */
    SLUICE_FAULT_KILL_BEFORE = 10,   /* as sluice_broker_kill, this request not handled */
    SLUICE_FAULT_KILL_AFTER = 11,    /* as sluice_broker_kill, handled and not answered */
    SLUICE_FAULT_MOVE_LEADER = 12,   /* the batch's partition moves to the next living replica,
                                         then the request is handled */
    SLUICE_FAULT_GARBAGE = 13,       /* an answer of the right length, filled with noise */
    SLUICE_FAULT_WRONG_CORRELATION = 14, /* an answer with another correlation id */
    SLUICE_FAULT_HUGE_FRAME = 15         /* an answer that claims to be 2 GiB - 1 long */
} sluice_broker_action;

/* Which requests are hit, and how. What matches is counted: the first `skip` pass, the next `count`
 * are hit. ERROR, ERROR_APPENDED and MOVE_LEADER match batches of Produce and topics of Metadata;
 * everything else, and every other API, matches requests that hold a matching one.
 *
 * Three codes say what a partition holds: 45 OUT_OF_ORDER_SEQUENCE_NUMBER, 46
 * DUPLICATE_SEQUENCE_NUMBER and 59 UNKNOWN_PRODUCER_ID. Injected they make the broker lie, and a
 * producer must believe it: a record may be written twice, or be missing though it was reported as
 * persisted. */
typedef struct sluice_broker_fault {
    int16_t api_key;    /* SLUICE_BROKER_ANY: all. 0 Produce, 1 Fetch, 2 ListOffsets, 3 Metadata,
                           10 FindCoordinator, 18 ApiVersions, 22 InitProducerId */
    int16_t error_code; /* of the Kafka protocol */
    int32_t node;       /* SLUICE_BROKER_ANY: all */
    int32_t partition;  /* SLUICE_BROKER_ANY: all */
    const char *topic;  /* NULL: all, and requests without topics */
    uint32_t skip;
    uint32_t count; /* 0: all, until removed */
    uint32_t delay_ms;
    sluice_broker_action action;
} sluice_broker_fault;

/* Matches everything, hits once: start from it and narrow it down. */
static inline sluice_broker_fault sluice_broker_fault_any(sluice_broker_action action) {
    sluice_broker_fault fault;
    fault.api_key = SLUICE_BROKER_ANY;
    fault.error_code = 0;
    fault.node = SLUICE_BROKER_ANY;
    fault.partition = SLUICE_BROKER_ANY;
    fault.topic = NULL;
    fault.skip = 0;
    fault.count = 1;
    fault.delay_ms = 0;
    fault.action = action;
    return fault;
}

/* Sets a fault; several that match all count and all act. Returns its handle, 0 when memory is
 * short. A fault that is used up stays, harmless, until removed: its hits can be read. */
SLUICE_API uint64_t sluice_broker_fault_add(sluice_broker *broker,
                                            const sluice_broker_fault *fault);
/* False when there is no such fault. */
SLUICE_API bool sluice_broker_fault_remove(sluice_broker *broker, uint64_t fault);
SLUICE_API void sluice_broker_fault_remove_all(sluice_broker *broker);
/* How many were hit so far. */
SLUICE_API uint64_t sluice_broker_fault_hits(sluice_broker *broker, uint64_t fault);
/* Waits until `hits` were hit. False when the time ran out first or the fault is gone. */
SLUICE_API SLUICE_MUST_CHECK bool sluice_broker_fault_wait(sluice_broker *broker, uint64_t fault,
                                                           uint64_t hits, int64_t timeout_ms);

/* ---- Counters -------------------------------------------------------------------------------- */

enum { SLUICE_BROKER_APIS = 32 };

/* Since the start. */
typedef struct sluice_broker_counters {
    uint64_t requests[SLUICE_BROKER_APIS]; /* begun, by API key */
    uint64_t requests_bad;     /* unreadable or not offered: their connections were closed */
    uint64_t connections;      /* accepted */
    uint64_t connections_open; /* now */
    uint64_t batches;          /* appended */
    uint64_t batches_refused;  /* answered with an error by the brokers' own rules */
    uint64_t batches_damaged;  /* of these, the ones whose checksum or layout is wrong */
    uint64_t duplicates;       /* answered as a success with the offset of the first time */
    uint64_t records;          /* appended */
    uint64_t batch_bytes;      /* appended */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t faults; /* hits that did something */
} sluice_broker_counters;

/* Counters of one node, or of all: SLUICE_BROKER_ANY. All zero when there is no such node. */
SLUICE_API void sluice_broker_count_all(sluice_broker *broker, int32_t node,
                                        sluice_broker_counters *counters);

#ifdef __cplusplus
}
#endif
#endif
