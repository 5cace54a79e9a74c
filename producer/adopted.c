/*
 * adopted.c - how containers that servers have adopted differ from what their records ask for.
 */
#include "adopted.h"

#include "ledger_found.h"
#include "ledger_rows.h"
#include "profile.h"
#include "resolve.h"

struct adopted {
    struct ledger *ledger;
    GHashTable *agents; /* agent id → GHashTable: server id → struct found_row */
};

struct adopted *adopted_new(struct ledger *ledger)
{
    struct adopted *adopted = g_new0(struct adopted, 1);
    adopted->ledger = ledger;
    adopted->agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)g_hash_table_unref);
    return adopted;
}

void adopted_free(struct adopted *adopted)
{
    if (!adopted)
        return;
    g_hash_table_unref(adopted->agents);
    g_free(adopted);
}

/* What of it servers have adopted: server id → struct found_row. */
static GHashTable *by_server(GPtrArray *rows)
{
    GHashTable *owned = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                              (GDestroyNotify)found_row_free);
    while (rows->len > 0) {
        struct found_row *row = g_ptr_array_steal_index(rows, rows->len - 1);
        if (row->server_id)
            g_hash_table_replace(owned, row->server_id, row);
        else
            found_row_free(row);
    }
    return owned;
}

static GHashTable *rows_of(struct adopted *adopted, const char *agent_id, GError **error)
{
    GHashTable *owned = g_hash_table_lookup(adopted->agents, agent_id);
    if (owned)
        return owned;
    g_autoptr(GPtrArray)
        rows = ledger_found(adopted->ledger, agent_id, 1U << FOUND_UNMANAGED, error);
    if (!rows)
        return NULL;
    owned = by_server(rows);
    g_hash_table_insert(adopted->agents, g_strdup(agent_id), owned);
    return owned;
}

/* A record that cannot be resolved is refused where something is asked of it. */
static GPtrArray *differences_with(struct adopted *adopted,
                                   const struct server_row *server,
                                   const struct agent_row *agent,
                                   const struct found *found)
{
    g_autoptr(GBytes) key = g_bytes_new_static("", 0); /* nobody looks at the digest */
    json_auto_t *profile = profile_find(adopted->ledger, server->profile, NULL);
    g_autoptr(Spec) spec = profile ? resolve(server, agent, profile, key, NULL) : NULL;
    return spec ? differ(spec, found) : g_ptr_array_new();
}

GPtrArray *adopted_differences(struct adopted *adopted, const struct server_row *server,
                               const struct agent_row *agent, GError **error)
{
    if (!server_row_is_adopted(server) || !agent || server->shown != SHOWN_PRESENT)
        return g_ptr_array_new();
    GHashTable *owned = rows_of(adopted, server->agent_id, error);
    if (!owned)
        return NULL;
    const struct found_row *row = g_hash_table_lookup(owned, server->id);
    return row ? differences_with(adopted, server, agent, row->found) : g_ptr_array_new();
}

GPtrArray *adopted_differences_of(struct ledger *ledger, const struct server_row *server,
                                  GError **error)
{
    g_autoptr(Adopted) adopted = adopted_new(ledger);
    g_autoptr(AgentRow) agent = NULL;
    if (!ledger_load_agent(ledger, server->agent_id, &agent, error))
        return NULL;
    return adopted_differences(adopted, server, agent, error);
}

json_t *differences_json(const GPtrArray *differences)
{
    json_t *list = json_array();
    for (guint i = 0; i < differences->len; i++) {
        g_autofree char *sentence = difference_sentence(differences->pdata[i]);
        json_array_append_new(list, json_string(sentence));
    }
    return list;
}
