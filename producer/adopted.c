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
    GHashTable *agents; /* agent id → GPtrArray of struct found_row, unmanaged ones */
};

struct adopted *adopted_new(struct ledger *ledger)
{
    struct adopted *adopted = g_new0(struct adopted, 1);
    adopted->ledger = ledger;
    adopted->agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)g_ptr_array_unref);
    return adopted;
}

void adopted_free(struct adopted *adopted)
{
    if (!adopted)
        return;
    g_hash_table_unref(adopted->agents);
    g_free(adopted);
}

/* By whose they are; those that are nobody's come first. */
static int order_of_owners(gconstpointer a, gconstpointer b)
{
    const struct found_row *one = *(const struct found_row *const *)a;
    const struct found_row *other = *(const struct found_row *const *)b;
    return g_strcmp0(one->server_id, other->server_id);
}

static const GPtrArray *rows_of(struct adopted *adopted, const char *agent_id,
                                GError **error)
{
    GPtrArray *rows = g_hash_table_lookup(adopted->agents, agent_id);
    if (rows)
        return rows;
    rows = ledger_found(adopted->ledger, agent_id, 1U << FOUND_UNMANAGED, error);
    if (!rows)
        return NULL;
    g_ptr_array_sort(rows, order_of_owners);
    g_hash_table_insert(adopted->agents, g_strdup(agent_id), rows);
    return rows;
}

static const struct found *found_of(const GPtrArray *rows, const char *server_id)
{
    guint from = 0, to = rows->len;
    while (from < to) {
        const guint middle = from + (to - from) / 2;
        const struct found_row *row = rows->pdata[middle];
        const int order = g_strcmp0(row->server_id, server_id);
        if (order == 0)
            return row->found;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
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
    const GPtrArray *rows = rows_of(adopted, server->agent_id, error);
    if (!rows)
        return NULL;
    const struct found *found = found_of(rows, server->id);
    return found ? differences_with(adopted, server, agent, found) : g_ptr_array_new();
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
