/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parking of workers: runtime/threads_park.c, with the loop of runtime/threads_worker.c.
 *
 * Two workers with a ring each, a queue for what comes from outside, and a thread outside that
 * submits twice. One actor submits another into its worker's ring. One run is a long one: its
 * worker is away, and comes back only when everything else has been done, so that whatever it
 * leaves undone must be somebody else's. Which of the workers' free looks (hints by relaxed loads)
 * come out true is left open.
 *
 * Held: when all is quiet, all that was submitted has been run.
 *
 * Broken on purpose:
 *   NO_SECOND_LOOK  a worker sleeps without a look at the queues after it has announced itself
 *   NO_HANDING_ON   a worker steps away without waking another for what it leaves
 *   STALE_NOTICE    an old notice is dropped without a look whether somebody claimed us meanwhile
 */
#define OUTSIDE_SUBMITS 2

mtype = { AWAKE, ASLEEP, NOTIFIED };

byte begun;           /* the outside queue: pushes begun, seen as not empty */
byte outside;         /* those that can be taken */
bool taking;          /* its try-lock */
byte ring[2];
byte parked;          /* the word `idle`: a bit for each sleeper, */
byte searching, away; /* and two counts; changed and read in one step */
mtype sleep[2] = AWAKE;
byte undone = OUTSIDE_SUBMITS;
bool born, long_run;

#define BIT(index) (1 << (index))
#define LEAVES_WORK(index) (ring[index] > 0 || begun > 0)

inline wake_another() {
    if
    :: atomic { parked != 0 && searching == 0 ->
            target = ((parked & BIT(0)) != 0 -> 0 : 1);
            parked = parked & ~BIT(target);
            searching++
        }
        sleep[target] = NOTIFIED;
        target = 0
    :: atomic { else }
    fi
}

active proctype outsider() {
    byte target, n;
    bool nobody;
    for (n : 1 .. OUTSIDE_SUBMITS) {
        begun++;
        outside++;
        nobody = (2 - (parked & 1) - (parked >> 1) == away);
        if
        :: nobody -> wake_another()
        :: else
        fi
    }
}

inline next_actor() {
    found = false;
    if
    :: atomic { ring[me] > 0 -> ring[me]--; found = true }
    :: atomic { ring[me] == 0 && begun > 0 && !taking -> taking = true }
        if
        :: atomic { outside > 0 -> outside--; begun--; found = true }
        :: atomic { else }
        fi;
        taking = false
    :: atomic { ring[me] == 0 && (begun == 0 || taking) }
    fi;
    if
    :: found
    :: atomic { !found && ring[1 - me] > 0 -> ring[1 - me]--; found = true }
    :: atomic { !found && ring[1 - me] == 0 }
    fi
}

inline found_work() {
    if
    :: searched -> searched = false;
        searching--;
        if
        :: LEAVES_WORK(me) -> wake_another()
        :: else
        fi
    :: else
    fi
}

/* One actor more, into the own ring; wakes nobody, as one waiting actor is not worth a core. */
inline bear() {
    if
    :: atomic { !born -> born = true; undone++; ring[me]++ }
    :: true
    fi
}

inline run_actor() {
    bear();
    if
    :: atomic { !long_run -> long_run = true; away++ }
#ifndef NO_HANDING_ON
        if
        :: parked != 0 && LEAVES_WORK(me) -> wake_another()
        :: else
        fi;
#endif
        undone == 1; /* the rest is done: by others */
        away--
    :: true
    fi;
    undone--
}

/* Sleeps, unless a waker was faster. */
inline fall_asleep() {
    do
    :: atomic { sleep[me] == AWAKE -> sleep[me] = ASLEEP }
end_asleep:
        sleep[me] != ASLEEP;
        sleep[me] = AWAKE;
        break
    :: atomic { sleep[me] == NOTIFIED }
        sleep[me] = AWAKE;
#ifndef STALE_NOTICE
        if
        :: (parked & BIT(me)) == 0 -> break
        :: else
        fi
#endif
    od
}

inline park() {
    atomic {
        parked = parked | BIT(me);
        searching = searching - searched;
        searched = false
    }
#ifndef NO_SECOND_LOOK
    if
    :: begun > 0 || ring[0] > 0 || ring[1] > 0
    :: else -> fall_asleep()
    fi;
#else
    fall_asleep();
#endif
    atomic { /* whoever took the bit has counted us as searching */
        searched = (parked & BIT(me)) == 0;
        parked = parked & ~BIT(me)
    }
}

active [2] proctype worker() {
    byte target;
    byte me = _pid - 1;
    bool found, searched;
    do
    :: next_actor();
        if
        :: found -> found_work(); run_actor()
        :: else -> park()
        fi
    od
}

active proctype quiet() {
    timeout;
    assert(undone == 0)
}
