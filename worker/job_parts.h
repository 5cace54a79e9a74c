/*
 * job_parts.h - what the files of the job share: for job*.c alone.
 *
 *     job.c         states and turns
 *     job_host.c    directories, locks, purge: errands on threads
 *     job_answer.c  the engine's answers
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
    bool cancel_asked;
    bool undone; /* the undo changed something, and came to its end */
    char *note;
    GPtrArray *reports; /* struct step_report */
    enum outcome outcome;
    struct refusal refusal; /* of the result, when not done */
    struct host_lock *networks_lock;
    struct result *result;
};

void job_move(struct job *job, enum job_state state);
/* Ends the steps: undo if there is any, then the report.  Takes the refusal. */
void job_fail(struct job *job, struct refusal *refusal_taken);
/* Ends the job without another look. */
void job_finish(struct job *job);
enum step job_step(const struct job *job); /* the one that runs */
void job_wait_for_timer(struct job *job, int64_t now_ms, int64_t ms);
void job_send_errand(struct job *job, enum host_work work);
/* As if the engine had answered so. */
void job_judge(struct job *job, const struct reply *reply, const char *text,
               int64_t now_ms);
