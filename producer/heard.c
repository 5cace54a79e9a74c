/*
 * heard.c - containers that bear a server's label, as workers tell of them.
 */
#include "heard.h"

#include "shape.h"

struct heard {
    GHashTable *servers; /* "agent/server" → struct heard_server */
};

static void heard_server_free(void *gone)
{
    struct heard_server *server = gone;
    g_free(server->server_id);
    g_free(server->agent_id);
    state_free(server->state);
    g_free(server);
}

struct heard *heard_new(void)
{
    struct heard *heard = g_new0(struct heard, 1);
    heard->servers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           heard_server_free);
    return heard;
}

void heard_free(struct heard *heard)
{
    if (!heard)
        return;
    g_hash_table_unref(heard->servers);
    g_free(heard);
}

static void note_state(struct heard *heard, const char *agent_id, const char *server_id,
                       const struct state *state, const struct place *place)
{
    g_autofree char *key = g_strdup_printf("%s/%s", agent_id, server_id);
    if (!state || state->status == CONTAINER_UNKNOWN)
        return;
    if (state->status == CONTAINER_ABSENT) {
        g_hash_table_remove(heard->servers, key);
        return;
    }
    struct heard_server *server = g_new0(struct heard_server, 1);
    server->server_id = g_strdup(server_id);
    server->agent_id = g_strdup(agent_id);
    server->state = shape_dup(&shape_state, state);
    server->place = *place;
    g_hash_table_insert(heard->servers, g_steal_pointer(&key), server);
}

static bool holds(const GPtrArray *ids, const char *server_id)
{
    for (guint i = 0; i < ids->len; i++)
        if (g_str_equal(ids->pdata[i], server_id))
            return true;
    return false;
}

struct listing {
    const char *agent_id;
    const struct sync *sync;
};

/* Of what the list says nothing, it does not say that it is gone. */
static gboolean is_gone(void *key, void *value, void *context)
{
    const struct heard_server *server = value;
    const struct listing *listing = context;
    const struct sync *sync = listing->sync;
    return g_str_equal(server->agent_id, listing->agent_id) &&
           partition_of(server->server_id, (int32_t)sync->partitions) ==
               sync->partition &&
           !holds(sync->pending, server->server_id) &&
           !holds(sync->unknown, server->server_id);
}

/* One that is cut says in any of its chunks of whom it says nothing: that is not gathered here,
 * and what is gone stays as it was told last. */
static void note_sync(struct heard *heard, const struct event *event,
                      const struct place *place)
{
    const struct sync *sync = event->sync;
    struct listing listing = {event->agent_id, sync};
    if (!sync->complete || sync->partitions <= 0 || sync->partitions > G_MAXINT32)
        return;
    if (sync->chunks == 1)
        g_hash_table_foreach_remove(heard->servers, is_gone, &listing);
    for (guint i = 0; i < sync->servers->len; i++) {
        const struct listed *listed = sync->servers->pdata[i];
        note_state(heard, event->agent_id, listed->server_id, listed->state, place);
    }
}

void heard_note(struct heard *heard, const struct event *event, const struct place *place)
{
    if (event->sync)
        note_sync(heard, event, place);
    else if (event->server_id && event->state)
        note_state(heard, event->agent_id, event->server_id, event->state, place);
    else if (event->server_id && event->result)
        note_state(heard, event->agent_id, event->server_id, event->result->state, place);
}

static int by_key(const void *a, const void *b)
{
    const struct heard_server *one = *(struct heard_server *const *)a;
    const struct heard_server *other = *(struct heard_server *const *)b;
    const int agents = g_strcmp0(one->agent_id, other->agent_id);
    return agents ? agents : g_strcmp0(one->server_id, other->server_id);
}

GPtrArray *heard_servers(const struct heard *heard)
{
    GPtrArray *servers = g_ptr_array_new();
    GHashTableIter iter;
    void *server;
    g_hash_table_iter_init(&iter, heard->servers);
    while (g_hash_table_iter_next(&iter, NULL, &server))
        g_ptr_array_add(servers, server);
    g_ptr_array_sort(servers, by_key);
    return servers;
}
