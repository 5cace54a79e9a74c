/*
 * job.c - the one driver of all plans and steps.
 *
 * Each state has a turn function; job_advance() calls them until the job has to wait.
 */
#include "job.h"

#include "crash.h"
#include "job_parts.h"
#include "neighbours.h"

#include <string.h>

#define POLL_MS 250 /* for the end of a call that was given up */
/* A worker that was killed may have sent a call that the engine has not read yet: a look that
 * comes before it would show what is about to change. */
#define FORMER_MS 1000
#define LISTED_MS \
 5000 /* before a start, an older list of the server's containers is no news */
#define WAITING_MS (10 * 60 * 1000) /* then it is told that the engine is waited for */

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
    refusal_clear(&order->refused);
    g_free(order->tidies);
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
    job->facts.left_id = order_taken->tidies;
    job->facts.left_by_force = order_taken->by_force;
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
    neighbours_unref(job->others);
    g_clear_pointer(&job->reports, g_ptr_array_unref);
    result_free(job->result);
    order_free(job->order);
    g_free(job->note);
    g_free(job->trouble);
    g_free(job->left);
    g_free(job);
}

/* --- moving and sending ---------------------------------------------------------------------- */

void job_move(struct job *job, enum job_state state)
{
    job->state = state;
    job->at = 0;
    job->retries = job->tries = job->removals = 0;
    job->unreachable_since = 0;
    job->has_asked = false;
    job->step_began = 0;
    job->facts.acted = job->facts.waited = 0;
    job->facts.removal_failed = false;
}

bool job_has_to_end(const struct job *job)
{
    if (job->order->tidies)
        return false;
    if (job->state == JOB_UNDOING)
        return true;
    if (job->state == JOB_LOOKING)
        return job->order->begun != NULL;
    return job->state == JOB_STEPPING && job->at < job->plan.n_steps &&
           job_step(job) == STEP_REMOVE_OLD;
}

void job_note_trouble(struct job *job, const char *what, int64_t now_ms)
{
    if (!job->stuck_since)
        job->stuck_since = now_ms;
    if (g_strcmp0(job->trouble, what) == 0)
        return;
    g_free(job->trouble);
    job->trouble = g_strdup(what);
}

void job_came_further(struct job *job)
{
    job->stuck_since = 0;
    job->told_waiting = false;
}

void job_leave(struct job *job, struct refusal *refusal_taken)
{
    g_free(job->left);
    job->left = g_strdup(refusal_taken->message);
    refusal_clear(refusal_taken);
}

void job_wait_for_timer(struct job *job, int64_t now_ms, int64_t ms)
{
    job->wait = WAIT_TIMER;
    job->wakes_at = now_ms + ms;
}

static void wait_for_given_up(struct job *job, int64_t now_ms)
{
    job_note_trouble(job, "a call to the engine has not come back", now_ms);
    job_wait_for_timer(job, now_ms, POLL_MS);
}

/* A change is given up, not cut off: the engine goes on with it, and its reply tells when the
 * server's lane is free again. */
static void send_request(struct job *job, struct request *request, int64_t now_ms)
{
    const bool change = request->lane == DOCKER_CHANGE || request->lane == DOCKER_STOP;
    /* One change of a container at a time; but what has served may get its other name. */
    if (change && job->given_up && !job->leaves_call) {
        request_free(request);
        wait_for_given_up(job, now_ms);
        return;
    }
    job->has_asked |= change;
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
        job->look = job->facts.wants_list ? LOOK_FOR_OLD : LOOK_AT_SEEN;
    job->facts.wants_list = false;
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

/* From here on nothing is undone: the new one is what was asked for. */
static void leave_old(struct job *job, struct refusal *refusal_taken)
{
    job_leave(job, refusal_taken);
    step_pass_over(&job->facts);
    report_step(job, "failed", g_get_monotonic_time() / 1000);
    job->step_began = 0;
    job->at++;
}

static bool removes_old(const struct job *job)
{
    return job->state == JOB_STEPPING && job->at < job->plan.n_steps &&
           job_step(job) == STEP_REMOVE_OLD;
}

void job_fail(struct job *job, struct refusal *refusal_taken)
{
    if (removes_old(job)) {
        leave_old(job, refusal_taken);
        return;
    }
    if (job->state == JOB_UNDOING && !job->left)
        job->left = g_strdup(refusal_taken->message);
    if (job->outcome == OUTCOME_DONE)
        job->outcome = OUTCOME_FAILED;
    if (job->refusal.code) /* the first reason is the one to tell */
        refusal_clear(refusal_taken);
    else
        job->refusal = *refusal_taken;
    *refusal_taken = (struct refusal){0};
    if (job->step_began)
        report_step(job, "failed", g_get_monotonic_time() / 1000);
    const bool undo = job->state == JOB_STEPPING && job->plan.n_undo > 0;
    job->facts.fresh = false;
    job_move(job, undo ? JOB_UNDOING : JOB_REPORTING);
}

/* --- the turns of the states ------------------------------------------------------------------ */

static void turn_looking(struct job *job, int64_t now_ms)
{
    if (job->order->begun && !job->former_is_over) {
        job->former_is_over = true;
        job_wait_for_timer(job, now_ms, FORMER_MS);
    } else if (!job->data_looked_at && !job->order->tidies) {
        job_send_errand(job, HOST_LOOK_AT_DATA);
    } else if (!job->facts.fresh && !job_sweeps(job)) {
        send_look(job, now_ms);
    } else {
        job_take_plan(job);
    }
}

/* Removed, as far as the server is concerned; the thing itself is still there. */
static bool leaves_old(const struct job *job, enum step step)
{
    return step == STEP_REMOVE_OLD && job->facts.removal_failed;
}

static void note_undone(struct job *job, enum step step)
{
    const bool changed = job->facts.acted > 0 || job->facts.was_aside;
    if (job->state != JOB_UNDOING)
        return;
    if (step == STEP_PUT_BACK)
        job->undone = changed && step_old_is_back(&job->facts);
    else
        job->undone |= job->facts.acted > 0;
}

/* An earlier command may have left something, too. */
static void look_for_more(struct job *job)
{
    g_clear_pointer(&job->facts.old_id, g_free);
    g_clear_pointer(&job->facts.old, container_free);
    job->look = LOOK_FOR_OLD;
    job->facts.fresh = false;
}

static void end_step(struct job *job, enum step step, int64_t now_ms)
{
    const bool did = job->facts.acted || step == STEP_DIRECTORIES ||
                     (step == STEP_PURGE && job->facts.purge_found);
    crash_point_of("step.after", step_name(step));
    report_step(job, leaves_old(job, step) ? "failed" : did ? "done" : "already", now_ms);
    note_undone(job, step);
    if (step == STEP_TIDY)
        look_for_more(job);
    job_came_further(job);
    job->facts.acted = job->facts.waited = 0;
    job->facts.removal_failed = false;
    job->retries = job->tries = job->removals = 0;
    job->has_asked = false;
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
        if (job_remembers_others(job, want->request))
            g_clear_pointer(&want->request, request_free);
        else if (want->request->asked == ASKED_PULL)
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
        job_take_plan(job);
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
    refusal_set(&refusal, CODE_CANCELLED, "cancelled %s",
                job->reports->len ? "after some steps" : "before its first step");
    job->outcome = OUTCOME_CANCELLED;
    job_fail(job, &refusal);
}

/* While an image was pulled or a game stopped, somebody may have started another one. */
static bool must_list_again(const struct job *job, enum step step, int64_t now_ms)
{
    return (step == STEP_START || step == STEP_PUT_BACK) &&
           now_ms - job->listed_at > LISTED_MS;
}

static void begin_step(struct job *job, enum step step, int64_t now_ms)
{
    crash_point_of("step.before", step_name(step));
    job->step_began = now_ms;
    if (must_list_again(job, step, now_ms)) {
        job->look = LOOK_FOR_OLD;
        job->facts.fresh = false;
    }
}

/* Its removal goes on without us, and its name may tell so meanwhile. */
static void leave_hanging(struct job *job)
{
    struct refusal refusal = {0};
    refusal_set(&refusal, CODE_ENGINE_TIMEOUT,
                "the engine has not ended its removal in time");
    job_leave(job, &refusal);
    job->leaves_call = true;
    job->facts.removal_failed = true;
    job->facts.fresh = false;
}

/* What a step has asked for may be done by now: a cancel waits for the look that tells. */
static bool wants_more(enum ask ask)
{
    return ask == ASK_ENGINE || ask == ASK_HOST || ask == ASK_WAIT;
}

static void turn_steps(struct job *job, int64_t now_ms)
{
    const bool undoing = job->state == JOB_UNDOING;
    struct want want = {0};
    if (takes_cancel(job) && !job->has_asked) {
        cancel_steps(job);
        return;
    }
    if (job->at >= (undoing ? job->plan.n_undo : job->plan.n_steps)) {
        end_steps(job, now_ms);
        return;
    }
    const enum step step = job_step(job);
    if (undoing && job->given_up) { /* it may still change what the undo looks at */
        wait_for_given_up(job, now_ms);
        return;
    }
    if (removes_old(job) && job->given_up && !job->leaves_call)
        leave_hanging(job);
    if (!job->step_began)
        begin_step(job, step, now_ms);
    const enum ask ask = job_ask(job, step, &want);
    if (takes_cancel(job) && wants_more(ask)) {
        g_clear_pointer(&want.request, request_free);
        cancel_steps(job);
        return;
    }
    follow(job, step, ask, &want, now_ms);
}

static void turn_reporting(struct job *job, int64_t now_ms)
{
    if (job->facts.fresh || job->order->tidies)
        job_finish(job);
    else
        send_look(job, now_ms);
}

/* A save is let go: it ends with the container at the latest, and the stop that would end it
 * must not wait for it. */
static void give_call_up(struct job *job, int64_t now_ms)
{
    const struct reply none = {.asked = job->asked, .answer = ANSWER_TIMEOUT};
    if (job->asked == ASKED_EXEC || job->asked == ASKED_LOG)
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
    job_end_waits(job);
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
    job_end_waits(job);
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

bool job_leaves_call(const struct job *job)
{
    return job->leaves_call || job_sweeps(job);
}

char *job_take_waiting(struct job *job, int64_t now_ms)
{
    const bool waits = job_has_to_end(job) || job->given_up;
    const int64_t since = job->stuck_since;
    if (!waits || !since || job->told_waiting ||
        now_ms - since < step_span(&job->facts, WAITING_MS))
        return NULL;
    job->told_waiting = true;
    return g_strdup_printf(
        "the engine has been waited for for %" G_GINT64_FORMAT
        " s, and is until it is well again; restart it if it hangs: %s",
        (now_ms - since) / 1000, job->trouble);
}

bool job_is_waiting(const struct job *job)
{
    return job->told_waiting;
}

/* Its result then is that of its own failure. */
void job_refuse_cancel(struct job *job)
{
    job->cancel_asked = false;
    if (job->outcome != OUTCOME_CANCELLED)
        return;
    job->outcome = OUTCOME_FAILED;
    refusal_set(&job->refusal, CODE_ENGINE_UNREACHABLE, "%s",
                job->trouble ? job->trouble : "the engine was away");
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
