/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the simulated executor writes into its trace. */
#ifndef RT_SIM_TRACE_H
#define RT_SIM_TRACE_H

#include <stdint.h>

struct rt_actor;
struct sim;

/* name, text, what the three figures are ("" when there is none) */
#define SIM_NOTES(NOTE)                                                                            \
    NOTE(RUN, "run", "marks", "budget", "worker")                                                  \
    NOTE(IDLE, "idle", "", "", "")                                                                 \
    NOTE(AGAIN, "again", "", "", "")                                                               \
    NOTE(END, "end", "", "", "")                                                                   \
    NOTE(GONE, "gone", "", "", "")                                                                 \
    NOTE(SUBMIT, "submit", "late_ns", "", "")                                                      \
    NOTE(ARM, "arm", "mark", "deadline_ns", "")                                                    \
    NOTE(CANCEL, "cancel", "mark", "", "")                                                         \
    NOTE(TIMER, "timer", "mark", "", "")                                                           \
    NOTE(LISTEN, "listen", "port", "", "")                                                         \
    NOTE(CONNECT, "connect", "connection", "port", "")                                             \
    NOTE(CONNECTED, "connected", "connection", "", "")                                             \
    NOTE(REFUSED, "refused", "connection", "errno", "")                                            \
    NOTE(ASK_AGAIN, "ask-again", "connection", "times", "")                                        \
    NOTE(BACKLOG, "backlog", "connection", "", "")                                                 \
    NOTE(ACCEPT, "accept", "connection", "", "")                                                   \
    NOTE(WRITE, "write", "connection", "side", "bytes")                                            \
    NOTE(READ, "read", "connection", "side", "bytes")                                              \
    NOTE(ARRIVE, "arrive", "connection", "side", "bytes")                                          \
    NOTE(ARRIVE_END, "arrive-end", "connection", "side", "")                                       \
    NOTE(ARRIVE_RESET, "arrive-reset", "connection", "side", "")                                   \
    NOTE(VANISH, "vanish", "connection", "side", "bytes")                                          \
    NOTE(PARK, "park", "connection", "side", "")                                                   \
    NOTE(ROOM, "room", "connection", "side", "")                                                   \
    NOTE(CLOSE, "close", "connection", "side", "unread")                                           \
    NOTE(PART, "part", "connection", "side", "")                                                   \
    NOTE(JOIN, "join", "connection", "side", "")                                                   \
    NOTE(FAULT, "fault", "port", "fault", "")                                                      \
    NOTE(CUT, "cut", "connection", "delivered", "")                                                \
    NOTE(LOOKUP, "lookup", "id", "", "")                                                           \
    NOTE(LOOKED_UP, "looked-up", "id", "error", "count")                                           \
    NOTE(RETIRE, "retire", "", "", "")                                                             \
    NOTE(FREE, "free", "", "", "")                                                                 \
    NOTE(CALL, "call", "", "", "")                                                                 \
    NOTE(WAIT, "wait", "thread", "seen", "deadline_ns")                                            \
    NOTE(WAITED, "waited", "thread", "in_time", "")                                                \
    NOTE(WAKE, "wake", "waiters", "", "")                                                          \
    NOTE(THREAD, "thread", "thread", "ended", "")                                                  \
    NOTE(MEMORY, "memory-fails", "bytes", "", "")                                                  \
    NOTE(WALL, "wall-jump", "ms", "", "")                                                          \
    NOTE(RANDOM, "random", "value", "", "")                                                        \
    NOTE(CHOOSE, "choose", "value", "of", "")

/* clang-format off */
enum sim_note {
#define SIM_NOTE_ENUM(name, text, a, b, c) SIM_NOTE_##name,
    SIM_NOTES(SIM_NOTE_ENUM)
#undef SIM_NOTE_ENUM
    SIM_NOTE_COUNT
};
/* clang-format on */

/* Adds one event to the hash, and to the trace if there is one. `actor` may be NULL. */
void sim_note(struct sim *sim, enum sim_note note, const struct rt_actor *actor, uint64_t a,
              uint64_t b, uint64_t c);

#endif
