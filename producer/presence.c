/*
 * presence.c - which servers are missing.
 *
 * Pure.  It only judges; fold.c keeps the evidence in the rows.
 */
#include "presence.h"

#include "shape.h"

/* A listing takes seconds.  A result that is further back than this in the log cannot be
 * younger than the listing, whatever its offset says (a topic made anew counts from 0). */
#define LISTING_MS (INT64_C(3600) * 1000)

struct presence_sync {
    int64_t seen;
    int64_t append_ms;
    GHashTable *listed; /* server id → struct state */
    GHashTable *pending;
    GHashTable *unknown; /* server ids */
    GHashTable *names;   /* of containers that are extra or unmanaged */
    GHashTable *found;   /* start of a container's id → struct state of such a one */
    GHashTable *others;  /* starts of ids */
};

static bool is_leaving(const struct server_row *server)
{
    switch (server->settled_status) {
    case STATUS_CREATING:
    case STATUS_DELETING:
    case STATUS_DELETED:
    case STATUS_PURGED:
    case STATUS_NONE:
        return true;
    case STATUS_RUNNING:
    case STATUS_STOPPED:
    case STATUS_REBUILDING:
    case STATUS_FAILED:
    case STATUS_MISSING:
    case STATUS_COUNT:
        return false;
    }
    g_assert_not_reached();
}

enum presence presence_judge(const struct server_row *server)
{
    if (!server->container_seen || is_leaving(server))
        return PRESENCE_NOT_EXPECTED;
    if (server_row_is_pending(server))
        return PRESENCE_PENDING;
    switch (server->shown) {
    case SHOWN_NOTHING:
        return PRESENCE_UNKNOWN;
    case SHOWN_PRESENT:
        return PRESENCE_PRESENT;
    case SHOWN_ABSENT:
        return PRESENCE_MISSING;
    }
    g_assert_not_reached();
}

static void add_ids(GHashTable *set, const GPtrArray *ids)
{
    for (guint i = 0; i < ids->len; i++)
        g_hash_table_add(set, ids->pdata[i]);
}

static struct state *state_of_found(const struct found *found)
{
    struct state *state = state_new();
    state->status = container_status_from_name(found->status);
    row_set(&state->container_id, found->container_id);
    row_set(&state->container, found->name);
    row_set(&state->image, found->image);
    for (guint i = 0; i < found->mounts->len; i++)
        g_ptr_array_add(state->mounts,
                        shape_dup(&shape_mounted, found->mounts->pdata[i]));
    return state;
}

static void add_found(struct presence_sync *index, const GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        const struct found *found = all->pdata[i];
        g_hash_table_add(index->names, found->name);
        g_hash_table_insert(index->found, g_strndup(found->container_id, CONTAINER_SHORT),
                            state_of_found(found));
    }
}

struct presence_sync *presence_sync_new(const struct sync *sync, int64_t append_ms)
{
    struct presence_sync *index = g_new0(struct presence_sync, 1);
    index->seen = sync->seen;
    index->append_ms = append_ms;
    index->listed = g_hash_table_new(g_str_hash, g_str_equal);
    index->pending = g_hash_table_new(g_str_hash, g_str_equal);
    index->unknown = g_hash_table_new(g_str_hash, g_str_equal);
    index->names = g_hash_table_new(g_str_hash, g_str_equal);
    index->others = g_hash_table_new(g_str_hash, g_str_equal);
    index->found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify)state_free);
    for (guint i = 0; i < sync->servers->len; i++) {
        struct listed *listed = sync->servers->pdata[i];
        g_hash_table_insert(index->listed, listed->server_id, listed->state);
    }
    add_ids(index->pending, sync->pending);
    add_ids(index->unknown, sync->unknown);
    add_ids(index->others, sync->others);
    add_found(index, sync->extra);
    add_found(index, sync->unmanaged);
    return index;
}

void presence_sync_free(struct presence_sync *index)
{
    if (!index)
        return;
    g_hash_table_unref(index->listed);
    g_hash_table_unref(index->pending);
    g_hash_table_unref(index->unknown);
    g_hash_table_unref(index->names);
    g_hash_table_unref(index->others);
    g_hash_table_unref(index->found);
    g_free(index);
}

/* The list was asked for before the server's last command had been received: it may be
 * older than what that command did (S04). */
static bool is_older(const struct presence_sync *index, const struct server_row *server)
{
    return server->command_offset != CONTRACT_NONE &&
           server->command_offset >= index->seen &&
           index->append_ms - server->last_at < LISTING_MS;
}

static enum says says_by(const struct state *state, const struct state **ret_state)
{
    if (state->status == CONTAINER_UNKNOWN)
        return SAYS_UNKNOWN;
    *ret_state = state;
    return SAYS_PRESENT;
}

/* By its recorded id: an adopted one bears no label, and anyone may have been renamed by hand. */
static enum says says_by_id(const struct presence_sync *index,
                            const struct server_row *server,
                            const struct state **ret_state)
{
    if (!server->container_id || !*server->container_id)
        return SAYS_NOTHING;
    g_autofree char *key = g_strndup(server->container_id, CONTAINER_SHORT);
    const struct state *state = g_hash_table_lookup(index->found, key);
    if (state && g_str_has_prefix(state->container_id, server->container_id))
        return says_by(state, ret_state);
    return g_hash_table_contains(index->others, key) ? SAYS_UNKNOWN : SAYS_NOTHING;
}

enum says presence_in_sync(const struct presence_sync *index,
                           const struct server_row *server,
                           const struct state **ret_state)
{
    if (g_hash_table_contains(index->pending, server->id) || is_older(index, server))
        return SAYS_NOTHING;
    if (g_hash_table_contains(index->unknown, server->id))
        return SAYS_UNKNOWN;
    const struct state *state = g_hash_table_lookup(index->listed, server->id);
    if (state && state->status != CONTAINER_ABSENT)
        return says_by(state, ret_state);
    const enum says by_id = says_by_id(index, server, ret_state);
    if (by_id != SAYS_NOTHING)
        return by_id;
    return g_hash_table_contains(index->names, server->container) ? SAYS_NOTHING
                                                                  : SAYS_ABSENT;
}

/* --- Data -------------------------------------------------------------------------------- */

struct presence_directories {
    GHashTable *listed;  /* paths; borrowed */
    GHashTable *parents; /* of these */
};

struct presence_directories *presence_directories_new(const struct sync *sync)
{
    struct presence_directories *directories = g_new0(struct presence_directories, 1);
    directories->listed = g_hash_table_new(g_str_hash, g_str_equal);
    directories->parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < sync->data->len; i++) {
        const struct found *found = sync->data->pdata[i];
        g_hash_table_add(directories->listed, found->name);
        g_hash_table_add(directories->parents, g_path_get_dirname(found->name));
    }
    return directories;
}

void presence_directories_free(struct presence_directories *directories)
{
    if (!directories)
        return;
    g_hash_table_unref(directories->listed);
    g_hash_table_unref(directories->parents);
    g_free(directories);
}

enum maybe presence_data(const struct presence_directories *directories,
                         const char *data_dir)
{
    if (!*data_dir)
        return MAYBE_UNKNOWN;
    if (g_hash_table_contains(directories->listed, data_dir))
        return MAYBE_YES;
    g_autofree char *parent = g_path_get_dirname(data_dir);
    return g_hash_table_contains(directories->parents, parent) ? MAYBE_NO : MAYBE_UNKNOWN;
}

bool presence_is_mass(int64_t turned, int64_t expected)
{
    return turned >= 3 && turned * 2 > expected;
}
