/*
 * job_parts.h - what the files of the job share: for job*.c alone.
 *
 *     job.c         states and turns
 *     job_plan.c    from looks to steps
 *     job_host.c    directories, locks, purge: errands on threads
 *     job_answer.c  the engine's answers
 *     job_result.c  what is told at the end
 */
#pragma once

#include "host.h"
#include "job.h"

enum wait { WAIT_NOTHING, WAIT_REPLY, WAIT_PULL, WAIT_ERRAND, WAIT_TIMER, WAIT_COMMIT };

/* Which of the looks is on its way. */
enum look { LOOK_FOR_OLD, LOOK_AT_SEEN, LOOK_AT_OLD, LOOK_DONE };

struct job {
    const struct site *site;
    struct order *order;
    enum job_state state;
    enum wait wait;
    enum look look; /* the next one that is due, while facts are not fresh */
    uint64_t ticket;
    enum asked asked; /* by that ticket */
    uint64_t given_up;
    int64_t deadline; /* of a change on its way; the call itself is not cut off */
    int64_t wakes_at;
    struct facts facts;
    bool former_is_over; /* calls of an earlier life have had their time */
    bool data_looked_at;
    bool tidying; /* the plan is to settle a leftover; then it is made anew */
    struct plan plan;
    size_t at; /* index in the plan's steps, or its undo */
    int64_t step_began;
    unsigned retries;          /* within this step */
    unsigned tries;            /* of these, after an answer of the engine */
    int64_t unreachable_since; /* 0: the engine answers */
    int64_t
        stuck_since; /* host time of the first failure since it last came further, or 0 */
    int64_t listed_at; /* host time of the list of the server's containers */
    bool told_waiting; /* of this wait */
    char *trouble;     /* what the engine last said while it is waited for, or NULL */
    char *left;        /* what is left undone although it is done: a sentence, or NULL */
    unsigned removals; /* within this step, that the engine has refused for now */
    unsigned tidied;   /* leftovers looked after */
    bool cancel_asked;
    bool has_asked;   /* this step, for a change: it may have come true */
    bool leaves_call; /* the one given up concerns what has served, not the server */
    bool undone;      /* the undo came to its end, and what was there before is back */
    char *note;
    GPtrArray *reports; /* struct step_report */
    enum outcome outcome;
    struct refusal refusal; /* of the result, when not done */
    struct host_lock *networks_lock;
    struct host_errand *errand; /* on its thread, or NULL */
    struct neighbours *others;  /* remembered, for the errand on its way, or NULL */
    unsigned others_changes;    /* when the engine was asked for them */
    struct result *result;
};

void job_move(struct job *job, enum job_state state);
/* It is waited for as long as it takes: what has begun, and what is taken back, ends in one of
 * two ways. */
bool job_has_to_end(const struct job *job);
static inline bool job_sweeps(const struct job *job)
{
    return job->order->tidies && *job->order->tidies;
}
/* Takes note of what it is waited for, and that the wait is over. */
void job_note_trouble(struct job *job, const char *what, int64_t now_ms);
void job_came_further(struct job *job);
/* What is left undone is told in the result.  Takes the refusal. */
void job_leave(struct job *job, struct refusal *refusal_taken);
/* Ends the steps: undo if there is any, then the report.  Takes the refusal. */
void job_fail(struct job *job, struct refusal *refusal_taken);
/* When the looks are fresh: settle a leftover, or do what the command wants. */
void job_take_plan(struct job *job);
/* step_ask(), unless the container that was seen may not be had: a policy may have changed, or
 * its name, since the plan was made. */
enum ask job_ask(struct job *job, enum step step, struct want *ret_want);
/* Ends the job without another look. */
void job_finish(struct job *job);
enum step job_step(const struct job *job); /* the one that runs */
void job_wait_for_timer(struct job *job, int64_t now_ms, int64_t ms);
/* What its errand waits for, it waits for no longer. */
void job_end_waits(struct job *job);
void job_send_errand(struct job *job, enum host_work work);
/* A start that would ask for the list of all others, of which one is remembered that serves:
 * it goes on with that.  False: ask. */
bool job_remembers_others(struct job *job, const struct request *request);
/* As if the engine had answered so. */
void job_judge(struct job *job, const struct reply *reply, const char *text,
               int64_t now_ms);
