/*
 * adopt.c - makes a container that nobody made through Muster a server's own.
 */
#include "adopt.h"

#include "fold.h"
#include "ledger_found.h"
#include "ledger_log.h"
#include "profile.h"
#include "profile_check.h"
#include "propose.h"
#include "propose_profile.h"
#include "reference.h"
#include "resolve.h"
#include "rules.h"

#include <string.h>

#define ID_LEAST 12

static bool G_GNUC_PRINTF(2, 3) refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED, text);
    return false;
}

/* --- The container ---------------------------------------------------------------------- */

static bool is_it(const struct found_row *row, const char *container)
{
    return g_str_equal(row->name, container) ||
           (strlen(container) >= ID_LEAST &&
            g_str_has_prefix(row->container_id, container));
}

/* The unmanaged container that is meant; borrowed from `rows`. */
static const struct found_row *find(const GPtrArray *rows, const char *container,
                                    GError **error)
{
    for (guint i = 0; i < rows->len; i++) {
        const struct found_row *row = rows->pdata[i];
        if (!is_it(row, container))
            continue;
        if (!row->server_id)
            return row;
        refuse(error, "%s is server %s's already", row->name, row->server_id);
        return NULL;
    }
    refuse(
        error,
        "no unmanaged container %s in the agent's last sync; `muster sync` lists anew, "
        "`muster server list --unmanaged` shows them",
        container);
    return NULL;
}

/* "registry:5000/x:v1" → image and tag; an image without a name (its id) says nothing, and
 * the agent's own need not be said. */
static void take_image(struct server_row *server, const char *reference,
                       const char *registry)
{
    g_auto(Reference) image = {0};
    if (!reference_parse(reference, &image, NULL))
        return;
    g_autofree char *tag = reference_tag_text(&image);
    if (!server->image && !g_str_equal(image.repository, registry))
        row_set(&server->image, image.repository);
    if (!*server->image_tag)
        row_set(&server->image_tag, tag ? tag : "latest");
}

/* --- The server ------------------------------------------------------------------------------ */

/* One adoption at work, within its transaction. */
struct adoption {
    struct ledger *ledger;
    struct codec *codec;
    const struct request *request;
    const struct found_row *found;
    const struct agent_row *agent;
    json_t *profile;
    struct server_row *server; /* the row that it becomes */
    bool again;                /* there was a record */
};

static bool name_from_container(struct adoption *at, GError **error)
{
    at->profile = profile_find(at->ledger, at->server->profile, error);
    char *name = at->profile
                     ? resolve_name(at->profile, at->agent, at->found->name, error)
                     : NULL;
    if (!name)
        return false;
    g_free(at->server->name);
    at->server->name = name;
    return true;
}

/* A record of that name stays what it is, if its own container is gone. */
static bool take_holder(struct adoption *at, struct server_row **holder, GError **error)
{
    struct server_row *there = *holder;
    if (there->open->len > 0)
        return refuse(error, "server %s has an open command", there->id);
    if (there->settled_status == STATUS_DELETED)
        return refuse(error,
                      "server %s of that name is deleted: restore it first, or "
                      "purge it",
                      there->id);
    if (there->container_seen && there->missing_since == CONTRACT_NONE)
        return refuse(error,
                      "server %s of that name has a container; possible once that "
                      "is gone",
                      there->id);
    server_row_free(at->server);
    at->server = g_steal_pointer(holder);
    row_set(&at->server->container_spec, "");
    at->again = true;
    return true;
}

static bool lies_in(const char *path, const char *directory)
{
    const size_t length = strlen(directory);
    return length > 0 && strncmp(path, directory, length) == 0 &&
           (path[length] == '\0' || path[length] == '/');
}

/* What it mounts there, is there. */
static bool mounts_in(const struct found *found, const char *directory)
{
    for (guint i = 0; i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (g_str_equal(mounted->type, "bind") && lies_in(mounted->source, directory))
            return true;
    }
    return false;
}

/* Whether the record's directory is known to be there; a record that cannot be resolved is
 * refused later. */
static void note_data(struct adoption *at)
{
    g_autoptr(GBytes) key = g_bytes_new_static("", 0);
    g_autoptr(Spec) spec = resolve(at->server, at->agent, at->profile, key, NULL);
    if (spec && mounts_in(at->found->found, spec->data_dir))
        at->server->data_exists = MAYBE_YES;
}

/* A delete of it tells what it had, but the restore may be asked for before. */
static void note_volumes(struct server_row *server, const struct found *found)
{
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(shape_volume.free);
    for (guint i = 0; i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (!g_str_equal(mounted->type, "volume") || !*mounted->name)
            continue;
        struct volume *volume = volume_new(mounted->name, mounted->container_path);
        volume->read_only = mounted->read_only;
        g_ptr_array_add(volumes, volume);
    }
    fold_kept(server, volumes);
}

static void take_container(struct adoption *at)
{
    struct server_row *server = at->server;
    bool runs = g_str_equal(at->found->status, "running") ||
                g_str_equal(at->found->status, "restarting") ||
                g_str_equal(at->found->status, "paused");
    row_set(&server->container_id, at->found->container_id);
    note_volumes(server, at->found->found);
    server->status = runs ? STATUS_RUNNING : STATUS_STOPPED;
    if (at->again) {
        server->updated_at = MAX(at->request->now, server->updated_at + 1);
        return;
    }
    take_image(server, at->found->found->image, at->agent->steam_zomboid_registry);
    propose(server, at->agent, at->profile, at->found->found);
    g_free(server->id);
    server->id = uuid7_new(at->request->now);
    server->created_at = server->updated_at = at->request->now;
    note_data(at);
}

/* Another server's may bear the same name on another host: the container's id tells them apart. */
static bool take_own_profile(struct adoption *at, GError **error)
{
    const struct found *found = at->found->found;
    g_autoptr(GBytes) key = g_bytes_new_static("", 0);
    g_autofree char *name = g_strdup_printf("adopted-%s-%.*s", at->server->name,
                                            CONTAINER_SHORT, found->container_id);
    json_auto_t *base = profile_find(at->ledger, at->server->profile, error);
    json_auto_t *own = base ? propose_profile(base, name, found) : NULL;
    g_autoptr(Spec) spec = own ? resolve(at->server, at->agent, own, key, error) : NULL;
    if (!spec)
        return false;
    propose_places(own, spec, at->server, found);
    g_autofree char *text = json_dumps(own, JSON_INDENT(2));
    if (!profile_check(own, error) || !ledger_set_profile(at->ledger, name, text, error))
        return false;
    row_set(&at->server->profile, name);
    return true;
}

/* What a person would look at. */
static json_t *proposal_of(const struct server_row *server)
{
    static const char *const fields[] = {
        "agent_id",  "name",     "profile",         "image",     "image_tag",
        "game_port", "udp_port", "rcon_port",       "container", "container_id",
        "data_dir",  "status",   "server_data_path"};
    json_auto_t *row = row_to_json(&table_servers, server);
    json_t *proposal = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        json_object_set(proposal, fields[i], json_object_get(row, fields[i]));
    return proposal;
}

static struct queued *adopt_found(struct adoption *at, GError **error)
{
    g_autoptr(ServerRow) holder = NULL;
    g_autofree char *event_id = NULL;
    if (!name_from_container(at, error) ||
        !ledger_find_server(at->ledger, at->server->agent_id, at->server->name, &holder,
                            error) ||
        (holder && !take_holder(at, &holder, error)))
        return NULL;
    take_container(at);
    if (at->request->as_found && !take_own_profile(at, error))
        return NULL;
    if (!request_bring(at->ledger, at->codec, at->server, at->request, &event_id, error))
        return NULL;
    g_autoptr(Queued)
        queued = queued_new(NULL, at->server->id, at->server->agent_id, event_id);
    if (!queued_note_differences(queued, at->ledger, at->server, error))
        return NULL;
    if (at->request->dry_run) {
        queued->proposal = proposal_of(at->server);
        return g_steal_pointer(&queued);
    }
    return request_commit_one(at->ledger, at->request, queued, error)
               ? g_steal_pointer(&queued)
               : NULL;
}

/* Within a transaction that the caller ends. */
static struct queued *adopt_of(struct ledger *ledger, struct codec *codec,
                               const struct server_row *draft, const char *container,
                               const struct request *request, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    g_autoptr(GPtrArray)
        rows = ledger_found(ledger, draft->agent_id, 1U << FOUND_UNMANAGED, error);
    const struct found_row *found = rows ? find(rows, container, error) : NULL;
    if (!found || !ledger_load_agent(ledger, draft->agent_id, &agent, error))
        return NULL;
    if (!agent) {
        refuse(error, "no agent %s", draft->agent_id);
        return NULL;
    }
    struct adoption at = {.ledger = ledger,
                          .codec = codec,
                          .request = request,
                          .found = found,
                          .agent = agent,
                          .server = server_row_dup(draft)};
    struct queued *queued = adopt_found(&at, error);
    json_decref(at.profile);
    server_row_free(at.server);
    return queued;
}

struct queued *adopt(struct ledger *ledger, struct codec *codec,
                     const struct server_row *draft, const char *container,
                     const struct request *request, GError **error)
{
    if (!ledger_begin(ledger, error))
        return NULL;
    struct queued *queued = adopt_of(ledger, codec, draft, container, request, error);
    ledger_rollback(ledger); /* nothing, if it was committed */
    return queued;
}
