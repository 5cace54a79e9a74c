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
    return remove_it(facts, want, facts->seen);
}

enum ask ask_remove_old(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    return facts->old ? remove_it(facts, want, facts->old) : ASK_NOTHING;
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
