/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The budget and the loop of retry, in counters: design rule 2, runtime/budget.c.
 *
 * Two application threads take a token for each record and wait when there is none, as in
 * rt_budget_wait. Tokens travel by the lanes `input` and `ready` to the flusher; there the
 * record is decided, and its token comes back, or it fails, and travels by `failed` and retry to
 * `input` again.
 *
 * Held: nobody waits for ever; the tokens are never more than there are; all come back.
 *
 * Broken on purpose:
 *   RETRY_WAITS   lanes have room for one, and who pushes waits for room, on the way back too
 *   NO_LOOK_AGAIN who waits for the budget does not look again after it said so
 */
#define TOKENS 4
#define RECORDS 3 /* of each application thread */
#define FAILURES 3

short available = TOKENS;
byte changed, waiters; /* the eventcount of the budget */
byte input, ready, failed; /* the lanes, counted */
byte failures = FAILURES;
byte decided;

#define USED (TOKENS - available)

#ifdef RETRY_WAITS
#define ROOM(lane) ((lane) < 1)
#else
#define ROOM(lane) true
#endif

active [2] proctype application() {
    byte n, seen;
    for (n : 1 .. RECORDS) {
take:   if
        :: atomic { available > 0 -> available-- }
        :: available == 0 ->
            seen = changed;
            waiters++;
#ifndef NO_LOOK_AGAIN
            if
            :: available > 0 -> goto take
            :: else
            fi;
#endif
            changed != seen;
            goto take
        fi;
        seen = 0;
        atomic { ROOM(input) -> input++ }
    }
}

active proctype leader_and_aggregator() {
end:
    do
    :: atomic { input > 0 && ROOM(ready) -> input--; ready++ }
    od
}

inline give() {
    available++;
    assert(available <= TOKENS);
    if
    :: waiters != 0 ->
        if
        :: atomic { waiters != 0 -> waiters = 0 }
            changed++
        :: atomic { else }
        fi
    :: else
    fi
}

active proctype flusher() {
end:
    do
    :: atomic { ready > 0 -> ready-- }
        if
        :: atomic { failures > 0 -> failures-- }
            atomic { ROOM(failed) -> failed++ }
        :: decided++;
            give()
        fi
    od
}

active proctype retry() {
end:
    do
    :: atomic { failed > 0 && ROOM(input) -> failed--; input++ }
    od
}

active proctype quiet() {
    timeout;
    assert(decided == 2 * RECORDS);
    assert(USED == 0)
}
