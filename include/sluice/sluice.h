/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sluice: a high-throughput Kafka producer.
 *
 *   config ──► producer ──► topic ──► produce ──► reports (poll or callback)
 *
 * Language: C99 or C++11, or later.
 *
 * Conventions, true of every function unless it says otherwise:
 *  - Threads: any thread may call, at the same time as any other. A handle must not be freed while
 *    another thread is inside a call with it.
 *  - Blocking: no call blocks unless it takes `timeout_ms`, in milliseconds. 0 looks once, a
 *    negative value waits without limit. A waiting call refuses (SLUICE_IN_CALLBACK) inside a
 *    report callback; those that poll look once there. What begins or ends a producer waits for
 *    its threads, which wait for nobody.
 *  - Ownership: names, keys, values and headers are copied before the call returns.
 *  - Errors: the result is a sluice_code; 0 is success. A `sluice_error *` may be NULL. Another
 *    pointer that is NULL and may not be is SLUICE_INVALID_ARGUMENT, or what the function returns
 *    when there is nothing. The compiler warns (SLUICE_MUST_CHECK) when a result is dropped without
 *    which the program would go on as if something had happened that had not. That of close and
 *    purge may be dropped: whatever they answer, each record has its report, or gets it.
 *  - After fork() in the child a producer of the parent is not there: a call that answers a code
 *    answers SLUICE_FORKED, one that has an error sets it, any other comes back at once with what
 *    it returns when there is nothing (a topic's name is still told), and free does nothing.
 *    sluice_producer_open is refused, too, if any producer (or embedded broker) was open in the
 *    parent at that time. Fork first, then open; or free the producer before the fork.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/error.h>
#include <sluice/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_config sluice_config;
typedef struct sluice_producer sluice_producer;
typedef struct sluice_topic sluice_topic;
typedef struct sluice_reservation sluice_reservation;

/* ---- Configuration --------------------------------------------------------------------------- */

/* A new configuration with every option at its default, or NULL when memory is short.
 * Not for use by several threads at once. Free with sluice_config_free. */
SLUICE_API sluice_config *sluice_config_new(void);
/* A copy, callbacks included, or NULL when memory is short. */
SLUICE_API sluice_config *sluice_config_copy(const sluice_config *config);
/* NULL is allowed. Producers keep their own copy: free it any time after open. */
SLUICE_API void sluice_config_free(sluice_config *config);

/* Sets one option by its Kafka name (`linger.ms`) or librdkafka's spelling of it. Units are in the
 * name. Errors: SLUICE_UNKNOWN_OPTION (with the nearest known name, if one is near),
 * SLUICE_OPTION_NOT_BUILT, SLUICE_INVALID_VALUE (with what is allowed). The configuration is
 * unchanged on error.
 * Source: Kafka's producer configuration page; docs/options.md lists all. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_config_set(sluice_config *config, const char *name,
                                                           const char *value, sluice_error *error);
/* Copies the option's value, NUL-terminated, into `value`; secrets read "[hidden]".
 * `*size` is the room on entry and the bytes needed, NUL included, on return.
 * Errors: SLUICE_UNKNOWN_OPTION, SLUICE_OPTION_NOT_BUILT, SLUICE_BUFFER_TOO_SMALL. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_config_get(const sluice_config *config,
                                                           const char *name, char *value,
                                                           size_t *size, sluice_error *error);
/* Looks for contradictions between options, as sluice_producer_open does.
 * Errors: SLUICE_CONFLICTING_OPTIONS, SLUICE_MISSING_OPTION. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_config_check(const sluice_config *config,
                                                             sluice_error *error);

/* ---- Reports --------------------------------------------------------------------------------- */

/* What became of an accepted record. Exactly one outcome for each, ever. */
typedef enum sluice_outcome {
    SLUICE_PERSISTED = 1,     /* acknowledged as the configured `acks` ask */
    SLUICE_NOT_PERSISTED = 2, /* certainly not in the log */
    SLUICE_UNKNOWN = 3        /* sent, and nobody can tell: may or may not be in the log */
} sluice_outcome;

typedef struct sluice_report {
    void *opaque;         /* as given in the record */
    sluice_topic *topic;  /* the handle the record was produced to; valid until it is closed */
    int64_t offset;       /* in its partition; -1 when the broker did not tell */
    int64_t timestamp_ms; /* since the epoch, as written (the broker's with LogAppendTime) */
    int32_t partition;    /* -1 when none was chosen before the record failed */
    sluice_outcome outcome;
    sluice_code error;      /* SLUICE_OK when persisted; else why */
    sluice_code last_error; /* the last error met on the way, also when persisted in the end */
    uint32_t attempts;      /* hand-overs to a connected socket; one that showed that the batch had
                               to be cut (too large, a record invalid) does not count */
    uint32_t waited_ms;     /* from produce to the first hand-over, or to the outcome */
    uint32_t in_flight_ms;  /* from the first hand-over to the outcome */
} sluice_report;

/* Called with a batch of reports, in partition order, on a thread inside sluice_poll_callback or
 * inside a call that waits (flush, close, produce_wait, produce_sync, wait_for_room); on several
 * such threads at once if there are several. On a worker only, one call at a time, with
 * `sluice.callback.thread=worker`.
 * The array is the library's, and gone when the callback returns. Producing inside is allowed and
 * never blocks; flush, close and every wait answer SLUICE_IN_CALLBACK. */
typedef void (*sluice_report_callback)(const sluice_report *reports, size_t count, void *context);

/* NULL takes the callback away. `context` is handed to it and stays the caller's. The same holds
 * for the other two callbacks. */
SLUICE_API void sluice_config_set_report_callback(sluice_config *config,
                                                  sluice_report_callback callback, void *context);

/* ---- Logs and events ------------------------------------------------------------------------- */

typedef enum sluice_log_level {
    SLUICE_LOG_ERROR = 3,
    SLUICE_LOG_WARNING = 4,
    SLUICE_LOG_INFO = 6,
    SLUICE_LOG_DEBUG = 7
} sluice_log_level;

/* Called on a worker thread, at most ten lines a second of each level, further ones are dropped;
 * must not block and must not call back into the producer. `text` is gone when the callback
 * returns. Without one, nothing is printed. */
typedef void (*sluice_log_callback)(sluice_log_level level, const char *facility, const char *text,
                                    void *context);
SLUICE_API void sluice_config_set_log_callback(sluice_config *config, sluice_log_callback callback,
                                               void *context);

typedef enum sluice_event_kind {
    SLUICE_EVENT_CONNECTED = 1,
    SLUICE_EVENT_DISCONNECTED = 2,
    SLUICE_EVENT_ALL_BROKERS_DOWN = 3,
    SLUICE_EVENT_TOPIC_ERROR = 4,
    SLUICE_EVENT_THROTTLED = 5,
    SLUICE_EVENT_REBOOTSTRAP = 6 /* what is known of the cluster is not believed any more */
} sluice_event_kind;

typedef struct sluice_event {
    sluice_event_kind kind;
    sluice_code error;
    int32_t broker;   /* node id, -1 for a bootstrap address or when none is meant */
    const char *host; /* NULL when none is meant; gone when the callback returns */
    uint16_t port;
    const char *text; /* one line; gone when the callback returns */
} sluice_event;

/* As the log callback: on a worker, at most ten a second of each kind, must not block and must not
 * call back into the producer. */
typedef void (*sluice_event_callback)(const sluice_event *event, void *context);
SLUICE_API void sluice_config_set_event_callback(sluice_config *config,
                                                 sluice_event_callback callback, void *context);

/* ---- Producer -------------------------------------------------------------------------------- */

/* Opens a producer: starts its workers, does not wait for a broker and never waits for DNS. The
 * configuration is copied. NULL on error, and `error` says which option is wrong or what could not
 * be had. Free with sluice_producer_free. */
SLUICE_API SLUICE_MUST_CHECK sluice_producer *sluice_producer_open(const sluice_config *config,
                                                                   sluice_error *error);

/* Refuses new records, after calls of other threads that are just accepting one. Then delivers what
 * was accepted, and by the deadline decides the rest (not persisted if never sent, else unknown);
 * it begins with that a microsecond earlier for each batch that is left, at most half-way. Serves
 * the report callback, if one is set, on this thread. Waits for no broker past the deadline.
 * SLUICE_OK when every record was decided in time, SLUICE_TIMED_OUT when the deadline had to decide
 * some. Reports stay readable until sluice_producer_free. A second call answers what the first did,
 * and waits for it if it is under way. Errors: also SLUICE_IN_CALLBACK. */
SLUICE_API sluice_code sluice_producer_close(sluice_producer *producer, int64_t timeout_ms);

/* Closes with timeout 0 if that was not done, stops the workers and frees everything, topic handles
 * and unread reports included. NULL is allowed. No other thread may be inside a call, every
 * reservation must have been committed or aborted, and inside a report callback it does nothing. */
SLUICE_API void sluice_producer_free(sluice_producer *producer);

/* Waits until every record accepted before this call has its outcome, sealing open batches at once.
 * Does not wait for anybody to poll. Serves the report callback, if one is set, on this thread.
 * Errors: SLUICE_TIMED_OUT, SLUICE_IN_CALLBACK. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_flush(sluice_producer *producer,
                                                      int64_t timeout_ms);

enum { SLUICE_PURGE_UNSENT = 1, SLUICE_PURGE_SENT = 2 };
/* Gives up on records accepted before this call: those never sent become not persisted, and with
 * SLUICE_PURGE_SENT those sent and not answered become unknown. Both with SLUICE_PURGED. What
 * is produced while this is carried out may be given up, too. A second call adds to the first.
 * Does not wait: the reports follow.
 * Errors: SLUICE_INVALID_ARGUMENT. */
SLUICE_API sluice_code sluice_purge(sluice_producer *producer, unsigned what);

/* Hands over up to `capacity` reports, waiting up to `timeout_ms` for the first. Reports of
 * what was persisted come in the order of their partition; one that failed may come before an older
 * one that is still being tried. Returns how many: 0 at once, too, when the producer was closed and
 * nothing is left. Without a report callback this must be called:
 * reports that wait hold a share of `buffer.memory`. With one, also with
 * `sluice.callback.thread=worker`, this takes reports away from it: what is handed over here, the
 * callback never sees. */
SLUICE_API size_t sluice_poll(sluice_producer *producer, sluice_report *reports, size_t capacity,
                              int64_t timeout_ms);
/* Serves the report callback on this thread, waiting up to `timeout_ms` for the first report;
 * returns the number of reports served. 0 at once without a callback, or with one on a worker. */
SLUICE_API size_t sluice_poll_callback(sluice_producer *producer, int64_t timeout_ms);
/* A descriptor that is readable while reports wait: for poll, epoll or an event loop. Never read or
 * close it. Owned by the producer. -1 when none can be had. */
SLUICE_API int sluice_descriptor(sluice_producer *producer);

/* A snapshot, each figure exact for itself but `bytes_used`, in which what other threads take at
 * this moment may be missing or count twice; it is exact when nobody does. Takes no longer for many
 * records, topics or partitions. Bytes are charged bytes. */
typedef struct sluice_status {
    uint64_t records_accepted;
    uint64_t records_persisted;
    uint64_t records_not_persisted;
    uint64_t records_unknown;
    uint64_t reports_waiting;
    uint64_t bytes_used; /* of buffer.memory */
    uint64_t bytes_limit;
    uint64_t batches_sent; /* attempts included */
    uint64_t batches_retried;
    uint64_t requests_sent;   /* Produce requests */
    uint64_t wire_bytes_sent; /* of Produce requests */
    uint64_t connections_open;
    uint64_t worker_wakeups; /* times a worker went from asleep to awake */
    uint64_t rebootstraps;   /* times it went back to bootstrap.servers for good */
} sluice_status;
SLUICE_API void sluice_producer_status(sluice_producer *producer, sluice_status *status);

/* Writes all that the producer counts of its work as one JSON object: what sluice_status has, times
 * from produce to acknowledgement, and what was sent, for each broker. docs/counters.md explains
 * each field and its unit; further ones may be added.
 * As snprintf: returns the length of the whole text, NUL not counted, and writes as much of it as
 * fits into `size` bytes, always with a NUL unless `size` is 0; then `json` may be NULL. What was
 * cut is of no use: call again with more room than was asked for, because the text grows. An empty
 * text and 0 when `producer` is NULL, and after fork() in the child.
 * Also while the producer is closed, and in every callback. It takes no lock and no memory from
 * anywhere, and nobody is held up; figures of one kind never go back, and those of different kinds
 * are read one after the other. */
SLUICE_API size_t sluice_producer_counters(sluice_producer *producer, char *json, size_t size);

/* ---- Topics ---------------------------------------------------------------------------------- */

/* Chooses a partition in [0, partition_count) for a record; -1 refuses the record. Runs on a
 * worker, one call at a time per topic, and must not block nor call into the producer. */
typedef int32_t (*sluice_partitioner)(const void *key, size_t key_size, const void *value,
                                      size_t value_size, int32_t partition_count, void *context);

typedef struct sluice_topic_options {
    sluice_partitioner partitioner; /* NULL: murmur2 of the key as Java, sticky by bytes without */
    void *partitioner_context;
} sluice_topic_options;

/* A counted handle: opening a name again gives the same handle once more. Does not wait for a
 * broker; threads that open at the same moment take turns, for microseconds. Close it with
 * sluice_topic_close, or let sluice_producer_free take it. NULL on error. Errors:
 * SLUICE_INVALID_TOPIC (Kafka's rule: 1-249 of [a-zA-Z0-9._-], not "." or ".."), SLUICE_NO_MEMORY,
 * SLUICE_CLOSED. `options` may be NULL; only the first open looks at it. */
SLUICE_API SLUICE_MUST_CHECK sluice_topic *sluice_topic_open(sluice_producer *producer,
                                                             const char *name,
                                                             const sluice_topic_options *options,
                                                             sluice_error *error);
/* Gives one count back; records on their way are not touched. What is known of the topic stays
 * until the producer is freed, because its order and sequences go on when it is opened again: less
 * than 2 KiB, and half a KiB for each further partition that was written to. NULL is allowed. */
SLUICE_API void sluice_topic_close(sluice_topic *topic);
/* Valid until the producer is freed. */
SLUICE_API const char *sluice_topic_name(const sluice_topic *topic);
/* The number of partitions, waiting up to `timeout_ms` for a broker to tell it. Once known, it is
 * answered at once, inside a callback too, and grows when the topic does, as of the last metadata
 * (`metadata.max.age.ms`). Returns -1 when it is not known by then, and says why in `error`: what
 * the broker says of the topic, what the connection failed with, SLUICE_TIMED_OUT, and
 * SLUICE_IN_CALLBACK if it had to wait. */
SLUICE_API int32_t sluice_topic_partition_count(sluice_topic *topic, int64_t timeout_ms,
                                                sluice_error *error);

/* The broker that leads this partition has used up its share of `buffer.memory`, and records to it
 * would be refused with SLUICE_PARTITION_FULL. A hint for callers that choose partitions: it may
 * have changed when it is read. Any thread, O(1), never blocks; false when there is no such
 * partition, and always while memory is not short. */
SLUICE_API bool sluice_topic_partition_is_full(sluice_topic *topic, int32_t partition);

/* ---- Producing ------------------------------------------------------------------------------- */

typedef struct sluice_header {
    const char *name;  /* NUL-terminated UTF-8 */
    const void *value; /* NULL: a null value */
    size_t value_size;
} sluice_header;

#define SLUICE_PARTITION_ANY (-1) /* chosen as if none was given */
enum {
    SLUICE_RECORD_PARTITION = 1, /* `partition` is set: write there and nowhere else */
    SLUICE_RECORD_TIMESTAMP = 2  /* `timestamp_ms` is set; else the time of the call, at most 4 ms
                                    old */
};

/* Zero-initialise, then set what you need. */
typedef struct sluice_record {
    const void *key; /* NULL: no key (an empty key is a key: any pointer with size 0) */
    size_t key_size;
    const void *value; /* NULL: a null value, a tombstone for compacted topics */
    size_t value_size;
    const sluice_header *headers;
    size_t header_count;
    void *opaque;         /* handed back in the report */
    int64_t timestamp_ms; /* since the epoch, with SLUICE_RECORD_TIMESTAMP; 0 to 2^62 - 1 */
    int32_t partition;    /* with SLUICE_RECORD_PARTITION; from 0 on, or SLUICE_PARTITION_ANY */
    uint32_t flags;       /* SLUICE_RECORD_… */
} sluice_record;

/* Accepts a record, or says at once why not; never blocks. Order: if one call returned before
 * another to the same partition began, on any threads, the first record is written first. Errors:
 * SLUICE_FULL (the byte budget is spent: wait for room, or read reports), SLUICE_REPORTS_WAITING
 * (it is spent on reports nobody reads), SLUICE_PARTITION_FULL (memory is short, and the
 * partition's broker holds its share of it: others are taken. Records without key get it only when
 * all partitions are full, those of a topic with a partitioner of its own when any is),
 * SLUICE_RECORD_TOO_LARGE (`max.request.size`), SLUICE_INVALID_PARTITION (a negative one other than
 * SLUICE_PARTITION_ANY; that there is none of this number is told by the report, because the number
 * may not be known yet), SLUICE_INVALID_ARGUMENT, SLUICE_CLOSED, SLUICE_NO_MEMORY. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_produce(sluice_topic *topic,
                                                        const sluice_record *record);
/* Accepts records in order until one is refused; returns how many were accepted, and in `*code`
 * (may be NULL) why the next was not. */
SLUICE_API size_t sluice_produce_many(sluice_topic *topic, const sluice_record *records,
                                      size_t count, sluice_code *code);
/* As sluice_produce, and waits up to `timeout_ms` for room, serving the report callback, if one is
 * set, on this thread. When the time is over it answers what sluice_produce would: SLUICE_FULL,
 * SLUICE_REPORTS_WAITING or SLUICE_PARTITION_FULL. Errors: also SLUICE_IN_CALLBACK if it had to
 * wait. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_produce_wait(sluice_topic *topic,
                                                             const sluice_record *record,
                                                             int64_t timeout_ms);
/* Produces one record, does not linger, and waits for its outcome, which goes to `report` and to
 * nobody else. SLUICE_OK: `report` is filled (look at its outcome). SLUICE_TIMED_OUT: no outcome
 * yet; the record is still on its way and its report will come by poll or callback. Any other code:
 * it was not accepted. No room in time is SLUICE_FULL, SLUICE_REPORTS_WAITING or
 * SLUICE_PARTITION_FULL. Errors: also SLUICE_IN_CALLBACK. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_produce_sync(sluice_topic *topic,
                                                             const sluice_record *record,
                                                             int64_t timeout_ms,
                                                             sluice_report *report);
/* Waits until the byte budget has room for a record of `bytes` (key + value + headers), serving the
 * report callback as sluice_produce_wait does. Errors when the time is over: SLUICE_FULL,
 * SLUICE_REPORTS_WAITING; else SLUICE_RECORD_TOO_LARGE, SLUICE_CLOSED, SLUICE_NO_MEMORY, and
 * SLUICE_IN_CALLBACK if it had to wait. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_wait_for_room(sluice_producer *producer,
                                                              size_t bytes, int64_t timeout_ms);

/* Reserves room for a record whose value, of at most `value_size_max` bytes, the caller writes in
 * place. `record->value` and `value_size` are not looked at; all else is copied now. The record is
 * accepted at commit and ordered as if produced then; until then it holds up nobody.
 * Errors: as sluice_produce. */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_reserve(sluice_topic *topic,
                                                        const sluice_record *record,
                                                        size_t value_size_max,
                                                        sluice_reservation **reservation,
                                                        void **value);
/* Accepts the record with the first `value_size` bytes. The reservation is gone, also on error
 * (SLUICE_CLOSED, SLUICE_INVALID_ARGUMENT if more than was reserved). */
SLUICE_API SLUICE_MUST_CHECK sluice_code sluice_commit(sluice_reservation *reservation,
                                                       size_t value_size);
/* Gives the reservation up; nothing was produced. NULL is allowed. Commit and abort may be called
 * on another thread than reserve was. */
SLUICE_API void sluice_abort(sluice_reservation *reservation);

/* ---- Cluster --------------------------------------------------------------------------------- */

typedef struct sluice_cluster_broker {
    int32_t id;
    const char *host;
    uint16_t port;
} sluice_cluster_broker;
typedef struct sluice_cluster_partition {
    int32_t id;
    int32_t leader; /* node id, -1 for none */
    int32_t leader_epoch;
    sluice_code error;
} sluice_cluster_partition;
typedef struct sluice_cluster_topic {
    const char *name;
    uint8_t id[16]; /* all zero when the brokers know no topic ids */
    sluice_code error;
    int32_t partition_count;
    const sluice_cluster_partition *partitions; /* sorted by id */
} sluice_cluster_topic;
typedef struct sluice_cluster {
    const char *cluster_id; /* NULL when not told */
    int32_t controller;
    int32_t broker_count;
    const sluice_cluster_broker *brokers;
    int32_t topic_count;
    const sluice_cluster_topic *topics;
} sluice_cluster;

/* Asks a broker for the cluster as it is now: all topics, or just `topic` (which is not created).
 * Waits up to `timeout_ms` for an answer, and no longer once each known address has failed.
 * One allocation, freed with sluice_cluster_free, also after the producer. NULL on error:
 * SLUICE_TIMED_OUT, what the connection failed with, SLUICE_INVALID_TOPIC, SLUICE_IN_CALLBACK,
 * SLUICE_CLOSED, SLUICE_NO_MEMORY.
 * Source: Kafka protocol, Metadata. */
SLUICE_API SLUICE_MUST_CHECK sluice_cluster *sluice_cluster_fetch(sluice_producer *producer,
                                                                  const char *topic,
                                                                  int64_t timeout_ms,
                                                                  sluice_error *error);
/* NULL is allowed. */
SLUICE_API void sluice_cluster_free(sluice_cluster *cluster);

#ifdef __cplusplus
}
#endif
#endif
