/*
 * presence.c - which servers are missing.
 *
 * Pure.  It only judges; fold.c keeps the evidence in the rows.
 */
#include "presence.h"

/* A listing takes seconds.  A result that is further back than this in the log cannot be
 * younger than the listing, whatever its offset says (a topic made anew counts from 0). */
#define LISTING_MS (INT64_C(3600) * 1000)

/* A worker lists no more than 2,000 directories of a root: beyond, nothing is told. */
#define DIRECTORIES_CUT 2000

struct presence_sync {
    int64_t seen;
    int64_t append_ms;
    GHashTable *listed; /* server id → struct state */
    GHashTable *silent; /* server ids held pending or unknown */
    GHashTable *held;   /* container ids and names that are extra or unmanaged */
    GHashTable *bare; /* start of a container's id → struct state of an unmanaged one */
    bool bare_is_cut; /* there may be more of them */
};

#define ID_SHORT 12 /* digits of a container's id that people write, and databases keep */

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

static void add_found(GHashTable *set, const GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        struct found *found = all->pdata[i];
        g_hash_table_add(set, found->container_id);
        g_hash_table_add(set, found->name);
    }
}

static struct state *state_of_found(const struct found *found)
{
    struct state *state = state_new();
    state->status = container_status_from_name(found->status);
    row_set(&state->container_id, found->container_id);
    row_set(&state->container, found->name);
    row_set(&state->image, found->image);
    return state;
}

static void add_bare(struct presence_sync *index, const GPtrArray *unmanaged)
{
    for (guint i = 0; i < unmanaged->len; i++) {
        const struct found *found = unmanaged->pdata[i];
        g_hash_table_insert(index->bare, g_strndup(found->container_id, ID_SHORT),
                            state_of_found(found));
    }
    index->bare_is_cut = unmanaged->len >= SYNC_FOUND_MOST;
}

struct presence_sync *presence_sync_new(const struct sync *sync, int64_t append_ms)
{
    struct presence_sync *index = g_new0(struct presence_sync, 1);
    index->seen = sync->seen;
    index->append_ms = append_ms;
    index->listed = g_hash_table_new(g_str_hash, g_str_equal);
    index->silent = g_hash_table_new(g_str_hash, g_str_equal);
    index->held = g_hash_table_new(g_str_hash, g_str_equal);
    index->bare = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify)state_free);
    for (guint i = 0; i < sync->servers->len; i++) {
        struct listed *listed = sync->servers->pdata[i];
        g_hash_table_insert(index->listed, listed->server_id, listed->state);
    }
    add_ids(index->silent, sync->pending);
    add_ids(index->silent, sync->unknown);
    add_found(index->held, sync->extra);
    add_found(index->held, sync->unmanaged);
    add_bare(index, sync->unmanaged);
    return index;
}

void presence_sync_free(struct presence_sync *index)
{
    if (!index)
        return;
    g_hash_table_unref(index->listed);
    g_hash_table_unref(index->silent);
    g_hash_table_unref(index->held);
    g_hash_table_unref(index->bare);
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

static bool is_held(const struct presence_sync *index, const struct server_row *server)
{
    return (server->container_id && *server->container_id &&
            g_hash_table_contains(index->held, server->container_id)) ||
           (*server->container && g_hash_table_contains(index->held, server->container));
}

/* An adopted container bears no label: it is unmanaged, and known by its recorded id. */
static enum shown shown_bare(const struct presence_sync *index,
                             const struct server_row *server,
                             const struct state **ret_state)
{
    g_autofree char *key = g_strndup(server->container_id, ID_SHORT);
    const struct state *state = g_hash_table_lookup(index->bare, key);
    if (state && g_str_has_prefix(state->container_id, server->container_id) &&
        state->status != CONTAINER_UNKNOWN) {
        *ret_state = state;
        return SHOWN_PRESENT;
    }
    return is_held(index, server) || index->bare_is_cut ? SHOWN_NOTHING : SHOWN_ABSENT;
}

enum shown presence_in_sync(const struct presence_sync *index,
                            const struct server_row *server,
                            const struct state **ret_state)
{
    if (g_hash_table_contains(index->silent, server->id) || is_older(index, server))
        return SHOWN_NOTHING;
    const struct state *state = g_hash_table_lookup(index->listed, server->id);
    if (state && state->status == CONTAINER_UNKNOWN)
        return SHOWN_NOTHING;
    if (state && state->status != CONTAINER_ABSENT) {
        *ret_state = state;
        return SHOWN_PRESENT;
    }
    if (server_row_is_adopted(server))
        return shown_bare(index, server, ret_state);
    return is_held(index, server) ? SHOWN_NOTHING : SHOWN_ABSENT;
}

/* --- Data -------------------------------------------------------------------------------- */

struct presence_directories {
    GHashTable *listed; /* paths; borrowed */
    GHashTable *counts; /* of their parents: how many each holds */
};

struct presence_directories *presence_directories_new(const struct sync *sync)
{
    struct presence_directories *directories = g_new0(struct presence_directories, 1);
    directories->listed = g_hash_table_new(g_str_hash, g_str_equal);
    directories->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < sync->data->len; i++) {
        const struct found *found = sync->data->pdata[i];
        char *parent = g_path_get_dirname(found->name);
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(directories->counts, parent));
        g_hash_table_add(directories->listed, found->name);
        g_hash_table_replace(directories->counts, parent, GUINT_TO_POINTER(count + 1));
    }
    return directories;
}

void presence_directories_free(struct presence_directories *directories)
{
    if (!directories)
        return;
    g_hash_table_unref(directories->listed);
    g_hash_table_unref(directories->counts);
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
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(directories->counts, parent));
    return count > 0 && count < DIRECTORIES_CUT ? MAYBE_NO : MAYBE_UNKNOWN;
}

bool presence_is_mass(int64_t turned, int64_t expected)
{
    return turned >= 3 && turned * 2 > expected;
}
