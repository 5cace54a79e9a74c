/*
 * bus_sqlite_decide.h - what a member of an embedded group does next: pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Where a member is with its share of the group's partitions. */
enum phase {
    PHASE_WAITING,   /* has none, wants it */
    PHASE_OFFERED,   /* has been told it; start() is to come */
    PHASE_RUNNING,   /* has it */
    PHASE_RELEASING, /* has been told to give it back; release() is to come */
};

/* The group as a member sees it in the file. */
struct view {
    int64_t epoch;      /* of our slot now */
    bool is_alive;      /* our lease is good */
    int64_t holds;      /* the generation whose share the file says we hold, or 0 */
    int64_t generation; /* of the group */
    bool has_expired;   /* another member's lease has run out */
    bool is_blocked;    /* another member holds something of an older generation */
};

/* The member as it sees itself. */
struct self {
    enum phase phase;
    int64_t epoch;
    int64_t generation; /* of its share */
    bool renewal_is_due;
};

enum act {
    ACT_NOTHING,
    ACT_FENCED,  /* another process has our slot: the end */
    ACT_LOSE,    /* our lease ran out while we held something: tell it */
    ACT_REVOKE,  /* a newer generation: tell it */
    ACT_JOIN,    /* (back) into the group, which begins a generation */
    ACT_RELEASE, /* write down that we hold nothing */
    ACT_SWEEP,   /* take out who is silent, which begins a generation */
    ACT_RENEW,   /* the lease */
    ACT_TAKE,    /* our share of this generation, and tell it */
};
enum act decide(const struct view *view, const struct self *self);
bool act_writes(enum act act); /* the others only tell */

/* The clock of the file: since when the wall clock has gone with CLOCK_BOOTTIME, which nobody
 * sets, and since when it shows another time. */
struct file_clock {
    int64_t boot_ms, wall_ms;             /* 0: nobody has looked in this boot */
    int64_t other_boot_ms, other_wall_ms; /* 0: it shows none */
};

#define CLOCK_LEAP_MS 60000 /* what differs by more has leapt */
#define CLOCK_BELIEVE_MS \
 (10 * 60 * 1000) /* what has been shown for so long is believed */

/* What time it is for the file, when a process sees these; `*ret_sure`: it has been believed for
 * long enough to drop by it what is too old.  True: the clock has changed, and is to be kept. */
bool file_clock_look(struct file_clock *clock, int64_t boot_ms, int64_t wall_ms,
                     int64_t *ret_now_ms, bool *ret_sure);

/* How many of `partitions` the `rank`-th of `members` has, and from which one on (Kafka's
 * RangeAssignor: the first ones have one more). */
int64_t range_share(int64_t partitions, int64_t members, int64_t rank,
                    int64_t *ret_first);
