/*
 * job.h - a plan being carried out: one command of one server.
 *
 * A job looks at its container, has a plan made, waits until its beginning is committed,
 * drives the steps, undoes what cannot stay after a failure, looks once more, and ends with
 * a result.  It may be killed between any two of these; its next life finds the note of its
 * beginning and the container as it is.
 *
 * The loop moves it: job_advance() goes on until the job waits for something; replies and
 * commits are handed in.  A job never blocks and never calls back.
 */
#pragma once

#include "docker.h"
#include "errand.h"
#include "plan.h"
#include "policy.h"
#include "pulls.h"
#include "report.h"

/* A command that was received, on its way to be a job. */
struct order {
    struct command *command;
    struct cause *cause;
    char *traceparent; /* or NULL */
    bool control;      /* of the control topic */
    /* NULL: a command.  Else it settles what ended ones have left, "", or removes the container
     * of this id; nothing is told. */
    char *tidies;
    bool by_force; /* that one is broken */
    char *begun;   /* the note of an earlier life, or NULL: fresh */
    /* With a code: it has begun, and the policy does not allow it (any more).  What it has done
     * is undone where its action can, nothing else is. */
    struct refusal refused;
};
void order_free(struct order *order);

/* Where jobs are carried out; all borrowed. */
struct site {
    struct docker *docker;
    struct errands *errands;
    struct pulls *pulls;
    const struct policy *policy;
    enum engine_logs logs;
    const struct author *author; /* its engine is the one that jobs change */
    struct others *others;
    int64_t pull_stall_ms; /* without a byte */
    int64_t pull_most_ms;  /* in all */
    double patience;       /* factor of the spans that an engine is waited for; 0: as 1 */
};

enum job_state {
    JOB_LOOKING,   /* at the container and its data, before the plan is made */
    JOB_BEGINNING, /* its beginning has to be committed: job_begun() */
    JOB_STEPPING,
    JOB_UNDOING,
    JOB_REPORTING, /* the last look, for the result's state */
    JOB_ENDED,     /* job_take_result() */
    JOB_ABANDONED, /* the partition is gone; nothing is reported */
};

struct job;
struct job *job_new(const struct site *site, struct order *order_taken);
void job_free(struct job *job); /* not while a call is on its way: job_can_be_freed() */

/* `now_ms` is host time (g_get_monotonic_time() / 1000). */
void job_advance(struct job *job, int64_t now_ms);
void job_reply(struct job *job, const struct reply *reply, int64_t now_ms);
void job_pulled(struct job *job, const struct reply *reply,
                const struct pull_stream *stream, int64_t now_ms);
/* The pull that it waits for cannot begin. */
void job_pull_refused(struct job *job, const struct refusal *why);
void job_begun(struct job *job); /* `accepted` and the begun mark are committed */
/* Stops at the next safe point, without a result. */
void job_abandon(struct job *job);
/* The process ends: the call of an abandoned job goes on without anybody to hear of it. */
void job_forget(struct job *job);
/* Ends it at the next safe point, rolled back where the action can: OUTCOME_CANCELLED, or, if
 * its effect is complete by then, the outcome that it would have had anyway. */
void job_cancel(struct job *job);

enum job_state job_state(const struct job *job);
const char *job_state_name(enum job_state state);
const struct order *job_order(const struct job *job); /* borrowed */
/* Whether this ticket's reply is its own: of the call it waits for, or has given up. */
bool job_waits_for(const struct job *job, uint64_t ticket);
/* Of a call that was given up but that the engine may still be working on, or 0: nothing may
 * be done to this server's container until its reply has come. */
uint64_t job_given_up(const struct job *job);
/* That one concerns a container that has served: the server's lane is free. */
bool job_leaves_call(const struct job *job);
/* Once for each wait beyond all patience: what is waited for; g_free it.  Else NULL. */
char *job_take_waiting(struct job *job, int64_t now_ms);
bool job_is_waiting(const struct job *job); /* it has been told */
/* It goes on to its end: a cancel of it was answered. */
void job_refuse_cancel(struct job *job);
const char *job_note(
    const struct job *job); /* in JOB_BEGINNING: what redelivery must know */
int64_t job_wakes_at(const struct job *job); /* host time; INT64_MAX: not by the clock */
/* It waits for a registry, a game or a clock, not for the engine's CPU. */
bool job_is_patient(const struct job *job);
bool job_can_be_freed(const struct job *job);
/* What to tell of it while it goes on ("pull: 3 of 6 layers, …"), or NULL; g_free it. */
char *job_progress(const struct job *job);
struct result *job_take_result(struct job *job); /* JOB_ENDED, once */
