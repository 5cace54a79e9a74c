/*
 * job_answer.c - what a job makes of the engine's answers.
 *
 * An answer is judged once (verdict.c), and is then good news for the step, a pause, a look,
 * or the end.
 */
#include "job.h"

#include "crash.h"
#include "job_parts.h"

#define REMOVALS_MAX       4     /* of what has served, before it is left */
#define TRIES_MAX          6     /* of answers that may pass by themselves */
#define ENGINE_PATIENCE_MS 90000 /* while the engine does not answer at all */
#define RETRY_FIRST_MS     250
#define RETRY_MOST_MS      8000
#define PAUSE_LEAST_MS     10

static bool may_try_again(struct job *job, enum answer answer, int64_t now_ms)
{
    const bool there = answer == ANSWER_HTTP; /* however long it was away */
    if (there)
        job->unreachable_since = 0;
    else if (!job->unreachable_since)
        job->unreachable_since = now_ms;
    if (job_has_to_end(job))
        return true;
    if (there)
        return job->tries++ < TRIES_MAX;
    return now_ms - job->unreachable_since < step_span(&job->facts, ENGINE_PATIENCE_MS);
}

static int64_t pause_ms(const struct facts *facts, unsigned retries)
{
    const int64_t ms = MIN((int64_t)RETRY_FIRST_MS << MIN(retries, 10u), RETRY_MOST_MS);
    return MAX(step_span(facts, ms), PAUSE_LEAST_MS);
}

/* The last look may fail without harm: the result then tells no state. */
static void give_up(struct job *job, struct refusal *refusal_taken)
{
    if (job->state != JOB_REPORTING) {
        job->undone = false;
        job_fail(job, refusal_taken);
        return;
    }
    refusal_clear(refusal_taken);
    job_finish(job);
}

static void try_again(struct job *job, enum answer answer, struct refusal *refusal_taken,
                      int64_t now_ms)
{
    if (!may_try_again(job, answer, now_ms)) {
        give_up(job, refusal_taken);
        return;
    }
    job_note_trouble(job, refusal_taken->message, now_ms);
    refusal_clear(refusal_taken);
    job->facts.fresh = false;
    job_wait_for_timer(job, now_ms, pause_ms(&job->facts, job->retries));
    job->retries++;
}

/* --- looks --------------------------------------------------------------------------------------- */

static void next_look(struct job *job, enum look look)
{
    job->look = look;
    job->facts.fresh = look == LOOK_DONE;
}

static void saw(struct job *job, struct container *seen_taken)
{
    if (job->look == LOOK_AT_OLD) {
        step_saw_old(&job->facts, seen_taken);
        next_look(job, LOOK_DONE);
        return;
    }
    const bool by_adopt = job->order->command->spec->adopt && !job->facts.adopted_gone;
    step_saw(&job->facts, seen_taken);
    if (by_adopt && job->facts.adopted_gone) /* that id is over: now by name */
        next_look(job, LOOK_AT_SEEN);
    else
        next_look(job, job->facts.old_id ? LOOK_AT_OLD : LOOK_DONE);
}

static bool read_look(struct job *job, const struct reply *reply, int64_t now_ms,
                      GError **error)
{
    if (reply->asked == ASKED_LIST) {
        g_autoptr(GPtrArray)
            all = container_parse_list(reply->body, reply->length, error);
        if (!all)
            return false;
        step_saw_all(&job->facts, g_steal_pointer(&all));
        job->listed_at = now_ms;
        next_look(job, LOOK_AT_SEEN);
        return true;
    }
    struct container *seen = container_parse(reply->body, reply->length, error);
    if (seen)
        saw(job, seen);
    return seen != NULL;
}

static void took_look(struct job *job, enum verdict verdict, const struct reply *reply,
                      int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    struct refusal refusal = {0};
    if (verdict == VERDICT_ABSENT) {
        saw(job, container_new());
    } else if (!read_look(job, reply, now_ms, &error)) {
        refusal_set(&refusal, CODE_ENGINE_REFUSED,
                    "the engine's answer about the container: %s", error->message);
        try_again(job, ANSWER_HTTP, &refusal, now_ms);
    }
}

/* --- answers --------------------------------------------------------------------------------------- */

static bool is_look(const struct job *job, const struct reply *reply)
{
    return reply->asked == ASKED_LOOK ||
           (reply->asked == ASKED_LIST && job->look == LOOK_FOR_OLD);
}

static void good_news(struct job *job, enum verdict verdict, const struct reply *reply,
                      int64_t now_ms)
{
    struct refusal refusal = {0};
    job->unreachable_since = 0;
    if (is_look(job, reply)) {
        took_look(job, verdict, reply, now_ms);
        return;
    }
    job_came_further(job);
    if (!step_told(job_step(job), &job->facts, verdict, reply, &refusal))
        job_fail(job, &refusal);
}

/* The registry does not always say which image it speaks of. */
static void name_image(const struct job *job, struct refusal *refusal)
{
    g_autofree char *image = container_image_reference(job->order->command->spec);
    if (refusal->message && !strstr(refusal->message, image))
        refusal_set(refusal, refusal->code, "%s: %s", image, refusal->message);
}

static bool steps(const struct job *job)
{
    return job->state == JOB_STEPPING || job->state == JOB_UNDOING;
}

/* What has served cannot be removed: its step marks it and goes on. */
static bool does_without_removal(struct job *job, const struct reply *reply, bool final,
                                 struct refusal *refusal)
{
    if (reply->asked != ASKED_REMOVE || reply->answer != ANSWER_HTTP || !steps(job) ||
        !step_can_do_without(job_step(job), &job->facts))
        return false;
    if (!final && ++job->removals < REMOVALS_MAX)
        return false;
    job_leave(job, refusal);
    job->facts.removal_failed = true;
    job->facts.fresh = false;
    return true;
}

/* An undo brings back what it can: the rest is told. */
static bool does_without(struct job *job, const struct reply *reply,
                         struct refusal *refusal)
{
    struct facts *facts = &job->facts;
    const bool undoing = job->state == JOB_UNDOING;
    const bool leaves = job->state == JOB_STEPPING && reply->asked == ASKED_RENAME &&
                        facts->removal_failed;
    if (!leaves &&
        !(undoing && (reply->asked == ASKED_START || reply->asked == ASKED_UPDATE)))
        return false;
    job_leave(job, refusal);
    facts->start_refused |= reply->asked == ASKED_START;
    facts->policy_stays |= reply->asked == ASKED_UPDATE;
    facts->fresh = false;
    if (leaves)
        step_pass_over(facts);
    return true;
}

static void refused(struct job *job, const struct reply *reply, struct refusal *refusal,
                    int64_t now_ms)
{
    const bool waits = job_has_to_end(job) && reply->asked != ASKED_RENAME;
    if (waits && reply->asked == ASKED_REMOVE)
        job->facts.removal_failed = false;
    if (waits)
        try_again(job, reply->answer, refusal, now_ms);
    else
        give_up(job, refusal);
}

/* A program that cannot be run as it is: with capabilities of its file, for example. */
static void tell_denied(const struct job *job, const struct reply *reply,
                        const char *text, struct refusal *refusal)
{
    if (reply->asked != ASKED_START || !text || !refusal->message)
        return;
    g_autofree char *why = step_why_denied(&job->facts, text, strlen(text));
    if (why)
        refusal_set(refusal, refusal->code, "%s: %s", refusal->message, why);
}

void job_judge(struct job *job, const struct reply *reply, const char *text,
               int64_t now_ms)
{
    struct refusal refusal = {0};
    crash_point_of("engine.reply", asked_name(reply->asked));
    const enum verdict verdict = verdict_of(reply->asked, reply->answer, reply->status,
                                            text, &refusal);
    if (reply->asked == ASKED_PULL)
        name_image(job, &refusal);
    job->wait = WAIT_NOTHING;
    job->ticket = 0;
    job->deadline = INT64_MAX;
    /* A save that fails, or a log that is not to be had, ends nothing; its step decides. */
    if (reply->asked == ASKED_EXEC || reply->asked == ASKED_LOG) {
        refusal_clear(&refusal);
        good_news(job, verdict, reply, now_ms);
        return;
    }
    switch (verdict) {
    case VERDICT_DONE:
    case VERDICT_ALREADY:
    case VERDICT_ABSENT:
    case VERDICT_CONFLICT:
        refusal_clear(&refusal);
        good_news(job, verdict, reply, now_ms);
        break;
    case VERDICT_UNKNOWN:
        /* A call that we gave up may still be at work: once is enough, looks decide. */
        job->facts.acted += reply->answer == ANSWER_TIMEOUT && !job_has_to_end(job);
        job->facts.network_late |= reply->asked == ASKED_NETWORK;
        try_again(job, reply->answer, &refusal, now_ms);
        break;
    case VERDICT_RETRY:
        if (!does_without_removal(job, reply, false, &refusal))
            try_again(job, reply->answer, &refusal, now_ms);
        break;
    case VERDICT_REFUSED:
        tell_denied(job, reply, text, &refusal);
        if (!does_without_removal(job, reply, true, &refusal) &&
            !does_without(job, reply, &refusal))
            refused(job, reply, &refusal, now_ms);
        break;
    }
}

static bool took_late_reply(struct job *job, const struct reply *reply)
{
    if (reply->ticket == job->given_up) {
        job->given_up = 0;
        job_came_further(job);
        job->facts.fresh = false;
        return true;
    }
    if (job->state != JOB_ABANDONED)
        return false;
    job->wait = WAIT_NOTHING;
    job->ticket = 0;
    return true;
}

void job_reply(struct job *job, const struct reply *reply, int64_t now_ms)
{
    if (took_late_reply(job, reply))
        return;
    g_autofree char *text = verdict_answer_text(reply->answer, reply->status, reply->body,
                                                reply->length, reply->error);
    job_judge(job, reply, text, now_ms);
}

/* The verdict on a pull is in its stream, if it got that far. */
static char *pull_text(const struct reply *reply, const struct pull_stream *stream)
{
    if (reply->answer != ANSWER_HTTP)
        return g_strdup(reply->error);
    if (reply->status != 200)
        return verdict_text(reply->body, reply->length);
    if (pull_stream_succeeded(stream))
        return NULL;
    const char *error = pull_stream_error(stream);
    return g_strdup(error ? error
                          : "the pull ended without success and without a reason");
}

void job_pulled(struct job *job, const struct reply *reply,
                const struct pull_stream *stream, int64_t now_ms)
{
    g_autofree char *text = pull_text(reply, stream);
    job_judge(job, reply, text, now_ms);
}

void job_pull_refused(struct job *job, const struct refusal *why)
{
    struct refusal refusal = {0};
    refusal_set(&refusal, why->code, "%s", why->message);
    job->wait = WAIT_NOTHING;
    job_fail(job, &refusal);
}
