/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The word of the open batch: actors/leader/writing.h, with its writer (actors/partition/write.c),
 * the leader (pass_full of actors/leader/leader.c) and the aggregator as the holder.
 *
 * The writer fills batches and leaves them open or closes them; the leader passes on what it hears
 * of; the aggregator closes a batch when its linger is over, which happens once a batch: when the
 * writer is inside just then, everything hangs on the writer's word that it was closed. Once, the
 * leader calls everything back behind a fence, and lends it again; once, it closes what is open.
 *
 * Held: nobody writes to a closed batch; each batch is closed once; when all is quiet every batch
 * that was made has been sealed, in order.
 *
 * Broken on purpose:
 *   CLOSE_BY_STORE  the holder closes without a look whether the writer is inside
 *   END_BY_STORE    the writer leaves without a look whether it was asked to close
 *   CLEAR_LATE      the aggregator looks first and then says that FULL may be posted again
 */
#define BATCHES 3
#define WRITES 4 /* stretches of the writer */

#define FENCE (BATCHES + 1) /* mails are numbers of batches, from 1, or one of these */
#define FULL (BATCHES + 2)

byte open;       /* the word: 0, or the batch that is open, */
bool writing;      /* and its two bits */
bool close_asked;

bool sealed[BATCHES + 1];
byte closed;      /* how many, each once and in order */
byte sealed_last;
byte made;        /* by the writer */

chan arrivals = [BATCHES] of { byte };
chan mail = [BATCHES + 2] of { byte };
bool mark_full, full_posted;
bool back; /* the fence has come back */

/* Batches are closed in the order in which they are opened. */
inline close(which) {
    closed++;
    assert(closed == (which))
}

/* ---- the writer ---- */

inline begin() {
    mine = 0;
    if
    :: atomic { open != 0 ->
            assert(!writing && !close_asked);
            mine = open;
            writing = true
        }
    :: atomic { open == 0 && made < BATCHES ->
            made++;
            mine = made;
            open = mine;
            writing = true;
            is_new = true
        }
    :: atomic { open == 0 && made == BATCHES }
    fi
}

inline append() {
    assert(!sealed[mine] && closed < mine)
}

inline announce() {
    if
    :: is_new -> arrivals!mine
    :: !is_new && shut -> mark_full = true
    :: else
    fi;
    is_new = false;
    shut = false
}

inline end_of_stretch() {
    if
    :: atomic { open = 0; writing = false; close_asked = false; close(mine); shut = true }
#ifdef END_BY_STORE
    :: d_step { writing = false; close_asked = false }
#else
    :: atomic { !close_asked -> writing = false }
    :: atomic { close_asked ->
            open = 0;
            writing = false;
            close_asked = false;
            close(mine);
            shut = true
        }
#endif
    fi;
    announce()
}

active proctype writer() {
    byte n, mine;
    bool is_new, shut;
    for (n : 1 .. WRITES) {
        begin();
        if
        :: mine != 0 -> append(); append(); end_of_stretch()
        :: else
        fi
    }
}

/* ---- the leader ---- */

active proctype leader() {
    byte got;
    bool recalled, purged;
    bool lent = true;
    byte pending; /* batches that came while the others were called back, all but the last */
    byte last_passed;
end:
    do
    :: atomic { lent && arrivals?[got] -> arrivals?got; mail!got; last_passed = got }
    :: atomic { mark_full -> mark_full = false }
        if
        :: lent && !full_posted -> full_posted = true; mail!FULL
        :: else
        fi
    :: atomic { lent && !recalled -> recalled = true; lent = false; mail!FENCE }
    :: atomic { back -> back = false }
        /* lends again: everything that is not sealed, in order */
        for (pending : 1 .. last_passed) {
            if
            :: !sealed[pending] -> mail!pending
            :: else
            fi
        }
        lent = true
    :: atomic { !purged -> purged = true; /* writing_end_batch, once, at any moment */
            if
            :: open == 0
            :: open != 0 && !writing -> close(open); open = 0
            :: open != 0 && writing -> close_asked = true
            fi
        }
    od
}

/* ---- the aggregator ---- */

inline seal() {
    atomic {
        sealed_last++;
        assert(first == sealed_last && closed >= first);
        sealed[first] = true
    }
}

/* Seals what is closed at the head of what it holds. */
inline advance() {
    do
    :: atomic { first <= last && open != first -> seal(); first++ }
    :: atomic { else -> break }
    od
}

/* The time of the open batch is over: at any moment, once. */
inline linger_over() {
    atomic {
        lingered = last;
        if
        :: open != last
#ifdef CLOSE_BY_STORE
        :: open == last -> open = 0; writing = false; close_asked = false; close(last)
#else
        :: open == last && !writing -> open = 0; close(last)
        :: open == last && writing -> close_asked = true
#endif
        fi
    }
}

active proctype aggregator() {
    byte got, lingered;
    byte first = 1;
    byte last; /* holds first .. last */
end:
    do
    :: mail?got ->
        if
        :: got == FULL ->
#ifdef CLEAR_LATE
            advance();
            full_posted = false
#else
            full_posted = false;
            advance()
#endif
        :: got == FENCE -> last = first - 1; back = true
        :: else -> last = got; advance()
        fi
    :: first <= last && lingered < last -> linger_over(); advance()
    od
}

active proctype quiet() {
    timeout;
    assert(open == 0 || made == open);
    assert(sealed_last == made)
}
