/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening, flushing, closing and freeing a producer. */
#include "actors/producer/producer.h"

#include <errno.h>

#include "actors/config/error.h"
#include "actors/producer/api.h"
#include "actors/producer/flush.h"
#include "actors/topic/sweep.h"
#include "protocol/batch.h"
#include "protocol/varint.h"
#include "runtime/assert.h"
#include "runtime/threads.h"

/* Free memory kept for reuse when little is in use. */
enum { POOL_KEEP_BYTES = 2 << 20 };

/* -- actors, counted -- */

void producer_actor_start(struct producer *producer, struct rt_actor *actor,
                          const struct rt_actor_kind *kind) {
    atomic_fetch_add_explicit(&producer->actors_left, 1, memory_order_relaxed);
    rt_actor_start(actor, kind, producer->world);
}

void producer_actor_gone(struct producer *producer) {
    struct rt_world *world = producer->world;
    _Atomic uint32_t *word = &producer->gone_word;
    /* The waiter frees the producer once it sees zero, so the count is the last thing touched. */
    atomic_fetch_add_explicit(word, 1, memory_order_release);
    rt_wake(world, word);
    atomic_fetch_sub_explicit(&producer->actors_left, 1, memory_order_release);
}

enum { GONE_LOOK_NS = 1000000 };

/* Waits until no more than `most` actors are left. */
static void wait_gone(struct producer *producer, int64_t most) {
    for (;;) {
        uint32_t seen = atomic_load_explicit(&producer->gone_word, memory_order_acquire);
        if (atomic_load_explicit(&producer->actors_left, memory_order_acquire) <= most) {
            return;
        }
        rt_wait(producer->world, &producer->gone_word, seen,
                rt_now(producer->world) + GONE_LOOK_NS);
    }
}

/* -- open -- */

static void producer_release(struct producer *producer) {
    struct rt_world *world = producer->world;
    bool owns_world = producer->owns_world;
    counters_free(producer);
    sluice_config_free(producer->config);
    rt_release(world, producer, sizeof *producer);
    if (owns_world) {
        rt_world_destroy(world);
    }
}

/* What a batch of one record has beside the record. */
enum { ALONE_BYTES = KAFKA_BATCH_HEADER_SIZE + KAFKA_VARINT_SIZE_MAX };

/* Everything that needs memory, before any actor runs. */
static bool prepare(struct producer *producer) {
    if (!counters_open(producer)) {
        return false;
    }
    const struct sluice_config *config = producer->config;
    producer->pool =
        rt_pool_create(producer->world, (size_t)config->buffer_memory, POOL_KEEP_BYTES);
    if (producer->pool == NULL) {
        return false;
    }
    rt_budget_init(&producer->budget, producer->world, config->buffer_memory);
    uint64_t most = (uint64_t)(config->buffer_memory - INPUT_RECORD_SHARE);
    uint64_t alone = (uint64_t)config->max_request_size;
    alone = alone > ALONE_BYTES ? alone - ALONE_BYTES : 0;
    producer->body_bytes_max = alone < most ? alone : most;
    producer->opened_ns = rt_now(producer->world);
    return true;
}

static void close_actors(struct producer *producer);

static bool start_actors(struct producer *producer) {
    report_open(producer);
    topic_actor_start(&producer->topic_actor, producer);
    retry_start(&producer->retry, producer);
    if (!metadata_start(&producer->metadata, producer)) {
        return false;
    }
    producer->metadata_started = true;
    if (producer->config->enable_idempotence) {
        if (!identity_start(&producer->identity, producer)) {
            return false;
        }
        producer->identity_started = true;
    }
    return seal_open(producer);
}

static sluice_producer *open_in(struct rt_world *world, bool owns_world, const sluice_config *given,
                                sluice_error *error) {
    struct sluice_config *config = sluice_config_resolve(given, error);
    struct producer *producer = config != NULL ? rt_acquire(world, sizeof *producer) : NULL;
    if (producer == NULL) {
        if (config != NULL) {
            sluice_error_code(error, SLUICE_NO_MEMORY);
            sluice_config_free(config);
        }
        if (owns_world) {
            rt_world_destroy(world);
        }
        return NULL;
    }
    memset(producer, 0, sizeof *producer);
    producer->world = world;
    producer->owns_world = owns_world;
    producer->config = config;
    if (!prepare(producer)) {
        sluice_error_code(error, SLUICE_NO_MEMORY);
        producer_release(producer);
        return NULL;
    }
    if (!start_actors(producer)) {
        sluice_error_code(error, SLUICE_NO_MEMORY);
        atomic_store_explicit(&producer->closed, 1, memory_order_release);
        sluice_producer_free((sluice_producer *)producer);
        return NULL;
    }
    return (sluice_producer *)producer;
}

sluice_producer *producer_open_in(struct rt_world *world, const struct sluice_config *config,
                                  sluice_error *error) {
    sluice_error_code(error, SLUICE_OK);
    return open_in(world, false, config, error);
}

/* Why there are no worker threads. */
static const char *start_text(int cause) {
    switch (cause) {
    case EMFILE:
        return "this process has too many open files";
    case ENFILE:
        return "the system has too many open files";
    case EAGAIN:
        return "no more threads are allowed";
    case ENOMEM:
        return "memory is short";
    default:
        return "the system refuses";
    }
}

sluice_producer *sluice_producer_open(const sluice_config *config, sluice_error *error) {
    sluice_error_code(error, SLUICE_OK);
    if (sluice_config_check(config, error) != SLUICE_OK) {
        return NULL;
    }
    int cause = 0;
    struct rt_threads_options options = {
        .workers = (unsigned)config->workers, .thread_end = input_thread_end, .name = "sluice"};
    struct rt_world *world = rt_threads_create(&options, &cause);
    if (world == NULL && cause == ECHILD) {
        sluice_error_set(error, SLUICE_FORKED,
                         "this process was forked while a producer was open: none can be opened "
                         "here");
        return NULL;
    }
    if (world == NULL) {
        sluice_error_set(error, SLUICE_NO_RESOURCES, "worker threads cannot start: %s (errno %d)",
                         start_text(cause), cause);
        return NULL;
    }
    return open_in(world, true, config, error);
}

/* -- flush, purge, close, free -- */

sluice_code sluice_flush(sluice_producer *handle, int64_t timeout_ms) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    if (rt_forked(producer->world)) {
        return SLUICE_FORKED;
    }
    if (in_callback(producer)) {
        return SLUICE_IN_CALLBACK;
    }
    if (atomic_load_explicit(&producer->close_state, memory_order_acquire) == CLOSE_DONE) {
        return SLUICE_OK;
    }
    return flush_wait(producer, deadline_after(producer, timeout_ms)) ? SLUICE_OK
                                                                      : SLUICE_TIMED_OUT;
}

sluice_code sluice_purge(sluice_producer *handle, unsigned what) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    if (rt_forked(producer->world)) {
        return SLUICE_FORKED;
    }
    if (what == 0 || (what & ~(unsigned)(SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT)) != 0) {
        return SLUICE_INVALID_ARGUMENT;
    }
    purge_begin(producer, what, SLUICE_PURGED);
    return SLUICE_OK;
}

sluice_code sluice_producer_close(sluice_producer *handle, int64_t timeout_ms) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    if (rt_forked(producer->world)) {
        return SLUICE_FORKED;
    }
    if (in_callback(producer)) {
        return SLUICE_IN_CALLBACK;
    }
    uint64_t deadline_ns = deadline_after(producer, timeout_ms);
    uint32_t state = CLOSE_OPEN;
    input_shut(producer);
    if (!atomic_compare_exchange_strong_explicit(&producer->close_state, &state, CLOSE_RUNNING,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        while (state != CLOSE_DONE &&
               rt_wait(producer->world, &producer->close_state, state, deadline_ns)) {
            state = atomic_load_explicit(&producer->close_state, memory_order_acquire);
        }
        return state == CLOSE_DONE ? producer->close_result : SLUICE_TIMED_OUT;
    }
    bool done = flush_before(producer, deadline_ns);
    if (!done) {
        purge_all(producer);
    }
    producer->close_result = done ? SLUICE_OK : SLUICE_TIMED_OUT;
    atomic_store_explicit(&producer->close_state, CLOSE_DONE, memory_order_release);
    rt_wake(producer->world, &producer->close_state);
    report_end(producer); /* who waits for reports waits for nothing now */
    return producer->close_result;
}

/* The pipeline first, then what it talks to, then the brokers, which end when the last snapshot is
 * gone. */
static void close_actors(struct producer *producer) {
    rt_mark(&producer->topic_actor.actor, RT_MARK(TOPIC_MARK_CLOSE));
    rt_mark(&producer->retry.actor, RT_MARK(RETRY_MARK_CLOSE));
    seal_close(producer);
    report_close(producer);
    if (producer->identity_started) {
        identity_close(&producer->identity);
    }
    if (producer->metadata_started) {
        metadata_close(&producer->metadata);
    }
    wait_gone(producer, 0);
}

static void topics_free(struct producer *producer) {
    struct topic *topic = atomic_load_explicit(&producer->topic_actor.topics, memory_order_acquire);
    while (topic != NULL) {
        struct topic *next = topic->next;
        partition_actor_free(&topic->actor);
        rt_release(producer->world, topic, sizeof *topic);
        topic = next;
    }
    topic_names_deinit(&producer->topic_actor.names, producer->world);
}

void sluice_producer_free(sluice_producer *handle) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL || rt_forked(producer->world)) {
        return; /* in a forked child nothing works, and nothing is ours to free */
    }
    if (in_callback(producer)) {
        return; /* who called us is still using it */
    }
    if (producer->metadata_started) {
        sluice_producer_close(handle, 0);
        /* what a thread published while close was under way */
        purge_all(producer);
    }
    close_actors(producer);
    report_deinit(producer);
    sweep_deinit(&producer->topic_actor);
    topics_free(producer);
    seal_free(producer);
    shares_deinit(&producer->shares);
    rt_budget_settle(&producer->budget, 0, producer->budget.limit); /* nothing is in the way now */
    rt_budget_deinit(&producer->budget);
    input_deinit(producer);
    rt_pool_destroy(producer->pool);
    producer_release(producer);
}
