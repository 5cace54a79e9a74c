/*
 * ledger_rows.c - finding and keeping agents, servers and commands in the ledger.
 */
#include "ledger_rows.h"

#include <string.h>

/* --- Agents ---------------------------------------------------------------------------- */

/* Steps once: a fresh row, or NULL at the end. */
static bool take_one(struct query *query, const struct table *table, void **ret_row,
                     GError **error)
{
    switch (query_step(query, error)) {
    case QUERY_FAILED:
        query_end(query);
        return false;
    case QUERY_END:
        *ret_row = NULL;
        break;
    case QUERY_ROW:
        *ret_row = row_new(table);
        query_get_row(query, table, *ret_row);
        break;
    }
    query_end(query);
    return true;
}

static bool one_agent(struct ledger *ledger, const char *rest, const char *key,
                      struct agent_row **ret_agent, GError **error)
{
    struct query *query = query_rows(ledger, &table_agents, rest, error);
    if (!query)
        return false;
    query_text(query, 1, key);
    return take_one(query, &table_agents, (void **)ret_agent, error);
}

bool ledger_load_agent(struct ledger *ledger, const char *id,
                       struct agent_row **ret_agent, GError **error)
{
    return one_agent(ledger, "WHERE id = ?1", id, ret_agent, error);
}

bool ledger_find_agent(struct ledger *ledger, const char *id_or_name,
                       struct agent_row **ret_agent, GError **error)
{
    return one_agent(ledger, "WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1",
                     id_or_name, ret_agent, error);
}

GPtrArray *ledger_agents(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray)
        agents = g_ptr_array_new_with_free_func((GDestroyNotify)agent_row_free);
    struct query *query = query_rows(ledger, &table_agents, "ORDER BY name", error);
    enum query_step step = QUERY_FAILED;
    while (query && (step = query_step(query, error)) == QUERY_ROW) {
        struct agent_row *agent = agent_row_new();
        query_get_row(query, &table_agents, agent);
        g_ptr_array_add(agents, agent);
    }
    query_end(query);
    return step == QUERY_END ? g_steal_pointer(&agents) : NULL;
}

bool ledger_store_agent(struct ledger *ledger, const struct agent_row *agent,
                        GError **error)
{
    return ledger_store(ledger, &table_agents, agent, error);
}

/* --- Servers ---------------------------------------------------------------------------- */

static bool load_open(struct ledger *ledger, struct server_row *server, GError **error)
{
    struct query *open = query(
        ledger,
        "SELECT command_id, action, recorded_at IS NOT NULL OR outcome <> '' "
        "FROM commands WHERE server_id = ?1 "
        "AND finished_at IS NULL ORDER BY rowid",
        error);
    if (!open)
        return false;
    enum query_step step;
    query_text(open, 1, server->id);
    while ((step = query_step(open, error)) == QUERY_ROW)
        server_row_add_open(server, query_get_text(open, 0),
                            action_from_name(query_get_text(open, 1)),
                            query_get_integer(open, 2) == 1);
    query_end(open);
    return step == QUERY_END;
}

static bool one_server(struct ledger *ledger, struct query *query,
                       struct server_row **ret_server, GError **error)
{
    g_autoptr(ServerRow) server = server_row_new();
    enum query_step step = query_step(query, error);
    if (step == QUERY_ROW)
        query_get_row(query, &table_servers, server);
    query_end(query);
    if (step == QUERY_FAILED || (step == QUERY_ROW && !load_open(ledger, server, error)))
        return false;
    *ret_server = step == QUERY_ROW ? g_steal_pointer(&server) : NULL;
    return true;
}

bool ledger_load_server(struct ledger *ledger, const char *id,
                        struct server_row **ret_server, GError **error)
{
    struct query *query = query_rows(ledger, &table_servers, "WHERE id = ?1", error);
    if (!query)
        return false;
    query_text(query, 1, id);
    return one_server(ledger, query, ret_server, error);
}

bool ledger_find_server(struct ledger *ledger, const char *agent_id, const char *name,
                        struct server_row **ret_server, GError **error)
{
    struct query *query = query_rows(
        ledger, &table_servers,
        "WHERE agent_id = ?1 AND name = ?2 AND settled_status <> 'purged' "
        "ORDER BY created_at DESC LIMIT 1",
        error);
    if (!query)
        return false;
    query_text(query, 1, agent_id);
    query_text(query, 2, name);
    return one_server(ledger, query, ret_server, error);
}

/* The path and all that is above it, as a JSON array. */
static char *with_parents(const char *path)
{
    json_auto_t *all = json_array();
    g_autofree char *part = g_strdup(path);
    for (char *slash = part + strlen(part); slash && slash > part;
         slash = strrchr(part, '/')) {
        *slash = '\0';
        json_array_append_new(all, json_string(part));
    }
    return json_dumps(all, JSON_COMPACT);
}

#define NEAR(condition)    \
 "SELECT id FROM servers " \
 "WHERE agent_id = ?1 AND settled_status <> 'purged' AND " condition

bool ledger_find_data(struct ledger *ledger, const char *agent_id, const char *but,
                      const char *path, struct server_row **ret_server, GError **error)
{
    struct query *query = query_rows(
        ledger, &table_servers,
        "WHERE id <> ?2 AND id IN (" NEAR(
            "data_dir IN (SELECT value FROM json_each(?3))") " UNION ALL " /* each by the index, which an OR is not; '0' follows '/' */
        NEAR("data_dir > ?4 || '/' AND data_dir < ?4 || '0'") ") LIMIT 1",
        error);
    if (!query)
        return false;
    g_autofree char *parents = with_parents(path);
    query_text(query, 1, agent_id);
    query_text(query, 2, but);
    query_text(query, 3, parents);
    query_text(query, 4, path);
    return one_server(ledger, query, ret_server, error);
}

/* The conditions as SQL.  The order is that of the indexes, so that a page is read and not
 * sorted, and "after" goes to its place in them. */
static char *filter_sql(const struct server_filter *filter)
{
    GString *rest = g_string_new("WHERE 1");
    if (filter->agent_id)
        g_string_append(rest, " AND agent_id = ?1");
    if (filter->status != STATUS_NONE)
        g_string_append(rest, " AND status = ?2");
    else if (filter->partition == CONTRACT_NONE)
        g_string_append(rest, " AND status <> 'purged'");
    if (filter->partition != CONTRACT_NONE)
        g_string_append(rest, " AND partition = ?3");
    if (filter->remarkable)
        g_string_append(rest, " AND remarkable");
    if (filter->deleted_before)
        g_string_append(rest, " AND deleted_at < ?4");
    if (filter->after && filter->agent_id)
        g_string_append(rest, " AND (name, id) > (?6, ?7)");
    else if (filter->after)
        g_string_append(rest, " AND (agent_id, name, id) > (?5, ?6, ?7)");
    g_string_append(rest, " ORDER BY agent_id, name, id");
    if (filter->limit)
        g_string_append(rest, " LIMIT ?8");
    return g_string_free(rest, FALSE);
}

static struct query *filtered(struct ledger *ledger, const struct server_filter *filter,
                              GError **error)
{
    g_autofree char *sql = filter_sql(filter);
    struct query *query = query_rows(ledger, &table_servers, sql, error);
    if (!query)
        return NULL;
    if (filter->agent_id)
        query_text(query, 1, filter->agent_id);
    if (filter->status != STATUS_NONE)
        query_text(query, 2, server_status_name(filter->status));
    if (filter->partition != CONTRACT_NONE)
        query_integer(query, 3, filter->partition);
    if (filter->deleted_before)
        query_integer(query, 4, filter->deleted_before);
    if (filter->after && !filter->agent_id)
        query_text(query, 5, filter->after->agent_id);
    if (filter->after) {
        query_text(query, 6, filter->after->name);
        query_text(query, 7, filter->after->id);
    }
    if (filter->limit)
        query_integer(query, 8, filter->limit);
    return query;
}

GPtrArray *ledger_servers(struct ledger *ledger, const struct server_filter *filter,
                          bool with_open, GError **error)
{
    g_autoptr(GPtrArray)
        servers = g_ptr_array_new_with_free_func((GDestroyNotify)server_row_free);
    struct query *query = filtered(ledger, filter, error);
    enum query_step step = QUERY_FAILED;
    while (query && (step = query_step(query, error)) == QUERY_ROW) {
        struct server_row *server = server_row_new();
        query_get_row(query, &table_servers, server);
        g_ptr_array_add(servers, server);
    }
    query_end(query);
    if (step != QUERY_END)
        return NULL;
    for (guint i = 0; with_open && i < servers->len; i++)
        if (!load_open(ledger, servers->pdata[i], error))
            return NULL;
    return g_steal_pointer(&servers);
}

bool ledger_count_missing(struct ledger *ledger, const char *agent_id, int64_t since,
                          int64_t *ret_missing, int64_t *ret_expected, GError **error)
{
    struct query *count = query(
        ledger,
        "SELECT (SELECT count(*) FROM servers WHERE agent_id = ?1 AND "
        "missing_since >= ?2), (SELECT count(*) FROM servers WHERE agent_id = ?1 AND "
        "container_seen = 1 AND settled_status NOT IN ('deleted', 'purged'))",
        error);
    if (!count)
        return false;
    query_text(count, 1, agent_id);
    query_integer(count, 2, since);
    bool good = query_step(count, error) == QUERY_ROW;
    if (good) {
        *ret_missing = query_get_integer(count, 0);
        *ret_expected = query_get_integer(count, 1);
    }
    query_end(count);
    return good;
}

bool ledger_store_server(struct ledger *ledger, const struct server_row *server,
                         GError **error)
{
    return ledger_store(ledger, &table_servers, server, error);
}

/* --- Commands ----------------------------------------------------------------------------- */

bool ledger_load_command(struct ledger *ledger, const char *command_id,
                         struct command_row **ret_command, GError **error)
{
    struct query *query = query_rows(ledger, &table_commands, "WHERE command_id = ?1",
                                     error);
    if (!query)
        return false;
    query_text(query, 1, command_id);
    return take_one(query, &table_commands, (void **)ret_command, error);
}

bool ledger_store_command(struct ledger *ledger, const struct command_row *command,
                          GError **error)
{
    return ledger_store(ledger, &table_commands, command, error);
}
