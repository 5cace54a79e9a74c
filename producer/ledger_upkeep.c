/*
 * ledger_upkeep.c - workers, missing servers that may be started, overdue commands.
 */
#include "ledger_upkeep.h"

#define OVERDUE_MOST    100 /* at a time */
#define DAY_MS          (INT64_C(24) * 3600 * 1000)
#define ANSWERS_KEPT_MS DAY_MS
#define MOVES_KEPT_MS   (30 * DAY_MS)

/* All rows of a query that is bound. */
static GPtrArray *take_rows(struct query *query, const struct table *table,
                            GDestroyNotify free_row, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);
    enum query_step step;
    while ((step = query_step(query, error)) == QUERY_ROW) {
        void *row = row_new(table);
        query_get_row(query, table, row);
        g_ptr_array_add(rows, row);
    }
    query_end(query);
    return step == QUERY_END ? g_steal_pointer(&rows) : NULL;
}

/* --- Workers ---------------------------------------------------------------------------- */

GPtrArray *ledger_workers(struct ledger *ledger, const char *agent_id, GError **error)
{
    struct query *query = query_rows(
        ledger, &table_workers, "WHERE ?1 IS NULL OR agent_id = ?1 ORDER BY id", error);
    if (!query)
        return NULL;
    query_text(query, 1, agent_id);
    return take_rows(query, &table_workers, (GDestroyNotify)worker_row_free, error);
}

bool ledger_store_worker(struct ledger *ledger, const struct worker_row *worker,
                         GError **error)
{
    return ledger_store(ledger, &table_workers, worker, error);
}

bool ledger_drop_worker(struct ledger *ledger, const char *id, GError **error)
{
    struct query *drop = query(ledger, "DELETE FROM workers WHERE id = ?1", error);
    if (!drop)
        return false;
    query_text(drop, 1, id);
    return query_run(drop, error);
}

/* --- Healing ------------------------------------------------------------------------------ */

GPtrArray *ledger_healable(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    struct query *select = query(
        ledger,
        "SELECT id FROM servers WHERE status = 'missing' AND (on_missing = 'start' OR "
        "(on_missing IS NULL AND agent_id IN "
        "(SELECT id FROM agents WHERE on_missing = 'start'))) ORDER BY missing_since",
        error);
    if (!select)
        return NULL;
    enum query_step step;
    while ((step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(ids, g_strdup(query_get_text(select, 0)));
    query_end(select);
    return step == QUERY_END ? g_steal_pointer(&ids) : NULL;
}

bool ledger_count_asked(struct ledger *ledger, const char *server_id, const char *actor,
                        int64_t since, int64_t *ret_count, int64_t *ret_last_at,
                        GError **error)
{
    struct query *count = query(
        ledger,
        "SELECT count(*), max(issued_at) FROM commands WHERE server_id = ?1 AND "
        "actor = ?2 AND issued_at >= ?3 AND issued_at > coalesce((SELECT max(issued_at) "
        "FROM commands WHERE server_id = ?1 AND actor <> ?2), 0)",
        error);
    if (!count)
        return false;
    query_text(count, 1, server_id);
    query_text(count, 2, actor);
    query_integer(count, 3, since);
    bool good = query_step(count, error) == QUERY_ROW;
    if (good) {
        *ret_count = query_get_integer(count, 0);
        *ret_last_at = query_get_integer(count, 1);
    }
    query_end(count);
    return good;
}

/* --- Commands that nobody will answer -------------------------------------------------------- */

GPtrArray *ledger_overdue(struct ledger *ledger, int64_t before, GError **error)
{
    struct query *query = query_rows(
        ledger, &table_commands,
        "WHERE finished_at IS NULL AND recorded_at IS NOT NULL AND expires_at < ?1 "
        "ORDER BY expires_at LIMIT ?2",
        error);
    if (!query)
        return NULL;
    query_integer(query, 1, before);
    query_integer(query, 2, OVERDUE_MOST);
    return take_rows(query, &table_commands, (GDestroyNotify)command_row_free, error);
}

bool ledger_is_closing(struct ledger *ledger, const char *command_id, bool *ret_closing,
                       GError **error)
{
    struct query *look = query(
        ledger, "SELECT 1 FROM outbox WHERE command_id = ?1 AND topic IS NULL", error);
    if (!look)
        return false;
    query_text(look, 1, command_id);
    enum query_step step = query_step(look, error);
    if (step != QUERY_FAILED)
        *ret_closing = step == QUERY_ROW;
    query_end(look);
    return step != QUERY_FAILED;
}

/* --- What is kept for a while --------------------------------------------------------------- */

static bool forget(struct ledger *ledger, const char *sql, int64_t before, GError **error)
{
    struct query *forget = query(ledger, sql, error);
    if (!forget)
        return false;
    query_integer(forget, 1, before);
    return query_run(forget, error);
}

bool ledger_prune(struct ledger *ledger, int64_t now, GError **error)
{
    return forget(ledger, "DELETE FROM answers WHERE at < ?1", now - ANSWERS_KEPT_MS,
                  error) &&
           forget(
               ledger,
               "DELETE FROM moves WHERE at < ?1 AND EXISTS (SELECT 1 FROM moves AS later "
               "WHERE later.server_id = moves.server_id AND later.seq > moves.seq)",
               now - MOVES_KEPT_MS, error);
}
