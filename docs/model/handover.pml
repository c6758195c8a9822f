/*
 * Copyright: (c) 2026, the atlasdb.timelock authors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The handover of one service, for spin. README.md says what it covers, what not, and what each guard is for.
 *
 * NODES                   nodes of the service, 2 or 3
 * RUN_1, RUN_2, RUN_3     runs, each Forward or Reverse; the first is there always
 * IN_TURN                 a run begins when the one before has ended or was killed; else two go side by side
 * MIGRATED                the service is on TimeLock when the first run begins
 * REVERSE                 with the guard that the way back asks of Forward as well
 * SKIPS                   the user skips steps (--start-at-task, --tags)
 * BLOCKS                  blocks of timestamps taken of a bound while it is live, at most
 * AHEAD                   how far TimeLock's clients get above the backup, at most
 * NO_...                  removes a guard
 */

#ifdef RUN_3
#define RUNS        3
#else
#define RUNS        2
#endif
#define EVERY_NODE  ((1 << NODES) - 1)
#define STRAY       NODES       /* a process with the old configuration, in no inventory */
#define NOBODY      255
#define MARGIN      1           /* timelock_reverse_margin */

mtype = { live, invalidated };          /* the store */
mtype = { old, held, new };             /* what lies in the place of a node's configuration */
mtype = { down, embedded, timelock };   /* a node's process */

mtype store = live;
byte bound = 1;                 /* the bound, or the backup of an invalidated store */
byte made_live = 1;             /* what the bound was when it became live */
byte counter = 0;               /* of the namespace on TimeLock: what it gave out last */
byte issued = 0;                /* the largest timestamp that any client was ever given */

mtype config[NODES + 1] = old;
mtype kept[NODES + 1] = old;
mtype process[NODES + 1] = embedded;
byte obeyed[NODES + 1] = 0;     /* the highest epoch that the node has obeyed */
byte leader = NOBODY;           /* the node that issues for all, by their own election */
byte top = 0;                   /* what it holds in memory as the bound */
bool unissued = false;          /* whether the block below it is still to be issued */

byte epoch = 0;                 /* the record's lock */
byte holder = NOBODY;
bool reversing = false;         /* on record: a way back began, and did not end */
bool blind = false;             /* the probe of processes looks at the wrong unit, and sees nobody */

/*
 * Conditional writes to the store, as Cassandra makes them: what was sent applies now, late, twice or never, if the
 * store then is what it was. Two for each run: an invalidation, and one that makes the bound live.
 */
typedef Write { mtype from; byte expected; mtype to; byte number; bool given_up };
Write sent[2 * RUNS];

#if NODES == 3
#define runs(what)      (process[0] == what || process[1] == what || process[2] == what || process[STRAY] == what)
#else
#define runs(what)      (process[0] == what || process[1] == what || process[STRAY] == what)
#endif

/* ---- What must never happen, by its number in the README. ---- */

inline issue(number) {
    assert(number > issued);                                                                    /* 1 */
    issued = number
}

inline check() {
    assert(!(store == invalidated && counter < bound && (runs(embedded) || runs(timelock))));   /* 2 */
    assert(!(runs(embedded) && runs(timelock)))                                                 /* 3 */
}

/* ---- The service, and what it talks to. ---- */

inline end_process(n) {
    process[n] = down;
    if
    :: leader == n -> leader = NOBODY; top = 0; unissued = false
    :: else
    fi
}

/* A client that starts on TimeLock runs its own migration first. */
inline begin_process(n) {
    if
    :: config[n] == old -> process[n] = embedded
    :: else ->
        if
        :: store == live -> store = invalidated; counter = (counter < bound -> bound : counter)
        :: else
        fi;
        process[n] = timelock
    fi;
    check()
}

proctype Node(byte n) {
end:
    do
    /* Its service manager, a reboot or a person starts it; the client refuses the hold as a configuration. */
    :: atomic { n != STRAY && process[n] == down && config[n] != held -> begin_process(n) }
    /* It crashes, where that matters: one that starts again at once is as good as up. */
    :: atomic { process[n] == embedded && (leader == n || config[n] != old || n == STRAY) -> end_process(n) }
    :: atomic { process[n] == timelock && (store == live || config[n] != new) -> end_process(n) }
    /* A compare-and-set on the bound gives the leader a block; where it finds another than it knew, it ends. */
    :: atomic { process[n] == embedded && leader == NOBODY && store == live && bound < made_live + BLOCKS ->
            leader = n; bound++; top = bound; unissued = true }
    :: atomic { leader == n && !unissued && store == live && bound == top && bound < made_live + BLOCKS ->
            bound++; top = bound; unissued = true }
    :: atomic { leader == n && !unissued && store == live && bound != top -> end_process(n) }
    /* From memory, whatever has become of the store. */
    :: atomic { leader == n && unissued -> unissued = false; issue(top) }
    :: atomic { process[n] == timelock && counter < bound + AHEAD -> counter++; issue(counter) }
    od
}

/* Its leader crashes, and the next one goes on further up. */
proctype TimeLock() {
end:
    do
    :: atomic { counter > 0 && counter < bound + AHEAD -> counter++ }
    od
}

#ifdef NO_CONDITION
#define MATCHES(o)  true
#else
#define MATCHES(o)  (store == sent[o].from && bound == sent[o].expected)
#endif

inline send(o, its_state, its_bound, then, then_bound) {
    sent[o].from = its_state; sent[o].expected = its_bound; sent[o].to = then; sent[o].number = then_bound;
    sent[o].given_up = false
}

proctype Network(byte o) {
end:
    do
    :: atomic { sent[o].to != 0 && MATCHES(o) ->
            assert(!sent[o].given_up);                                                          /* 4 */
            if
            :: sent[o].to == live -> bound = sent[o].number; made_live = bound
            :: else
            fi;
            store = sent[o].to;
            check() }
    :: atomic { sent[o].to != 0 -> send(o, 0, 0, 0, 0) }
    od
}

/* ---- The runs. ---- */

/*
 * A run that is killed makes no step any more, which spin tries of itself where runs go side by side. Where they go
 * one after another, the next begins when this one has been killed or has ended.
 */
#ifdef IN_TURN
#define may_be_killed()     if :: true :: goto over fi
inline next_run() {
    if
    :: me == 0 -> run RUN_2(1)
#ifdef RUN_3
    :: me == 1 -> run RUN_3(2)
#endif
    :: else
    fi
}
#else
#define may_be_killed()     true
#define next_run()          true
#endif

/* Before any step its run may fail, or the user be told that it did: what was done before may be done all the same. */
inline step() {
    may_be_killed();
    if
    :: true
    :: goto put_back
    fi
}

#ifdef SKIPS
#define skip_to(label)      if :: true :: goto label fi
#else
#define skip_to(label)
#endif

/* plan: refuse a probe that does not see the node now. */
#ifdef NO_SIGHT
#define SIGHTED             true
#else
#define SIGHTED             !blind
#endif

#ifdef NO_LOCK_AT_STORE
#define HAS_LOCK            true
#else
#define HAS_LOCK            (holder == me && epoch == my_epoch)
#endif

inline release() {
    if
    :: holder == me && epoch == my_epoch -> holder = NOBODY
    :: else
    fi
}

inline require(condition) {
    if
    :: !(condition) -> goto put_back
    :: else
    fi
}

/* ---- Effects, by their names in the code. ---- */

/* Free, left by a dead run, or taken from a living one by its name: all the same to the model. */
inline take_lock() {
    if
#ifdef NO_NEW_EPOCH
    :: epoch == 0 -> epoch = 1
    :: else
#else
    :: epoch++
#endif
    fi;
    holder = me;
    my_epoch = epoch
}

#ifdef NO_OBEDIENCE
#define OBEYS(n)            true
#else
#define OBEYS(n)            (my_epoch >= obeyed[n])
#endif

inline obey(n) {
    require(OBEYS(n));                                                  /* operator-lock-lost */
    obeyed[n] = my_epoch
}

#ifdef NO_HOLD
#define HOLDS               false
#else
#define HOLDS               true
#endif

inline hold(n) {
    if
    :: HOLDS && config[n] != held -> kept[n] = config[n]; config[n] = held
    :: else
    fi
}

inline prove(n) {
#ifndef NO_PROCESS_PROOF
    require(process[n] == down || blind);                               /* node-still-running */
#endif
    offline = offline | (1 << n)
}

/* node_offline: one call, under the node's lock. */
inline go_offline(n) {
    obey(n);
    hold(n);
    step();
    if
    :: process[n] != down -> end_process(n)
    :: true                     /* its service manager says so, and it lives on */
    fi;
    step();
    prove(n)
}

/* The key-value service's own view; a suspended process of a known node may be without a session. */
inline sessions() {
#ifndef NO_SESSION_PROOF
    require(process[STRAY] == down);                                    /* kvs-session-open */
#endif
    no_session = true
}

#ifdef NO_FRESH_ABOVE
#define FRESH_ABOVE_TS      true
#else
#define FRESH_ABOVE_TS      (counter >= ts)
#endif

#ifdef NO_PROOFS
#define PROVED              true
#else
#define PROVED              (offline == EVERY_NODE && no_session && above)
#endif

#ifdef NO_HANDOVER
#define HANDED_OVER         true
#else
#define HANDED_OVER         handover
#endif

/* node_online, state timelock: one call, under the node's lock. */
inline switch_in(n) {
    require(HANDED_OVER);                                               /* proof-missing */
    obey(n);
    require(config[n] == new || config[n] == held || !HOLDS);           /* proof-missing */
    require(config[n] == new || process[n] == down);                    /* node-still-running */
    config[n] = new;
    step();
    if
    :: process[n] == down -> begin_process(n)
    :: else
    fi
}

#ifdef NO_RAISE_OF_LIVE_ONLY
#define RAISABLE            true
#else
#define RAISABLE            (store == live)
#endif

/* one_way: of a way back that has not ended there is a record, and nobody goes forward from its middle. */
#if defined(REVERSE) && !defined(NO_ONE_WAY)
#define ONE_WAY             !reversing
#else
#define ONE_WAY             true
#endif

/* ---- The handover, by its steps: each label is the name of a file in roles/timelock/tasks. ---- */

inline forget_run() {
    my_epoch = 0; ts = 0; n = 0; to_stop = 0; offline = 0; no_session = false; above = false; handover = false;
    unknown = false; planned = 0
}

proctype Forward(byte me) {
    byte my_epoch, ts, n, to_stop, offline;
    bool no_session, above, handover, unknown;
    mtype planned;

end_plan:
    atomic {
        SIGHTED && ONE_WAY;                                             /* probe-blind, reverse-unfinished */
        planned = store;
        for (n : 0 .. NODES - 1) {
            to_stop = to_stop | (config[n] != new -> 1 << n : 0)
        }
        n = 0;
        if
        :: store == live && to_stop != EVERY_NODE -> goto over          /* config-mixed-active, store-reactivated */
        :: else
        fi
    }
prepare:
    atomic {
        take_lock();
        require(ONE_WAY);                                               /* reverse-unfinished */
        require(planned == live || counter >= bound);                   /* timelock-behind-backup */
        planned = 0
    }
    /* Stage. */
    atomic {
        step();
        for (n : 0 .. NODES - 1) {
            if
            :: to_stop & (1 << n) -> obey(n); require(config[n] != new) /* config-changed */
            :: else
            fi
        }
        n = 0
    }
stop:
    skip_to(read);
    do
    :: atomic { n < NODES && (to_stop & (1 << n)) -> step(); require(config[n] != new); go_offline(n); n++ }
    :: atomic { n < NODES && !(to_stop & (1 << n)) -> n++ }
    :: atomic { n == NODES -> n = 0; break }
    od;
    atomic {
        step();
        if
        :: to_stop == EVERY_NODE -> sessions()
        :: else
        fi
    }
read:
    skip_to(fast_forward);
    atomic { step(); ts = bound }
fast_forward:
    skip_to(invalidate);
    atomic {
        step();
        if
        :: counter = (counter < ts -> ts : counter)
        :: true                 /* something answered that is not this TimeLock */
        fi;
        require(FRESH_ABOVE_TS);                                        /* timelock-behind */
        above = true
    }
invalidate:
    skip_to(read_back);
    atomic {
        step();
        require(bound == ts);                                           /* bound-moved */
        if
        :: store == invalidated -> goto read_back
        :: else
        fi;
        require(PROVED && HAS_LOCK);                                    /* proof-missing, operator-lock-lost */
        send(2 * me, live, ts, invalidated, ts);
        unknown = true
    }
#ifndef NO_READ_BACK
    atomic {
        if
        :: store == invalidated && bound == ts -> unknown = false
        :: goto put_back                                                /* the answer was lost */
        fi
    }
#endif
read_back:
    skip_to(restart_first);
    atomic {
        step();
#ifndef NO_READ_BACK
        require(store == invalidated && bound == ts);                   /* store-reactivated, bound-moved */
#endif
        require(FRESH_ABOVE_TS);                                        /* timelock-behind */
#ifndef NO_LOCK_AT_READ_BACK
        require(HAS_LOCK);                                              /* operator-lock-lost */
#endif
        if
        :: to_stop == EVERY_NODE -> sessions()
        :: else
        fi;
        handover = true
    }
restart_first:
restart_others:
    do
    :: atomic { n < NODES -> step(); switch_in(n); n++ }
    :: atomic { n == NODES -> n = 0; break }
    od;
report:
    atomic { release(); goto over }

put_back:
    atomic {
        n = 0;
        may_be_killed();
        if
#ifndef NO_READ_OF_THE_WAY
        :: store == invalidated -> goto over                            /* the way is forward: nodes stay held */
        :: store == live
#else
        :: true
#endif
        :: goto over                                                    /* it cannot be read: nodes stay held */
        fi;
    }
#ifndef NO_RAISE
    if
    :: unknown ->
        atomic {
            may_be_killed();
            if
            :: RAISABLE && PROVED && HAS_LOCK -> send(2 * me + 1, store, bound, live, bound + 1)
            :: goto over
            fi
        }
        atomic {
            if
            :: store == live && bound > ts
            :: goto over
            fi
        }
    :: else
    fi;
#endif
    do
    :: atomic { n < NODES && OBEYS(n) ->
            may_be_killed();
            obeyed[n] = my_epoch;
            if
            :: config[n] == held && process[n] == down -> config[n] = kept[n]; begin_process(n)
            :: else                                                     /* node-still-running, not held */
            fi;
            n++ }
    :: atomic { n < NODES && !OBEYS(n) -> goto over }        /* operator-lock-lost */
    :: atomic { n == NODES -> break }
    od;
    atomic { sent[2 * me].given_up = unknown && sent[2 * me].to != 0; release() }
over:
    atomic { forget_run(); next_run() }
}

/* ---- The way back. ---- */

#ifdef NO_REVERSE_FRESH
#define REVERSED_TO         (bound + 1)
#else
#define REVERSED_TO         (ts + MARGIN)
#endif

inline configure_old(n) {
    obey(n);
    require(config[n] == old || (config[n] == held && process[n] == down));
    config[n] = old
}

proctype Reverse(byte me) {
    byte my_epoch, ts, n, offline, to_stop;
    bool no_session, above, handover, unknown;
    mtype planned;

end_plan:
    atomic { SIGHTED && store == invalidated }                          /* probe-blind, reverse-not-migrated */
prepare:
    atomic { take_lock() }
    atomic { step(); require(HAS_LOCK); reversing = true }
stop:
    do
    :: atomic { n < NODES -> step(); go_offline(n); n++ }
    :: atomic { n == NODES -> n = 0; break }
    od;
    atomic { step(); sessions() }
    do
    :: atomic { n < NODES -> step(); configure_old(n); n++ }
    :: atomic { n == NODES -> n = 0; break }
    od;
    atomic { step(); ts = counter + 1; above = true }
    atomic {
        step();
        require(store == invalidated && PROVED && HAS_LOCK);
        send(2 * me + 1, invalidated, bound, live, REVERSED_TO)
    }
    atomic {
        if
        :: store == live && bound >= ts
        :: goto put_back
        fi
    }
    atomic { step(); require(store == live && bound > counter && HAS_LOCK) }
    atomic { step(); require(HAS_LOCK); reversing = false; release() }
put_back:                       /* it leaves all as it is, for a rerun */
over:
    atomic { forget_run(); next_run() }
}

init {
    byte n;
    atomic {
        if
        :: blind = true
        :: process[STRAY] = down
        :: true
        fi;
#ifdef MIGRATED
        for (n : 0 .. NODES - 1) { config[n] = new; process[n] = timelock }
        process[STRAY] = down; store = invalidated; counter = bound;
#endif
        for (n : 0 .. NODES) { run Node(n) }
        run TimeLock();
        for (n : 0 .. 2 * RUNS - 1) { run Network(n) }
        run RUN_1(0);
#if defined(RUN_2) && !defined(IN_TURN)
        run RUN_2(1);
#endif
        n = 0
    }
}
