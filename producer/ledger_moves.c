/*
 * ledger_moves.c - which status each server had when.
 */
#include "ledger_moves.h"

bool ledger_last_move(struct ledger *ledger, int64_t *ret_seq, GError **error)
{
    g_autoptr(Query)
        last = query(ledger, "SELECT coalesce(max(seq), 0) FROM moves", error);
    if (!last || query_step(last, error) != QUERY_ROW)
        return false;
    *ret_seq = query_get_integer(last, 0);
    return true;
}

bool ledger_moved_since(struct ledger *ledger, int64_t *seq, GHashTable *ids,
                        GError **error)
{
    g_autoptr(Query) moved = query(
        ledger, "SELECT seq, server_id FROM moves WHERE seq > ?1 ORDER BY seq", error);
    enum query_step step = QUERY_FAILED;
    if (moved)
        query_integer(moved, 1, *seq);
    while (moved && (step = query_step(moved, error)) == QUERY_ROW) {
        *seq = query_get_integer(moved, 0);
        g_hash_table_add(ids, g_strdup(query_get_text(moved, 1)));
    }
    return step == QUERY_END;
}

/* A span goes to the server's next move. */
static const char spans[] =
    "SELECT server_id, agent_id, status, at, until FROM ("
    "SELECT server_id, agent_id, status, at, "
    "lead(at) OVER (PARTITION BY server_id ORDER BY seq) AS until, seq "
    "FROM moves WHERE (?1 IS NULL OR agent_id = ?1) AND at <= ?3) "
    "WHERE until IS NULL OR until >= ?2 ORDER BY server_id, seq LIMIT ?4";

static json_t *span_json(struct query *query)
{
    int64_t until = query_get_integer(query, 4);
    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "server_id", query_get_text(query, 0),
                     "agent_id", query_get_text(query, 1), "status",
                     query_get_text(query, 2), "from_at",
                     (json_int_t)query_get_integer(query, 3), "until_at",
                     until == CONTRACT_NONE ? json_null() : json_integer(until));
}

json_t *ledger_spans(struct ledger *ledger, const char *agent_id, int64_t since,
                     int64_t until, GError **error)
{
    json_auto_t *list = json_array();
    g_autoptr(Query) query_spans = query(ledger, spans, error);
    enum query_step step = QUERY_FAILED;
    if (query_spans) {
        query_text(query_spans, 1, agent_id);
        query_integer(query_spans, 2, since);
        query_integer(query_spans, 3, until);
        query_integer(query_spans, 4, MOVES_MOST);
    }
    while (query_spans && (step = query_step(query_spans, error)) == QUERY_ROW)
        json_array_append_new(list, span_json(query_spans));
    return step == QUERY_END ? json_incref(list) : NULL;
}
