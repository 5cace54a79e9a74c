/*
 * request.c - taking a request into the ledger.
 *
 * A request is one SQLite transaction: it reads the rows afresh, asks the rules, writes the
 * changed row, the command and both letters.  It never talks to the bus.
 */
#include "request.h"

#include "apart.h"
#include "changed.h"
#include "check.h"
#include "fold.h"
#include "ledger_upkeep.h"
#include "letter.h"
#include "numbers.h"
#include "profile.h"
#include "resolve.h"
#include "rules.h"
#include "topics.h"

#include <string.h>

G_DEFINE_QUARK(muster_request_error, request_error)

/* One request at work; owned by the function that opened it. */
struct work {
    struct ledger *ledger;
    struct codec *codec;
    const struct request *request;
    struct agent_row *agent;
    struct server_row *server;
    struct spec *spec;
};

static void work_end(struct work *work)
{
    ledger_rollback(work->ledger); /* nothing, if it was committed */
    agent_row_free(work->agent);
    server_row_free(work->server);
    spec_free(work->spec);
}
typedef struct work Work;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_end)

/* --- Parts ---------------------------------------------------------------------------------- */

static bool load_agent(struct work *work, const char *agent_id, GError **error)
{
    if (!ledger_load_agent(work->ledger, agent_id, &work->agent, error))
        return false;
    if (work->agent)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND, "no agent %s", agent_id);
    return false;
}

static bool load_server(struct work *work, const char *server_id, GError **error)
{
    if (!ledger_load_server(work->ledger, server_id, &work->server, error))
        return false;
    if (work->server)
        return load_agent(work, work->server->agent_id, error);
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND, "no server %s", server_id);
    return false;
}

/* A ledger that was made again from the log has no env values: a container without them
 * would not be the one that was asked for. */
static bool check_values(const struct work *work, GError **error)
{
    json_auto_t *names = json_loads(work->server->config_names, 0, NULL);
    json_auto_t *config = numbers_load(work->server->config, strlen(work->server->config),
                                       0, NULL);
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (json_object_get(config, json_string_value(name)))
            continue;
        g_set_error(
            error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
            "config: this ledger does not have the value of %s, only the log's word "
            "that there is one: `muster server set %s -e %s=…`, or put back a backup",
            json_string_value(name), work->server->id, json_string_value(name));
        return false;
    }
    return true;
}

/* The volumes of its last container, which the next one gets; the digest stays: a record with
 * the same words is no other record. */
static void add_kept(struct spec *spec, const struct server_row *server)
{
    json_auto_t *mounts = json_loads(server->container_mounts, 0, NULL);
    size_t i;
    json_t *mount;
    json_array_foreach(mounts, i, mount)
    {
        const char *type = json_string_value(json_object_get(mount, "type"));
        const char *name = json_string_value(json_object_get(mount, "name"));
        const char *place = json_string_value(json_object_get(mount, "container_path"));
        if (g_strcmp0(type, "volume") != 0 || !name || !place)
            continue;
        struct volume *volume = volume_new(name, place);
        volume->read_only = json_is_true(json_object_get(mount, "read_only"));
        g_ptr_array_add(spec->kept, volume);
    }
}

/* Resolves the record into `work->spec`. */
static bool make_spec(struct work *work, GError **error)
{
    json_auto_t *profile = profile_find(work->ledger, work->server->profile, error);
    g_autoptr(GBytes) key = NULL;
    if (!profile || !ledger_get_meta(work->ledger, META_SECRET, &key, error))
        return false;
    g_assert(key); /* ledger_make gives every ledger one */
    work->spec = resolve(work->server, work->agent, profile, key, error);
    if (work->spec)
        add_kept(work->spec, work->server);
    return work->spec != NULL;
}

/* The record's directories, as they are to be: for whoever makes or changes it. */
static bool check_directories(const struct work *work, GError **error)
{
    return apart_within(work->spec, error) &&
           apart_from_others(work->ledger, work->agent->id, work->server->id, work->spec,
                             error);
}

/* What nobody could read would be answered by nobody. */
static bool check_read(const struct work *work, const struct worker_row *worker,
                       const char *schema, GError **error)
{
    g_autofree char *topic = topic_commands(worker->agent_id);
    const int64_t kept_ms = topic_shape(topic, 1).retention_ms;
    const bool gone = worker->heard_at < work->request->now - kept_ms;
    if (gone || !*worker->reads || strstr(worker->reads, schema))
        return true;
    g_set_error(
        error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
        "the worker %s of agent %s (version %s, host %s) is too old for what this asks "
        "for: upgrade it first, or leave out what is newer than it",
        worker->worker, work->agent->name, worker->version, worker->host);
    return false;
}

/* By every slot that may still get the command. */
static bool check_readers(const struct work *work, const struct command *command,
                          GError **error)
{
    g_autofree char *schema = codec_writes(work->codec, &shape_command, command);
    g_autoptr(GPtrArray) workers = ledger_workers(work->ledger, work->agent->id, error);
    for (guint i = 0; workers && i < workers->len; i++)
        if (!check_read(work, g_ptr_array_index(workers, i), schema, error))
            return false;
    return workers != NULL;
}

/* What its topic does not take would be closed later, or hold its agent up. */
static bool check_bytes(const struct work *work, const char *topic, const char *key,
                        GBytes *value, GError **error)
{
    const int64_t bytes = (int64_t)(g_bytes_get_size(value) + (key ? strlen(key) : 0));
    int64_t most;
    if (!topic_bytes(work->ledger, topic, &most, error))
        return false;
    if (most == CONTRACT_NONE || bytes <= most)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "this makes %" G_GINT64_FORMAT
                " bytes, and topic %s takes %" G_GINT64_FORMAT
                ": ask for less (values of variables are the most of it), or let it and "
                "the client take more: max.message.bytes of the topic, -X "
                "message.max.bytes",
                bytes, topic, most);
    return false;
}

static bool queue_letters(struct work *work, const struct letter *letter,
                          const struct event *event, GError **error)
{
    g_autoptr(Outgoing) outgoing = g_new0(struct outgoing, 1);
    outgoing->event_id = g_strdup(letter->event_id);
    outgoing->agent_id = g_strdup(event->agent_id);
    outgoing->event = codec_encode_event(work->codec, event);
    outgoing->event_key = g_strdup(event->server_id ? event->server_id : event->agent_id);
    if (letter->command_id) {
        g_autoptr(Command)
            command = letter_command(letter, event->agent_id, event->server_id);
        if (!check_readers(work, command, error))
            return false;
        outgoing->command_id = g_strdup(letter->command_id);
        outgoing->topic = g_strdup(letter->topic);
        outgoing->partition = letter->partition;
        outgoing->key = g_strdup(event->server_id);
        outgoing->command = codec_encode_command(work->codec, command);
        g_assert(outgoing->command);
        if (!check_bytes(work, outgoing->topic, outgoing->key, outgoing->command, error))
            return false;
    }
    g_assert(outgoing->event);
    if (!check_bytes(work, TOPIC_EVENTS, outgoing->event_key, outgoing->event, error))
        return false;
    return ledger_queue(work->ledger, outgoing, error);
}

static bool store_command(struct work *work, const struct event *event,
                          const struct place *place, GError **error)
{
    g_autoptr(CommandRow) command = command_row_new();
    row_set(&command->command_id, event->cause->command_id);
    fold_command(command, event, place);
    return ledger_store_command(work->ledger, command, error);
}

/* Applies the Record to the row, keeps row and command, queues the letters. */
static bool write_request(struct work *work, const struct letter *letter, GError **error)
{
    const struct place here = {-1, -1, letter->at};
    g_autoptr(Event) event = letter_record(letter, work->agent->id, work->server, NULL);
    if (work->server) {
        fold_server(work->server, event, &here);
        row_set(&event->record->server->status, server_status_name(work->server->status));
        if (!ledger_store_server(work->ledger, work->server, error))
            return false;
    }
    if (letter->command_id && !store_command(work, event, &here, error))
        return false;
    return queue_letters(work, letter, event, error);
}

static int64_t expiry(const struct request *request)
{
    int64_t ms = request->expires_ms ? request->expires_ms
                                     : rule_of(request->action)->expires_ms;
    return request->now + ms;
}

static bool check_not_held(const struct work *work, GError **error)
{
    if (!work->agent->held)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "no command for agent %s is taken: %s", work->agent->name,
                work->agent->held);
    return false;
}

/* Queues one command: for `work->server`, or a sync of `partition`. */
static struct queued *queue_command(struct work *work, int32_t partition,
                                    const char *target, GError **error)
{
    const struct request *request = work->request;
    const char *server_id = work->server ? work->server->id : NULL;
    if (!check_not_held(work, error))
        return NULL;
    g_autofree char *command_id = uuid7_new(request->now);
    g_autofree char *event_id = uuid7_new(request->now);
    g_autofree char *topic = rule_of(request->action)->on_control
                                 ? topic_control(work->agent->id)
                                 : topic_commands(work->agent->id);
    const struct options options = {request->pull, request->start, request->fresh,
                                    request->skip_save, request->unmarked};
    const struct letter letter = {
        .command_id = command_id,
        .event_id = event_id,
        .kind = RECORD_COMMAND,
        .action = request->action,
        .actor = request->actor,
        .reason = request->reason,
        .topic = topic,
        .partition = partition,
        .at = request->now,
        .expires_at = expiry(request),
        .target = target,
        .engine_id = work->agent->engine_id,
        .options = &options,
        .spec = work->spec,
    };
    if (!write_request(work, &letter, error))
        return NULL;
    return queued_new(command_id, server_id, work->agent->id, event_id);
}

static int32_t partition_for(const struct work *work)
{
    return partition_of(work->server->id, (int32_t)work->agent->partitions);
}

/* --- Create ---------------------------------------------------------------------------------- */

static bool check_free_name(struct work *work, GError **error)
{
    g_autoptr(ServerRow) holder = NULL;
    if (!ledger_find_server(work->ledger, work->agent->id, work->server->name, &holder,
                            error))
        return false;
    if (!holder)
        return true;
    g_autofree char *possible = rule_possible(holder);
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "%s has a server %s already (%s, %s); possible for it: %s",
                work->agent->name, holder->name, holder->id,
                server_status_name(holder->status), possible);
    return false;
}

struct queued *request_create(struct ledger *ledger, struct codec *codec,
                              struct server_row *draft, const struct request *request,
                              GError **error)
{
    g_auto(Work) work = {ledger, codec, request};
    if (!ledger_begin(ledger, error) || !load_agent(&work, draft->agent_id, error))
        return NULL;
    work.server = server_row_dup(draft);
    g_free(work.server->id);
    work.server->id = uuid7_new(request->now);
    work.server->created_at = work.server->updated_at = request->now;
    work.server->partition = partition_for(&work);
    if (!check_free_name(&work, error) || !make_spec(&work, error) ||
        !check_directories(&work, error))
        return NULL;
    if (!*work.server->image_tag)
        row_set(&work.server->image_tag, work.spec->image_tag);
    g_autoptr(Queued)
        queued = queue_command(&work, (int32_t)work.server->partition, NULL, error);
    if (!queued || !request_commit_one(ledger, request, queued, error))
        return NULL;
    return g_steal_pointer(&queued);
}

/* --- Other actions ------------------------------------------------------------------------------ */

/* A cancel's target: the one that was named, if it is open, or the newest that is. */
static const char *find_target(struct work *work, GError **error)
{
    const char *named = work->request->target;
    const GPtrArray *open = work->server->open;
    for (guint i = open->len; i > 0; i--) {
        const struct open_command *command = open->pdata[i - 1];
        if (named ? g_str_equal(command->command_id, named)
                  : command->action != ACTION_CANCEL)
            return command->command_id;
    }
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "cannot cancel: %s has no open command %s", work->server->name,
                named ? named : "but cancels");
    return NULL;
}

/* Nobody is there to ask: what has changed since the decision ends it. */
static bool check_kept(const struct work *work, GError **error)
{
    const struct server_row *server = work->server;
    if (!work->request->keep_data ||
        (server->status == STATUS_MISSING && server->open->len == 0 &&
         server->data_exists != MAYBE_UNKNOWN && !server->data_gone))
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "%s is not missing any more, or its data is not known to be there",
                server->name);
    return false;
}

/* A mount whose directory may not be made fails where it is gone: so the host decides, at the
 * last moment, whether the data is there.  The digest stays: the container is the same. */
static void keep_data(struct spec *spec)
{
    for (guint i = 0; i < spec->mounts->len; i++)
        ((struct mount *)spec->mounts->pdata[i])->make_directory = false;
}

static bool check_only_if(const struct work *work, GError **error)
{
    enum server_status wanted = work->request->only_if;
    if (wanted == STATUS_NONE || work->server->status == wanted)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED, "%s is %s by now",
                work->server->name, server_status_name(work->server->status));
    return false;
}

/* What an adopted container has, and the record has not, goes with it. */
static bool changes_container(enum action action)
{
    return action == ACTION_REBUILD || action == ACTION_DELETE;
}

static struct queued *queue_action(struct work *work, GError **error)
{
    const struct request *request = work->request;
    g_autofree char *target = NULL;
    if (!check_only_if(work, error) ||
        !rule_check(request->action, work->server, request->fresh, error) ||
        !check_kept(work, error))
        return NULL;
    if (request->action == ACTION_CANCEL &&
        !(target = g_strdup(find_target(work, error))))
        return NULL;
    if (rule_of(request->action)->makes && !check_values(work, error))
        return NULL;
    if (rule_of(request->action)->takes_spec && !make_spec(work, error))
        return NULL;
    if (request->keep_data)
        keep_data(work->spec);
    g_autoptr(Queued) queued = queue_command(work, partition_for(work), target, error);
    if (queued && changes_container(request->action) &&
        !queued_note_differences(queued, work->ledger, work->server, error))
        return NULL;
    return g_steal_pointer(&queued);
}

struct queued *request_action(struct ledger *ledger, struct codec *codec,
                              const char *server_id, const struct request *request,
                              GError **error)
{
    g_auto(Work) work = {ledger, codec, request};
    if (!ledger_begin(ledger, error) || !load_server(&work, server_id, error))
        return NULL;
    g_autoptr(Queued) queued = queue_action(&work, error);
    if (!queued || !request_commit_one(ledger, request, queued, error))
        return NULL;
    return g_steal_pointer(&queued);
}

GPtrArray *request_sync(struct ledger *ledger, struct codec *codec, const char *agent_id,
                        const struct request *request, GError **error)
{
    g_auto(Work) work = {ledger, codec, request};
    g_autoptr(GPtrArray)
        all = g_ptr_array_new_with_free_func((GDestroyNotify)queued_free);
    if (!ledger_begin(ledger, error) || !load_agent(&work, agent_id, error))
        return NULL;
    for (int32_t partition = 0; partition < work.agent->partitions; partition++) {
        struct queued *queued = queue_command(&work, partition, NULL, error);
        if (!queued)
            return NULL;
        g_ptr_array_add(all, queued);
    }
    return request_commit(ledger, request, all, error) ? g_steal_pointer(&all) : NULL;
}

/* --- Records without a command ------------------------------------------------------------------- */

static struct letter record_letter(const struct request *request, enum record_kind kind,
                                   const char *event_id)
{
    return (struct letter){
        .event_id = event_id,
        .kind = kind,
        .actor = request->actor,
        .reason = request->reason,
        .at = request->now,
    };
}

static void take_change(struct server_row *server, const struct server_row *changed,
                        int64_t now)
{
    row_set(&server->image, changed->image);
    row_set(&server->image_tag, changed->image_tag);
    server->game_port = changed->game_port;
    server->udp_port = changed->udp_port;
    server->rcon_port = changed->rcon_port;
    row_set(&server->server_data_path, changed->server_data_path);
    row_set(&server->config, changed->config);
    row_set(&server->profile, changed->profile);
    row_set(&server->on_missing, changed->on_missing);
    server->updated_at = MAX(now, server->updated_at + 1);
}

struct queued *request_change(struct ledger *ledger, struct codec *codec,
                              const struct server_row *changed,
                              const struct request *request, GError **error)
{
    g_auto(Work) work = {ledger, codec, request};
    g_autofree char *event_id = uuid7_new(request->now);
    if (!ledger_begin(ledger, error) || !load_server(&work, changed->id, error))
        return NULL;
    if (work.server->settled_status == STATUS_PURGED) {
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                    "cannot change %s: it is purged", work.server->name);
        return NULL;
    }
    /* What lies in another's since before this was asked can still be changed otherwise. */
    g_autoptr(ServerRow) before = server_row_dup(work.server);
    take_change(work.server, changed, request->now);
    if (!make_spec(&work, error))
        return NULL;
    if ((!g_str_equal(work.spec->data_dir, work.server->data_dir) ||
         !g_str_equal(before->profile, work.server->profile)) &&
        !check_directories(&work, error))
        return NULL;
    g_autoptr(GPtrArray) fields = changed_in_server(before, work.server);
    struct letter letter = record_letter(request, RECORD_SERVER, event_id);
    letter.changed = fields;
    g_clear_pointer(&work.spec->adopt, g_free); /* a change adopts nothing anew */
    letter.spec = work.spec;
    g_autoptr(Queued)
        queued = queued_new(NULL, work.server->id, work.agent->id, event_id);
    if (!write_request(&work, &letter, error) ||
        !queued_note_differences(queued, ledger, work.server, error) ||
        !request_commit_one(ledger, request, queued, error))
        return NULL;
    return g_steal_pointer(&queued);
}

bool request_bring(struct ledger *ledger, struct codec *codec, struct server_row *server,
                   const struct request *request, char **ret_event_id, GError **error)
{
    struct work work = {ledger, codec, request};
    g_autofree char *event_id = uuid7_new(request->now);
    struct letter letter = record_letter(request, RECORD_SERVER, event_id);
    bool good = load_agent(&work, server->agent_id, error);
    work.server = server;
    if (good)
        server->partition = partition_for(&work);
    good = good && make_spec(&work, error) && check_directories(&work, error);
    letter.spec = work.spec;
    if (good && !*server->image_tag)
        row_set(&server->image_tag, work.spec->image_tag);
    good = good && write_request(&work, &letter, error);
    if (good)
        *ret_event_id = g_steal_pointer(&event_id);
    agent_row_free(work.agent);
    spec_free(work.spec);
    return good;
}

bool request_agent_record(struct ledger *ledger, struct codec *codec,
                          const struct agent_row *before, const struct agent_row *agent,
                          const struct request *request, char **ret_event_id,
                          GError **error)
{
    struct work work = {ledger, codec, request};
    g_autofree char *event_id = uuid7_new(request->now);
    g_autoptr(GPtrArray) changed = changed_in_agent(before, agent);
    struct letter letter = record_letter(request, RECORD_AGENT, event_id);
    letter.changed = changed;
    g_autoptr(Event) event = letter_record(&letter, agent->id, NULL, agent);
    if (!queue_letters(&work, &letter, event, error))
        return false;
    if (ret_event_id)
        *ret_event_id = g_steal_pointer(&event_id);
    return true;
}

bool request_check_agent(struct ledger *ledger, const struct agent_row *agent,
                         GError **error)
{
    g_autoptr(AgentRow) by_id = NULL;
    g_autoptr(AgentRow) by_name = NULL;
    if (!check_name("agent name", agent->name, error) ||
        !check_name("agent id", agent->id, error) ||
        (*agent->server_data_path &&
         !check_path("server_data_path", agent->server_data_path, error)) ||
        (*agent->steam_zomboid_registry &&
         !check_repository("steam_zomboid_registry", agent->steam_zomboid_registry,
                           error)) ||
        !ledger_find_agent(ledger, agent->id, &by_id, error) ||
        !ledger_find_agent(ledger, agent->name, &by_name, error))
        return false;
    bool is_new = agent->created_at == 0;
    if ((!is_new || !by_id) &&
        (!by_name || (!is_new && g_str_equal(by_name->id, agent->id))))
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "there is an agent %s already",
                by_id && is_new ? agent->id : agent->name);
    return false;
}

struct queued *request_agent(struct ledger *ledger, struct codec *codec,
                             struct agent_row *agent, const struct request *request,
                             GError **error)
{
    G_GNUC_UNUSED g_auto(Work) work = {ledger, codec, request}; /* ends the transaction */
    g_autofree char *event_id = NULL;
    g_autoptr(AgentRow) before = NULL;
    if (!ledger_begin(ledger, error) || !request_check_agent(ledger, agent, error) ||
        !ledger_load_agent(ledger, agent->id, &before, error))
        return NULL;
    if (agent->created_at == 0)
        agent->created_at = request->now;
    agent->updated_at = MAX(request->now, agent->updated_at + 1);
    if (!ledger_store_agent(ledger, agent, error) ||
        !request_agent_record(ledger, codec, before, agent, request, &event_id, error))
        return NULL;
    g_autoptr(Queued) queued = queued_new(NULL, NULL, agent->id, event_id);
    if (!request_commit_one(ledger, request, queued, error))
        return NULL;
    return g_steal_pointer(&queued);
}
