/*
 * ledger_figures.c - how many of what the ledger has.
 */
#include "ledger_figures.h"

static const char counts[] =
    "SELECT 'servers', status, count(*) FROM servers GROUP BY status "
    "UNION ALL SELECT 'commands', CASE WHEN outcome = '' THEN 'queued' WHEN code = "
    "'" CODE_WAITING_ENGINE "' THEN code ELSE outcome END AS state, "
    "count(*) FROM commands WHERE finished_at IS NULL GROUP BY state "
    "UNION ALL SELECT 'outbox', '', count(*) FROM outbox WHERE sent_at IS NULL "
    "UNION ALL SELECT 'agents', CASE WHEN held IS NULL THEN 'no' ELSE 'yes' END, "
    "count(*) FROM agents GROUP BY held IS NULL "
    "UNION ALL SELECT 'not_read', '', count(DISTINCT agent_id) FROM aside WHERE marks "
    "UNION ALL SELECT 'aside', reason, sum(records) FROM aside GROUP BY reason";

bool ledger_waiting(struct ledger *ledger, int64_t *ret_count, GError **error)
{
    g_autoptr(Query) waiting = query(
        ledger,
        "SELECT count(*) FROM commands WHERE finished_at IS NULL AND code = "
        "'" CODE_WAITING_ENGINE "'",
        error);
    if (!waiting || query_step(waiting, error) != QUERY_ROW)
        return false;
    *ret_count = query_get_integer(waiting, 0);
    return true;
}

bool ledger_figures(struct ledger *ledger, figures_take *take, void *taker,
                    GError **error)
{
    g_autoptr(Query) query_counts = query(ledger, counts, error);
    enum query_step step = QUERY_FAILED;
    while (query_counts && (step = query_step(query_counts, error)) == QUERY_ROW)
        take(taker, query_get_text(query_counts, 0), query_get_text(query_counts, 1),
             query_get_integer(query_counts, 2));
    return step == QUERY_END;
}
