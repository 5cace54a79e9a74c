/*
 * fold.c - what an event of the log makes of a row.
 *
 * Pure.  Two statuses are kept apart: `settled_status` is what results and states left
 * behind, `status` what people see, in which an open command and absence show first.
 */
#include "fold.h"

#include "rules.h"
#include "shape.h"

/* --- Small questions ---------------------------------------------------------------- */

/* What a container in Docker's status makes of its server; NONE: nothing. */
static const enum server_status settled_by[CONTAINER_STATUS_COUNT] = {
    [CONTAINER_UNKNOWN] = STATUS_NONE,     [CONTAINER_ABSENT] = STATUS_NONE,
    [CONTAINER_CREATED] = STATUS_STOPPED,  [CONTAINER_RUNNING] = STATUS_RUNNING,
    [CONTAINER_PAUSED] = STATUS_RUNNING,   [CONTAINER_RESTARTING] = STATUS_RUNNING,
    [CONTAINER_REMOVING] = STATUS_STOPPED, [CONTAINER_EXITED] = STATUS_STOPPED,
    [CONTAINER_DEAD] = STATUS_STOPPED,
};

/* What an action that is done leaves behind when nobody could look afterwards. */
static const enum server_status settled_after[ACTION_COUNT] = {
    [ACTION_CREATE] = STATUS_RUNNING,  [ACTION_START] = STATUS_RUNNING,
    [ACTION_STOP] = STATUS_STOPPED,    [ACTION_RESTART] = STATUS_RUNNING,
    [ACTION_REBUILD] = STATUS_RUNNING, [ACTION_RECREATE] = STATUS_RUNNING,
    [ACTION_RESTORE] = STATUS_STOPPED,
};

static bool shows_container(const struct state *state)
{
    return state && settled_by[state->status] != STATUS_NONE;
}

static bool is_gone(const struct server_row *server)
{
    return server->settled_status == STATUS_DELETED ||
           server->settled_status == STATUS_PURGED;
}

/* It has no container of its own so far, or none that lasted. */
static bool is_unborn(const struct server_row *server)
{
    return server->settled_status == STATUS_CREATING ||
           server->settled_status == STATUS_FAILED;
}

/* --- Settling ------------------------------------------------------------------------ */

static void settle_presence(struct server_row *server, const struct place *place)
{
    switch (presence_judge(server)) {
    case PRESENCE_NOT_EXPECTED:
    case PRESENCE_PRESENT:
        server->missing_since = CONTRACT_NONE;
        return;
    case PRESENCE_MISSING:
        if (server->missing_since == CONTRACT_NONE)
            server->missing_since = place->append_ms;
        return;
    case PRESENCE_PENDING:
    case PRESENCE_UNKNOWN:
        return;
    }
}

static void settle(struct server_row *server, const struct place *place)
{
    settle_presence(server, place);
    server->drift = server->shown == SHOWN_PRESENT && *server->container_spec &&
                    *server->spec_digest &&
                    !g_str_equal(server->container_spec, server->spec_digest);
    enum server_status status = rule_status(server);
    if (status != server->status)
        server->status_at = place->append_ms;
    server->status = status;
}

/* --- The data and the mounts ---------------------------------------------------------- */

/* "Gone" is said only of what was there before: of its directory, if that is not there; of
 * an empty one only if there were files in it. */
static void note_data(struct server_row *server, enum maybe exists, bool empty,
                      int64_t seen)
{
    if (exists == MAYBE_UNKNOWN)
        return;
    server->data_exists = exists;
    if (exists == MAYBE_YES)
        server->data_seen = MAX(server->data_seen, seen);
    server->data_gone = exists == MAYBE_NO &&
                        server->data_seen >= (empty ? DATA_FILES_SEEN : DATA_PLACE_SEEN);
}

/* A command has looked before it made anything; what stood there when it had ended, and not
 * before, are directories of its own making: the server has begun afresh. */
static void note_data_of_result(struct server_row *server, const struct result *result)
{
    const enum maybe after = result->state ? result->state->data_exists : MAYBE_UNKNOWN;
    note_data(server, result->data_exists, result->data_empty, DATA_FILES_SEEN);
    if (result->data_exists == MAYBE_NO && after == MAYBE_YES)
        server->data_seen = DATA_NEVER_SEEN;
    note_data(server, after, result->data_empty, DATA_PLACE_SEEN);
}

static void take_mounts(struct server_row *server, const GPtrArray *mounts)
{
    json_auto_t *list = json_array();
    for (guint i = 0; i < mounts->len; i++)
        json_array_append_new(list, shape_to_json(&shape_mounted, mounts->pdata[i]));
    g_free(server->container_mounts);
    server->container_mounts = json_dumps(list, JSON_COMPACT);
}

/* --- States -------------------------------------------------------------------------- */

static void take_number(int64_t *field, int64_t value, bool whole)
{
    if (whole || value != CONTRACT_NONE)
        *field = value;
}

static char *joined(const GPtrArray *words)
{
    GString *text = g_string_new("");
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "",
                               (const char *)g_ptr_array_index(words, i));
    return g_string_free(text, FALSE);
}

/* `whole`: the state comes of an inspection; a list knows less, and takes nothing away from
 * what is known of the same container. */
static void take_container(struct server_row *server, const struct state *state,
                           bool whole)
{
    whole = whole || g_strcmp0(server->container_id, state->container_id) != 0;
    row_set(&server->container_id, state->container_id);
    row_set(&server->container_image, state->image);
    if (whole || *state->spec_digest)
        row_set(&server->container_spec, state->spec_digest);
    take_number(&server->started_at, state->started_at, whole);
    take_number(&server->finished_at, state->finished_at, whole);
    take_number(&server->exit_code, state->exit_code, whole);
    if (whole) {
        server->oom_killed = state->oom_killed;
        server->restart_count = state->restart_count;
    }
    if (whole || *state->health)
        row_set(&server->health, state->health);
    g_free(server->container_remarks);
    server->container_remarks = joined(state->remarks);
    if (whole || state->mounts->len > 0)
        take_mounts(server, state->mounts);
    server->container_seen = true;
    server->shown = SHOWN_PRESENT;
}

static void take_state(struct server_row *server, const struct state *state, bool whole)
{
    server->container_status = state->status;
    if (shows_container(state))
        take_container(server, state, whole);
    else if (state->status == CONTAINER_ABSENT)
        server->shown = SHOWN_ABSENT;
}

/* A container that shows while a first command is at work on it may not last. */
static void settle_by_state(struct server_row *server, const struct state *state)
{
    if (shows_container(state) && !(is_unborn(server) && server_row_is_pending(server)))
        server->settled_status = settled_by[state->status];
}

static bool is_of_older_container(const struct server_row *server,
                                  const struct state *state)
{
    return state->status == CONTAINER_ABSENT && state->container_id &&
           *state->container_id && server->container_id &&
           !g_str_equal(state->container_id, server->container_id);
}

static enum folded fold_state(struct server_row *server, const struct state *state)
{
    if (is_gone(server) || is_of_older_container(server, state))
        return FOLDED_REPEATED;
    take_state(server, state, true);
    note_data(server, state->data_exists, false, DATA_PLACE_SEEN);
    settle_by_state(server, state);
    return FOLDED;
}

/* It is there, so what proved that it is gone proves nothing any more. */
static void take_unknown(struct server_row *server)
{
    server->shown = SHOWN_NOTHING;
    server->container_status = CONTAINER_UNKNOWN;
    server->missing_since = CONTRACT_NONE;
}

enum folded fold_sync(struct server_row *server, const struct presence_sync *index,
                      const struct place *place)
{
    const struct state *state = NULL;
    if (is_gone(server) || !server->recorded)
        return FOLDED_REPEATED;
    switch (presence_in_sync(index, server, &state)) {
    case SAYS_NOTHING:
        return FOLDED;
    case SAYS_UNKNOWN:
        take_unknown(server);
        break;
    case SAYS_PRESENT:
        take_state(server, state, false);
        settle_by_state(server, state);
        break;
    case SAYS_ABSENT:
        server->shown = SHOWN_ABSENT;
        server->container_status = CONTAINER_ABSENT;
        break;
    }
    settle(server, place);
    return FOLDED;
}

enum folded fold_data(struct server_row *server, enum maybe listed, int64_t listed_at)
{
    bool newer = server->data_at == CONTRACT_NONE || server->data_at < listed_at;
    if (listed == MAYBE_UNKNOWN || !newer || server_row_is_pending(server) ||
        server->settled_status == STATUS_PURGED || !server->recorded)
        return FOLDED_REPEATED;
    note_data(server, listed, false, DATA_PLACE_SEEN);
    return FOLDED;
}

/* --- Results ------------------------------------------------------------------------- */

static void forget_container(struct server_row *server)
{
    server->container_seen = false;
    server->shown = SHOWN_NOTHING;
    row_set(&server->container_id, NULL);
    row_set(&server->container_spec, "");
    row_set(&server->container_remarks, "");
}

static void settle_removed(struct server_row *server, enum action action, int64_t at)
{
    forget_container(server);
    server->container_status = CONTAINER_ABSENT;
    if (server->deleted_at == CONTRACT_NONE)
        server->deleted_at = at;
    server->settled_status = action == ACTION_PURGE ? STATUS_PURGED : STATUS_DELETED;
    if (action == ACTION_PURGE) {
        server->data_exists = MAYBE_NO;
        server->data_seen = DATA_NEVER_SEEN;
        server->data_gone = false;
        row_set(&server->container_mounts, "[]");
    }
}

static void settle_by_result(struct server_row *server, enum action action,
                             const struct result *result, int64_t at)
{
    bool done = result->outcome == OUTCOME_DONE;
    if (done && (action == ACTION_DELETE || action == ACTION_PURGE)) {
        settle_removed(server, action, at);
        return;
    }
    if (!done && action != ACTION_CANCEL && is_unborn(server) &&
        !shows_container(result->state)) {
        forget_container(server); /* what showed for a moment did not last */
        server->settled_status = STATUS_FAILED;
        return;
    }
    if (shows_container(result->state))
        server->settled_status = settled_by[result->state->status];
    else if (done && !result->state && settled_after[action] != STATUS_NONE)
        server->settled_status = settled_after[action];
    if (!is_gone(server))
        server->deleted_at = CONTRACT_NONE;
}

/* A stop or removal that was begun, and not done, has taken effect if nothing runs any more, or
 * as soon as the game obeys. */
static bool has_ended_it(const struct result *result)
{
    if (result->outcome == OUTCOME_DONE)
        return true;
    if (result->outcome != OUTCOME_FAILED && result->outcome != OUTCOME_CANCELLED)
        return false;
    return g_str_equal(result->code, CODE_STOP_TIMEOUT) ||
           (result->state && result->state->status != CONTAINER_UNKNOWN &&
            settled_by[result->state->status] != STATUS_RUNNING);
}

/* What people want of it: what was rejected, expired or cancelled before it began changes that as
 * little as a cancel does.  (What the engine tells of a container's end says nothing about it.) */
static void take_meaning(struct server_row *server, enum action action,
                         const struct result *result)
{
    const bool done = result->outcome == OUTCOME_DONE;
    switch (action) {
    case ACTION_CREATE:
    case ACTION_START:
    case ACTION_RESTART:
    case ACTION_REBUILD:
    case ACTION_RECREATE:
        if (done || result->outcome == OUTCOME_FAILED)
            server->meant_to_run = true;
        break;
    case ACTION_RESTORE:
        if (done)
            server->meant_to_run = result->state &&
                                   settled_by[result->state->status] == STATUS_RUNNING;
        break;
    case ACTION_STOP:
    case ACTION_DELETE:
    case ACTION_PURGE:
        if (has_ended_it(result))
            server->meant_to_run = false;
        break;
    case ACTION_UNKNOWN:
    case ACTION_CANCEL:
    case ACTION_SYNC:
    case ACTION_COUNT:
        break;
    }
}

static void take_last(struct server_row *server, const struct event *event,
                      const struct place *place)
{
    const struct cause *cause = event->cause;
    const struct result *result = event->result;
    g_autofree char *commands = topic_commands(server->agent_id);
    row_set(&server->last_command_id, cause->command_id);
    row_set(&server->last_action, cause->action);
    row_set(&server->last_outcome, outcome_name(result->outcome));
    row_set(&server->last_code, result->code);
    row_set(&server->last_message, result->message);
    server->last_at = place->append_ms;
    if (g_str_equal(cause->topic, commands))
        server->command_offset = cause->offset;
}

static enum folded fold_result(struct server_row *server, const struct event *event,
                               const struct place *place)
{
    const struct result *result = event->result;
    if (!outcome_is_terminal(result->outcome) || !event->cause)
        return FOLDED;
    server_row_drop_open(server, event->cause->command_id);
    take_last(server, event, place);
    take_meaning(server, action_from_name(event->cause->action), result);
    server->data_at = event->at;
    if (server->settled_status == STATUS_PURGED)
        return FOLDED;
    note_data_of_result(server, result);
    if (result->state)
        take_state(server, result->state, true);
    if (result->state && result->state->mounts->len > 0)
        take_mounts(server, result->state->mounts);
    if (result->state && result->state->status == CONTAINER_UNKNOWN)
        server->shown = SHOWN_NOTHING;
    settle_by_result(server, action_from_name(event->cause->action), result, event->at);
    return FOLDED;
}

/* --- Records -------------------------------------------------------------------------- */

static void take_spec(struct server_row *server, const struct spec *spec)
{
    row_set(&server->container, spec->container);
    row_set(&server->data_dir, spec->data_dir);
    row_set(&server->spec_digest, spec->digest);
}

static void take_names(struct server_row *server, const GPtrArray *names)
{
    json_auto_t *list = json_array();
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(names->pdata[i]));
    g_free(server->config_names);
    server->config_names = json_dumps(list, JSON_COMPACT);
}

/* Requests give a record's changes growing times, so an older one is old news: the ledger
 * itself may be ahead of the log. */
static void take_record(struct server_row *server, const struct server_record *record)
{
    if (record->updated_at < server->updated_at)
        return;
    row_set(&server->name, record->name);
    row_set(&server->profile, record->profile);
    row_set(&server->image, record->image);
    row_set(&server->image_tag, record->image_tag);
    server->game_port = record->game_port;
    server->udp_port = record->udp_port;
    server->rcon_port = record->rcon_port;
    row_set(&server->server_data_path, record->server_data_path);
    row_set(&server->on_missing, record->on_missing);
    take_names(server, record->config_names);
    server->created_at = record->created_at;
    server->updated_at = record->updated_at;
    if (record->spec)
        take_spec(server, record->spec);
}

/* Of a container that was brought along nobody need have made a directory: its world may lie in a
 * volume from the beginning (S34). */
static int64_t seen_at_first(const struct record *record)
{
    const struct spec *spec = record->server->spec;
    const bool elsewhere = spec && spec->adopt &&
                           record->server->data_exists == MAYBE_UNKNOWN;
    return record->kind == RECORD_COMMAND || elsewhere ? DATA_NEVER_SEEN
                                                       : DATA_PLACE_SEEN;
}

void fold_kept(struct server_row *server, const GPtrArray *volumes)
{
    g_autoptr(GPtrArray) mounts = g_ptr_array_new_with_free_func(shape_mounted.free);
    for (guint i = 0; i < volumes->len; i++) {
        const struct volume *volume = volumes->pdata[i];
        g_ptr_array_add(mounts, mounted_new("volume", volume->name, "",
                                            volume->container_path, volume->read_only));
    }
    take_mounts(server, mounts);
}

/* The first that is heard of a server: created now, or brought along with its container. */
static void begin_server(struct server_row *server, const struct record *record)
{
    enum server_status status = server_status_from_name(record->server->status);
    if (record->kind == RECORD_COMMAND)
        status = STATUS_CREATING;
    server->settled_status = status == STATUS_NONE ? STATUS_STOPPED : status;
    server->deleted_at = record->server->deleted_at;
    server->data_exists = record->server->data_exists;
    server->data_gone = server->data_exists == MAYBE_NO && record->kind != RECORD_COMMAND;
    server->data_seen = seen_at_first(record);
    row_set(&server->container_id, record->server->container_id);
    server->container_seen = server->container_id && *server->container_id;
    server->shown = server->container_seen ? SHOWN_PRESENT : SHOWN_NOTHING;
    if (record->server->spec && record->server->spec->adopt)
        fold_kept(server, record->server->spec->kept);
}

/* A person says which container is this server's. */
static void take_adopted(struct server_row *server, const struct record *record)
{
    const struct spec *spec = record->server->spec;
    if (record->kind != RECORD_SERVER || !spec || !spec->adopt)
        return;
    if (g_strcmp0(server->container_id, spec->adopt) != 0)
        fold_kept(server, spec->kept);
    row_set(&server->container_id, spec->adopt);
    row_set(&server->container_spec, "");
    server->container_seen = true;
    server->shown = SHOWN_PRESENT;
    server->settled_status = server_status_from_name(record->server->status);
}

static enum folded fold_record(struct server_row *server, const struct event *event,
                               bool in_log)
{
    const struct record *record = event->record;
    const struct cause *cause = event->cause;
    server->recorded |= in_log;
    if (server->settled_status == STATUS_NONE && record->server)
        begin_server(server, record);
    if (record->server) {
        take_record(server, record->server);
        take_adopted(server, record);
    }
    if (record->kind == RECORD_COMMAND && cause)
        server_row_add_open(server, cause->command_id, action_from_name(cause->action),
                            in_log);
    if (record->kind == RECORD_LOST && cause) {
        server_row_drop_open(server, cause->command_id);
        if (server->settled_status == STATUS_CREATING && !server->container_seen)
            server->settled_status = STATUS_FAILED;
    }
    return FOLDED;
}

enum folded fold_server(struct server_row *server, const struct event *event,
                        const struct place *place)
{
    enum folded folded = FOLDED;
    if (!g_str_equal(event->agent_id, server->agent_id))
        return FOLDED_STRANGER;
    if (event->record)
        folded = fold_record(server, event, place->offset >= 0);
    else if (event->result)
        folded = fold_result(server, event, place);
    else if (event->state)
        folded = fold_state(server, event->state);
    settle(server, place);
    return folded;
}

/* --- Agents ---------------------------------------------------------------------------- */

enum folded fold_agent(struct agent_row *agent, const struct event *event,
                       const struct place *place)
{
    const struct record *record = event->record;
    const struct agent_record *now = record->agent;
    if (record->kind == RECORD_RELEASE)
        agent->mass_absence_at = CONTRACT_NONE;
    if (!now || now->updated_at < agent->updated_at)
        return FOLDED_REPEATED;
    row_set(&agent->name, now->name);
    row_set(&agent->steam_zomboid_registry, now->steam_zomboid_registry);
    row_set(&agent->server_data_path, now->server_data_path);
    if (now->engine_id && *now->engine_id)
        row_set(&agent->engine_id, now->engine_id);
    agent->partitions = now->partitions;
    row_set(&agent->on_missing, *now->on_missing ? now->on_missing : "show");
    agent->created_at = now->created_at;
    agent->updated_at = now->updated_at;
    return FOLDED;
}

enum engine fold_engine(struct agent_row *agent, const struct event *event)
{
    if (!*event->engine_id)
        return ENGINE_OURS;
    if (!agent->engine_id || !*agent->engine_id) {
        row_set(&agent->engine_id, event->engine_id);
        return ENGINE_FIRST;
    }
    return g_str_equal(agent->engine_id, event->engine_id) ? ENGINE_OURS : ENGINE_FOREIGN;
}
