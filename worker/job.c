/*
 * job.c - the one driver of all plans and steps.
 *
 * Each state has a turn function; job_advance() calls them until the job has to wait.
 */
#include "job.h"

#include "crash.h"
#include "job_parts.h"

#include <string.h>

#define POLL_MS 250 /* for the end of a call that was given up */
/* A worker that was killed may have sent a call that the engine has not read yet: a look that
 * comes before it would show what is about to change. */
#define FORMER_MS 1000

static const char *const state_names[] = {
    [JOB_LOOKING] = "looking",     [JOB_BEGINNING] = "beginning",
    [JOB_STEPPING] = "stepping",   [JOB_UNDOING] = "undoing",
    [JOB_REPORTING] = "reporting", [JOB_ENDED] = "ended",
    [JOB_ABANDONED] = "abandoned",
};

void order_free(struct order *order)
{
    if (!order)
        return;
    command_free(order->command);
    cause_free(order->cause);
    g_free(order->traceparent);
    g_free(order->begun);
    g_free(order);
}

static void step_report_free(void *data)
{
    struct step_report *report = data;
    g_free(report->name);
    g_free(report->did);
    g_free(report);
}

struct job *job_new(const struct site *site, struct order *order_taken)
{
    struct job *job = g_new0(struct job, 1);
    job->site = site;
    job->order = order_taken;
    job->facts.command = order_taken->command;
    job->facts.seen = container_new();
    job->facts.patience = site->patience;
    job->facts.api = docker_api(site->docker);
    job->reports = g_ptr_array_new_with_free_func(step_report_free);
    job->wakes_at = job->deadline = INT64_MAX;
    job->outcome = OUTCOME_DONE;
    return job;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    g_assert(job_can_be_freed(job));
    facts_clear(&job->facts);
    refusal_clear(&job->refusal);
    g_clear_pointer(&job->networks_lock, host_unlock);
    g_clear_pointer(&job->reports, g_ptr_array_unref);
    result_free(job->result);
    order_free(job->order);
    g_free(job->note);
    g_free(job);
}

/* --- moving and sending ---------------------------------------------------------------------- */

void job_move(struct job *job, enum job_state state)
{
    job->state = state;
    job->at = 0;
    job->retries = job->tries = 0;
    job->step_began = 0;
    job->facts.acted = job->facts.waited = 0;
}

void job_wait_for_timer(struct job *job, int64_t now_ms, int64_t ms)
{
    job->wait = WAIT_TIMER;
    job->wakes_at = now_ms + ms;
}

/* A change is given up, not cut off: the engine goes on with it, and its reply tells when the
 * server's lane is free again. */
static void send_request(struct job *job, struct request *request, int64_t now_ms)
{
    const bool change = request->lane == DOCKER_CHANGE || request->lane == DOCKER_STOP;
    if (change && job->given_up) { /* one change of a container at a time */
        request_free(request);
        job_wait_for_timer(job, now_ms, POLL_MS);
        return;
    }
    if (change && request->timeout_ms > 0) {
        job->deadline = now_ms + request->timeout_ms;
        request->timeout_ms = 0;
    }
    crash_point_of("engine.send", asked_name(request->asked));
    job->asked = request->asked;
    job->ticket = docker_send(job->site->docker, request);
    job->wait = WAIT_REPLY;
}

static void send_pull(struct job *job, struct request *request)
{
    g_autofree char *image = container_image_reference(job->order->command->spec);
    request->stall_ms = job->site->pull_stall_ms;
    request->first_byte_ms = job->site->pull_stall_ms;
    request->timeout_ms = job->site->pull_most_ms;
    crash_point("engine.send.pull");
    pulls_join(job->site->pulls, image, request, job);
    job->wait = WAIT_PULL;
}

static void send_look(struct job *job, int64_t now_ms)
{
    if (job->look == LOOK_DONE)
        job->look = LOOK_AT_SEEN;
    if (job->look == LOOK_FOR_OLD)
        send_request(job, step_find_request(&job->facts), now_ms);
    else if (job->look == LOOK_AT_SEEN)
        send_request(job, step_look_request(&job->facts), now_ms);
    else
        send_request(job, step_look_old_request(&job->facts), now_ms);
}

static void report_step(struct job *job, const char *did, int64_t now_ms)
{
    struct step_report *report = step_report_new(step_name(job_step(job)), did,
                                                 now_ms - job->step_began);
    report->retries = job->retries;
    g_ptr_array_add(job->reports, report);
}

void job_fail(struct job *job, struct refusal *refusal_taken)
{
    if (job->outcome == OUTCOME_DONE)
        job->outcome = OUTCOME_FAILED;
    if (job->refusal.code) /* the first reason is the one to tell */
        refusal_clear(refusal_taken);
    else
        job->refusal = *refusal_taken;
    *refusal_taken = (struct refusal){0};
    if (job->step_began)
        report_step(job, "failed", g_get_monotonic_time() / 1000);
    const bool undo = job->state == JOB_STEPPING && job->plan.n_undo > 0 &&
                      job->given_up == 0;
    job->facts.fresh = false;
    job_move(job, undo ? JOB_UNDOING : JOB_REPORTING);
}

/* --- the turns of the states ------------------------------------------------------------------ */

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

/* An earlier life may have stopped it already. */
static void note_whether_it_ran(struct job *job)
{
    const bool noted = job->order->begun && *job->order->begun == 'r';
    job->facts.ran = noted || job->facts.seen->running;
    job->facts.rested = noted && !job->facts.seen->running;
}

static void take_plan(struct job *job)
{
    const bool leftover = step_has_leftover(&job->facts);
    job->tidying = leftover && !job->tidying;
    if (job->tidying)
        plan_tidy(&job->plan);
    else
        plan_make(job->order->command, job->facts.seen, job->facts.old && !leftover,
                  job->order->begun, &job->plan);
    note_whether_it_ran(job);
    follow_plan(job);
}

static void turn_looking(struct job *job, int64_t now_ms)
{
    if (job->order->begun && !job->former_is_over) {
        job->former_is_over = true;
        job_wait_for_timer(job, now_ms, FORMER_MS);
    } else if (!job->data_looked_at) {
        job_send_errand(job, HOST_LOOK_AT_DATA);
    } else if (!job->facts.fresh) {
        send_look(job, now_ms);
    } else {
        take_plan(job);
    }
}

static void end_step(struct job *job, enum step step, int64_t now_ms)
{
    const bool did = job->facts.acted || step == STEP_DIRECTORIES ||
                     (step == STEP_PURGE && job->facts.purge_found);
    crash_point_of("step.after", step_name(step));
    report_step(job, did ? "done" : "already", now_ms);
    job->undone |= job->state == JOB_UNDOING && job->facts.acted > 0;
    job->facts.acted = job->facts.waited = 0;
    job->retries = job->tries = 0;
    job->step_began = 0;
    job->at++;
    g_clear_pointer(&job->networks_lock, host_unlock);
    job->facts.networks_locked = false;
}

static void follow(struct job *job, enum step step, enum ask ask, struct want *want,
                   int64_t now_ms)
{
    switch (ask) {
    case ASK_NOTHING:
        end_step(job, step, now_ms);
        break;
    case ASK_LOOK:
        send_look(job, now_ms);
        break;
    case ASK_ENGINE:
        if (want->request->asked == ASKED_PULL)
            send_pull(job, want->request);
        else
            send_request(job, want->request, now_ms);
        break;
    case ASK_HOST:
        job_send_errand(job, want->host);
        break;
    case ASK_WAIT:
        job_wait_for_timer(job, now_ms, want->wait_ms);
        break;
    case ASK_REFUSE:
        job->undone = false; /* if this was the undo, it has not come to its end */
        job_fail(job, &want->refusal);
        break;
    }
}

enum step job_step(const struct job *job)
{
    return job->state == JOB_UNDOING ? job->plan.undo[job->at] : job->plan.steps[job->at];
}

/* A tidied leftover changes what is there: the plan is made from what is seen now. */
static void end_steps(struct job *job, int64_t now_ms)
{
    if (!job->tidying || job->state == JOB_UNDOING)
        job_move(job, JOB_REPORTING);
    else if (!job->facts.fresh)
        send_look(job, now_ms);
    else
        take_plan(job);
}

static bool takes_cancel(struct job *job)
{
    if (!job->cancel_asked || job->state != JOB_STEPPING || job->outcome != OUTCOME_DONE)
        return false;
    return job->at < job->plan.point_of_no_return;
}

static void cancel_steps(struct job *job)
{
    struct refusal refusal = {0};
    refusal_set(&refusal, CODE_CANCELLED, "cancelled %s%s",
                job->reports->len ? "after some steps" : "before its first step",
                job->plan.n_undo ? ", and taken back" : "");
    job->outcome = OUTCOME_CANCELLED;
    job_fail(job, &refusal);
}

static void turn_steps(struct job *job, int64_t now_ms)
{
    const bool undoing = job->state == JOB_UNDOING;
    struct want want;
    if (takes_cancel(job)) {
        cancel_steps(job);
        return;
    }
    if (job->at >= (undoing ? job->plan.n_undo : job->plan.n_steps)) {
        end_steps(job, now_ms);
        return;
    }
    const enum step step = job_step(job);
    if (!job->step_began)
        crash_point_of("step.before", step_name(step));
    if (!job->step_began)
        job->step_began = now_ms;
    const enum ask ask = step_ask(step, &job->facts, &want);
    follow(job, step, ask, &want, now_ms);
}

static void turn_reporting(struct job *job, int64_t now_ms)
{
    if (job->facts.fresh)
        job_finish(job);
    else
        send_look(job, now_ms);
}

/* A save is let go: it ends with the container at the latest, and the stop that would end it
 * must not wait for it. */
static void give_call_up(struct job *job, int64_t now_ms)
{
    const struct reply none = {.asked = job->asked, .answer = ANSWER_TIMEOUT};
    if (job->asked == ASKED_EXEC)
        docker_cancel(job->site->docker, job->ticket);
    else
        job->given_up = job->ticket;
    job_judge(job, &none, "the engine has not answered in time", now_ms);
}

void job_advance(struct job *job, int64_t now_ms)
{
    static void (*const turns[])(struct job *, int64_t) = {
        [JOB_LOOKING] = turn_looking,     [JOB_BEGINNING] = NULL,
        [JOB_STEPPING] = turn_steps,      [JOB_UNDOING] = turn_steps,
        [JOB_REPORTING] = turn_reporting, [JOB_ENDED] = NULL,
        [JOB_ABANDONED] = NULL,
    };
    if (job->wait == WAIT_TIMER && now_ms >= job->wakes_at) {
        job->wait = WAIT_NOTHING;
        job->wakes_at = INT64_MAX;
    }
    if (job->wait == WAIT_REPLY && now_ms >= job->deadline)
        give_call_up(job, now_ms);
    while (job->wait == WAIT_NOTHING && turns[job->state])
        turns[job->state](job, now_ms);
}

/* --- the result ------------------------------------------------------------------------------- */

static bool is_theirs(const struct job *job)
{
    const struct command *command = job->order->command;
    return container_whose(job->facts.seen, command->server_id, command->spec) !=
           WHOSE_OURS;
}

static struct state *state_after(const struct job *job)
{
    g_autoptr(Container) absent = container_new();
    const enum maybe data = job->facts.purged             ? MAYBE_NO
                            : job->facts.directories_made ? MAYBE_YES
                                                          : job->facts.data_exists;
    return container_state(is_theirs(job) ? absent : job->facts.seen, data);
}

static bool has_drifted(const struct job *job)
{
    const struct container *seen = job->facts.seen;
    const struct spec *spec = job->order->command->spec;
    return !is_theirs(job) && *spec->digest && *seen->spec_digest &&
           !g_str_equal(spec->digest, seen->spec_digest);
}

static bool did_something(const struct job *job)
{
    for (guint i = 0; i < job->reports->len; i++) {
        const struct step_report *report = g_ptr_array_index(job->reports, i);
        if (g_str_equal(report->did, "done"))
            return true;
    }
    return false;
}

static void fill_result(const struct job *job, struct result *result)
{
    const bool done = job->outcome == OUTCOME_DONE;
    const char *sentence = done ? job->plan.sentence : job->refusal.message;
    g_free(result->code);
    g_free(result->message);
    result->outcome = job->outcome;
    result->code = g_strdup(done ? CODE_OK : job->refusal.code);
    g_autofree char *message = sentence && done && job->facts.remark
                                   ? g_strdup_printf("%s; %s", sentence,
                                                     job->facts.remark)
                                   : g_strdup(sentence ? sentence : "");
    result->message = g_utf8_make_valid(message, -1);
    result->recovered = done && job->plan.recovered;
    result->already = done && !job->order->begun && !did_something(job);
    result->rolled_back = !done && job->undone;
    result->data_exists = job->facts.data_exists;
    result->data_empty = job->facts.data_empty;
    result->saved = job->facts.saved;
    result->killed = job->facts.killed;
}

void job_finish(struct job *job)
{
    crash_point("job.finish");
    job->result = result_new();
    fill_result(job, job->result);
    g_clear_pointer(&job->result->steps, g_ptr_array_unref);
    job->result->steps = g_steal_pointer(&job->reports);
    if (job->facts.fresh) {
        job->result->drift = has_drifted(job);
        job->result->state = state_after(job);
    }
    job_move(job, JOB_ENDED);
}

/* --- from outside ------------------------------------------------------------------------------- */

void job_begun(struct job *job)
{
    if (job->state != JOB_BEGINNING)
        return;
    crash_point("job.begun");
    job->wait = WAIT_NOTHING;
    job->facts.fresh = false;
    job_move(job, JOB_STEPPING);
}

void job_abandon(struct job *job)
{
    if (job->wait == WAIT_PULL)
        pulls_leave(job->site->pulls, job);
    if (job->wait != WAIT_REPLY && job->wait != WAIT_ERRAND)
        job->wait = WAIT_NOTHING;
    job->state = JOB_ABANDONED;
}

void job_forget(struct job *job)
{
    job->wait = WAIT_NOTHING;
    job->ticket = 0;
}

void job_cancel(struct job *job)
{
    job->cancel_asked = true;
    if (job->wait == WAIT_PULL) { /* nothing has been changed yet */
        pulls_leave(job->site->pulls, job);
        job->wait = WAIT_NOTHING;
    }
}

enum job_state job_state(const struct job *job)
{
    return job->state;
}

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

const struct order *job_order(const struct job *job)
{
    return job->order;
}

bool job_waits_for(const struct job *job, uint64_t ticket)
{
    return job->ticket == ticket || job->given_up == ticket;
}

uint64_t job_given_up(const struct job *job)
{
    return job->given_up;
}

const char *job_note(const struct job *job)
{
    return job->note;
}

int64_t job_wakes_at(const struct job *job)
{
    return MIN(job->wakes_at, job->deadline);
}

bool job_is_patient(const struct job *job)
{
    if (job->wait == WAIT_TIMER || job->wait == WAIT_PULL)
        return true;
    return job->state == JOB_STEPPING && job->at < job->plan.n_steps &&
           step_is_patient(job->plan.steps[job->at]);
}

bool job_can_be_freed(const struct job *job)
{
    return job->wait == WAIT_NOTHING &&
           (job->state == JOB_ENDED || job->state == JOB_ABANDONED);
}

char *job_progress(const struct job *job)
{
    const struct pull_stream *stream = job->wait == WAIT_PULL
                                           ? pulls_stream(job->site->pulls, job)
                                           : NULL;
    if (!stream)
        return NULL;
    g_autofree char *text = pull_stream_text(stream);
    return g_strdup_printf("pull: %s", text);
}

struct result *job_take_result(struct job *job)
{
    return g_steal_pointer(&job->result);
}
