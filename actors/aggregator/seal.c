/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See seal.h. */
#include "actors/aggregator/seal.h"

#include "actors/broker.h"
#include "actors/producer/producer.h"
#include "protocol/codec.h"
#include "runtime/assert.h"

enum {
    SLICE_BYTES = 12288, /* of input: about 0.25 ms of gzip at its default level */
    OUT_CHUNK_BYTES = 16384 - (int)sizeof(struct chunk)
};

static const struct kafka_codec *codec_of(const struct producer *producer) {
    return kafka_codec_by_id(producer->config->compression_type);
}

static void send_back(struct sealer *self, uint8_t codec) {
    struct batch *batch = self->batch;
    self->batch = NULL;
    batch_seal(batch, codec);
    struct aggregator *aggregator = &batch->partition->broker->aggregator;
    rt_lane_unbounded_push(&aggregator->sealed, &batch->mail.node);
    rt_notify_pushed(&aggregator->actor);
}

static void out_free(struct sealer *self) {
    while (self->out_first != NULL) {
        struct chunk *next = self->out_first->next;
        chunk_release(self->producer, self->out_first);
        self->out_first = next;
    }
    self->out_last = NULL;
}

/* Memory is short, or packing did not make it smaller: the batch is sent as it is. */
static void send_unpacked(struct sealer *self) {
    out_free(self);
    send_back(self, KAFKA_CODEC_NONE);
}

static void begin(struct sealer *self, struct batch *batch) {
    const struct sluice_config *config = self->producer->config;
    self->batch = batch;
    self->in = batch->first;
    self->in_used = batch->first->start;
    self->in_left = batch->raw_bytes;
    self->out_first = NULL;
    self->out_last = NULL;
    self->out_bytes = 0;
    kafka_compress_begin(codec_of(self->producer), self->memory, self->memory_bytes,
                         config->compression_gzip_level);
}

static bool out_room(struct sealer *self) {
    struct chunk *last = self->out_last;
    if (last != NULL && last->used < last->capacity) {
        return true;
    }
    struct chunk *chunk = chunk_create(self->producer, OUT_CHUNK_BYTES);
    if (chunk == NULL) {
        return false;
    }
    if (last == NULL) {
        self->out_first = chunk;
    } else {
        last->next = chunk;
    }
    self->out_last = chunk;
    return true;
}

/* The next piece of input, at most `most` bytes. */
static uint32_t in_piece(struct sealer *self, uint32_t most) {
    if (self->in_left > 0 && self->in_used == self->in->used) {
        self->in = self->in->next;
        self->in_used = self->in->start;
    }
    uint32_t size = self->in->used - self->in_used;
    size = size < self->in_left ? size : self->in_left;
    return size < most ? size : most;
}

/* One slice. True when the batch is packed or given up. */
static bool pack(struct sealer *self) {
    const struct kafka_codec *codec = codec_of(self->producer);
    uint32_t budget = SLICE_BYTES;
    for (;;) {
        if (!out_room(self) || self->out_bytes >= self->batch->raw_bytes) {
            send_unpacked(self);
            return true;
        }
        uint32_t piece = in_piece(self, budget);
        struct chunk *out = self->out_last;
        struct kafka_codec_flow flow = {.in = self->in->data + self->in_used,
                                        .in_size = piece,
                                        .out = out->data + out->used,
                                        .out_size = out->capacity - out->used};
        enum kafka_codec_status status =
            kafka_compress_step(codec, self->memory, &flow, self->in_left == 0);
        uint32_t read = piece - (uint32_t)flow.in_size;
        uint32_t wrote = out->capacity - out->used - (uint32_t)flow.out_size;
        self->in_used += read;
        self->in_left -= read;
        budget -= read;
        out->used += wrote;
        self->out_bytes += wrote;
        if (status == KAFKA_CODEC_DONE) {
            break;
        }
        if (budget == 0) {
            return false;
        }
    }
    if (self->out_bytes >= self->batch->raw_bytes) {
        send_unpacked(self);
        return true;
    }
    chunk_trim(self->producer, self->out_last);
    self->batch->packed = self->out_first;
    self->batch->payload_bytes = self->out_bytes;
    send_back(self, codec->id);
    return true;
}

static enum rt_verdict sealer_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)turn;
    struct sealer *self = caa_container_of(actor, struct sealer, actor);
    if (self->batch == NULL) {
        struct rt_node *node;
        enum rt_take take = rt_lane_unbounded_take(&self->batches, &node);
        if (take == RT_TAKEN) {
            begin(self, batch_of(mail_of(node)));
        } else if ((marks & RT_MARK(SEALER_MARK_CLOSE)) != 0) {
            return RT_END;
        } else {
            return take == RT_BUSY ? RT_AGAIN : RT_IDLE;
        }
    }
    pack(self);
    return RT_AGAIN;
}

static void sealer_gone(struct rt_actor *actor) {
    struct sealer *self = caa_container_of(actor, struct sealer, actor);
    producer_actor_gone(self->producer);
}

static const struct rt_actor_kind sealer_kind = {
    .name = "sealer", .class = RT_CLASS_JOB, .run = sealer_run, .gone = sealer_gone};

bool seal_open(struct producer *producer) {
    const struct kafka_codec *codec = codec_of(producer);
    RT_ASSERT(codec != NULL && codec->is_built);
    if (codec->id == KAFKA_CODEC_NONE) {
        return true;
    }
    uint32_t count = producer->world->workers > 0 ? producer->world->workers : 1;
    producer->sealers = rt_acquire(producer->world, count * sizeof *producer->sealers);
    if (producer->sealers == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sealer *sealer = &producer->sealers[i];
        *sealer =
            (struct sealer){.producer = producer, .memory_bytes = codec->compress_memory_size};
        sealer->memory = rt_acquire(producer->world, sealer->memory_bytes);
        if (sealer->memory == NULL) {
            seal_free(producer);
            return false;
        }
        rt_lane_unbounded_init(&sealer->batches);
        producer->sealer_count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        producer_actor_start(producer, &producer->sealers[i].actor, &sealer_kind);
    }
    return true;
}

void seal_close(struct producer *producer) {
    for (uint32_t i = 0; i < producer->sealer_count; i++) {
        rt_mark(&producer->sealers[i].actor, RT_MARK(SEALER_MARK_CLOSE));
    }
}

void seal_free(struct producer *producer) {
    if (producer->sealers == NULL) {
        return;
    }
    for (uint32_t i = 0; i < producer->sealer_count; i++) {
        rt_release(producer->world, producer->sealers[i].memory, producer->sealers[i].memory_bytes);
    }
    uint32_t count = producer->world->workers > 0 ? producer->world->workers : 1;
    rt_release(producer->world, producer->sealers, count * sizeof *producer->sealers);
    producer->sealers = NULL;
    producer->sealer_count = 0;
}

void seal(struct producer *producer, struct batch *batch) {
    if (producer->sealer_count == 0) {
        batch_seal(batch, KAFKA_CODEC_NONE);
        return;
    }
    batch->packing = true;
    uint32_t turn = atomic_fetch_add_explicit(&producer->sealer_turn, 1, memory_order_relaxed);
    struct sealer *sealer = &producer->sealers[turn % producer->sealer_count];
    rt_lane_unbounded_push(&sealer->batches, &batch->mail.node);
    rt_notify_pushed(&sealer->actor);
}
