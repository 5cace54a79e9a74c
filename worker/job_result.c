/*
 * job_result.c - what a job tells of itself: its outcome, and what is there after it.
 *
 * Says nothing that was not seen: what was set aside is not running, a container under another
 * name is not absent, and the old one is back when it bears its name and runs as it did.
 */
#include "job.h"

#include "crash.h"
#include "job_parts.h"

static bool is_theirs(const struct job *job)
{
    return container_whose(job->facts.seen, job->order->command) != WHOSE_OURS;
}

static struct state *unknown_state(const struct container *container, enum maybe data)
{
    struct state *state = container_state(container, data);
    state->status = CONTAINER_UNKNOWN;
    return state;
}

/* The volumes of a container that is gone by now: the next one is to get them. */
static struct state *gone_state(const struct facts *facts, enum maybe data)
{
    g_autoptr(Container) absent = container_new();
    struct state *state = container_state(absent, data);
    for (guint i = 0; facts->kept && i < facts->kept->len; i++) {
        const struct volume *volume = g_ptr_array_index(facts->kept, i);
        g_ptr_array_add(state->mounts,
                        mounted_new("volume", volume->name, "", volume->container_path,
                                    volume->read_only));
    }
    return state;
}

/* While any container of the server is there it is not absent, and what was set aside, or bears
 * another name, is not the server's: then nobody knows. */
static struct state *state_after(const struct job *job)
{
    const struct facts *facts = &job->facts;
    const enum maybe data = facts->purged             ? MAYBE_NO
                            : facts->directories_made ? MAYBE_YES
                                                      : facts->data_exists;
    const struct container *other = facts->old && !step_is_going(facts->old)
                                        ? facts->old
                                        : step_other(facts);
    if (!is_theirs(job))
        return container_state(facts->seen, data);
    return other ? unknown_state(other, data) : gone_state(facts, data);
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

static bool replaces(const struct job *job)
{
    return job->plan.n_undo > 0 && job->plan.undo[0] == STEP_PUT_BACK;
}

/* What became of it, and of what stood there before. */
static char *full_sentence(const struct job *job, const char *sentence)
{
    const bool done = job->outcome == OUTCOME_DONE;
    const bool aside = job->facts.old != NULL && !done;
    const char *back = done || !job->undone ? ""
                       : replaces(job)      ? "; the old container is back"
                                            : ", and taken back";
    g_autofree char *text = g_strdup_printf(
        "%s%s%s%s%s", sentence, back,
        aside ? "; the old container is still set aside as " : "",
        aside ? job->facts.old->name : "",
        done && job->left ? "; the old container is still there and is removed later: "
        : job->left       ? "; "
                          : "");
    const char *remark = done && job->facts.remark ? job->facts.remark : "";
    g_autofree char *whole = g_strconcat(text, job->left ? job->left : "",
                                         *remark ? "; " : "", remark, NULL);
    return g_utf8_make_valid(whole, -1);
}

static void fill_result(const struct job *job, struct result *result)
{
    const bool done = job->outcome == OUTCOME_DONE;
    const char *sentence = done ? job->plan.sentence : job->refusal.message;
    g_free(result->code);
    g_free(result->message);
    result->outcome = job->outcome;
    result->code = g_strdup(done ? CODE_OK : job->refusal.code);
    result->message = full_sentence(job, sentence ? sentence : "");
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
