/*
 * rulebook_names.c - the names that Records give: a server's own, and those of its env.
 *
 * A name is its server's until that is purged, deleted or not.  Of env a Record tells names
 * alone: one with a "=" in it brings the value along, and is not repeated here.
 */
#include "rulebook_parts.h"

#include <string.h>

struct names {
    GHashTable *servers; /* name → server id */
    GHashTable *names;   /* server id → name */
};

struct names *names_new(void)
{
    struct names *names = g_new0(struct names, 1);
    names->servers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    names->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return names;
}

void names_free(struct names *names)
{
    g_hash_table_unref(names->servers);
    g_hash_table_unref(names->names);
    g_free(names);
}

/* --- A server's own -------------------------------------------------------------------------- */

static void release(struct names *names, const char *server_id)
{
    const char *name = g_hash_table_lookup(names->names, server_id);
    const char *holder = name ? g_hash_table_lookup(names->servers, name) : NULL;
    if (g_strcmp0(holder, server_id) == 0)
        g_hash_table_remove(names->servers, name);
    g_hash_table_remove(names->names, server_id);
}

static void judge_name(const struct judged *judged, const char *server_id,
                       const char *name)
{
    struct names *names = judged->agent->names;
    const char *holder = g_hash_table_lookup(names->servers, name);
    const bool is_told = g_strcmp0(g_hash_table_lookup(names->names, server_id), name) ==
                         0;
    if (is_told)
        return;
    if (holder)
        judged_tell(judged, BREACH_SAME_NAME,
                    "server %s is named %s, and so is server %s, which is not purged",
                    server_id, name, holder);
    release(names, server_id);
    g_hash_table_insert(names->names, g_strdup(server_id), g_strdup(name));
    if (!holder)
        g_hash_table_insert(names->servers, g_strdup(name), g_strdup(server_id));
}

static bool is_purge_done(const struct event *event)
{
    return event->result && event->result->outcome == OUTCOME_DONE && event->cause &&
           action_from_name(event->cause->action) == ACTION_PURGE;
}

/* --- Of its env ------------------------------------------------------------------------------- */

static void judge_env_name(const struct judged *judged, const char *name)
{
    const char *end = strchr(name, '=');
    if (end)
        judged_tell(judged, BREACH_VALUE_IN_NAME,
                    "the Record of server %s has the value of %.*s: give it a new one",
                    judged->event->server_id ? judged->event->server_id : "(none)",
                    (int)MIN(end - name, 100), name);
}

static void judge_env(const struct judged *judged, const struct server_record *server)
{
    for (guint i = 0; i < server->config_names->len; i++)
        judge_env_name(judged, server->config_names->pdata[i]);
    for (guint i = 0; server->spec && i < server->spec->env->len; i++) {
        const struct pair *pair = server->spec->env->pdata[i];
        judge_env_name(judged, pair->key);
    }
}

void names_judge(const struct judged *judged)
{
    const struct event *event = judged->event;
    const struct server_record *server = event->record ? event->record->server : NULL;
    if (!event->server_id)
        return;
    if (server)
        judge_env(judged, server);
    if (is_purge_done(event) || (server && g_str_equal(server->status, "purged")))
        release(judged->agent->names, event->server_id);
    else if (server && *server->name)
        judge_name(judged, event->server_id, server->name);
}
