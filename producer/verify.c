/*
 * verify.c - walks two ledgers side by side.
 *
 * Rows come in the order of their keys from both, so that a fleet of any size is compared in
 * the memory of two rows.
 */
#include "verify.h"

#include "ledger_log.h"

#include <string.h>

struct walk {
    struct ledger *ledger, *log;
    const struct verify_scope *scope;
    GHashTable *unsent; /* ids of what requests that are not in the log are about */
    compare_tell *tell;
    void *listener;
    struct verified verified;
};

/* --- Requests that are not in the log ---------------------------------------------------------- */

static void note_unsent(GHashTable *unsent, const struct event *event)
{
    if (event->server_id)
        g_hash_table_add(unsent, g_strdup(event->server_id));
    if (event->cause && *event->cause->command_id)
        g_hash_table_add(unsent, g_strdup(event->cause->command_id));
    if (event->record && event->record->agent)
        g_hash_table_add(unsent, g_strdup(event->agent_id));
}

static GHashTable *find_unsent(struct ledger *ledger, struct codec *codec, GError **error)
{
    g_autoptr(GPtrArray) events = ledger_unconfirmed(ledger, error);
    if (!events)
        return NULL;
    GHashTable *unsent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < events->len; i++) {
        struct event *event = NULL;
        gsize length;
        const void *bytes = g_bytes_get_data(events->pdata[i], &length);
        if (codec_decode_event(codec, bytes, length, &event, NULL) == DECODED)
            note_unsent(unsent, event);
        event_free(event);
    }
    return unsent;
}

/* --- Side by side --------------------------------------------------------------------------------- */

/* One table of one ledger. */
struct side {
    const struct table *table;
    struct query *rows;
    void *row; /* NULL: at the end */
};

static bool side_next(struct side *side, GError **error)
{
    row_free(side->table, side->row);
    side->row = NULL;
    switch (query_step(side->rows, error)) {
    case QUERY_FAILED:
        return false;
    case QUERY_END:
        return true;
    case QUERY_ROW:
        side->row = row_new(side->table);
        query_get_row(side->rows, side->table, side->row);
        return true;
    }
    g_assert_not_reached();
}

/* Columns of the scope in each table: agents have only their id, and so on. */
static const struct {
    const struct table *table;
    const char *where;
} scoped[] = {
    {&table_agents, "WHERE (?1 IS NULL OR id = ?1) ORDER BY id"},
    {&table_servers, "WHERE (?1 IS NULL OR agent_id = ?1) AND (?2 IS NULL OR id = ?2) "
                     "ORDER BY id"},
    {&table_commands, "WHERE (?1 IS NULL OR agent_id = ?1) AND "
                      "(?2 IS NULL OR server_id = ?2) ORDER BY command_id"},
};

static bool side_open(struct side *side, struct ledger *ledger, size_t which,
                      const struct verify_scope *scope, GError **error)
{
    side->table = scoped[which].table;
    side->rows = query_rows(ledger, side->table, scoped[which].where, error);
    if (!side->rows)
        return false;
    query_text(side->rows, 1, scope->agent_id);
    if (strstr(scoped[which].where, "?2"))
        query_text(side->rows, 2, scope->server_id);
    return side_next(side, error);
}

static void side_close(struct side *side)
{
    row_free(side->table, side->row);
    query_end(side->rows);
}

static const char *key_of(const struct side *side)
{
    return *column_text(&side->table->columns[0], side->row);
}

static int order(const struct side *here, const struct side *there)
{
    if (!here->row || !there->row)
        return here->row ? -1 : 1;
    return strcmp(key_of(here), key_of(there));
}

static void ignore(void *listener, const struct difference *difference)
{
}

static void compare(struct walk *walk, const struct table *table, const void *here,
                    const void *there)
{
    const char *id = *column_text(&table->columns[0], here ? here : there);
    if (g_hash_table_contains(walk->unsent, id)) {
        walk->verified.unsent += compare_rows(table, here, there, ignore, NULL) > 0;
        return;
    }
    walk->verified.differences += compare_rows(table, here, there, walk->tell,
                                               walk->listener);
}

static bool walk_sides(struct walk *walk, struct side *here, struct side *there,
                       guint *rows, GError **error)
{
    while (here->row || there->row) {
        int which = order(here, there);
        compare(walk, here->table, which <= 0 ? here->row : NULL,
                which >= 0 ? there->row : NULL);
        (*rows)++;
        if ((which <= 0 && !side_next(here, error)) ||
            (which >= 0 && !side_next(there, error)))
            return false;
    }
    return true;
}

static bool walk_table(struct walk *walk, size_t which, guint *rows, GError **error)
{
    struct side here = {0}, there = {0};
    bool good = side_open(&here, walk->ledger, which, walk->scope, error) &&
                side_open(&there, walk->log, which, walk->scope, error) &&
                walk_sides(walk, &here, &there, rows, error);
    side_close(&here);
    side_close(&there);
    return good;
}

bool verify_ledger(struct ledger *ledger, struct ledger *log, struct codec *codec,
                   const struct verify_scope *scope, compare_tell *tell, void *listener,
                   struct verified *ret_verified, GError **error)
{
    g_autoptr(GHashTable) unsent = find_unsent(ledger, codec, error);
    struct walk walk = {ledger, log, scope, unsent, tell, listener, {0}};
    guint *const rows[] = {&walk.verified.agents, &walk.verified.servers,
                           &walk.verified.commands};
    if (!unsent)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(scoped); i++)
        if (!walk_table(&walk, i, rows[i], error))
            return false;
    *ret_verified = walk.verified;
    return true;
}
