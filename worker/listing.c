/*
 * listing.c - from a list of containers to Syncs.
 */
#include "listing.h"

#include "aside.h"
#include "chunk.h"
#include "stranger.h"

#include <string.h>

struct listing *listing_new(int64_t listed_at, const GPtrArray *prefixes)
{
    struct listing *listing = g_new0(struct listing, 1);
    listing->listed_at = listed_at;
    listing->prefixes = prefixes;
    listing->states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)state_free);
    listing->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    listing->unknown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    listing->touched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    listing->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return listing;
}

void listing_free(struct listing *listing)
{
    if (!listing)
        return;
    g_clear_pointer(&listing->containers, g_ptr_array_unref);
    g_clear_pointer(&listing->data, g_ptr_array_unref);
    g_hash_table_unref(listing->states);
    g_hash_table_unref(listing->gone);
    g_hash_table_unref(listing->unknown);
    g_hash_table_unref(listing->touched);
    g_hash_table_unref(listing->held);
    g_free(listing->failure);
    g_free(listing->left_out);
    g_free(listing);
}

const struct container *listing_canonical(const struct listing *listing,
                                          const char *server_id)
{
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (container_is_canonical(seen) && g_str_equal(seen->server_id, server_id))
            return seen;
    }
    return NULL;
}

static bool is_in(const struct container *seen, int32_t partition, int32_t partitions)
{
    return *seen->server_id && partition_of(seen->server_id, partitions) == partition;
}

static bool is_as_told(const struct container *seen, GHashTable *told)
{
    const struct state *state = g_hash_table_lookup(told, seen->server_id);
    return state && state->status == seen->status &&
           g_strcmp0(state->container_id, seen->id) == 0;
}

GPtrArray *listing_to_look_at(const struct listing *listing, GHashTable *told,
                              int32_t partition, int32_t partitions)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (container_is_canonical(seen) && is_in(seen, partition, partitions) &&
            !g_hash_table_contains(listing->touched, seen->server_id) &&
            !is_as_told(seen, told))
            g_ptr_array_add(ids, g_strdup(seen->server_id));
    }
    return ids;
}

/* What is now known of a listed container: looked at, or told before and the same. */
static const struct state *state_of(const struct listing *listing, GHashTable *told,
                                    const struct container *seen)
{
    const struct state *looked = g_hash_table_lookup(listing->states, seen->server_id);
    if (looked)
        return looked;
    return is_as_told(seen, told) ? g_hash_table_lookup(told, seen->server_id) : NULL;
}

static bool says_something(const struct listing *listing, const char *server_id)
{
    return !g_hash_table_contains(listing->touched, server_id) &&
           !g_hash_table_contains(listing->unknown, server_id);
}

void listing_hold_retold(struct listing *listing, GHashTable *told)
{
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (container_is_canonical(seen) && !state_of(listing, told, seen) &&
            !g_hash_table_contains(listing->gone, seen->server_id) &&
            !g_hash_table_contains(listing->unknown, seen->server_id))
            g_hash_table_add(listing->touched, g_strdup(seen->server_id));
    }
}

void listing_hold_aside(struct listing *listing)
{
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        struct aside aside = {0};
        if (!seen->managed || !*seen->server_id || !aside_parse(seen->name, &aside))
            continue;
        aside_clear(&aside);
        if (!listing_canonical(listing, seen->server_id))
            g_hash_table_add(listing->unknown, g_strdup(seen->server_id));
    }
}

/* --- the lists of a Sync -------------------------------------------------------------------------- */

static bool has_prefix(const struct container *seen, const GPtrArray *prefixes)
{
    for (guint i = 0; i < prefixes->len; i++) {
        if (g_str_has_prefix(seen->name, g_ptr_array_index(prefixes, i)))
            return true;
    }
    return false;
}

static struct found *found_of(const struct listing *listing, const struct container *seen)
{
    const struct found *looked = listing->looked
                                     ? g_hash_table_lookup(listing->looked, seen->id)
                                     : NULL;
    return looked ? stranger_known(seen, looked) : stranger_listed(seen);
}

GPtrArray *listing_unmanaged(const struct listing *listing)
{
    GPtrArray *unmanaged = g_ptr_array_new();
    for (guint i = 0; i < listing->containers->len; i++) {
        struct container *seen = g_ptr_array_index(listing->containers, i);
        if (!seen->managed && !seen->anothers && has_prefix(seen, listing->prefixes))
            g_ptr_array_add(unmanaged, seen);
    }
    return unmanaged;
}

static bool has_lost_unmanaged(const struct listing *listing, GHashTable *told)
{
    guint as_told = 0;
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        as_told += g_strcmp0(seen->name, g_hash_table_lookup(told, seen->id)) == 0;
    }
    return as_told < g_hash_table_size(told);
}

bool listing_take_unmanaged(const struct listing *listing, GHashTable *told, bool wanted)
{
    if (!wanted && !has_lost_unmanaged(listing, told))
        return false;
    g_autoptr(GHashTable)
        before = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    char *id, *name;
    GHashTableIter iter;
    g_hash_table_iter_init(&iter, told);
    while (g_hash_table_iter_next(&iter, (void **)&id, (void **)&name)) {
        g_hash_table_iter_steal(&iter);
        g_hash_table_insert(before, id, name);
    }
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (!seen->managed && (has_prefix(seen, listing->prefixes) ||
                               g_hash_table_contains(before, seen->id)))
            g_hash_table_insert(told, g_strdup(seen->id), g_strdup(seen->name));
    }
    return true;
}

static void add_container(const struct listing *listing,
                          const struct listing_scope *scope, GHashTable *told,
                          const struct container *seen, struct sync *sync)
{
    if (!seen->managed) {
        if (!seen->anothers && has_prefix(seen, listing->prefixes))
            g_ptr_array_add(sync->unmanaged, found_of(listing, seen));
        else
            g_ptr_array_add(sync->others, g_strndup(seen->id, CONTAINER_SHORT));
        return;
    }
    if (!is_in(seen, scope->partition, scope->partitions)) {
        g_ptr_array_add(sync->others, g_strndup(seen->id, CONTAINER_SHORT));
        return;
    }
    if (!container_is_canonical(seen)) {
        g_ptr_array_add(sync->extra, found_of(listing, seen));
        return;
    }
    const struct state *state = state_of(listing, told, seen);
    if (state && says_something(listing, seen->server_id) &&
        !g_hash_table_contains(listing->gone, seen->server_id))
        g_ptr_array_add(sync->servers, listed_new(seen->server_id, state_dup(state)));
}

/* Without those of `but`, if that is given. */
static void add_ids(GHashTable *ids, GHashTable *but, const struct listing_scope *scope,
                    GPtrArray *to)
{
    GHashTableIter iter;
    const char *id;
    g_hash_table_iter_init(&iter, ids);
    while (g_hash_table_iter_next(&iter, (void **)&id, NULL)) {
        if (partition_of(id, scope->partitions) == scope->partition &&
            !(but && g_hash_table_contains(but, id)))
            g_ptr_array_add(to, g_strdup(id));
    }
}

GPtrArray *listing_unknown(const struct listing *listing,
                           const struct listing_scope *scope)
{
    GPtrArray *unknown = g_ptr_array_new_with_free_func(g_free);
    add_ids(listing->unknown, listing->touched, scope, unknown);
    return unknown;
}

static struct found *found_dup(const struct found *found)
{
    struct found *copy = found_new();
    g_free(copy->name);
    copy->name = g_strdup(found->name);
    return copy;
}

static void add_data(const struct listing *listing, struct sync *sync)
{
    for (guint i = 0; listing->data && i < listing->data->len; i++)
        g_ptr_array_add(sync->data, found_dup(g_ptr_array_index(listing->data, i)));
    if (listing->left_out) {
        g_free(sync->message);
        sync->message = g_strdup(listing->left_out);
    }
}

static void fill(const struct listing *listing, const struct listing_scope *scope,
                 GHashTable *told, struct sync *sync)
{
    if (listing->failure) {
        g_free(sync->code);
        g_free(sync->message);
        sync->code = g_strdup(CODE_SYNC_FAILED);
        sync->message = g_strdup(listing->failure);
        return;
    }
    sync->complete = true;
    for (guint i = 0; i < listing->containers->len; i++)
        add_container(listing, scope, told, g_ptr_array_index(listing->containers, i),
                      sync);
    add_ids(listing->touched, NULL, scope, sync->pending);
    g_autoptr(GPtrArray) unknown = listing_unknown(listing, scope);
    g_ptr_array_extend_and_steal(sync->unknown, g_steal_pointer(&unknown));
    if (scope->partition == 0)
        add_data(listing, sync);
}

static struct sync *sync_of_scope(const struct listing *listing,
                                  const struct listing_scope *scope, const char *sync_id)
{
    struct sync *sync = sync_new();
    g_free(sync->sync_id);
    sync->sync_id = g_strdup(sync_id);
    sync->partition = scope->partition;
    sync->partitions = scope->partitions;
    sync->reason = scope->reason;
    sync->listed_at = listing->listed_at;
    sync->seen = scope->seen;
    return sync;
}

GPtrArray *listing_syncs(const struct listing *listing, const struct listing_scope *scope,
                         GHashTable *told, int64_t now_ms)
{
    g_autofree char *sync_id = uuid7_new(now_ms);
    struct sync *sync = sync_of_scope(listing, scope, sync_id);
    fill(listing, scope, told, sync);
    return chunk_sync(sync, CHUNK_BYTES);
}

/* --- differences --------------------------------------------------------------------------------------- */

static bool told_but_not_listed(const struct listing *listing,
                                const struct listing_scope *scope, GHashTable *told)
{
    GHashTableIter iter;
    const char *id;
    const struct state *state;
    g_hash_table_iter_init(&iter, told);
    while (g_hash_table_iter_next(&iter, (void **)&id, (void **)&state)) {
        if (state->status != CONTAINER_ABSENT && says_something(listing, id) &&
            partition_of(id, scope->partitions) == scope->partition &&
            (g_hash_table_contains(listing->gone, id) || !listing_canonical(listing, id)))
            return true;
    }
    return false;
}

static bool runs(const struct container *seen)
{
    return seen->status == CONTAINER_RUNNING || seen->status == CONTAINER_PAUSED ||
           seen->status == CONTAINER_RESTARTING;
}

/* That nobody can say how it is, is news once. */
static bool unknown_differs(const struct listing *listing,
                            const struct listing_scope *scope, GHashTable *told)
{
    g_autoptr(GPtrArray) unknown = listing_unknown(listing, scope);
    for (guint i = 0; i < unknown->len; i++) {
        const struct state *state = g_hash_table_lookup(told, unknown->pdata[i]);
        if (!state || state->status != CONTAINER_UNKNOWN)
            return true;
    }
    return false;
}

/* Server id → its extra containers as text, of those servers of which the list says something.
 * Containers come in the engine's order, newest first, and keep it. */
static GHashTable *extra_of(const struct listing *listing,
                            const struct listing_scope *scope)
{
    GHashTable *extra = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (!seen->managed || container_is_canonical(seen) ||
            !is_in(seen, scope->partition, scope->partitions) ||
            !says_something(listing, seen->server_id))
            continue;
        const char *before = g_hash_table_lookup(extra, seen->server_id);
        g_hash_table_insert(extra, g_strdup(seen->server_id),
                            g_strconcat(before ? before : "", seen->id, " ", seen->name,
                                        runs(seen) ? " runs" : "", "\n", NULL));
    }
    return extra;
}

static bool is_due_anew(const struct listing *listing, const struct listing_scope *scope,
                        const char *server_id)
{
    return partition_of(server_id, scope->partitions) == scope->partition &&
           says_something(listing, server_id);
}

bool listing_forget_extra(GHashTable *told_extra, const char *server_id)
{
    return g_hash_table_remove(told_extra, server_id);
}

/* While one is extra, the log cannot tell that its server is missing; so that it is gone, or
 * bears another name, is news although nothing was told of it before. */
static bool extra_differs(const struct listing *listing,
                          const struct listing_scope *scope, GHashTable *told_extra)
{
    g_autoptr(GHashTable) extra = extra_of(listing, scope);
    GHashTableIter iter;
    const char *id, *text;
    g_hash_table_iter_init(&iter, extra);
    while (g_hash_table_iter_next(&iter, (void **)&id, (void **)&text)) {
        if (g_strcmp0(text, g_hash_table_lookup(told_extra, id)) != 0)
            return true;
    }
    g_hash_table_iter_init(&iter, told_extra);
    while (g_hash_table_iter_next(&iter, (void **)&id, NULL)) {
        if (is_due_anew(listing, scope, id) && !g_hash_table_contains(extra, id))
            return true;
    }
    return false;
}

/* A Sync names them although it says nothing of their server: whatever comes of them is news. */
static void note_held_extra(const struct listing *listing,
                            const struct listing_scope *scope, GHashTable *told_extra)
{
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (seen->managed && !container_is_canonical(seen) &&
            is_in(seen, scope->partition, scope->partitions) &&
            !says_something(listing, seen->server_id))
            g_hash_table_insert(told_extra, g_strdup(seen->server_id), g_strdup(""));
    }
}

void listing_note_extra(const struct listing *listing, const struct listing_scope *scope,
                        GHashTable *told_extra)
{
    g_autoptr(GHashTable) extra = extra_of(listing, scope);
    GHashTableIter iter;
    const char *id, *text;
    g_hash_table_iter_init(&iter, told_extra);
    while (g_hash_table_iter_next(&iter, (void **)&id, NULL)) {
        if (is_due_anew(listing, scope, id))
            g_hash_table_iter_remove(&iter);
    }
    g_hash_table_iter_init(&iter, extra);
    while (g_hash_table_iter_next(&iter, (void **)&id, (void **)&text))
        g_hash_table_insert(told_extra, g_strdup(id), g_strdup(text));
    note_held_extra(listing, scope, told_extra);
}

/* One whose every move would be told too often is told by its pace, unless it is another. */
static bool is_held(const struct listing *listing, const struct container *seen,
                    GHashTable *told)
{
    const struct state *state = g_hash_table_lookup(told, seen->server_id);
    return g_hash_table_contains(listing->held, seen->server_id) && state &&
           state->status != CONTAINER_ABSENT &&
           g_strcmp0(state->container_id, seen->id) == 0;
}

bool listing_differs(const struct listing *listing, const struct listing_scope *scope,
                     GHashTable *told, GHashTable *told_extra)
{
    if (listing->failure)
        return false;
    for (guint i = 0; i < listing->containers->len; i++) {
        const struct container *seen = g_ptr_array_index(listing->containers, i);
        if (container_is_canonical(seen) &&
            is_in(seen, scope->partition, scope->partitions) &&
            says_something(listing, seen->server_id) && !is_as_told(seen, told) &&
            !is_held(listing, seen, told) &&
            !g_hash_table_contains(listing->gone, seen->server_id))
            return true;
    }
    return told_but_not_listed(listing, scope, told) ||
           unknown_differs(listing, scope, told) ||
           extra_differs(listing, scope, told_extra);
}
