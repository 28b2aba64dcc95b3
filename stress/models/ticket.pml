/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idempotence of one partition: docs/decisions/ticket.md, actors/flusher/ticket.c and
 * actors/leader/{lend,settle}.c against a broker that keeps the rules of Kafka.
 *
 * The client hands batches over in order and stamps them then, up to FLIGHT in flight. Faults: a
 * definite refusal, an error after which nobody knows, a lost connection (what was on it may still
 * be written later), a restart of the broker (it then knows the last batch only), a broker that
 * forgets the client while nothing is unsure, a move of the leader, a recall that does not wait for
 * answers, a batch in flight whose time is over, a restart of a broker that then knows nothing,
 * while nothing that is unsure was written. At home any batch may be given up. A new producer
 * id may come at any time; brokers keep the old one's state beside it.
 *
 * Held: no batch is in the log twice, and none before an older one; a batch that was reported
 * persisted is in the log, one that was reported not persisted is not, and never comes to be.
 * Every batch gets an outcome, and once the faults are over the client comes to an end.
 *
 * Broken on purpose:
 *   NO_GATE          several in flight before the first success
 *   REFUSED_IS_NO    an unsure batch that is refused as out of order counts as not written
 *   BUMP_UNSURE      a new epoch begins while a batch is unsure
 *   ATTEMPT_IS_ALL   a definite refusal of a later attempt counts for the earlier ones too
 *   PROOF_WITH_A_GAP refusals prove something even after an unsure batch was given up
 *   PROVEN_FOR_EVER  a success still opens the gate after the broker has forgotten it
 *   NEW_ID_FENCES    a new id is taken although an abandoned batch was not fenced yet
 *   ROUND_GOES_ON    what was refused on a connection that broke is not sent again on the next one
 *   FORGETS_BETWEEN  the broker may forget the client between refusing all and the new epoch
 */
#ifndef BATCHES
#define BATCHES 3
#endif
#ifndef FLIGHT
#define FLIGHT 2
#endif
#ifndef FAULTS
#define FAULTS 3
#endif

#define UNTRIED 0 /* standing */
#define REFUSED 1
#define UNSURE 2

#define UNDECIDED 0 /* outcome */
#define PERSISTED 1
#define NOT_PERSISTED 2
#define UNKNOWN 3

#define OK 0 /* answers: OK is DUPLICATE too, SEQUENCE all codes that speak of id and sequence */
#define SEQUENCE 1
#define NOT_WRITTEN 2
#define MAYBE_WRITTEN 3

typedef batch {
    bit stamped;
    bit id;
    byte epoch;
    byte sequence;
    byte standing;
    bit tried;
    bit flying;
    bit out_of_order;
    byte refused_under; /* this leader epoch */
    byte outcome
}
batch b[BATCHES];

/* -- the client's ticket -- */
bool lent, stopping, proven, bump_due;
bool abandoned; /* an unsure batch of this epoch was given up */
bool lost;      /* whatever is unsure will never be known */
bool unfenced;  /* one of a lower epoch was given up, and nothing of this epoch was accepted yet */
bit id;         /* the producer id: the first, or the next */
byte next_unsent; /* BATCHES: none */
byte in_flight;
byte epoch, next_sequence;
byte known_leader_epoch;
byte forgotten; /* answers on this connection that nobody waits for any more: the next ones */

/* -- the connection -- */
chan wire = [FLIGHT] of { byte, bit, byte, byte }; /* batch, id, epoch, sequence */
chan answers = [FLIGHT] of { byte, byte };    /* batch, answer */
byte asked;                                   /* requests without an answer */
chan late = [FLIGHT] of { byte, bit, byte, byte }; /* what is left of lost connections */

/* -- the broker -- */
bool in_log[BATCHES];
byte log_next;      /* one more than the youngest batch in the log */
byte log_epoch[2];  /* of each id's last entry, and so on */
byte known_sequence[2];
byte known[2];      /* entries that it knows, all of log_epoch: at most FLIGHT */
byte leader_epoch;
bool moved;         /* the connection leads to one who was the leader */
byte faults = FAULTS;

/* ---- the broker ---- */

#define IS_DUPLICATE(i, e, s)                                                                      \
    (known[i] > 0 && e == log_epoch[i] && s <= known_sequence[i] &&                                \
     s + known[i] > known_sequence[i])
#define IS_NEXT(i, e, s)                                                                           \
    (known[i] == 0 || (e == log_epoch[i] && s == known_sequence[i] + 1) ||                         \
     (e > log_epoch[i] && s == 0))

inline append() {
    assert(!in_log[x]); /* no duplicate */
    assert(x >= log_next); /* no inversion */
    assert(b[x].outcome != NOT_PERSISTED);
    in_log[x] = true;
    log_next = x + 1;
    known[i] = (e == log_epoch[i] && known[i] > 0 -> known[i] + 1 : 1);
    known[i] = (known[i] > FLIGHT -> FLIGHT : known[i]);
    log_epoch[i] = e;
    known_sequence[i] = s
}

/* One request: done and answered, or with a fault. */
inline serve() {
    if
    :: moved -> answers!x, MAYBE_WRITTEN
    :: !moved && faults > 0 -> faults--; answers!x, NOT_WRITTEN
    :: !moved && IS_DUPLICATE(i, e, s) -> answers!x, OK
    :: !moved && !IS_DUPLICATE(i, e, s) && !IS_NEXT(i, e, s) -> answers!x, SEQUENCE
    :: !moved && !IS_DUPLICATE(i, e, s) && IS_NEXT(i, e, s) ->
        append();
        if
        :: answers!x, OK
        :: faults > 0 -> faults--; answers!x, MAYBE_WRITTEN
        fi
    fi
}

/* ---- the network ---- */

/* The connection is lost, with all that is on it. */
inline cut() {
    do
    :: nempty(wire) -> wire?x, i, e, s;
        if
        :: nfull(late) -> late!x, i, e, s
        :: true
        fi
    :: empty(wire) -> break
    od;
    do
    :: nempty(answers) -> answers?x, e
    :: empty(answers) -> break
    od;
    asked = 0;
    forgotten = 0;
    proven = false;
    for (x : 0 .. BATCHES - 1) {
        if
        :: b[x].flying -> unsure(x); stopping = true
#ifndef ROUND_GOES_ON
        :: !b[x].flying && lent && b[x].tried && b[x].outcome == UNDECIDED -> stopping = true
#endif
        :: else
        fi
    }
}

inline unsure(which) {
    b[which].flying = 0;
    b[which].out_of_order = 0;
    b[which].standing = UNSURE;
    in_flight--
}

/* After a restart, the last of each id. */
inline remember_last() {
    known[0] = (known[0] > 0 -> 1 : 0);
    known[1] = (known[1] > 0 -> 1 : 0)
}

/* A client that was silent for long, and all of whose requests have been answered. */
inline forget() {
    s = 0;
    for (x : 0 .. BATCHES - 1) {
        s = s + (b[x].standing == UNSURE -> 1 : 0)
    }
    if
    :: s == 0 ->
        faults--;
        known[0] = 0;
        known[1] = 0;
#ifndef PROVEN_FOR_EVER
        proven = false
#endif
    :: else
    fi
}

/* A restart after which the broker knows nothing. Nothing that it wrote is unsure: else it would
 * be written twice, whatever the client does. */
inline lose_all() {
    s = 0;
    for (x : 0 .. BATCHES - 1) {
        s = s + (b[x].outcome == UNDECIDED && in_log[x] -> 1 : 0)
    }
    if
    :: s == 0 ->
        faults--;
        do
        :: nempty(wire) -> wire?_, _, _, _
        :: empty(wire) -> break
        od;
        cut();
        known[0] = 0;
        known[1] = 0
    :: else
    fi
}

active proctype broker() {
    byte x, e, s;
    bit i;
end:
    do
    :: atomic { nempty(wire) -> wire?x, i, e, s; serve(); x = 0; i = 0; e = 0; s = 0 }
    :: atomic { faults > 0 && asked > 0 -> faults--; cut(); x = 0; i = 0; e = 0; s = 0 }
    :: atomic { faults > 0 && known[0] + known[1] > 0 -> /* restart */
            faults--;
            remember_last();
            cut();
            x = 0; i = 0; e = 0; s = 0
        }
    :: atomic { faults > 0 && known[0] + known[1] > 0 && empty(late) ->
            lose_all(); x = 0; i = 0; e = 0; s = 0 }
#ifdef FORGETS_BETWEEN
    :: atomic { faults > 0 && known[0] + known[1] > 0 && asked == 0 -> forget(); x = 0; s = 0 }
#else
    :: atomic { faults > 0 && known[0] + known[1] > 0 && asked == 0 && empty(late) ->
            forget(); x = 0; s = 0 }
#endif
    :: atomic { faults > 0 && !moved && lent ->
            faults--;
            leader_epoch++;
            moved = true;
            if
            :: remember_last() /* the new leader was restarted before */
            :: true
            fi
        }
    :: atomic { nempty(late) ->
            late?x, i, e, s;
            if
            :: !moved && !IS_DUPLICATE(i, e, s) && IS_NEXT(i, e, s) -> append()
            :: true
            fi;
            x = 0; i = 0; e = 0; s = 0
        }
    od
}

/* ---- the client: the flusher's part ---- */

#define GATE_IS_OPEN (in_flight == 0 || (proven && in_flight < FLIGHT))
#ifdef NO_GATE
#undef GATE_IS_OPEN
#define GATE_IS_OPEN (in_flight < FLIGHT)
#endif

#define MAY_SEND                                                                                   \
    (lent && !stopping && next_unsent < BATCHES && asked < FLIGHT &&                               \
     !(bump_due && !b[next_unsent].stamped) && GATE_IS_OPEN)

/* The next batch after `from` that is undecided. */
inline skip_decided(from) {
    next_unsent = from;
    do
    :: next_unsent < BATCHES && b[next_unsent].outcome != UNDECIDED -> next_unsent++
    :: else -> break
    od
}

inline hand_over() {
    x = next_unsent;
    if
    :: !b[x].stamped ->
        b[x].stamped = 1;
        b[x].id = id;
        b[x].epoch = epoch;
        b[x].sequence = next_sequence;
        next_sequence++
    :: else
    fi;
    b[x].tried = 1;
    b[x].flying = 1;
    in_flight++;
    asked++;
    wire!x, b[x].id, b[x].epoch, b[x].sequence;
    skip_decided(x + 1)
}

inline decide(which, what) {
    assert(b[which].outcome == UNDECIDED);
    assert(what != PERSISTED || in_log[which]);
    assert(what != NOT_PERSISTED || !in_log[which]);
    d_step { /* only the outcome matters from now on */
        b[which].stamped = 0;
        b[which].id = 0;
        b[which].epoch = 0;
        b[which].sequence = 0;
        b[which].standing = 0;
        b[which].tried = 0;
        b[which].out_of_order = 0;
        b[which].refused_under = 0;
        b[which].outcome = what
    }
}

#define NONE_STAMPED_UNSENT (next_unsent == BATCHES || !b[next_unsent].stamped)

/* A later success proves the earlier ones. */
inline succeeded() {
    proven = true;
    unfenced = false;
    for (y : 0 .. x) {
        if
        :: b[y].outcome == UNDECIDED ->
            assert(y == x || (b[y].stamped && b[y].epoch == b[x].epoch && !b[y].flying));
            if
            :: y < x -> decide(y, PERSISTED)
            :: else
            fi
        :: else
        fi
    }
    decide(x, PERSISTED);
    stop_for_epoch()
}

inline stop_for_epoch() {
    if
    :: bump_due && NONE_STAMPED_UNSENT && in_flight == 0 -> stopping = true
    :: else
    fi
}

/* The time of a batch is over that is in flight, or that has failed while others are in flight. The
 * others are waited for. */
inline abandon() {
    y = BATCHES;
    for (x : 0 .. BATCHES - 1) {
        if
        :: y == BATCHES && b[x].tried && b[x].outcome == UNDECIDED && (b[x].flying || stopping) ->
            y = x
        :: true
        fi
    }
    x = y;
    if
    :: x < BATCHES && b[x].flying -> unsure(x)
    :: else
    fi;
    if
    :: x < BATCHES -> give_up(); stop_for_epoch()
    :: else
    fi
}

/* Was all that is stamped refused, under one leader epoch? Then none was written, and none will be,
 * unless an unsure batch was given up: that one may be what the broker remembers instead of those
 * before it, and a late copy of it may let in late copies of those behind it. So nobody will ever
 * know of those that are unsure: they are lost. */
inline close_round() {
    all = true;
    for (y : 0 .. BATCHES - 1) {
        if
        :: b[y].stamped ->
            all = all && b[y].out_of_order && b[y].refused_under == known_leader_epoch
        :: else
        fi
    }
#ifndef PROOF_WITH_A_GAP
    lost = all && abandoned;
#endif
    for (y : 0 .. BATCHES - 1) {
        if
        :: all && !lost && b[y].stamped -> b[y].standing = REFUSED
        :: else
        fi
    }
    bump_due = bump_due || all;
    stopping = true;
    all = false
}

inline refused_by_sequence() {
    b[x].out_of_order = 1;
    b[x].refused_under = known_leader_epoch;
    if
#ifdef REFUSED_IS_NO
    :: true -> b[x].standing = REFUSED; bump_due = true; stopping = true
#else
    :: b[x].standing == UNTRIED -> b[x].standing = REFUSED
    :: else
#endif
    fi;
    if
    :: stopping || proven -> stopping = true
    :: !stopping && !proven && NONE_STAMPED_UNSENT -> close_round()
    :: else
    fi
}

inline receive() {
    answers?x, answer;
    asked--;
    if
    :: forgotten > 0 -> forgotten--
    :: forgotten == 0 && b[x].outcome != UNDECIDED /* abandoned */
    :: forgotten == 0 && b[x].outcome == UNDECIDED && answer == MAYBE_WRITTEN ->
        unsure(x);
        stopping = true
    :: forgotten == 0 && b[x].outcome == UNDECIDED && answer != MAYBE_WRITTEN ->
        b[x].flying = 0;
        in_flight--;
        if
        :: answer == OK -> succeeded()
        :: answer == SEQUENCE -> refused_by_sequence()
        :: answer == NOT_WRITTEN ->
            b[x].out_of_order = 0;
            if
            :: b[x].standing == UNTRIED -> b[x].standing = REFUSED
#ifdef ATTEMPT_IS_ALL
            :: else -> b[x].standing = REFUSED
#else
            :: else
#endif
            fi;
            stopping = true
        fi
    fi
}

/* What is in flight is unsure from now on, and its answers are not waited for. */
inline stop_hard() {
    stopping = true;
    forgotten = asked;
    for (x : 0 .. BATCHES - 1) {
        if
        :: b[x].flying -> unsure(x)
        :: else
        fi
    }
}

/* ---- the client: the leader's part ---- */

inline give_up() {
    bump_due = bump_due || b[x].stamped;
    abandoned = abandoned || b[x].standing == UNSURE;
    answer = (b[x].standing == UNSURE -> UNKNOWN : NOT_PERSISTED);
    decide(x, answer)
}

/* Any batch may be given up, for its age or for what was answered; what is lost must be. */
inline settle() {
    lent = false;
    stopping = false;
    for (x : 0 .. BATCHES - 1) {
        if
        :: b[x].outcome != UNDECIDED
        :: b[x].outcome == UNDECIDED && !(lost && b[x].standing == UNSURE) -> b[x].tried = 0
        :: b[x].outcome == UNDECIDED -> give_up()
        fi
    }
    lost = false
}

/* A new epoch, when one is due and nothing is unsure; then the ticket is lent. */
inline lend() {
    all = bump_due;
    for (x : 0 .. BATCHES - 1) {
        all = all && b[x].standing != UNSURE
    }
#ifdef BUMP_UNSURE
    all = bump_due;
#endif
    for (x : 0 .. BATCHES - 1) {
        if
        :: all && b[x].stamped ->
            b[x].stamped = 0;
            b[x].standing = UNTRIED;
            b[x].out_of_order = 0
        :: else
        fi
    }
    if
    :: all ->
        unfenced = unfenced || abandoned;
        epoch++; next_sequence = 0; bump_due = false; abandoned = false
    :: else
    fi;
    renew();
    all = false;
    if
    :: moved -> drop_connection(); moved = false
    :: else
    fi;
    known_leader_epoch = leader_epoch;
    proven = false;
    lent = true;
    skip_decided(0)
}

/* A new id fences nothing. So it waits until nothing is stamped, and until what was given up was
 * fenced: until something was accepted under a higher epoch. */
inline renew() {
    all = id == 0 && !bump_due;
#ifndef NEW_ID_FENCES
    all = all && !unfenced;
#endif
    for (x : 0 .. BATCHES - 1) {
        all = all && !b[x].stamped
    }
    if
    :: all -> id = 1; epoch = 0; next_sequence = 0; unfenced = false
    :: true
    fi
}

/* To the new leader there is another connection; what is left on the old one comes to nothing. */
inline drop_connection() {
    do
    :: nempty(wire) -> wire?_, _, _, _
    :: empty(wire) -> break
    od;
    do
    :: nempty(answers) -> answers?_, _
    :: empty(answers) -> break
    od;
    asked = 0;
    forgotten = 0
}

inline all_decided() {
    all = true;
    for (x : 0 .. BATCHES - 1) {
        all = all && b[x].outcome != UNDECIDED
    }
}

active proctype client() {
    byte x, y, answer;
    bool all;
    do
    :: atomic { MAY_SEND -> hand_over(); x = 0 }
    :: atomic { lent && nempty(answers) -> receive(); x = 0; y = 0; answer = 0 }
    :: atomic { faults > 0 && in_flight > 0 -> faults--; stop_hard(); x = 0 }
    :: atomic { faults > 0 && in_flight > 0 -> faults--; abandon(); x = 0; y = 0; answer = 0 }
    :: atomic { stopping && in_flight == 0 -> settle(); x = 0; answer = 0 }
    :: atomic { !lent && nempty(answers) ->
            answers?_, _;
            asked--;
            forgotten = (forgotten > 0 -> forgotten - 1 : 0)
        }
    :: atomic { !lent ->
            all_decided();
            if
            :: all -> break
            :: !all -> all = false; lend(); x = 0
            fi
        }
    :: atomic { lent && !stopping && in_flight == 0 && next_unsent == BATCHES ->
            all_decided();
            if
            :: all -> break
            :: else -> assert(false) /* nothing will happen any more */
            fi
        }
    od
}
