/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Produces the records of kafka_records.h through libsluice's public surface, and checks that each
 * is reported exactly once, in its topic, and what was persisted in the order of its partition.
 * Exit status 0 only if all were persisted, or with -p if there were no mistakes.
 *
 *   kafka_feed -b HOST:PORT [-s SEED] [-m FIRST_MS] [-n RECORDS] [-t TOPIC_PREFIX] [-T TOPICS]
 *              [-r REPORTS_FILE] [-X option=value]… [-p RECORDS_PER_SECOND [-k]]
 *
 * Standard output is for the harness: "opened" when the topics are, "reports N" each time
 * another tenth of the reports is in, and "P persisted, N not persisted, U unknown" at the end.
 * With -p it produces at that pace, and obeys standard input: after "stop" it produces no more,
 * to "tell" it answers with one line of name=number (see tell), to "flush MS" with how late the
 * call came back, and "close MS" closes in the middle of everything and does the same. With -k it
 * never waits for room: records that are refused are skipped, and stand as not persisted.
 * REPORTS_FILE gets, for each index, 13 bytes in big endian: outcome (1), partition (4), offset
 * (8), for the oracle to compare.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/kafka/kafka_records.h"

enum { TOPICS_MAX = 64, PARTITIONS_MAX = 64, POLL_MAX = 1024, ENTRY_BYTES = 13 };
enum { MISTAKES_TOLD_MAX = 10, ERRORS_MAX = 64 };

struct feed {
    struct kafka_run run;
    uint64_t record_count;
    const char *topic_prefix;
    const char *reports_path;
    sluice_producer *producer;
    sluice_topic *topics[TOPICS_MAX];
    uint8_t *entries; /* ENTRY_BYTES for each index, as written to reports_path; outcome 0: none */
    uint64_t newest[TOPICS_MAX][PARTITIONS_MAX]; /* 1 + the index last reported there; 0: none */
    uint64_t reports;
    uint64_t outcomes[4]; /* by sluice_outcome */
    uint64_t mistakes;
    uint64_t per_second; /* 0: as fast as it goes */
    int64_t begun_ms;
    uint32_t *produced_ms; /* by index, since begun_ms; with a pace only */
    int64_t delivery_timeout_ms;
    int64_t late_ms_max; /* by how much a report came after delivery.timeout.ms; since told last */
    bool closed;
    bool skips; /* what is refused */
    uint64_t skipped;
    uint64_t persisted_of[TOPICS_MAX][PARTITIONS_MAX];
    struct {
        sluice_code code;
        uint64_t count;
    } errors[ERRORS_MAX]; /* the last error of each report that had one */
    int32_t partition_max;
    uint32_t in_flight_ms_max; /* since it was told last */
    atomic_ullong throttled;   /* events, counted by a worker */
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void give_up(const char *what, const char *why) {
    fprintf(stderr, "kafka_feed: %s: %s\n", what, why);
    exit(2);
}

static void mistake(struct feed *feed, uint64_t index, const char *what) {
    if (feed->mistakes++ < MISTAKES_TOLD_MAX)
        fprintf(stderr, "kafka_feed: record %llu: %s\n", (unsigned long long)index, what);
}

static void put_big_endian(uint8_t *to, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void check_place(struct feed *feed, const sluice_report *report, uint64_t index) {
    uint32_t topic = kafka_record_topic(&feed->run, index);
    if (report->topic != feed->topics[topic])
        mistake(feed, index, "reported for another topic");
    if (report->partition < 0 || report->partition >= PARTITIONS_MAX)
        return;
    if (report->outcome != SLUICE_PERSISTED)
        return;
    feed->persisted_of[topic][report->partition]++;
    uint64_t *newest = &feed->newest[topic][report->partition];
    if (*newest > index)
        mistake(feed, index, "reported after a younger record of its partition");
    *newest = index + 1;
}

static void count_trouble(struct feed *feed, const sluice_report *report, uint64_t index) {
    if (report->partition > feed->partition_max)
        feed->partition_max = report->partition;
    int64_t age_ms = now_ms() - feed->begun_ms - feed->produced_ms[index];
    if (age_ms - feed->delivery_timeout_ms > feed->late_ms_max)
        feed->late_ms_max = age_ms - feed->delivery_timeout_ms;
    if (report->in_flight_ms > feed->in_flight_ms_max)
        feed->in_flight_ms_max = report->in_flight_ms;
    for (int i = 0; report->last_error != SLUICE_OK && i < ERRORS_MAX; i++) {
        if (feed->errors[i].count == 0)
            feed->errors[i].code = report->last_error;
        if (feed->errors[i].code == report->last_error) {
            feed->errors[i].count++;
            break;
        }
    }
}

static void take_report(struct feed *feed, const sluice_report *report) {
    uint64_t index = (uint64_t)(uintptr_t)report->opaque;
    if (index >= feed->record_count) {
        mistake(feed, index, "reported, never produced");
        return;
    }
    uint8_t *entry = feed->entries + index * ENTRY_BYTES;
    if (entry[0] != 0)
        mistake(feed, index, "reported twice");
    check_place(feed, report, index);
    if (feed->per_second > 0)
        count_trouble(feed, report, index);
    if (report->outcome < SLUICE_PERSISTED || report->outcome > SLUICE_UNKNOWN) {
        mistake(feed, index, "reported without an outcome");
        return;
    }
    if (report->outcome != SLUICE_PERSISTED && feed->outcomes[report->outcome] == 0)
        fprintf(stderr, "kafka_feed: record %llu: %s\n", (unsigned long long)index,
                sluice_code_text(report->error));
    entry[0] = (uint8_t)report->outcome;
    put_big_endian(entry + 1, (uint32_t)report->partition, 4);
    put_big_endian(entry + 5, (uint64_t)report->offset, 8);
    feed->outcomes[report->outcome]++;
    uint64_t tenth = feed->record_count / 10 + 1;
    if (++feed->reports % tenth == 0) {
        printf("reports %llu\n", (unsigned long long)feed->reports);
        fflush(stdout);
    }
}

/* Returns whether there were any. */
static bool take_reports(struct feed *feed, int64_t timeout_ms) {
    sluice_report reports[POLL_MAX];
    size_t count = sluice_poll(feed->producer, reports, POLL_MAX, timeout_ms);
    for (size_t i = 0; i < count; i++)
        take_report(feed, &reports[i]);
    return count > 0;
}

/* One call that has a deadline: prints by how much it overstepped it. */
static void call_with_deadline(struct feed *feed, const char *name, const char *number) {
    int64_t timeout_ms = strtoll(number, NULL, 10);
    int64_t begun = now_ms();
    sluice_code code;
    if (strcmp(name, "close") == 0) {
        code = sluice_producer_close(feed->producer, timeout_ms);
        feed->closed = true;
    } else {
        code = sluice_flush(feed->producer, timeout_ms);
    }
    int64_t late = now_ms() - begun - timeout_ms;
    while (take_reports(feed, 0))
        ;
    printf("%s %s %lld\n", name, sluice_code_name(code), (long long)late);
    fflush(stdout);
}

static void tell(struct feed *feed, uint64_t produced) {
    printf("produced=%llu reports=%llu persisted=%llu not_persisted=%llu unknown=%llu "
           "throttled=%llu partition_max=%d in_flight_ms_max=%u late_ms_max=%lld",
           (unsigned long long)produced, (unsigned long long)feed->reports,
           (unsigned long long)feed->outcomes[SLUICE_PERSISTED],
           (unsigned long long)feed->outcomes[SLUICE_NOT_PERSISTED],
           (unsigned long long)feed->outcomes[SLUICE_UNKNOWN],
           (unsigned long long)atomic_load(&feed->throttled), feed->partition_max,
           feed->in_flight_ms_max, (long long)feed->late_ms_max);
    printf(" skipped=%llu", (unsigned long long)feed->skipped);
    for (uint32_t topic = 0; topic < feed->run.topic_count; topic++) {
        for (int32_t partition = 0; partition <= feed->partition_max; partition++)
            printf(" %u/%d=%llu", topic, partition,
                   (unsigned long long)feed->persisted_of[topic][partition]);
    }
    for (int i = 0; i < ERRORS_MAX && feed->errors[i].count > 0; i++)
        printf(" %s=%llu", sluice_code_name(feed->errors[i].code),
               (unsigned long long)feed->errors[i].count);
    puts("");
    fflush(stdout);
    feed->in_flight_ms_max = 0;
    feed->late_ms_max = 0;
}

static void obey(struct feed *feed, uint64_t produced) {
    char line[80];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 0) > 0) {
        bool at_end = fgets(line, sizeof(line), stdin) == NULL;
        if (!at_end && strcmp(line, "tell\n") == 0)
            tell(feed, produced);
        else if (!at_end && strncmp(line, "flush ", 6) == 0)
            call_with_deadline(feed, "flush", line + 6);
        else if (!at_end && strncmp(line, "close ", 6) == 0)
            call_with_deadline(feed, "close", line + 6);
        if (at_end || feed->closed || strcmp(line, "stop\n") == 0) {
            feed->record_count = produced;
            return;
        }
    }
}

/* Keeps the pace, and does what it is told meanwhile. */
static void wait_for_turn(struct feed *feed, uint64_t index) {
    if (feed->begun_ms == 0)
        feed->begun_ms = now_ms();
    do {
        obey(feed, index);
        if (index >= feed->record_count ||
            index < (uint64_t)(now_ms() - feed->begun_ms) * feed->per_second / 1000)
            return;
        take_reports(feed, 5);
    } while (true);
}

static void skip(struct feed *feed, uint64_t index) {
    feed->entries[index * ENTRY_BYTES] = SLUICE_NOT_PERSISTED;
    feed->outcomes[SLUICE_NOT_PERSISTED]++;
    feed->skipped++;
}

static void produce_all(struct feed *feed) {
    static struct kafka_record made;
    for (uint64_t index = 0; index < feed->record_count; index++) {
        if (feed->per_second > 0)
            wait_for_turn(feed, index);
        if (index == feed->record_count)
            return;
        kafka_record_make(&made, &feed->run, index);
        made.record.opaque = (void *)(uintptr_t)index;
        if (feed->per_second > 0)
            feed->produced_ms[index] = (uint32_t)(now_ms() - feed->begun_ms);
        uint32_t topic = kafka_record_topic(&feed->run, index);
        sluice_code code;
        while ((code = sluice_produce(feed->topics[topic], &made.record)) != SLUICE_OK) {
            if (code != SLUICE_FULL && code != SLUICE_PARTITION_FULL &&
                code != SLUICE_REPORTS_WAITING)
                give_up("produce", sluice_code_text(code));
            if (feed->skips) {
                skip(feed, index);
                break;
            }
            take_reports(feed, 10);
            if (feed->per_second > 0)
                obey(feed, index);
            if (index == feed->record_count)
                return;
        }
        if (index % POLL_MAX == 0)
            take_reports(feed, 0);
    }
}

static void finish(struct feed *feed) {
    sluice_code code = feed->closed ? SLUICE_OK : sluice_flush(feed->producer, -1);
    if (code != SLUICE_OK)
        give_up("flush", sluice_code_text(code));
    while (take_reports(feed, 0))
        ;
    for (uint64_t index = 0; index < feed->record_count; index++) {
        if (feed->entries[index * ENTRY_BYTES] == 0)
            mistake(feed, index, "not reported, though flush or close returned");
    }
    code = sluice_producer_close(feed->producer, 10000);
    if (code != SLUICE_OK && !feed->closed)
        give_up("close", sluice_code_text(code));
    while (take_reports(feed, 0))
        ;
}

static void write_reports(const struct feed *feed) {
    FILE *file = fopen(feed->reports_path, "wb");
    if (file == NULL)
        give_up(feed->reports_path, "cannot be opened");
    size_t written = fwrite(feed->entries, ENTRY_BYTES, feed->record_count, file);
    if (fclose(file) != 0 || written != feed->record_count)
        give_up(feed->reports_path, "cannot be written");
}

static void set_option(sluice_config *config, char *text) {
    sluice_error error;
    char *equals = strchr(text, '=');
    if (equals == NULL)
        give_up(text, "expected option=value");
    *equals = '\0';
    if (sluice_config_set(config, text, equals + 1, &error) != SLUICE_OK)
        give_up(text, error.text);
}

static void read_arguments(struct feed *feed, sluice_config *config, int count, char **words) {
    static char bootstrap_name[] = "bootstrap.servers";
    int option;
    while ((option = getopt(count, words, "b:s:m:n:t:T:r:X:p:k")) != -1) {
        sluice_error error;
        switch (option) {
        case 'b':
            if (sluice_config_set(config, bootstrap_name, optarg, &error) != SLUICE_OK)
                give_up(optarg, error.text);
            break;
        case 's':
            feed->run.seed = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            feed->run.first_ms = strtoll(optarg, NULL, 10);
            break;
        case 'n':
            feed->record_count = strtoull(optarg, NULL, 10);
            break;
        case 't':
            feed->topic_prefix = optarg;
            break;
        case 'T':
            feed->run.topic_count = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            feed->reports_path = optarg;
            break;
        case 'k':
            feed->skips = true;
            break;
        case 'p':
            feed->per_second = strtoull(optarg, NULL, 10);
            break;
        case 'X':
            set_option(config, optarg);
            break;
        default:
            exit(2);
        }
    }
    if (optind != count || feed->run.topic_count == 0 || feed->run.topic_count > TOPICS_MAX)
        give_up("arguments", "see the top of kafka_feed.c");
}

/* What the producer says goes to standard error, which the harness shows when a test fails. */
static void tell_log(sluice_log_level level, const char *facility, const char *text,
                     void *context) {
    (void)context;
    fprintf(stderr, "%d %s: %s\n", level, facility, text);
}

static void tell_event(const sluice_event *event, void *context) {
    struct feed *feed = context;
    if (event->kind == SLUICE_EVENT_THROTTLED)
        atomic_fetch_add(&feed->throttled, 1);
    fprintf(stderr, "event %d, broker %d: %s\n", event->kind, event->broker, event->text);
}

static void open_all(struct feed *feed, sluice_config *config) {
    sluice_config_set_log_callback(config, tell_log, NULL);
    sluice_config_set_event_callback(config, tell_event, feed);
    sluice_error error;
    char number[32];
    size_t size = sizeof(number);
    if (sluice_config_get(config, "delivery.timeout.ms", number, &size, &error) != SLUICE_OK)
        give_up("delivery.timeout.ms", error.text);
    feed->delivery_timeout_ms = strtoll(number, NULL, 10);
    feed->producer = sluice_producer_open(config, &error);
    if (feed->producer == NULL)
        give_up("open", error.text);
    for (uint32_t topic = 0; topic < feed->run.topic_count; topic++) {
        char name[300];
        snprintf(name, sizeof(name), "%s%u", feed->topic_prefix, topic);
        feed->topics[topic] = sluice_topic_open(feed->producer, name, NULL, &error);
        if (feed->topics[topic] == NULL)
            give_up(name, error.text);
    }
}

int main(int count, char **words) {
    static struct feed feed = {
        .run = {1, 1700000000000, 1}, .record_count = 1000, .topic_prefix = "feed-"};
    sluice_config *config = sluice_config_new();
    if (config == NULL)
        give_up("configuration", "no memory");
    read_arguments(&feed, config, count, words);
    feed.entries = calloc(feed.record_count + 1, ENTRY_BYTES);
    feed.produced_ms = calloc(feed.record_count + 1, sizeof(*feed.produced_ms));
    if (feed.entries == NULL || feed.produced_ms == NULL)
        give_up("reports", "no memory");
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll sees every line */
    open_all(&feed, config);
    sluice_config_free(config);
    puts("opened");
    fflush(stdout);
    produce_all(&feed);
    finish(&feed);
    if (feed.reports_path != NULL)
        write_reports(&feed);
    for (uint32_t topic = 0; topic < feed.run.topic_count; topic++)
        sluice_topic_close(feed.topics[topic]);
    sluice_producer_free(feed.producer);
    free(feed.entries);
    free(feed.produced_ms);
    printf("%llu persisted, %llu not persisted, %llu unknown, %llu mistakes\n",
           (unsigned long long)feed.outcomes[SLUICE_PERSISTED],
           (unsigned long long)feed.outcomes[SLUICE_NOT_PERSISTED],
           (unsigned long long)feed.outcomes[SLUICE_UNKNOWN], (unsigned long long)feed.mistakes);
    bool all = feed.outcomes[SLUICE_PERSISTED] == feed.record_count;
    return feed.mistakes == 0 && (all || feed.per_second > 0) ? 0 : 1;
}
