/*
 * ledger_commands.c - commands by pages, newest first.
 */
#include "ledger_commands.h"

static char *filter_sql(const struct command_filter *filter)
{
    GString *rest = g_string_new("WHERE issued_at >= ?1");
    if (filter->agent_id)
        g_string_append(rest, " AND agent_id = ?2");
    if (filter->server_id)
        g_string_append(rest, " AND server_id = ?3");
    if (filter->open)
        g_string_append(rest, " AND finished_at IS NULL");
    if (filter->before)
        g_string_append(rest, " AND (issued_at, command_id) < (?4, ?5)");
    g_string_append(rest, " ORDER BY issued_at DESC, command_id DESC LIMIT ?6");
    return g_string_free(rest, FALSE);
}

GPtrArray *ledger_commands(struct ledger *ledger, const struct command_filter *filter,
                           GError **error)
{
    g_autofree char *sql = filter_sql(filter);
    g_autoptr(GPtrArray)
        commands = g_ptr_array_new_with_free_func((GDestroyNotify)command_row_free);
    g_autoptr(Query) query = query_rows(ledger, &table_commands, sql, error);
    enum query_step step = QUERY_FAILED;
    if (!query)
        return NULL;
    query_integer(query, 1, filter->since);
    if (filter->agent_id)
        query_text(query, 2, filter->agent_id);
    if (filter->server_id)
        query_text(query, 3, filter->server_id);
    if (filter->before) {
        query_integer(query, 4, filter->before->issued_at);
        query_text(query, 5, filter->before->command_id);
    }
    query_integer(query, 6, filter->limit);
    while ((step = query_step(query, error)) == QUERY_ROW) {
        struct command_row *command = command_row_new();
        query_get_row(query, &table_commands, command);
        g_ptr_array_add(commands, command);
    }
    return step == QUERY_END ? g_steal_pointer(&commands) : NULL;
}
