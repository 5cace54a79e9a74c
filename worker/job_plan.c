/*
 * job_plan.c - from what a job has seen to what it does: plan.c decides, unless an earlier
 * command has left something, or another container of the server runs.
 */
#include "job.h"

#include "adoption.h"
#include "job_parts.h"

#include <string.h>

#define TIDIES_MAX 8 /* leftovers that one command looks after */

static void follow_plan(struct job *job)
{
    struct refusal refusal = {0};
    switch (job->plan.planned) {
    case PLANNED_NOTHING:
        job_move(job, JOB_REPORTING);
        break;
    case PLANNED_REFUSED:
        refusal_set(&refusal, job->plan.code, "%s", job->plan.sentence);
        job_fail(job, &refusal);
        job->facts.fresh = true; /* nothing has been done since the look */
        break;
    case PLANNED_STEPS:
        if (!job->note)
            job->note = plan_note(job->facts.seen);
        const bool begun = job->order->begun || job->state == JOB_STEPPING;
        job_move(job, begun ? JOB_STEPPING : JOB_BEGINNING);
        job->wait = begun ? WAIT_NOTHING : WAIT_COMMIT;
        break;
    }
}

/* Also what the log alone has told (answered.h). */
static const char *begun_note(const struct order *order)
{
    return order->begun && *order->begun == '?' ? order->begun + 1 : order->begun;
}

/* An earlier life may have stopped it already. */
static void note_whether_it_ran(struct job *job)
{
    const char *begun = begun_note(job->order);
    const bool noted = begun && *begun == 'r';
    job->facts.ran = noted || job->facts.seen->running;
    job->facts.rested = noted && !job->facts.seen->running;
}

static bool plan_starts(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i] == STEP_START)
            return true;
    }
    return false;
}

/* Whoever has renamed it by hand still plays on its data: nothing is started beside it, and
 * nobody is told that nothing runs. */
static bool refuse_second(struct job *job)
{
    const struct container *other = step_other_running(&job->facts);
    const enum action action = action_from_name(job->order->command->action);
    struct refusal refusal = {0};
    if (!other || job->order->begun)
        return false;
    if (plan_starts(&job->plan))
        step_second(&refusal, other);
    else if (job->plan.planned == PLANNED_NOTHING && !step_is_ours(&job->facts) &&
             (action == ACTION_STOP || action == ACTION_DELETE))
        refusal_set(&refusal, CODE_NAME_CONFLICT,
                    "the server's container bears the name %s and runs; give it its own "
                    "name, %s, back",
                    other->name, other->canonical);
    else
        return false;
    job_fail(job, &refusal);
    job->facts.fresh = true;
    return true;
}

/* As after a step that has failed: the plan's undo finds what there is to be undone. */
static void undo_refused(struct job *job)
{
    const struct refusal *refused = &job->order->refused;
    const bool undo = job->plan.planned == PLANNED_STEPS && job->plan.n_undo > 0;
    job->outcome = OUTCOME_REJECTED;
    refusal_set(&job->refusal, refused->code, "%s", refused->message);
    job_move(job, undo ? JOB_UNDOING : JOB_REPORTING);
}

static bool may_be_had(const struct job *job, struct refusal *ret_refusal)
{
    const struct facts *facts = &job->facts;
    const struct command *command = job->order->command;
    const struct policy *policy = job->site->policy;
    const bool by_id = !facts->adopted_gone;
    return adoption_allows(policy, command, facts->seen, by_id, ret_refusal) &&
           (!facts->old ||
            adoption_allows(policy, command, facts->old, true, ret_refusal));
}

/* Nothing is told of it, either: it is not the server's.  But what this command has set aside
 * comes back under its name. */
static bool refuse_adoption(struct job *job)
{
    struct refusal refusal = {0};
    if (job->order->refused.code || may_be_had(job, &refusal))
        return false;
    if (job->facts.was_aside) {
        job->order->refused = refusal;
        return false;
    }
    job->outcome = OUTCOME_REJECTED;
    job->refusal = refusal;
    job->plan = (struct plan){.planned = PLANNED_REFUSED};
    job->facts.fresh = false;
    job_finish(job);
    return true;
}

enum ask job_ask(struct job *job, enum step step, struct want *ret_want)
{
    *ret_want = (struct want){0};
    job->facts.policy = job->site->policy;
    job->facts.logs = job->site->logs;
    if (job->state == JOB_STEPPING && job->facts.fresh &&
        !may_be_had(job, &ret_want->refusal))
        return ASK_REFUSE;
    return step_ask(step, &job->facts, ret_want);
}

void job_take_plan(struct job *job)
{
    struct facts *facts = &job->facts;
    if (job_sweeps(job)) {
        plan_sweep(&job->plan);
        follow_plan(job);
        return;
    }
    if (refuse_adoption(job))
        return;
    const bool leftover = step_has_leftover(facts);
    job->tidying = leftover && !job->order->refused.code && job->tidied++ < TIDIES_MAX;
    if (!job->tidying && facts->old && (leftover || step_is_going(facts->old)))
        step_pass_over(facts);
    if (job->tidying)
        plan_tidy(&job->plan);
    else if (job->order->tidies)
        job->plan = (struct plan){.planned = PLANNED_NOTHING, .sentence = "settled"};
    else
        plan_make(job->order->command, facts->seen, facts->old != NULL,
                  begun_note(job->order), &job->plan);
    note_whether_it_ran(job);
    if (job->order->refused.code)
        undo_refused(job);
    else if (job->tidying || !refuse_second(job))
        follow_plan(job);
}
