/*
 * ledger_aside.c - what of muster.events was put aside.
 */
#include "ledger_aside.h"

void aside_row_free(struct aside_row *row)
{
    if (!row)
        return;
    g_free(row->reason);
    g_free(row->agent_id);
    g_free(row->message);
    g_free(row);
}

bool ledger_put_aside(struct ledger *ledger, const struct aside_row *row, GError **error)
{
    struct query *put = query(
        ledger,
        "INSERT INTO aside (partition, reason, agent_id, marks, records, first_offset, "
        "last_offset, first_at, last_at, message) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
        "ON CONFLICT (partition, reason, agent_id) DO UPDATE SET "
        "marks = max(marks, excluded.marks), records = records + excluded.records, "
        "first_offset = coalesce(first_offset, excluded.first_offset), "
        "last_offset = excluded.last_offset, last_at = excluded.last_at, "
        "message = excluded.message",
        error);
    if (!put)
        return false;
    query_integer(put, 1, row->partition);
    query_text(put, 2, row->reason);
    query_text(put, 3, row->agent_id);
    query_integer(put, 4, row->marks);
    query_integer(put, 5, row->records);
    query_integer(put, 6, row->first_offset);
    query_integer(put, 7, row->last_offset);
    query_integer(put, 8, row->first_at);
    query_integer(put, 9, row->last_at);
    query_text(put, 10, row->message);
    return query_run(put, error);
}

static struct aside_row *aside_from(struct query *query)
{
    struct aside_row *row = g_new0(struct aside_row, 1);
    row->partition = query_get_integer(query, 0);
    row->reason = g_strdup(query_get_text(query, 1));
    row->agent_id = g_strdup(query_get_text(query, 2));
    row->marks = query_get_integer(query, 3) != 0;
    row->records = query_get_integer(query, 4);
    row->first_offset = query_get_integer(query, 5);
    row->last_offset = query_get_integer(query, 6);
    row->first_at = query_get_integer(query, 7);
    row->last_at = query_get_integer(query, 8);
    row->message = g_strdup(query_get_text(query, 9));
    return row;
}

GPtrArray *ledger_aside(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray)
        rows = g_ptr_array_new_with_free_func((GDestroyNotify)aside_row_free);
    g_autoptr(Query) select = query(
        ledger,
        "SELECT partition, reason, agent_id, marks, records, first_offset, last_offset, "
        "first_at, last_at, message FROM aside ORDER BY partition, first_at, reason",
        error);
    enum query_step step = QUERY_FAILED;
    while (select && (step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(rows, aside_from(select));
    return step == QUERY_END ? g_steal_pointer(&rows) : NULL;
}

bool ledger_drop_aside(struct ledger *ledger, int64_t partition, GError **error)
{
    struct query *drop = query(ledger, "DELETE FROM aside WHERE partition = ?1", error);
    if (!drop)
        return false;
    query_integer(drop, 1, partition);
    return query_run(drop, error);
}

bool ledger_misplace_aside(struct ledger *ledger, GError **error)
{
    struct query *misplace = query(
        ledger, "UPDATE aside SET first_offset = NULL, last_offset = NULL", error);
    return misplace && query_run(misplace, error);
}

bool ledger_unmark(struct ledger *ledger, const char *agent_id, GError **error)
{
    struct query *unmark = query(
        ledger, "UPDATE aside SET marks = 0 WHERE agent_id = ?1 AND marks", error);
    if (!unmark)
        return false;
    query_text(unmark, 1, agent_id);
    return query_run(unmark, error);
}

bool ledger_marked_at(struct ledger *ledger, const char *agent_id, int64_t *ret_at,
                      GError **error)
{
    g_autoptr(Query) ask = query(
        ledger, "SELECT max(last_at) FROM aside WHERE agent_id = ?1 AND marks", error);
    if (!ask)
        return false;
    query_text(ask, 1, agent_id);
    if (query_step(ask, error) != QUERY_ROW)
        return false;
    *ret_at = query_get_integer(ask, 0);
    return true;
}

GHashTable *ledger_marked(struct ledger *ledger, GError **error)
{
    g_autoptr(GHashTable)
        marked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(Query)
        select = query(ledger, "SELECT agent_id FROM aside WHERE marks", error);
    enum query_step step = QUERY_FAILED;
    while (select && (step = query_step(select, error)) == QUERY_ROW)
        g_hash_table_add(marked, g_strdup(query_get_text(select, 0)));
    return step == QUERY_END ? g_steal_pointer(&marked) : NULL;
}
