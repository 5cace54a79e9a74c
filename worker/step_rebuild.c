/*
 * step_rebuild.c - the steps of a rebuild that are not those of a create: set the old
 * container aside, put it back, and settle what an earlier rebuild has left.
 *
 * The old one keeps running under its other name until the image is there; it is removed only
 * when the new one has come up.  Its restart policy is "no" meanwhile: an engine that restarts
 * must not start it beside the new one.
 *
 * The engine cannot rename a container that waits for its next restart ("sandbox … not found",
 * 20.10): such a one, which never stays up, is stopped first.
 */
#include "step_parts.h"

#define TRIES_MAX 8
#define POLLS_MS  60000

static struct request *rename_request(const struct container *container, const char *name)
{
    g_autofree char *text = step_escaped(name);
    return request_new(ASKED_RENAME, DOCKER_CHANGE, "POST",
                       "/containers/%s/rename?name=%s", container->id, text);
}

/* The engine takes a count with on-failure alone. */
static struct request *policy_request(const struct container *container,
                                      const char *policy, int64_t retries)
{
    struct request *request = step_change(container, ASKED_UPDATE, "update");
    g_autofree char *count = retries > 0 ? g_strdup_printf(", \"MaximumRetryCount\": "
                                                           "%" G_GINT64_FORMAT,
                                                           retries)
                                         : g_strdup("");
    request->body = g_strdup_printf("{\"RestartPolicy\": {\"Name\": \"%s\"%s}}", policy,
                                    count);
    return request;
}

static bool restarts(const struct container *container)
{
    return *container->restart_policy && !g_str_equal(container->restart_policy, "no");
}

static enum ask give_up(struct want *want, const char *what,
                        const struct container *container)
{
    refusal_set(&want->refusal, CODE_ENGINE_REFUSED,
                "the engine says yes to %s of %s, but does not do it", what,
                container->name);
    return ASK_REFUSE;
}

/* run_again() starts it under its own name. */
static enum ask ask_rest(struct facts *facts, const struct container *container,
                         struct want *want)
{
    facts->rested = true;
    return step_ask_engine(want, step_change(container, ASKED_STOP, "stop"),
                           step_span(facts, STEP_CALL_MS));
}

enum ask ask_set_aside(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (facts->acted >= TRIES_MAX)
        return give_up(want, "the renaming", facts->old ? facts->old : facts->seen);
    if (facts->old && restarts(facts->old) && !facts->policy_stays)
        return step_ask_engine(want, policy_request(facts->old, "no", 0),
                               step_span(facts, STEP_CALL_MS));
    if (facts->old || !step_is_ours(facts) || step_made_by_this(facts))
        return ASK_NOTHING;
    if (facts->seen->status == CONTAINER_RESTARTING)
        return ask_rest(facts, facts->seen, want);
    g_autofree char *name = aside_name(facts->seen->name, facts->command->command_id,
                                       facts->ran, facts->seen->restart_policy,
                                       facts->seen->restart_retries);
    /* Noted before it is asked for: a lost answer must not lose the container. */
    g_free(facts->old_id);
    facts->old_id = g_strdup(facts->seen->id);
    facts->adopted_gone = true;
    return step_ask_engine(want, rename_request(facts->seen, name),
                           step_span(facts, STEP_CALL_MS));
}

/* What it mounts is held against its data roots and its neighbours as before any other start. */
static enum ask ask_old_start(struct facts *facts, const struct container *old,
                              struct want *want)
{
    if (!facts->old_checked && old->mounts->len > 0)
        return step_ask_host_with_others(facts, want, HOST_CHECK_OLD_SOURCES);
    facts->old_checked = false; /* of this start alone */
    return step_ask_engine(want, step_change(old, ASKED_START, "start"),
                           step_span(facts, STEP_START_MS));
}

/* The name comes last: until then it tells the next life what is to be done. */
static enum ask put_back(struct facts *facts, struct want *want,
                         const struct aside *aside)
{
    const struct container *old = facts->old;
    const char *policy = aside->restart_policy;
    facts->ran = aside->ran;
    if (old->status == CONTAINER_RESTARTING)
        return ask_rest(facts, old, want);
    if (!g_str_equal(policy, "no") && !restarts(old) && !facts->policy_stays)
        return step_ask_engine(want, policy_request(old, policy, aside->restart_retries),
                               step_span(facts, STEP_CALL_MS));
    /* Beside another one it would be the second on one data directory. */
    if (aside->ran && !old->running && step_must_list(facts))
        return ASK_LOOK;
    if (aside->ran && !old->running && !facts->rested && !facts->start_refused &&
        !step_other_running(facts))
        return ask_old_start(facts, old, want);
    return step_ask_engine(want, rename_request(old, aside->name),
                           step_span(facts, STEP_CALL_MS));
}

/* What cannot be removed, but does not run, gives up its name: the old one must not wait for
 * its files. */
static enum ask remove_new(struct facts *facts, struct want *want)
{
    const bool late = facts->waited * STEP_POLL_MS >= step_span(facts, POLLS_MS);
    const bool stuck = facts->removal_failed || late;
    if (stuck && !facts->seen->running)
        return step_ask_gone(facts, facts->seen, want);
    if (facts->seen->status == CONTAINER_REMOVING)
        return step_ask_wait(facts, want, STEP_POLL_MS);
    return step_ask_engine(want, step_removal(facts->seen, true),
                           step_span(facts, STEP_CALL_MS));
}

static enum ask refuse_broken(struct want *want, const struct container *old)
{
    refusal_set(&want->refusal, CODE_ENGINE_REFUSED,
                "%s cannot come back: the engine says that it is %s", old->name,
                container_status_name(old->status));
    return ASK_REFUSE;
}

static enum ask back(struct facts *facts, struct want *want, const struct aside *aside)
{
    const bool ours = step_is_ours(facts);
    if (step_is_going(facts->old))
        return refuse_broken(want, facts->old);
    if (facts->acted >= TRIES_MAX)
        return give_up(want, "putting back", facts->old);
    if (ours && g_str_equal(facts->seen->command_id, aside->command_id))
        return remove_new(facts, want);
    if (facts->seen->status == CONTAINER_ABSENT)
        return put_back(facts, want, aside);
    refusal_set(
        &want->refusal, CODE_NAME_CONFLICT,
        "%s cannot get its name back: another container bears it; rename or remove that",
        facts->old->name);
    return ASK_REFUSE;
}

/* What bears its own name again and ran before: it may have been stopped for its renaming. */
static enum ask run_again(struct facts *facts, struct want *want)
{
    if (facts->ran && facts->rested && !facts->seen->running && step_must_list(facts))
        return ASK_LOOK;
    if (!facts->ran || !facts->rested || !step_is_ours(facts) ||
        step_made_by_this(facts) || facts->seen->running || facts->start_refused ||
        facts->acted >= TRIES_MAX || step_other_running(facts))
        return ASK_NOTHING;
    return ask_old_start(facts, facts->seen, want);
}

bool told_back(struct facts *facts, enum verdict verdict, const struct reply *reply,
               struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_LIST || reply->asked == ASKED_VOLUMES)
        return step_told_others(facts, verdict, reply, ret_refusal);
    return step_told_change(facts, verdict, reply, ret_refusal);
}

enum ask ask_put_back(struct facts *facts, struct want *want)
{
    struct aside aside = {0};
    if (!facts->fresh)
        return ASK_LOOK;
    if (!facts->old || !aside_parse(facts->old->name, &aside))
        return run_again(facts, want);
    const enum ask ask = back(facts, want, &aside);
    aside_clear(&aside);
    return ask;
}

/* If the new container of that rebuild runs, it had succeeded; else the old one comes back.
 * (One that succeeded and could not remove the old has given it another name.) */
enum ask ask_tidy(struct facts *facts, struct want *want)
{
    struct aside aside = {0};
    if (!facts->fresh)
        return ASK_LOOK;
    if (!facts->old || !aside_parse(facts->old->name, &aside))
        return run_again(facts, want);
    const bool ours = step_is_ours(facts);
    const bool its = ours && g_str_equal(facts->seen->command_id, aside.command_id);
    const enum ask ask = ours && (facts->seen->running || !its)
                             ? ask_remove_old(facts, want)
                             : back(facts, want, &aside);
    aside_clear(&aside);
    return ask;
}
