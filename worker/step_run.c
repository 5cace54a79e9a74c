/*
 * step_run.c - the steps that start and stop a container: start, settle, unpause, save, stop.
 */
#include "step_parts.h"

#include <jansson.h>

#define SETTLE_MS         300 /* a process that dies at once is seen within 50 ms (20.10) */
#define SETTLE_REBUILD_MS 3000 /* before the old one, which can be put back, is removed */

/* --- start, settle, unpause ------------------------------------------------------------------ */

/* What save and stop are about: in a rebuild the one that was set aside. */
static const struct container *stoppable(const struct facts *facts)
{
    return facts->old ? facts->old : facts->seen;
}

static bool is_to_stop(const struct facts *facts)
{
    return (facts->old || step_is_ours(facts)) && stoppable(facts)->running;
}

/* What it has printed tells why, if it was made just now and its end was its own. */
static bool wants_log(const struct facts *facts)
{
    return !facts->log_asked && step_made_by_this(facts) &&
           (facts->seen->status == CONTAINER_EXITED || facts->seen->restart_count > 0);
}

static enum ask refuse_start(struct want *want, const struct facts *facts)
{
    const struct container *seen = facts->seen;
    if (seen->status == CONTAINER_ABSENT)
        refusal_set(&want->refusal, CODE_START_FAILED,
                    "the container was removed by somebody else while it was starting");
    else if (seen->restart_count > 0)
        refusal_set(
            &want->refusal, CODE_START_FAILED,
            "the container did not stay up: the engine has restarted it %" G_GINT64_FORMAT
            " times already; its log tells more%s%s",
            seen->restart_count, facts->denied ? ": " : "",
            facts->denied ? facts->denied : "");
    else if (seen->exit_code != CONTRACT_NONE)
        refusal_set(&want->refusal, CODE_START_FAILED,
                    "the container did not stay up: %s, exit code %" G_GINT64_FORMAT
                    "%s%s; its log tells more%s%s",
                    container_status_name(seen->status), seen->exit_code,
                    *seen->error ? ", " : "", seen->error, facts->denied ? ": " : "",
                    facts->denied ? facts->denied : "");
    else
        refusal_set(&want->refusal, CODE_START_FAILED,
                    "the container is %s after its start",
                    container_status_name(seen->status));
    return ASK_REFUSE;
}

static enum ask tell_why(struct want *want, const struct facts *facts)
{
    if (!wants_log(facts))
        return refuse_start(want, facts);
    return step_ask_engine(want, step_log_request(facts),
                           step_span(facts, STEP_SLACK_MS));
}

/* Without it less is told. */
static bool take_log(struct facts *facts, enum verdict verdict, const struct reply *reply)
{
    facts->log_asked = true;
    if (verdict == VERDICT_DONE)
        facts->denied = step_why_denied(facts, reply->body, reply->length);
    return true;
}

void step_second(struct refusal *ret_refusal, const struct container *other)
{
    refusal_set(
        ret_refusal, CODE_START_FAILED,
        "the container %s of the same server runs; two on one data directory would "
        "destroy it: stop it, or give it its name back",
        other->name);
}

static enum ask refuse_second(struct want *want, const struct container *other)
{
    step_second(&want->refusal, other);
    return ASK_REFUSE;
}

enum ask ask_start(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (step_is_ours(facts) && facts->seen->running)
        return ASK_NOTHING;
    if (!step_is_ours(facts) || facts->acted > 0)
        return tell_why(want, facts);
    if (facts->old && facts->old->running)
        return refuse_second(want, facts->old);
    if (step_must_list(facts))
        return ASK_LOOK;
    const struct container *other = step_other_running(facts);
    if (other)
        return refuse_second(want, other);
    if (!facts->sources_checked && facts->seen->mounts->len > 0)
        return step_ask_host_with_others(facts, want, HOST_CHECK_SOURCES);
    facts->sources_checked = false; /* of this start alone */
    facts->resumed = false;         /* the engine counts anew from a start on */
    return step_ask_engine(want, step_change(facts->seen, ASKED_START, "start"),
                           step_span(facts, STEP_START_MS));
}

bool told_start(struct facts *facts, enum verdict verdict, const struct reply *reply,
                struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_LOG)
        return take_log(facts, verdict, reply);
    if (reply->asked == ASKED_START)
        return step_told_change(facts, verdict, reply, ret_refusal);
    return step_told_others(facts, verdict, reply, ret_refusal);
}

enum ask ask_settle(struct facts *facts, struct want *want)
{
    if (facts->waited == 0)
        return step_ask_wait(facts, want, facts->old ? SETTLE_REBUILD_MS : SETTLE_MS);
    if (!facts->fresh)
        return ASK_LOOK;
    /* Running for the second time is not staying up: the engine's restart policy tries again. */
    if (step_is_ours(facts) && facts->seen->status == CONTAINER_RUNNING &&
        (facts->seen->restart_count == 0 || facts->resumed))
        return ASK_NOTHING;
    return tell_why(want, facts);
}

bool told_settle(struct facts *facts, enum verdict verdict, const struct reply *reply,
                 struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_LOG)
        return take_log(facts, verdict, reply);
    return step_told_change(facts, verdict, reply, ret_refusal);
}

enum ask ask_unpause(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (facts->seen->status != CONTAINER_PAUSED || facts->acted > 0)
        return ASK_NOTHING;
    facts->resumed = true;
    return step_ask_engine(want, step_change(facts->seen, ASKED_UNPAUSE, "unpause"),
                           step_span(facts, STEP_CALL_MS));
}

/* --- save, stop --------------------------------------------------------------------------- */

static char *exec_body(const struct stop *stop)
{
    json_t *argv = json_array();
    for (guint i = 0; i < stop->save->len; i++)
        json_array_append_new(argv, json_string(g_ptr_array_index(stop->save, i)));
    json_t *body = json_pack("{s:o, s:b, s:b}", "Cmd", argv, "AttachStdout", 1,
                             "AttachStderr", 1);
    char *dumped = json_dumps(body, JSON_COMPACT);
    char *text = g_strdup(dumped);
    free(dumped);
    json_decref(body);
    return text;
}

/* Make an exec, run it to its end, ask for its exit code. */
static struct request *exec_request(const struct facts *facts)
{
    struct request *request;
    if (!facts->exec_id) {
        request = request_new(ASKED_EXEC, DOCKER_CHANGE, "POST", "/containers/%s/exec",
                              stoppable(facts)->id);
        request->body = exec_body(spec_of(facts)->stop);
    } else if (!facts->exec_ended) {
        request = request_new(ASKED_EXEC, DOCKER_STOP, "POST", "/exec/%s/start",
                              facts->exec_id);
        request->body = g_strdup("{\"Detach\": false, \"Tty\": false}");
        request->lines = true; /* its output is bounded by not being kept */
    } else {
        request = request_new(ASKED_EXEC, DOCKER_READ, "GET", "/exec/%s/json",
                              facts->exec_id);
    }
    return request;
}

static bool wants_no_save(const struct facts *facts)
{
    return facts->command->options->skip_save || !spec_of(facts) ||
           spec_of(facts)->stop->save->len == 0 || !is_to_stop(facts);
}

enum ask ask_save(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (facts->saved != MAYBE_UNKNOWN || wants_no_save(facts))
        return ASK_NOTHING;
    int64_t most = facts->exec_id && !facts->exec_ended
                       ? spec_of(facts)->stop->save_timeout_s * 1000
                       : step_span(facts, STEP_SLACK_MS);
    return step_ask_engine(want, exec_request(facts), MAX(most, 1000));
}

/* A save that fails does not hold back the stop: the result says so. */
bool told_save(struct facts *facts, enum verdict verdict, const struct reply *reply,
               struct refusal *ret_refusal)
{
    json_t *answer = json_loadb(reply->body, reply->length, 0, NULL);
    const bool good = verdict == VERDICT_DONE || verdict == VERDICT_ALREADY;
    facts->acted++;
    if (!good) {
        facts->saved = MAYBE_NO;
    } else if (!facts->exec_id) {
        facts->exec_id = g_strdup(json_string_value(json_object_get(answer, "Id")));
        if (!facts->exec_id)
            facts->saved = MAYBE_NO;
    } else if (!facts->exec_ended) {
        facts->exec_ended = true;
    } else {
        json_t *code = json_object_get(answer, "ExitCode");
        facts->saved = json_is_integer(code) && json_integer_value(code) == 0 ? MAYBE_YES
                                                                              : MAYBE_NO;
    }
    json_decref(answer);
    return true;
}

static int64_t stop_timeout_s(const struct facts *facts)
{
    return spec_of(facts) ? spec_of(facts)->stop->timeout_s : 10;
}

static struct request *stop_request(const struct facts *facts)
{
    const char *signal = spec_of(facts) ? spec_of(facts)->stop->signal : "";
    g_autoptr(GString) query = g_string_new(NULL);
    g_string_printf(query, "stop?t=%" G_GINT64_FORMAT, stop_timeout_s(facts));
    if (facts->api >= 42 && *signal) /* `signal` is of API 1.42 */
        g_string_append_printf(query, "&signal=%s", signal);
    struct request *request = step_change(stoppable(facts), ASKED_STOP, query->str);
    request->lane = DOCKER_STOP;
    return request;
}

enum ask ask_stop(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!is_to_stop(facts)) {
        const int64_t code = stoppable(facts)->exit_code;
        if (facts->acted > 0 && code != CONTRACT_NONE)
            facts->killed = code == 137 ? MAYBE_YES : MAYBE_NO;
        return ASK_NOTHING;
    }
    const int64_t limit_ms = stop_timeout_s(facts) * 1000 +
                             step_span(facts, STEP_SLACK_MS);
    facts->sources_checked = false; /* what still runs may change what it mounts */
    if (facts->acted == 0)
        return step_ask_engine(want, stop_request(facts), limit_ms);
    if (facts->waited * STEP_POLL_MS < step_span(facts, STEP_SLACK_MS))
        return step_ask_wait(facts, want, STEP_POLL_MS);
    refusal_set(
        &want->refusal, CODE_STOP_TIMEOUT,
        "the container still runs %" G_GINT64_FORMAT
        " s after its stop signal and the kill; look at the host's disk and kernel log",
        stop_timeout_s(facts));
    return ASK_REFUSE;
}
