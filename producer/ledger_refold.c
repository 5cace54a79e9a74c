/*
 * ledger_refold.c - copies out of a ledger that was folded anew what has no rows.h.
 */
#include "ledger_refold.h"

/* Statements of both tables of syncs. */
struct copied {
    const char *drop;   /* of an agent */
    const char *select; /* of all */
    const char *insert;
    const char *kinds; /* of the columns: text, integer, bytes */
};

static const struct copied copied[] = {
    {"DELETE FROM syncs WHERE agent_id = ?1",
     "SELECT agent_id, partition, sync_id, reason, listed_at, at, servers, found "
     "FROM syncs",
     "INSERT INTO syncs (agent_id, partition, sync_id, reason, listed_at, at, servers, "
     "found) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
     "tittiiit"},
    {"DELETE FROM sync_chunks WHERE agent_id = ?1",
     "SELECT agent_id, sync_id, chunk, event FROM sync_chunks",
     "INSERT INTO sync_chunks (agent_id, sync_id, chunk, event) VALUES (?1, ?2, ?3, ?4)",
     "ttib"},
};

static bool copy_row(struct ledger *to, const struct copied *what, struct query *row,
                     GError **error)
{
    struct query *insert = query(to, what->insert, error);
    if (!insert)
        return false;
    for (int i = 0; what->kinds[i]; i++) {
        g_autoptr(GBytes) bytes = NULL;
        switch (what->kinds[i]) {
        case 't':
            query_text(insert, i + 1, query_get_text(row, i));
            break;
        case 'i':
            query_integer(insert, i + 1, query_get_integer(row, i));
            break;
        default:
            bytes = query_get_bytes(row, i);
            query_bytes(insert, i + 1, bytes);
        }
    }
    return query_run(insert, error);
}

static bool drop(struct ledger *to, struct ledger *from, const struct copied *what,
                 GError **error)
{
    g_autoptr(Query) agents = query(from, "SELECT id FROM agents", error);
    enum query_step step = QUERY_FAILED;
    while (agents && (step = query_step(agents, error)) == QUERY_ROW) {
        struct query *gone = query(to, what->drop, error);
        if (!gone)
            return false;
        query_text(gone, 1, query_get_text(agents, 0));
        if (!query_run(gone, error))
            return false;
    }
    return step == QUERY_END;
}

static bool copy(struct ledger *to, struct ledger *from, const struct copied *what,
                 GError **error)
{
    if (!drop(to, from, what, error))
        return false;
    g_autoptr(Query) rows = query(from, what->select, error);
    enum query_step step = QUERY_FAILED;
    while (rows && (step = query_step(rows, error)) == QUERY_ROW)
        if (!copy_row(to, what, rows, error))
            return false;
    return step == QUERY_END;
}

bool ledger_copy_syncs(struct ledger *to, struct ledger *from, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(copied); i++)
        if (!copy(to, from, &copied[i], error))
            return false;
    return true;
}
