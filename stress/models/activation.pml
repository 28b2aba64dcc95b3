/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The activation word with its mailbox: runtime/actor.h, runtime/activate.c.
 *
 * One actor, two workers, two senders. One sender pushes into a ring that publishes by a plain
 * store: the store waits in the sender's store buffer until the buffer drains by itself or the
 * sender makes a read-modify-write. The other raises a mark, then pushes into a linked lane, in two
 * steps: an exchange, after which a taker knows that there is something, and a store that waits in
 * a buffer, too, after which it can be taken. It leaves out the read-modify-write of the word when
 * it sees NOTIFIED after the exchange. Each activation takes one message at most.
 *
 * A worker's loads wait for nothing: that a claim which is no full fence would not do for that look
 * is not seen here.
 *
 * Held: at most one worker inside, at most one place in the run queue, and when all is quiet, every
 * message and the mark have been seen.
 *
 * Broken on purpose:
 *   SKIP_IF_NOTIFIED  the ring's sender leaves out the read-modify-write when it sees NOTIFIED,
 *                     after a push that is no full fence
 *   LOOK_THEN_PUSH    the lane's sender looks for NOTIFIED before the exchange
 *   CLEAR_LATE        NOTIFIED is cleared after draining, not by the claim
 *   RELEASE_BY_STORE  IDLE is stored, without a look at what came meanwhile
 */
#define RUN 1
#define NOTIFIED 2
#define MARK 4
#define RING_MESSAGES 3
#define LANE_MESSAGES 2

byte word;
byte queued;          /* places of the actor in the run queue */
byte inside;          /* workers inside the actor */
byte buffered, ring;  /* messages in the store buffer; published */
byte begun, linked;   /* the lane: pushes begun, and those of them that can be taken */
byte linking;         /* in the store buffer, to be linked */
byte taken;
bool marked;

inline submit() {
    atomic {
        queued++;
        assert(queued == 1)
    }
}

/* fetch_or: whoever turned IDLE into QUEUED submits. The caller's store buffer drains first. */
inline raise(marks, stored, waiting) {
    d_step {
        ring = ring + stored;
        buffered = buffered - stored;
        linked = linked + waiting;
        linking = linking - waiting;
        old = word;
        word = word | NOTIFIED | (marks)
    }
    if
    :: (old & (RUN | NOTIFIED)) == 0 -> submit()
    :: else
    fi
    old = 0
}

active proctype ring_sender() {
    byte old, n;
    for (n : 1 .. RING_MESSAGES) {
        buffered++;
#ifdef SKIP_IF_NOTIFIED
        if
        :: (word & NOTIFIED) != 0 -> goto sent
        :: else
        fi;
#endif
        raise(0, buffered, 0);
sent:   skip
    }
}

active proctype store_buffer() {
end:
    do
    :: d_step { buffered > 0 -> buffered--; ring++ }
    :: d_step { linking > 0 -> linking--; linked++ }
    od
}

active proctype lane_sender() {
    byte old, n;
    bool seen;
    raise(MARK, 0, 0);
    for (n : 1 .. LANE_MESSAGES) {
#ifdef LOOK_THEN_PUSH
        seen = (word & NOTIFIED) != 0;
#endif
        d_step { linked = linked + linking; linking = 0; begun++ } /* exchange of the tail */
        linking++;
#ifndef LOOK_THEN_PUSH
        seen = (word & NOTIFIED) != 0;
#endif
        if
        :: !seen -> raise(0, 0, linking)
        :: else
        fi;
        seen = false
    }
}

active [2] proctype worker() {
    byte old;
    bool again;
end:
    do
    :: atomic { queued > 0 -> queued-- }

        /* claim */
        d_step {
            assert((word & (RUN | NOTIFIED)) == NOTIFIED);
            old = word;
#ifdef CLEAR_LATE
            word = RUN | NOTIFIED;
#else
            word = RUN;
#endif
            inside++;
            assert(inside == 1)
        }

        /* the behaviour */
        if
        :: (old & MARK) != 0 -> marked = true
        :: else
        fi;
        old = 0;
        if
        :: atomic { ring > 0 -> ring--; taken++; again = true }
        :: ring == 0 ->
            if
            :: atomic { linked > 0 -> linked--; begun--; taken++; again = true }
            :: atomic { linked == 0 -> again = (begun > 0) } /* half-way: come back */
            fi
        fi;

        /* release */
#ifdef CLEAR_LATE
        word = word & ~NOTIFIED;
#endif
        if
#ifdef RELEASE_BY_STORE
        :: d_step { !again -> word = 0; inside-- }
        :: d_step { again -> word = (word & ~RUN) | NOTIFIED; inside-- }
            again = false;
            submit()
#else
        :: d_step { !again && word == RUN -> word = 0; inside-- }
        :: d_step { again || word != RUN -> word = (word & ~RUN) | NOTIFIED; inside-- }
            again = false;
            submit()
#endif
        fi
    od
}

active proctype quiet() {
    timeout;
    assert(taken == RING_MESSAGES + LANE_MESSAGES);
    assert(marked);
    assert(word == 0)
}
