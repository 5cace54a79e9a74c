/*
 * apply.c - one event into the ledger.
 *
 * Which rows an event is about is decided here, what it makes of them in fold.c.
 */
#include "apply.h"

#include "clock.h"
#include "fold.h"
#include "ledger_aside.h"
#include "ledger_rows.h"
#include "log.h"
#include "request.h"
#include "shape.h"

#include <string.h>

/* One event at work. */
struct apply {
    struct ledger *ledger;
    struct codec *codec;
    const struct event *event;
    const struct place *place;
    struct agent_row *agent_before; /* NULL: the ledger has no row of it */
    struct agent_row *agent;
};

/* --- Servers ---------------------------------------------------------------------------------- */

/* A lost disk looks like many servers that are missing at once: nothing heals by itself then. */
static bool note_missing(struct apply *apply, GError **error)
{
    int64_t turned, expected;
    if (!ledger_count_missing(apply->ledger, apply->agent->id,
                              apply->place->append_ms - PRESENCE_MASS_MS, &turned,
                              &expected, error))
        return false;
    if (!presence_is_mass(turned, expected) ||
        apply->agent->mass_absence_at != CONTRACT_NONE)
        return true;
    apply->agent->mass_absence_at = apply->place->append_ms;
    log_error("ingest.mass_absence", "agent", apply->agent->name);
    return true;
}

/* `is_there`: the ledger has a row of it, `before`. */
static bool store_folded(struct apply *apply, const struct server_row *before,
                         bool is_there, const struct server_row *after, GError **error)
{
    if (!ledger_update(apply->ledger, &table_servers, is_there ? before : NULL, after,
                       error))
        return false;
    bool turned = before->missing_since == CONTRACT_NONE &&
                  after->missing_since != CONTRACT_NONE;
    return !turned || note_missing(apply, error);
}

static struct server_row *server_of_record(const struct apply *apply)
{
    struct server_row *server = server_row_new();
    row_set(&server->id, apply->event->server_id);
    row_set(&server->agent_id, apply->event->agent_id);
    server->partition = partition_of(server->id, (int32_t)apply->agent->partitions);
    return server;
}

static bool apply_to_server(struct apply *apply, GError **error)
{
    const struct event *event = apply->event;
    g_autoptr(ServerRow) server = NULL;
    if (!event->server_id)
        return true;
    if (!ledger_load_server(apply->ledger, event->server_id, &server, error))
        return false;
    bool is_there = server != NULL;
    if (!server && event->record && event->record->server)
        server = server_of_record(apply);
    if (!server)
        return true; /* a container that bears a label we never gave */
    g_autoptr(ServerRow) before = server_row_dup(server);
    if (fold_server(server, event, apply->place) == FOLDED_STRANGER) {
        log_warning("ingest.stranger", "server", server->id, "agent", event->agent_id);
        return true;
    }
    return store_folded(apply, before, is_there, server, error);
}

/* --- Commands --------------------------------------------------------------------------------- */

static void keep_result(struct command_row *command, const struct result *result)
{
    if (!result || !outcome_is_terminal(result->outcome))
        return;
    json_auto_t *json = shape_to_json(&shape_result, result);
    g_autofree char *text = json_dumps(json, JSON_COMPACT);
    row_set(&command->result, text);
}

/* `*ret_news`: whether the event says something that was not known. */
static bool apply_to_command(struct apply *apply, bool *ret_news, GError **error)
{
    const struct event *event = apply->event;
    g_autoptr(CommandRow) command = NULL;
    *ret_news = true;
    if (!event->cause || !*event->cause->command_id)
        return true;
    if (!ledger_load_command(apply->ledger, event->cause->command_id, &command, error))
        return false;
    g_autoptr(CommandRow) before = command ? command_row_dup(command) : NULL;
    if (!command) {
        command = command_row_new();
        row_set(&command->command_id, event->cause->command_id);
    }
    *ret_news = fold_command(command, event, apply->place) == FOLDED;
    if (!*ret_news)
        return true;
    keep_result(command, event->result);
    return ledger_update(apply->ledger, &table_commands, before, command, error);
}

static bool apply_result(struct apply *apply, GError **error)
{
    bool news;
    if (!apply_to_command(apply, &news, error))
        return false;
    if (!news) {
        log_info("ingest.repeated", "command", apply->event->cause->command_id, "outcome",
                 outcome_name(apply->event->result->outcome));
        return true;
    }
    return apply_to_server(apply, error);
}

/* --- Records ----------------------------------------------------------------------------------- */

static bool apply_record(struct apply *apply, GError **error)
{
    const struct event *event = apply->event;
    bool news;
    if (!ledger_confirm(apply->ledger, event->event_id, error))
        return false;
    switch (event->record->kind) {
    case RECORD_AGENT:
        fold_agent(apply->agent, event, apply->place);
        return true;
    case RECORD_RELEASE:
        fold_agent(apply->agent, event, apply->place);
        return ledger_unmark(apply->ledger, apply->agent->id, error);
    case RECORD_COMMAND:
    case RECORD_LOST:
        return apply_to_command(apply, &news, error) &&
               (!news || apply_to_server(apply, error));
    case RECORD_SERVER:
        return apply_to_server(apply, error);
    case RECORD_KIND_COUNT:
        break;
    }
    return true;
}

/* --- Syncs ------------------------------------------------------------------------------------- */

static void move_all(GPtrArray *to, GPtrArray *from)
{
    g_ptr_array_extend_and_steal(to, g_ptr_array_ref(from));
}

static void sync_merge(struct sync *sync, struct sync *more)
{
    move_all(sync->servers, more->servers);
    move_all(sync->pending, more->pending);
    move_all(sync->unknown, more->unknown);
    move_all(sync->extra, more->extra);
    move_all(sync->unmanaged, more->unmanaged);
    move_all(sync->data, more->data);
    move_all(sync->others, more->others);
}

/* Listed under the label of a server that has none to have, or that nobody knows. */
static json_t *orphans_of(const struct sync *sync, const GPtrArray *servers)
{
    g_autoptr(GHashTable) expected = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *orphans = json_array();
    for (guint i = 0; i < servers->len; i++) {
        struct server_row *server = servers->pdata[i];
        if (server->settled_status != STATUS_DELETED &&
            server->settled_status != STATUS_PURGED)
            g_hash_table_add(expected, server->id);
    }
    for (guint i = 0; i < sync->servers->len; i++) {
        const struct listed *listed = sync->servers->pdata[i];
        const struct state *state = listed->state;
        if (state->status == CONTAINER_ABSENT || state->status == CONTAINER_UNKNOWN ||
            g_hash_table_contains(expected, listed->server_id))
            continue;
        json_array_append_new(
            orphans,
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "server_id", listed->server_id,
                      "container_id", state->container_id ? state->container_id : "",
                      "name", state->container, "status",
                      container_status_name(state->status), "image", state->image));
    }
    return orphans;
}

static json_t *found_json(const GPtrArray *all)
{
    json_t *list = json_array();
    for (guint i = 0; i < all->len; i++)
        json_array_append_new(list, shape_to_json(&shape_found, all->pdata[i]));
    return list;
}

static char *found_text(const struct sync *sync, const GPtrArray *servers)
{
    json_auto_t *found = json_object();
    json_object_set_new(found, "extra", found_json(sync->extra));
    json_object_set_new(found, "unmanaged", found_json(sync->unmanaged));
    json_object_set_new(found, "orphan", orphans_of(sync, servers));
    return json_dumps(found, JSON_COMPACT);
}

/* Partition 0's sync brings the data directories of all. */
static bool apply_data(struct apply *apply, const struct sync *sync, GError **error)
{
    const struct server_filter filter = {apply->agent->id, STATUS_NONE, CONTRACT_NONE};
    if (sync->partition != 0 || sync->data->len == 0)
        return true;
    g_autoptr(GPtrArray) servers = ledger_servers(apply->ledger, &filter, true, error);
    g_autoptr(PresenceDirectories) directories = presence_directories_new(sync);
    for (guint i = 0; servers && i < servers->len; i++) {
        struct server_row *server = servers->pdata[i];
        enum maybe known = server->data_exists;
        fold_data(server, presence_data(directories, server->data_dir), sync->listed_at);
        if (server->data_exists != known &&
            !ledger_store_server(apply->ledger, server, error))
            return false;
    }
    return servers != NULL;
}

static bool apply_whole_sync(struct apply *apply, const struct sync *sync, GError **error)
{
    const struct server_filter filter = {apply->agent->id, STATUS_NONE, sync->partition};
    g_autoptr(GPtrArray) servers = ledger_servers(apply->ledger, &filter, true, error);
    g_autoptr(PresenceSync) index = presence_sync_new(sync, apply->place->append_ms);
    for (guint i = 0; servers && i < servers->len; i++) {
        struct server_row *server = servers->pdata[i];
        g_autoptr(ServerRow) before = server_row_dup(server);
        fold_sync(server, index, apply->place);
        if (!store_folded(apply, before, true, server, error))
            return false;
    }
    g_autofree char *found = servers ? found_text(sync, servers) : NULL;
    return servers && apply_data(apply, sync, error) &&
           ledger_keep_sync(apply->ledger, apply->agent->id, sync,
                            apply->place->append_ms, found, error);
}

/* Chunks of one sync are one bus transaction, but other events may lie between them. */
static bool join_chunks(struct apply *apply, const GPtrArray *chunks,
                        struct sync **ret_sync, GError **error)
{
    g_autoptr(Event) whole = NULL;
    for (guint i = 0; i < chunks->len; i++) {
        struct event *event = NULL;
        gsize length;
        const void *bytes = g_bytes_get_data(chunks->pdata[i], &length);
        if (codec_decode_event(apply->codec, bytes, length, &event, error) != DECODED)
            return false;
        if (!whole) {
            whole = event;
            continue;
        }
        sync_merge(whole->sync, event->sync);
        event_free(event);
    }
    *ret_sync = g_steal_pointer(&whole->sync);
    return true;
}

static bool apply_chunk(struct apply *apply, GBytes *bytes, GError **error)
{
    const struct sync *sync = apply->event->sync;
    const char *agent_id = apply->agent->id;
    int64_t count;
    if (!ledger_keep_chunk(apply->ledger, agent_id, sync->sync_id, sync->chunk, bytes,
                           error) ||
        !ledger_count_chunks(apply->ledger, agent_id, sync->sync_id, &count, error))
        return false;
    if (count < sync->chunks)
        return true;
    g_autoptr(GPtrArray)
        chunks = ledger_chunks(apply->ledger, agent_id, sync->sync_id, error);
    g_autoptr(Sync) whole = NULL;
    return chunks && join_chunks(apply, chunks, &whole, error) &&
           ledger_drop_chunks(apply->ledger, agent_id, sync->sync_id, error) &&
           apply_whole_sync(apply, whole, error);
}

static bool apply_sync(struct apply *apply, GBytes *bytes, GError **error)
{
    const struct sync *sync = apply->event->sync;
    if (!sync->complete) {
        log_warning("ingest.sync_failed", "agent", apply->agent->name, "why",
                    sync->message);
        return true;
    }
    if (sync->partitions != apply->agent->partitions) {
        log_error("ingest.sync_refused", "agent", apply->agent->name, "why",
                  "it counts other partitions than the agent has");
        return true;
    }
    return sync->chunks > 1 ? apply_chunk(apply, bytes, error)
                            : apply_whole_sync(apply, sync, error);
}

/* --- The event ----------------------------------------------------------------------------------- */

/* Of a foreign engine nothing counts but that a command is over. */
static bool apply_foreign(struct apply *apply, GError **error)
{
    const struct event *event = apply->event;
    bool news;
    log_error("ingest.foreign_engine", "agent", apply->agent->name, "engine",
              event->engine_id, "worker", event->worker, "ours", apply->agent->engine_id);
    if (!event->result || !event->cause || !outcome_is_terminal(event->result->outcome))
        return true;
    if (!apply_to_command(apply, &news, error))
        return false;
    if (!news || !event->server_id)
        return true;
    g_autoptr(Event) lost = event_new();
    row_set(&lost->agent_id, event->agent_id);
    lost->record = record_new();
    lost->record->kind = RECORD_LOST;
    g_autoptr(ServerRow) server = NULL;
    if (!ledger_load_server(apply->ledger, event->server_id, &server, error))
        return false;
    if (!server)
        return true;
    lost->cause = event->cause; /* borrowed for the fold */
    fold_server(server, lost, apply->place);
    lost->cause = NULL;
    return ledger_store_server(apply->ledger, server, error);
}

/* The first engine that is heard of is the agent's. */
static bool pin_engine(const struct apply *apply, GError **error)
{
    const struct request request = {
        .actor = "muster", .reason = "", .now = clock_now(apply->ledger)};
    g_autoptr(AgentRow) before = agent_row_dup(apply->agent);
    row_set(&before->engine_id, NULL);
    return request_agent_record(apply->ledger, apply->codec, before, apply->agent,
                                &request, NULL, error);
}

static bool apply_from_worker(struct apply *apply, GBytes *bytes, GError **error)
{
    switch (fold_engine(apply->agent, apply->event)) {
    case ENGINE_FOREIGN:
        return apply_foreign(apply, error);
    case ENGINE_FIRST:
        if (!pin_engine(apply, error))
            return false;
        break;
    case ENGINE_OURS:
        break;
    }
    if (apply->event->result)
        return apply_result(apply, error);
    if (apply->event->sync)
        return apply_sync(apply, bytes, error);
    return apply_to_server(apply, error);
}

static bool find_agent(struct apply *apply, GError **error)
{
    const struct event *event = apply->event;
    if (!ledger_load_agent(apply->ledger, event->agent_id, &apply->agent, error))
        return false;
    if (apply->agent)
        apply->agent_before = agent_row_dup(apply->agent);
    if (!apply->agent && event->record && event->record->kind == RECORD_AGENT) {
        apply->agent = agent_row_new();
        row_set(&apply->agent->id, event->agent_id);
    }
    if (!apply->agent)
        log_debug("ingest.unknown_agent", "agent", event->agent_id);
    return true;
}

static bool apply_known(struct apply *apply, GBytes *bytes, GError **error)
{
    bool from_worker = !apply->event->record;
    if (from_worker ? !apply_from_worker(apply, bytes, error)
                    : !apply_record(apply, error))
        return false;
    if (from_worker)
        apply->agent->last_event_at = apply->place->append_ms;
    return ledger_update(apply->ledger, &table_agents, apply->agent_before, apply->agent,
                         error);
}

bool apply_event(struct ledger *ledger, struct codec *codec, const struct event *event,
                 GBytes *bytes, const struct place *place, GError **error)
{
    struct apply apply = {ledger, codec, event, place, NULL, NULL};
    bool good = find_agent(&apply, error);
    if (good && apply.agent)
        good = apply_known(&apply, bytes, error);
    agent_row_free(apply.agent_before);
    agent_row_free(apply.agent);
    return good;
}
