/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trace: a readable line an event when somebody listens, and a running hash always. Both hold
 * stable ids and figures only, never a pointer, so that they are equal for equal runs.
 */
#include <inttypes.h>

#include "runtime/sim_internal.h"

static const struct {
    const char *text;
    const char *figures[3];
} notes[SIM_NOTE_COUNT] = {
#define SIM_NOTE_ROW(name, text, a, b, c) [SIM_NOTE_##name] = {text, {a, b, c}},
    SIM_NOTES(SIM_NOTE_ROW)
#undef SIM_NOTE_ROW
};

static uint64_t hash_add(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

static void print_note(struct sim *sim, enum sim_note note, const struct rt_actor *actor,
                       const uint64_t *values) {
    fprintf(sim->trace, "%" PRIu64 ".%09" PRIu64 " %s", sim->now_ns / 1000000000u,
            sim->now_ns % 1000000000u, notes[note].text);
    if (actor != NULL) {
        fprintf(sim->trace, " %s#%" PRIu32, actor->kind->name, actor->id);
    }
    for (int i = 0; i < 3; i++) {
        if (notes[note].figures[i][0] != '\0') {
            fprintf(sim->trace, " %s=%" PRId64, notes[note].figures[i], (int64_t)values[i]);
        }
    }
    fputc('\n', sim->trace);
}

void sim_note(struct sim *sim, enum sim_note note, const struct rt_actor *actor, uint64_t a,
              uint64_t b, uint64_t c) {
    uint64_t hash = hash_add(sim->hash, sim->now_ns);
    hash = hash_add(hash, ((uint64_t)note << 32) | (actor == NULL ? UINT32_MAX : actor->id));
    hash = hash_add(hash, a ^ sim_rotate_left(b, 21) ^ sim_rotate_left(c, 42));
    sim->hash = hash;
    if (sim->trace != NULL) {
        const uint64_t values[3] = {a, b, c};
        print_note(sim, note, actor, values);
    }
}

void rt_sim_trace(struct rt_world *world, FILE *out) {
    sim_of(world)->trace = out;
}

uint64_t rt_sim_trace_hash(struct rt_world *world) {
    return sim_of(world)->hash;
}

uint64_t rt_sim_events(struct rt_world *world) {
    return sim_of(world)->events;
}
