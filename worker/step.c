/*
 * step.c - what each step needs, and what it makes of the answer.
 *
 * Pure: reads and writes the facts of one job.  An ask function looks at the facts and says
 * what is missing; a told function notes what an answer has changed.  Where something was
 * changed, or may have been, the facts are no longer fresh, and the next ask is for a look:
 * that is how an unknown outcome and a known one take the same way.
 */
#include "step.h"

#include <jansson.h>
#include <string.h>

#define SETTLE_MS \
 300 /* a process that dies at once is seen within 50 ms (Engine 20.10) */
#define POLL_MS       250   /* while the engine is busy with the container */
#define POLLS_MAX     240   /* a minute of those */
#define NAME_TRIES    5     /* a name that is reserved with no container to be seen */
#define SLACK_MS      30000 /* what a call may take beyond the engine's own limit */
#define CREATE_MS     60000
#define START_MS      120000
#define PULL_STALL_MS 120000 /* the engine itself retries a dead registry for 76 s */

void facts_clear(struct facts *facts)
{
    container_free(facts->seen);
    g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
    g_free(facts->exec_id);
}

static const struct spec *spec_of(const struct facts *facts)
{
    return facts->command->spec;
}

static bool is_ours(const struct facts *facts)
{
    return container_whose(facts->seen, facts->command->server_id, spec_of(facts)) ==
           WHOSE_OURS;
}

static bool made_by_this(const struct facts *facts)
{
    return is_ours(facts) &&
           g_str_equal(facts->seen->command_id, facts->command->command_id);
}

static char *escaped(const char *text)
{
    return g_uri_escape_string(text, NULL, false);
}

static enum ask ask_engine(struct want *want, struct request *request, int64_t timeout_ms)
{
    request->timeout_ms = timeout_ms;
    want->request = request;
    return ASK_ENGINE;
}

static enum ask ask_wait(struct facts *facts, struct want *want, int64_t ms)
{
    facts->waited++;
    facts->fresh = false;
    want->wait_ms = ms;
    return ASK_WAIT;
}

/* "POST /containers/{id}/{verb}": by id, so that a container that has taken over the name in
 * between is never hit. */
static struct request *change_request(const struct facts *facts, enum asked asked,
                                      const char *verb)
{
    return request_new(asked, DOCKER_CHANGE, "POST", "/containers/%s/%s", facts->seen->id,
                       verb);
}

static void changed(struct facts *facts)
{
    facts->acted++;
    facts->fresh = false;
}

static bool told_change(struct facts *facts, enum verdict verdict,
                        const struct reply *reply, struct refusal *ret_refusal)
{
    changed(facts);
    return true;
}

/* --- pull ------------------------------------------------------------------------------ */

static enum pull pull_policy(const struct command *command)
{
    const enum action action = action_from_name(command->action);
    if (command->options->pull != PULL_BY_ACTION)
        return command->options->pull;
    return action == ACTION_CREATE || action == ACTION_REBUILD ? PULL_ALWAYS
                                                               : PULL_MISSING;
}

static struct request *image_request(const struct facts *facts)
{
    g_autofree char *image = container_image_reference(spec_of(facts));
    return request_new(ASKED_IMAGE, DOCKER_READ, "GET", "/images/%s/json", image);
}

static struct request *pull_request(const struct facts *facts)
{
    /* Always with the tag in the reference: without one the engine pulls all tags. */
    g_autofree char *image = container_image_reference(spec_of(facts));
    g_autofree char *text = escaped(image);
    struct request *request = request_new(ASKED_PULL, DOCKER_PULL, "POST",
                                          "/images/create?fromImage=%s", text);
    request->lines = true;
    request->first_byte_ms = PULL_STALL_MS;
    request->stall_ms = PULL_STALL_MS;
    return request;
}

static enum ask ask_pull(struct facts *facts, struct want *want)
{
    const enum pull policy = pull_policy(facts->command);
    if (facts->pulled || (policy != PULL_ALWAYS && facts->image_here == MAYBE_YES))
        return ASK_NOTHING;
    if (policy != PULL_ALWAYS && facts->image_here == MAYBE_UNKNOWN)
        return ask_engine(want, image_request(facts), SLACK_MS);
    if (policy == PULL_NEVER) {
        refusal_set(
            &want->refusal, CODE_IMAGE_NOT_FOUND,
            "the image %s:%s is not on this host, and the command says never to pull",
            spec_of(facts)->image, spec_of(facts)->image_tag);
        return ASK_REFUSE;
    }
    return ask_engine(want, pull_request(facts), 0);
}

static bool told_pull(struct facts *facts, enum verdict verdict,
                      const struct reply *reply, struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_IMAGE) {
        facts->image_here = verdict == VERDICT_ABSENT ? MAYBE_NO : MAYBE_YES;
        return true;
    }
    if (verdict == VERDICT_ABSENT) {
        refusal_set(ret_refusal, CODE_IMAGE_NOT_FOUND, "the registry has no image %s:%s",
                    spec_of(facts)->image, spec_of(facts)->image_tag);
        return false;
    }
    facts->pulled = true;
    facts->image_here = MAYBE_YES;
    facts->acted++;
    return true;
}

/* --- directories, networks --------------------------------------------------------------- */

static enum ask ask_directories(struct facts *facts, struct want *want)
{
    if (facts->directories_made)
        return ASK_NOTHING;
    want->host = HOST_MAKE_DIRECTORIES;
    return ASK_HOST;
}

static const struct network *missing_network(const struct facts *facts)
{
    const GPtrArray *networks = spec_of(facts)->networks;
    for (guint i = 0; i < networks->len; i++) {
        const struct network *network = g_ptr_array_index(networks, i);
        if (!g_ptr_array_find_with_equal_func(facts->networks_here, network->name,
                                              g_str_equal, NULL))
            return network;
    }
    return NULL;
}

static struct request *networks_request(void)
{
    return request_new(ASKED_NETWORKS, DOCKER_READ, "GET", "/networks");
}

/* The engine lets two callers make two networks of one name; so one job of this host at a
 * time makes networks, and looks again once it is the one. */
static enum ask ask_networks(struct facts *facts, struct want *want)
{
    if (spec_of(facts)->networks->len == 0)
        return ASK_NOTHING;
    if (!facts->networks_here)
        return ask_engine(want, networks_request(), SLACK_MS);
    const struct network *missing = missing_network(facts);
    if (!missing)
        return ASK_NOTHING;
    if (!facts->networks_locked) {
        g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
        want->host = HOST_LOCK_NETWORKS;
        return ASK_HOST;
    }
    struct request *request = request_new(ASKED_NETWORK, DOCKER_CHANGE, "POST",
                                          "/networks/create");
    request->body = container_network_body(missing);
    return ask_engine(want, request, CREATE_MS);
}

static GPtrArray *network_names(const struct reply *reply)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    json_t *networks = json_loadb(reply->body, reply->length, 0, NULL);
    size_t i;
    json_t *network;
    if (!json_is_array(networks)) {
        json_decref(networks);
        return NULL;
    }
    json_array_foreach(networks, i, network)
    {
        const char *name = json_string_value(json_object_get(network, "Name"));
        if (name)
            g_ptr_array_add(names, g_strdup(name));
    }
    json_decref(networks);
    return g_steal_pointer(&names);
}

static bool told_networks(struct facts *facts, enum verdict verdict,
                          const struct reply *reply, struct refusal *ret_refusal)
{
    g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
    if (reply->asked == ASKED_NETWORK) {
        facts->acted++; /* the list is asked for again: it decides */
        if (facts->acted <= spec_of(facts)->networks->len)
            return true;
        refusal_set(ret_refusal, CODE_NETWORK_FAILED,
                    "the engine made the networks but does not list them");
        return false;
    }
    facts->networks_here = network_names(reply);
    if (!facts->networks_here)
        refusal_set(ret_refusal, CODE_ENGINE_REFUSED,
                    "the engine's list of networks is no list");
    return facts->networks_here != NULL;
}

/* --- create, connect ---------------------------------------------------------------------- */

static enum ask refuse_name(struct want *want, const struct facts *facts, const char *why)
{
    refusal_set(&want->refusal, CODE_NAME_CONFLICT,
                "the container name \"%s\" is taken: %s", spec_of(facts)->container, why);
    return ASK_REFUSE;
}

static enum ask ask_create(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    switch (container_whose(facts->seen, facts->command->server_id, spec_of(facts))) {
    case WHOSE_FOREIGN:
        return refuse_name(want, facts,
                           "that container is not this server's and was not touched; "
                           "rename or remove it");
    case WHOSE_OURS:
        if (made_by_this(facts))
            return ASK_NOTHING; /* an earlier life of this worker got this far */
        return refuse_name(want, facts,
                           "another command made the server's container meanwhile");
    case WHOSE_NOBODYS:
        break;
    }
    if (facts->acted >= NAME_TRIES)
        return refuse_name(want, facts,
                           "the engine reserves it but shows no such container; "
                           "restart the engine to free it");
    if (facts->acted > facts->waited)
        return ask_wait(facts, want, POLL_MS << facts->acted);
    g_autofree char *name = escaped(spec_of(facts)->container);
    struct request *request = request_new(ASKED_CREATE, DOCKER_CHANGE, "POST",
                                          "/containers/create?name=%s", name);
    request->body = container_create_body(facts->command, facts->api);
    return ask_engine(want, request, CREATE_MS);
}

static bool told_create(struct facts *facts, enum verdict verdict,
                        const struct reply *reply, struct refusal *ret_refusal)
{
    changed(facts);
    if (verdict != VERDICT_ABSENT)
        return true; /* made, or a conflict: the look decides whose it is */
    refusal_set(ret_refusal, CODE_IMAGE_NOT_FOUND,
                "the image %s:%s went away between the pull and the create; try again",
                spec_of(facts)->image, spec_of(facts)->image_tag);
    return false;
}

static const struct network *unconnected_network(const struct facts *facts)
{
    const GPtrArray *networks = spec_of(facts)->networks;
    for (guint i = 0; i < networks->len; i++) {
        const struct network *network = g_ptr_array_index(networks, i);
        if (!g_ptr_array_find_with_equal_func(facts->seen->networks, network->name,
                                              g_str_equal, NULL))
            return network;
    }
    return NULL;
}

static enum ask ask_connect(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!made_by_this(facts))
        return ASK_NOTHING; /* its networks are as its own command left them */
    const struct network *network = unconnected_network(facts);
    if (!network || facts->acted >= spec_of(facts)->networks->len)
        return ASK_NOTHING;
    g_autofree char *name = escaped(network->name);
    struct request *request = request_new(ASKED_CONNECT, DOCKER_CHANGE, "POST",
                                          "/networks/%s/connect", name);
    request->body = g_strdup_printf("{\"Container\": \"%s\"}", facts->seen->id);
    return ask_engine(want, request, CREATE_MS);
}

/* --- start, settle, unpause ------------------------------------------------------------------ */

static enum ask refuse_start(struct want *want, const struct facts *facts)
{
    const struct container *seen = facts->seen;
    if (seen->status == CONTAINER_ABSENT)
        refusal_set(&want->refusal, CODE_START_FAILED,
                    "the container was removed by somebody else while it was starting");
    else if (seen->exit_code != CONTRACT_NONE)
        refusal_set(&want->refusal, CODE_START_FAILED,
                    "the container did not stay up: %s, exit code %" G_GINT64_FORMAT
                    "%s%s; "
                    "its log tells more",
                    container_status_name(seen->status), seen->exit_code,
                    *seen->error ? ", " : "", seen->error);
    else
        refusal_set(&want->refusal, CODE_START_FAILED,
                    "the container is %s after its start",
                    container_status_name(seen->status));
    return ASK_REFUSE;
}

static enum ask ask_start(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (is_ours(facts) && facts->seen->running)
        return ASK_NOTHING;
    if (!is_ours(facts) || facts->acted > 0)
        return refuse_start(want, facts);
    return ask_engine(want, change_request(facts, ASKED_START, "start"), START_MS);
}

static enum ask ask_settle(struct facts *facts, struct want *want)
{
    if (facts->waited == 0)
        return ask_wait(facts, want, SETTLE_MS);
    if (!facts->fresh)
        return ASK_LOOK;
    if (is_ours(facts) && facts->seen->status == CONTAINER_RUNNING)
        return ASK_NOTHING;
    return refuse_start(want, facts);
}

static enum ask ask_unpause(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (facts->seen->status != CONTAINER_PAUSED || facts->acted > 0)
        return ASK_NOTHING;
    return ask_engine(want, change_request(facts, ASKED_UNPAUSE, "unpause"), CREATE_MS);
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
                              facts->seen->id);
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
           spec_of(facts)->stop->save->len == 0 || !facts->seen->running;
}

static enum ask ask_save(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (facts->saved != MAYBE_UNKNOWN || wants_no_save(facts))
        return ASK_NOTHING;
    int64_t most = facts->exec_id && !facts->exec_ended
                       ? spec_of(facts)->stop->save_timeout_s * 1000
                       : SLACK_MS;
    return ask_engine(want, exec_request(facts), MAX(most, 1000));
}

/* A save that fails does not hold back the stop: the result says so. */
static bool told_save(struct facts *facts, enum verdict verdict,
                      const struct reply *reply, struct refusal *ret_refusal)
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
    struct request *request = change_request(facts, ASKED_STOP, query->str);
    request->lane = DOCKER_STOP;
    return request;
}

static enum ask ask_stop(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!is_ours(facts) || !facts->seen->running) {
        if (facts->acted > 0 && facts->seen->exit_code != CONTRACT_NONE)
            facts->killed = facts->seen->exit_code == 137 ? MAYBE_YES : MAYBE_NO;
        return ASK_NOTHING;
    }
    const int64_t limit_ms = stop_timeout_s(facts) * 1000 + SLACK_MS;
    if (facts->acted == 0)
        return ask_engine(want, stop_request(facts), limit_ms);
    if (facts->waited * POLL_MS < SLACK_MS)
        return ask_wait(facts, want, POLL_MS);
    refusal_set(&want->refusal, CODE_STOP_TIMEOUT,
                "the container still runs %" G_GINT64_FORMAT
                " s after its stop signal and the "
                "kill; look at the host's disk and kernel log",
                stop_timeout_s(facts));
    return ASK_REFUSE;
}

/* --- remove ---------------------------------------------------------------------------------- */

static enum ask ask_remove(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!is_ours(facts))
        return ASK_NOTHING; /* gone, or the name is somebody else's by now */
    if (facts->waited >= POLLS_MAX) {
        refusal_set(
            &want->refusal, CODE_REMOVE_FAILED,
            "the engine has not finished the removal within a minute (it says %s%s%s)",
            container_status_name(facts->seen->status), *facts->seen->error ? ": " : "",
            facts->seen->error);
        return ASK_REFUSE;
    }
    if (facts->acted > facts->waited || facts->seen->status == CONTAINER_REMOVING)
        return ask_wait(facts, want, POLL_MS);
    /* Anonymous volumes go too; data lies in mounts.  A dead one only goes by force. */
    const bool dead = facts->seen->status == CONTAINER_DEAD;
    struct request *request = request_new(ASKED_REMOVE, DOCKER_CHANGE, "DELETE",
                                          "/containers/%s?v=1%s", facts->seen->id,
                                          dead ? "&force=1" : "");
    return ask_engine(want, request, CREATE_MS);
}

static enum ask ask_remove_made(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    if (!made_by_this(facts) || facts->seen->status != CONTAINER_CREATED)
        return ASK_NOTHING; /* what has run is kept: its log tells why it ended */
    return ask_remove(facts, want);
}

/* --- the table --------------------------------------------------------------------------------- */

struct step_row {
    const char *name;
    bool
        patient; /* waits for a registry, a game's save, a clock: not for the engine's CPU */
    enum ask (*ask)(struct facts *facts, struct want *ret_want);
    bool (*told)(struct facts *facts, enum verdict verdict, const struct reply *reply,
                 struct refusal *ret_refusal);
};

static const struct step_row step_table[STEP_COUNT] = {
    [STEP_PULL] = {"pull", true, ask_pull, told_pull},
    [STEP_DIRECTORIES] = {"directories", false, ask_directories, NULL},
    [STEP_NETWORKS] = {"networks", false, ask_networks, told_networks},
    [STEP_CREATE] = {"create", false, ask_create, told_create},
    [STEP_CONNECT] = {"connect", false, ask_connect, told_change},
    [STEP_START] = {"start", false, ask_start, told_change},
    [STEP_SETTLE] = {"settle", true, ask_settle, told_change},
    [STEP_UNPAUSE] = {"unpause", false, ask_unpause, told_change},
    [STEP_SAVE] = {"save", true, ask_save, told_save},
    [STEP_STOP] = {"stop", true, ask_stop, told_change},
    [STEP_REMOVE] = {"remove", false, ask_remove, told_change},
    [STEP_REMOVE_MADE] = {"remove_made", false, ask_remove_made, told_change},
    [STEP_PURGE] = {"purge", false, NULL, NULL},
    [STEP_SET_ASIDE] = {"set_aside", false, NULL, NULL},
    [STEP_REMOVE_OLD] = {"remove_old", false, NULL, NULL},
    [STEP_PUT_BACK] = {"put_back", false, NULL, NULL},
};

bool step_is_carried_out(enum step step)
{
    return step_table[step].ask != NULL;
}

enum ask step_ask(enum step step, struct facts *facts, struct want *ret_want)
{
    *ret_want = (struct want){0};
    return step_table[step].ask(facts, ret_want);
}

bool step_told(enum step step, struct facts *facts, enum verdict verdict,
               const struct reply *reply, struct refusal *ret_refusal)
{
    return step_table[step].told(facts, verdict, reply, ret_refusal);
}

const char *step_name(enum step step)
{
    return step_table[step].name;
}

bool step_is_patient(enum step step)
{
    return step_table[step].patient;
}

struct request *step_look_request(const struct command *command)
{
    const char *adopt = command->spec ? command->spec->adopt : NULL;
    g_autofree char *name = escaped(adopt ? adopt : command->spec->container);
    struct request *request = request_new(ASKED_LOOK, DOCKER_READ, "GET",
                                          "/containers/%s/json", name);
    request->timeout_ms = SLACK_MS;
    return request;
}
