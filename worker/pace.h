/*
 * pace.h - how often the log, which is kept for ever, hears of one thing.
 *
 * Pure; clocks are arguments.  A container that goes up and down again and again, and a pull
 * that takes an hour, are told as they go at first, then ever less often: it costs the log a
 * bounded number of events, however long it lasts.  What a loop is called is decided here, too,
 * since only a worker sees one: the log hears `restarting` or `oom_killed` at once, and that
 * it is over once the container has been stable for PACE_STABLE_MS.
 *
 * What is told at once, always: that a container is gone, that there is one, that it is another
 * one, that a remark has come up or that it has become unhealthy.
 */
#pragma once

#include "contract.h"

#define PACE_FREE      4 /* States of an unrest that are told as they come */
#define PACE_FIRST_MS  INT64_C(5000)
#define PACE_MOST_MS   (INT64_C(3600) * 1000)
#define PACE_STABLE_MS (INT64_C(10) * 60 * 1000)
#define PACE_RESTARTS  2 /* by the engine: once is an accident */

/* How long after the nth progress event of a command (from 1) the next may follow. */
int64_t pace_progress_ms(unsigned told);

/* Likewise whole Syncs for what an unmanaged container does: before the first, and after the
 * nth (from 1) of late. */
int64_t pace_unmanaged_ms(unsigned told);

/* What is remembered of one server's container. */
struct pace {
    int64_t stable_ms; /* PACE_STABLE_MS, or as an option scales it */
    unsigned told;     /* States since the unrest began */
    int64_t told_at;   /* host time of the last */
    int64_t moved_at;  /* host time when it was last seen changed */
    int64_t
        oom_at; /* host time when its memory was last seen used up; 0: not in this life */
    struct state *seen; /* last; NULL: never */
};
void pace_clear(struct pace *pace);

/* The engine says that its memory is used up. */
void pace_oom(struct pace *pace, int64_t now_ms);
/* It was looked at.  Notes whether it has moved, and completes the state: its remarks. */
void pace_saw(struct pace *pace, struct state *state, int64_t now_ms, int64_t wall_ms);

enum pace_answer {
    PACE_NOTHING, /* the log knows */
    PACE_TELL,
    PACE_LATER, /* look again at `*ret_at` */
};
/* Whether the log, having been told `told` (may be NULL), is to hear what was seen last. */
enum pace_answer pace_ask(const struct pace *pace, const struct state *told,
                          int64_t now_ms, int64_t wall_ms, int64_t *ret_at);
/* It was told by a State. */
void pace_told(struct pace *pace, int64_t now_ms);
/* A command's result has told it: what moves from now on is another story. */
void pace_begin_anew(struct pace *pace);

/* Whether the log, having been told `told` (may be NULL), does not know `now` as it is. */
bool pace_is_news(const struct state *told, const struct state *now);

typedef struct pace Pace;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pace, pace_clear)
