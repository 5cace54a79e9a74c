/*
 * step_remove.c - the steps that remove a container, and a server's data.
 */
#include "step_parts.h"

#define POLLS_MS 60000

static enum ask refuse_removal(struct want *want, const struct container *container)
{
    refusal_set(
        &want->refusal, CODE_REMOVE_FAILED,
        "the engine has not finished the removal within a minute (it says %s%s%s)",
        container_status_name(container->status), *container->error ? ": " : "",
        container->error);
    return ASK_REFUSE;
}

static enum ask remove_it(struct facts *facts, struct want *want,
                          const struct container *container)
{
    if (facts->waited * STEP_POLL_MS >= step_span(facts, POLLS_MS))
        return refuse_removal(want, container);
    if (facts->acted > facts->waited || container->status == CONTAINER_REMOVING)
        return step_ask_wait(facts, want, STEP_POLL_MS);
    /* A dead one only goes by force. */
    struct request *request = step_removal(container,
                                           container->status == CONTAINER_DEAD);
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}

enum ask ask_remove(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!step_is_ours(facts))
        return ASK_NOTHING; /* gone, or the name is somebody else's by now */
    const bool late = facts->waited * STEP_POLL_MS >= step_span(facts, POLLS_MS);
    if ((late || facts->removal_failed) && step_can_do_without(STEP_REMOVE, facts) &&
        !facts->seen->running && facts->acted <= facts->waited + 1)
        return step_ask_gone(facts, facts->seen, want);
    return remove_it(facts, want, facts->seen);
}

/* It only has to go from now on: whoever finds it must not put it back. */
enum ask step_ask_gone(struct facts *facts, const struct container *container,
                       struct want *want)
{
    g_autofree char *name = aside_gone_name(container->name, container->id);
    g_autofree char *text = step_escaped(name);
    struct request *request = request_new(ASKED_RENAME, DOCKER_CHANGE, "POST",
                                          "/containers/%s/rename?name=%s", container->id,
                                          text);
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}

/* The new one runs: what holds the old one's files (a backup, a busy layer) must not undo
 * that.  A broken one cannot come back and needs no other name. */
enum ask ask_remove_old(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    const struct container *old = facts->old;
    if (!old || (facts->removal_failed && step_is_going(old)))
        return ASK_NOTHING;
    if (facts->waited * STEP_POLL_MS >= step_span(facts, POLLS_MS))
        facts->removal_failed = true;
    if (!facts->removal_failed)
        return remove_it(facts, want, old);
    return step_is_going(old) ? ASK_NOTHING : step_ask_gone(facts, old, want);
}

/* By its id, and by force only if it is broken: one that somebody has started meanwhile stays. */
enum ask ask_sweep(struct facts *facts, struct want *want)
{
    if (facts->acted > 0)
        return ASK_NOTHING;
    struct request *request = request_new(ASKED_REMOVE, DOCKER_CHANGE, "DELETE",
                                          "/containers/%s%s", facts->left_id,
                                          facts->left_by_force ? "?force=1" : "");
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}

enum ask ask_remove_made(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!step_made_by_this(facts) || facts->seen->status != CONTAINER_CREATED)
        return ASK_NOTHING; /* what has run is kept: its log tells why it ended */
    return remove_it(facts, want, facts->seen);
}

/* --- purge --------------------------------------------------------------------------------------- */

/* Who else has the directory mounted has to be seen first; then a thread does the rest. */
static enum ask ask_host_about_purge(struct facts *facts, struct want *want,
                                     enum host_work work)
{
    if (!spec_of(facts) || !*spec_of(facts)->data_dir)
        return ASK_NOTHING;
    return step_ask_host_with_others(facts, want, work);
}

enum ask ask_check_purge(struct facts *facts, struct want *want)
{
    return facts->purge_checked ? ASK_NOTHING
                                : ask_host_about_purge(facts, want, HOST_CHECK_PURGE);
}

/* It is looked once more: the check was before the stop, which takes its time. */
enum ask ask_purge(struct facts *facts, struct want *want)
{
    return facts->purged ? ASK_NOTHING : ask_host_about_purge(facts, want, HOST_PURGE);
}
